"""Who may enter a Linux host and what they may do there (身份鉴别, 访问控制)."""

from __future__ import annotations

from audit_linux.access import (
    account_checks,
    accounts,
    files,
    lockout,
    mac,
    pam,
    passwords,
    plain_logins,
    sessions,
    sources,
    sshd,
    sshd_algorithms,
    sshd_checks,
    sudo,
)

_PARTS = (passwords, lockout, sessions, plain_logins, sudo, files, mac)

FACTS = (
    pam.PAM,
    sources.SOURCES,
    *sshd.FACTS,
    *accounts.FACTS,
    *(fact for part in _PARTS for fact in part.FACTS),
)
CHECKS = (
    *sshd_checks.CHECKS,
    *sshd_algorithms.CHECKS,
    *account_checks.CHECKS,
    *(check for part in _PARTS for check in part.CHECKS),
)
