"""A target of its own on this machine: sshd with private copies of /etc, /home and /proc.

It runs in a mount, a process and a host name namespace, so that a test can give a target weak
settings, hostile files and accounts without touching this machine's. Nothing outside sees its
mounts, and they are gone with its last process.
"""

from __future__ import annotations

import os
import secrets
import shlex
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from live.patience import PATIENCE_S
from live.sshd import Sshd, need_root, program

_UID = 4242
USER = "audit"


def need_namespaces() -> None:
    """The test is skipped where no mount namespace can be made, and fails where CI=true."""
    need_root()
    tried = [program("unshare"), "--mount", "--pid", "--fork", "true"]
    if subprocess.run(tried, capture_output=True).returncode != 0:
        reason = "needs the right to make mount namespaces"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


class Island(Sshd):
    """`with Island(files={"/etc/login.defs": b"…"}) as target:` is an Sshd with its own /etc.

    `files` are written into its /etc (None removes one), then `setup` (sh, as root) runs in the
    namespace. There is an ordinary account `audit` with a password; `user` says who logs in.
    With `sshd_config` the server runs with that in its /etc/ssh/sshd_config, where `sshd -T` reads
    it, and this class's own lines behind it; else with `config_lines` and a file of its own.
    """

    def __init__(
        self,
        config_lines: Iterable[str] = (),
        *,
        user: str = "root",
        files: Mapping[str, bytes | None] | None = None,
        setup: str = "",
        sshd_config: str | None = None,
        sudoers: str | None = None,
    ) -> None:
        super().__init__(config_lines, user=user)
        self.password = secrets.token_hex(12)
        self._files = dict(files or {})
        self._setup = setup
        self._sshd_config = sshd_config
        if sudoers is not None:
            self._files["/etc/sudoers.d/dengbao"] = sudoers.encode()

    def _launch(self, sshd: str) -> None:
        config = self.folder / "config"
        config.write_text("\n".join([*self._lines, *self._defaults()]) + "\n")
        self._private_etc()
        command = f"{sshd} -D -e -f {shlex.quote(str(config))}"
        if self._sshd_config is not None:
            own = "\n".join([self._sshd_config, *self._defaults()]) + "\n"
            (self.folder / "etc" / "ssh" / "sshd_config").write_text(own)
            command = f"{sshd} -D -e"
        enter = [
            program("unshare"), "--mount", "--uts", "--pid", "--fork", "--kill-child",
            "--mount-proc",
        ]  # fmt: skip
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*enter, "sh", "-euc", self._script(command)], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, cwd="/",
            )  # fmt: skip

    def _script(self, command: str) -> str:
        etc = shlex.quote(str(self.folder / "etc"))
        return f"""
mount --make-rprivate /
mount --bind {etc} /etc
mount -t tmpfs -o mode=755 none /home
mkdir -p /home/{USER}; chown {_UID}:{_UID} /home/{USER}
{self._setup}
exec {command}
"""

    def _private_etc(self) -> None:
        etc = self.folder / "etc"
        if etc.exists():
            return
        # cp knows modes, owners and links; a copy of a link stays one. Whoever makes an account on
        # this machine meanwhile has lock files there that are gone before cp comes to them.
        copied = subprocess.run(
            [program("cp"), "-a", "/etc", str(etc)], capture_output=True, env={"LC_ALL": "C"}
        )
        complaints = copied.stderr.splitlines()
        assert all(line.endswith(b": No such file or directory") for line in complaints), complaints
        assert copied.returncode == 0 or complaints
        self._account(etc)
        for path, data in self._files.items():
            place = etc / Path(path).relative_to("/etc")
            place.unlink(missing_ok=True)
            if data is not None:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data)
                place.chmod(0o440 if "sudoers" in path else 0o644)

    def _account(self, etc: Path) -> None:
        hashed = subprocess.run(
            [program("openssl"), "passwd", "-6", "-stdin"], input=self.password + "\n",
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
        for name, fields in (
            ("passwd", f"x:{_UID}:{_UID}::/home/{USER}:/bin/bash"),
            ("group", f"x:{_UID}:"),
            ("shadow", f"{hashed}:20000:0:99999:7:::"),
        ):
            # This machine may have an account of that name.
            others = (line for line in (etc / name).read_text().splitlines(keepends=True)
                      if not line.startswith(f"{USER}:"))  # fmt: skip
            (etc / name).write_text(f"{''.join(others)}{USER}:{fields}\n")

    def _end(self) -> None:
        # unshare holds SIGTERM back; with it, by --kill-child, its whole process namespace ends.
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE_S)
            self._process = None


def host(
    id: str, server: Sshd, *, password: str | None = None, known: str | None = None, more: str = ""
) -> str:
    """The inventory's entry for `server`."""
    credential = f"password: {password}" if password else f"key: {server.client_key}"
    return f"""\
  - id: {id}
    address: {server.host}
    access:
      user: {server.user}
      port: {server.port}
      {credential}
      known_hosts: {known or server.known_hosts}
{more}"""


def inventory(path: Path, *hosts: str, head: str = "") -> Path:
    """An inventory file with `hosts`."""
    path.write_text(f"{head}defaults: {{file_sweep: false}}\ntargets:\n{''.join(hosts)}")
    return path
