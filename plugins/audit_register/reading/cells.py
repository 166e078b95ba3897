"""The value of a cell as its column wants it, and what is cut from it before it is stored."""

from __future__ import annotations

import datetime
import re
import unicodedata

from audit_core.api.check_digits import id_check_holds, luhn_holds
from audit_register.columns import CHINA, Column, Holds, Mask
from audit_register.reading.grid import Formula

TEXT_MAX = 500
_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")
_MOMENT = re.compile(_DAY.pattern + r"[T ]+(\d{1,2}):(\d{2})(?::\d{2})?")
_PLAIN_DAY = re.compile(r"(\d{4})(\d{2})(\d{2})")
_WORDS = {True: {"是", "有", "yes", "y", "true", "1", "√", "✓"},
          False: {"否", "无", "no", "n", "false", "0", "×", "✗"}}  # fmt: skip
_NUMBER = re.compile(r"-?([0-9]{1,15}|[0-9]{1,3}(,[0-9]{3})+)(\.[0-9]{1,9})?")
_CUT_NUMBER = re.compile(r"[0-9](\.[0-9]+)?[eE]\+?[0-9]{1,3}")
_EXACT = 10**15  # spreadsheets keep 15 digits of a number
_SPLIT = re.compile(r"[\s,;，；、]+")
_DIGITS = re.compile(r"(?<![0-9A-Za-z])[0-9]{11,19}[Xx]?(?![0-9A-Za-z])")

Value = str | float | int | bool | list[str] | None


class WrongCell(ValueError):
    """A cell that does not hold what its column holds."""


def value_of(column: Column, cell: object) -> Value:
    """What `cell` says; None where it is empty. Raises WrongCell."""
    if cell is None:
        return None
    if isinstance(cell, Formula):
        raise WrongCell
    if column.choices:
        word = column.choice(str(cell))
        if word is None:
            raise WrongCell
        return word
    return _READ[column.holds](cell)


def _text(cell: object) -> str:
    """A text; one that a spreadsheet took for a number and cut is none."""
    if isinstance(cell, datetime.datetime | datetime.date):
        return cell.isoformat()[:10]
    if isinstance(cell, int | float) and not isinstance(cell, bool) and abs(cell) >= _EXACT:
        raise WrongCell
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    text = " ".join(str(cell).split())[:TEXT_MAX]
    if _CUT_NUMBER.fullmatch(text):
        raise WrongCell
    return text


def _date(cell: object) -> str:
    """A day as ISO 8601. Only year, month, day in this order is certain: 03/04/26 is not."""
    if isinstance(cell, datetime.datetime):
        return _in_china(cell).date().isoformat()
    if isinstance(cell, datetime.date):
        return cell.isoformat()
    text = _plain(cell)
    found = _DAY.fullmatch(text) or _PLAIN_DAY.fullmatch(text) or _MOMENT.fullmatch(text)
    if found is None:
        raise WrongCell
    try:
        return datetime.date(int(found[1]), int(found[2]), int(found[3])).isoformat()
    except ValueError as error:
        raise WrongCell from error


def _time(cell: object) -> str:
    """A moment as ISO 8601 to the minute, in the time of the institution."""
    if isinstance(cell, datetime.datetime):
        return _in_china(cell).isoformat(timespec="minutes")[:16]
    found = _MOMENT.fullmatch(_plain(cell))
    if found is None:
        raise WrongCell
    numbers = [int(found[n]) for n in range(1, 6)]
    try:
        if numbers[3:] == [24, 0]:  # the end of a day, as rosters write it
            day = datetime.datetime(*numbers[:3]) + datetime.timedelta(days=1)  # type: ignore[arg-type]  # noqa: DTZ001
            return day.isoformat(timespec="minutes")
        return datetime.datetime(*numbers).isoformat(timespec="minutes")  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError as error:
        raise WrongCell from error


def _in_china(moment: datetime.datetime) -> datetime.datetime:
    """A time with a zone as it is in China; one without is that of the institution already."""
    return moment.astimezone(CHINA) if moment.tzinfo is not None else moment


def _number(cell: object) -> float | int:
    if isinstance(cell, bool):
        raise WrongCell
    if not isinstance(cell, int | float):
        text = _plain(cell).removesuffix("%").rstrip()
        if not _NUMBER.fullmatch(text):
            raise WrongCell
        text = text.replace(",", "")
        cell = float(text) if "." in text else int(text)
    if cell < 0:
        raise WrongCell
    return cell


def _percent(cell: object) -> float | int:
    """From 0 to 100. A number up to 1 without a sign may be a fraction, and is not accepted."""
    number = _number(cell)
    if number > 100 or (0 < number <= 1 and not _plain(cell).endswith("%")):
        raise WrongCell
    return number


def _plain(cell: object) -> str:
    """The text of a cell with characters of full width as those of the keyboard."""
    return unicodedata.normalize("NFKC", str(cell)).strip()


def _yes_no(cell: object) -> bool:
    if isinstance(cell, bool):
        return cell
    word = _plain(cell).casefold()
    for value, words in _WORDS.items():
        if word in words:
            return value
    raise WrongCell


def _list(cell: object) -> list[str]:
    return [part for part in _SPLIT.split(_text(cell)) if part]


_READ = {
    Holds.TEXT: _text, Holds.DATE: _date, Holds.TIME: _time, Holds.NUMBER: _number,
    Holds.PERCENT: _percent, Holds.YES_NO: _yes_no, Holds.LIST: _list,
}  # fmt: skip


def masked(column: Column, value: Value) -> tuple[Value, bool]:
    """`value` as it may be stored, and whether something was cut."""
    if not isinstance(value, str):
        return value, False
    if column.mask is Mask.NAME:
        return value[:1] + "**", True
    if column.mask is Mask.NUMBER:
        return value[:3] + "***" + value[-2:], True
    return hidden(value)


def hidden(text: str) -> tuple[str, bool]:
    """`text` without numbers that are those of identity cards, bank cards or mobile phones."""
    shown = _DIGITS.sub(lambda m: _cut(m[0]) if _is_personal(m[0]) else m[0], text)
    return shown, shown != text


def shown(cell: object) -> str:
    """A cell that cannot be read, for a message: short, and of a number that was cut its start."""
    text = " ".join(str(cell).split())
    if _CUT_NUMBER.fullmatch(text):
        mantissa, _, power = text.lower().partition("e")
        return f"{mantissa[:4]}…e{power}"
    return hidden(text)[0][:40]


def _cut(number: str) -> str:
    return number[:3] + "***" + number[-2:]


def _is_personal(number: str) -> bool:
    return (
        (len(number) == 11 and number[0] == "1" and number[1] in "3456789")
        or is_identity_number(number)
        or (16 <= len(number) <= 19 and number.isdigit() and luhn_holds(number))
    )


def is_identity_number(number: str) -> bool:
    """Whether the check digit of GB 11643 is right."""
    return bool(re.fullmatch(r"[0-9]{17}[0-9Xx]", number)) and id_check_holds(number.upper())
