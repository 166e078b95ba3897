"""What people fill in in a workbook is read back, wherever rows went, or refused with the place."""

from __future__ import annotations

import datetime
import io
import re
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from audit_core.attest import importing
from audit_core.model.errors import InputError
from audit_core.model.forms import Form, FormKind
from audit_excel import xlsx
from audit_excel.fill_in import FIELDS, head_mark, in_order, row_mark
from audit_excel.reading import read
from core.pack.workbook import MakeSource, written

HEADS = {
    FormKind.QUESTION: [
        "步骤 1",
        "回答内容或不适用理由",
        "回答人",
        "核实日期",
        "证据（文件或资料名称）",
    ],
    FormKind.ISSUE: [
        "整改建议",
        "危害分析",
        "责任人",
        "期限",
        "状态",
        "复测结果",
        "整改后风险等级",
        "复测说明",
    ],
}
ANSWERED = ("满足", "看过", "张三", "2026-11-20", "")
TOLD = {"answer": "affirmed", "text": "看过", "by": "张三", "date": "2026-11-20", "evidence": ""}


def blank(kind: FormKind = FormKind.QUESTION, rows: int = 3, run: str = "r1") -> Any:
    """A table as an export writes it: a title, a head, `rows` rows that nobody filled in."""
    book = Workbook()
    sheet: Any = book.active
    sheet.title = "待补充材料"
    width = len(HEADS[kind])
    sheet.append(["title"])
    sheet.append(["No.", *HEADS[kind], "Question no.", head_mark(kind, run, "zh")])
    for n in range(rows):
        key = row_mark(f"q/{n}/1", in_order(kind, {}))
        sheet.append([n, *[None] * width, f"q/{n}/1", key])
    return book


def filled(book: Any, row: int, values: Sequence[Any] = ANSWERED) -> Any:
    for column, value in enumerate(values, 2):
        book.active.cell(row, column).value = value
    return book


def raw_of(book: Any) -> bytes:
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def reading(book: Any) -> Form:
    return read(Path("w.xlsx"), raw_of(book))


def reported(form: Form) -> dict[str, dict[str, str]]:
    return {row.key: {name: e.value for name, e in row.entries.items()} for row in form.rows}


def why(book: Any) -> str:
    with pytest.raises(InputError) as caught:
        reading(book)
    return str(caught.value.detail)


def test_rows_are_known_wherever_they_went() -> None:
    def shuffled(book: Any) -> None:
        sheet = book.active
        rows = [[c.value for c in row] for row in sheet.iter_rows(min_row=3)]
        sheet.delete_rows(3, 3)
        sheet.append([])
        for row in reversed(rows):
            sheet.append(row)

    def inserted(book: Any) -> None:
        book.active.insert_rows(3, 2)
        book.active.insert_cols(1, 2)
        book.active["A4"] = "a note of mine"

    def hidden(book: Any) -> None:
        book.active.row_dimensions[4].hidden = True
        book.active.column_dimensions["C"].hidden = True

    def doubled(book: Any) -> None:
        book.active.append([c.value for c in book.active[4]])

    def moved(book: Any) -> None:
        book.active.move_range("B2:B9", cols=20)  # a column that went to the end

    for change in (shuffled, inserted, hidden, doubled, moved):
        book = filled(blank(), 4)
        change(book)
        assert reported(reading(book)) == {"q/1/1": TOLD}, change
    assert reading(blank()).rows == ()
    day = filled(blank(), 4, ("Fulfilled", "看过", "张三", datetime.date(2026, 11, 20), None))
    assert reported(reading(day)) == {"q/1/1": TOLD}
    issue = filled(
        blank(FormKind.ISSUE), 3, (None, None, "王五", "2026年12月1日", "已关闭", "已整改", "低")
    )
    assert reported(reading(issue))["q/0/1"] == {
        "advice": "", "harm": "", "responsible": "王五", "due": "2026-12-01", "status": "closed",
        "retest": "fixed", "risk": "low", "note": "",
    }  # fmt: skip


