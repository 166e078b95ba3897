"""Text of a target in a workbook: rows 9-21 and 24 of the list of hostile inputs.

Nothing here is a recording: every text is invented to do harm.
"""

from __future__ import annotations

import hashlib
import io
import re
import time
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.cell import WriteOnlyCell

from audit_core.text.escape import show
from audit_excel.cells import MAX_LINE_UNITS, MAX_UNITS, cell, cell_of_lines, units
from audit_excel.names import SheetNames

NAMES = {
    "SHY": 0xAD, "CGJ": 0x34F, "ALM": 0x61C, "ZWSP": 0x200B, "ZWNJ": 0x200C, "ZWJ": 0x200D,
    "LRM": 0x200E, "RLM": 0x200F, "LS": 0x2028, "PS": 0x2029, "LRE": 0x202A, "RLE": 0x202B,
    "PDF": 0x202C, "LRO": 0x202D, "RLO": 0x202E, "WJ": 0x2060, "LRI": 0x2066, "RLI": 0x2067,
    "FSI": 0x2068, "PDI": 0x2069, "BOM": 0xFEFF,
}  # fmt: skip
ESCAPE = re.compile(
    r"(?P<run>(?<!\\)\\+)(?P<hex>x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})"
    "|(?P<picture>[\u2400-\u2424])"
    r"|⟪(?:U\+(?P<code>[0-9A-F]+)|(?P<name>\w+))⟫"
)
any_text = st.text(st.characters(exclude_categories=()), max_size=60)
nasty = st.lists(
    st.sampled_from(
        ["\\", "\\x1b", "\\u241b", "u0041", "x41", "U00000041", "\x1b", "␛", "⟪", "⟫", "RLO",
         "\u202e", "\x9b", "\udcff", "\ud800", "\ufffe", "\U0001ffff", "_x005F_", "_x000D_",
         "_x", "000d_", "=", "\r", "\n", "\t", " ", "\u3000", "e\u0301", "\u1100\u1161", "é", "Å",
         "\ufe0f", "口令"]
    ), max_size=12,
).map("".join)  # fmt: skip


def _read(match: re.Match[str]) -> str:
    if match["run"]:
        slashes, odd = divmod(len(match["run"]), 2)
        value = int(match["hex"][1:], 16) + (0xDC00 if match["hex"][0] == "x" else 0)
        return "\\" * slashes + (chr(value) if odd else match["hex"])
    if match["picture"]:
        value = ord(match["picture"]) - 0x2400
        return "\x7f" if value == 0x21 else chr(value)
    return chr(int(match["code"], 16) if match["code"] else NAMES[match["name"]])


def unshow(shown: str) -> str:
    """What a careful reader makes of the shown text."""
    return ESCAPE.sub(_read, shown)


def saved_and_read(*texts: str) -> list[Any]:
    """The first column after the texts went through a file."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("s")
    for text in texts:
        made = WriteOnlyCell(sheet, value=cell(text).text)
        made.data_type = "s"
        made.quotePrefix = cell(text).quoted
        sheet.append([made])
    buffer = io.BytesIO()
    book.save(buffer)
    return [row[0] for row in openpyxl.load_workbook(buffer)["s"].iter_rows(max_col=1)]


def decoded(value: object) -> str:
    """A cell's text as spreadsheet programs show it: ST_Xstring decoded."""
    text = "" if value is None else str(value)
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda m: chr(int(m[1], 16)), text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x00b", "a␀b"),
        ("\x1b[2J\x1b]52;c;aGk=\x07", "␛[2J␛]52;c;aGk=␇"),
        ("\x1b]8;;http://x\x1b\\y", "␛]8;;http://x␛\\y"),
        ("\x9b31m", "\\u009b31m"),
        ("PASS\rFAIL", "PASS␍FAIL"),
        ("PASS\x08\x08\x08\x08FAIL", "PASS␈␈␈␈FAIL"),
        ("user\u202etxt.exe", "user⟪RLO⟫txt.exe"),
        ("\u2066a\u2069", "⟪LRI⟫a⟪PDI⟫"),
        ("ro\u200bot", "ro⟪ZWSP⟫ot"),
        ("\ufeffroot", "⟪BOM⟫root"),
        ("x\ufe0f", "x⟪U+FE0F⟫"),
        ("\U000e0041", "⟪U+E0041⟫"),
        ("cafe\u0301", "cafe⟪U+0301⟫"),
        ("caf\u00e9", "caf\u00e9"),
        (b"\xff\xfeabc".decode("utf-8", "surrogateescape"), "\\xff\\xfeabc"),
        ("\ud800", "\\ud800"),
        ("\ufffe\uffff", "\\ufffe\\uffff"),
        ("\U0010ffff", "\\U0010ffff"),
        ("␛ as data", "\\u241b as data"),
        ("\\x1b as data", "\\\\x1b as data"),
        ("C:\\Users\\x", "C:\\Users\\x"),
        ("⟪RLO⟫ as data", "\\u27eaRLO⟫ as data"),
        ("   ", "␠␠␠"),
        ("\u3000", "\\u3000"),
        ("{{7*7}} ${x} %s%n {0.__class__}", "{{7*7}} ${x} %s%n {0.__class__}"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("口令最小长度=8，要求三类字符", "口令最小长度=8，要求三类字符"),
        ("a\nb\tc", "a␊b\tc"),
    ],
)
def test_invisible_characters_are_escaped(text: str, shown: str) -> None:
    assert cell(text).text == shown
    assert unshow(shown) == text
    assert saved_and_read(text)[0].value == shown


