"""The bytes of an answer to a query: one JSON value in each line. Pure.

The first line holds the names of the columns, each other line one row as an array. Where several
databases are asked, a line `{"database": NAME}` is before the rows of each, and a line
`{"failed": NAME, "error": TEXT}` stands for one that did not answer.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from audit_core.api.sdk import Answer, Message, ParseError, Partial, few, json_value, msg, verbatim

S = TypeVar("S", bound=Struct)

_NOT_ROWS = msg("not the requested rows")
DATABASE = "database"
_PROBLEMS = 20  # of rows that cannot be read, as many as are reported one by one


def encoded_columns(names: list[str]) -> bytes:
    """The line with the names of the columns."""
    return _line({"columns": names})


def encoded_row(row: Any) -> bytes:
    """The line of one row; values that JSON does not know are texts."""
    return _line([_plain(value) for value in row])


def encoded_database(name: str) -> bytes:
    """The line before the rows of the database `name`."""
    return _line({DATABASE: name})


def encoded_failure(name: str, error: str) -> bytes:
    """The line for the database `name`, which did not answer."""
    return _line({"failed": name, "error": error[:500]})


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=True, allow_nan=False).encode() + b"\n"


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if value == value and abs(value) != float("inf") else str(value)
        case bytes() | bytearray() | memoryview():
            return bytes(value).decode("utf-8", "backslashreplace")
        case list() | tuple():
            return [_plain(each) for each in value]
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case datetime.timedelta():
            return value.total_seconds()
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
    return str(value)


def rows_as(type_: type[S]) -> Callable[[Answer], tuple[S, ...] | Partial]:
    """A parser: each row as a `type_`, whose fields are named as the columns.

    A field `database` that no column is named after is the database that was asked. A row that
    does not fit, and a database that did not answer, make the value incomplete.
    """

    def parse(answer: Answer) -> tuple[S, ...] | Partial:
        found: list[S] = []
        problems: list[Message] = []
        for number, row in enumerate(_rows(answer), 1):
            if isinstance(row, Message):
                problems.append(row)
                continue
            try:
                found.append(msgspec.convert(row, type_))
            except msgspec.ValidationError as error:
                why = verbatim(str(error))
                problems.append(msg("row {number} cannot be read: {why}", number=number, why=why))
        if problems:
            return Partial(value=tuple(found), problems=few(problems, _PROBLEMS))
        return tuple(found)

    return parse


def only_row(type_: type[S]) -> Callable[[Answer], S]:
    """A parser of an answer that has exactly one row; ParseError where it has not."""
    every = rows_as(type_)

    def parse(answer: Answer) -> S:
        found = every(answer)
        if isinstance(found, Partial):
            raise ParseError(found.problems[0])
        if len(found) != 1:
            raise ParseError(msg("{count} rows instead of one", count=len(found)))
        return found[0]

    return parse


def _rows(answer: Answer) -> Iterator[dict[str, Any] | Message]:
    """Each row by column; a message for each database that failed. ParseError where it is none."""
    columns: list[str] | None = None
    asked: dict[str, Any] = {}
    for line in answer.lines:
        match json_value(line, _NOT_ROWS):
            case {"columns": list(names)}:
                columns = [str(name) for name in names]
            case {"database": str(name)}:
                asked = {DATABASE: name}
            case {"failed": str(name), "error": str(error)}:
                yield msg("the database {name} did not answer: {error}",
                          name=verbatim(name), error=verbatim(error))  # fmt: skip
            case list(values) if columns is not None and len(values) == len(columns):
                yield asked | dict(zip(columns, values, strict=True))
            case _:
                raise ParseError(_NOT_ROWS)
    if columns is None and answer.stdout == b"":
        raise ParseError(_NOT_ROWS)
