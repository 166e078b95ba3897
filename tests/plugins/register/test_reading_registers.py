"""Reading registers: each file that is not as it must be gets one message, with its place."""

from __future__ import annotations

import datetime
import io
import re
import time
import zipfile
from pathlib import Path
from typing import Literal

import openpyxl
import pytest

from audit_core.api.declared_files import OutOfTime, Unreadable
from audit_core.api.sdk import Answer, Partial
from audit_core.api.testkit import target_of
from audit_core.model import english
from audit_core.model.schemas import LocalFile
from audit_register.builtin_registers import BY_ID, REGISTERS
from audit_register.facts import BY_REGISTER, Table
from audit_register.kinds import RegisterAccess
from audit_register.reading.cells import hidden
from audit_register.reading.register_file import RegisterFile
from audit_register.request import RegisterRows
from audit_register.session import _answered

GOOD = "日期,会议,主持人工号,有纪要\n2026-01-31,网络安全与信息化领导小组,1001,是\n"


def lines(raw: bytes, name: str = "m.csv", *, register: str = "meetings", **more: object) -> bytes:
    settings = {"rows": 100, "deadline": time.monotonic() + 60, **more}
    file = RegisterFile(BY_ID[register], name, raw, **settings)  # type: ignore[arg-type]
    return b"".join(file.lines({"file": name, "sha256": "0" * 64}))


def parsed(raw: bytes, register: str = "meetings") -> Table | Partial:
    answer = Answer(
        stdout=raw, stderr=b"", exit_code=0, truncated=False,
        collected_at="2026-02-01T00:00:00Z", target=target_of(BY_ID[register].kind),
    )  # fmt: skip
    (provider,) = BY_REGISTER[register].providers
    found = provider.parse(answer)
    assert isinstance(found, Table | Partial)
    return found


def table(raw: bytes, name: str = "m.csv", *, register: str = "meetings", **more: object) -> Table:
    found = parsed(lines(raw, name, register=register, **more), register)
    assert isinstance(found, Table), found
    return found


def xlsx(*rows: tuple[object, ...], merge: str = "", sheet: str = "会议") -> bytes:
    book = openpyxl.Workbook()
    notes = book.worksheets[0]
    notes.title = "说明"
    notes.append(["请在下一张表填写"])
    made = book.create_sheet(sheet)
    for row in rows:
        made.append(list(row))
    if merge:
        made.merge_cells(merge)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_one_register_in_every_format() -> None:
    heads = ("Date *", "Body", "Chair (staff number)", "Minutes kept", "Remarks")
    row = (datetime.datetime(2026, 1, 31), "leading_group", 1001, True, "x")  # noqa: DTZ001
    yaml = "- {date: 2026-01-31, body: leading_group, chair: 1001, minutes: yes}\n"
    english_csv = "Date;Body;Chair (staff number);Minutes kept\n2026/1/31;leading_group;1001;yes\n"
    want = {"date": "2026-01-31", "body": "leading_group", "chair": "1001", "minutes": True}
    for raw, name in (
        (GOOD.encode(), "m.csv"), (GOOD.encode("utf-8-sig"), "m.csv"),
        (GOOD.encode("gb18030"), "m.CSV"), (english_csv.encode(), "m.csv"),
        (yaml.encode(), "m.yaml"), (xlsx(("会议台账",), (), heads, row), "m.xlsx"),
    ):  # fmt: skip
        found = table(raw, name)
        assert [r.cells for r in found.rows] == [want], name
    assert table(xlsx(heads, row), "m.xlsx").sheet == "会议"


BAD = {
    "line 2, column 5: the row has more cells than heads": GOOD.replace("1001", "张,三").encode(),
    "the columns Date, Chair (staff number) are missing; there are Body, Minutes kept":
        b"Body,Minutes kept\nleading_group,yes\n",
    "line 1 is UTF-8, line 3 is not": (GOOD.encode() + "2026-01-31,其他,1001,是\n".encode("gbk")),
    "line 2 is neither UTF-8 nor GB18030": b"a,b\n\x80\xff\xff\n",
    "it is UTF-16 or no text": "日期".encode("utf-16"),
    "line 2: it is no CSV": b'Date,Body\n"2026\n',
    "its name does not end in": b"",
}  # fmt: skip


