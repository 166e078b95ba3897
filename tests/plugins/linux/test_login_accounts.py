"""Which accounts can log in, for checks that know whose they are."""

from __future__ import annotations

from collections.abc import Callable

from audit_core.api.sdk import Answer, Partial
from audit_linux.accounts.login_accounts import login_accounts
from audit_linux.groups import Groups
from audit_linux.nsswitch import Sources
from audit_linux.passwd import Account, Accounts, Secret
from audit_linux.ssh.sshd_match import Names
from audit_linux.sudo.administrators import administrators
from audit_linux.sudo.sudoers import Sudoers
from audit_linux.sudo.sudoers_files import parse_sudoers

NOW = "2026-11-29T00:00:00Z"


def account(name: str, shell: str = "/bin/bash", uid: int = 1000) -> Account:
    return Account(name=name, uid=uid, gid=1000, home="/home/x", shell=shell, field="shadowed")


def secret(
    name: str, *, locked: bool = False, expires: int | None = None, inactive: int | None = None
) -> Secret:
    maximum = None if inactive is None else 90
    return Secret(name=name, locked=locked, scheme="y", changed=1, minimum=None, maximum=maximum,
                  expires=expires, inactive=inactive)  # fmt: skip


def test_who_can_log_in() -> None:
    shell = account("no", "/usr/sbin/nologin")
    # the password of idle expired long ago (chage -I)
    rows = (account("a"), account("locked"), account("gone"), shell, account("idle"))
    shadow = (secret("a"), secret("locked", locked=True), secret("gone", expires=1),
              secret("idle", inactive=30))  # fmt: skip
    accounts = Accounts(rows=rows)
    # a key still opens an account whose password is locked
    assert login_accounts(accounts, shadow, Sources(), NOW) == ("a", "locked")
    more = login_accounts(accounts, shadow, Sources(passwd=("ldap",)), NOW)
    assert isinstance(more, Partial)
    assert more.value == ("a", "locked")


NAMES = Names(groups_of={})


def test_who_can_become_root(files: Callable[..., Answer]) -> None:
    names = ("named", "by_group", "in_docker", "few", "nobody", "not_listed")
    accounts = Accounts(rows=(account("toor", uid=0), *map(account, names)))
    groups = Groups(
        members={"sudo": ("by_group",), "docker": ("in_docker",)}, gids={"sudo": 27, "docker": 99}
    )
    rules = "%sudo ALL=(ALL:ALL) ALL\nnamed ALL=(ALL) ALL\nfew ALL=(root) /bin/true\n" \
            "not_listed ALL=(ALL) ALL\n"  # fmt: skip
    sudoers = parse_sudoers(files({"/etc/sudoers": rules}))
    assert isinstance(sudoers, Sudoers)
    logins = ("toor", *names[:-1])
    found = administrators(accounts, logins, groups, sudoers, Sources(), NAMES)
    assert found == ("toor", "named", "by_group", "in_docker")
    # a host without sudo: the group gives nothing by itself
    assert administrators(accounts, logins, groups, None, Sources(), NAMES) == ("toor", "in_docker")
    more = administrators(accounts, logins, groups, sudoers, Sources(sudoers=("ldap",)), NAMES)
    assert isinstance(more, Partial)
