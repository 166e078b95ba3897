"""Whether each register is kept: its rows are whole, each is there once, and owners exist."""

from __future__ import annotations

import datetime

from msgspec import Struct

from audit_core.api.sdk import (
    COLLECTED_AT,
    Check,
    Judgement,
    Message,
    Others,
    Severity,
    all_known,
    check,
    each,
    failed,
    msg,
    not_applicable,
    undetermined,
)
from audit_register.builtin_registers import BY_ID, REGISTERS
from audit_register.columns import Register, same
from audit_register.facts import BY_REGISTER, Row, Table
from audit_register.rules import date_of, day_of, empty, judged, label, rows_in

_OWNERS = ("owner", "staff_no", "chair")
STAFF_REGISTER = each("staff_register", BY_REGISTER["staff"])


def staff_of(registers: Others) -> Staff | None:
    """Everybody in the registers of staff; None where one is not read in full, or all are empty."""
    rows = rows_in(registers)
    if not rows:
        return None
    by_number: dict[str, list[Row]] = {}
    for row in rows:
        by_number.setdefault(same(str(row["staff_no"])), []).append(row)
    return Staff(rows=tuple(rows), by_number=by_number)


class Staff(Struct, frozen=True, kw_only=True):
    """The rows of the registers of staff; two of them may have one number."""

    rows: tuple[Row, ...]
    by_number: dict[str, list[Row]]

    def has(self, number: str) -> bool:
        """Whether somebody has that number."""
        return same(number) in self.by_number

    def left_before(self, number: str, day: datetime.date) -> datetime.date | None:
        """The last day of somebody who had left before `day`; None where they had not."""
        days = [date_of(row, "left") for row in self.by_number[same(number)]]
        last = max((left for left in days if left is not None), default=None)
        return last if last is not None and None not in days and last < day else None


def problems(table: Table, staff: Staff | None, today: datetime.date) -> list[Message]:
    """What is wrong in the rows of `table`, row by row."""
    register = BY_ID[table.register]
    there = {column for row in table.rows[:1] for column in row.cells}
    needed = [c.id for c in register.columns if c.filled and c.id in there]
    found = [
        empty(table, column, row) for row in table.rows for column in needed if row[column] is None
    ]
    return [*found, *_twice(register, table), *_nobody(register, table, staff, today)]


def _twice(register: Register, table: Table) -> list[Message]:
    first: dict[tuple[str, ...], int] = {}
    found = []
    for row in table.rows:
        key = tuple(same(str(row[column])) for column in register.key)
        at = first.setdefault(key, row.number)
        if at != row.number:
            found.append(msg("{row}: duplicate of row {first}",
                             row=label(table, row), first=at))  # fmt: skip
    return found


def _nobody(
    register: Register, table: Table, staff: Staff | None, today: datetime.date
) -> list[Message]:
    """Owners that are not in the register of staff, or had left when they were named."""
    if staff is None or register.id == "staff":
        return []
    columns = [c.id for c in register.columns if c.id in _OWNERS]
    named = ((row, column) for row in table.rows for column in columns if row[column] is not None)
    return [
        text
        for row, column in named
        if (text := _gone(table, row, column, staff, _needed_on(row, today))) is not None
    ]


def _needed_on(row: Row, today: datetime.date) -> datetime.date:
    """The day on which the person of a row has to be there: of what is over, its last day."""
    ended = row["end"] or row["date"] or row["closed"]
    return datetime.date.fromisoformat(str(ended)[:10]) if ended else today


def _gone(table: Table, row: Row, column: str, staff: Staff, day: datetime.date) -> Message | None:
    number = str(row[column])
    if not staff.has(number):
        return msg("{row}: {column} {number} is not in the register of staff",
                   row=label(table, row), column=table.title(column), number=number)  # fmt: skip
    left = staff.left_before(number, day)
    if left is not None:
        return msg("{row}: {column} {number} left on {date}", row=label(table, row),
                   column=table.title(column), number=number, date=left.isoformat())  # fmt: skip
    return None


def _kept(register: Register) -> Check:
    @check(
        f"register.{register.id}-kept",
        needs=(BY_REGISTER[register.id], STAFF_REGISTER, COLLECTED_AT),
        kind=register.kind,
        severity=Severity.MEDIUM,
        version=2,
        remedy=msg(
            "Complete the register: fill empty values, name current staff, remove duplicates"
        ),
    )
    def kept(table: Table, registers: Others, now: str) -> Judgement:
        """The register is complete: no empty values, no duplicates, owners are on the staff."""
        if not table.rows and register.id == "complaints":
            return not_applicable(msg("No complaint is in the register"))
        if not table.rows:
            return failed(msg("The register has no rows"))
        wrong = problems(table, staff_of(registers), day_of(now))
        unread = all_known(registers) is None and any(c.id in _OWNERS for c in register.columns)
        if not wrong and unread and register.id != "staff":
            return undetermined(_UNREAD_STAFF)
        return judged(wrong, msg("{file}: {count} rows, all complete", file=table.file,
                                 count=len(table.rows)))  # fmt: skip

    return kept


_UNREAD_STAFF = msg("A register of staff could not be read, so that owners were not compared")
CHECKS = tuple(map(_kept, REGISTERS))
