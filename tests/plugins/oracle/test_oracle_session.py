"""One session with a made-up database: TLS, refusals, limits, and servers that lie.

No real database can run here: what it answers is in the form that oracledb reads, not recorded.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from audit_core.model import ConnectError, Reply, Status
from audit_database.access import Tls
from audit_database.query import Query
from audit_oracle import session
from audit_oracle.access import OracleAccess
from hostile.tns_server import Answer, TnsServer
from live.database_ways import PASSWORD, Here, jump_login
from live.sshd import Sshd
from live.tls_servers import Material, peer

pytestmark = pytest.mark.live

ANSWERS: dict[str, Answer] = {
    "SELECT 1": (["one", "two"], (("1", "x中"), (None, None))),
    "SELECT slow": None,
    "SELECT denied": (942, "ORA-00942: table or view does not exist"),
    "SELECT ended": (28, "ORA-00028: your session has been killed"),
    "SELECT many": (["n"], [[n] for n in range(500)]),
    "SELECT wide": (["n"], [["x" * 200] for _ in range(40_000)]),
}


def answer(sql: str) -> Answer:
    return ANSWERS.get(sql, (["still"], [["here"]]))


def server_with(certificate: Path | None = None, **more: Any) -> TnsServer:
    return TnsServer(PASSWORD, answer, lambda: "invalid username/password", certificate, **more)


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return Material(tmp_path_factory.mktemp("tns"))


@pytest.fixture(scope="module")
def server(material: Material) -> Iterator[tuple[TnsServer, int]]:
    made = server_with(material.good)
    with made.listening() as port:
        yield made, port


def way(port: int, material: Material | None, **changed: Any) -> Here:
    given = {"user": "audit", "password": "env:GOOD", "address": "localhost", "port": port,
             "service": "bank"}  # fmt: skip
    if material is not None:
        given["tls_ca"] = str(material.ca)
    return Here(OracleAccess(**{**given, **changed}))


def test_limits_and_errors(server: tuple[TnsServer, int], material: Material) -> None:
    questions = [
        Query(sql="SELECT 1"), Query(sql="SELECT slow", timeout_s=1), Query(sql="SELECT denied",
              grants=("GRANT SELECT ON SYS.DBA_USERS TO {user}",)),
        Query(sql="SELECT many", rows=3), Query(sql="SELECT many", limit=60),
        Query(sql="DELETE FROM x"), Query(sql="SELECT 2"),
    ]  # fmt: skip
    with session.open(way(server[1], material)) as opened:
        assert opened.info.server == "Oracle Database 12.1.0.2.0"
        plain, slow, denied, rows, size, writes, after = opened.ask(questions)
    assert plain.stdout.splitlines()[1:] == [b'["1", "x\\u4e2d"]', b"[null, null]"]
    assert [r.status for r in (slow, denied, writes)] == [
        Status.TIMED_OUT, Status.NOT_PERMITTED, Status.UNSUPPORTED,
    ]  # fmt: skip
    assert "GRANT SELECT ON SYS.DBA_USERS TO audit" in str(denied.detail)
    assert rows.truncated
    assert rows.stdout.splitlines()[1:] == [b'["0"]', b'["1"]', b'["2"]']
    assert size.truncated
    assert len(size.stdout) <= 60
    assert after.stdout.splitlines()[1:] == [b'["here"]']
    asked = server[0].asked
    assert not any("DELETE" in sql for sql in asked)
    assert asked[asked.index("SELECT 2") - 1] == "SET TRANSACTION READ ONLY"
    assert PASSWORD.encode() not in server[0].heard


def test_a_connection_that_is_ended_and_too_much(
    server: tuple[TnsServer, int], material: Material
) -> None:
    with session.open(way(server[1], material)) as opened:
        (wide,) = opened.ask([Query(sql="SELECT wide", limit=1000)])
        assert wide.truncated
    with (
        session.open(way(server[1], material)) as opened,
        pytest.raises(ConnectError, match="ORA-00028"),
    ):
        list(opened.ask([Query(sql="SELECT ended", limit=1000)]))


def test_why_there_is_no_login(
    server: tuple[TnsServer, int], material: Material, tmp_path: Path
) -> None:
    before = server[0].contacts
    changes: tuple[tuple[dict[str, Any], bool], ...] = (
        ({"password": "env:BAD"}, True),
        ({"tls_name": "other.test"}, False),
        ({"tls_ca": None}, False),  # not one of this machine's authorities
        ({"tls_ca": str(Material(tmp_path).ca)}, False),  # the certificate was changed
    )  # fmt: skip
    for changed, refused in changes:
        with pytest.raises(ConnectError) as reported:
            session.open(way(server[1], material, **changed))
        assert reported.value.refused is refused, changed
        assert PASSWORD not in str(reported.value.detail)
    assert server[0].contacts == before + len(changes)  # one attempt each


def test_through_a_jump_host(server: tuple[TnsServer, int], material: Material) -> None:
    with Sshd() as jump, session.open(way(server[1], material, jump=jump_login(jump))) as opened:
        (reply,) = opened.ask([Query(sql="SELECT 1")])
        assert opened.info.through is not None
    assert reply.status is Status.ANSWERED


# --- servers that lie -----------------------------------------------------------------------------


def _outcome(here: Here) -> tuple[ConnectError | None, list[Reply]]:
    try:
        with session.open(here) as opened:
            return None, list(opened.ask([Query(sql="SELECT 1", timeout_s=1)]))
    except ConnectError as error:
        return error, []


def test_no_login_elsewhere() -> None:
    """A listener that names another address: nothing is sent there."""
    other = server_with()
    with other.listening() as there:
        sent = server_with(redirect=f"(ADDRESS=(PROTOCOL=tcp)(HOST=127.0.0.1)(PORT={there}))")
        with sent.listening() as port:
            error, _ = _outcome(way(port, None, tls=Tls.PLAIN))
    assert error is not None
    assert "another address" in str(error.detail)
    assert not error.refused
    assert other.contacts == 0


def test_garbage_and_endless_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_LOGIN_S", 1.0)

    def each(data: bytes) -> Callable[[socket.socket, int], None]:
        def talk(connection: socket.socket, number: int) -> None:
            connection.recv(4096)
            connection.sendall(data)

        return talk

    def drips(connection: socket.socket, number: int) -> None:
        connection.recv(4096)
        for byte in struct.pack(">HHBBH", 4000, 0, 2, 0, 0) + bytes(300):
            connection.sendall(bytes([byte]))
            time.sleep(0.02)

    refused = b"(ERR=12514)"
    talks = [
        each(b"\0" * 99), each(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 9), each(b"\xff" * 40),
        each(struct.pack(">HHBBH", 20, 0, 2, 0, 0) + bytes(12)), drips,
        each(struct.pack(">HHBBHBBH", 12 + len(refused), 0, 4, 0, 0, 0, 0, len(refused)) + refused),
    ]  # fmt: skip
    for talk in talks:
        with peer(talk) as port:
            error, _ = _outcome(way(port, None, tls=Tls.PLAIN))
            assert error is not None
            assert not error.refused, str(error.detail)


def test_a_database_without_tls_gets_no_login() -> None:
    readable = server_with()
    with readable.listening() as port:
        error, _ = _outcome(way(port, None, tls=Tls.ENCRYPT))
    assert error is not None
    assert b"AUTH_" not in readable.heard