def test_a_proposal_that_nobody_changed_is_not_what_a_person_wrote() -> None:
    def reads(advice: str | None, harm: str | None, responsible: str = "") -> dict[str, str] | None:
        book = blank(FormKind.ISSUE, 1)
        book.active.cell(3, 11).value = row_mark(
            "check:x", in_order(FormKind.ISSUE, {}), ["set it"], ["【建议】 可能"]
        )
        return reported(reading(filled(book, 3, (advice, harm, responsible)))).get("check:x")

    blank_row = {field.id: "" for field in FIELDS[FormKind.ISSUE]}
    assert reads("set it", "【建议】 可能") is reads(None, None) is None
    assert reads("set it", "【建议】\n可能") is None
    assert reads("set it", "【建议】 可能", "王五") == {**blank_row, "responsible": "王五"}
    assert reads("set it", "可能") == {**blank_row, "harm": "可能"}
    assert reads("set it well", "【建议】 可能") == {**blank_row, "advice": "set it well"}


def test_what_dengbao_wrote_belongs_to_the_key_of_its_row() -> None:
    def book() -> Any:
        made: Any = Workbook()
        head = head_mark(FormKind.QUESTION, "r1", "zh")
        made.active.append(["测评对象", *HEADS[FormKind.QUESTION], "问题编号", head])
        for n in range(3):
            shown = [f"host{n}", "", "", "", "", "", f"q/{n}/1"]
            key = row_mark(f"q/{n}/1", [""] * 5, generated=shown)
            made.active.append([f"host{n}", *ANSWERED, f"q/{n}/1", key])
        return made

    assert len(reading(book()).rows) == 3
    less = book()
    less.active.delete_cols(7)  # a column that nobody fills in may go
    assert len(reading(less).rows) == 3
    sorted_alone = book()  # the visible columns without the hidden one
    for column in range(1, 8):
        first, last = (sorted_alone.active.cell(row, column) for row in (2, 4))
        first.value, last.value = last.value, first.value
    assert why(sorted_alone).startswith("Sheet!A2: the text of dengbao in this row was changed")
    edited = book()
    edited.active["A3"] = "host1 (done)"
    assert why(edited).startswith("Sheet!A3: the text of dengbao")
    headless = book()
    headless.active.delete_rows(1)
    assert why(headless).startswith("Sheet!1: the head of its table is missing")


def test_what_is_not_certain_is_refused_with_sheet_and_cell() -> None:
    def cell(ref: str, value: Any, kind: str = "") -> Callable[[Any], None]:
        def change(book: Any) -> None:
            book.active[ref].value = value
            if kind:
                book.active[ref].data_type = kind

        return change

    def twice(book: Any) -> None:
        book.active.append([c.value for c in book.active[4]])
        book.active["C6"] = "otherwise"

    def merged(book: Any) -> None:
        book.active.merge_cells("B4:B5")

    cases: dict[Callable[[Any], Any], str] = {
        cell("C4", "=1+1"): "待补充材料!C4: a formula",
        cell("C4", "#N/A", "e"): "待补充材料!C4: #N/A is an error value",
        cell("B4", "maybe"): "待补充材料!B4: maybe is not one of the values",
        cell("E4", "soon"): "待补充材料!E4: soon is not a day",
        cell("E4", "2026-02-30"): "待补充材料!E4: 2026-02-30 is not a day",
        cell("C4", "x" * 4001): "待补充材料!C4: the text has more than 4000",
        cell("C4", "a\u202eb"): "待补充材料!C4: the character U+202E",
        cell("H4", "q/1/1"): "待补充材料!4: the row has no key",
        cell("C9", "lost"): "待补充材料!9: the row has no key",
        cell("C2", "renamed"): "待补充材料!2: the column 回答内容或不适用理由 is there 0 times",
        cell("C20000", "far"): "待补充材料!20000: it has too many rows",
        cell("H2", "x"): "待补充材料!3: the head of its table is missing",
        twice: "待补充材料!6: the row appears twice",
        merged: "待补充材料!B4:B5: merged cells",
    }  # fmt: skip
    for change, text in cases.items():
        book = filled(blank(), 4)
        change(book)
        assert why(book).startswith(text), (why(book), text)
    both = filled(blank(), 4)
    other = both.copy_worksheet(both.active)
    other["H2"] = head_mark(FormKind.QUESTION, "r2", "zh")
    assert "the tables are of different runs" in why(both)


