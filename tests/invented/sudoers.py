"""Accounts and rules of sudo, made up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from audit_core.model import Judgement
from audit_linux.nsswitch import Sources
from audit_linux.passwd import Account, Accounts
from audit_linux.ssh.sshd_match import Names
from audit_linux.sudo.sudo_checks import sudo_password, sudo_scope
from audit_linux.sudo.sudoers import Sudoers
from invented.answers import TARGET

Read = Callable[..., Sudoers]
LOCAL = Sources()
ALICE = Accounts(
    rows=(
        Account(name="root", uid=0, gid=0, home="/root", shell="/bin/bash", field="shadowed"),
        Account(name="alice", uid=1001, gid=1001, home="/home/alice", shell="/bin/sh",
                field="shadowed"),
        Account(name="games", uid=5, gid=60, home="/", shell="/bin/false", field="shadowed"),
    )
)  # fmt: skip
BASE = "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n"


NAMES = Names(
    groups_of={"root": frozenset({"root"}), "alice": frozenset({"alice"}),
               "games": frozenset({"games"}), "oracle": frozenset({"dba"}),
               "op": frozenset({"op", "docker"}), "toor": frozenset({"toor"})},
    uids={"root": 0, "alice": 1001, "games": 5, "oracle": 54321, "op": 1002, "toor": 0},
)  # fmt: skip


def scoped(*facts: Any, names: Names = NAMES, **parameters: Any) -> Judgement:
    return sudo_scope.judge(TARGET, *facts, ALICE, names, **parameters)


def judged_password(*facts: Any, names: Names = NAMES) -> Judgement:
    return sudo_password.judge(*facts, names, (), Accounts(rows=()))
