"""Sessions over PyMySQL. Runs in a worker process; the driver is imported nowhere else."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pymysql
from pymysql.constants import CR, ER
from pymysql.cursors import SSCursor

from audit_core.model import ConnectionContext, SessionInfo, Status
from audit_database.client_tls import KeyText, tls_of
from audit_database.query import Query
from audit_database.reach import Reach, dialled
from audit_database.sql_session import Failure, NotReading, Rows, SqlSession, only_reading
from audit_mysql.access import MysqlAccess
from audit_mysql.connect_errors import not_connected
from audit_mysql.dialect import DIALECT
from audit_mysql.driver import (
    MALFORMED,
    Link,
    NoTls,
    ReadableLogin,
    TooLarge,
)

_CONNECT_S = 10
_LOGIN_S = 20
_LOCK_S = 2
_GRACE_S = 5  # the server ends a statement itself; after this the connection is given up
_LOGIN_BYTES = 1 << 20
_REST = 1 << 20  # of an answer that is not taken; more costs a login
_OVERHEAD = 1 << 20  # of an answer, beside its rows
_DATABASES = (
    "SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN "
    "('information_schema', 'performance_schema', 'mysql', 'sys') ORDER BY schema_name"
)
# Each holds for this session only and needs no right.
_SESSION = (
    "SET SESSION sql_mode = ''", "SET SESSION TRANSACTION READ ONLY",
    f"SET SESSION lock_wait_timeout = {_LOCK_S}",
    f"SET SESSION innodb_lock_wait_timeout = {_LOCK_S}",
)  # fmt: skip
_LIMITS = ("max_statement_time = {seconds}", "max_execution_time = {milliseconds}")
"""How MariaDB and MySQL limit the time of a statement; 5.6 does neither."""
_READING = ("SELECT", "SHOW", "WITH")

_STATUS = {
    ER.LOCK_WAIT_TIMEOUT: Status.TIMED_OUT, 1969: Status.TIMED_OUT, 3024: Status.TIMED_OUT,
    ER.QUERY_INTERRUPTED: Status.TIMED_OUT,
    ER.DBACCESS_DENIED_ERROR: Status.NOT_PERMITTED, ER.ACCESS_DENIED_ERROR: Status.NOT_PERMITTED,
    ER.TABLEACCESS_DENIED_ERROR: Status.NOT_PERMITTED,
    ER.COLUMNACCESS_DENIED_ERROR: Status.NOT_PERMITTED,
    ER.SPECIFIC_ACCESS_DENIED_ERROR: Status.NOT_PERMITTED,
    ER.NO_SUCH_TABLE: Status.NOT_PRESENT, ER.BAD_DB_ERROR: Status.NOT_PRESENT,
    ER.UNKNOWN_TABLE: Status.NOT_PRESENT, ER.NO_BINARY_LOGGING: Status.NOT_PRESENT,
    ER.BAD_FIELD_ERROR: Status.UNSUPPORTED, ER.SP_DOES_NOT_EXIST: Status.UNSUPPORTED,
    ER.UNKNOWN_SYSTEM_VARIABLE: Status.UNSUPPORTED, ER.PARSE_ERROR: Status.UNSUPPORTED,
}  # fmt: skip
_LOST = frozenset({0, CR.CR_SERVER_LOST, CR.CR_SERVER_GONE_ERROR, 1053, 1927, 4031})


def open(context: ConnectionContext) -> SqlSession:
    """A session in read-only transactions, over one login."""
    return SqlSession(_Server(context), DIALECT)


class _Server:
    """The connection to one server."""

    def __init__(self, context: ConnectionContext) -> None:
        self._access: MysqlAccess = context.access
        self._password = context.secret(self._access.password) if self._access.password else ""
        self._held: Link | None = None
        self._limit: str | None = None
        self._key = KeyText(self._access.key, context)
        self._reach = Reach(context)
        try:
            version = self._connection().get_server_info()
        except BaseException:
            self.close()
            raise
        product = "MariaDB" if "mariadb" in version.lower() else "MySQL"
        self.info = SessionInfo(
            connector="mysql",
            user=self._access.user,
            address=self._reach.place,
            server=f"{product} {version.removeprefix('5.5.5-')}"[:200],
            through=self._reach.through,
        )

    def databases(self) -> Sequence[str]:
        """The databases that the account sees, without those of the server itself."""
        found = self.run(Query(sql=_DATABASES), "")
        return [str(row[0]) for row in found.each]

    def run(self, request: Query, database: str) -> Rows:
        """The result of the statement; the server takes no second one in it."""
        only_reading(request.sql, _READING)
        link = self._connection()
        link.deadline = time.monotonic() + request.timeout_s + _GRACE_S
        # JSON makes a byte six at most; the rest is told by the limit on what is kept
        link.budget = 2 * request.limit + _OVERHEAD
        _limit_time(link, self._limit, request.timeout_s)
        _execute(link, f"SET SESSION sql_select_limit = {request.rows + 1}")
        if database:
            link.select_db(database)
        _execute(link, "START TRANSACTION READ ONLY")
        cursor = link.cursor()
        cursor.execute(request.sql)
        columns = [str(column[0]) for column in cursor.description or ()]
        return Rows(columns=columns, each=self._rest(cursor, link))

    def _rest(self, cursor: Any, link: Link) -> Iterator[Sequence[Any]]:
        """All rows. Where no more are taken the rest is read if it is small, else given up."""
        try:
            while (row := cursor.fetchone()) is not None:
                yield row
        finally:
            self._finish(cursor, link)

    def _finish(self, cursor: Any, link: Link) -> None:
        if self._held is not link:
            return
        link.budget = _REST
        try:
            while cursor.fetchone() is not None:
                pass
            link.rollback()
        except (pymysql.err.Error, OSError, TooLarge, *MALFORMED):
            self._drop()

    def failure(self, error: Exception) -> Failure | None:
        """What an error of the driver means."""
        match error:
            case NotReading():
                return Failure(status=Status.UNSUPPORTED)
            case TooLarge():
                self._drop()
                return Failure(status=Status.MALFORMED)
            case pymysql.err.Error(args=(int(number), *_)):
                if number in _LOST:
                    self._drop()
                    return Failure(status=Status.UNREACHABLE, lost=True)
                self._end()
                return Failure(status=_STATUS.get(number, Status.MALFORMED))
        if isinstance(error, (pymysql.err.Error, OSError, *MALFORMED)):
            self._drop()  # where its protocol stands is unknown
            return Failure(status=Status.MALFORMED, lost=True)
        return None

    def text(self, error: Exception) -> str:
        """The error text of the server or driver."""
        match error:
            case NotReading():
                return "only SELECT, SHOW and WITH are sent"
            case TooLarge():
                return "an answer larger than is read"
            case pymysql.err.Error(args=(int(number), error_text, *_)):
                return f"{error_text} ({number})"
        return f"not the protocol of MySQL: {error}"

    def close(self) -> None:
        """Ends all connections. May be called twice."""
        self._drop()
        self._reach.close()
        self._key.close()

    def _end(self) -> None:
        if self._held is not None:
            with contextlib.suppress(pymysql.err.Error, OSError):
                self._held.rollback()

    def _drop(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            held.leave()

    def _connection(self) -> Link:
        if self._held is None:
            self._held = self._connected()
        return self._held

    def _connected(self) -> Link:
        try:
            link = self._link()
            link.deadline, link.budget = time.monotonic() + _LOGIN_S, _LOGIN_BYTES
            link.connect(dialled(self._access.socket or self._reach.dial(), _CONNECT_S))
            for statement in _SESSION:
                _execute(link, statement)
            self._limit = self._limit or _time_limit(link)
        except (pymysql.err.Error, OSError, NoTls, ReadableLogin, TooLarge, *MALFORMED) as error:
            raise not_connected(error, self._reach.place) from error
        return link

    def _link(self) -> Link:
        tls = tls_of(self._access, self._key.path)
        given: dict[str, Any] = {"ssl": tls} if tls is not None else {"ssl_disabled": True}
        return Link(
            encrypted=tls is not None or self._access.socket is not None,
            user=self._access.user,
            password=self._password.encode(),  # PyMySQL would write it in Latin-1
            host=self._reach.name,  # for its certificate; the socket is connected already
            charset="utf8mb4",
            cursorclass=SSCursor,
            autocommit=None,
            local_infile=False,
            program_name="dengbao",
            **given,
        )


def _execute(link: Link, statement: str) -> None:
    with link.cursor() as cursor:
        cursor.execute(statement)


def _limit_time(link: Link, limit: str | None, seconds: int) -> None:
    if limit is not None:
        setting = limit.format(seconds=seconds, milliseconds=seconds * 1000)
        _execute(link, f"SET SESSION {setting}")


def _time_limit(link: Link) -> str | None:
    """How this server limits the time of a statement; None where it cannot."""
    for limit in _LIMITS:
        try:
            _limit_time(link, limit, _LOGIN_S)
        except pymysql.err.OperationalError as error:
            if error.args[0] != ER.UNKNOWN_SYSTEM_VARIABLE:
                raise
        else:
            return limit
    return None
