"""Waiting for events on a machine that may be busy, slow or stalled."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TypeVar

import pytest

import audit_shell.ssh

T = TypeVar("T")
PATIENCE_S = 120.0  # what takes longer hangs; nothing that is waited for takes a second by itself


def eventually(look: Callable[[], T], within_s: float = PATIENCE_S) -> T:
    """What `look` gives as soon as it is true, else what it gave last."""
    deadline = time.monotonic() + within_s
    while not (seen := look()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return seen


def give_ssh_the_time_to_kill(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is to be killed over SSH at a deadline is killed, however busy this machine is.

    In use that has three seconds, then the connection is cut.
    """
    package = audit_shell.ssh.__name__
    for name, module in list(sys.modules.items()):
        if name == package or name.startswith(f"{package}."):
            for limit in {"_KILL_S", "KILL_S", "_GRACE_S", "GRACE_S"} & vars(module).keys():
                monkeypatch.setattr(module, limit, PATIENCE_S)
