"""All checks of this package."""

from __future__ import annotations

from audit_data import definitions, quality, sensitive_checks

CHECKS = (*sensitive_checks.CHECKS, *definitions.CHECKS, *quality.CHECKS)
