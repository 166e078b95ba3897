"""The list of all checks of this package."""

from __future__ import annotations

from audit_postgresql import (
    access_checks,
    account_checks,
    audit_trail,
    durability,
    privileges,
    release,
    routines,
)

CHECKS = (
    *account_checks.CHECKS, *access_checks.CHECKS, *privileges.CHECKS, *audit_trail.CHECKS,
    *durability.CHECKS, *release.CHECKS, *routines.CHECKS,
)  # fmt: skip
