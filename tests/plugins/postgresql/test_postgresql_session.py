"""One session with a real server: what it refuses, how it ends, and the ways to it."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from audit_core.api.check_digits import luhn_holds
from audit_core.model import ConnectError, HostName, Reply, SecretRef, Status
from audit_database.access import Tls
from audit_database.data.requests import Sample
from audit_database.query import EVERY, Query
from audit_postgresql import session
from audit_postgresql.access import PostgresqlAccess
from live import customers
from live.database_ways import PASSWORD, Here, assert_limits, jump_login
from live.patience import PATIENCE_S, eventually
from live.postgresql_server import PostgresqlServer
from live.sshd import Sshd

pytestmark = pytest.mark.live

HBA = """\
local all all scram-sha-256
hostssl all all 127.0.0.0/8 scram-sha-256
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    # 5 slots, 3 of them for superusers
    with PostgresqlServer(HBA, max_connections="5", superuser_reserved_connections="3") as started:
        started.sql(
            f"CREATE ROLE audit LOGIN PASSWORD '{PASSWORD}'", "CREATE DATABASE closed",
            "REVOKE CONNECT ON DATABASE closed FROM PUBLIC", "CREATE TABLE held (a int)",
            "GRANT SELECT ON held TO audit", 'CREATE DATABASE "dbname=x host=evil.test"',
        )  # fmt: skip
        yield started


def way(server: PostgresqlServer, **changed: Any) -> Here:
    access = {"user": "audit", "password": "env:GOOD", "address": "localhost",
              "port": server.port, "tls_ca": str(server.ca), **changed}  # fmt: skip
    return Here(PostgresqlAccess(**access))


def asked(server: PostgresqlServer, *requests: Query, **changed: Any) -> list[Reply]:
    with session.open(way(server, **changed)) as opened:
        return list(opened.ask(requests))


def test_statements_only_read(server: PostgresqlServer) -> None:
    statements = (
        "CREATE TABLE made (a int)", "SELECT 1; DROP TABLE held", "SET TRANSACTION READ WRITE",
        "DO $$ BEGIN SET TRANSACTION READ WRITE; CREATE TABLE made (a int); END $$",
    )  # fmt: skip
    asked(server, *(Query(sql=sql) for sql in statements), user="postgres")
    assert server.sql("SELECT to_regclass('made') IS NULL, to_regclass('held') IS NULL") == [
        (True, False)
    ]


def test_limits(server: PostgresqlServer) -> None:
    many = "SELECT generate_series(1, 100000) AS n"
    slow, rows, size, none, missing = asked(
        server, Query(sql="SELECT pg_sleep(60)", timeout_s=1), Query(sql=many, rows=3),
        Query(sql=many, limit=100), Query(sql="SELECT 1 AS one WHERE false"),
        Query(sql="SELECT * FROM nowhere"),
    )  # fmt: skip
    assert_limits((slow, rows, size, none, missing))


def test_each_database_that_takes_the_account(server: PostgresqlServer) -> None:
    (reply,) = asked(server, Query(sql="SELECT 1 AS one", database=EVERY))
    assert b'{"database": "postgres"}' in reply.stdout
    assert b'{"database": "dbname=x host=evil.test"}' in reply.stdout  # a name, no address
    assert b"closed" not in reply.stdout


def test_a_lock_is_not_waited_for(server: PostgresqlServer) -> None:
    with psycopg.connect(host=str(server.folder), port=server.port, user="postgres",
                         password=PASSWORD, dbname="postgres") as own:  # fmt: skip
        own.execute("LOCK TABLE held")
        (reply,) = asked(server, Query(sql="SELECT * FROM public.held", timeout_s=20))
        own.rollback()
    assert reply.status is Status.TIMED_OUT


def test_a_session_that_is_ended_is_told(server: PostgresqlServer) -> None:
    with session.open(way(server)) as opened:
        server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'audit'")
        with pytest.raises(ConnectError) as reported:
            list(opened.ask((Query(sql="SELECT 1"),)))
    assert not reported.value.refused