def steps_row(answers: Sequence[str], *more: Any) -> Any:
    """A row that asks after steps 1 and 3 of a clause, of which step 3 was answered before."""
    book: Any = Workbook()
    texts = HEADS[FormKind.QUESTION][1:]
    book.active.append(
        ["步骤 1", "步骤 2", "步骤 3", *texts, head_mark(FormKind.QUESTION, "r1", "zh")]
    )
    blank, before = [""] * 5, ["denied", "看过", "", "", ""]
    book.active.append([*answers, *more, row_mark("q/c/1+3@web1", blank, before)])
    return book


def test_a_row_of_several_steps_tells_the_ones_that_were_changed() -> None:
    cases: dict[tuple[str, ...], dict[str, tuple[str, str]]] = {
        ("", "", "不满足", "看过"): {},
        ("满足", "", "不满足", "看过"): {"q/c/1@web1": ("affirmed", "看过")},
        ("满足", "", "不满足", "再看"): {
            "q/c/1@web1": ("affirmed", "再看"), "q/c/3@web1": ("denied", "再看")
        },
        ("", "", "不满足", "再看"): {"q/c/3@web1": ("denied", "再看")},
        ("", "", "", "看过"): {"q/c/3@web1": ("", "看过")},  # import refuses it
        ("", "", "", ""): {"q/c/3@web1": ("", "")},
    }  # fmt: skip
    for values, expected in cases.items():
        *answers, text = values
        rows = reading(steps_row(answers, text, "", "", "")).rows
        assert {r.key: (r["answer"], r["text"]) for r in rows} == expected, values
        assert {r.where for r in rows} <= {"Sheet!2"}
    other = steps_row(("满足", "满足", "不满足"), "看过", "", "", "")
    assert why(other).startswith("Sheet!B2: the row does not ask for this step")
    twice = steps_row(("满足", "", "不满足"), "看过", "", "", "")
    twice.active.append(
        ["不满足", *[None] * 2, "看过", *[None] * 3, row_mark("q/c/1@web1", [""] * 5)]
    )
    assert why(twice).startswith("Sheet!3: the row appears twice")
    lost = steps_row(("满足", "", "不满足"), "看过", "", "", "")
    lost.active["C1"] = "renamed"
    assert why(lost).startswith("Sheet!2: the column of step 3 is missing")


def packed(parts: Mapping[str, bytes], *, more: Sequence[tuple[str, bytes]] = ()) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (*parts.items(), *more):
            archive.writestr(name, data)
    return stream.getvalue()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_dangerous_files_are_refused_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = raw_of(blank())
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aa">]>' + parts[sheet]
    types = parts["[Content_Types].xml"]
    cases = {
        packed(parts | {"xl/../../evil.xml": b"<a/>"}): "a path outside the workbook",
        packed(parts | {"xl/vbaProject.bin": b"x"}): "macros",
        packed(parts | {"[Content_Types].xml": types.replace(b"sheet.main", b"macroEnabled")}):
            "macros",
        packed(parts | {"xl/externalLinks/externalLink1.xml": b"<a/>"}): "links to other files",
        packed(parts | {"xl/connections.xml": b"<a/>"}): "links to other files",
        packed(parts | {sheet: bomb}): "document types and entities",
        packed(parts | {sheet: parts[sheet].decode().encode("utf-16")}): "not XML in UTF-8",
        packed(parts, more=[(sheet, b"<a/>")]): "twice",
        packed({}): "not an .xlsx workbook",
        b"\xd0\xcf\x11\xe0" + bytes(100): "password",
        raw[:-30]: "not an intact",
        b"": "not an intact",
        raw.replace(b"<", b">")[:2000]: "not an intact",
    }  # fmt: skip
    for data, text in cases.items():
        with pytest.raises(InputError) as caught:
            read(Path("w.xlsx"), data)
        assert str(caught.value.detail).startswith("w.xlsx")
        assert text in str(caught.value.detail), (str(caught.value.detail), text)
    monkeypatch.setattr(xlsx, "MAX_ALL", 20_000)
    with pytest.raises(InputError, match="unpacked it would have more"):
        read(Path("w.xlsx"), packed(parts | {"xl/x.xml": b"<" + bytes(1 << 20)}))


