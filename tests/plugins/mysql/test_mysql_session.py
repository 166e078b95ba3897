"""One session with a real server: what it refuses, how it ends, and the ways to it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from socket import socket
from typing import Any

import pytest

from audit_core.model import ConnectError, Reply, Status
from audit_database.access import Tls
from audit_database.data.requests import Sample
from audit_database.data.rules import Kind, Rule, Rules
from audit_database.query import EVERY, Query
from audit_mysql import session
from audit_mysql.access import MysqlAccess
from hostile.mysql_packets import END, OK, column, failure, greeting, packet
from live.database_ways import PASSWORD, Here, assert_limits, jump_login
from live.mysql_server import MysqlServer
from live.patience import eventually
from live.sshd import Sshd
from live.tls_servers import Material, peer

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def server() -> Iterator[MysqlServer]:
    with MysqlServer("--max-connections=10") as started:
        started.sql(
            f"CREATE USER audit IDENTIFIED BY '{PASSWORD}'", "CREATE DATABASE closed",
            "CREATE USER nonlatin IDENTIFIED BY '口令'", "CREATE DATABASE app",
            "CREATE TABLE app.held (a int)", "GRANT ALL ON app.* TO audit",
            "CREATE DATABASE `a``b; DROP TABLE x`",
            "GRANT SELECT ON `a``b; DROP TABLE x`.* TO audit",
        )  # fmt: skip
        yield started


def way(server: MysqlServer, **changed: Any) -> Here:
    access = {"user": "audit", "password": "env:GOOD", "address": "localhost",
              "port": server.port, "tls_ca": str(server.ca), **changed}  # fmt: skip
    return Here(MysqlAccess(**access))


def asked(server: MysqlServer, *requests: Query, **changed: Any) -> list[Reply]:
    with session.open(way(server, **changed)) as opened:
        return list(opened.ask(requests))


def test_statements_only_read(server: MysqlServer) -> None:
    statements = (
        "CREATE TABLE app.made (a int)", "SELECT 1; DROP TABLE app.held", "SET GLOBAL x = 1",
        "SELECT 1 INTO OUTFILE '/tmp/never'", "INSERT INTO app.held VALUES (1)",
        "SHOW CREATE TABLE app.held",
    )  # fmt: skip
    replies = asked(server, *(Query(sql=sql) for sql in statements))
    assert [r.status for r in replies] == [
        Status.UNSUPPORTED, Status.UNSUPPORTED, Status.UNSUPPORTED, Status.NOT_PERMITTED,
        Status.UNSUPPORTED, Status.ANSWERED,
    ]  # fmt: skip
    with session.open(way(server)) as opened:
        link = opened._server._connection()  # type: ignore[attr-defined]
        for sql in ("INSERT INTO app.held VALUES (1)", "DROP TABLE app.held"):
            with pytest.raises(Exception, match="READ ONLY transaction"):
                session._execute(link, sql)


def test_limits(server: MysqlServer) -> None:
    many = "SELECT seq FROM app.many"
    server.sql("CREATE VIEW app.many AS SELECT seq FROM mysql.seq_1_to_100000")
    slow, rows, size, none, missing, huge, after = asked(
        server, Query(sql="SELECT SLEEP(60)", timeout_s=1), Query(sql=many, rows=3),
        Query(sql=many, limit=100), Query(sql="SELECT 1 AS one FROM app.held"),
        Query(sql="SELECT * FROM app.nowhere"),
        Query(sql="SELECT REPEAT('x', 3000000)", limit=1000), Query(sql="SELECT 'still' AS here"),
    )  # fmt: skip
    assert_limits((slow, rows, size, none, missing))
    assert huge.status is Status.MALFORMED
    assert after.stdout.splitlines()[1:] == [b'["still"]']


def test_each_database_that_the_account_sees(server: MysqlServer) -> None:
    (reply,) = asked(server, Query(sql="SELECT DATABASE() AS one", database=EVERY))
    assert b'{"database": "app"}\n{"columns": ["one"]}\n["app"]' in reply.stdout
    assert b'["a`b; DROP TABLE x"]' in reply.stdout  # a name, no statement
    assert b"closed" not in reply.stdout


def test_a_lock_is_not_waited_for(server: MysqlServer) -> None:
    with server.connection() as own, own.cursor() as cursor:
        cursor.execute("LOCK TABLES app.held WRITE")
        (reply,) = asked(server, Query(sql="SELECT * FROM app.held", timeout_s=20))
    assert reply.status is Status.TIMED_OUT


def test_a_session_that_is_ended_is_told(server: MysqlServer) -> None:
    ours = "SELECT id FROM information_schema.processlist WHERE user = 'audit'"
    with session.open(way(server)) as opened:
        for (number,) in server.sql(ours):
            server.sql(f"KILL {number}")
        with pytest.raises(ConnectError) as reported:
            list(opened.ask((Query(sql="SELECT 1"),)))
    assert not reported.value.refused


def test_a_full_server_refuses_no_login(server: MysqlServer) -> None:
    server.sql("SET GLOBAL max_connections = 10")
    held = [session.open(way(server)) for _ in range(9)]
    with server.connection(), pytest.raises(ConnectError) as reported:
        session.open(way(server))
    for opened in held:
        opened.close()
    assert not reported.value.refused
    assert eventually(lambda: int(server.sql("SHOW STATUS LIKE 'Threads_connected'")[0][1]) < 3)


def test_why_there_is_no_login(server: MysqlServer, tmp_path: Path) -> None:
    changes: tuple[tuple[dict[str, Any], bool], ...] = (
        ({"password": "env:BAD"}, True), ({"user": "nobody"}, True),
        ({"tls_name": "other.test"}, False), ({"port": 1}, False),
        ({"tls_ca": None}, False),  # not one of this machine's authorities
        ({"tls_ca": str(Material(tmp_path).good)}, False),  # the certificate was changed
    )  # fmt: skip
    for changed, refused in changes:
        with pytest.raises(ConnectError) as reported:
            session.open(way(server, **changed))
        assert reported.value.refused is refused, changed
        assert PASSWORD not in str(reported.value.detail)
    server.sql("ALTER USER audit REQUIRE SSL")
    with pytest.raises(ConnectError):
        session.open(way(server, tls=Tls.PLAIN))
    server.sql("ALTER USER audit REQUIRE NONE")


def test_a_password_beyond_latin_letters(server: MysqlServer) -> None:
    (reply,) = asked(server, Query(sql="SELECT 1"), user="nonlatin", password="env:口令")
    assert reply.status is Status.ANSWERED


def test_a_socket_and_a_jump_host(server: MysqlServer) -> None:
    question = Query(sql="SHOW STATUS LIKE 'Ssl_version'")
    (local,) = asked(server, question, socket=str(server.socket))
    assert local.stdout.splitlines()[1:] == [b'["Ssl_version", ""]']
    with Sshd() as jump:
        login = jump_login(jump)
        with session.open(way(server, jump=login)) as opened:
            (far,) = opened.ask((question,))
            assert opened.info.through is not None
            assert far.stdout.splitlines()[1:] == [b'["Ssl_version", "TLSv1.3"]']


def test_data_is_counted_and_never_told(server: MysqlServer) -> None:
    numbers = [f"1391234{n:04}" for n in range(60)]
    rows = ", ".join(f"({n}, '{phone}', 'x')" for n, phone in enumerate(numbers))
    server.sql(
        "CREATE DATABASE core", "CREATE TABLE core.hidden (a TEXT)",
        "CREATE TABLE core.client (id INT PRIMARY KEY, phone VARCHAR(20), note BLOB, "
        "changed DATETIME DEFAULT NOW())", "CREATE VIEW core.v AS SELECT 1 AS one",
        f"INSERT INTO core.client (id, phone, note) VALUES {rows}",
        "CREATE USER part IDENTIFIED BY '" + PASSWORD + "'", "GRANT SELECT ON core.client TO part",
        "GRANT SELECT ON core.* TO audit",
    )  # fmt: skip
    rules = Rules(database="core", rules=(
        Rule(name="unique", kind=Kind.UNIQUE, table="client", column="phone"),
        Rule(name="gaps", kind=Kind.GAPS, table="client", column="id"),
        Rule(name="format", kind=Kind.FORMAT, table="client", column="phone", pattern="139.*0"),
        Rule(name="count", kind=Kind.COUNT, table="client"),
        Rule(name="sql", kind=Kind.SQL, sql="SELECT COUNT(*) FROM core.client WHERE id > 57"),
        Rule(name="fresh", kind=Kind.FRESH, table="client", column="changed"),
        Rule(name="none", kind=Kind.UNIQUE, table="hidden", column="b"),
    ))  # fmt: skip
    logins = "SHOW GLOBAL STATUS LIKE 'Connections'"
    before = int(server.sql(logins)[0][1])
    sample, applied = asked(server, Sample(database="core"), rules)  # type: ignore[arg-type]
    assert int(server.sql(logins)[0][1]) - before == 2  # ours, and the one that asks
    assert sample.status is Status.ANSWERED, sample
    reported = [json.loads(line) for line in (sample.stdout + applied.stdout).splitlines()]
    assert not any(number.encode() in sample.stdout + applied.stdout for number in numbers)
    assert reported[0]["whole"] is True
    (phone,) = (line for line in reported if line.get("name") == "phone")
    assert "phone" in str(phone["found"])
    results = {line["name"]: line for line in map(json.loads, applied.stdout.splitlines())}
    assert [results[name].get("bad", 0) for name in ("unique", "gaps", "sql")] == [0, 0, 2]
    assert results["format"]["bad"] == 54
    assert results["count"]["figure"] == "60"
    assert 0 <= results["fresh"].get("age_s", 0) < 600
    assert results["none"]["state"] == "missing"
    (part,) = asked(server, Sample(database="core"), user="part")  # type: ignore[arg-type]
    assert json.loads(part.stdout.splitlines()[0])["whole"] is False
    assert b"hidden" not in part.stdout


# --- servers that lie: only their side of the protocol is played ----------------------------------


def lying(
    talk: Callable[[socket, int], None], **changed: Any
) -> tuple[ConnectError | None, list[Reply]]:
    """What comes of a session of one question with a server that plays `talk`."""
    with peer(talk) as port:
        given = {"user": "audit", "password": "env:GOOD", "address": "127.0.0.1", "port": port,
                 "tls": Tls.PLAIN, **changed}  # fmt: skip
        try:
            with session.open(Here(MysqlAccess(**given))) as opened:
                return None, list(opened.ask((Query(sql="SELECT 1", timeout_s=1),)))
        except ConnectError as error:
            return error, []


def test_no_password_without_tls() -> None:
    """What a server without TLS gets of a client that wants it, and one that asks in plain text."""
    heard: list[bytes] = []

    def strips(connection: socket, number: int) -> None:
        connection.sendall(greeting(0, b"mysql_clear_password"))
        heard.append(connection.recv(1000))
        connection.sendall(packet(2, b"\xfemysql_clear_password\0"))
        heard.append(connection.recv(1000))

    for tls in (Tls.VERIFY, Tls.ENCRYPT, Tls.PLAIN):
        error, _ = lying(strips, tls=tls)
        assert error is not None
        assert "TLS" in str(error.detail)
    assert PASSWORD.encode() not in b"".join(heard)


def test_garbage_and_endless_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_LOGIN_S", 0.3)
    monkeypatch.setattr(session, "_GRACE_S", -0.7)

    def logged_in(connection: socket) -> None:
        connection.sendall(greeting(0))
        connection.recv(1000)
        connection.sendall(packet(2, OK))

    def each(answer: bytes) -> Callable[[socket, int], None]:
        """Lets in, agrees to all that is set, and answers the question with `answer`."""

        def talk(connection: socket, number: int) -> None:
            logged_in(connection)
            while (heard := connection.recv(1000)) and b"SELECT 1" not in heard[:20]:
                connection.sendall(packet(1, OK))
            connection.sendall(answer)

        return talk

    def drips(connection: socket, number: int) -> None:
        for byte in greeting(0):
            connection.sendall(bytes([byte]))
            time.sleep(0.02)

    for bad in (b"\0" * 99, b"HTTP/1.1 400 Bad Request\r\n\r\n" * 9, b"\xff" * 4, packet(0, b"")):
        error, _ = lying(lambda connection, number, bad=bad: connection.sendall(bad))  # type: ignore[misc]
        assert error is not None
        assert not error.refused
    error, _ = lying(drips)
    assert error is not None
    head = packet(1, b"\x01") + column(2, b"a\x1b[2J") + packet(3, END)
    evil = b"\x1b]0;owned\x07" + b"x" * 60_000
    # an error at once, in the midst of the rows, of no known number; a row that is far too wide
    for answer in (failure(1, evil), failure(1, evil, code=65535), head + failure(4, evil),
                   head + packet(4, b"\x01y") + failure(5, evil, code=1317),
                   head + packet(4, b"\x01y") + failure(5, b"", code=1053),
                   head + packet(4, b"\xfd\xff\xff\xff" + b"z" * 100)):  # fmt: skip
        error, replies = lying(each(answer))
        assert error is not None or replies[0].status is not Status.ANSWERED, answer[:40]
        assert all(len(str(reply.detail)) < 2000 for reply in replies)
    answers = (
        packet(1, b"\xfb/etc/passwd"),  # LOAD DATA LOCAL: send me this file
        b"\xff\xff\xff\x01" + b"x" * 100,  # 16 MB announced
        packet(1, b"\x01") + packet(2, b"nonsense"), packet(7, b"\x01"), packet(1, b"\x01"),
    )  # fmt: skip
    for answer in answers:
        error, replies = lying(each(answer))
        assert error is not None or replies[0].status is not Status.ANSWERED, answer