def reported(raw: bytes, name: str, sheet: str = "") -> str:
    with pytest.raises(Unreadable) as caught:
        lines(raw, name, sheet=sheet)
    detail = english(caught.value.detail)
    assert "\n" not in detail
    return detail


def test_bad_files_get_one_message_with_the_place() -> None:
    for words, raw in BAD.items():
        assert words in reported(raw, "m.txt" if words.startswith("its name") else "m.csv")
    heads = ("日期", "会议", "主持人工号", "有纪要")
    row = ("2026-01-31", "其他", "1001", "是")
    merged = xlsx(heads, row, row, merge="C2:C3")
    assert "sheet 会议: the cells C2:C3 are merged" in reported(merged, "m.xlsx")
    formula = xlsx(heads, ("=TODAY()", *row[1:]))
    assert "sheet 会议, cell A2: it holds a formula" in reported(formula, "m.xlsx")
    assert "there is no sheet 六月; there are 说明, 会议" in reported(
        xlsx(heads, row), "m.xlsx", sheet="六月"
    )
    assert "sheet 说明: the columns Date" in reported(xlsx(row), "m.xlsx")
    assert "not an intact" in reported(b"PK\x03\x04", "m.xlsx")
    assert "an old .xls" in reported(b"\xd0\xcf\x11\xe0", "m.xlsx")
    assert "line 102, column 1: more than 100 rows" in reported(
        GOOD.encode() + b"2026-01-31,x,1,1\n" * 101, "m.csv"
    )
    twice = "日期,日期,会议,主持人工号,有纪要\n"
    assert "the column Date is there twice" in reported(twice.encode(), "m.csv")
    assert "no list of mappings" in reported(b"a: 1\n", "m.yaml")
    assert "m.yaml:2" in reported(b"- [\n", "m.yaml")
    with pytest.raises(OutOfTime):
        lines(GOOD.encode(), deadline=0.0)


SURVEY = "日期,样本量,满意度指数,含服务人员,含服务过程,含服务质量,报告编号\n"


def test_values_that_spreadsheets_change() -> None:
    """What is not the value that somebody typed is named, and its row settles nothing."""
    day = datetime.datetime(2026, 1, 31)  # noqa: DTZ001
    heads = ("日期", "会议", "主持人工号", "有纪要")
    big = parsed(lines(xlsx(heads, (day, "其他", 110105194912310020, "是")), "m.xlsx"))
    assert isinstance(big, Partial)
    assert "sheet 会议, cell C2 (Chair (staff number)) holds “1.10…e+17”" in english(
        big.problems[0]
    )
    cut = GOOD.replace("1001", "1.00123E+11")
    for raw, register, words in (
        (cut, "meetings", "holds “1.00…e+11”, not a text in full"),
        (SURVEY + '2026-01-31,"85,5",85,是,是,是,R\n', "surveys", "holds “85,5”, not a number"),
        (SURVEY + "2026-01-31,-5,85,是,是,是,R\n", "surveys", "holds “-5”, not a number"),
    ):
        found = parsed(lines(raw.encode(), register=register), register)
        assert isinstance(found, Partial), raw
        assert words in english(found.problems[0])
    (row,) = table((SURVEY + '2026-01-31,"1,234",８５%,是,是,是,R\n').encode(),
                   register="surveys").rows  # fmt: skip
    assert (row["sample"], row["index"]) == (1234, 85)


