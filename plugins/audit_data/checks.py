"""All checks of this package."""

from __future__ import annotations

from audit_data import definitions, log_checks, quality, sensitive_checks

CHECKS = (
    *sensitive_checks.CHECKS, *log_checks.CHECKS, *definitions.CHECKS, *quality.CHECKS,
)  # fmt: skip
