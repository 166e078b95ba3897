"""The lines of an answer to a `Sample`. Pure."""

from __future__ import annotations

import enum

import msgspec
from msgspec import Struct

from audit_core.api.sdk import Answer, ParseError, msg

LOG_LINES = "log"
"""As the type of a column: the lines of a log file."""


class State(enum.StrEnum):
    """How far a table was looked at.

    `MIXED`: parts of it lie on another server, which would be asked. `PARTLY`: columns may not be
    read. `HIDDEN_ROWS`: a rule of the server may hide rows. `SPARSE`:
    the sample hit no row. `LEFT_OUT`: the limits of the request were reached.
    """

    READ = "read"
    EMPTY = "empty"
    PARTLY = "partly"
    NOT_PERMITTED = "not_permitted"
    HIDDEN_ROWS = "hidden_rows"
    VIEW = "view"
    FOREIGN = "foreign"
    MIXED = "mixed"
    SPARSE = "sparse"
    BUSY = "busy"
    FAILED = "failed"
    LEFT_OUT = "left_out"


class Overview(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="line", tag="overview"
):
    """The database. `whole`: the list of its tables is complete, whatever may be read of them."""

    database: str
    whole: bool
    tables: int


class Table(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="line", tag="table"):
    """One table or view; `rows` were looked at."""

    schema: str
    name: str
    state: State
    rows: int = 0
    why: str = ""
    log: bool = False

    @property
    def full_name(self) -> str:
        """With the schema before it, where it has one."""
        return f"{self.schema}.{self.name}" if self.schema else self.name


class Found(Struct, frozen=True, kw_only=True):
    """How many values hold one kind of data; `whole` hold nothing else, `different` is at most 999.

    A value may hold several numbers: `candidates` have that length, `shaped` ones all of it but
    that the check digit may be wrong, `hits` all of it.
    """

    count: int
    whole: int
    different: int
    candidates: int
    shaped: int
    specimen: str
    hits: int


class Column(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="line", tag="column"):
    """What was counted in one column. `values` are those that are not empty.

    With a `key`, only in what its values (JSON, XML, lines of a log) hold under that name.
    `schemes` are how passwords are kept, where the column is declared or named to hold them.
    `repeated`: equal values came twice, other than empty ones.
    """

    schema: str
    table: str
    name: str
    type: str
    key: str = ""
    length: int | None = None
    read: bool = False
    values: int = 0
    empty: int = 0
    masked: int = 0
    opaque: int = 0
    digests: int = 0
    other: int = 0
    found: dict[str, Found] = {}
    schemes: dict[str, int] = {}
    repeated: bool = False

    @property
    def full_name(self) -> str:
        """With the schema and table before it, and the key behind it."""
        place = ".".join(filter(None, (self.schema, self.table, self.name)))
        return f"{place} {self.key}" if self.key else place

    @property
    def says(self) -> str:
        """The name that says what the values are."""
        return self.key or self.name


class Sampled(Struct, frozen=True, kw_only=True):
    """An answer: the database, its tables and their columns."""

    overview: Overview
    tables: tuple[Table, ...]
    columns: tuple[Column, ...]


Line = Overview | Table | Column
_DECODER = msgspec.json.Decoder(Line)


def encoded(line: Line) -> bytes:
    """The bytes of one line."""
    return msgspec.json.encode(line) + b"\n"


def sampled(answer: Answer) -> Sampled:
    """The answer to a `Sample`. ParseError where it is none."""
    lines = []
    for line in answer.stdout.splitlines():
        try:
            lines.append(_DECODER.decode(line))
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise ParseError(msg("not the counts that were asked for")) from error
    heads = [line for line in lines if isinstance(line, Overview)]
    if len(heads) != 1:
        raise ParseError(msg("not the counts that were asked for"))
    return Sampled(
        overview=heads[0],
        tables=tuple(line for line in lines if isinstance(line, Table)),
        columns=tuple(line for line in lines if isinstance(line, Column)),
    )
