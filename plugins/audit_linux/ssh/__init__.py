"""The SSH server of a Linux host: its settings, its algorithms, and who may log in how.

Imports the shared modules of `audit_linux` only.
"""

from __future__ import annotations

from audit_core.model import Check, Fact
from audit_linux.ssh import sshd, sshd_algorithms, sshd_checks

FACTS: tuple[Fact, ...] = sshd.FACTS
CHECKS: tuple[Check, ...] = (*sshd_checks.CHECKS, *sshd_algorithms.CHECKS)