def test_percentages_as_a_workbook_shows_them() -> None:
    columns = BY_ID["performance"].columns
    book = openpyxl.Workbook()
    (sheet,) = book.worksheets
    sheet.append([column.zh for column in columns])
    for form in ("0%", "0.00%;[Red]-0.00%", "General"):
        sheet.append(["2026-01-31", "容量", form, None, None, None, None, 0.85])
        sheet.cell(sheet.max_row, 8).number_format = form
    out = io.BytesIO()
    book.save(out)
    found = parsed(lines(out.getvalue(), "m.xlsx", register="performance"), "performance")
    assert isinstance(found, Partial)
    assert [row["peak"] for row in found.value.rows] == [85, 85]
    assert "cell H4 (Peak use (%)) holds “0.85”, not a percentage" in english(found.problems[0])


def test_which_sheet_is_read(tmp_path: Path) -> None:
    heads, old, new = GOOD.split("\n")[0].split(","), ["2025-01-31"], ["2026-01-31"]
    rest = ["其他", "1001", "是"]

    def book(state: Literal["visible", "hidden"], *more: str) -> bytes:
        made = openpyxl.Workbook()
        first = made.worksheets[0]
        first.title, first.sheet_state = "2025", state
        for row in (heads, old + rest):
            first.append(row)
        for name in more:
            sheet = made.create_sheet(name)
            for row in (heads, new + rest):
                sheet.append(row)
        made.create_sheet("说明").append(["x"])
        out = io.BytesIO()
        made.save(out)
        return out.getvalue()

    assert table(book("hidden", "2026"), "m.xlsx").rows[0]["date"] == "2026-01-31"
    assert "the sheets 2025, 2026 all have the columns" in reported(
        book("visible", "2026"), "m.xlsx"
    )
    assert "only the hidden sheets 2025 have the columns" in reported(book("hidden"), "m.xlsx")
    assert table(book("hidden"), "m.xlsx", sheet="2025").rows[0]["date"] == "2025-01-31"


def test_entities_in_a_workbook_are_refused() -> None:
    out = io.BytesIO(xlsx(("日期",)))
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("xl/evil.xml", '<!DOCTYPE x [<!ENTITY a "b">]><x/>')
    assert "entities are not accepted" in reported(out.getvalue(), "m.xlsx")


def test_wrong_cells_are_told_and_the_rest_is_kept() -> None:
    raw = GOOD + "31/01/26,其他,1002,是\n2026-02-30,某会议,1003,也许\n"
    found = parsed(lines(raw.encode()))
    assert isinstance(found, Partial)
    assert len(found.value.rows) == 1  # a value that cannot be read is not an empty one
    assert [english(p).partition(" holds")[0] for p in found.problems] == [
        "cell A3 (Date)", "cell A4 (Date)", "cell B4 (Body)", "cell D4 (Minutes kept)",
    ]  # fmt: skip


def test_personal_data_is_cut_before_anything_is_stored() -> None:
    raw = (
        "工号,姓名,部门,岗位,系统账户,离职日期,保密协议签署日期,最近培训日期\n"
        "1001,欧阳小明,电话13812345678,身份证11010519491231002X,ouyang,,,\n"
    )
    out = lines(raw.encode(), register="staff")
    for secret in ("13812345678", "11010519491231002X", "\\u9633\\u5c0f"):
        assert secret.encode() not in out
    (row,) = table(raw.encode(), register="staff").rows
    assert row["name"] == "欧**"
    assert row["accounts"] == ["ouyang"]
    # numbers that are none of a person stay
    assert hidden("订单 20260131123456 6222021234567890123") == (
        "订单 20260131123456 6222021234567890123", False,
    )  # fmt: skip
    assert hidden("卡 4111111111111111")[1]


def test_every_ready_register_has_heads_of_its_own() -> None:
    for register in REGISTERS:
        heads = [h for c in register.columns for h in (c.zh, c.en)]
        assert len(set(heads)) == len(heads), register.id
        for column in register.columns:
            assert [c for c in register.columns if c.named(column.en)] == [column]
            assert [c for c in register.columns if c.named(column.zh)] == [column]
        assert set(register.key) <= {c.id for c in register.columns}


