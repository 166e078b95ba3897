"""Secrets come from references and are never printed."""

from __future__ import annotations

import getpass
import importlib.util
import os
import pickle
import sys
import types
from pathlib import Path

import pytest

from audit_core.connectors.secrets import Secret, Secrets
from audit_core.model.errors import ConfigError


def reveal(reference: str) -> str:
    return Secrets().resolve(reference).reveal()


def test_a_secret_is_printed_as_stars() -> None:
    secret = Secret("hunter2")
    assert f"{secret} {secret!r} {[secret]}" == "*** *** [***]"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_env(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "hunter2")
    assert reveal("env:A_SECRET") == "hunter2"


@pytest.mark.parametrize("value", [None, ""])
def test_env_that_is_not_there(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.setenv("A_SECRET", value or "")
    if value is None:
        monkeypatch.delenv("A_SECRET")
    with pytest.raises(ConfigError, match="env:A_SECRET: the environment variable is not set"):
        reveal("env:A_SECRET")


def test_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret"
    path.write_text(" hunter2 \n\n")
    path.chmod(0o400)
    assert reveal(f"file:{path}") == " hunter2 \n"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert reveal("file:~/secret") == " hunter2 \n"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o644])
def test_a_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret"
    path.write_text("hunter2")
    path.chmod(mode)
    with pytest.raises(ConfigError, match=f"mode {mode:04o}"):
        reveal(f"file:{path}")


def test_what_is_no_secret_file(tmp_path: Path) -> None:
    fifo, big, binary = tmp_path / "fifo", tmp_path / "big", tmp_path / "binary"
    os.mkfifo(fifo, 0o600)
    big.write_bytes(b"x" * 70_000)
    binary.write_bytes(b"\xff\xfe")
    for path in (big, binary):
        path.chmod(0o600)
    for name, detail in (
        ("fifo", "not in a regular file"), ("big", "larger than"), ("binary", "not UTF-8"),
        ("missing", "No such file"), (".", "Is a directory"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=detail):
            reveal(f"file:{tmp_path / name}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("hunter2")
    path.chmod(0o600)
    os.chown(path, 65534, 65534)
    with pytest.raises(ConfigError, match="another user"):
        reveal(f"file:{path}")


class Terminal:
    """A stdin that is (or is not) a terminal."""

    def __init__(self, is_terminal: bool) -> None:
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


def test_a_prompt_is_shown_once(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    def ask(prompt: str) -> str:
        shown.append(prompt)
        return "hunter2"

    monkeypatch.setattr(sys, "stdin", Terminal(True))
    monkeypatch.setattr(getpass, "getpass", ask)
    secrets = Secrets()
    assert [secrets.resolve("prompt:web1").reveal() for _ in range(3)] == ["hunter2"] * 3
    assert shown == ["web1: "]
    assert [s.reveal() for s in secrets.known()] == ["hunter2"]


def test_without_a_terminal_there_is_no_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(False))
    with pytest.raises(ConfigError, match="no terminal"):
        reveal("prompt:web1")


def test_a_keyring_needs_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="keyring is not installed"):
        reveal("keyring:dengbao/web1")


def test_a_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    library = types.ModuleType("keyring")
    held = {("a/b", "web1"): "hunter2"}
    library.get_password = lambda service, user: held.get((service, user))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", library)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    assert reveal("keyring:a/b/web1") == "hunter2"
    with pytest.raises(ConfigError, match="holds no such secret"):
        reveal("keyring:a/b/web2")


def test_vault_is_not_there_yet() -> None:
    with pytest.raises(ConfigError, match="not available"):
        reveal("vault:kv/web1")


@pytest.mark.parametrize("text", ["hunter2", "", "env:", "pass:hunter2", ":hunter2", "env"])
def test_what_is_no_reference_is_not_repeated(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        reveal(text)
    assert "hunter2" not in str(caught.value)
