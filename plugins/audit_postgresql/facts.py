"""The list of all facts of this package."""

from __future__ import annotations

from audit_postgresql import (
    access_checks,
    accounts,
    client_auth,
    durability,
    privileges,
    recording,
    server,
)

FACTS = (
    *server.FACTS, *accounts.FACTS, *client_auth.FACTS, *access_checks.FACTS, *privileges.FACTS,
    *recording.FACTS, *durability.FACTS,
)  # fmt: skip
