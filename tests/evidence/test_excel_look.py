"""How the workbook looks on screen and on paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.pack.workbook import (
    SHEETS,
    WORDS,
    MakeSource,
    written,
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


def test_the_overview_prints_on_one_page_so_that_no_chart_is_cut(book: Any, lang: str) -> None:
    sheet = book[SHEETS[lang][1]]
    assert (sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight) == (1, 1)


def test_a_chart_of_results_counts_them_in_their_colours(book: Any, lang: str) -> None:
    totals = book[SHEETS[lang][1]]._charts[0]
    (series,) = totals.series
    assert len({p.graphicalProperties.solidFill.srgbClr for p in series.dPt}) == 5
    assert totals.dataLabels.showVal


def test_files_of_a_large_pack_begin_on_a_page_of_their_own_under_a_repeated_head(
    make_source: MakeSource, tmp_path: Path
) -> None:
    source = make_source()
    digests = next(iter(source.digests("")))[1]
    source.files = 100
    source.digests = lambda object: (
        (f"answers/{n:05d}.yaml", digests) for n in range(0 if object else 100)
    )
    sheet = written(source, tmp_path)["确认单"]
    (page,) = sheet.row_breaks.brk
    head = next(r[0].row for r in sheet.iter_rows(min_row=page.id) if r[1].value == "MD5")
    assert sheet.print_title_rows == f"${head}:${head}"
    assert sheet.cell(page.id + 1, 1).value == "文件"
    assert sheet.row_dimensions[head + 1].height < 20  # each digest on one line


def test_what_the_inventory_does_not_say_is_left_to_fill_in(book: Any, lang: str) -> None:
    sheet = book[SHEETS[lang][-3]]
    for row in sheet.iter_rows(min_row=4, min_col=6, max_col=9):
        for cell in row:
            assert (cell.fill.fgColor.rgb == "00FFFBE6") == (cell.value is None), cell.coordinate
