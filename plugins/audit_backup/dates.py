"""The dates in the names of files, in the forms that scripts write. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

from audit_core.api.sdk import DAY, HOUR

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_Y, _M, _D = r"(20\d\d)", r"(0[1-9]|1[0-2])", r"(0[1-9]|[12]\d|3[01])"
_LOOSE_D = r"(3[01]|[12]\d|0?[1-9])"
# Behind a day may stand a time of day, with its zone.
_TIME = r"(?:[-_.t ]?(?:[01]\d|2[0-3])[-_.:h]?[0-5]\d(?:[-_.:m]?[0-5]\d)?(?:z|[+]\d\d:?\d\d)?)?"
_END = r"(?=(?:\d\d){0,3}(?:\D|$))"


def _by(order: str) -> Callable[[re.Match[str]], Iterator[tuple[int, int, int]]]:
    """What the groups of a date are, as `ymd`."""

    def read(found: re.Match[str]) -> Iterator[tuple[int, int, int]]:
        parts = dict(zip(order, map(int, found.groups()), strict=True))
        yield parts["y"], parts["m"], parts["d"]

    return read


def _either_order(found: re.Match[str]) -> Iterator[tuple[int, int, int]]:
    """Day and month, or month and day, before the year."""
    first, second, year = map(int, found.groups())
    yield year, second, first
    yield year, first, second


def _by_month(found: re.Match[str]) -> Iterator[tuple[int, int, int]]:
    """Of a month by name; without a day or a year it is no date."""
    year, day = found["year"] or found["early"], found["day"] or found["late"]
    if year and day:
        yield int(year), _MONTHS.index(found["month"][:3].lower()) + 1, int(day)


def _by_seconds(found: re.Match[str]) -> Iterator[tuple[int, int, int]]:
    """Of seconds since 1970."""
    at = datetime.fromtimestamp(int(found[1]), UTC)
    yield at.year, at.month, at.day


def _none(found: re.Match[str]) -> Iterator[tuple[int, int, int]]:
    """Of a week, of a day without its year, or of a number that may be none."""
    yield from ()


_FORMS = tuple(
    (re.compile(pattern, re.ASCII | re.IGNORECASE), read)
    for pattern, read in (
        (rf"(?<!\d){_Y}[-_./]?{_M}[-_./]?{_D}{_END}{_TIME}", _by("ymd")),
        (rf"(?<!\d){_Y}年(1[0-2]|0?[1-9])月{_LOOSE_D}[日号]?", _by("ymd")),
        (r"(?<!\d)(?:1[0-2]|0?[1-9])月(?:3[01]|[12]\d|0?[1-9])[日号]?", _none),
        (rf"(?<!\d)(\d\d)[-_.]?(\d\d)[-_.]?{_Y}{_END}{_TIME}", _either_order),
        (
            r"(?<![a-z\d])(?:(?P<early>20\d\d)[-_. ]?)?(?P<day>\d\d?)?[-_. ]?(?<![a-z])"
            rf"{_MONTH}(?![a-z])(?:[-_. ]?(?P<late>\d\d?)(?!\d))?"
            r"(?:[-_., ]*(?P<year>20\d\d)(?!\d))?", _by_month,
        ),
        (r"(?<!\d)(1[4-9]\d{8})(?:\d{3})?(?!\d)", _by_seconds),
        (r"(?<!\d)20\d\d[-_]?w\d\d(?:[-_]?[1-7])?(?!\d)", _none),
        (r"(?<![a-z\d])(?:w|wk|week|kw|cw)[-_]?\d\d?(?!\d)", _none),
        (r"(?<!\d)20\d\d[-_.]?[0-3]\d\d(?!\d)", _none),
        (r"(?<!\d)[23]\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d)", _none),
    )
)  # fmt: skip
# Days of the week, also where a word ends before a capital letter; halves of a day.
_WEEKDAYS = re.compile(
    r"(?:(?<![a-zA-Z])|(?<=[a-z])(?=[A-Z]))(?i:mon|tue|wed|thu|fri|sat|sun|monday|tues|tuesday"
    r"|wednesday|thurs?|thursday|friday|saturday|sunday|am|pm)(?![a-z])"
    r"|(?:星期|周|礼拜)[一二三四五六日天1-7]|[上下]午"
)


def days(name: str) -> list[date]:
    """The dates that the file name `name` contains."""
    found: list[date] = []
    for pattern, read in _FORMS:
        for text in pattern.finditer(name):
            found.extend(_dates(read(text)))
    return found


def _dates(parts: Iterator[tuple[int, int, int]]) -> Iterator[date]:
    for year, month, day in parts:
        try:
            yield date(year, month, day)
        except ValueError:
            continue


_ZONES = 14 * HOUR  # seconds by which a day may begin or end at another time


def is_of_day(at: float, day: date) -> bool:
    """Whether the time `at` (seconds since 1970) is on `day` in some time zone, or the night after.

    A job that began on that day may end on the next.
    """
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
    return begin - _ZONES <= at <= begin + DAY + 2 * _ZONES


def undated(name: str) -> str:
    """`name` without days and times of day: what stays the same from one night to the next."""
    name = _WEEKDAYS.sub("@", name)
    for pattern, _ in _FORMS:
        name = pattern.sub("@", name)
    return name.lower()