def access(path: Path, **more: object) -> RegisterAccess:
    return RegisterAccess(file=LocalFile(str(path)), **more)  # type: ignore[arg-type]


def test_heads_of_the_institution(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("Tag,Gremium,Leitung,Protokoll\n2026-01-31,other,1001,yes\n")
    own = {"date": "Tag", "body": "Gremium", "chair": "Leitung", "minutes": "Protokoll"}
    request = RegisterRows(register="meetings")
    reply = _answered(request, access(tmp_path / "m.csv", columns=own))
    found = parsed(reply.stdout)
    assert isinstance(found, Table)
    assert found.rows[0]["chair"] == "1001"
    for heads, message in (
        ({**own, "chairs": "x"}, "there is no column chairs; there are date"),
        ({**own, "chair": "Vorsitz"}, "the columns Vorsitz are missing; there are Tag, Gremium"),
        ({"date": "Tag"}, "the columns Body, Chair (staff number), Minutes kept are missing"),
    ):
        reply = _answered(request, access(tmp_path / "m.csv", columns=heads))
        assert reply.detail is not None
        assert message in english(reply.detail)


def test_the_file_is_a_regular_one(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "f.csv")
    request = RegisterRows(register="meetings")
    assert _answered(request, access(tmp_path / "f.csv")).status == "not_regular"
    assert _answered(request, access(tmp_path / "none.csv")).status == "unreachable"
    (tmp_path / "m.csv").write_text(GOOD, encoding="utf-8")
    answered = _answered(request, access(tmp_path / "m.csv"))
    assert isinstance(parsed(answered.stdout), Table)
    cut = _answered(RegisterRows(register="meetings", limit=200), access(tmp_path / "m.csv"))
    assert cut.truncated


def with_dimension(raw: bytes, size: str) -> bytes:
    """The workbook with another `dimension` in each sheet, as some programs write it."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            data = re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="%s"' % size.encode(),
                          old.read(name))  # fmt: skip
            new.writestr(name, data)
    return out.getvalue()


def changed(raw: bytes, old: bytes | None, new: bytes) -> bytes:
    """The workbook with `new` for `old`, or for the whole, in its second sheet."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as before, zipfile.ZipFile(out, "w") as after:
        for name in before.namelist():
            data = before.read(name)
            if name == "xl/worksheets/sheet2.xml":
                data = new if old is None else data.replace(old, new)
            after.writestr(name, data)
    return out.getvalue()


def test_rows_beyond_the_size_that_a_sheet_tells_are_read() -> None:
    heads, *_ = GOOD.splitlines()
    rows = [("2026-01-31", "other", "1001", "yes")] * 30
    raw = xlsx(tuple(heads.split(",")), *rows)
    for size in ("A1", "A1:D2", "A1:XFD1048576", "B2:C3"):
        assert len(table(with_dimension(raw, size), "m.xlsx").rows) == 30, size
    with pytest.raises(Unreadable, match="sheet 会议, cell A22: more than 20 rows"):
        lines(with_dimension(raw, "A1"), "m.xlsx", rows=20)
    last = b'<row r="1048576" ht="9"/></sheetData>'
    assert len(table(changed(raw, b"</sheetData>", last), "m.xlsx").rows) == 30
    again = b'<row r="3"><c r="A3"><v>1</v></c></row></sheetData>'
    assert "sheet 会议, row 3: rows or cells are not in order" in reported(
        changed(raw, b"</sheetData>", again), "m.xlsx"
    )
    missing = b'<row r="99"><c r="A99" t="s"><v>999</v></c></row></sheetData>'
    assert "cannot be read to its end" in reported(changed(raw, b"</sheetData>", missing), "m.xlsx")
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        utf16 = archive.read("xl/worksheets/sheet2.xml").decode().encode("utf-16")
    assert "not XML in UTF-8" in reported(changed(raw, None, utf16), "m.xlsx")
