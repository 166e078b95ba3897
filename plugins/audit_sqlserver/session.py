"""Sessions over python-tds. Runs in a worker process; the driver is imported nowhere else."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator, Sequence
from typing import Any

from pytds import tds_base

from audit_core.model import ConnectionContext, SessionInfo, Status
from audit_database.bounded import Bounded, TooLarge
from audit_database.client_tls import tls_of
from audit_database.query import Query
from audit_database.reach import Reach, dialled
from audit_database.sql_session import Failure, NotReading, Rows, SqlSession, only_reading
from audit_sqlserver.access import SqlserverAccess
from audit_sqlserver.connect_errors import not_connected
from audit_sqlserver.driver import MALFORMED, Link, NoTls, SentElsewhere, TlsOnly

_CONNECT_S = 10
_LOGIN_S = 20
_LOGIN_BYTES = 1 << 20
_OVERHEAD = 1 << 20  # of an answer, beside its rows
_LOCK_MS = 2000
_READING = ("SELECT", "WITH")
# For this session only, and without a right. There is no transaction that only reads: each
# statement is undone, and the account is granted nothing that writes.
_SESSION = (
    f"SET NOCOUNT ON; SET LOCK_TIMEOUT {_LOCK_MS}; SET DEADLOCK_PRIORITY LOW; "
    "SET IMPLICIT_TRANSACTIONS OFF; SET XACT_ABORT ON"
)
_DATABASES = (
    "SELECT name FROM sys.databases WHERE state = 0 AND database_id > 4 "
    "AND source_database_id IS NULL ORDER BY name"
)
_STATUS = {
    1222: Status.TIMED_OUT, 1205: Status.TIMED_OUT,
    229: Status.NOT_PERMITTED, 230: Status.NOT_PERMITTED, 262: Status.NOT_PERMITTED,
    297: Status.NOT_PERMITTED, 300: Status.NOT_PERMITTED, 916: Status.NOT_PERMITTED,
    371: Status.NOT_PERMITTED, 15562: Status.NOT_PERMITTED,
    208: Status.NOT_PRESENT, 911: Status.NOT_PRESENT, 942: Status.NOT_PRESENT,
    927: Status.NOT_PRESENT, 922: Status.NOT_PRESENT,
    207: Status.UNSUPPORTED, 102: Status.UNSUPPORTED, 156: Status.UNSUPPORTED,
    195: Status.UNSUPPORTED, 2812: Status.UNSUPPORTED,
}  # fmt: skip
_FATAL = 20  # from this severity on the server ends the connection
_DRIVER = (tds_base.Error, OSError, TooLarge, NoTls, TlsOnly, SentElsewhere, *MALFORMED)


def open(context: ConnectionContext) -> SqlSession:
    """A session over one login."""
    return SqlSession(_Server(context))


class _Server:
    """The connection to one server."""

    def __init__(self, context: ConnectionContext) -> None:
        self._access: SqlserverAccess = context.access
        password = context.secret(self._access.password) if self._access.password else ""
        self._reach = Reach(context)
        self._link: Link | None = None
        try:
            self._link = self._connected(password)
        except BaseException:
            self.close()
            raise
        self.info = SessionInfo(
            connector="sqlserver",
            user=self._access.user,
            address=self._reach.place,
            server=self._link.product[:200],
            through=self._reach.through,
        )

    def databases(self) -> Sequence[str]:
        """The databases that are online, without those of the server itself.

        Also those that refuse the account: each such answer is incomplete.
        """
        return [str(row[0]) for row in self.run(Query(sql=_DATABASES), "").each]

    def run(self, request: Query, database: str) -> Rows:
        """The result of the statement, within the limits on time, locks and bytes."""
        only_reading(request.sql, _READING)
        link, seconds = self._held(), request.timeout_s
        name = (database or "master").replace("]", "]]")
        before = f"USE [{name}]; SET ROWCOUNT {request.rows + 1}; BEGIN TRANSACTION"
        link.run(before, seconds, _OVERHEAD)
        # JSON makes a byte six at most; the rest is kept within the limit by who takes the rows
        columns = link.select(request.sql, seconds, 2 * request.limit + _OVERHEAD)
        return Rows(columns=columns, each=self._rest(link))

    def _rest(self, link: Link) -> Iterator[Sequence[Any]]:
        """All rows; what is not taken is broken off."""
        try:
            yield from link.rows()
        finally:
            self._end()

    def failure(self, error: Exception) -> Failure | None:
        """What an error of the driver means."""
        match error:
            case NotReading():
                return Failure(status=Status.UNSUPPORTED)
            case TimeoutError():
                return Failure(status=Status.TIMED_OUT, lost=not self._end())
            case TooLarge():
                return Failure(status=Status.MALFORMED, lost=not self._end())
            case tds_base.DatabaseError() if error.msg_no:
                if error.severity >= _FATAL or not self._end():
                    self._drop()
                    return Failure(status=Status.UNREACHABLE, lost=True)
                return Failure(status=_STATUS.get(error.msg_no, Status.MALFORMED))
        if isinstance(error, _DRIVER):
            self._drop()  # where its protocol stands is unknown
            return Failure(status=Status.MALFORMED, lost=True)
        return None

    def text(self, error: Exception) -> str:
        """The error text of the server or driver."""
        match error:
            case NotReading():
                return "only SELECT and WITH are sent"
            case TimeoutError():
                return "the time for the statement is over"
            case TooLarge():
                return "an answer larger than is read"
            case tds_base.DatabaseError() if error.msg_no:
                return f"{error.text} ({error.msg_no})"
        return f"not the protocol of SQL Server: {error}"

    def close(self) -> None:
        """Ends all connections. May be called twice."""
        self._drop()
        self._reach.close()

    def _held(self) -> Link:
        if self._link is None:
            raise OSError("the connection was lost")
        return self._link

    def _end(self) -> bool:
        """Whether the connection can go on, after what is under way was broken off."""
        if self._link is not None:
            try:
                self._link.end()
            except _DRIVER:
                self._drop()
        return self._link is not None

    def _drop(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            with contextlib.suppress(OSError):
                link.close()

    def _connected(self, password: str) -> Link:
        try:
            tls = self._tls()
            socket = Bounded(dialled(self._reach.dial(), _CONNECT_S))
            self._link = link = Link(socket, self._access.user, password, tls, self._reach.name)
            link.log_in(_LOGIN_S, _LOGIN_BYTES)
            link.run(_SESSION, _LOGIN_S, _LOGIN_BYTES)
        except _DRIVER as error:
            raise not_connected(error, self._reach.place) from error
        return link

    def _tls(self) -> ssl.SSLContext | None:
        made = tls_of(self._access, None)
        if made is not None:
            # within packets of TDS 7 the handshake ends with the server, as in TLS 1.2
            made.maximum_version = ssl.TLSVersion.TLSv1_2
        return made
