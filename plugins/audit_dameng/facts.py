"""All facts of this package."""

from __future__ import annotations

from audit_dameng import login_accounts, server, users

FACTS = (*server.FACTS, *users.FACTS, *login_accounts.FACTS)
