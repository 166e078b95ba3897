"""What the tests of database servers share: a way to a server, jump hosts, limits of answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from audit_core.model import HostName, KeyFile, Reply, Status
from audit_database.access import DatabaseAccess
from audit_shell.access import JumpLogin
from live.sshd import Sshd

PASSWORD = "Xq7-planted-pass-word"
_SECRETS = {"env:GOOD": PASSWORD, "env:BAD": "wrong", "env:口令": "口令"}


class Here:
    """A way to a server of this machine."""

    target: Any = None

    def __init__(self, access: DatabaseAccess) -> None:
        self.access = access

    def address(self, name: str) -> str:
        return {"localhost": "127.0.0.1"}.get(name, name)

    def secret(self, reference: str) -> str:
        if reference.startswith("file:"):
            return Path(reference.removeprefix("file:")).read_text()
        return _SECRETS[reference]


def jump_login(jump: Sshd) -> JumpLogin:
    """The login on a jump host of this machine."""
    return JumpLogin(
        user=jump.user, address=HostName("localhost"), port=jump.port,
        key=KeyFile(str(jump.client_key)), known_hosts=str(jump.known_hosts),
        host_key_name="127.0.0.1",
    )  # fmt: skip


def assert_limits(replies: Sequence[Reply]) -> None:
    """Of a slow statement, three rows, 100 bytes, no row, and a table that is not there."""
    slow, rows, size, none, missing = replies
    assert slow.status is Status.TIMED_OUT
    assert rows.truncated
    assert rows.stdout.splitlines()[1:] == [b"[1]", b"[2]", b"[3]"]
    assert size.truncated
    assert len(size.stdout) <= 100
    assert (none.status, none.stdout.splitlines()[1:]) == (Status.ANSWERED, [])
    assert missing.status is Status.NOT_PRESENT
