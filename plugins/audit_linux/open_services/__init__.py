"""Services of a Linux host that let people in without a login: SNMP, rsync, FTP, NFS, databases.

Imports the shared modules of `audit_linux` and `audit_linux.network.listeners`.

Each is judged by its configuration and by whether it runs. A configuration that could not be read
settles nothing.
"""

from __future__ import annotations

from audit_linux.open_services.checks import CHECKS, FACTS

__all__ = ["CHECKS", "FACTS"]
