"""What a profile changes of the parameters of checks, as results tell it. Pure data."""

from __future__ import annotations

import enum
from typing import Any

from msgspec import Struct


class Change(enum.StrEnum):
    """What a new value of a parameter asks: more, less, or something else (no direction)."""

    TIGHTENS = "tightens"
    LOOSENS = "loosens"
    CHANGES = "changes"


class OverrideInfo(Struct, frozen=True, kw_only=True):
    """A parameter that a profile overrides, and on which targets of the run.

    `before` and `after` are plain data; `targets` is empty where the selection meets none.
    """

    check: str
    parameter: str
    change: Change
    before: Any
    after: Any
    targets: tuple[str, ...]
    reason: str = ""
    approver: str = ""
