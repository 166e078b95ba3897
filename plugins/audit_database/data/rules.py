"""Rules of data quality: the request, how a session applies them, and the lines of its answer."""

from __future__ import annotations

import datetime
import enum
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, ClassVar

import msgspec
from msgspec import Struct, structs

from audit_core.api.sdk import Answer, ParseError
from audit_core.model import Message, Request, Status, msg
from audit_database.data.dialect import Dialect, Holds, Listed
from audit_database.data.identify import Data, look_at
from audit_database.data.sampling import QueryRunner
from audit_database.query import Query

_LARGE = 64 << 20
"""A table of more bytes is not read as a whole, unless an index has the column."""
_STATEMENT_S = 15
_LONGEST = 256  # of a value that a pattern is tried on
_CATALOGUE_ROWS = 50_000


class Kind(enum.StrEnum):
    """The rules: see the field docs of `Rule`."""

    FILLED = "filled"
    FORMAT = "format"
    CHECK = "check"
    CODES = "codes"
    CURRENT = "current"
    UNIQUE = "unique"
    GAPS = "gaps"
    REFERENCE = "reference"
    FRESH = "fresh"
    COUNT = "count"
    SUM = "sum"
    SQL = "sql"


BY_ROW = (Kind.FILLED, Kind.FORMAT, Kind.CHECK, Kind.CODES, Kind.CURRENT)
"""Rules that each value is held to; of a large table a sample is."""


class Rule(Struct, frozen=True, kw_only=True):
    """One rule, on a column or, COUNT, on a table; SQL is a statement of the operator.

    FILLED: neither NULL nor empty. FORMAT: all of it matches `pattern`. CHECK: the number of the
    kind `data` has the right check digit. CODES: one of `codes`. CURRENT: no day before today.
    UNIQUE: no value twice. GAPS: whole numbers without gap. REFERENCE: each value is in `of_column`
    of `of_table`. FRESH: how old the newest value is. COUNT and SUM give a figure. SQL: the first
    value of the first row is the number of rows that break it.
    """

    name: str
    kind: Kind
    table: str = ""
    column: str = ""
    schema: str | None = None
    data: Data | None = None
    pattern: str = ""
    codes: tuple[str, ...] = ()
    of_table: str = ""
    of_column: str = ""
    of_schema: str | None = None
    sql: str = ""


class Rules(Request, frozen=True, kw_only=True, tag="data-rules"):
    """How many values of a database break each rule. Values are looked at and forgotten.

    `rows` are taken of a table where each value is looked at.
    """

    evidence_kind: ClassVar[str] = "data_rules"
    evidence_title: ClassVar[Message] = msg("rules of data quality, counted")
    bounds: ClassVar[tuple[str, ...]] = (*Request.bounds, "rows")
    waiting: ClassVar[frozenset[str]] = Request.waiting | {*bounds}

    rules: tuple[Rule, ...]
    database: str = ""
    rows: int = 50_000
    timeout_s: int = 180

    def describe(self) -> str:
        """The database, and the rules by name."""
        return f"{self.database or '-'}: rules {', '.join(rule.name for rule in self.rules)}"

    def short(self) -> Message:
        """What is counted, and where."""
        return msg("rules on data in {database}", database=self.database or "-")

    def place(self) -> str:
        """The database; nothing where the target is the only one."""
        return self.database


class State(enum.StrEnum):
    """Whether a rule was applied, or why not."""

    APPLIED = "applied"
    MISSING = "missing"
    SEVERAL = "several"
    NOT_PERMITTED = "not_permitted"
    HIDDEN_ROWS = "hidden_rows"
    TOO_LARGE = "too_large"
    BUSY = "busy"
    FAILED = "failed"


