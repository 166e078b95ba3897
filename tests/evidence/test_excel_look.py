"""How the workbook looks on screen and on paper."""

from __future__ import annotations

from typing import Any

from core.pack.workbook import (
    SHEETS,
    WORDS,
)


def test_tables_are_frozen_filtered_and_set_up_for_print(book: Any, lang: str) -> None:
    for sheet in book:
        assert (sheet.page_setup.orientation, sheet.page_setup.paperSize) == ("landscape", 9)
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        assert "&P" in sheet.oddFooter.right.text
        assert "20261123T080000Z-7f3a" in sheet.oddFooter.center.text
        if sheet.title in (SHEETS[lang][0], SHEETS[lang][1], SHEETS[lang][-1]):
            continue
        assert sheet.freeze_panes.endswith("4")
        assert sheet.print_title_rows == "$3:$3"
        assert sheet.auto_filter.ref.startswith("A3:")
        assert sheet.auto_filter.ref.endswith(str(sheet.max_row))


def test_conclusions_differ_in_more_than_hue(book: Any, lang: str) -> None:
    cells = {row[4].value: row[4] for row in book["web1"].iter_rows(min_row=4)}
    assert set(cells) == set(WORDS[lang])
    looks = {
        (c.font.bold, c.font.italic, c.font.color.rgb, c.fill.fgColor.rgb) for c in cells.values()
    }
    assert len(looks) == 5


def test_rows_are_high_enough_for_their_text(book: Any) -> None:
    sheet = book["web1"]
    for number in range(4, sheet.max_row + 1):
        lines = str(sheet.cell(number, 4).value).split("\n")
        columns = [sum(2 if ord(c) > 0x1100 else 1 for c in line) for line in lines]
        needed = sum(max(1, -(-width // 110)) for width in columns)
        assert sheet.row_dimensions[number].height >= needed * 13.5
