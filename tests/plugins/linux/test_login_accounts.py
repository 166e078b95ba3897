"""Which accounts can log in, for checks that know whose they are."""

from __future__ import annotations

from audit_core.api.sdk import Partial
from audit_linux.accounts.login_accounts import login_accounts
from audit_linux.nsswitch import Sources
from audit_linux.passwd import Account, Accounts, Secret

NOW = "2026-11-29T00:00:00Z"


def account(name: str, shell: str = "/bin/bash") -> Account:
    return Account(name=name, uid=1000, gid=1000, home="/home/x", shell=shell, field="shadowed")


def secret(name: str, *, locked: bool = False, expires: int | None = None) -> Secret:
    return Secret(name=name, locked=locked, scheme="y", changed=1, minimum=None, maximum=None,
                  expires=expires)  # fmt: skip


def test_who_can_log_in() -> None:
    rows = (account("a"), account("locked"), account("gone"), account("no", "/usr/sbin/nologin"))
    shadow = (secret("a"), secret("locked", locked=True), secret("gone", expires=1))
    accounts = Accounts(rows=rows)
    # a key still opens an account whose password is locked
    assert login_accounts(accounts, shadow, Sources(), NOW) == ("a", "locked")
    more = login_accounts(accounts, shadow, Sources(passwd=("ldap",)), NOW)
    assert isinstance(more, Partial)
    assert more.value == ("a", "locked")
