"""Numbers with a check digit: identity cards, bank cards, unified social credit codes. Pure.

Sources: GB 11643-1999 (ISO 7064 MOD 11-2), GB 32100-2015 (MOD 31), ISO/IEC 7812-1 (Luhn), GB/T 2260
(regions). The ranges of issuers are those of the schemes as widely published, recalled.
"""

from __future__ import annotations

import datetime

from audit_core.api.check_digits import id_check_holds

_REGIONS = frozenset(
    (11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46,
     50, 51, 52, 53, 54, 61, 62, 63, 64, 65, 71, 81, 82, 83)
)  # fmt: skip
_CODE_LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CODE_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
# Of each range of first digits, the lengths that are issued.
_ISSUERS: tuple[tuple[int, int, frozenset[int]], ...] = (
    (620000, 629999, frozenset((16, 17, 18, 19))),  # UnionPay
    (810000, 817199, frozenset((16, 17, 18, 19))),  # UnionPay
    (955880, 955889, frozenset((19,))),
    (955950, 955959, frozenset((19,))),
    (955980, 955989, frozenset((19,))),
    (603367, 603367, frozenset((18,))),  # old debit cards
    (400000, 499999, frozenset((13, 16, 19))),  # Visa
    (510000, 559999, frozenset((16,))),
    (222100, 272099, frozenset((16,))),  # Mastercard
    (340000, 349999, frozenset((15,))),
    (370000, 379999, frozenset((15,))),  # American Express
    (352800, 358999, frozenset((16,))),  # JCB
    (300000, 305999, frozenset((14,))),
    (360000, 369999, frozenset((14,))),  # Diners Club
    (601100, 601199, frozenset((16,))),
    (644000, 659999, frozenset((16,))),  # Discover
)


def has_birth_date(text: str) -> bool:
    """Whether 18 characters begin as an identity card does: a region, then a day since 1900."""
    if int(text[:2]) not in _REGIONS or not "1900" <= text[6:10] <= "2099":
        return False
    try:
        born = datetime.date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return False
    return born.year < 2100


def is_id_card(text: str) -> bool:
    """Whether `text` is the number of an identity card, in capitals."""
    if len(text) != 18 or not (text[:17] + text[17].replace("X", "0")).isdecimal():
        return False
    return text.isascii() and has_birth_date(text) and id_check_holds(text)


def has_issuer(digits: str) -> bool:
    """Whether `digits` begins as the cards of a scheme do, and has a length that they have."""
    if not 13 <= len(digits) <= 19:
        return False
    first = int(digits[:6])
    return any(low <= first <= high and len(digits) in lengths for low, high, lengths in _ISSUERS)


def looks_like_credit_code(text: str) -> bool:
    """Whether `text` is a unified social credit code, in capitals, but for its check letter."""
    if len(text) != 18 or not text[2:8].isdecimal() or text[0] not in "123456789ANY":
        return False
    return set(text) <= set(_CODE_LETTERS) and int(text[2:4]) in _CODE_REGIONS


def code_check_holds(text: str) -> bool:
    """Whether the last letter of what looks like a unified social credit code is right."""
    total = sum(
        weight * _CODE_LETTERS.index(letter)
        for weight, letter in zip(_CODE_WEIGHTS, text, strict=False)
    )
    return _CODE_LETTERS[(31 - total % 31) % 31] == text[17]


_CODE_REGIONS = _REGIONS | {10}  # 100000: registered with the state itself
