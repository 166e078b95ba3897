"""Generated customers: numbers with right check digits that belong to nobody on purpose."""

from __future__ import annotations

import random

from audit_core.api.check_digits import id_check_holds, luhn_holds
from audit_database.data import numbers

_CHECKED = "0123456789X"
_LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def id_cards(count: int, seed: int = 1) -> list[str]:
    """Identity cards of Beijing, born from 1960 on."""
    chance = random.Random(seed)
    made = []
    for _ in range(count):
        body = (
            f"110101{chance.randint(1960, 2005)}{chance.randint(1, 12):02}"
            f"{chance.randint(1, 28):02}{chance.randint(0, 999):03}"
        )
        made += [body + digit for digit in _CHECKED if id_check_holds(body + digit)]
    return made


def bank_cards(count: int, seed: int = 1) -> list[str]:
    """Debit cards of 19 digits."""
    chance = random.Random(seed)
    made = []
    for _ in range(count):
        body = f"622202{chance.randint(0, 10**12 - 1):012}"
        made += [body + digit for digit in "0123456789" if luhn_holds(body + digit)]
    return made


def credit_codes(count: int, seed: int = 1) -> list[str]:
    """Unified social credit codes of companies."""
    chance = random.Random(seed)
    made = []
    for _ in range(count):
        body = f"91110105MA{chance.randint(0, 10**7 - 1):07}"
        made += [body + letter for letter in _LETTERS if numbers.code_check_holds(body + letter)]
    return made


def phones(count: int, seed: int = 1) -> list[str]:
    """Mobile phone numbers."""
    chance = random.Random(seed)
    return [f"138{chance.randint(0, 10**8 - 1):08}" for _ in range(count)]


def names(count: int) -> list[str]:
    """Names of two and three characters."""
    return [
        f"{'王李张刘陈'[n % 5]}{chr(0x4E00 + 40 * n)}{'伟' if n % 2 else ''}" for n in range(count)
    ]
