"""The dates in the names of files, in the forms that scripts write. Pure."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

from audit_core.api.sdk import DAY, HOUR

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_Y, _M, _D = r"(20\d\d)", r"(0[1-9]|1[0-2])", r"(0[1-9]|[12]\d|3[01])"
_LOOSE_D = r"(3[01]|[12]\d|0?[1-9])"
# Behind a day may stand a time of day, with its zone.
_ZONE = r"(?:z|[+]\d\d:?\d\d)?"
_TIME = (
    r"(?:[-_.t ]?(?:[01]\d|2[0-3])[-_.:h]?[0-5]\d(?:[-_.:m]?[0-5]\d(?:\d{3})?)?"
    + _ZONE
    + r"(?!\d))?"
)
_END = r"(?=(?:(?:\d\d){0,3}|\d{9})(?:\D|$))"
_ALONE = r"(?![-_.]?\d)"
_Day = tuple[int, int, int]
_Read = Callable[[re.Match[str]], Iterator[_Day]]


def _by(order: str, first_year: int = 0) -> _Read:
    """What the groups of a date are, as `ymd`; one for each of the orders that fits."""

    def read(found: re.Match[str]) -> Iterator[_Day]:
        for one in order.split():
            parts = dict(zip(one, map(int, found.groups()), strict=True))
            yield first_year + parts["y"], parts["m"], parts["d"]

    return read


def _by_two_digits(found: re.Match[str]) -> Iterator[_Day]:
    """Of a year without its century, of 2020 to 2039, in each order that fits."""
    yield from (day for day in _by("ymd dmy mdy", 2000)(found) if 2020 <= day[0] < 2040)


def _by_month(found: re.Match[str]) -> Iterator[_Day]:
    """Of a month by name; without a day or a year it is no date."""
    year, day = found["year"] or found["early"], found["day"] or found["late"]
    if year and day:
        yield int(year), _MONTHS.index(found["month"][:3].lower()) + 1, int(day)


def _by_seconds(found: re.Match[str]) -> Iterator[_Day]:
    """Of seconds since 1970."""
    at = datetime.fromtimestamp(int(found[1]), UTC)
    yield at.year, at.month, at.day


def _by_number(found: re.Match[str]) -> Iterator[_Day]:
    """Of the number of a day in its year."""
    day = date(int(found[1]), 1, 1) + timedelta(days=int(found[2]) - 1)
    yield day.year, day.month, day.day


def _last_of_week(found: re.Match[str]) -> Iterator[_Day]:
    week = min(max(int(found[2]), 1), 52)
    day = date.fromisocalendar(int(found[1]), week, int(found[3] or 7))
    yield day.year, day.month, day.day


def _last_of_month(found: re.Match[str]) -> Iterator[_Day]:
    year, month = int(found[1]), int(found[2])
    yield year, month, calendar.monthrange(year, month)[1]


def _none(found: re.Match[str]) -> Iterator[_Day]:
    """Of a week or a day without its year."""
    yield from ()


def _forms(*pairs: tuple[str, _Read]) -> tuple[tuple[re.Pattern[str], _Read], ...]:
    return tuple((re.compile(text, re.ASCII | re.IGNORECASE), read) for text, read in pairs)


# From the plain to the doubtful: what reads as one form is not read as another.
_CERTAIN = _forms(
    (rf"(?<!\d){_Y}[-_./]?{_M}[-_./]?{_D}{_END}{_TIME}", _by("ymd")),
    (rf"(?<!\d){_Y}年(1[0-2]|0?[1-9])月{_LOOSE_D}[日号]?", _by("ymd")),
    (rf"民国(1[12]\d)年(1[0-2]|0?[1-9])月{_LOOSE_D}[日号]?", _by("ymd", 1911)),
    (rf"(?<!\d)(\d\d)[-_.]?(\d\d)[-_.]?{_Y}{_END}{_TIME}", _by("dmy mdy")),
    (
        r"(?<![a-z\d])(?:(?P<early>20\d\d)[-_. ]?)?(?P<day>\d\d?)?[-_. ]?(?<![a-z])"
        rf"{_MONTH}(?![a-z])(?:[-_. ]?(?P<late>\d\d?)(?!\d))?"
        r"(?:[-_., ]*(?P<year>20\d\d)(?!\d))?", _by_month,
    ),
    (r"(?<!\d)(1[4-9]\d{8})(?:\d{3})?(?!\d)", _by_seconds),
)  # fmt: skip
_PERIODS = _forms(
    (r"(?<!\d)(20\d\d)[-_]?w(\d\d)(?:[-_]?([1-7]))?(?!\d)", _last_of_week),
    (rf"(?<!\d){_Y}年(1[0-2]|0?[1-9])月", _last_of_month),
    (rf"(?<!\d){_Y}[-_.]?{_M}(?![-_./]?\d)", _last_of_month),
    (r"(?<!\d)(?:1[0-2]|0?[1-9])月(?:3[01]|[12]\d|0?[1-9])[日号]?", _none),
    (r"(?<![a-z\d])(?:w|wk|week|kw|cw)[-_]?\d\d?(?!\d)", _none),
)
# These may be other numbers, and a time of day.
_DOUBTFUL = _forms(
    (r"(?<!\d)(20\d\d)[-_.]?([0-2]\d\d|3[0-6]\d)(?!\d)", _by_number),
    (rf"(?<!\d)([23]\d){_M}{_D}(?!\d)", _by("ymd", 2000)),
    (rf"(?<!\d)(?<!\d\.)(\d\d)[-_.](\d\d)[-_.](\d\d){_ALONE}", _by_two_digits),
    (rf"(?<!\d)(1[12]\d)[-_.]?{_M}[-_.]?{_D}{_ALONE}", _by("ymd", 1911)),
)
# Days of the week, also where a word ends before a capital letter; halves of a day.
_WEEKDAYS = re.compile(
    r"(?:(?<![a-zA-Z])|(?<=[a-z])(?=[A-Z]))(?i:mon|tue|wed|thu|fri|sat|sun|monday|tues|tuesday"
    r"|wednesday|thurs?|thursday|friday|saturday|sunday|am|pm)(?![a-z])"
    r"|(?:星期|周|礼拜)[一二三四五六日天1-7]|[上下]午"
)


def days(name: str) -> list[date]:
    """The dates that the file name `name` contains; the doubtful ones where it has no other."""
    found, rest = _taken(name, _CERTAIN)
    return found or _taken(_taken(rest, _PERIODS)[1], _DOUBTFUL)[0]


def last_days(name: str) -> list[date]:
    """The same, and the last day of a week or a month where the name has no date."""
    return days(name) or _taken(_taken(name, _CERTAIN)[1], _PERIODS)[0]


def _taken(name: str, forms: tuple[tuple[re.Pattern[str], _Read], ...]) -> tuple[list[date], str]:
    """The dates of `forms` in `name`, and `name` with a mark in place of each."""
    found: list[date] = []
    for pattern, read in forms:
        for text in pattern.finditer(name):
            found.extend(_dates(read(text)))
        name = pattern.sub("@", name)
    return found, name


def _dates(parts: Iterator[_Day]) -> Iterator[date]:
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
    for forms in (_CERTAIN, _PERIODS, _DOUBTFUL):
        name = _taken(name, forms)[1]
    return name.lower()
