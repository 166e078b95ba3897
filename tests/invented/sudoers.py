"""Accounts and rules of sudo, made up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from audit_core.model import Judgement
from audit_linux.nsswitch import Sources
from audit_linux.passwd import Account, Accounts
from audit_linux.sudo.sudo_checks import sudo_scope
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


def scoped(*facts: Any, **parameters: Any) -> Judgement:
    return sudo_scope.judge(TARGET, *facts, ALICE, **parameters)
