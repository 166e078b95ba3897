"""Templates: the example filled from the recorded host and read back; what is refused, and where.

The template of the example is `docs/examples/records-template.xlsx`.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from msgspec import structs

from audit_core import evaluate
from audit_core.api import plugins
from audit_core.model import Result, english
from audit_core.model.errors import InputError
from audit_core.model.results import PackSource, Results
from audit_core.policy import load_policy
from audit_core.text.translate import Translator
from audit_excel import proposals
from audit_excel.issues import issues
from audit_excel.parts import parts
from audit_excel.template import Template
from audit_excel.view import View
from core.pack.workbook import WORDS

from .host import recorded
from .test_golden import run_of

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
TEMPLATE, MAP = EXAMPLES / "records-template.xlsx", EXAMPLES / "records-map.yaml"
REGISTRY = plugins.load()


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    profile = load_policy(REGISTRY.policy_dirs).profile("gbt22239-l3", REGISTRY.checks)
    run = run_of(tmp_path_factory.mktemp("golden"))
    shutil.copy(recorded(), run.bundle_path("web1"))
    return evaluate.evaluate(run, evaluate.Work(profile=profile, registry=REGISTRY, policy={}))


def source(results: Results, lang: str = "en") -> PackSource:
    return PackSource(
        results, lang=lang, evidence_path=lambda n, seen: "", files=0,
        say=Translator(lang, REGISTRY.locales).say, root_digest="", digests=lambda object: (),
    )  # fmt: skip


def rows(sheet: Any, header: int) -> list[dict[str, Any]]:
    heads = [cell.value for cell in sheet[header]]
    return [dict(zip(heads, row, strict=True))
            for row in sheet.iter_rows(min_row=header + 1, values_only=True)]  # fmt: skip


def test_the_example_is_filled_in_both_languages(results: Results, tmp_path: Path) -> None:
    units = {c.unit: c for c in results.clauses}
    words = {
        "zh": ("安全通用要求", "1）经核查 /etc/login.defs，"),
        "en": ("General requirements", "1) Examined /etc/login.defs: "),
    }
    formula = '=HYPERLINK("http://x")'
    index = structs.replace(results.index, title=formula, title_en=formula)
    made = Results(index, results.load)
    for lang, (extension, start) in words.items():
        (path,) = Template(TEMPLATE, MAP).write(source(made, lang), tmp_path)
        assert path.name == "records.xlsx"
        book = openpyxl.load_workbook(path)
        cover, table, host = book["封面"], book["结果汇总"], book["web1"]
        assert "测评记录" not in book.sheetnames
        assert (cover["B3"].value, cover["B7"].data_type) == (results.run.id, "f")
        # What is written is no formula.
        assert (cover["B2"].value, cover["B2"].data_type) == (formula, "s")
        assert cover["B2"].quotePrefix
        found = rows(host, 4)
        concluded = {c.unit: c for c in results.conclusions if c.target == "web1"}
        assert [row["编号"] for row in found] == list(concluded)
        for row in found:
            conclusion = concluded[row["编号"]]
            word = WORDS[lang][list(Result).index(conclusion.conclusion)]
            assert row["符合情况"].startswith(word)
            assert row["扩展标准"] == extension
            settled = not conclusion.pending and len(conclusion.range) < 2
            assert (row["分值"] is not None) == (settled and word not in (WORDS[lang][3:]))
            clause = units[row["编号"]]
            assert row["控制点"] in (clause.control_point, clause.control_point_en)
        assert found[0]["结果记录"].startswith(start)
        assert found[0]["测评项"] == "本单位表述：登录用户须标识唯一，口令须复杂并定期更换"
        assert found[1]["测评项"].startswith("本单位表述：")  # told by its unit
        assert host["B1"].value == "web1"
        # Like the model row, below each other; the organisation's own formula moves along.
        assert host["E6"].border.left.style == "thin"
        assert "F9" in host.data_validations.dataValidation[0].sqref
        every = rows(table, 1)
        assert len(every) == len(list(results.conclusions))
        assert every[3]["备注"] == '=IF(D5="不符合","须整改","")'
        assert table.auto_filter.ref == f"A1:F{len(every) + 1}"
        if lang == "en":
            before = path.read_bytes()
            Template(TEMPLATE, MAP).write(source(made, lang), tmp_path)
            assert path.read_bytes() == before


Change = Callable[[Any], object]


def changed(path: Path, change: Change) -> Path:
    book: Any = openpyxl.load_workbook(TEMPLATE)
    change(book)
    book.save(path)
    return path


def part(path: Path, name: str, before: bytes, after: bytes) -> Path:
    """The template with a part changed, or, where it has none of that name, added."""
    with zipfile.ZipFile(TEMPLATE) as old, zipfile.ZipFile(path, "w") as new:
        for info in old.infolist():
            raw = old.read(info)
            new.writestr(
                info.filename, raw.replace(before, after) if info.filename == name else raw
            )
        if name not in old.namelist():
            new.writestr(name, after)
    return path


def test_what_does_not_fit_or_is_dangerous_is_refused_with_its_place(tmp_path: Path) -> None:
    text = MAP.read_text(encoding="utf-8").replace(
        "file: records-wording.csv", f"file: {EXAMPLES}/records-wording.csv"
    )
    maps = {
        ("field: title", "field: titel"): "map.yaml:5: cells[0].field: expected one of",
        ("编号: number", "编号: numbr"): "did you mean",
        ("封面, cell: B2", "封底, cell: B2"): "map.yaml:5: cells[0].sheet: expected one of",
        ("cell: B3", "cell: 3B"): "map.yaml:6: cells[1].cell: expected a cell such as B4",
        ("cell: B3", "cell: B7"): "cells[1].cell: expected a cell without a formula",
        ("field: run", "field: facts"): "cells[1].field: expected a field of the run",
        ("header: 4", "header: 3"): "expected a title that appears once in row 3 of 测评记录",
        ("    分值: score", "    总分: score"): "columns.总分: expected a title",
        ("output: records.xlsx", "output: ../x.xlsx"): "map.yaml:3: output: expected a name",
        ("header: 1", "header: 1\n    row: 1"): "tables[0].row: expected a row below",
        ("text: 测评项}", "text: 表述}"): "records-wording.csv:1: the column 表述 is there 0 times",
        ("wording.csv,", "wording.ods,"): "wording.file: expected a file .xlsx, .csv or .yaml",
        ("id: 测评项编号, ", ""): "wording.id: expected the title of a column, got nothing",
        ("output:", "outputs:"): "map.yaml:3: outputs: expected one of the keys",
    }  # fmt: skip
    given = tmp_path / "map.yaml"
    for (before, after), why in maps.items():
        assert before in text
        given.write_text(text.replace(before, after), encoding="utf-8")
        assert why in refused(TEMPLATE, given)
    given.write_text(text, encoding="utf-8")

    bad, sheet = tmp_path / "bad.xlsx", "xl/worksheets/sheet1.xml"
    merged = b'<mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells><pageMargins'
    cases: tuple[tuple[Callable[[], object], str], ...] = (
        (lambda: part(bad, "xl/vbaProject.bin", b"", b"x"), "bad.xlsx: xl/vbaProject.bin: macros"),
        (lambda: part(bad, "xl/externalLinks/e1.xml", b"", b"<a/>"), "links to other files"),
        (lambda: part(bad, sheet, b"<worksheet", b"<!DOCTYPE x><worksheet"), f"{sheet}: document"),
        (lambda: part(bad, "xl/x.xml", b"", b"<a>" + bytes(30 << 20)), "more than 25165824 bytes"),
        (lambda: part(bad, sheet, b"<pageMargins", merged), "A1:XFD1048576: it has more than"),
        (lambda: part(bad, sheet, b"</worksheet>", b""), "it is not well-formed"),
        (lambda: changed(bad, lambda b: b["测评记录"].cell(9, 2, "x")), "测评记录!B9: there"),
        (lambda: changed(bad, lambda b: b["测评记录"].cell(5, 2, "=1")), "测评记录!B5: a column"),
        (lambda: changed(bad, lambda b: b["测评记录"].merge_cells("A5:B5")), "测评记录!B5: merged"),
        (lambda: changed(bad, lambda b: b["封面"].cell(9, 1, "=测评记录!A1")), "封面!A9: it"),
    )  # fmt: skip
    for make, why in cases:
        make()
        assert why in refused(bad, given)
    fine = changed(bad, lambda b: b["封面"].cell(9, 1, '="测评记录"&A1'))
    assert Template(fine, given).notes == ()
    (note,) = Template(part(bad, "xl/media/image1.png", b"", b"x"), given).notes
    assert english(note) == "bad.xlsx: not kept in the filled workbook: xl/media/image1.png"


def refused(template: Path, given: Path) -> str:
    with pytest.raises(InputError) as caught:
        Template(template, given)
    (line,) = str(caught.value.detail).splitlines()
    return line


def test_own_wording_is_read_from_csv_xlsx_and_yaml(tmp_path: Path, results: Results) -> None:
    text = MAP.read_text(encoding="utf-8")
    head, _, _ = text.partition("wording:")
    book: Any = openpyxl.Workbook()
    for row in (("题", "id"), ("甲", "8.1.4.1a"), ("乙", "L3-CES1-02")):
        book.active.append(row)
    book.save(tmp_path / "own.xlsx")
    (tmp_path / "own.yaml").write_text("8.1.4.1a: 甲\nL3-CES1-02: 乙\n", encoding="utf-8")
    given = tmp_path / "map.yaml"
    for wording in ("{file: own.xlsx, id: id, text: 题}", "{file: own.yaml}"):
        given.write_text(f"{head}wording: {wording}\n", encoding="utf-8")
        assert Template(TEMPLATE, given).wording == {"8.1.4.1a": "甲", "L3-CES1-02": "乙"}
    book.active["A2"] = "=1+1"  # as openpyxl writes it, without a result
    book.save(tmp_path / "own.xlsx")
    given.write_text(f"{head}wording: {{file: own.xlsx, id: id, text: 题}}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"own\.xlsx: Sheet!A2: the formula has no stored result"):
        Template(TEMPLATE, given)
    given.write_text(f"{head}wording: {{file: own.yaml}}\n", encoding="utf-8")
    (tmp_path / "own.yaml").write_text("8.1.4.1x: 甲\n", encoding="utf-8")
    with pytest.raises(InputError, match="none of its texts is of a clause"):
        Template(TEMPLATE, given).write(source(results), tmp_path)


def test_the_harm_of_every_issue_is_proposed_and_what_people_deny_has_advice(
    results: Results,
) -> None:
    for lang, mark in (("zh", "【建议，请复核】"), ("en", "[Proposal, to be reviewed] ")):
        view = View(source(results, lang), parts(results)[0], {})
        found = {issue.check: issue for issue in issues(view)}
        texts = {check: proposals.harm(view, issue) for check, issue in found.items()}
        assert found
        assert all(text.startswith(mark) for text in texts.values() if text)
        assert all(texts[check] for check, issue in found.items() if issue.conclusions)
        login = found["linux.sshd-root-login"]
        denied = structs.replace(login, remedy=None)
        first, *_ = proposals.advice(view, denied)
        assert first.startswith({"zh": "应达到：", "en": "To be reached: "}[lang])
        assert any("6.4." in text for text in texts.values()), texts