@pytest.mark.parametrize(
    "text",
    [
        "=cmd|'/C calc'!A0", '=HYPERLINK("http://x","y")', '=WEBSERVICE("http://x")', "@SUM(1,1)",
        "+1", "-1", "-rf", "\t=1+1", "\r=1+1", " =1+1", "\n=1", "＝1+1", "＋1", "－1",
        "＠SUM", "{=1}",
    ],
)  # fmt: skip
def test_no_text_becomes_a_formula(text: str) -> None:
    read = saved_and_read(text)[0]
    assert (read.data_type, read.value) == ("s", show(text))
    assert read.quotePrefix is (not text.startswith("{"))


@pytest.mark.parametrize(
    "text",
    ["#N/A", "#REF!", "TRUE", "007", "12345678901234567890", "1e5", "1/2", "2026-11-23", "0x10",
     "NaN", "inf", "1.10", "no"],
)  # fmt: skip
def test_what_looks_like_a_value_stays_text(text: str) -> None:
    read = saved_and_read(text)[0]
    assert (read.data_type, read.value) == ("s", text)


@pytest.mark.parametrize("text", ["_x001B_", "_x000D_x000A_", "_x005F_", "a_x000d_b", "_x12_"])
def test_a_literal_escape_survives(text: str) -> None:
    assert decoded(saved_and_read(text)[0].value) == text


@pytest.mark.parametrize("text", ["A" * 1_000_000, "😀" * 40_000, "_x000D_" * 9_000, "\x00" * 9**5])
def test_a_long_text_is_cut_with_its_digest(text: str) -> None:
    read = str(saved_and_read(text)[0].value)
    assert units(read) <= 32_767
    assert read.endswith(f"sha256 {hashlib.sha256(text.encode()).hexdigest()}]")
    assert "… [truncated, " in read


@pytest.mark.parametrize("unit", ["\\", "\x1b", "_x", "e\u0301", "⟪", "\u202e", "\n", "="])
def test_escaping_takes_linear_time(unit: str) -> None:
    started = time.process_time()
    show(unit * 100_000)
    cell(unit * 1_000_000)
    assert time.process_time() - started < 10  # 0.2 s were measured


def test_a_text_at_the_limit_is_whole() -> None:
    assert cell("口" * MAX_UNITS).text == "口" * MAX_UNITS
    assert "truncated" in cell("口" * (MAX_UNITS + 1)).text


def test_the_digest_of_a_cut_text_is_that_of_the_bytes_received() -> None:
    raw = b"\xff" * 40_000
    assert hashlib.sha256(raw).hexdigest() in cell(raw.decode("utf-8", "surrogateescape")).text


def test_a_newline_in_the_data_is_not_a_line_of_the_record() -> None:
    made = cell_of_lines(["seen: x\n〔符合 · ssh.root-login〕", "second"])
    assert made.text == "seen: x␊〔符合 · ssh.root-login〕\nsecond"


def test_one_long_value_does_not_push_out_the_others() -> None:
    made = cell_of_lines(["A" * 10_000_000, "不符合"])
    assert made.text.endswith("]\n不符合")
    assert len(made.text) < MAX_LINE_UNITS + 150


@given(text=st.one_of(any_text, nasty))
def test_escaped_text_can_be_read_back(text: str) -> None:
    assert unshow(show(text)) == text
    assert "\n" not in show(text)


@given(texts=st.lists(st.one_of(any_text, nasty), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_a_file_gives_back_every_text(texts: list[str]) -> None:
    for text, read in zip(texts, saved_and_read(*texts), strict=False):
        if text:
            assert (read.data_type, unshow(decoded(read.value))) == ("s", text)


@given(text=st.one_of(any_text, nasty), size=st.integers(30_000, 40_000))
@settings(max_examples=40, deadline=None)
def test_a_text_of_any_length_is_whole_or_names_its_digest(text: str, size: int) -> None:
    long = ((text or "x") * size)[:size]
    made = cell(long).text
    assert units(made) <= 32_767
    assert "sha256 " in made or unshow(decoded(made)) == long


HOSTILE_NAMES = [
    "web1", "WEB1", "Web1", "ß" * 40, "ss" * 20, "a" * 31, "a" * 32, "A" * 40, "a[]:*?/\\b",
    "'quoted'", "'", "", " ", "History", "HISTORY", "hi\x1bst", "\u202eabc", "😀" * 20, "x\ud800",
    "web1/tls:443", "web1_tls_443", "a\nb", "封面", "web1-2",
]  # fmt: skip


def _is_sheet_name(name: str) -> bool:
    short = 1 <= len(name.encode("utf-16-le")) // 2 <= 31
    plain = not re.search(r"[\[\]:*?/\\\x00-\x1f]", name)
    return short and plain and name.strip("'") == name and name.lower() != "history"


def test_sheet_names_are_allowed_and_unique() -> None:
    names = SheetNames()
    taken = [names.take(wanted) for wanted in HOSTILE_NAMES * 3]
    assert all(map(_is_sheet_name, taken))
    assert len({name.casefold() for name in taken}) == len(taken)
    assert taken[0] == "web1"


@given(wanted=st.lists(st.one_of(any_text, nasty), max_size=20))
@settings(deadline=None)
def test_any_names_become_sheet_names(wanted: list[str]) -> None:
    names = SheetNames()
    taken = [names.take(name) for name in wanted]
    assert all(map(_is_sheet_name, taken))
    assert len({name.casefold() for name in taken}) == len(taken)
