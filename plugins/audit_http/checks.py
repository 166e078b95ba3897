"""All checks of this package."""

from __future__ import annotations

from audit_http import entry_checks, notice_checks, prometheus_checks, risk_engine, time_checks

CHECKS = (
    *entry_checks.CHECKS,
    *notice_checks.CHECKS,
    *time_checks.CHECKS,
    *prometheus_checks.CHECKS,
    *risk_engine.CHECKS,
)
