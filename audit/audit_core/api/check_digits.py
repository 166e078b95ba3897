"""Check digits of numbers that name people and cards. Pure."""

from __future__ import annotations

_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECK = "10X98765432"


def id_check_holds(text: str) -> bool:
    """Whether the last of 18 characters is the check digit of an identity card (GB 11643).

    A check digit X is a capital.
    """
    total = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, text, strict=False))
    return _ID_CHECK[total % 11] == text[17]


def luhn_holds(digits: str) -> bool:
    """Whether the last digit is the check digit by Luhn."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit)
        total += value if place % 2 == 0 else (value * 2 - 9 if value > 4 else value * 2)
    return total % 10 == 0
