"""How certain it is that a column holds a kind of data, by what was counted in it. Pure.

A check digit is right by chance in one of ten or eleven numbers. So one hit says little of a column
of numbers, and all of many say that it is no chance.
"""

from __future__ import annotations

import enum
import math

from audit_database.data import names
from audit_database.data.answer import LOG_LINES, Column, Found
from audit_database.data.identify import Data


class Certainty(enum.StrEnum):
    """CERTAIN: chance is out of the question. LIKELY: a person has to look."""

    CERTAIN = "certain"
    LIKELY = "likely"


_BY_CHANCE = {Data.ID_CARD: 1 / 11, Data.BANK_CARD: 1 / 10, Data.CREDIT_CODE: 1 / 31}
# Of random numbers of 11 digits: a 1, then digits of a mobile network.
_PHONE, _CERTAIN_PHONES = 0.08, 1e-3
_ID_CARD_AT_ALL = 1.4e-5  # of random numbers of 18 digits: region, day and check digit
# The day and region of an identity card are checked, too: three of three are enough.
_CERTAIN = {Data.ID_CARD: 1e-3, Data.BANK_CARD: 1.01e-4, Data.CREDIT_CODE: 1.01e-4}
_LIKELY = 0.1001
_FEW = 5


def certainty(column: Column, kind: Data) -> Certainty | None:
    """How certain it is that `column` holds `kind`; None where it is no more than chance."""
    found = column.found.get(kind)
    if found is None:
        return None
    hinted = kind in names.held_by(column.says)
    if kind in _BY_CHANCE:
        return _numbers(kind, found, hinted=hinted)
    if kind in (Data.TRACK, Data.CVN, Data.PASSWORD):
        return Certainty.CERTAIN
    return _unchecked(kind, found, column, hinted=hinted)


def _numbers(kind: Data, found: Found, *, hinted: bool) -> Certainty | None:
    if hinted and found.hits * 2 > found.shaped:
        return Certainty.CERTAIN
    chance = at_least(found.hits, found.shaped, _BY_CHANCE[kind])
    if kind is Data.ID_CARD and found.candidates >= _FEW * found.shaped:
        # most numbers of this length are no such numbers: they are not made of region and day
        chance = min(chance, at_least(found.hits, found.candidates, _ID_CARD_AT_ALL) / 10)
    if chance <= _CERTAIN[kind]:
        return Certainty.CERTAIN
    return Certainty.LIKELY if chance <= _LIKELY else None


def _unchecked(kind: Data, found: Found, column: Column, *, hinted: bool) -> Certainty | None:
    if kind is Data.PHONE and at_least(found.hits, found.shaped, _PHONE) <= _CERTAIN_PHONES:
        return Certainty.CERTAIN if hinted else Certainty.LIKELY
    if kind in (Data.EMAIL, Data.ADDRESS):
        # those in logs are mostly of machines and their administrators
        plain = found.different >= 3 and not (kind is Data.EMAIL and column.type == LOG_LINES)
        return Certainty.CERTAIN if hinted or plain else Certainty.LIKELY
    return _by_share(kind, found, column.values, hinted=hinted)


def _by_share(kind: Data, found: Found, values: int, *, hinted: bool) -> Certainty | None:
    share = found.count / values if values else 0.0
    many = found.different >= _FEW
    if hinted and share >= 0.5 and (many or share == 1):
        return Certainty.CERTAIN
    least = 0.9 if kind is Data.NAME else 0.6
    return Certainty.LIKELY if share >= least and many else None


def at_least(hits: int, tries: int, chance: float) -> float:
    """The probability of `hits` or more among `tries` where each is one with `chance`."""
    if hits <= tries * chance:
        return 1.0
    total = 0.0
    for k in range(hits, tries + 1):
        term = math.exp(
            math.lgamma(tries + 1) - math.lgamma(k + 1) - math.lgamma(tries - k + 1)
            + k * math.log(chance) + (tries - k) * math.log1p(-chance)
        )  # fmt: skip
        total += term
        if term < total * 1e-6:
            break
    return total
