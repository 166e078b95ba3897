"""All facts of this package."""

from __future__ import annotations

from audit_oracle import audit_trail, durability, login_accounts, right_checks, server, users

FACTS = (
    *server.FACTS, *users.FACTS, *right_checks.FACTS, *audit_trail.FACTS, *durability.FACTS,
    *login_accounts.FACTS,
)  # fmt: skip
