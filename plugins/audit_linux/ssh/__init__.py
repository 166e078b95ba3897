"""The SSH server of a Linux host: its settings, its algorithms, and who may log in how.

Imports the shared modules of `audit_linux` only.
"""

from __future__ import annotations

from audit_core.model import Check, Fact
from audit_linux.clock import HOST_CLOCK
from audit_linux.ssh import (
    authorized_keys,
    host_keys,
    key_files,
    second_factor,
    sshd,
    sshd_algorithms,
    sshd_checks,
    sshd_files,
    sshd_match,
    sshd_nobody,
    sshd_offered,
    sshd_per_connection,
    sshd_records,
    sshd_running,
    sshd_server,
    sshd_sockets,
    sshd_trust,
)

FACTS: tuple[Fact, ...] = (
    *sshd.FACTS,
    *sshd_running.FACTS,
    *sshd_per_connection.FACTS,
    *sshd_sockets.FACTS,
    *sshd_files.FACTS,
    sshd_match.NAMES,
    *sshd_nobody.FACTS,
    *sshd_offered.FACTS,
    *sshd_server.FACTS,
    *host_keys.FACTS,
    HOST_CLOCK,
    *key_files.FACTS,
)
CHECKS: tuple[Check, ...] = (
    *sshd_checks.CHECKS,
    *second_factor.CHECKS,
    *sshd_algorithms.CHECKS,
    *host_keys.CHECKS,
    *sshd_trust.CHECKS,
    *sshd_records.CHECKS,
    *authorized_keys.CHECKS,
)
