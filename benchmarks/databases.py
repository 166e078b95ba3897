"""Asking one PostgreSQL server all questions of its plugin, against the bare driver.

The driver asks the same statements over one verified login and makes JSON of each row. It sets no
limits on time and locks, opens no transactions for reading only, and cuts no answer: dengbao sends
one message more before each statement, and one after it.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator

import psycopg
from msgspec import Struct

from audit_core.model import HostName, SecretRef
from audit_database.query import Query
from audit_postgresql import session
from audit_postgresql.access import PostgresqlAccess
from audit_postgresql.facts import FACTS
from benchmarks.hosts import Repeats, Say
from benchmarks.table import Row, compared, limited
from live.database_ways import PASSWORD, Here
from live.postgresql_server import PostgresqlServer

_AIM = 1.3
_SERVER_S = 5.0
_HBA = "local all all scram-sha-256\nhostssl all all 127.0.0.0/8 scram-sha-256\n"


class _Spent(Struct, frozen=True, kw_only=True):
    """Seconds by the clock, of CPU of the client, and within statements."""

    wall: float
    cpu: float
    statements: float = 0.0


def rows(repeats: Repeats, say: Say) -> Iterator[Row]:
    """The rows about databases."""
    asks = [provider.ask for fact in FACTS for provider in fact.providers]
    queries = [ask for ask in dict.fromkeys(asks) if isinstance(ask, Query)]
    with PostgresqlServer(_HBA, logging_collector="on") as server:
        clients: dict[str, Callable[[], _Spent]] = {
            "ours": lambda: _ours(server, queries),
            "bare": lambda: _bare(server, queries),
        }
        for client in clients.values():
            client()  # what the server reads for the first time
        spent = _alternating(clients, repeats.pairs)
    ours, bare = spent["ours"], spent["bare"]
    what = f"PostgreSQL, {len(queries)} questions"
    yield compared(f"{what}: one session", [s.wall for s in ours], [s.wall for s in bare],
                   named="psycopg", aim=_AIM)  # fmt: skip
    yield compared(
        f"{what}: CPU of the client", [1000 * s.cpu for s in ours], [1000 * s.cpu for s in bare],
        named="psycopg", unit="ms", digits=0,
    )  # fmt: skip
    yield limited(f"{what}: time of the statements", [s.statements for s in bare], _SERVER_S, "s")
    say(what)


def _alternating(clients: dict[str, Callable[[], _Spent]], times: int) -> dict[str, list[_Spent]]:
    names, found = list(clients), {name: list[_Spent]() for name in clients}
    for n in range(times):
        for name in names[n % 2 :] + names[: n % 2]:
            found[name].append(clients[name]())
    return found


def _ours(server: PostgresqlServer, queries: list[Query]) -> _Spent:
    access = PostgresqlAccess(
        user="postgres", password=SecretRef("env:GOOD"), port=server.port,
        address=HostName("localhost"), tls_ca=str(server.ca),
    )  # fmt: skip
    wall, cpu = time.perf_counter(), time.process_time()
    with session.open(Here(access)) as opened:
        for _ in opened.ask(queries):
            pass
    return _Spent(wall=time.perf_counter() - wall, cpu=time.process_time() - cpu)


def _bare(server: PostgresqlServer, queries: list[Query]) -> _Spent:
    wall, cpu, statements = time.perf_counter(), time.process_time(), 0.0
    with psycopg.connect(
        host="localhost", hostaddr="127.0.0.1", port=server.port, user="postgres",
        password=PASSWORD, dbname="postgres", sslmode="verify-full", sslrootcert=str(server.ca),
        autocommit=True,
    ) as own:  # fmt: skip
        for query in queries:
            begun = time.perf_counter()
            with contextlib.suppress(psycopg.Error):
                for row in own.execute(query.sql):
                    json.dumps(row, default=str)
            statements += time.perf_counter() - begun
    return _Spent(
        wall=time.perf_counter() - wall, cpu=time.process_time() - cpu, statements=statements
    )
