"""All facts of this package."""

from __future__ import annotations

from audit_mysql import access_checks, accounts, durability, logins, object_rights, server

FACTS = (
    *server.FACTS, *accounts.FACTS, *object_rights.FACTS, *access_checks.FACTS, *durability.FACTS,
    *logins.FACTS,
)  # fmt: skip
