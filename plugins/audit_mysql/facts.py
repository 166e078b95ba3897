"""All facts of this package."""

from __future__ import annotations

from audit_mysql import access_checks, accounts, clusters, durability, logins, object_rights, server

FACTS = (
    *server.FACTS, *accounts.FACTS, *object_rights.FACTS, *access_checks.FACTS, *durability.FACTS,
    *clusters.FACTS, *logins.FACTS,
)  # fmt: skip
