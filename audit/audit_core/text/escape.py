"""Escapes text so that invisible characters are visible and none controls a terminal. PURE.

Terminals and documents are attacked through text that a target chose: control sequences,
right-to-left overrides, names that differ in invisible characters. The escapes are injective: two
different texts never look the same, so the text can be read back from what is shown.
"""

from __future__ import annotations

import re
import unicodedata

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
# Text without anything to escape: printable, composed, no backslash.
_PLAIN = re.compile(
    r"[\t -\[\]-~\u00a1-\u00ac\u00ae-\u02ff\u2010-\u2027\u3001-\u3020\u4e00-\u9fff\uff01-\uff60]*"
)


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
    # Text of white space only looks empty, and spreadsheet programs drop it.
    pictures = {" ": "\u2420", "\t": "\u2409"}
    return "".join(pictures.get(c) or _backslashed(ord(c)) for c in text)


def unprintable(text: str) -> str:
    """The first character that is neither printable nor any blank, tab or line feed; else none."""
    doubtful = (c for c in text if not c.isprintable())
    return next((c for c in doubtful if c not in "\n\t" and unicodedata.category(c) != "Zs"), "")


def show(text: str) -> str:
    """`text` with invisible characters made visible, reversibly.

    Controls are pictures (`␛`), directions and zero widths names (`⟪RLO⟫`), bytes that were not
    UTF-8 `\\xff`, other unprintables `\\ufffe`. A newline is `␊`: no value forges a line.
    Tabs stay.
    """
    shown = text
    if not _PLAIN.fullmatch(text):
        shown = _SPECIAL.sub(_shown, _BACKSLASHES.sub(_doubled, text))
        if not unicodedata.is_normalized("NFC", shown):
            shown = _mark_twins(shown)
    if shown and shown.isspace():
        return _blank(shown)
    return shown
