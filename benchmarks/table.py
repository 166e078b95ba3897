"""What was measured, as rows of one table."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from msgspec import Struct

HEADS = ("what", "dengbao", "peer", "ratio", "aim", "met?")


class Row(Struct, frozen=True, kw_only=True):
    """One line: ours, a peer's, ours through the peer's, and what was aimed at."""

    what: str
    ours: str
    peer: str = ""
    ratio: str = ""
    aim: str = ""
    met: bool | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        """The texts of the line in the order of HEADS."""
        met = "" if self.met is None else "yes" if self.met else "NO"
        return (self.what, self.ours, self.peer, self.ratio, self.aim, met)


def spread(values: Sequence[float], unit: str, digits: int = 2) -> str:
    """The median with the least and the greatest value."""
    middle = statistics.median(values)
    if len(values) == 1:
        return f"{middle:.{digits}f} {unit}"
    return f"{middle:.{digits}f} {unit} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def compared(
    what: str,
    ours: Sequence[float],
    peer: Sequence[float],
    *,
    named: str,
    unit: str = "s",
    digits: int = 2,
    aim: float | None = None,
) -> Row:
    """The row of two series measured in pairs: the ratio is the median of the pairs' ratios."""
    ratios = [a / b for a, b in zip(ours, peer, strict=True)]
    return Row(
        what=what,
        ours=spread(ours, unit, digits),
        peer=f"{named} {spread(peer, unit, digits)}",
        ratio=spread(ratios, "").replace("  ", " ").strip(),
        aim="" if aim is None else f"<= {aim:g}",
        met=None if aim is None else statistics.median(ratios) <= aim,
    )


def limited(
    what: str, values: Sequence[float], most: float, unit: str, digits: int = 2, peer: str = ""
) -> Row:
    """The row of a series whose median must not exceed `most`."""
    return Row(
        what=what,
        ours=spread(values, unit, digits),
        peer=peer,
        aim=f"<= {most:g} {unit}",
        met=statistics.median(values) <= most,
    )


def markdown(rows: Iterable[Row]) -> str:
    """The rows as a table that reads well as it stands."""
    lines = [HEADS, *(row.cells for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADS))]
    shown = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([shown[0], rule, *shown[1:]])
