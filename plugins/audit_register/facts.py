"""The rows of a register as a fact."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from audit_core.api.sdk import (
    Answer,
    Fact,
    Message,
    ParseError,
    Partial,
    Target,
    fact,
    json_value,
    msg,
    partial,
    settings_of,
    verbatim,
)
from audit_register.builtin_registers import BY_ID, REGISTERS
from audit_register.columns import Column, Register
from audit_register.kinds import RegisterSettings
from audit_register.request import RegisterQuery, RegisterRows


class Row(Struct, frozen=True, kw_only=True):
    """A row: its number in the file, and its values by column; what is empty is None."""

    number: int
    cells: dict[str, Any]

    def __getitem__(self, column: str) -> Any:
        return self.cells.get(column)


class Table(Struct, frozen=True, kw_only=True):
    """What a register holds. `sha256` is that of the file, `sheet` empty where it has none.

    Of a register by SQL `file` is the database, `sha256` empty.

    `masked`: personal data was cut from it before it was stored.
    """

    register: str
    file: str
    sha256: str
    sheet: str = ""
    rows: tuple[Row, ...] = ()
    masked: bool = False

    def title(self, column: str) -> Message:
        """The head of that column, for the reader."""
        return BY_ID[self.register].column(column).title()


_NOT_ROWS = msg("not the rows of a register")


class _Reader:
    """Puts the lines of an answer together."""

    def __init__(self, register: Register) -> None:
        self._register = register
        self._head: dict[str, Any] = {}
        self._known = {column.id for column in register.columns}
        self.rows: list[Row] = []
        self.wrong: list[Message] = []
        self.masked, self.left = False, 0

    def head(self, line: str) -> dict[str, Any]:
        """What the first line says of the file; ParseError where it is none."""
        match json_value(line, _NOT_ROWS):
            case {"file": str(), "sha256": str(), "sheet": str(), "columns": list(columns)} as head:
                if all(isinstance(c, str) and c in self._known for c in columns):
                    self._head = dict(head)
                    return self._head
        raise ParseError(_NOT_ROWS)

    def line(self, columns: list[str], line: str) -> None:
        """Takes a row, or what follows the rows."""
        match json_value(line, _NOT_ROWS):
            case [int(number), list(values)] if len(values) == len(columns):
                cells = dict(zip(columns, values, strict=True))
                self.rows.append(Row(number=number, cells=cells))
            case {"wrong": list(wrong), "left": int(left), "masked": bool(masked)}:
                self.masked, self.left = masked, left
                self.wrong += [self._wrong(one) for one in wrong]
            case _:
                raise ParseError(_NOT_ROWS)

    def _wrong(self, one: Any) -> Message:
        match one:
            case {"row": int(row), "at": int(at), "column": str(id), "text": str(text)} if (
                id in self._known
            ):
                return _wrong_cell(_place(self._head, row, at), self._register.column(id), text)
        raise ParseError(_NOT_ROWS)


_WANTED = {
    "date": msg("a date like 2026-01-31"),
    "time": msg("a time like 2026-01-31 08:00"),
    "number": msg("a number from 0"),
    "percent": msg("a percentage like 99.9 or 99.9 %"),
    "yes_no": msg("yes or no"),
    "list": msg("a list"),
    "text": msg("a text in full: format the column as text before it is filled"),
}


def _letters(at: int) -> str:
    """The name of the column at `at` (from 0) as spreadsheets write it."""
    name, at = "", at + 1
    while at:
        at, rest = divmod(at - 1, 26)
        name = chr(65 + rest) + name
    return name


def _place(head: dict[str, Any], row: int, at: int) -> Message:
    """Where a person finds the cell: in a sheet, a CSV file, a YAML file, or an answer of SQL."""
    cell = f"{_letters(at)}{row}"
    if head["sheet"]:
        return msg("sheet {sheet}, cell {cell}", sheet=head["sheet"], cell=cell)
    if head.get("query"):
        return msg("row {row} of the answer", row=row)
    if head["file"].lower().endswith((".yaml", ".yml")):
        return msg("line {row}", row=row)
    return msg("cell {cell}", cell=cell)


def _wrong_cell(place: Message, column: Column, text: str) -> Message:
    if column.choices:
        wanted = msg("one of {words}", words=tuple(f"{id} ({zh})" for id, zh in column.choices))
    else:
        wanted = _WANTED[column.holds]
    return msg("{place} ({column}) holds {text}, not {wanted}", place=place,
               column=column.title(), text=verbatim(text), wanted=wanted)  # fmt: skip


_TOLD = 10


def _table(register: Register, answer: Answer) -> Table | Partial:
    lines = answer.lines
    if not lines:
        raise ParseError(_NOT_ROWS)
    reader = _Reader(register)
    head = reader.head(lines[0])
    for line in lines[1:]:
        reader.line(head["columns"], line)
    table = Table(
        register=register.id, file=head["file"], sha256=head["sha256"], sheet=head["sheet"],
        rows=tuple(reader.rows), masked=reader.masked,
    )  # fmt: skip
    problems = list(reader.wrong[:_TOLD])
    if reader.left > len(problems):
        more = reader.left - len(problems)
        problems.append(msg("{count} more cells cannot be read", count=more))
    if answer.truncated:
        problems.append(msg("the rows after {count} were cut off", count=len(reader.rows)))
    return partial(table, problems)


def _ask(register: Register, target: Target) -> RegisterRows | RegisterQuery | Message:
    settings = settings_of(target, RegisterSettings)
    if settings.query is None:
        return RegisterRows(register=register.id)
    if target.parent is None:
        return msg("Write {target}, which has a query, at the server of its database",
                   target=target.id)  # fmt: skip
    return RegisterQuery(
        register=register.id, sql=settings.query, database=settings.database or "",
        reads=settings.reads,
    )  # fmt: skip


def _fact(register: Register) -> Fact:
    def ask(target: Target) -> RegisterRows | RegisterQuery | Message:
        return _ask(register, target)

    def parse(answer: Answer) -> Table | Partial:
        return _table(register, answer)

    return fact(
        f"register.{register.id}", Table, kind=register.kind,
        ask=ask, parse=parse,
    )  # fmt: skip


BY_REGISTER = {register.id: _fact(register) for register in REGISTERS}
FACTS = tuple(BY_REGISTER.values())
