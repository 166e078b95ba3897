"""Facts and checks."""

from audit_core.model import Check, Fact

FACTS: tuple[Fact, ...] = ()
CHECKS: tuple[Check, ...] = ()
