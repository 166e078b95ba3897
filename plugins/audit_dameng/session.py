"""Sessions over dmPython. Runs in a worker process; the driver is imported nowhere else.

A native library of the vendor reads what the server sends. The process has a limit on memory, and
is ended where an answer does not come in time: nothing in the library itself does that.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import dmPython

from audit_core.model import ConnectionContext, SessionInfo, Status
from audit_dameng.access import DamengAccess
from audit_dameng.connect_errors import not_connected, number_of
from audit_database.query import Query
from audit_database.reach import Reach
from audit_database.sql_session import Failure, NotReading, Rows, SqlSession, each_row, only_reading

_LOGIN_MS = 10_000
_READING = ("SELECT", "WITH")
# no right on the object, or on the statement; an object that is not there, or not for us
_STATUS = {
    -5504: Status.NOT_PERMITTED, -5515: Status.NOT_PERMITTED, -5565: Status.NOT_PERMITTED,
    -2106: Status.NOT_PERMITTED, -2207: Status.UNSUPPORTED, -2111: Status.UNSUPPORTED,
    -2007: Status.UNSUPPORTED, -6407: Status.TIMED_OUT,
}  # fmt: skip
_LOST = frozenset({-6001, -6002, -6010, -6016})
_OF_CLIENT = -70000


def open(context: ConnectionContext) -> SqlSession:
    """A session in read-only transactions, over one login."""
    return SqlSession(_Server(context))


class _Server:
    """The connection to one server."""

    def __init__(self, context: ConnectionContext) -> None:
        self._access: DamengAccess = context.access
        password = context.secret(self._access.password) if self._access.password else ""
        self._reach = Reach(context)
        self._link: Any = None
        try:
            self._link = self._connected(password)
        except BaseException:
            self.close()
            raise
        self.info = SessionInfo(
            connector="dameng",
            user=self._access.user,
            address=self._reach.place,
            server=f"DM {getattr(self._link, 'server_version', '')}"[:200],
            through=self._reach.through,
        )

    def databases(self) -> Sequence[str]:
        """The one database of the server."""
        return ("",)

    def run(self, request: Query, database: str) -> Rows:
        """The result of the statement in a transaction that only reads."""
        only_reading(request.sql, _READING)
        if self._link is None:
            raise OSError("the connection was lost")
        cursor = self._link.cursor()
        cursor.execute("SET TRANSACTION READ ONLY")
        cursor.execute(request.sql)
        columns = [str(column[0]).lower() for column in cursor.description or ()]
        return Rows(columns=columns, each=each_row(cursor, self._end))

    def failure(self, error: Exception) -> Failure | None:
        """What an error of the driver means."""
        if isinstance(error, NotReading):
            return Failure(status=Status.UNSUPPORTED)
        if not isinstance(error, (dmPython.Error, dmPython.DatabaseError, OSError, ValueError)):
            return None
        number, _ = number_of(error)
        if number in _LOST or number <= _OF_CLIENT or not self._end():
            self._drop()
            return Failure(status=Status.UNREACHABLE, lost=True)
        return Failure(status=_STATUS.get(number, Status.MALFORMED))

    def text(self, error: Exception) -> str:
        """The error text of the server or driver."""
        return "only SELECT and WITH are sent" if isinstance(error, NotReading) else (
            number_of(error)[1]
        )  # fmt: skip

    def close(self) -> None:
        """Ends all connections. May be called twice."""
        self._drop()
        self._reach.close()

    def _end(self) -> bool:
        """Whether the connection can go on, after the transaction was ended."""
        if self._link is not None:
            try:
                self._link.rollback()
            except (dmPython.Error, OSError):
                self._drop()
        return self._link is not None

    def _drop(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            with contextlib.suppress(dmPython.Error, OSError):
                link.close()

    def _connected(self, password: str) -> Any:
        host, port = self._reach.dial()
        try:
            return dmPython.connect(
                user=self._access.user, password=password, server=host, port=port,
                autoCommit=False, login_timeout=_LOGIN_MS, app_name="dengbao",
            )  # fmt: skip
        except (dmPython.Error, OSError, ValueError, TypeError) as error:
            raise not_connected(error, self._reach.place) from error
