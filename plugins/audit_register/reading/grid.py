"""A sheet as the readers of the formats give it: numbered rows of cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct

from audit_core.api.sdk import Message

Row = tuple[int, list[object]]
"""The number of a row in its file, and its cells; empty ones are None."""


class Grid(Struct, frozen=True, kw_only=True):
    """A sheet of a file, or the only table in it; `place(row, column)` names a cell (from 0).

    `narrow`: a row with more cells than heads is damaged, as by a comma that is not in quotes.
    """

    sheet: str
    rows: Iterator[Row]
    place: Callable[[int, int], Message]
    narrow: bool = False


class Formula(str):
    """A cell that holds a formula: what it gives is not known."""
