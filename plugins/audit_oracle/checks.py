"""All checks of this package."""

from __future__ import annotations

from audit_oracle import audit_trail, durability, release, right_checks, user_checks

CHECKS = (
    *user_checks.CHECKS, *right_checks.CHECKS, *audit_trail.CHECKS, *durability.CHECKS,
    *release.CHECKS,
)  # fmt: skip
