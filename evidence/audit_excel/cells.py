"""The one way text gets into a cell: what cannot be seen is shown, nothing becomes a formula.

A workbook is read by people and by spreadsheet programs. Both are attacked through text that a
target chose: formulas, control characters, right-to-left overrides, names that differ only in
what nobody sees. The escapes below are injective: two different texts never look the same, so
the text can be read back from what is shown.

Measured with openpyxl 3.1.5: text that starts with `=` becomes a formula and `#N/A` an error
unless the cell's type is set; control characters raise at once, U+FFFE and lone surrogates only
when the workbook is saved; what is longer than 32,767 characters is cut without a word.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

MAX_UNITS = 32_000
"""UTF-16 units of a cell before the note that it was cut; Excel's own limit is 32,767."""

MAX_LINE_UNITS = 4_000
"""UTF-16 units of one line of a record, so that one value cannot push the others out of sight."""


class CellText(NamedTuple):
    """Text that is safe in a cell; `quoted` asks for quotePrefix, so that editing keeps it text."""

    text: str
    quoted: bool = False


_NAMES = {
    0x00AD: "SHY", 0x034F: "CGJ", 0x061C: "ALM", 0x200B: "ZWSP", 0x200C: "ZWNJ", 0x200D: "ZWJ",
    0x200E: "LRM", 0x200F: "RLM", 0x2028: "LS", 0x2029: "PS", 0x202A: "LRE", 0x202B: "RLE",
    0x202C: "PDF", 0x202D: "LRO", 0x202E: "RLO", 0x2060: "WJ", 0x2066: "LRI", 0x2067: "RLI",
    0x2068: "FSI", 0x2069: "PDI", 0xFEFF: "BOM",
}  # fmt: skip

# Invisible or without width, beyond the controls: Unicode 15 Default_Ignorable_Code_Point, the
# format characters (Cf), the Hangul fillers and the blank Braille pattern.
_INVISIBLE = (
    "\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    chr(plane << 16 | 0xFFFE) + chr(plane << 16 | 0xFFFF) for plane in range(17)
)
# Control pictures and the bracket are escapes here, so where they stand in the data they are
# escaped themselves.
_PICTURES = "\u2400-\u2424"
_BRACKET = "\u27ea"
_SPECIAL = re.compile(
    f"[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff{_PICTURES}{_BRACKET}{_INVISIBLE}{_NONCHARACTERS}]"
)
_UNSEEN = re.compile(f"[{_INVISIBLE}]")
_HEX = "(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})"
# A run of backslashes is doubled where what follows would otherwise read as an escape: a literal
# escape, or a character that becomes one with a backslash.
# The tail is optional so that a run is passed over once: a look-ahead would make it quadratic.
_BACKSLASHES = re.compile(
    rf"(\\+)({_HEX}|[\x80-\x9f\ud800-\udfff{_PICTURES}{_BRACKET}{_NONCHARACTERS}])?"
)
_XML_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
# What needs no second look: printable, composed, no backslash.
_PLAIN = re.compile(
    r"[\t -\[\]-~\u00a1-\u00ac\u00ae-\u02ff\u2010-\u2027\u3001-\u3020\u4e00-\u9fff\uff01-\uff60]*"
)
_FORMULA_STARTS = tuple("=+-@＝＋－＠﹦﹢﹣﹫")


def _doubled(match: re.Match[str]) -> str:
    return match[1] * 2 + match[2] if match[2] else match[1]


def _backslashed(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _shown(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if _UNSEEN.match(match.group()):
        return f"⟪{_NAMES.get(code) or f'U+{code:04X}'}⟫"
    return _backslashed(code)


def _mark_twins(text: str) -> str:
    # Two names that look the same and differ in composition only: the odd one is marked.
    marked, before = [], ""
    for char in text:
        composed = unicodedata.is_normalized("NFC", before + char)
        odd = unicodedata.combining(char) or not composed
        marked.append(f"⟪U+{ord(char):04X}⟫" if odd else char)
        before = char
    return "".join(marked)


def _blank(text: str) -> str:
    # Spreadsheet programs drop text that is white space only.
    pictures = {" ": "\u2420", "\t": "\u2409"}
    return "".join(pictures.get(c) or _backslashed(ord(c)) for c in text)


def show(text: str) -> str:
    """`text` with everything that a reader would not see made visible, reversibly.

    Controls are pictures (`␛`), directions and zero widths names (`⟪RLO⟫`), bytes that were not
    UTF-8 `\\xff`, other unprintables `\\ufffe`. A newline is `␊`: lines are made by
    :func:`cell_of_lines` only, so that no value can forge one. Tabs stay.
    """
    shown = text
    if not _PLAIN.fullmatch(text):
        shown = _SPECIAL.sub(_shown, _BACKSLASHES.sub(_doubled, text))
        if not unicodedata.is_normalized("NFC", shown):
            shown = _mark_twins(shown)
    if shown and shown.isspace():
        return _blank(shown)
    return shown


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


def _finish(shown: str, raw: str) -> CellText:
    # Escaped before it is cut: seven characters become thirteen.
    cut = _cut(_XML_ESCAPE.sub("_x005F_", shown), raw, MAX_UNITS)
    return CellText(cut, bool(raw) and _may_be_formula(raw))


def cell(text: str) -> CellText:
    """`text` made visible, cut at :data:`MAX_UNITS` with size and SHA-256, and marked if it
    could be taken for a formula. A literal `_x000D_` keeps its meaning (ECMA-376, ST_Xstring)."""
    return _finish(show(text[: MAX_UNITS + 1]), text)


def cell_of_lines(lines: Iterable[str]) -> CellText:
    """A cell with one line for each of `lines`: a newline in the data is shown, never made."""
    raw = tuple(lines)
    clipped = (_cut(show(r[: MAX_LINE_UNITS + 1]), r, MAX_LINE_UNITS) for r in raw)
    return _finish("\n".join(clipped), "\n".join(raw))
