"""Sessions over oracledb in thin mode. Runs in a worker process; imported nowhere else."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import oracledb

from audit_core.model import ConnectionContext, SessionInfo, Status
from audit_database.bounded import TooLarge
from audit_database.client_tls import KeyText, tls_of
from audit_database.query import Query
from audit_database.reach import Reach, dialled
from audit_database.sql_session import Failure, NotReading, Rows, SqlSession, each_row, only_reading
from audit_oracle.access import OracleAccess
from audit_oracle.connect_errors import not_connected, number_of
from audit_oracle.driver import MALFORMED, Limits, SentElsewhere, dialling, verified_as

_CONNECT_S = 10
_LOGIN_S = 20
_GRACE_S = 5  # the driver ends a statement itself; after this the connection is given up
_LOGIN_BYTES = 1 << 20
_OVERHEAD = 1 << 20  # of an answer, beside its rows
_BATCH = 100
_READING = ("SELECT", "WITH")
_TIMEOUT = "DPY-4024"
# a view that the account may not see does not exist for it
_STATUS = {
    942: Status.NOT_PERMITTED, 1031: Status.NOT_PERMITTED, 41900: Status.NOT_PERMITTED,
    1013: Status.TIMED_OUT, 54: Status.TIMED_OUT, 30006: Status.TIMED_OUT,
    904: Status.UNSUPPORTED, 900: Status.UNSUPPORTED, 923: Status.UNSUPPORTED,
    933: Status.UNSUPPORTED, 936: Status.UNSUPPORTED, 1219: Status.NOT_PRESENT,
}  # fmt: skip
_LOST = frozenset({28, 1012, 1089, 1092, 2396, 2399, 3113, 3114, 3135, 12153, 12537, 12547, 12571})
_DRIVER = (oracledb.Error, OSError, TooLarge, SentElsewhere, *MALFORMED)

oracledb.defaults.fetch_lobs = False


def open(context: ConnectionContext) -> SqlSession:
    """A session in read-only transactions, over one login."""
    return SqlSession(_Server(context))


class _Server:
    """The connection to one database."""

    def __init__(self, context: ConnectionContext) -> None:
        self._access: OracleAccess = context.access
        password = context.secret(self._access.password) if self._access.password else ""
        self._limits = Limits()
        self._key = KeyText(self._access.key, context)
        self._reach = Reach(context)
        self._link: Any = None
        try:
            self._link = self._connected(password)
        except BaseException:
            self.close()
            raise
        self.info = SessionInfo(
            connector="oracle",
            user=self._access.user,
            address=self._reach.place,
            server=f"Oracle Database {self._link.version}"[:200],
            through=self._reach.through,
        )

    def databases(self) -> Sequence[str]:
        """The one database that was declared."""
        return (self._access.service,)

    def run(self, request: Query, database: str) -> Rows:
        """The result of the statement in a transaction that only reads."""
        only_reading(request.sql, _READING)
        if self._link is None:
            raise OSError("the connection was lost")
        # JSON makes a byte six at most; the rest is kept within the limit by who takes the rows
        self._limits.allow(request.timeout_s + _GRACE_S, 2 * request.limit + _OVERHEAD)
        self._link.call_timeout = request.timeout_s * 1000
        cursor = self._link.cursor()
        cursor.arraysize = cursor.prefetchrows = _BATCH
        cursor.execute("SET TRANSACTION READ ONLY")
        cursor.execute(request.sql)
        # unquoted names come in capitals
        columns = [str(column[0]).lower() for column in cursor.description or ()]
        return Rows(columns=columns, each=each_row(cursor, self._end))

    def failure(self, error: Exception) -> Failure | None:
        """What an error of the driver means."""
        if isinstance(error, NotReading):
            return Failure(status=Status.UNSUPPORTED)
        number, text = number_of(error)
        if isinstance(error, oracledb.Error) and text.startswith(_TIMEOUT):
            return Failure(status=Status.TIMED_OUT, lost=not self._end())
        if isinstance(error, oracledb.Error) and number and number not in _LOST and self._end():
            return Failure(status=_STATUS.get(number, Status.MALFORMED))
        if isinstance(error, _DRIVER):
            self._drop()  # where its protocol stands is unknown
            return Failure(status=Status.UNREACHABLE if number else Status.MALFORMED, lost=True)
        return None

    def text(self, error: Exception) -> str:
        """The error text of the server or driver."""
        if isinstance(error, NotReading):
            return "only SELECT and WITH are sent"
        if isinstance(error, TooLarge):
            return "an answer larger than is read"
        if isinstance(error, oracledb.Error):
            return number_of(error)[1]
        return f"not the protocol of Oracle: {error}"

    def close(self) -> None:
        """Ends all connections. May be called twice."""
        self._drop()
        self._reach.close()
        self._key.close()

    def _end(self) -> bool:
        """Whether the connection can go on, after the transaction was ended."""
        if self._link is not None:
            self._limits.allow(_GRACE_S, _OVERHEAD)
            try:
                self._link.rollback()
            except _DRIVER:
                self._drop()
        return self._link is not None

    def _drop(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            self._limits.allow(1, _OVERHEAD)
            with contextlib.suppress(*_DRIVER):
                link.close()

    def _connected(self, password: str) -> Any:
        host, port = self._reach.dial()
        tls = tls_of(self._access, self._key.path)
        if tls is not None:
            tls = verified_as(tls, self._reach.name, self._limits)
        self._limits.allow(_LOGIN_S, _LOGIN_BYTES)
        place = (host, port)
        try:
            with dialling(lambda: dialled(place, _CONNECT_S), place, self._limits):
                return oracledb.connect(
                    user=self._access.user, password=password, host=host, port=port,
                    service_name=self._access.service, protocol="tcp" if tls is None else "tcps",
                    ssl_context=tls, ssl_server_dn_match=False, tcp_connect_timeout=_CONNECT_S,
                    retry_count=0, disable_oob=True, stmtcachesize=0, program="dengbao",
                    machine="dengbao", osuser="dengbao", terminal="dengbao", driver_name="dengbao",
                )  # fmt: skip
        except _DRIVER as error:
            raise not_connected(error, self._reach.place) from error
