"""Sessions over psycopg. Runs in a worker process; the driver is imported nowhere else."""

from __future__ import annotations

import json
from typing import Any

import psycopg

from audit_core.api.sdk import Reason, msg
from audit_core.api.sessions import OneByOne
from audit_core.model import (
    ConnectError,
    ConnectionContext,
    Reply,
    Request,
    SessionInfo,
    Status,
    verbatim,
)
from postgres_plugin.offers import PostgresAccess
from postgres_plugin.query import Query

_REFUSED = ("28000", "28P01")  # invalid authorization, invalid password
_CONNECT_S = 10


def open(context: ConnectionContext) -> OneByOne:
    """A session in read-only transactions; one login."""
    access: PostgresAccess = context.access
    held: dict[str, psycopg.Connection[Any]] = {}

    def connection(database: str) -> psycopg.Connection[Any]:
        if database not in held:
            held[database] = _connected(context, access, database)
        return held[database]

    def answer(request: Request) -> Reply:
        assert isinstance(request, Query)
        return _answered(connection(request.database), request)

    def end() -> None:
        for each in held.values():
            each.close()

    info = connection("postgres").info
    return OneByOne(
        answer,
        SessionInfo(
            connector="example_db",
            user=access.user,
            address=f"{info.hostaddr}:{info.port}",
            server=f"PostgreSQL {info.parameter_status('server_version')}",
        ),
        end,
    )


def _connected(
    context: ConnectionContext, access: PostgresAccess, database: str
) -> psycopg.Connection[Any]:
    try:
        made = psycopg.connect(
            hostaddr=context.address(str(access.address)),
            port=access.port,
            user=access.user,
            password=context.secret(access.password),
            dbname=database,
            connect_timeout=_CONNECT_S,
            sslmode="prefer",
            options="-c default_transaction_read_only=on",
        )
    except psycopg.OperationalError as error:
        detail = verbatim(str(error).strip())
        if _is_refusal(error):
            raise ConnectError(
                Reason.NOT_PERMITTED, msg("the login was refused: {error}", error=detail),
                refused=True,
            ) from error  # fmt: skip
        raise ConnectError(
            Reason.UNREACHABLE, msg("no connection: {error}", error=detail)
        ) from error
    made.autocommit = True
    return made


def _is_refusal(error: psycopg.OperationalError) -> bool:
    # libpq tells of a refused connection in words only
    return error.sqlstate in _REFUSED or "password authentication failed" in str(error)


def _answered(connection: psycopg.Connection[Any], request: Query) -> Reply:
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = {request.timeout_s * 1000}")
            cursor.execute(request.sql)
            names = [column.name for column in cursor.description or ()]
            stdout, truncated = _rows(cursor, names, request.limit)
    except psycopg.errors.QueryCanceled:
        return Reply(request=request, status=Status.TIMED_OUT)
    except psycopg.errors.InsufficientPrivilege as error:
        why = msg("{error}", error=verbatim(str(error)))
        return Reply(request=request, status=Status.NOT_PERMITTED, detail=why)
    except psycopg.Error as error:
        why = msg("{error}", error=verbatim(str(error)))
        return Reply(request=request, status=Status.MALFORMED, detail=why)
    return Reply(request=request, stdout=stdout, truncated=truncated)


def _rows(cursor: psycopg.Cursor[Any], names: list[str], limit: int) -> tuple[bytes, bool]:
    found, size = [], 0
    for row in cursor:
        line = json.dumps(dict(zip(names, row, strict=True)), default=str).encode() + b"\n"
        size += len(line)
        found.append(line)
        if size > limit:
            return b"".join(found)[:limit], True
    return b"".join(found), False
