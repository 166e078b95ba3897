"""Services of a Linux host that let people in without a login: SNMP, rsync, FTP, NFS, databases.

Imports the shared modules of `audit_linux` and `audit_linux.network.listeners`.

Each is judged by its configuration and by whether it runs. A configuration that could not be read
settles nothing.
"""

from __future__ import annotations

from audit_core.model import Check, Fact
from audit_linux.open_services import (
    containers,
    databases,
    ftp,
    nfs,
    postgresql,
    redis,
    rsync,
    service_files,
    snmp,
)

FACTS: tuple[Fact, ...] = service_files.FACTS
CHECKS: tuple[Check, ...] = (
    *snmp.CHECKS, *rsync.CHECKS, *ftp.CHECKS, *nfs.CHECKS, *redis.CHECKS, *databases.CHECKS,
    *postgresql.CHECKS, *containers.CHECKS,
)  # fmt: skip
