"""The rest of a Linux host: time, kernel, mandatory access control, trust, malware, storage.

Imports the shared modules of `audit_linux` only.
"""

from __future__ import annotations

from audit_core.model import Check, Fact
from audit_linux import processes, units
from audit_linux.system import (
    agents,
    core_dumps,
    intrusion,
    kernel,
    mac,
    malware,
    package_integrity,
    packages,
    residual,
    service_umask,
    stale,
    storage,
    sysctl_checks,
    sysctl_files,
    timesync,
    trust,
)

FACTS: tuple[Fact, ...] = (
    processes.PROCESSES, *units.FACTS, *mac.FACTS, *timesync.FACTS, *packages.FACTS,
    *agents.FACTS, *malware.FACTS, *intrusion.FACTS, *trust.FACTS, *storage.FACTS, *kernel.FACTS,
    *sysctl_files.FACTS, *core_dumps.FACTS, *stale.FACTS, *package_integrity.FACTS,
    *service_umask.FACTS,
)  # fmt: skip
CHECKS: tuple[Check, ...] = (
    *mac.CHECKS, *timesync.CHECKS, *packages.CHECKS, *malware.CHECKS, *intrusion.CHECKS,
    *trust.CHECKS, *storage.CHECKS, *kernel.CHECKS, *residual.CHECKS,
    *sysctl_checks.CHECKS, *stale.CHECKS, *package_integrity.CHECKS,
    *service_umask.CHECKS,
)  # fmt: skip
