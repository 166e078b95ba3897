"""A real sshd on loopback, with keys and configuration of its own in a temporary directory."""

from __future__ import annotations

import functools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from audit_core.connectors.secrets import Secrets
from live.patience import PATIENCE_S, eventually

_PLACES = "/usr/sbin:/usr/bin:/sbin:/bin:" + os.environ.get("PATH", "")


def program(name: str) -> str:
    """The path of a program; the test is skipped without it, and fails where CI=true."""
    found = shutil.which(name, path=_PLACES)
    if found is None:
        reason = f"{name} is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def need_root() -> None:
    """The test is skipped for an ordinary user, and fails where CI=true."""
    if os.geteuid() != 0:
        reason = "needs root, to make an account"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


def keygen(path: Path, type: str = "ed25519", passphrase: str = "", bits: int = 0) -> Path:
    """A new key pair at `path` and `path`.pub; RSA keys of one size are one key, made once."""
    if type == "rsa" and not passphrase:
        for kept, suffix in zip(_rsa(bits), ("", ".pub"), strict=True):
            path.with_name(path.name + suffix).write_bytes(kept)
        path.chmod(0o600)
        return path
    return _new_key(path, type, passphrase, bits)


@functools.cache
def _rsa(bits: int) -> tuple[bytes, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        made = _new_key(Path(folder) / "key", "rsa", "", bits)
        return made.read_bytes(), Path(f"{made}.pub").read_bytes()


def _new_key(path: Path, type: str, passphrase: str, bits: int) -> Path:
    size = ["-b", str(bits)] if bits else []
    command = [program("ssh-keygen"), "-q", "-t", type, *size, "-N", passphrase, "-C", "test"]
    subprocess.run([*command, "-f", str(path)], check=True, stdin=subprocess.DEVNULL)
    return path


def public(key: Path) -> str:
    """Type and base64 of the public half of `key`."""
    return " ".join(Path(f"{key}.pub").read_text().split()[:2])


class Sshd:
    """`with Sshd() as server:` listens on 127.0.0.1:`port` and lets `user` in with `client_key`.

    As root it can let in any account, else only the one that it runs as. `config_lines` come
    before the defaults, so they win (sshd_config(5): the first value is used).
    """

    rsa_bits = 2048

    def __init__(
        self,
        config_lines: Iterable[str] = (),
        *,
        user: str | None = None,
        host_key_types: tuple[str, ...] = ("ed25519",),
    ) -> None:
        self.user = user or pwd.getpwuid(os.geteuid()).pw_name
        self.host = "127.0.0.1"
        self.port = 0
        # Not pytest's directory, which only root may enter: sshd reads keys as the login user.
        self.folder = Path(tempfile.mkdtemp(prefix="dengbao-sshd-", dir="/tmp"))
        self.folder.chmod(0o755)
        self._lines = tuple(config_lines)
        self.host_keys = {t: self.folder / f"host_{t}" for t in host_key_types}
        self.client_key = self.folder / "client"
        self.known_hosts = self.folder / "known_hosts"
        self.log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The listening process."""
        assert self._process is not None
        return self._process.pid

    @property
    def name(self) -> str:
        """What known_hosts calls this server."""
        return f"[{self.host}]:{self.port}"

    def known_hosts_line(self, type: str | None = None) -> str:
        """The line that makes this server known by its (first) key."""
        key = self.host_keys[type] if type else next(iter(self.host_keys.values()))
        return f"{self.name} {public(key)}\n"

    def start(self) -> Self:
        """Listening, or an AssertionError with sshd's own words."""
        sshd = program("sshd")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        for type, path in self.host_keys.items():
            keygen(path, type, bits=self.rsa_bits if type == "rsa" else 0)
        keygen(self.client_key)
        (self.folder / "authorized_keys").write_text(public(self.client_key) + "\n")
        for _ in range(3):  # a free port may be taken before sshd binds it
            self.port = _free_port()
            self._launch(sshd)
            if self._listening():
                self.known_hosts.write_text(self.known_hosts_line())
                return self
            self._end()
        raise AssertionError(f"sshd did not start: {self.log.read_text(errors='replace')}")

    def _launch(self, sshd: str) -> None:
        config = self.folder / "config"
        config.write_text("\n".join([*self._lines, *self._defaults()]) + "\n")
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sshd, "-D", "-e", "-f", str(config)], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, cwd="/",
            )  # fmt: skip

    def _defaults(self) -> list[str]:
        return [
            f"ListenAddress {self.host}",
            f"Port {self.port}",
            *(f"HostKey {path}" for path in self.host_keys.values()),
            f"AuthorizedKeysFile {self.folder / 'authorized_keys'}",
            f"PidFile {self.folder / 'pid'}",
            "StrictModes no",
            "UsePAM no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin yes",
            "MaxStartups 100",
            "LogLevel VERBOSE",
            # bash reads ~/.bashrc for sshd unless it sees that it is a shell in a shell: what the
            # developer of this machine has there is none of the tests' business.
            "SetEnv SHLVL=2",
        ]

    def _listening(self) -> bool:
        process = self._process
        assert process is not None

        def settled() -> bool:
            return b"Server listening" in self.log.read_bytes() or process.poll() is not None

        eventually(settled)
        return b"Server listening" in self.log.read_bytes()

    def logged(self, words: bytes) -> int:
        """How often `words` stand in the log, once they do: sshd answers first, then writes."""
        eventually(lambda: words in self.log.read_bytes())
        return self.log.read_bytes().count(words)

    def stop(self) -> None:
        """Not running, its files gone. May be called twice."""
        self._end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE_S)
            self._process = None

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


def secret(reference: str) -> str:
    """The secret behind `reference`, as the core resolves it for a connector."""
    return Secrets().resolve(reference).reveal()
