"""Cases of the connector contract: ports, TLS and web entries."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
from collections.abc import Iterator

import pytest

from contract.case import PASSWORD, Case, Point
from hostile.http_answers import HttpPeer, page
from live.patience import PATIENCE_S
from live.tls_servers import Material, peer


class _Network(Case):
    """A port of loopback that counts who comes; nobody logs in."""

    def prepare(self) -> None:
        self._count = 0
        self.port = self.stack.enter_context(peer(self._talk))
        self.silent = self.stack.enter_context(peer(lambda connection, number: None))

    def _talk(self, connection: socket.socket, number: int) -> None:
        self._count += 1

    def asked(self) -> int:
        return self._count


class Ports(_Network):
    """nmap, which looks for a port of this machine."""

    name = "ports"
    exempt = {  # noqa: RUF012
        Point.SECRET: "it is given no secret, and no text of the target is in its answer",
        Point.LOCKOUT: "nobody logs in",
        Point.DOCTOR: "nobody logs in; doctor says whether nmap is there",
        Point.GRANTS: "it needs no rights on the target",
    }

    def prepare(self) -> None:
        super().prepare()
        if shutil.which("nmap") is None:
            pytest.skip("nmap is not installed")
        self.source = f"""
from audit_nmap.request import PortScan
def scan(ports, **more):
    return lambda target: PortScan(address=target.address, ports=ports, again="", **more)
plain = made("plain", "host", scan("{self.port}", max_rate=100))
slow = made("slow", "host", scan("20000-60000", max_rate=5, timeout_s=1))
big = made("big", "host", scan("{self.port}", max_rate=90, limit=100))
"""

    def target(self, id: str, *, secret: str = "GOOD", address: str = "127.0.0.1") -> str:
        return f"  - {{id: {id}, address: {address}, access: {{via: local}}}}\n"


class Tls(_Network):
    """A server that speaks TLS, and one that says nothing."""

    name = "tls"
    exempt = {  # noqa: RUF012
        Point.SECRET: "it is given no secret, and what a server shows to everybody is none",
        Point.LOCKOUT: "nobody logs in",
        Point.DOCTOR: "nobody logs in",
        Point.GRANTS: "it needs no rights on the target",
    }

    def prepare(self) -> None:
        certificate = Material(self.folder).good
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        super().prepare()
        self.source = f"""
from audit_tls.request import TlsHellos
def hellos(port, **more):
    return lambda target: TlsHellos(address=target.address, port=port, **more)
plain = made("plain", "endpoint", hellos({self.port}))
slow = made("slow", "endpoint", hellos({self.silent}, timeout_s=2))
big = made("big", "endpoint", hellos({self.port}, server_name="big.example", limit=500))
"""

    def _talk(self, connection: socket.socket, number: int) -> None:
        self._count += 1
        connection.settimeout(PATIENCE_S)
        with (
            contextlib.suppress(OSError),
            self._context.wrap_socket(connection, server_side=True) as encrypted,
        ):
            encrypted.recv(100)

    def target(self, id: str, *, secret: str = "GOOD", address: str = "127.0.0.1") -> str:
        return (
            f"  - {{id: {id}, address: {address}, access: {{via: local}}, "
            f"endpoints: [{{port: {self.port}}}]}}\n"
        )


class Http(Case):
    """The connector of audit_http with a server that tells its token to everybody."""

    name = "http"
    exempt = {  # noqa: RUF012
        Point.GRANTS: "it needs no rights on the target",
    }

    def prepare(self) -> None:
        self._refused = 0
        self._peer = HttpPeer(self._answer)
        self._port = self.stack.enter_context(self._peer.listening())
        self.source = """
from audit_http.request import HttpPage
def asked(name, **more):
    return made(name, "web", lambda target: HttpPage(
        url=target.settings["url"] + name, **more))
plain = asked("plain")
echo = asked("echo")
error = asked("error")
slow = asked("slow", timeout_s=1)
big = asked("big", limit=1000)
"""

    def _answer(self, method: str, path: str, headers: dict[str, str]) -> bytes | None:
        if method == "HEAD":
            known = headers.get("authorization") == PASSWORD
            self._refused += not known
            return page("", "200 OK" if known else "401 Unauthorized")
        outcome = {
            "/plain": page("fine"), "/echo": page(PASSWORD), "/slow": None,
            "/big": page("x" * 100_000),
            # a line that is no header is told in the error
            "/error": f"HTTP/1.1 {PASSWORD}\r\n\r\n".encode(),
        }  # fmt: skip
        return outcome[path]

    def target(self, id: str, *, secret: str = "GOOD", address: str = "127.0.0.1") -> str:
        return self._entry(id, address, self._port, secret)

    def _entry(self, id: str, address: str, port: int, secret: str) -> str:
        return (
            f"  - {{id: {id}, kind: web, address: {address}, url: 'http://bank.example:{port}/', "
            f"access: {{token: 'env:{secret}', clear_text: true}}}}\n"
        )

    def asked(self) -> int:
        return self._peer.asked.count(("GET", "/plain"))

    def contacts(self) -> int:
        return self._peer.contacts

    def refused(self) -> int:
        return self._refused

    @contextlib.contextmanager
    def echoing(self) -> Iterator[str]:
        """Tells the token in an answer that is none."""
        teller = HttpPeer(
            lambda method, path, headers: f"HTTP/1.1 {headers['authorization']}\r\n\r\n".encode()
        )
        with teller.listening() as port:
            yield self._entry("echoing", "127.0.0.1", port, "GOOD")
