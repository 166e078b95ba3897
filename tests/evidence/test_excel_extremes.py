"""Workbooks of invalid, hostile, empty and very large results."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from audit_core.model import (
    Conclusion,
    Coverage,
    Message,
    Result,
    SessionInfo,
    Severity,
    Target,
    Verdict,
    as_is,
    msg,
)
from audit_core.text.escape import show
from audit_excel import cells
from audit_excel import sheet as sheet_module
from core.pack.workbook import (
    SHEETS,
    MakeSource,
    records,
    rows,
    texts,
    written,
)
from core.whole import Whole


def test_an_incomplete_run_is_clearly_marked(
    small_results: Whole, make_source: MakeSource, tmp_path: Path
) -> None:
    run = replace(small_results.run, sealed=False, faults=(as_is("web1: =fault\x1b[2J"),))
    made = written(make_source(replace(small_results, run=run)), tmp_path)
    line = "本次核查未完成：取证不全，结果仅为部分结果"
    assert {s for s, t in texts(made) if t == line} >= {"封面", "总览", "确认单"}
    assert all(line in sheet.oddHeader.center.text for sheet in made)
    assert any(t == "web1: =fault␛[2J" for _, t in texts(made))


def test_not_applicable_without_a_reason_is_shown_as_a_fault(
    small_results: Whole, make_source: MakeSource, tmp_path: Path
) -> None:
    bare = tuple(
        replace(c, why=()) if c.conclusion is Result.NOT_APPLICABLE else c
        for c in small_results.conclusions
    )
    made = written(make_source(replace(small_results, conclusions=bare)), tmp_path)
    assert records(made, "web1")["8.1.4.11a"][0] == "【未记录不适用原因：移交前必须补写】"


def test_a_result_that_rests_on_nothing_is_shown_as_a_fault(
    small_results: Whole, make_source: MakeSource, tmp_path: Path
) -> None:
    first = replace(small_results.conclusions[0], conclusion=Result.CONFORMING)
    results = replace(small_results, conclusions=(first, *small_results.conclusions[1:]))
    made = written(make_source(results), tmp_path)
    assert records(made, "安全物理环境")["8.1.1.1a"][0] == "【无任何记录：本结论没有证据支持】"


def test_a_pass_without_a_value_says_so(
    small_results: Whole, make_source: MakeSource, tmp_path: Path
) -> None:
    mute = tuple(replace(f, detail=()) for f in small_results.findings)
    made = records(written(make_source(replace(small_results, findings=mute)), tmp_path), "db1")
    assert made["8.1.4.3a"][0] == "1）经核查，未记录检查到的值。"
    assert "未能核查：无权限查看，请按 dengbao plan --grants" in made["8.1.4.1b"][0]
    assert "不适用：【未记录不适用原因：移交前必须补写】" in made["8.1.4.1c"][0]


def test_a_run_that_found_nothing_is_still_a_workbook(
    small_results: Whole, make_source: MakeSource, tmp_path: Path
) -> None:
    empty = replace(small_results, targets=(), clauses=(), checks=(), findings=(),
                    conclusions=(), observations=())  # fmt: skip
    made = written(make_source(empty, digests=lambda object: ()), tmp_path)
    sheets = [name for name in SHEETS["zh"] if name != "全系统测评项矩阵"]
    assert made.sheetnames == [*sheets[:5], *sheets[-4:]]


def test_nothing_is_lost_that_refers_to_what_is_not_there(
    small_results: Whole, make_source: MakeSource, tmp_path: Path
) -> None:
    odd = Conclusion(
        catalog="other", clause="9.9", unit=None, target="ghost", conclusion=Result.NONCONFORMING,
        coverage=Coverage.FULL, findings=("lost@ghost",), why=(msg("seen by eye"),),
        severity=Severity.HIGH,
    )  # fmt: skip
    loose = replace(small_results.findings[0], evidence=("sha256:beef",))
    results = replace(
        small_results,
        conclusions=(*small_results.conclusions, odd),
        findings=(loose, *small_results.findings[1:]),
    )
    made = written(make_source(results), tmp_path)
    record = records(made, "ghost")["9.9\n※ 未核实（不在标准数据中）"]
    assert record[0] == "结果中没有检查记录 lost@ghost\n说明：seen by eye"
    assert [r[1] for r in rows(made["问题清单"])][1].endswith("[ghost] seen by eye")
    assert "sha256:beef（不在证据索引中）" in records(made, "web1")["8.1.4.2b"][2]
    assert any(r[2] and r[2].startswith("9.9") for r in rows(made["测评项矩阵"]))


def test_a_failed_check_without_a_clause_is_still_an_issue(
    small_results: Whole, make_source: MakeSource, tmp_path: Path
) -> None:
    loose = replace(
        small_results.findings[0], id="x@db1", check="loose.check", target="db1",
        verdict=Verdict.FAIL, severity=Severity.LOW,
    )  # fmt: skip
    results = replace(small_results, findings=(*small_results.findings, loose))
    last = rows(written(make_source(results), tmp_path)["问题清单"])[-1]
    assert "loose.check" in last[1]
    assert (last[2], last[3], last[4]) == ("db1", "无", "低")


def test_forty_targets_with_colliding_names_lose_nothing(
    small_results: Whole, make_source: MakeSource, tmp_path: Path
) -> None:
    base = ["web", "WEB", "Web", "封面", "history", "a" * 31, "a" * 40, "x/y", "x:y", "'q'"]
    ids = [f"{name}{tail}" for tail in ("", " ", "\u200b", "?") for name in base]
    assert len(ids) == 40
    clauses = small_results.clauses[:3]
    conclusions = tuple(
        Conclusion(catalog=c.catalog, clause=c.id, unit=c.unit, target=id,
                   conclusion=Result.NOT_ASSESSED, coverage=Coverage.NONE, findings=(),
                   why=(msg("bring {n}", n=f"<{id}>"),))
        for c in clauses for id in ids
    )  # fmt: skip
    results = replace(
        small_results, clauses=clauses, conclusions=conclusions, findings=(),
        targets=tuple(Target(id=id, kind="host", object_type="server") for id in ids),
    )  # fmt: skip
    made = written(make_source(results), tmp_path, objects_each=50)
    assert len(made.sheetnames) == len({n.casefold() for n in made.sheetnames}) == 40 + 9
    found = Counter(
        re.search("<.*>", str(row[3]), re.DOTALL)[0]  # type: ignore[index]
        for name in made.sheetnames[5:45]
        for row in rows(made[name])
    )
    shown = {f"<{id}>".replace("\u200b", "⟪ZWSP⟫") for id in ids}
    assert found == dict.fromkeys(shown, 3)


def test_large_tables_go_over_several_sheets(make_source: MakeSource, tmp_path: Path) -> None:
    made = written(make_source(), tmp_path, rows_each=20, side_by_side=2)
    assert [n for n in made.sheetnames if n.startswith("web1")] == ["web1", "web1-2"]
    numbers = [row[0] for n in ("web1", "web1-2") for row in rows(made[n])]
    assert numbers == list(range(1, 35))
    matrices = [n for n in made.sheetnames if "测评项矩阵" in n]
    assert {id for n in matrices for id in rows(made[n], 3)[0][3:-1]} == {
        "web1", "db1", "app2", "机房", "lan", "org",
    }  # fmt: skip
    assert max(len(rows(made[n])) for n in matrices) == 20
    link = made["安全物理环境-2"]["D4"].hyperlink.location
    where, cell = link.rsplit("!", 1)
    row = made[where.strip("'")][int(cell[1:])]
    assert row[2].value == made["安全物理环境-2"]["C4"].value


def test_links_stop_before_the_limit_and_the_text_stays(
    make_source: MakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet_module, "MAX_LINKS", 4)
    sheet = written(make_source(), tmp_path)["证据索引"]
    column = [sheet.cell(row, 9) for row in range(4, 19)]
    assert [c.hyperlink is not None for c in column] == [True] * 4 + [False] * 11
    assert all(c.value.startswith("evidence/") for c in column)


@pytest.mark.parametrize(
    "path",
    ["../x", "/etc/passwd", "file:///x", "javascript:alert(1)", "http://x/y", "a\\b", "C:x",
     "a/../../b", "a//b", "", "x" * 251, "a b", "a#b", "a\nb", "\\\\host\\share"],
)  # fmt: skip
def test_a_path_that_is_not_plain_does_not_become_a_link(path: str) -> None:
    assert not sheet_module.may_link(path)


@pytest.mark.parametrize("path", ["", "javascript:alert(1)", "evidence/../../x"])
def test_a_path_that_may_not_be_a_link_stands_as_text(
    make_source: MakeSource, tmp_path: Path, path: str
) -> None:
    made = written(make_source(evidence_path=lambda _number, _seen: path), tmp_path)["证据索引"]
    assert all(made.cell(row, 9).hyperlink is None for row in range(4, 19))
    assert all(made.cell(row, 9).value == (path or None) for row in range(4, 19))


HOSTILE = (
    "=cmd|'/C calc'!A0\n〔通过 · forged〕\x1b[2J\u202e\ufffe_x000D_ #N/A \x00&C&P "
    "{0.__class__} %s <script>" + "长" * 40_000
)


def hostile_session() -> SessionInfo:
    """A session with a harmful text in every place, through another such."""
    named = SessionInfo(
        connector=HOSTILE, user=HOSTILE, address=HOSTILE, identity=HOSTILE, server=HOSTILE
    )
    return replace(named, through=named)


def hostile_everywhere(results: Whole) -> Whole:
    """`results` with a harmful text in every place that a target can fill."""
    bad = Message(id="{x}", args={"x": HOSTILE})
    ids = {t.id: f"=={t.id}\x1b\u202e" for t in results.targets}
    return replace(
        results,
        title=HOSTILE,
        run=replace(results.run, faults=(as_is(HOSTILE),), id="=1&C&P\n\x1b"),
        targets=tuple(
            replace(t, id=ids[t.id], parent=ids[t.parent] if t.parent else None, owner=HOSTILE,
                    zone="@x", address="+1", business_system="-1", settings={"=a": HOSTILE})
            for t in results.targets
        ),
        findings=tuple(
            replace(f, target=ids[f.target], detail=(bad, msg("ok")), expected=bad, remedy=bad,
                    why=HOSTILE, params={"=p": HOSTILE})
            for f in results.findings
        ),
        conclusions=tuple(
            replace(c, target=ids[c.target], why=(bad,))
            for c in results.conclusions
        ),
        observations=tuple(
            replace(o, target=ids[o.target], asked=HOSTILE, how=hostile_session(), detail=bad,
                    redactions=(HOSTILE,), kind="=k", status="@s")
            for o in results.observations
        ),
    )  # fmt: skip


def test_texts_written_unchanged_need_no_escape() -> None:
    codes = (*range(0x400), *range(0x400, 0x10000, 31))
    ends = ("", " ", "=", "_x000D_", "x000D_", "\\", "e\u0301", "a" * 1200)
    texts = [f"{first}{chr(code)}{end}" for code in codes for first in ("", "a_", "经")
             for end in (ends if code < 0x80 else ends[:1])]  # fmt: skip
    safe = [text for text in texts if cells._safe(text)]
    assert len(safe) > 1_500
    assert all(cells.cell(text) == cells._finish(show(text), text) for text in safe)
    for text in ("=1", "+1", "-1", "@a", "＝1", "\ta", "_x0041_", "a_x0041_", "a\u202e", "e\u0301"):
        assert not cells._safe(text)


def test_hostile_text_everywhere_stays_text(
    small_results: Whole, make_source: MakeSource, tmp_path: Path
) -> None:
    made = written(make_source(hostile_everywhere(small_results)), tmp_path)
    found = dict.fromkeys(t for _, t in texts(made))
    assert {c.data_type for sheet in made for row in sheet for c in row} == {"s", "n"}
    assert max(map(len, found)) <= 32_767
    assert not any(re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ufffe]", t) for t in found)
    assert not any(line.startswith("〔通过") for t in found for line in t.split("\n"))
    with zipfile.ZipFile(tmp_path / "workbook.xlsx") as archive:
        names = [n for n in archive.namelist() if n.startswith("xl/worksheets/sheet")]
        assert names
        assert not any(re.search(b"<f[ >]", archive.read(n)) for n in names)
