"""Cases of the connector contract: hosts over SSH, and this machine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from contract.case import OTHERS, PASSWORD, Case, Point
from hostile.ssh_servers import SERVER_KEY, Server, playing
from live.island import USER, Island, need_namespaces


def _shell(log: Path, secret: Path) -> str:
    return f"""
plain = made("plain", "host", sh("echo asked >> {log}; echo fine"))
echo = made("echo", "host", sh("cat {secret}; base64 {secret}"))
error = made("error", "host", sh("cat {secret} >&2; exit 3"))
slow = made("slow", "host", sh("sleep 600", timeout_s=1))
big = made("big", "host", sh("seq 1 100000", limit=1000))
"""


class _Shell(Case):
    def prepare(self) -> None:
        self.log, secret = self.folder / "asked", self.folder / "secret"
        self.log.touch()
        self.log.chmod(0o666)
        secret.write_text(f"{PASSWORD}\nmysqldump -u root -p{OTHERS} app\n")
        self.planted = (PASSWORD, OTHERS)
        self.source = _shell(self.log, secret)

    def asked(self) -> int:
        return self.log.read_text().count("asked")


class Local(_Shell):
    """This machine. The password is that of another target of the run."""

    name = "local"
    exempt = {  # noqa: RUF012
        Point.LOCKOUT: "nobody logs in: it runs with the rights of the caller",
        Point.SCOPE: "it connects to nothing",
    }
    beside = (
        "  - {id: beside, address: 127.0.0.1, access: {user: x, port: 1, password: 'env:GOOD'}}\n"
    )

    def target(self, id: str, *, secret: str = "GOOD", address: str = "127.0.0.1") -> str:
        return f"  - {{id: {id}, access: {{via: local}}}}\n"


class _Server(Island):
    """Lets `audit` in with PASSWORD, at many addresses of loopback."""

    def __init__(self) -> None:
        lines = [f"ListenAddress 127.0.0.{n}" for n in range(2, 10)]
        super().__init__(["PasswordAuthentication yes", *lines], user=USER)
        self.password = PASSWORD


class _Telling(Server):
    def get_allowed_auths(self, username: str) -> str:
        return PASSWORD


class Ssh(_Shell):
    """Debian's sshd, with passwords."""

    name = "ssh"

    def prepare(self) -> None:
        need_namespaces()
        super().prepare()
        self.server = self.stack.enter_context(_Server())

    def target(self, id: str, *, secret: str = "GOOD", address: str = "127.0.0.1") -> str:
        return self._entry(id, address, self.server.port, secret, self.server.known_hosts)

    def _entry(self, id: str, address: str, port: int, secret: str, known: Path) -> str:
        return (
            f"  - {{id: {id}, address: {address}, access: {{user: {USER}, port: {port}, "
            f"password: 'env:{secret}', known_hosts: {known}, host_key_name: 127.0.0.1}}}}\n"
        )

    def contacts(self) -> int:
        return self.server.log.read_bytes().count(b"Connection from")

    def refused(self) -> int:
        return self.server.log.read_bytes().count(b"Failed password")

    @contextlib.contextmanager
    def echoing(self) -> Iterator[str]:
        """Names the password as the only way to log in."""
        with playing(_Telling()) as port:
            known = self.folder / "known_hosts"
            known.write_text(f"[127.0.0.1]:{port} ssh-ed25519 {SERVER_KEY.get_base64()}\n")
            yield self._entry("echoing", "127.0.0.1", port, "GOOD", known)
