"""All checks of this package."""

from __future__ import annotations

from audit_mysql import (
    access_checks,
    account_checks,
    audit_trail,
    durability,
    release,
    right_checks,
)

CHECKS = (
    *account_checks.CHECKS, *access_checks.CHECKS, *right_checks.CHECKS, *audit_trail.CHECKS,
    *durability.CHECKS, *release.CHECKS,
)  # fmt: skip
