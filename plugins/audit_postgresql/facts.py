"""The list of all facts of this package."""

from __future__ import annotations

from audit_postgresql import (
    access_checks,
    accounts,
    audit_trail,
    client_auth,
    durability,
    logins,
    privileges,
    routines,
    server,
)

FACTS = (
    *server.FACTS, *accounts.FACTS, *client_auth.FACTS, *access_checks.FACTS, *privileges.FACTS,
    *routines.FACTS, *audit_trail.FACTS, *durability.FACTS, *logins.FACTS,
)  # fmt: skip