class Result(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a rule gave: `bad` of `checked` values; `whole` where all rows were looked at.

    Of UNIQUE, GAPS, REFERENCE and SQL only `bad` is known, at most 1000. `age_s` and `age_utc_s` is
    how old the newest value is, in the time of the server and in UTC. `specimen` is the shape of
    the first bad value.
    """

    name: str
    state: State = State.APPLIED
    checked: int = 0
    bad: int = 0
    whole: bool = True
    age_s: float | None = None
    age_utc_s: float | None = None
    figure: str | None = None
    specimen: str = ""
    why: str = ""


_DECODER = msgspec.json.Decoder(Result)


def results(answer: Answer) -> tuple[Result, ...]:
    """The answer to `Rules`: a result for each rule. ParseError where it is none."""
    try:
        return tuple(_DECODER.decode(line) for line in answer.stdout.splitlines())
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ParseError(msg("not the counts that were asked for")) from error


def applied(request: Rules, dialect: Dialect, runner: QueryRunner) -> Iterator[bytes]:
    """The lines of the answer, one for each rule."""
    applying = _Applying(request, dialect, runner)
    for rule in request.rules:
        yield msgspec.json.encode(applying.result(rule)) + b"\n"


class _Stop(Exception):
    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.state = state


class _Applying:
    def __init__(self, request: Rules, dialect: Dialect, runner: QueryRunner) -> None:
        self._request, self._dialect, self._runner = request, dialect, runner
        self._until = runner.clock() + request.timeout_s * 0.9
        self._listed: list[Listed] | None = None

    def result(self, rule: Rule) -> Result:
        """What `rule` gives; errors of the server stay with it."""
        made = Result(name=rule.name)
        if self._runner.clock() > self._until:
            return structs.replace(made, state=State.BUSY)
        try:
            return _HOW[rule.kind](self, rule, made)
        except _Stop as stop:
            return structs.replace(made, state=stop.state)
        except Exception as error:
            failed = self._runner.failed(error)
            if failed is None:
                raise
            state = _FAILED.get(failed[0], State.FAILED)
            return structs.replace(made, state=state, why=failed[1][:200])

    # --- what is there --------------------------------------------------------------------------

    def _column(self, table: str, column: str, schema: str | None) -> Listed:
        """The column of that name, any of the table for an empty one; _Stop where there is none."""
        if self._listed is None:
            sql = self._dialect.catalogue()
            self._listed = [
                msgspec.convert(row, Listed, strict=False)
                for row in self._dicts(sql, _CATALOGUE_ROWS)
            ]
        found = [
            each for each in self._listed
            if each.table == table and each.column == (column or each.column)
            and each.schema == (schema or each.schema)
        ]  # fmt: skip
        if not found:
            raise _Stop(State.MISSING)
        if len({each.schema for each in found}) > 1:
            raise _Stop(State.SEVERAL)
        if not found[0].readable:
            raise _Stop(State.NOT_PERMITTED)
        if not found[0].whole or found[0].holds is not Holds.TABLE:
            raise _Stop(State.HIDDEN_ROWS)
        return found[0]

    def _of(self, rule: Rule) -> Listed:
        return self._column(rule.table, rule.column, rule.schema)

    def _small(self, rule: Rule) -> Listed:
        found = self._of(rule)
        if found.size > _LARGE and not found.indexed:
            raise _Stop(State.TOO_LARGE)
        return found

    def _dicts(self, sql: str, rows: int) -> Iterator[dict[str, Any]]:
        query = Query(sql=sql, database=self._request.database, rows=rows, timeout_s=_STATEMENT_S)
        names, found = self._runner.rows(query)
        for row in found:
            yield dict(zip(names, row, strict=True))

    def _row(self, sql: str) -> list[Any]:
        return next((list(row.values()) for row in self._dicts(sql, 1)), [None])

    def _names(self, listed: Listed) -> tuple[str, str]:
        """The table and the column, quoted."""
        quoted = self._dialect.quoted
        return quoted(*filter(None, (listed.schema, listed.table))), quoted(listed.column)

    # --- rules ----------------------------------------------------------------------------------

    def by_row(self, rule: Rule, made: Result) -> Result:
        """Each value of the column, or of a sample."""
        column = self._of(rule)
        is_bad = _test(rule)
        query = Query(
            sql=self._dialect.sample([column], self._request.rows),
            database=self._request.database, rows=self._request.rows, timeout_s=_STATEMENT_S,
        )  # fmt: skip
        taken = checked = bad = 0
        specimen = ""
        for value, *_ in self._runner.rows(query)[1]:
            taken += 1
            empty = value is None or value == ""
            if empty and rule.kind is not Kind.FILLED:
                continue
            checked += 1
            if is_bad(value):
                bad += 1
                specimen = specimen or shape(value)
        whole = taken < self._request.rows and not self._dialect.is_sampled(
            column.size, self._request.rows
        )
        return structs.replace(made, checked=checked, bad=bad, whole=whole, specimen=specimen)

    def unique(self, rule: Rule, made: Result) -> Result:
        """Values that are there more than once."""
        table, column = self._names(self._small(rule))
        return self._bad(made, f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL "
                               f"GROUP BY {column} HAVING count(*) > 1")  # fmt: skip

    def gaps(self, rule: Rule, made: Result) -> Result:
        """Numbers between the least and the greatest that are not there."""
        table, column = self._names(self._small(rule))
        (found,) = self._row(f"SELECT max({column}) - min({column}) + 1 - count(DISTINCT {column}) "
                             f"FROM {table}")  # fmt: skip
        return structs.replace(made, bad=min(int(found or 0), 1000))

    def reference(self, rule: Rule, made: Result) -> Result:
        """Values that the other table does not have."""
        table, column = self._names(self._small(rule))
        other = self._column(rule.of_table, rule.of_column, rule.of_schema)
        if other.size > _LARGE and not other.indexed:
            raise _Stop(State.TOO_LARGE)
        of_table, of_column = self._names(other)
        return self._bad(made, f"SELECT 1 AS one FROM {table} c WHERE c.{column} IS NOT NULL AND "
                               f"NOT EXISTS (SELECT 1 FROM {of_table} p "
                               f"WHERE p.{of_column} = c.{column})")  # fmt: skip

    def _bad(self, made: Result, sql: str) -> Result:
        (count,) = self._row(f"SELECT count(*) AS bad FROM ({sql} LIMIT 1000) d")
        return structs.replace(made, bad=int(count))

    def fresh(self, rule: Rule, made: Result) -> Result:
        """How old the newest value is."""
        table, column = self._names(self._small(rule))
        newest, local, now = self._row(
            f"SELECT max({column}) AS newest, LOCALTIMESTAMP AS own, CURRENT_TIMESTAMP AS now "
            f"FROM {table}"
        )
        if newest is None:
            return structs.replace(made, checked=0)
        age, age_utc = _ages(newest, local, now, self._row(self._dialect.utc_now())[0])
        return structs.replace(made, checked=1, age_s=age, age_utc_s=age_utc)

    def figure(self, rule: Rule, made: Result) -> Result:
        """The number of rows, or the sum of a column."""
        listed = self._of(rule)
        if listed.size > _LARGE:
            raise _Stop(State.TOO_LARGE)
        table, column = self._names(listed)
        what = "count(*)" if rule.kind is Kind.COUNT else f"sum({column})"
        (found,) = self._row(f"SELECT {what} AS figure FROM {table}")
        plain = Decimal(str(found or 0))
        if not plain.is_finite():
            raise _Stop(State.FAILED)
        return structs.replace(made, figure=format(plain.normalize(), "f"))

    def statement(self, rule: Rule, made: Result) -> Result:
        """The number that the statement of the operator gives."""
        found = self._row(rule.sql)[0]
        try:
            return structs.replace(made, bad=min(int(found), 10**15))
        except (TypeError, ValueError, OverflowError):
            return structs.replace(made, state=State.FAILED, why="its first value is no number")


_How = Callable[[_Applying, Rule, Result], Result]
_HOW: dict[Kind, _How] = {
    **dict.fromkeys(BY_ROW, _Applying.by_row),
    Kind.UNIQUE: _Applying.unique, Kind.GAPS: _Applying.gaps, Kind.FRESH: _Applying.fresh,
    Kind.REFERENCE: _Applying.reference, Kind.COUNT: _Applying.figure, Kind.SUM: _Applying.figure,
    Kind.SQL: _Applying.statement,
}  # fmt: skip
_FAILED = {Status.TIMED_OUT: State.BUSY, Status.NOT_PERMITTED: State.NOT_PERMITTED}


def _test(rule: Rule) -> Callable[[Any], bool]:
    """Whether a value breaks the rule."""
    match rule.kind:
        case Kind.FORMAT:
            pattern = re.compile(rule.pattern)
            return lambda value: pattern.fullmatch(str(value)[:_LONGEST]) is None
        case Kind.CHECK:
            return lambda value: (
                not any(hit.kind is rule.data and hit.whole for hit in look_at(value).hits)
            )
        case Kind.CODES:
            return lambda value: str(value) not in rule.codes
        case Kind.CURRENT:
            today = datetime.datetime.now(datetime.UTC).date()
            return lambda value: _day(value) < today
    return lambda value: value is None or not str(value).strip()


def _day(value: Any) -> datetime.date:
    """The day that a value is; one that is no day counts as long past."""
    if isinstance(value, datetime.date):
        return datetime.date(value.year, value.month, value.day)
    digits = re.sub(r"[^0-9]", "", str(value)[:10])
    try:
        return datetime.date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return datetime.date.min


def _ages(newest: Any, local: Any, now: Any, utc: Any) -> tuple[float | None, float | None]:
    """The age in seconds by the time of the server, and by UTC: a time without zone is either."""
    if not isinstance(newest, datetime.datetime):
        if not isinstance(newest, datetime.date):
            return None, None
        newest = datetime.datetime.combine(newest, datetime.time())
    if newest.tzinfo is not None:
        age = (now - newest).total_seconds()
        return age, age
    if not isinstance(local, datetime.datetime) or not isinstance(utc, datetime.datetime):
        return None, None
    ages = (local.replace(tzinfo=None) - newest, utc.replace(tzinfo=None) - newest)
    return ages[0].total_seconds(), ages[1].total_seconds()


def shape(value: Any) -> str:
    """What kinds of characters a value has, at most 24: `9` a digit, `a` a letter, `字` another."""
    text = "" if value is None else str(value)
    made = "".join(
        "9"
        if c.isdecimal()
        else ("a" if c.isascii() and c.isalpha() else c if c in " -./:" else "字")
        for c in text[:24]
    )
    return made + ("…" if len(text) > 24 else "")
