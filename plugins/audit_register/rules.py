"""What rules over registers have in common. Pure."""

from __future__ import annotations

import calendar
import datetime
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from audit_core.api.sdk import (
    Judgement,
    Message,
    Others,
    Verdict,
    all_known,
    days_text,
    failed,
    few,
    msg,
    passed,
    undetermined,
)
from audit_register.builtin_registers import BY_ID
from audit_register.columns import CHINA
from audit_register.facts import Row, Table

SHOWN = 10
"""Problems that a finding lists; the others are counted."""


Registers = Others
"""Registers of one kind, as `each` gives them."""


def day_of(moment: str) -> datetime.date:
    """The day in China of the collection time `moment`."""
    return datetime.datetime.fromisoformat(moment).astimezone(CHINA).date()


_SATURDAY, _SUNDAY = 5, 6
_HOLIDAYS = (((1, 1), (1, 4)), ((5, 1), (5, 6)), ((10, 1), (10, 9)))
"""From which day to which the holidays last at most that are on fixed days of the year."""


def moved(due: datetime.date) -> datetime.date:
    """The day to which a deadline may move that is on a weekend or on a fixed holiday."""
    for (month, day), (end_month, end_day) in _HOLIDAYS:
        if (month, day) <= (due.month, due.day) < (end_month, end_day):
            due = datetime.date(due.year, end_month, end_day)
    return due + datetime.timedelta(days={_SATURDAY: 2, _SUNDAY: 1}.get(due.weekday(), 0))


class Lateness(Struct, frozen=True, kw_only=True):
    """Rows that are late, and those that are where the deadline does not move to a working day."""

    late: list[Message] = []
    unsure: list[Message] = []

    def judged(self, summary: Message, expected: Message | None = None) -> Judgement:
        """A fail with what is late; undetermined with what may be; else a pass."""
        if self.late or not self.unsure:
            return judged(self.late, summary, expected)
        more = msg("Whether the deadline moves to the next working day is not known: enter the day "
                   "that holds")  # fmt: skip
        return undetermined(*few(self.unsure, SHOWN), more, expected=expected)


Late = Callable[["Row"], "tuple[datetime.date, datetime.date, Message] | Message | None"]
"""Of a row: its deadline, the day on which it was met (or today), and what to say if that is late.

A message alone is a fault of another kind.
"""


def lateness(table: Table, rows: Iterable[Row], of: Late, *, moves: bool = False) -> Lateness:
    """Which of `rows` are late, and which only if their deadline does not move.

    `moves`: a deadline on a weekend or holiday may be the next working day.
    """
    late, unsure = list[Message](), list[Message]()
    for row in rows:
        found = of(row)
        if found is None:
            continue
        if isinstance(found, Message):
            late.append(_in_row(table, row, found))
            continue
        due, done, text = found
        if done > (moved(due) if moves else due):
            late.append(_in_row(table, row, text))
        elif done > due:
            unsure.append(_in_row(table, row, text))
    return Lateness(late=late, unsure=unsure)


def _in_row(table: Table, row: Row, problem: Message) -> Message:
    return msg("{row}: {problem}", row=label(table, row), problem=problem)


def date_of(row: Row, column: str) -> datetime.date | None:
    """The day in that column; None where it is empty."""
    text = row[column]
    return datetime.date.fromisoformat(text) if isinstance(text, str) else None


def age(row: Row, column: str, today: datetime.date) -> int | None:
    """The days from the day in that column to `today`; None where it is empty."""
    found = date_of(row, column)
    return None if found is None else (today - found).days


def is_older(day: datetime.date, today: datetime.date, most: int) -> bool:
    """Whether `day` is more than `most` days ago; of years of 365 days leap days do not count."""
    return (today - day).days > most + (_leap_days(day, today) if most % YEAR == 0 else 0)


YEAR = 365


def _leap_days(first: datetime.date, last: datetime.date) -> int:
    """How often the 29th of February was after `first`, up to `last`."""
    leap = (datetime.date(year, 2, 29) for year in range(first.year, last.year + 1)
            if calendar.isleap(year))  # fmt: skip
    return sum(first < day <= last for day in leap)


def outdated(row: Row, column: str, today: datetime.date, most: int, none: Message, old: Message
             ) -> Message | None:  # fmt: skip
    """What is wrong with the day of something that has to be done again; `none` where it is empty.

    `old` says what it was. A day to come is a plan, or an error.
    """
    day = date_of(row, column)
    if day is None:
        return none
    if day > today:
        return msg("{date} is to come", date=day.isoformat())
    if not is_older(day, today, most):
        return None
    return msg("{what}: {days} days ago", what=old, days=(today - day).days)


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
    late = is_older(datetime.date.fromisoformat(last[column]), today, most)
    return (failed if late else passed)(detail, expected=expected)


def with_answer(
    judgement: Judgement, answer: bool | None, wrong: Message, unknown: Message
) -> Judgement:
    """`judgement`, with what a column says of the same thing: yes, no (`wrong`) or nothing."""
    if answer is False:
        return failed(*judgement.detail, wrong, expected=judgement.expected)
    if answer is None and judgement.verdict is Verdict.PASS:
        return undetermined(*judgement.detail, unknown, expected=judgement.expected)
    return judgement


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
    return [_in_row(table, row, text) for row in rows if (text := wrong(row)) is not None]


def share(part: int, whole: int) -> str:
    """A share in percent, rounded down so that only all are 100."""
    return f"{(part * 1000 // whole) / 10 if whole else 100:g}"
