"""Accounts and passwords of a Linux host, how PAM protects its logins, and its sessions.

Imports the shared modules of `audit_linux` and `audit_linux.ssh`.
"""

from __future__ import annotations

from audit_core.model import Check, Fact
from audit_linux import groups, nsswitch, pam, passwd
from audit_linux.accounts import (
    access_conf,
    account_checks,
    engine_sockets,
    group_passwords,
    lockout,
    login_accounts,
    login_defs,
    pam_proof,
    password_history,
    password_quality,
    privileges,
    sessions,
    stale_accounts,
    trusted_hosts,
)

FACTS: tuple[Fact, ...] = (
    pam.PAM, nsswitch.SOURCES, *passwd.FACTS, *groups.FACTS, *login_defs.FACTS,
    *password_quality.FACTS, *password_history.FACTS, *lockout.FACTS, *sessions.FACTS,
    *trusted_hosts.FACTS, *group_passwords.FACTS, *login_accounts.FACTS, *access_conf.FACTS,
    *engine_sockets.FACTS,
)  # fmt: skip
CHECKS: tuple[Check, ...] = (
    *account_checks.CHECKS, *stale_accounts.CHECKS, *privileges.CHECKS,
    *password_quality.CHECKS, *password_history.CHECKS, *login_defs.CHECKS, *lockout.CHECKS,
    *sessions.CHECKS, *trusted_hosts.CHECKS,
    *access_conf.CHECKS, *group_passwords.CHECKS, *pam_proof.CHECKS,
)  # fmt: skip
