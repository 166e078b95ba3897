"""All facts of this package."""

from __future__ import annotations

from audit_dameng import server, users

FACTS = (*server.FACTS, *users.FACTS)
