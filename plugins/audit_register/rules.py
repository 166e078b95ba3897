"""What rules over registers have in common. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence

from audit_core.api.sdk import (
    Judgement,
    Message,
    Others,
    all_known,
    days_text,
    failed,
    few,
    msg,
    passed,
    undetermined,
)
from audit_register.builtin_registers import BY_ID
from audit_register.facts import Row, Table

SHOWN = 10
"""Problems that a finding lists; the others are counted."""


Registers = Others
"""Registers of one kind, as `each` gives them."""


def day_of(moment: str) -> datetime.date:
    """The day (UTC) of the collection time `moment`."""
    return datetime.date.fromisoformat(moment[:10])


def date_of(row: Row, column: str) -> datetime.date | None:
    """The day in that column; None where it is empty."""
    text = row[column]
    return datetime.date.fromisoformat(text) if isinstance(text, str) else None


def age(row: Row, column: str, today: datetime.date) -> int | None:
    """The days from the day in that column to `today`; None where it is empty."""
    found = date_of(row, column)
    return None if found is None else (today - found).days


def label(table: Table, row: Row) -> Message:
    """The row as people find it: its number, and the values of its key."""
    key = (row[column] for column in BY_ID[table.register].key)
    values = ", ".join("-" if value is None else str(value) for value in key)
    return msg("row {row} ({key})", row=row.number, key=values)


def judged(problems: Iterable[Message], summary: Message, expected: Message | None = None
           ) -> Judgement:  # fmt: skip
    """A fail with the first of `problems` and the count of the others, or a pass with `summary`."""
    every = tuple(problems)
    if not every:
        return passed(summary, expected=expected)
    return failed(*few(every, SHOWN), expected=expected)


def unrecorded(detail: Message, expected: Message | None = None) -> Judgement:
    """That a register holds nothing of a kind: it may be kept in another one."""
    return undetermined(
        detail, msg("Enter it, or declare the register that has it"), expected=expected
    )


def rows_in(registers: Registers) -> list[Row] | None:
    """The rows of all registers of a kind; None where one of them could not be read in full."""
    tables = all_known(registers)
    return None if tables is None else [row for table in tables for row in table.rows]


UNREAD = msg("A register of this kind could not be read in full")


def empty(table: Table, column: str, row: Row) -> Message:
    """That a row lacks a value."""
    return msg("{row}: {column} is empty", row=label(table, row), column=table.title(column))


def newest(rows: Iterable[Row], column: str, today: datetime.date) -> Row | None:
    """The row with the latest day that is not after `today`; None where there is none."""
    past = [row for row in rows if (days := age(row, column, today)) is not None and days >= 0]
    return max(past, key=lambda row: str(row[column]), default=None)


def recent(
    rows: Sequence[Row], column: str, today: datetime.date, most: int, what: Message
) -> Judgement:
    """Whether the newest of `rows` is at most `most` days old; `what` says what they are."""
    expected = msg("{what}: at most {days} days ago", what=what, days=most)
    last = newest(rows, column, today)
    if last is None:
        return unrecorded(msg("{what}: none is recorded", what=what), expected)
    days = (today - datetime.date.fromisoformat(last[column])).days
    detail = msg("{what}: the last one was on {date}, {age} ago", what=what,
                 date=last[column], age=days_text(days))  # fmt: skip
    return (passed if days <= most else failed)(detail, expected=expected)


def no_gap(
    dates: Iterable[str], today: datetime.date, most: int, times: int, what: Message
) -> Judgement:
    """Whether the last `times` of `dates`, and `today`, are at most `most` days apart.

    Fewer than `times` are a gap only where the first of them, or none, leaves one.
    """
    expected = msg("{what}: {times} in a row, at most {days} days apart", what=what, times=times,
                   days=most)  # fmt: skip
    days = sorted({d for d in map(datetime.date.fromisoformat, dates) if d <= today})
    last = days[-times:]
    gaps = [(b - a).days for a, b in zip(last, (*last[1:], today), strict=True)]
    listed = tuple(day.isoformat() for day in last)
    if not last:
        return unrecorded(msg("{what}: none is recorded", what=what), expected)
    detail = msg("{what}: on {dates}; the longest gap has {days} days", what=what, dates=listed,
                 days=max(gaps))  # fmt: skip
    if max(gaps) > most:
        return failed(detail, expected=expected)
    if len(last) < times:
        few = msg("Only {count} are recorded, so that the gap before them is not known",
                  count=len(last))  # fmt: skip
        return undetermined(detail, few, expected=expected)
    return passed(detail, expected=expected)


def each_row(
    table: Table, rows: Iterable[Row], wrong: Callable[[Row], Message | None]
) -> list[Message]:
    """What is wrong with each of `rows`, with the row before it."""
    return [
        msg("{row}: {problem}", row=label(table, row), problem=problem)
        for row in rows
        if (problem := wrong(row)) is not None
    ]


def share(part: int, whole: int) -> str:
    """A share in percent, rounded down so that only all are 100."""
    return f"{(part * 1000 // whole) / 10 if whole else 100:g}"
