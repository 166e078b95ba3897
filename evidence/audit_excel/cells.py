"""Escapes the text of cells: invisible characters become visible, nothing becomes a formula.

A workbook is read by people and by spreadsheet programs. Both are attacked through text that a
target chose: formulas, control characters, right-to-left overrides, names that differ only in
what nobody sees. The escapes below are injective: two different texts never look the same, so
the text can be read back from what is shown.

Cells are written as inline strings (`row_xml`), which no program takes for a formula. Excel cuts or
refuses what is longer than 32,767 characters, and refuses control characters, U+FFFE and lone
surrogates.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import NamedTuple

from audit_core.text.escape import show

MAX_UNITS = 32_000
"""UTF-16 units of a cell before the note that it was cut; Excel's own limit is 32,767."""

MAX_LINE_UNITS = 4_000
"""UTF-16 units of one line of a record, so that one value cannot push the others out of sight."""


class CellText(NamedTuple):
    """Text that is safe in a cell; `quoted` asks for quotePrefix, so that editing keeps it text."""

    text: str
    quoted: bool = False


_XML_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
# Most texts: printable, short, composed, begun with a letter or a digit. Nothing in them is escaped
# or cut, and no program takes them for a formula.
_SAFE = re.compile(
    r"[A-Za-z0-9\u4e00-\u9fff]"
    r"[ -\[\]-~\u00a1-\u00ac\u00ae-\u02ff\u2010-\u2027\u3001-\u3020\u4e00-\u9fff\uff01-\uff60]"
    r"{0,999}"
)
_SAFE_LINES = 30
_FORMULA_STARTS = tuple("=+-@＝＋－＠﹦﹢﹣﹫")


def units(text: str) -> int:
    """The length of `text` as spreadsheet programs count it, in UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _size(count: int) -> str:
    for unit, step in (("MB", 1 << 20), ("kB", 1 << 10)):
        if count >= step:
            return f"{count / step:.1f} {unit}"
    return f"{count} B"


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _clip(text: str, limit: int) -> str:
    while (over := units(text) - limit) > 0:
        text = text[: -max(1, over // 2)]
    return text


def _cut(shown: str, raw: str, limit: int) -> str:
    if len(shown) <= limit // 2 or units(shown) <= limit:
        return shown
    data = _bytes(raw)
    digest = hashlib.sha256(data).hexdigest()
    return f"{_clip(shown[:limit], limit)}… [truncated, {_size(len(data))}, sha256 {digest}]"


def _may_be_formula(raw: str) -> bool:
    return raw[0] in "\t\r" or raw.lstrip()[:1] in _FORMULA_STARTS


def _safe(text: str) -> bool:
    return _SAFE.fullmatch(text) is not None and "_x" not in text


def _finish(shown: str, raw: str) -> CellText:
    # Escaped before it is cut: seven characters become thirteen.
    cut = _cut(_XML_ESCAPE.sub("_x005F_", shown), raw, MAX_UNITS)
    return CellText(cut, bool(raw) and _may_be_formula(raw))


def cell(text: str) -> CellText:
    """`text` made visible, cut at :data:`MAX_UNITS` with size and SHA-256, and marked if it
    could be taken for a formula. A literal `_x000D_` keeps its meaning (ECMA-376, ST_Xstring)."""
    if _safe(text):
        return CellText(text)
    return _finish(show(text[: MAX_UNITS + 1]), text)


def cell_of_lines(lines: Iterable[str]) -> CellText:
    """A cell with one line for each of `lines`: a newline in the data is escaped."""
    raw = tuple(lines)
    if len(raw) <= _SAFE_LINES and all(map(_safe, raw)):
        return CellText("\n".join(raw))
    clipped = (_cut(show(r[: MAX_LINE_UNITS + 1]), r, MAX_LINE_UNITS) for r in raw)
    return _finish("\n".join(clipped), "\n".join(raw))
