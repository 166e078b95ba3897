"""Sessions over psycopg. Runs in a worker process; the driver is imported nowhere else."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterator, Sequence
from typing import Any

import psycopg
from psycopg import conninfo, errors

from audit_core.model import ConnectError, ConnectionContext, Reason, SessionInfo, Status, english
from audit_database.access import Tls
from audit_database.client_tls import KeyText, authorities
from audit_database.query import Query
from audit_database.reach import Reach
from audit_database.sql_session import Failure, Rows, SqlSession
from audit_postgresql.access import PostgresqlAccess
from audit_postgresql.connect_errors import not_connected
from audit_postgresql.dialect import DIALECT

_CONNECT_S = 10
_LOCK_S = 2
_CHUNK = 100 if psycopg.capabilities.has_stream_chunked() else 1
_DATABASES = (
    "SELECT datname FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate "
    "AND pg_catalog.has_database_privilege(oid, 'CONNECT') ORDER BY datname"
)


def open(context: ConnectionContext) -> SqlSession:
    """A session in read-only transactions, over one login for each database that is asked."""
    return SqlSession(_Server(context), DIALECT)


class _NotThisDatabase(Exception):
    """The account, which is logged in to the first database, cannot use another one."""


class _Server:
    """The connections to one server, one for each database."""

    def __init__(self, context: ConnectionContext) -> None:
        self._access: PostgresqlAccess = context.access
        self._password = context.secret(self._access.password) if self._access.password else None
        self._held: dict[str, psycopg.Connection[Any]] = {}
        self._refused: dict[str, ConnectError] = {}
        self._key = KeyText(self._access.key, context)
        self._reach = Reach(context)
        try:
            info = self._connection("").info
        except BaseException:
            self.close()
            raise
        self.info = SessionInfo(
            connector="postgresql",
            user=self._access.user,
            address=self._reach.place,
            server=f"PostgreSQL {info.parameter_status('server_version')}",
            through=self._reach.through,
        )

    def databases(self) -> Sequence[str]:
        """The databases that the account may connect to."""
        connection = self._connection("")
        connection.rollback()
        with connection.cursor() as cursor:
            return [str(row[0]) for row in cursor.execute(_DATABASES)]

    def run(self, request: Query, database: str) -> Rows:
        """The result of the statement; the extended protocol takes no second one in it."""
        connection = self._connection(database)
        connection.rollback()
        cursor = connection.cursor()
        cursor.execute(  # one message
            "BEGIN TRANSACTION READ ONLY; "
            f"SET LOCAL statement_timeout = {request.timeout_s * 1000}; "
            f"SET LOCAL lock_timeout = {_LOCK_S * 1000}"
        )
        # some rows at a time: a large result is never held whole
        each: Any = cursor.stream(request.sql, size=_CHUNK)
        first = next(each, None)
        columns = [column.name for column in cursor.description or ()]
        return Rows(columns=columns, each=_rest(first, each, connection))

    def failure(self, error: Exception) -> Failure | None:
        """What an error of the driver means."""
        match error:
            case _NotThisDatabase():
                return Failure(status=Status.NOT_PERMITTED)
            case errors.QueryCanceled() | errors.LockNotAvailable():
                return Failure(status=Status.TIMED_OUT)
            case errors.InsufficientPrivilege():
                return Failure(status=Status.NOT_PERMITTED)
            case errors.UndefinedTable() | errors.UndefinedFile():
                return Failure(status=Status.NOT_PRESENT)
            case errors.UndefinedColumn() | errors.UndefinedFunction():
                return Failure(status=Status.UNSUPPORTED)
            case psycopg.OperationalError() if _is_lost(error):
                return Failure(status=Status.UNREACHABLE, lost=True)
            case psycopg.Error() | UnicodeDecodeError():
                return Failure(status=Status.MALFORMED)
        return None

    def text(self, error: Exception) -> str:
        """The words of the server or driver."""
        return str(error)

    def close(self) -> None:
        """Ends all connections. May be called twice."""
        for connection in self._held.values():
            connection.close()
        self._held.clear()
        self._reach.close()
        self._key.close()

    def _connection(self, database: str) -> psycopg.Connection[Any]:
        name = database or self._access.database
        if name not in self._held:
            self._leave_others()
            self._held[name] = self._connected(name) if not self._held else self._other(name)
        return self._held[name]

    def _other(self, name: str) -> psycopg.Connection[Any]:
        """A further database; what it refuses costs its own questions, and is tried once."""
        if name not in self._refused:
            try:
                return self._connected(name)
            except ConnectError as error:
                if error.reason is not Reason.NOT_PERMITTED:
                    raise
                self._refused[name] = error
        raise _NotThisDatabase(english(self._refused[name].detail))

    def _leave_others(self) -> None:
        """At most two connections are open: the account's limit may be small."""
        for other in set(self._held) - {self._access.database}:
            self._held.pop(other).close()

    def _connected(self, database: str) -> psycopg.Connection[Any]:
        try:
            made = psycopg.connect(
                conninfo.make_conninfo(**self._parameters(database)), autocommit=True
            )
        except psycopg.OperationalError as error:
            raise not_connected(str(error), self._reach.place) from error
        return made

    def _parameters(self, database: str) -> dict[str, Any]:
        given: dict[str, Any] = {
            "user": self._access.user, "dbname": database, "connect_timeout": _CONNECT_S,
            "application_name": "dengbao", "client_encoding": "UTF8",
            "options": "-c default_transaction_read_only=on -c search_path=pg_catalog",
            "passfile": os.devnull,
        }  # fmt: skip
        if self._password is not None:
            given["password"] = self._password
        if self._access.socket is not None:
            return given | {"host": self._access.socket, "port": self._access.port}
        host, port = self._reach.dial()
        return given | {
            "hostaddr": host, "host": self._reach.name, "port": port, "gssencmode": "disable",
            **self._tls(),
        }  # fmt: skip

    def _tls(self) -> dict[str, Any]:
        match self._access.tls:
            case Tls.PLAIN:  # whoever answers may ask for the password itself
                return {"sslmode": "disable", "require_auth": "!password"}
            case Tls.ENCRYPT:
                return {"sslmode": "require", **self._own_certificate()}
        return {
            "sslmode": "verify-full",
            "sslrootcert": authorities(self._access.tls_ca),
            **self._own_certificate(),
        }

    def _own_certificate(self) -> dict[str, Any]:
        if self._access.certificate is None:  # none of the files of our user's home
            return {"sslcert": os.devnull, "sslkey": os.devnull, "sslcertmode": "disable"}
        return {"sslcert": self._access.certificate, "sslkey": self._key.path}


def _is_lost(error: psycopg.OperationalError) -> bool:
    # an error without SQLSTATE is libpq's own; 08 is the connection, 57P01 to 57P05 its end
    state = error.sqlstate
    return state is None or state.startswith(("08", "57P"))


def _rest(
    first: Sequence[Any] | None,
    each: Generator[Any, None, None],
    connection: psycopg.Connection[Any],
) -> Iterator[Sequence[Any]]:
    """All rows; the transaction ends with the last, or where no more are taken."""
    whole = first is None
    try:
        if first is not None:
            yield first
            yield from each
            whole = True
    finally:
        with contextlib.suppress(psycopg.Error):  # a broken connection tells so where it is used
            if not whole:
                connection.cancel()  # else the rows that nobody takes are waited for
            each.close()
            connection.rollback()
