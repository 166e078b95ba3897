"""The checks of registers, by subject."""

from audit_register.checks import data, kept, organisation, people, security, service_quality

CHECKS = (
    *kept.CHECKS,
    *people.CHECKS,
    *data.CHECKS,
    *organisation.CHECKS,
    *security.CHECKS,
    *service_quality.CHECKS,
)
