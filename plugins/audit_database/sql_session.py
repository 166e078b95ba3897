"""Sessions that ask SQL, the same for each driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from audit_core.api.declared_files import Unreadable
from audit_core.model import (
    Closing,
    ConnectError,
    Message,
    Permission,
    Reason,
    Reply,
    Request,
    SessionInfo,
    Status,
    msg,
)
from audit_database.connect_errors import error_verbatim
from audit_database.data.dialect import Dialect
from audit_database.data.requests import Sample
from audit_database.data.rules import Rules, applied
from audit_database.data.sampling import QueryRunner, sampled
from audit_database.query import EVERY, Query
from audit_database.rows import encoded_database, encoded_failure

DATABASES = 64
"""Of the databases of a server, as many as are asked one by one."""


class Rows(Struct, frozen=True, kw_only=True):
    """The columns of a result, and its rows as they come in."""

    columns: list[str]
    each: Iterator[Sequence[Any]]


class Failure(Struct, frozen=True, kw_only=True):
    """What an error of the driver means: the state of the answer; `lost`: so is the connection."""

    status: Status
    lost: bool = False


class Server(Protocol):
    """One logged-in server, as a plugin wraps its driver. Reading only, whatever the statement."""

    info: SessionInfo

    def databases(self) -> Sequence[str]:
        """The databases that the account may connect to."""

    def run(self, request: Query, database: str) -> Rows:
        """The result of a statement in `database`, within the limits on time and locks."""

    def failure(self, error: Exception) -> Failure | None:
        """What `error` means; None for one that is not of the driver."""

    def text(self, error: Exception) -> str:
        """The error text of the server or the driver."""

    def close(self) -> None:
        """Ends all connections. May be called twice."""


class NotReading(Exception):
    """A statement that does not begin as one that reads."""


def only_reading(sql: str, beginnings: Sequence[str]) -> None:
    """Raises NotReading where `sql` begins with none of `beginnings`, which are capitals."""
    if sql.split(None, 1)[0].upper() not in beginnings:
        raise NotReading


def each_row(cursor: Any, end: Callable[[], object]) -> Iterator[Sequence[Any]]:
    """All rows of a cursor; then, or where no more are taken, `end` is called."""
    try:
        while (row := cursor.fetchone()) is not None:
            yield row
    finally:
        end()


class LoginSession(Closing):
    """A session that learns only from each answer what its account may not see."""

    def permitted(self, requests: Sequence[Request]) -> Permission:
        """That the login works: nothing is found out without asking."""
        return Permission(detail=msg("logged in"))


class SqlSession(LoginSession):
    """Asks one statement after the other. One thread uses it at a time.

    With a `dialect` it also looks at the rows of tables, and tells counts.
    """

    def __init__(self, server: Server, dialect: Dialect | None = None) -> None:
        self.info = server.info
        self._server = server
        self._dialect = dialect

    def ask(self, requests: Sequence[Request]) -> Iterator[Reply]:
        """The reply to each of `requests`, in order; ConnectError where the session is lost."""
        for request in requests:
            if isinstance(request, Query):
                yield self._answer(request)
            elif isinstance(request, Sample) and self._dialect is not None:
                yield self._counted(request, sampled(request, self._dialect, self._runner()))
            elif isinstance(request, Rules) and self._dialect is not None:
                yield self._counted(request, applied(request, self._dialect, self._runner()))
            else:
                yield Reply(request=request, status=Status.UNSUPPORTED)

    def close(self) -> None:
        """Ends the session. May be called twice."""
        self._server.close()

    def _answer(self, request: Query) -> Reply:
        taken = _Taken(request)
        try:
            if request.database == EVERY:
                self._every(request, taken)
            else:
                taken.rows(self._server.run(request, request.database))
        except Unreadable as error:  # the rows are not those that the request is for
            return Reply(request=request, status=Status.MALFORMED, detail=error.detail)
        except Exception as error:  # noqa: BLE001 (what is not of the driver is raised again)
            return self._failed(request, error)
        return Reply(request=request, stdout=b"".join(taken.lines), truncated=taken.full)

    def _counted(self, request: Request, lines: Iterator[bytes]) -> Reply:
        found = b""
        try:
            for line in lines:
                if len(found) + len(line) > request.limit:
                    return Reply(request=request, stdout=found, truncated=True)
                found += line
        except msgspec.ValidationError as error:  # a catalogue unlike that of the product
            return Reply(request=request, status=Status.MALFORMED, detail=error_message(str(error)))
        except Exception as error:  # noqa: BLE001 (what is not of the driver is raised again)
            return self._failed(request, error)
        return Reply(request=request, stdout=found)

    def _runner(self) -> QueryRunner:
        def failed(error: Exception) -> tuple[Status, str] | None:
            failure = self._server.failure(error)
            if failure is None or failure.lost:
                return None
            return failure.status, self._server.text(error)

        def rows(query: Query) -> tuple[list[str], Iterator[Sequence[Any]]]:
            found = self._server.run(query, query.database)
            return found.columns, found.each

        return QueryRunner(rows=rows, failed=failed)

    def _every(self, request: Query, taken: _Taken) -> None:
        names = self._server.databases()
        for name in names[:DATABASES]:
            if taken.full:
                return
            try:
                found = self._server.run(request, name)
                taken.add(encoded_database(name))
                taken.rows(found)
            except Exception as error:
                failure = self._server.failure(error)
                if failure is None or failure.lost:
                    raise
                taken.add(encoded_failure(name, self._server.text(error)))
        for name in names[DATABASES:]:
            taken.add(encoded_failure(name, f"only the first {DATABASES} databases are asked"))

    def _failed(self, request: Request, error: Exception) -> Reply:
        failure = self._server.failure(error)
        if failure is None:
            raise error
        error_text = error_message(self._server.text(error))
        if failure.lost:
            raise ConnectError(Reason.UNREACHABLE, error_text) from error
        grants = self._grants(request)
        if failure.status is Status.NOT_PERMITTED and grants:
            error_text = with_grants(error_text, "; ".join(grants))
        return Reply(request=request, status=failure.status, detail=error_text)

    def _grants(self, request: Request) -> tuple[str, ...]:
        """What would let the account ask `request`."""
        if not isinstance(request, Query):
            return ()
        user = self.info.user
        if request.reads and self._dialect is not None:
            return self._dialect.table_grants(request.database, request.reads, user)
        return tuple(text.replace("{user}", user) for text in request.grants)


class _Taken:
    """The lines of an answer, up to its limits; `full` where something had to be left out."""

    def __init__(self, request: Query) -> None:
        self.lines: list[bytes] = []
        self.full = False
        self._request = request
        self._bytes, self._rows = request.limit, request.rows

    def add(self, line: bytes) -> None:
        self._bytes -= len(line)
        if self._bytes < 0:
            self.full = True
        else:
            self.lines.append(line)

    def rows(self, found: Rows) -> None:
        for line in self._request.lines(found.columns, self._counted(found.each)):
            self.add(line)

    def _counted(self, rows: Iterator[Sequence[Any]]) -> Iterator[Sequence[Any]]:
        for row in rows:
            if self._rows == 0 or self.full:
                self.full = True
                return
            self._rows -= 1
            yield row


def with_grants(error: Message, grants: str) -> Message:
    """The error of a question that the account may not ask, and what would let it."""
    return msg("{error}; it needs: {grants}", error=error, grants=grants)


def error_message(words: str) -> Message:
    """The error text of a server as a message: verbatim, at most 500 characters."""
    return msg("{error}", error=error_verbatim(words))
