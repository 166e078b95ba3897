"""What a Linux host offers to the network: listening sockets, services and the packet filter.

Imports the shared modules of `audit_linux`, `audit_linux.system` and `audit_linux.ssh`.
"""

from __future__ import annotations

from audit_core.model import Check, Fact
from audit_linux.network import (
    firewall,
    firewall_boot,
    listeners,
    management,
    plain_logins,
    remote_admin,
    services,
)

FACTS: tuple[Fact, ...] = (
    *plain_logins.FACTS,
    *listeners.FACTS,
    *firewall.FACTS,
    *firewall_boot.FACTS,
    *management.FACTS,
)
CHECKS: tuple[Check, ...] = (
    *plain_logins.CHECKS, *services.CHECKS, *listeners.CHECKS, *firewall.CHECKS,
    *firewall_boot.CHECKS, *remote_admin.CHECKS, *management.CHECKS,
)  # fmt: skip