def test_rows_are_read_as_they_are_written_down_and_none_is_overlooked() -> None:
    raw = raw_of(filled(blank(), 4))
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    end = b"</sheetData>"

    def with_rows(more: bytes) -> bytes:
        return packed(parts | {sheet: parts[sheet].replace(end, more + end)})

    text = b'<row r="%d"><c r="A%d" t="inlineStr"><is><t>x</t></is></c></row>'
    size = re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1"', parts[sheet])
    for same in (with_rows(b'<row r="1048576" ht="9" customHeight="1"/>'),
                 packed(parts | {sheet: size})):  # fmt: skip
        begun = time.process_time()
        assert read(Path("w.xlsx"), same) == read(Path("w.xlsx"), raw)
        assert time.process_time() - begun < 2  # a million empty rows are not made
    empty = b"".join(b'<row r="%d"/>' % n for n in range(9, 30_000))
    cases = {
        with_rows(text % (1048576, 1048576)): "待补充材料!1048576: it has too many rows",
        with_rows(text % (10**11, 10**11)): "待补充材料!100000000000: it has too many rows",
        with_rows(text % (4, 4)): "待补充材料!4: rows or cells are not in order",
        with_rows(text % (-1, 1)): "待补充材料!-1: rows or cells are not in order",
        with_rows(empty): "待补充材料!20004: it has more than 20000 rows",
        packed({n: d for n, d in parts.items() if n != sheet}): "w.xlsx: a worksheet that it lists",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xlsx, "MAX_ROWS", 20_000)
        for data, place in cases.items():
            with pytest.raises(InputError) as caught:
                read(Path("w.xlsx"), data)
            assert str(caught.value.detail).startswith(place), (str(caught.value.detail), place)
    assert reported(reading(filled(blank(), 4, ("满足", "　看\xa0过", *ANSWERED[2:]))))


def test_an_exported_workbook_reads_back_as_it_was_and_tells_what_was_filled_in(
    make_source: MakeSource, tmp_path: Path
) -> None:
    book = written(make_source(lang="zh"), tmp_path)
    path = tmp_path / "workbook.xlsx"
    assert read(path, path.read_bytes()).rows == ()
    sheet = book["待补充材料"]
    heads = {c.value: c.column for c in sheet[3]}
    for name, value in zip(HEADS[FormKind.QUESTION], ANSWERED, strict=True):
        sheet.cell(6, heads[name]).value = value
    book.save(path)
    form = read(path, path.read_bytes())
    assert form.run == "20261123T080000Z-7f3a"
    assert reported(form) == {sheet.cell(6, heads["问题编号"]).value: TOLD}
    assert form.rows[0].where == "待补充材料!6"
    last = load_workbook(path)["待补充材料"].auto_filter.ref
    assert last.endswith(f"{sheet.max_row}")
    assert sheet.cell(3, sheet.max_column).column_letter in last  # keys are sorted with their rows
    assert len(FIELDS[FormKind.QUESTION]) == len(ANSWERED)


def test_a_document_names_only_files_beside_it(tmp_path: Path) -> None:
    folder, outside = tmp_path / "pack", tmp_path / "secret"
    (folder / "more").mkdir(parents=True)
    for path in (outside, folder / "a.txt", folder / "more" / "b.txt"):
        path.write_text("x")
    (folder / "link").symlink_to(outside)
    (folder / "up").symlink_to(tmp_path)
    named = f"a.txt; more/b.txt; link; up/secret; ../secret; {outside}; more; none"
    files, documents = importing._evidence(named, folder)
    assert [name for name, _ in files] == ["a.txt", "more/b.txt"]
    assert documents == ["link", "up/secret", "../secret", str(outside), "more", "none"]
