"""The checks of registers, by subject.

May import `audit_core` and `audit_register`.
"""

from audit_register.checks import (
    accounts,
    agents,
    cryptography,
    data,
    organisation,
    people,
    performance,
    risk_engine,
    security,
    service_quality,
    upkeep,
)

CHECKS = (
    *upkeep.CHECKS,
    *people.CHECKS,
    *accounts.CHECKS,
    *data.CHECKS,
    *organisation.CHECKS,
    *performance.CHECKS,
    *security.CHECKS,
    *service_quality.CHECKS,
    *risk_engine.CHECKS,
    *agents.CHECKS,
    *cryptography.CHECKS,
)
