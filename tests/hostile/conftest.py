"""Fixtures for tests of hostile SSH servers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostile.ssh_servers import key_text
from live.patience import eventually, give_ssh_the_time_to_kill
from live.threads import none_left


@pytest.fixture
def nothing_is_left() -> Iterator[None]:
    """No thread and no open file is left behind."""
    files = len(os.listdir("/proc/self/fd"))
    with none_left():
        yield
    assert eventually(lambda: len(os.listdir("/proc/self/fd")) <= files)


@pytest.fixture
def ours_is_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's own time-outs come late, also on a machine that is busy for seconds."""
    give_ssh_the_time_to_kill(monkeypatch)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a client key and a password in the environment."""
    key = tmp_path / "key"
    key.write_text(key_text())
    key.chmod(0o600)
    monkeypatch.setenv("PASSWORD", "hunter2")
    return tmp_path
