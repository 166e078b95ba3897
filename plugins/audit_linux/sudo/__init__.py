"""What sudo grants on a Linux host, and who becomes root without a password.

Imports the shared modules of `audit_linux` and `audit_linux.accounts`.
"""

from __future__ import annotations

from audit_core.model import Check, Fact
from audit_linux.sudo import administrators, polkit, sudo_checks

FACTS: tuple[Fact, ...] = (*sudo_checks.FACTS, *administrators.FACTS, *polkit.FACTS)
CHECKS: tuple[Check, ...] = (*sudo_checks.CHECKS, *polkit.CHECKS)
