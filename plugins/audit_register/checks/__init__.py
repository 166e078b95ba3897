"""The checks of registers, by subject."""

from audit_register.checks import (
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
    *data.CHECKS,
    *organisation.CHECKS,
    *performance.CHECKS,
    *security.CHECKS,
    *service_quality.CHECKS,
)
