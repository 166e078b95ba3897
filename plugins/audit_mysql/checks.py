"""All checks of this package."""

from __future__ import annotations

from audit_mysql import (
    access_checks,
    account_checks,
    durability,
    recording,
    release,
    right_checks,
)

CHECKS = (
    *account_checks.CHECKS, *access_checks.CHECKS, *right_checks.CHECKS, *recording.CHECKS,
    *durability.CHECKS, *release.CHECKS,
)  # fmt: skip
