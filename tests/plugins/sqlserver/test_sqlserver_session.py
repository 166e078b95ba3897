"""One session with a made-up server: TLS, refusals, limits, and servers that lie.

No real server can run here: what it answers is in the form that [MS-TDS] gives, not recorded.
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
from audit_database.query import EVERY, Query
from audit_sqlserver import session
from audit_sqlserver.access import SqlserverAccess
from hostile.tds_server import (
    Answer,
    TdsServer,
    accepted,
    elsewhere,
    error,
    packets,
    table,
)
from live.database_ways import PASSWORD, Here, jump_login
from live.sshd import Sshd
from live.tls_servers import Material, peer

pytestmark = pytest.mark.live


def log_in(user: str, password: str) -> bytes:
    return accepted() if password == PASSWORD else error(18456, f"Login failed for '{user}'.")


ANSWERS: dict[str, Answer] = {
    "SELECT 1": (["one", "two"], [[1, "x中"], [None, None]]),
    "SELECT slow": None,
    "SELECT denied": error(229, "The SELECT permission was denied on the object"),
    "SELECT gone": error(208, "Invalid object name"),
    "SELECT killed": error(596, "Cannot continue the execution", severity=21),
    "SELECT many": (["n"], [[n] for n in range(500)]),
    session._DATABASES: (["name"], [["app"], ["a]b"], ["closed"]]),
}


def answer(sql: str) -> Answer:
    return ANSWERS.get(sql, (["still"], [["here"]]))


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return Material(tmp_path_factory.mktemp("tds"))


@pytest.fixture(scope="module")
def server(material: Material) -> Iterator[tuple[TdsServer, int]]:
    made = TdsServer(log_in, answer, material.good)
    with made.listening() as port:
        yield made, port


def way(port: int, material: Material | None, **changed: Any) -> Here:
    given = {"user": "audit", "password": "env:GOOD", "address": "localhost", "port": port}
    if material is not None:
        given["tls_ca"] = str(material.ca)
    return Here(SqlserverAccess(**{**given, **changed}))


def test_limits_and_errors(server: tuple[TdsServer, int], material: Material) -> None:
    questions = [
        Query(sql="SELECT 1"), Query(sql="SELECT slow", timeout_s=1), Query(sql="SELECT denied",
              grants=("GRANT VIEW SERVER STATE TO {user}",)), Query(sql="SELECT gone"),
        Query(sql="SELECT many", rows=3), Query(sql="SELECT many", limit=60),
        Query(sql="UPDATE x SET y = 1"), Query(sql="SELECT 2", database="a]b"),
    ]  # fmt: skip
    with session.open(way(server[1], material)) as opened:
        assert opened.info.server == "Microsoft SQL Server 16.0.4165"
        plain, slow, denied, gone, rows, size, writes, after = opened.ask(questions)
    assert plain.stdout.splitlines()[1:] == [b'[1, "x\\u4e2d"]', b"[null, null]"]
    assert [r.status for r in (slow, denied, gone, writes)] == [
        Status.TIMED_OUT, Status.NOT_PERMITTED, Status.NOT_PRESENT, Status.UNSUPPORTED,
    ]  # fmt: skip
    assert "GRANT VIEW SERVER STATE TO audit" in str(denied.detail)
    assert rows.truncated
    assert rows.stdout.splitlines()[1:] == [b"[0]", b"[1]", b"[2]"]
    assert size.truncated
    assert len(size.stdout) <= 60
    assert after.stdout.splitlines()[1:] == [b'["here"]']
    asked = server[0].asked
    assert "SELECT slow" in asked
    assert not any("UPDATE" in sql for sql in asked)
    assert any(sql.startswith("USE [a]]b];") for sql in asked)  # a name, no statement
    assert PASSWORD.encode("utf-16-le") not in server[0].heard


def test_each_database_and_a_connection_that_is_ended(
    server: tuple[TdsServer, int], material: Material
) -> None:
    with session.open(way(server[1], material)) as opened:
        (reply,) = opened.ask([Query(sql="SELECT 2", database=EVERY)])
        assert reply.stdout.count(b'{"database": ') == 3
        with pytest.raises(ConnectError) as reported:
            list(opened.ask([Query(sql="SELECT killed")]))
    assert not reported.value.refused


def test_why_there_is_no_login(
    server: tuple[TdsServer, int], material: Material, tmp_path: Path
) -> None:
    before = server[0].contacts
    changes: tuple[tuple[dict[str, Any], bool], ...] = (
        ({"password": "env:BAD"}, True),
        ({"tls_name": "other.test"}, False),
        ({"tls_ca": None}, False),  # not one of this machine's authorities
        ({"tls_ca": str(Material(tmp_path).ca)}, False),  # the certificate was changed
        ({"tls": Tls.PLAIN, "tls_ca": None}, False),  # the server insists on TLS
    )  # fmt: skip
    for changed, refused in changes:
        with pytest.raises(ConnectError) as reported:
            session.open(way(server[1], material, **changed))
        assert reported.value.refused is refused, changed
        assert PASSWORD not in str(reported.value.detail)
    assert server[0].contacts == before + len(changes)  # one attempt each


def test_through_a_jump_host(server: tuple[TdsServer, int], material: Material) -> None:
    with Sshd() as jump, session.open(way(server[1], material, jump=jump_login(jump))) as opened:
        (reply,) = opened.ask([Query(sql="SELECT 1")])
        assert opened.info.through is not None
    assert reply.status is Status.ANSWERED


# --- servers that lie -----------------------------------------------------------------------------


def lying(made: TdsServer, **changed: Any) -> tuple[ConnectError | None, list[Reply]]:
    """What comes of a session of one question."""
    with made.listening() as port:
        return _outcome(way(port, None, **{"tls": Tls.PLAIN, **changed}))


def _outcome(here: Here) -> tuple[ConnectError | None, list[Reply]]:
    try:
        with session.open(here) as opened:
            return None, list(opened.ask([Query(sql="SELECT 1", timeout_s=1)]))
    except ConnectError as error:
        return error, []


def test_no_login_without_tls_nor_elsewhere() -> None:
    readable = TdsServer(log_in, answer)
    for tls in (Tls.VERIFY, Tls.ENCRYPT):
        error, _ = lying(readable, tls=tls)
        assert error is not None
        assert "TLS" in str(error.detail)
    assert not readable.heard
    sent = TdsServer(lambda user, password: elsewhere("10.9.9.9", 1433) + accepted(), answer)
    error, _ = lying(sent)
    assert error is not None
    assert "another one" in str(error.detail)


def test_garbage_and_endless_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_LOGIN_S", 0.5)
    monkeypatch.setattr("audit_sqlserver.driver._WAIT_S", 0.5)

    def each(data: bytes) -> Callable[[socket.socket, int], None]:
        return lambda connection, number: connection.sendall(data)

    def drips(connection: socket.socket, number: int) -> None:
        connection.recv(4096)
        for byte in packets(4, bytes(300)):
            connection.sendall(bytes([byte]))
            time.sleep(0.02)

    options = struct.pack(">BHHB", 1, 6, 1, 0xFF) + b"\x02"
    talks = [each(b"\0" * 99), each(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 9), each(b"\xff" * 4),
             each(packets(4, b"")), each(packets(4, options[:5])), each(packets(4, options) * 3),
             drips]  # fmt: skip
    for talk in talks:
        with peer(talk) as port:
            error, _ = _outcome(way(port, None, tls=Tls.PLAIN))
            assert error is not None
            assert not error.refused
    bad: tuple[bytes, ...] = (
        b"\x81\xff\xff" + b"x" * 100, b"\xd1\x01", b"nonsense", b"",
        table(["a"], [["x" * 30_000]] * 200),  # more than is read
        b"\x81\x01\x00" + struct.pack("<IH", 0, 1) + b"\xe7\x40\x1f" + bytes(5) + b"\x01a\0"
        + b"\xd1" + b"\xfe\x7f" + b"y" * 10,
    )  # fmt: skip
    for tokens in bad:
        made = TdsServer(log_in, lambda sql, tokens=tokens: tokens)  # type: ignore[misc]
        error, replies = lying(made)
        whole = not error and replies[0].status is Status.ANSWERED and not replies[0].truncated
        assert not whole, tokens[:20]


def test_errors_of_any_length_and_letters() -> None:
    words = "\x1b]0;title\x07\x1b[31mred\u202e" + "long " * 4000
    made = TdsServer(log_in, lambda sql: error(50000, words[:4000]))
    _, (reply,) = lying(made)
    assert reply.status is Status.MALFORMED
    assert len(str(reply.detail)) < 2000
