"""All checks of this package."""

from __future__ import annotations

from audit_sqlserver import access_checks, audit_trail, durability, login_checks, release

CHECKS = (
    *login_checks.CHECKS, *access_checks.CHECKS, *audit_trail.CHECKS, *durability.CHECKS,
    *release.CHECKS,
)  # fmt: skip
