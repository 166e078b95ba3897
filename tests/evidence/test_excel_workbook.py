"""The workbook against its source: what stands in the cells and what leads where."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from openpyxl import load_workbook
from openpyxl.utils import get_column_letter

from audit_core.model import Result, Verdict
from audit_core.model.results import PackSource
from audit_excel import book as book_module
from audit_excel.reading import read
from core.pack.workbook import (
    LAYER_OF_SITE,
    SHEETS,
    MakeSource,
    called,
    records,
    rows,
    texts,
    word,
    written,
)
from core.whole import Whole


def test_the_sheets(book: Any, lang: str) -> None:
    assert book.sheetnames == SHEETS[lang]


def test_every_cell_is_text_or_a_count(book: Any) -> None:
    kinds = {(c.data_type, type(c.value)) for sheet in book for row in sheet for c in row}
    assert kinds <= {("s", str), ("n", int), ("n", type(None))}


def test_a_record_sheet_has_a_row_for_every_conclusion_of_its_object(
    book: Any, source: PackSource, lang: str
) -> None:
    results = source.results
    clauses = {c.id: c for c in results.clauses}
    for target in ("web1", "db1", "app2", "site", "lan", "org"):
        wanted = [c for c in results.conclusions if c.target == target]
        found = rows(book[LAYER_OF_SITE[lang] if target == "site" else target])
        assert [row[0] for row in found] == list(range(1, len(wanted) + 1))
        for conclusion, row in zip(wanted, found, strict=True):
            clause = clauses[conclusion.clause]
            assert row[1] == clause.control_point
            assert row[2].split("\n")[0] == f"{clause.id}  {clause.unit}"
            assert clause.gist in row[2]
            assert row[-7] == word(conclusion.conclusion, lang)


def test_a_record_says_what_was_seen_and_never_the_clause(book: Any, source: PackSource) -> None:
    results = source.results
    findings = {f.id: f for f in results.findings}
    gists = {c.id: c.gist for c in results.clauses}
    for target in ("web1", "db1", "app2", "org"):
        wanted = [c for c in results.conclusions if c.target == target]
        for conclusion, row in zip(wanted, rows(book[target]), strict=True):
            for finding in (findings[id] for id in conclusion.findings):
                assert finding.check not in row[3]
                assert all(source.say(detail) in row[3] for detail in finding.detail)
                failed = finding.verdict is Verdict.FAIL and finding.expected is not None
                assert not failed or source.say(finding.expected) in row[3]
            assert all(source.say(message) in row[3] for message in conclusion.why)
            assert bool(conclusion.open_steps) == ("问题见" in row[3] or "see the sheet" in row[3])
            assert gists[conclusion.clause] not in row[3]


def test_the_words_of_records(make_source: MakeSource, tmp_path: Path) -> None:
    found = records(written(make_source(lang="zh"), tmp_path), "web1")
    assert found["8.1.4.1c"] == (
        "1）经核查 sshd -T，PermitRootLogin 为 yes，不符合要求：no、prohibit-password 之一；\n"
        "2）[web1/tls:443] 经核查，该端点提供 TLSv1.0、TLSv1.2，不符合要求：仅 TLS 1.2 及以上；\n"
        "3）不适用：未安装 telnet 服务端。",
        "不符合",
        "E00001\nE00005",
    )
    assert found["8.1.4.1a"] == (
        "1）经核查，口令最小长度=8，要求 3 类字符。\n"
        "说明：自动检查仅覆盖操作系统自身口令\n"
        "待补充：第 1 步（回答），问题见“待补充材料”",
        "未测",
        "E00002–E00003",
    )
    assert found["8.1.4.1b"][0].startswith(
        "1）未能核查：sudo 需要口令，未获授权，请按 dengbao plan --grants 授权，"
        "或允许审计账户读取所列文件后重新采集。\n"
    )
    assert found["8.1.4.2c"][0].startswith("未测：没有自动检查项覆盖本测评项\n待补充：")
    assert found["8.1.4.11a"][:2] == ("说明：本机不存储个人信息", "不适用")


def test_a_result_that_answers_can_better_is_marked_and_says_what_is_open(
    small_results: Whole, make_source: MakeSource, tmp_path: Path
) -> None:
    pending = tuple(
        replace(c, conclusion=Result.NONCONFORMING, pending=True) if c.open_steps else c
        for c in small_results.conclusions
    )
    book = written(make_source(replace(small_results, conclusions=pending), lang="zh"), tmp_path)
    path = tmp_path / "workbook.xlsx"
    assert read(path, path.read_bytes()).rows == ()  # the marked words are read as they stand
    record, conformity, _ = records(book, "web1")["8.1.4.1a"]
    assert conformity == "不符合（待定）"
    assert record.endswith("待补充：第 1 步（回答），问题见“待补充材料”")
    (row,) = [r for r in rows(book["测评项矩阵"]) if str(r[2]).startswith("8.1.4.1a")]
    assert "不符合（待定）" in row


def test_what_was_not_assessed_says_what_to_bring(book: Any, lang: str) -> None:
    mark = {"zh": "待补充：", "en": "To be provided: "}[lang]
    for sheet in ("web1", LAYER_OF_SITE[lang], "org"):
        for record, conformity, _ in records(book, sheet).values():
            assert (mark in record) or conformity != word(Result.NOT_ASSESSED, lang)


def test_a_record_stands_once_and_those_of_the_whole_system_in_the_sheet_of_their_layer(
    book: Any, source: PackSource, lang: str
) -> None:
    found = rows(book[LAYER_OF_SITE[lang]])
    assert {row[3] for row in found} == {called("site", lang)}
    known = book.sheetnames[6:12]
    assert sum(len(rows(book[name])) for name in known) == len(list(source.results.conclusions))


def test_the_overview_counts_what_the_results_hold(
    book: Any, source: PackSource, lang: str
) -> None:
    results = source.results
    layer = {c.id: c.layer if lang == "zh" else c.layer_en for c in results.clauses}
    of: dict[str, Counter[Result]] = {}
    for c in results.conclusions:
        of.setdefault(layer[c.clause], Counter())[c.conclusion] += 1
        of.setdefault(called(c.target, lang), Counter())[c.conclusion] += 1
    found = {r[0]: r[1:7] for r in rows(book[SHEETS[lang][1]], 1) if isinstance(r[1], int)}
    total = Counter(c.conclusion for c in results.conclusions)
    sums = {name: (c.total(), *(c[r] for r in Result)) for name, c in of.items()}
    assert {k: v for k, v in found.items() if k in sums} == sums
    rest = {v for k, v in found.items() if k not in sums}
    assert rest == {(total.total(), *(total[r] for r in Result))}
    assert len(book[SHEETS[lang][1]]._charts) == 3


def test_the_matrix_holds_every_conclusion(book: Any, source: PackSource, lang: str) -> None:
    found: dict[tuple[str, str], str] = {}
    for name in SHEETS[lang][2:4]:  # those of the whole system stand apart
        head, *body = rows(book[name], 3)
        assert all(any(row[3:-1]) for row in body)  # no item that concerns none of them
        found |= {
            (row[2].split("  ")[0], id): row[n]
            for row in body
            for n, id in enumerate(head[3:-1], 3)
            if row[n]
        }
    conclusions = source.results.conclusions
    assert found == {
        (c.clause, called(c.target, lang)): word(c.conclusion, lang) for c in conclusions
    }


def test_issues_lead_to_their_records(book: Any, lang: str) -> None:
    sheet = book[SHEETS[lang][4]]
    found = rows(sheet)
    assert [row[0] for row in found] == ["T001", "T002"]
    assert found[0][1].endswith({"zh": "〔ssh.root-login〕", "en": "[ssh.root-login]"}[lang])
    assert found[0][2] == "web1"
    assert found[0][3] == "8.1.4.1c L3-CES1-03\n8.1.4.2b L3-CES1-06"
    assert found[0][4] == {"zh": "高", "en": "High"}[lang]
    assert found[0][5].startswith("6.4.1.2")
    assert "PermitRootLogin" in found[0][6]
    assert found[1][2] == "web1"
    assert "[web1/tls:443]" in found[1][1]
    for row, clause in ((4, "8.1.4.1c"), (5, "8.1.4.1c")):
        where, cell = sheet.cell(row, 1).hyperlink.location.rsplit("!", 1)
        led = book[where.strip("'")][int(cell[1:])]
        assert led[2].value.startswith(clause)


def test_people_fill_in_from_lists(book: Any, lang: str) -> None:
    rules = book[SHEETS[lang][4]].data_validations.dataValidation
    lists = {str(r.sqref): r.formula1 for r in rules if r.type == "list"}
    assert set(lists) == {"K4:K5", "L4:L5", "M4:M5"}
    assert [row[10] for row in rows(book[SHEETS[lang][4]])] == [
        lists["K4:K5"].split(",")[0][1:]
    ] * 2
    assert lists["M4:M5"] == {"zh": '"高,中,低,无"', "en": '"High,Medium,Low,none left"'}[lang]
    assert [str(r.sqref) for r in rules if r.type == "date"] == ["J4:J5"]
    asked = book[SHEETS[lang][5]].data_validations.dataValidation
    assert {r.type for r in asked} == {"list", "date"}
    assert all(len(r.formula1) <= 255 for r in rules)


def test_the_list_of_what_to_bring_is_complete(book: Any, source: PackSource, lang: str) -> None:
    found = [(r[3].split("  ")[0], r[1]) for r in rows(book[SHEETS[lang][5]])]
    wanted = {
        (c.clause, called(c.target, lang))
        for c in source.results.conclusions
        if c.open_steps or c.conclusion is Result.NOT_ASSESSED
    }
    assert set(found) == wanted
    assert len(found) == len(wanted)


def test_every_finding_has_a_row(book: Any, source: PackSource, lang: str) -> None:
    found = rows(book[SHEETS[lang][-4]])
    for row, finding in zip(found, source.results.findings, strict=True):
        assert (row[1], row[2].split("\n")[1]) == (finding.target, f"{finding.check} v1")
        assert all(source.say(detail) in row[5] for detail in finding.detail)


def test_every_target_is_an_asset(book: Any, source: PackSource, lang: str) -> None:
    found = rows(book[SHEETS[lang][-3]])
    targets = source.results.targets
    assert [(r[1], r[4] or None, r[6] or None) for r in found] == [
        (called(t.id, lang), t.parent, t.address) for t in targets
    ]
    # A kind that no plugin offers is its id.
    assert {r[2] for r in found[:2]} == {{"zh": "主机", "en": "Host"}[lang]}
    assert found[-1][2] == "organisation"
    listed = {"zh": "22、443", "en": "22, 443"}[lang]
    assert found[0][10] == f"allowed_ports = {listed}\nrpo_hours = 24"


def test_every_observation_is_in_the_index_with_its_file(
    book: Any, source: PackSource, lang: str
) -> None:
    sheet = book[SHEETS[lang][-2]]
    for number, seen in enumerate(source.results.observations):
        row = [c.value for c in sheet[4 + number]]
        assert row[0] == f"E{number + 1:05d}"
        assert row[1] == seen.target
        assert row[2] == {"zh": "命令", "en": "command"}[lang] + "\n" + seen.asked
        assert row[3] == "root"
        assert row[4] == "2026-11-23 08:00:00\n2026-11-23 08:00:01"
        assert row[5].startswith({"zh": "已应答\n", "en": "answered\n"}[lang])
        assert (
            row[6]
            == {
                "zh": "经 ssh、用户 audit、地址 192.0.2.10:22",
                "en": "over ssh, as audit, at 192.0.2.10:22",
            }[lang]
        )
        assert seen.stdout_sha256 in row[7]
        assert seen.digest.removeprefix("sha256:") in row[7]
        path = source.evidence_path(number + 1, seen)
        assert (row[8], sheet.cell(4 + number, 9).hyperlink.target) == (path, path)


def test_the_confirmation_names_every_file_that_is_no_evidence(
    book: Any, source: PackSource, lang: str
) -> None:
    found = rows(book[SHEETS[lang][-1]], 1)
    for name, digests in source.digests(""):
        assert (name, digests["md5"], digests["sha256"], digests["sm3"]) in found
    assert any(source.root_digest in row for row in found)


def test_files_beyond_the_limit_are_counted(
    make_source: MakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit_excel.summary_sheets.MAX_FILES", 2)
    assert rows(written(make_source(), tmp_path)["确认单"])[-1][0] == "另有 1 个文件见 SHA256SUMS"


def test_the_disclaimer_stands_on_every_sheet_or_page(book: Any, lang: str) -> None:
    line = {
        "zh": "自查参考，不替代测评机构结论",
        "en": "Self-assessment for reference; no substitute for the assessment body's conclusion",
    }[lang]
    assert all(line in sheet.oddFooter.left.text for sheet in book)
    sheets = {sheet for sheet, text in texts(book) if text == line}
    assert {SHEETS[lang][0], SHEETS[lang][1], SHEETS[lang][-1]} <= sheets


def test_unverified_items_say_so_wherever_they_stand(
    book: Any, source: PackSource, lang: str
) -> None:
    mark = {"zh": "未核实（", "en": "Unverified ("}[lang]
    unread = {c.id for c in source.results.clauses if c.confidence != "read"}
    assert unread
    items = [t.split("\n") for _, t in texts(book) if re.match(r"\d+\.[\d.]+[a-z]?  L3", t)]
    for lines in items:
        assert (lines[0].split("  ")[0] in unread) == any(mark in line for line in lines)


def _keyed(folder: Path, source: PackSource, **more: Any) -> dict[str, set[str]]:
    """What the rows of each key say of a result or a finding, over all workbooks."""
    folder.mkdir()
    found: dict[str, set[str]] = {}
    for path in book_module.write(source, folder, **more):
        for sheet in load_workbook(path):
            last = sheet.column_dimensions[get_column_letter(sheet.max_column)]
            for row in sheet.iter_rows(min_row=4, values_only=True) if last.hidden else ():
                key = str(row[-1])
                about = -7 if key.startswith("record|") else -3
                found.setdefault(key, set()).add(str(row[about]))
    return found


def test_a_row_keeps_its_key_however_the_workbook_is_split(
    source: PackSource, tmp_path: Path
) -> None:
    whole = _keyed(tmp_path / "whole", source)
    own = {key for key in whole if " #" in key}  # of questions, issues and records
    assert {key.partition("|")[0] for key in whole.keys() - own} == {
        "clause", "finding", "observation", "target",
    }  # fmt: skip
    assert {re.split("[/:|]", key)[0] for key in own} == {"gbt22239-2019", "check", "record"}
    for objects_each in (1, 2):
        split = _keyed(tmp_path / str(objects_each), source, objects_each=objects_each)
        assert split.keys() == whole.keys()
        records = [key for key in whole if key.startswith("record|")]
        assert {k: split[k] for k in records} == {k: whole[k] for k in records}