def test_a_full_server_refuses_no_login(server: PostgresqlServer) -> None:
    def gone() -> bool:
        return server.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'audit'") == [(0,)]

    assert eventually(gone)
    with (
        session.open(way(server)),
        session.open(way(server)),
        pytest.raises(ConnectError) as reported,
    ):
        session.open(way(server))
    assert not reported.value.refused


@pytest.mark.parametrize(
    ("changed", "refused"),
    [
        ({"password": "env:BAD"}, True),
        ({"tls": Tls.PLAIN}, True),  # pg_hba.conf admits none without TLS
        ({"tls_name": "other.test"}, False),
        ({"tls_ca": None}, False),  # not one of this machine's authorities
        ({"port": 1}, False),
    ],
)
def test_why_there_is_no_login(
    server: PostgresqlServer, changed: dict[str, Any], refused: bool
) -> None:
    with pytest.raises(ConnectError) as reported:
        session.open(way(server, **changed))
    assert reported.value.refused is refused
    assert PASSWORD not in str(reported.value.detail)


def test_a_socket_and_a_jump_host(server: PostgresqlServer) -> None:
    question = Query(sql="SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    (local,) = asked(server, question, socket=str(server.folder))
    assert local.stdout.splitlines()[1:] == [b"[false]"]
    with Sshd() as jump:
        login = jump_login(jump)
        with session.open(way(server, jump=login)) as opened:
            (far,) = opened.ask((question,))
            assert opened.info.through is not None
            assert far.stdout.splitlines()[1:] == [b"[true]"]
        assert jump.log.read_text().count("Accepted publickey") == 1


def test_columns_in_which_data_is_found(server: PostgresqlServer) -> None:
    """Arrays, rows, domains, floats, bytes; of a table with parts elsewhere not even its own."""
    ids = customers.id_cards(20)
    visa = [
        f"400000000000{n:03}{d}" for n in range(20) for d in "0123456789"
        if luhn_holds(f"400000000000{n:03}{d}")
    ]  # fmt: skip
    rows = ", ".join(f"(ROW('x', '{i}'))" for i in ids)
    server.sql(
        "CREATE DATABASE tricky ENCODING 'UTF8' TEMPLATE template0",
    )
    server.sql(
        "CREATE TYPE person AS (n text, id text)", "CREATE DOMAIN idno AS text",
        "CREATE TABLE arrays (a text[], b idno[])", f"INSERT INTO arrays VALUES (ARRAY{ids}, NULL)",
        f"INSERT INTO arrays VALUES (NULL, ARRAY{ids})",
        "CREATE TABLE made (p person)", f"INSERT INTO made VALUES {rows}",
        "CREATE TABLE floats (c float8, d numeric(20, 2))",
        "INSERT INTO floats VALUES " + ", ".join(f"({n}, {n})" for n in visa),
        "CREATE TABLE bytes (b bytea)", "INSERT INTO bytes VALUES "
        + ", ".join(f"('\\x{i.encode('utf-16-le').hex()}')" for i in ids),
        "CREATE TABLE parts (d int, id_no text) PARTITION BY LIST (d)",
        "CREATE TABLE part PARTITION OF parts FOR VALUES IN (1)",
        "INSERT INTO parts VALUES " + ", ".join(f"(1, '{i}')" for i in ids),
        "CREATE EXTENSION postgres_fdw", "CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw "
        "OPTIONS (host '203.0.113.1')", "CREATE TABLE mixed (x text)",
        "CREATE FOREIGN TABLE child () INHERITS (mixed) SERVER far",
        "CREATE TABLE \"odd\"\"\x1b[2J\" (\"a\"\"; DROP TABLE made\" text)",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO audit", database="tricky",
    )  # fmt: skip
    (reply,) = asked(server, Sample(database="tricky"))  # type: ignore[arg-type]
    lines = [json.loads(line) for line in reply.stdout.splitlines()]
    states = {line["name"]: line["state"] for line in lines if line["line"] == "table"}
    assert states.pop("mixed") == "mixed"
    assert states.pop("child") == "foreign"
    assert states.pop('odd"\x1b[2J') == "empty"
    assert set(states.values()) == {"read"}, states
    found = {f"{line['table']}.{line['name']}": set(line.get("found", ())) for line in lines
             if line["line"] == "column" and line.get("found")}  # fmt: skip
    assert {name for name, kinds in found.items() if "id_card" in kinds} == {
        "arrays.a", "arrays.b", "made.p", "bytes.b", "parts.id_no",
    }  # fmt: skip
    assert {name for name, kinds in found.items() if "bank_card" in kinds} == {
        "floats.c", "floats.d",
    }  # fmt: skip
    assert not [value for value in (*ids, *visa) if value[4:-1].encode() in reply.stdout]


def _packet(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack(">i", len(body) + 4) + body


_LET_IN = (
    _packet(b"R", struct.pack(">i", 0))
    + _packet(b"S", b"server_version\x0015.0\0")
    + _packet(b"S", b"client_encoding\0UTF8\0")
    + _packet(b"Z", b"I")
)
_ASKS_FOR_IT = _packet(b"R", struct.pack(">i", 3))  # AuthenticationCleartextPassword


def lying(*answers: bytes) -> tuple[Reply | ConnectError, bytes]:
    """What a session tells of a server that sends `answers`, one for each message, then ends."""
    heard = bytearray()

    def serve(listening: socket.socket) -> None:
        link, _ = listening.accept()
        with link, contextlib.suppress(OSError):
            link.settimeout(PATIENCE_S)
            for answer in answers:
                heard.extend(link.recv(65536))
                link.sendall(answer)
            heard.extend(link.recv(65536))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        access = PostgresqlAccess(
            user="audit", password=SecretRef("env:GOOD"), address=HostName("127.0.0.1"),
            port=listening.getsockname()[1], tls=Tls.PLAIN,
        )  # fmt: skip
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        found: Reply | ConnectError
        try:
            with session.open(Here(access)) as opened:
                found = next(iter(opened.ask((Query(sql="SELECT 1", timeout_s=1),))))
        except ConnectError as error:
            found = error
        thread.join(PATIENCE_S)
    return found, bytes(heard)


def test_servers_that_lie() -> None:
    """No password goes over a connection without TLS, whatever the server asks for."""
    outcome, heard = lying(_ASKS_FOR_IT)
    assert isinstance(outcome, ConnectError)
    assert not outcome.refused
    assert PASSWORD.encode() not in heard
    outcome, _ = lying(b"\xff\0garbage\r\n" * 20)
    assert isinstance(outcome, ConnectError)
    began = _packet(b"C", b"BEGIN\0") + _packet(b"Z", b"T")
    outcome, _ = lying(_LET_IN, began, b"\xffjunk" * 50)
    assert isinstance(outcome, Reply)
    assert outcome.status is Status.MALFORMED
    # an error without end in mid-query, with sequences for terminals
    evil = _packet(b"E", b"SERROR\0C99999\0M" + b"\x1b[2J" + b"x" * 200_000 + b"\0\0")
    shape = _packet(
        b"T", struct.pack(">h", 1) + b"a\x1b[2J\0" + struct.pack(">ihihih", 0, 0, 25, -1, -1, 0)
    )
    for answer in (evil + _packet(b"Z", b"E"), shape + evil + _packet(b"Z", b"E")):
        outcome, _ = lying(_LET_IN, began, answer)
        assert isinstance(outcome, ConnectError) or outcome.status is not Status.ANSWERED
        assert len(str(outcome.detail)) < 2000
    outcome, _ = lying(_LET_IN, began)  # the connection ends in mid-query
    assert isinstance(outcome, ConnectError)
    assert not outcome.refused
