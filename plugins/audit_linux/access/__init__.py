"""Who may enter a Linux host and what they may do there (身份鉴别, 访问控制)."""

from __future__ import annotations

from audit_linux.access import (
    accounts,
    files,
    lockout,
    mac,
    pam,
    passwords,
    sessions,
    sshd,
    sudo,
)

_PARTS = (accounts, passwords, lockout, sessions, sshd, sudo, files, mac)

FACTS = (pam.PAM, *(fact for part in _PARTS for fact in part.FACTS))
CHECKS = tuple(check for part in _PARTS for check in part.CHECKS)
