"""All facts of this package."""

from __future__ import annotations

from audit_sqlserver import access_checks, audit_trail, durability, login_accounts, logins, server

FACTS = (
    *server.FACTS, *logins.FACTS, *access_checks.FACTS, *audit_trail.FACTS, *durability.FACTS,
    *login_accounts.FACTS,
)  # fmt: skip
