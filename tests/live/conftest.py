"""Fixtures that need this machine: an account of its own, an SSH agent, no thread left behind."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from live.patience import PATIENCE_S, eventually
from live.sshd import need_root, program
from live.threads import none_left


class Account:
    """A local login with a password."""

    def __init__(self, name: str, password: str, home: Path) -> None:
        self.name = name
        self.password = password
        self.home = home


@pytest.fixture
def account() -> Iterator[Account]:
    """An account that exists for one test."""
    need_root()
    name = f"dbt{secrets.token_hex(8)}"
    account = Account(name, secrets.token_hex(12), Path("/home") / name)
    subprocess.run([program("useradd"), "-m", "-s", "/bin/bash", name], check=True)
    try:
        line = f"{name}:{account.password}\n".encode()
        subprocess.run([program("chpasswd")], input=line, check=True)
        yield account
    finally:
        _remove(account)


def _remove(account: Account) -> None:
    """The account is gone, also if something still runs as it."""
    for options in ["-r"] * 20 + ["-rf"]:
        command = [program("userdel"), options, account.name]
        if subprocess.run(command, capture_output=True).returncode != 8:  # userdel(8): in use
            break
        time.sleep(0.1)
    shutil.rmtree(account.home, ignore_errors=True)


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """A real ssh-agent in SSH_AUTH_SOCK; call the fixture to add a key to it."""
    # Not pytest's directory: the path of a socket has 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="dbt-", dir="/tmp") as folder:
        yield from _agent(Path(folder) / "agent", monkeypatch)


def _agent(sock: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    process = subprocess.Popen(
        [program("ssh-agent"), "-D", "-a", str(sock)], stdout=subprocess.DEVNULL
    )
    monkeypatch.setenv("SSH_AUTH_SOCK", str(sock))

    def answers() -> bool:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.connect(str(sock))
            return True
        return False

    def add(key: Path) -> None:
        subprocess.run([program("ssh-add"), "-q", str(key)], check=True, capture_output=True)

    try:
        assert eventually(answers)
        yield add
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    with none_left():
        yield
