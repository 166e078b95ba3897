"""How the workbook looks: fonts, colours, styles, and how high a row must be to show its text.

Conclusions differ by word, weight and lightness, so that they are readable in grey.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

from openpyxl.cell import Cell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side

from audit_excel.cells import cell, cell_of_lines
from audit_excel.row_xml import number_cell, text_cell

NARROW = "Calibri"
"""The font of digests in every language: 64 digits on one line."""

LINE_POINTS = 15.0
MAX_POINTS = 409.0
"""Excel shows no row higher than this."""

NAVY = "1F3864"
PALE = "F2F5FA"
RED = "C00000"
COLOURS = {
    "conforming": "70AD47",
    "partly_conforming": "FFD966",
    "nonconforming": "C00000",
    "not_applicable": "D9D9D9",
    "not_assessed": "9DC3E6",
}

_THIN = Side(style="thin", color="BFBFBF")
_BORDER = Border(left=_THIN, right=_THIN, top=_THIN, bottom=_THIN)
_NO_FILL = PatternFill()


class _Style(NamedTuple):
    size: float = 10
    bold: bool = False
    italic: bool = False
    underline: bool = False
    colour: str = "000000"
    fill: PatternFill = _NO_FILL
    across: str = "left"
    down: str = "center"
    bordered: bool = True
    narrow: bool = False


def _solid(colour: str) -> PatternFill:
    return PatternFill("solid", fgColor=colour, bgColor=colour)


def _hatched(colour: str) -> PatternFill:
    return PatternFill("lightUp", fgColor=colour, bgColor="FFFFFF")


_STYLES = {
    "text": _Style(),
    # From the top: Excel shows no row higher than 409 points and cuts from both ends otherwise.
    "record": _Style(size=9, down="top"),
    "digest": _Style(size=8, narrow=True),
    "digest_link": _Style(size=8, underline=True, colour="0563C1", narrow=True),
    "centre": _Style(across="center"),
    "number": _Style(across="right"),
    "head": _Style(bold=True, colour="FFFFFF", fill=_solid(NAVY), across="center"),
    "label": _Style(bold=True, fill=_solid(PALE)),
    "key": _Style(size=8, narrow=True, bordered=False),
    "not_asked": _Style(fill=_solid("F2F2F2")),
    "fill_in": _Style(fill=_solid("FFFBE6")),
    "link": _Style(underline=True, colour="0563C1"),
    "link_centre": _Style(underline=True, colour="0563C1", across="center"),
    "title": _Style(size=14, bold=True, colour=NAVY, bordered=False),
    "cover": _Style(size=24, bold=True, colour=NAVY, across="center", bordered=False),
    "subtitle": _Style(size=13, across="center", bordered=False),
    "section": _Style(size=12, bold=True, colour=NAVY, bordered=False),
    "note": _Style(size=9, colour="595959", bordered=False),
    "plain": _Style(bordered=False),
    "alarm": _Style(size=12, bold=True, colour="FFFFFF", fill=_solid(RED), across="center"),
    "disclaimer": _Style(size=12, bold=True, colour=RED, across="center"),
    "conforming": _Style(fill=_solid("E2EFDA"), across="center"),
    "partly_conforming": _Style(bold=True, fill=_solid("FFD966"), across="center"),
    "nonconforming": _Style(bold=True, colour="FFFFFF", fill=_solid(RED), across="center"),
    "not_applicable": _Style(colour="595959", fill=_solid("D9D9D9"), across="center"),
    "not_assessed": _Style(italic=True, fill=_hatched("9DC3E6"), across="center"),
    "high": _Style(bold=True, colour="FFFFFF", fill=_solid(RED), across="center"),
    "medium": _Style(bold=True, fill=_solid("FFD966"), across="center"),
    "low": _Style(fill=_solid("E2EFDA"), across="center"),
}


def font_of(lang: str) -> str:
    """The font for `lang`: one that Office and WPS bring along."""
    return "等线" if lang == "zh" else NARROW


class FormattedText(NamedTuple):
    """The XML of a cell after its reference, and how many lines its text takes."""

    xml: str
    lines: float


_ROOM = 8 << 20
"""Characters of texts whose look is remembered: most stand in more than one row."""


class Styles:
    """How text is formatted; each style is registered in the workbook once."""

    def __init__(self, lang: str) -> None:
        self._font = font_of(lang)
        # Calibri is narrow. Where 等线 is missing, what stands in for it has wide Latin letters.
        self._latin = 1.1 if lang == "zh" else 0.95
        self._numbers: dict[tuple[str, bool], int] = {}
        self._sheet: Any = None
        self._room = _ROOM
        self._cache: dict[tuple[object, str, float], FormattedText] = {}

    def use(self, sheet: Any) -> None:
        """Styles are registered in the workbook of `sheet`."""
        self._sheet = sheet

    def formatted(
        self, value: str | tuple[str, ...] | int, style: str, width: float
    ) -> FormattedText:
        """How `value` is shown in `style` in a column of `width`; lines are not measured for 0."""
        key = (value, style, width)
        known = self._cache.get(key)
        if known is None:
            known = self._formatted(value, style, width)
            self._room -= len(known.xml) + 100
            if self._room > 0:
                self._cache[key] = known
        return known

    def _formatted(
        self, value: str | tuple[str, ...] | int, style: str, width: float
    ) -> FormattedText:
        made = cell_of_lines(value) if isinstance(value, tuple) else cell(str(value))
        lines = self.lines(made.text, style, width) if width and made.text else 1.0
        number = self._number(style, quoted=made.quoted)
        if isinstance(value, int):
            return FormattedText(number_cell(number, value), lines)
        return FormattedText(text_cell(number, made.text), lines)

    def _number(self, style: str, *, quoted: bool) -> int:
        key = (style, quoted)
        if key not in self._numbers:
            made = Cell(self._sheet, row=1, column=1)
            self._dress(made, _STYLES[style], quoted)
            self._numbers[key] = made.style_id
        return self._numbers[key]

    def lines(self, text: str, style: str, width: float) -> float:
        """How many lines of 10 points `text` takes in `style` in a column of `width`."""
        look = _STYLES[style]
        small = look.size / 10
        return lines_of(text, width / small, 1.0 if look.narrow else self._latin) * small

    def _dress(self, made: Cell, style: _Style, quoted: bool) -> None:
        made.font = Font(
            name=NARROW if style.narrow else self._font, size=style.size, color=style.colour,
            bold=style.bold, italic=style.italic, underline="single" if style.underline else None,
        )  # fmt: skip
        made.fill = style.fill
        made.alignment = Alignment(horizontal=style.across, vertical=style.down, wrap_text=True)
        if style.bordered:
            made.border = _BORDER
        made.quotePrefix = quoted


def _columns(text: str, latin: float) -> float:
    # Bytes of UTF-8 tell width well enough: 1 for ASCII, 3 for what is two columns wide.
    return len(text) * (1.5 * latin - 1) + len(text.encode()) * (1 - latin / 2)


@functools.lru_cache(maxsize=16_384)  # most lines of a record stand in those of other objects
def _wrapped(line: str, room: float, latin: float) -> int:
    needed = len(line) * latin if line.isascii() else _columns(line, latin)
    if needed <= room or " " not in line:
        return max(1, math.ceil(needed / room))
    lines, used = 1, 0.0
    for word in line.split(" "):
        ascii = word.isascii()
        width = len(word) * latin if ascii else _columns(word, latin)
        if used + width <= room or not ascii:  # East Asian text breaks anywhere
            used += width + 1
        else:
            lines, used = lines + 1, width + 1
        overflow = max(0, math.ceil((used - 1) / room) - 1)
        lines, used = lines + overflow, used - overflow * room
    return lines


def lines_of(text: str, width: float, latin: float = 1.0) -> int:
    """How many lines `text` takes in a column of `width`.

    East Asian characters take two columns, all others `latin` of one.
    """
    room = max(width - 1, 1)
    return sum(_wrapped(line, room, latin) for line in text.split("\n"))


def height_of(lines: float) -> float:
    """Points that a row with `lines` lines of 10 points needs, as far as Excel allows."""
    return min(lines * LINE_POINTS + 3, MAX_POINTS)
