"""The checks of registers, by subject.

May import `audit_core` and `audit_register`.
"""

from audit_register.checks import (
    accounts,
    data,
    organisation,
    people,
    performance,
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
)
