"""The workbook against its source: what stands in the cells, what leads where, what is the same."""

from __future__ import annotations

import gettext
import os
import re
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from msgspec.structs import replace

import audit_excel
from audit_core.errors import StoreError
from audit_core.model import (
    Conclusion,
    Coverage,
    Finding,
    Kind,
    Message,
    ObjectType,
    Result,
    Severity,
    Target,
    Verdict,
    msg,
)
from audit_core.results import PackSource, Results
from audit_excel import book as book_module
from audit_excel import front
from audit_excel import sheet as sheet_module

MakeSource = Callable[..., PackSource]
ROOT = Path(__file__).parents[2]
PACKAGE = Path(audit_excel.__file__).parent
WORDS = {
    "zh": ("符合", "部分符合", "不符合", "不适用", "未测"),
    "en": ("Conforming", "Partly conforming", "Nonconforming", "Not applicable", "Not assessed"),
}
SHEETS = {
    "zh": ["封面", "总览", "条款矩阵", "问题清单", "待补充材料", "安全物理环境", "安全通信网络",
           "安全区域边界", "安全计算环境", "安全管理中心", "安全管理制度", "安全管理机构",
           "安全管理人员", "安全建设管理", "安全运维管理", "web1", "db1", "app2", "机房", "lan",
           "org", "检查明细", "资产清单", "证据索引", "确认单"],
    "en": ["Cover", "Overview", "Clause matrix", "Issues", "To be brought", "Physical environment",
           "Communication network", "Area boundary", "Computing environment", "Management centre",
           "安全管理制度", "安全管理机构", "安全管理人员", "安全建设管理", "安全运维管理", "web1",
           "db1", "app2", "Machine room", "lan", "org", "Check results", "Assets", "Evidence index",
           "Confirmation"],
}  # fmt: skip


def name(id: str, lang: str = "zh") -> str:
    """What the workbook calls the object `id`; only the site stands under its kind."""
    return {"zh": "机房", "en": "Machine room"}[lang] if id == "site" else id


def written(source: PackSource, folder: Path, **more: int) -> Any:
    """The workbook of `source`, read back."""
    (path,) = book_module.write(source, folder, **more)
    return openpyxl.load_workbook(path)


def word(result: Result, lang: str) -> str:
    return WORDS[lang][list(Result).index(result)]


def rows(sheet: Any, first: int = 4) -> list[tuple[Any, ...]]:
    """The values below the head."""
    return [tuple(row) for row in sheet.iter_rows(min_row=first, values_only=True)]


def texts(book: Any) -> Iterator[tuple[str, str]]:
    """Every text of the workbook with its sheet."""
    for sheet in book:
        for row in sheet.iter_rows(values_only=True):
            yield from ((sheet.title, v) for v in row if isinstance(v, str))


@pytest.fixture(scope="module", params=["zh", "en"])
def lang(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def source(make_source: MakeSource, lang: str) -> PackSource:
    return make_source(lang=lang)


@pytest.fixture(scope="module")
def book(source: PackSource, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return written(source, tmp_path_factory.mktemp("book"))


# --- what stands in it ----------------------------------------------------------------------------


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
        found = rows(book[name(target, lang)])
        assert [row[0] for row in found] == list(range(1, len(wanted) + 1))
        for conclusion, row in zip(wanted, found, strict=True):
            clause = clauses[conclusion.clause]
            assert row[1] == clause.control_point
            assert row[2].split("\n")[0] == f"{clause.id}  {clause.unit}"
            assert clause.gist in row[2]
            assert row[4] == word(conclusion.conclusion, lang)


def test_a_record_says_what_was_seen_and_never_the_clause(book: Any, source: PackSource) -> None:
    results = source.results
    findings = {f.id: f for f in results.findings}
    gists = {c.id: c.gist for c in results.clauses}
    for target in ("web1", "db1", "app2", "org"):
        wanted = [c for c in results.conclusions if c.target == target]
        for conclusion, row in zip(wanted, rows(book[target]), strict=True):
            for finding in (findings[id] for id in conclusion.findings):
                assert finding.check in row[3]
                assert all(source.say(said) in row[3] for said in finding.said)
                assert finding.expected is None or source.say(finding.expected) in row[3]
            said = (*conclusion.why, *conclusion.missing)
            assert all(source.say(message) in row[3] for message in said)
            assert gists[conclusion.clause] not in row[3]


def records(book: Any, target: str) -> dict[str, tuple[str, str, str]]:
    """Clause id → record, conformity, evidence."""
    return {r[2].split("  ")[0]: (r[3], r[4], r[5]) for r in rows(book[target])}


def test_the_words_of_records(make_source: MakeSource, tmp_path: Path) -> None:
    found = records(written(make_source(lang="zh"), tmp_path), "web1")
    assert found["8.1.4.1c"] == (
        "PermitRootLogin 为 yes；要求：no、prohibit-password 之一 〔未通过 · ssh.root-login〕\n"
        "[web1/tls:443] 该端点提供 TLSv1.0、TLSv1.2；要求：仅 TLS 1.2 及以上 "
        "〔未通过 · tls.protocols〕\n"
        "不适用：未安装 telnet 服务端 〔不适用 · telnet.absent〕",
        "不符合",
        "E00001\nE00005",
    )
    assert found["8.1.4.1a"] == (
        "口令最小长度=8，要求 3 类字符；要求：不小于 8 〔通过 · password.length〕\n"
        "说明：自动检查仅覆盖操作系统自身口令\n待补充：访谈口令重置权限并提供记录",
        "未测",
        "E00002–E00003",
    )
    assert found["8.1.4.1b"][0].startswith(
        "未能判定：无权限查看；sudo 需要口令，未获授权 〔未能判定 · login.lockout〕\n待补充："
    )
    assert found["8.1.4.2c"][0].startswith("未测：没有自动检查覆盖本项\n待补充：")
    assert found["8.1.4.11a"][:2] == ("说明：本机不存储个人信息", "不适用")


def test_what_was_not_assessed_says_what_to_bring(book: Any, lang: str) -> None:
    mark = {"zh": "待补充：", "en": "To be brought: "}[lang]
    for target in ("web1", "site", "org"):
        for record, conformity, _ in records(book, name(target, lang)).values():
            assert (mark in record) or conformity != word(Result.NOT_ASSESSED, lang)


def test_a_layer_sheet_repeats_the_records_of_its_objects(
    book: Any, source: PackSource, lang: str
) -> None:
    sheet = book[SHEETS[lang][8]]
    of = {target: records(book, target) for target in ("web1", "db1", "app2")}
    found = rows(sheet)
    assert len(found) == 34 * 3
    for row in found:
        assert of[row[3]][row[2].split("  ")[0]] == row[4:7]


def test_the_overview_counts_what_the_results_hold(
    book: Any, source: PackSource, lang: str
) -> None:
    results = source.results
    layer = {c.id: c.layer if lang == "zh" else c.layer_en for c in results.clauses}
    of: dict[str, Counter[Result]] = {}
    for c in results.conclusions:
        of.setdefault(layer[c.clause], Counter())[c.conclusion] += 1
        of.setdefault(name(c.target, lang), Counter())[c.conclusion] += 1
    found = {r[0]: r[1:7] for r in rows(book[SHEETS[lang][1]], 1) if isinstance(r[1], int)}
    total = Counter(c.conclusion for c in results.conclusions)
    sums = {name: (c.total(), *(c[r] for r in Result)) for name, c in of.items()}
    assert {k: v for k, v in found.items() if k in sums} == sums
    rest = {v for k, v in found.items() if k not in sums}
    assert rest == {(total.total(), *(total[r] for r in Result))}
    assert len(book[SHEETS[lang][1]]._charts) == 3


def test_the_matrix_holds_every_conclusion(book: Any, source: PackSource, lang: str) -> None:
    head, *body = rows(book[SHEETS[lang][2]], 3)
    found = {
        (row[2].split("  ")[0], id): row[n]
        for row in body
        for n, id in enumerate(head[3:], 3)
        if row[n]
    }
    conclusions = source.results.conclusions
    assert found == {
        (c.clause, name(c.target, lang)): word(c.conclusion, lang) for c in conclusions
    }


def test_issues_lead_to_their_records(book: Any, lang: str) -> None:
    sheet = book[SHEETS[lang][3]]
    found = rows(sheet)
    assert [row[0] for row in found] == ["T001", "T002"]
    assert found[0][1].endswith({"zh": "〔ssh.root-login〕", "en": "[ssh.root-login]"}[lang])
    assert found[0][2] == "web1"
    assert found[0][3] == "8.1.4.1c L3-CES1-03\n8.1.4.2b L3-CES1-06"
    assert found[0][4] == {"zh": "高", "en": "High"}[lang]
    assert found[0][5].startswith("6.4.1.2")
    assert "PermitRootLogin" in found[0][6]
    assert found[1][2] == "web1\nweb1/tls:443"
    for row, clause in ((4, "8.1.4.1c"), (5, "8.1.4.1c")):
        where, cell = sheet.cell(row, 1).hyperlink.location.rsplit("!", 1)
        led = book[where.strip("'")][int(cell[1:])]
        assert led[2].value.startswith(clause)


def test_people_fill_in_from_lists(book: Any, lang: str) -> None:
    rules = book[SHEETS[lang][3]].data_validations.dataValidation
    lists = {str(r.sqref): r.formula1 for r in rules if r.type == "list"}
    assert set(lists) == {"E4:E5", "J4:J5", "K4:K5"}
    assert [row[9] for row in rows(book[SHEETS[lang][3]])] == [lists["J4:J5"].split(",")[0][1:]] * 2
    assert lists["E4:E5"] == {"zh": '"高,中,低"', "en": '"High,Medium,Low"'}[lang]
    assert [str(r.sqref) for r in rules if r.type == "date"] == ["I4:I5"]
    assert all(len(r.formula1) <= 255 for r in rules)


def test_the_list_of_what_to_bring_is_complete(book: Any, source: PackSource, lang: str) -> None:
    found = [(r[3].split("  ")[0], r[1]) for r in rows(book[SHEETS[lang][4]])]
    wanted = {
        (c.clause, name(c.target, lang))
        for c in source.results.conclusions
        if c.missing or c.conclusion is Result.NOT_ASSESSED
    }
    assert set(found) == wanted
    assert len(found) == len(wanted)


def test_every_finding_has_a_row(book: Any, source: PackSource, lang: str) -> None:
    found = rows(book[SHEETS[lang][-4]])
    for row, finding in zip(found, source.results.findings, strict=True):
        assert (row[1], row[2].split("\n")[1]) == (finding.target, f"{finding.check} v1")
        assert all(source.say(said) in row[5] for said in finding.said)


def test_every_target_is_an_asset(book: Any, source: PackSource, lang: str) -> None:
    found = rows(book[SHEETS[lang][-3]])
    targets = source.results.targets
    assert [(r[1], r[4] or None, r[5] or None) for r in found] == [
        (name(t.id, lang), t.parent, t.address) for t in targets
    ]
    listed = {"zh": "22、443", "en": "22, 443"}[lang]
    assert found[0][9] == f"allowed_ports = {listed}\nrpo_hours = 24"


def test_every_observation_is_in_the_index_with_its_file(
    book: Any, source: PackSource, lang: str
) -> None:
    sheet = book[SHEETS[lang][-2]]
    for number, seen in enumerate(source.results.observations):
        row = [c.value for c in sheet[4 + number]]
        assert row[0] == f"E{number + 1:05d}"
        assert row[1] == seen.target
        assert row[2] == {"zh": "命令", "en": "Command"}[lang] + "\n" + seen.asked
        assert row[3] == "root"
        assert row[4] == "2026-11-23 08:00:00\n2026-11-23 08:00:01"
        assert row[5].startswith({"zh": "已应答\n", "en": "answered\n"}[lang])
        assert (
            row[6]
            == {
                "zh": "SSH 登录 audit@192.0.2.10，主机密钥 SHA256:abc",
                "en": "SSH as audit@192.0.2.10, host key SHA256:abc",
            }[lang]
        )
        assert seen.stdout_sha256 in row[7]
        assert seen.digest.removeprefix("sha256:") in row[7]
        path = source.evidence_path(seen.digest)
        assert (row[8], sheet.cell(4 + number, 9).hyperlink.target) == (path, path)


def test_the_confirmation_names_every_file(book: Any, source: PackSource, lang: str) -> None:
    found = rows(book[SHEETS[lang][-1]], 1)
    for name, digests in source.digests.items():
        assert (name, digests["md5"], digests["sha256"], digests["sm3"]) in found
    assert any(source.root_digest in row for row in found)


def test_files_beyond_the_limit_are_counted(
    make_source: MakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "MAX_FILES", 2)
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


# --- what an assessor reads -----------------------------------------------------------------------


def with_findings(results: Results, *changed: Finding) -> Results:
    """`results` with the findings of the same ids replaced."""
    known = {f.id: f for f in changed}
    return replace(results, findings=tuple(known.get(f.id, f) for f in results.findings))


def test_a_problem_states_the_deviation_with_the_value_seen(
    make_source: MakeSource, tmp_path: Path
) -> None:
    first = rows(written(make_source(), tmp_path)["问题清单"])[0]
    assert first[1] == (
        "经核查：PermitRootLogin 为 yes。\n"
        "不满足“SSH 不允许 root 用口令登录”的要求（应为：no、prohibit-password 之一）\n"
        "〔ssh.root-login〕"
    )


def test_long_lists_are_cut_in_records_of_passes_and_stand_in_full_in_the_check_results(
    small_results: Results, make_source: MakeSource, tmp_path: Path
) -> None:
    many = tuple(f"cipher-{n}" for n in range(20))
    old = next(f for f in small_results.findings if f.id == "audit.running@web1")
    seen = replace(old, said=(msg("{value}", value=many),), expected=msg("{text}", text="y" * 500))
    made = written(make_source(with_findings(small_results, seen)), tmp_path)
    record = records(made, "web1")["8.1.4.3a"][0]
    assert record == f"{'、'.join(many[:4])}、…等共 20 项 〔通过 · audit.running〕"
    whole = next(r[5] for r in rows(made["检查明细"]) if "audit.running" in r[2])
    assert all(cipher in whole for cipher in many)
    assert "y" * 500 in whole


def test_what_was_seen_of_a_failure_is_never_cut(
    small_results: Results, make_source: MakeSource, tmp_path: Path
) -> None:
    many = tuple(f"port-{n}" for n in range(20))
    old = next(f for f in small_results.findings if f.id == "ssh.root-login@web1")
    failed = replace(old, said=(msg("{value}", value=many),))
    made = written(make_source(with_findings(small_results, failed)), tmp_path)
    assert "port-19" in records(made, "web1")["8.1.4.1c"][0]
    assert "port-19" in rows(made["问题清单"])[0][1]


def test_findings_that_say_the_same_share_a_line_and_lose_no_name(
    small_results: Results, make_source: MakeSource, tmp_path: Path
) -> None:
    blind = [
        replace(f, verdict=Verdict.UNDETERMINED, said=(msg("no way in"),), expected=None,
                why="unreachable")
        for f in small_results.findings if f.target == "web1"
    ]  # fmt: skip
    made = written(make_source(with_findings(small_results, *blind)), tmp_path)
    lines = records(made, "web1")["8.1.4.1c"][0].split("\n")
    assert lines[1] == "未能判定：无法连接；no way in 〔未能判定 · ssh.root-login、telnet.absent〕"


@pytest.mark.parametrize("code", ["inconclusive", "reason_given", "brand_new"])
def test_codes_are_never_shown_where_the_finding_says_its_reason(
    code: str, small_results: Results, make_source: MakeSource, tmp_path: Path
) -> None:
    old = next(f for f in small_results.findings if f.id == "login.lockout@web1")
    made = written(make_source(with_findings(small_results, replace(old, why=code))), tmp_path)
    record = records(made, "web1")["8.1.4.1b"][0]
    assert record.startswith("未能判定：")
    assert (code in record) == (code == "brand_new")


def test_an_empty_value_is_a_word(
    small_results: Results, make_source: MakeSource, tmp_path: Path
) -> None:
    old = next(f for f in small_results.findings if f.id == "audit.running@web1")
    bare = replace(old, said=(msg("agents: {a}; TPM {b}; {c}", a=(), b=None, c=("-",)),))
    made = written(make_source(with_findings(small_results, bare)), tmp_path)
    assert records(made, "web1")["8.1.4.3a"][0].startswith("agents: 无; TPM 无; 无 〔")


def test_a_declared_object_keeps_its_id_beside_the_word_for_an_undeclared_one(
    small_results: Results, make_source: MakeSource, tmp_path: Path
) -> None:
    named = Target(id="机房", kind=Kind.SITE, object_type=ObjectType.SITE)
    made = written(
        make_source(replace(small_results, targets=(*small_results.targets, named))), tmp_path
    )
    assert "site" in made.sheetnames
    assert [r[1] for r in rows(made["资产清单"])][-4:] == ["site", "lan", "org", "机房"]


def test_the_cover_says_what_was_audited_when_and_leaves_room_where_nobody_said(
    small_results: Results, make_source: MakeSource, tmp_path: Path
) -> None:
    cover = {r[0]: r[1] for r in rows(written(make_source(), tmp_path)["封面"], 1)}
    assert cover["业务系统"] == "网上银行"
    assert cover["测评依据"] == "网上银行系统 等级保护自查（第三级）"
    assert cover["开始时间（UTC）"] == "2026-11-23 08:00:00（北京时间 2026-11-23 16:00:00）"
    assert cover["插件"] == "linux 0.1.0、tls 0.1.0"
    bare = replace(small_results, targets=())
    assert ("业务系统", None) in rows(written(make_source(bare), tmp_path)["封面"], 1)


# --- how it looks ---------------------------------------------------------------------------------


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


# --- the same bytes -------------------------------------------------------------------------------


def test_the_same_source_is_the_same_bytes(make_source: MakeSource, tmp_path: Path) -> None:
    (path,) = book_module.write(make_source(), tmp_path)
    first = path.read_bytes()
    time.sleep(2.1)  # a zip tells time in steps of two seconds
    (path,) = book_module.write(make_source(), tmp_path)
    assert path.read_bytes() == first


def test_bytes_do_not_depend_on_the_hash_seed(tmp_path: Path) -> None:
    script = (
        "import sys, importlib.util as u; from pathlib import Path;"
        "s = u.spec_from_file_location('made', sys.argv[1]); m = u.module_from_spec(s);"
        "s.loader.exec_module(m); import hashlib;"
        "from audit_excel.book import write;"
        "(p,) = write(m._source(), Path(sys.argv[2]));"
        "print(hashlib.sha256(p.read_bytes()).hexdigest())"
    )
    paths = os.pathsep.join(str(ROOT / name) for name in ("audit", "evidence"))
    digests = {
        subprocess.run(
            [sys.executable, "-c", script, str(Path(__file__).with_name("conftest.py")), tmp_path],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": paths},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(digests) == 1


def test_bytes_do_not_depend_on_whether_lxml_is_installed(tmp_path: Path) -> None:
    # openpyxl prefers lxml where it finds it, and its bytes differ. This one has only a version.
    (tmp_path / "lxml").mkdir()
    (tmp_path / "lxml" / "__init__.py").write_text("")
    (tmp_path / "lxml" / "etree.py").write_text("LXML_VERSION = (6, 0, 0, 0)\n")
    script = "import audit_excel, lxml.etree, openpyxl.xml; print(openpyxl.xml.LXML)"
    paths = os.pathsep.join((str(tmp_path), *(str(ROOT / name) for name in ("audit", "evidence"))))
    env = {k: v for k, v in os.environ.items() if k != "OPENPYXL_LXML"}
    done = subprocess.run([sys.executable, "-c", script], env={**env, "PYTHONPATH": paths},
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout == "False\n"


def test_the_file_carries_the_time_of_the_run_only(make_source: MakeSource, tmp_path: Path) -> None:
    (path,) = book_module.write(make_source(), tmp_path)
    with zipfile.ZipFile(path) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        core = archive.read("docProps/core.xml").decode()
    assert re.findall(r"\d{4}-\d\d-\d\dT[\d:]+Z", core) == ["2026-11-23T08:03:12Z"] * 2


def test_a_run_with_a_broken_clock_is_still_written(
    small_results: Results, make_source: MakeSource, tmp_path: Path
) -> None:
    for ended in ("", "9999-12-31T23:59:59+14:00", "0001-01-01T00:00:00+14:00", "yesterday"):
        odd = replace(small_results, run=replace(small_results.run, ended=ended))
        assert written(make_source(odd), tmp_path).sheetnames == SHEETS["zh"]


# --- what can go wrong ----------------------------------------------------------------------------


def test_an_incomplete_run_says_so_loudly(
    small_results: Results, make_source: MakeSource, tmp_path: Path
) -> None:
    run = replace(small_results.run, complete=False, faults=("web1: =fault\x1b[2J",))
    made = written(make_source(replace(small_results, run=run)), tmp_path)
    line = "本次核查未完成：取证不全，结果仅为部分结果"
    assert {s for s, t in texts(made) if t == line} >= {"封面", "总览", "确认单"}
    assert all(line in sheet.oddHeader.center.text for sheet in made)
    assert any(t == "web1: =fault␛[2J" for _, t in texts(made))


def test_not_applicable_without_a_reason_is_shown_as_a_fault(
    small_results: Results, make_source: MakeSource, tmp_path: Path
) -> None:
    bare = tuple(
        replace(c, why=()) if c.conclusion is Result.NOT_APPLICABLE else c
        for c in small_results.conclusions
    )
    made = written(make_source(replace(small_results, conclusions=bare)), tmp_path)
    assert records(made, "web1")["8.1.4.11a"][0] == "【未记录不适用原因：移交前必须补写】"


def test_a_result_that_rests_on_nothing_is_shown_as_a_fault(
    small_results: Results, make_source: MakeSource, tmp_path: Path
) -> None:
    first = replace(small_results.conclusions[0], conclusion=Result.CONFORMING)
    results = replace(small_results, conclusions=(first, *small_results.conclusions[1:]))
    made = written(make_source(results), tmp_path)
    assert records(made, "机房")["8.1.1.1a"][0] == "【无任何记录：本结论没有所见依据】"


def test_a_pass_without_a_value_says_so(
    small_results: Results, make_source: MakeSource, tmp_path: Path
) -> None:
    mute = tuple(replace(f, said=()) for f in small_results.findings)
    made = records(written(make_source(replace(small_results, findings=mute)), tmp_path), "db1")
    assert made["8.1.4.3a"][0] == "未记录所见值 〔通过 · audit.running〕"
    assert "未能判定：无权限查看 〔" in made["8.1.4.1b"][0]
    assert "不适用：【未记录不适用原因：移交前必须补写】" in made["8.1.4.1c"][0]


def test_a_run_that_found_nothing_is_still_a_workbook(
    small_results: Results, make_source: MakeSource, tmp_path: Path
) -> None:
    empty = replace(small_results, targets=(), clauses=(), checks=(), findings=(),
                    conclusions=(), observations=())  # fmt: skip
    made = written(make_source(empty, digests={}), tmp_path)
    assert made.sheetnames == [*SHEETS["zh"][:5], *SHEETS["zh"][-4:]]


def test_nothing_is_lost_that_refers_to_what_is_not_there(
    small_results: Results, make_source: MakeSource, tmp_path: Path
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
    assert [r[1] for r in rows(made["问题清单"])][1] == "seen by eye"
    assert "sha256:beef（不在证据索引中）" in records(made, "web1")["8.1.4.2b"][2]
    assert any(r[2] and r[2].startswith("9.9") for r in rows(made["条款矩阵"]))


def test_a_failed_check_without_a_clause_is_still_an_issue(
    small_results: Results, make_source: MakeSource, tmp_path: Path
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
    small_results: Results, make_source: MakeSource, tmp_path: Path
) -> None:
    base = ["web", "WEB", "Web", "封面", "history", "a" * 31, "a" * 40, "x/y", "x:y", "'q'"]
    ids = [f"{name}{tail}" for tail in ("", " ", "\u200b", "?") for name in base]
    assert len(ids) == 40
    clauses = small_results.clauses[:3]
    conclusions = tuple(
        Conclusion(catalog=c.catalog, clause=c.id, unit=c.unit, target=id,
                   conclusion=Result.NOT_ASSESSED, coverage=Coverage.NONE, findings=(),
                   missing=(msg("bring {n}", n=f"<{id}>"),))
        for c in clauses for id in ids
    )  # fmt: skip
    results = replace(
        small_results, clauses=clauses, conclusions=conclusions, findings=(),
        targets=tuple(Target(id=id, kind=Kind.HOST, object_type=ObjectType.SERVER) for id in ids),
    )  # fmt: skip
    made = written(make_source(results), tmp_path)
    assert len(made.sheetnames) == len({n.casefold() for n in made.sheetnames}) == 40 + 10
    found = Counter(
        re.search("<.*>", str(row[3]), re.DOTALL)[0]  # type: ignore[index]
        for name in made.sheetnames[6:46]
        for row in rows(made[name])
    )
    shown = {f"<{id}>".replace("\u200b", "⟪ZWSP⟫") for id in ids}
    assert found == dict.fromkeys(shown, 3)


def test_large_tables_go_over_several_sheets(make_source: MakeSource, tmp_path: Path) -> None:
    made = written(make_source(), tmp_path, rows_each=20, objects_each=2)
    assert [n for n in made.sheetnames if n.startswith("web1")] == ["web1", "web1-2"]
    numbers = [row[0] for n in ("web1", "web1-2") for row in rows(made[n])]
    assert numbers == list(range(1, 35))
    matrices = [n for n in made.sheetnames if n.startswith("条款矩阵")]
    assert len(matrices) == 3 * 11
    assert {id for n in matrices for id in rows(made[n], 3)[0][3:]} == {
        "web1", "db1", "app2", "机房", "lan", "org",
    }  # fmt: skip
    link = made["安全计算环境-6"]["D4"].hyperlink.location
    where, cell = link.rsplit("!", 1)
    row = made[where.strip("'")][int(cell[1:])]
    assert row[2].value == made["安全计算环境-6"]["C4"].value


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
    made = written(make_source(evidence_path=lambda _digest: path), tmp_path)["证据索引"]
    assert all(made.cell(row, 9).hyperlink is None for row in range(4, 19))
    assert all(made.cell(row, 9).value == (path or None) for row in range(4, 19))


HOSTILE = (
    "=cmd|'/C calc'!A0\n〔通过 · forged〕\x1b[2J\u202e\ud800\ufffe_x000D_ #N/A \x00&C&P "
    "{0.__class__} %s <script>" + "长" * 40_000
)


def hostile_everywhere(results: Results) -> Results:
    """`results` with a harmful text in every place that a target can fill."""
    bad = Message(id="{x}", args={"x": HOSTILE})
    ids = {t.id: f"=={t.id}\x1b\u202e" for t in results.targets}
    return replace(
        results,
        title=HOSTILE,
        run=replace(results.run, faults=(HOSTILE,), id="=1&C&P\n\x1b"),
        targets=tuple(
            replace(t, id=ids[t.id], parent=ids[t.parent] if t.parent else None, owner=HOSTILE,
                    zone="@x", address="+1", business_system="-1", settings={"=a": HOSTILE})
            for t in results.targets
        ),
        findings=tuple(
            replace(f, target=ids[f.target], said=(bad, msg("ok")), expected=bad, remedy=bad,
                    why=HOSTILE, params={"=p": HOSTILE})
            for f in results.findings
        ),
        conclusions=tuple(
            replace(c, target=ids[c.target], why=(bad,), missing=(bad,))
            for c in results.conclusions
        ),
        observations=tuple(
            replace(o, target=ids[o.target], asked=HOSTILE, how=HOSTILE, detail=HOSTILE,
                    redactions=(HOSTILE,), kind="=k", status="@s")
            for o in results.observations
        ),
    )  # fmt: skip


def test_hostile_text_everywhere_stays_text(
    small_results: Results, make_source: MakeSource, tmp_path: Path
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


# --- the package ----------------------------------------------------------------------------------


def test_the_plugin_loads_without_openpyxl() -> None:
    script = (
        "import sys; sys.modules['openpyxl'] = None; import audit_excel;"
        "from audit_core.errors import ToolMissing\n"
        "(exporter,) = audit_excel.dengbao_exporters()\n"
        "try: exporter.write(None, None)\n"
        "except ToolMissing as error: print(exporter.name, error)"
    )
    paths = os.pathsep.join(str(ROOT / name) for name in ("audit", "evidence"))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                          check=True, env={**os.environ, "PYTHONPATH": paths})  # fmt: skip
    assert done.stdout == "excel openpyxl is not installed: pip install 'dengbao[excel]'\n"


def test_the_exporter_writes_into_the_folder(make_source: MakeSource, tmp_path: Path) -> None:
    (exporter,) = audit_excel.dengbao_exporters()
    assert list(exporter.write(make_source(), tmp_path)) == [tmp_path / "workbook.xlsx"]
    assert list(tmp_path.iterdir()) == [tmp_path / "workbook.xlsx"]


def test_a_folder_that_cannot_be_written_is_one_clear_line(
    make_source: MakeSource, tmp_path: Path
) -> None:
    (exporter,) = audit_excel.dengbao_exporters()
    with pytest.raises(StoreError, match=r"cannot write the workbook: .*absent"):
        exporter.write(make_source(), tmp_path / "absent")


def test_every_text_is_translated() -> None:
    (folder,) = audit_excel.dengbao_locales()
    keywords = {"msg": None, "text": None}
    wanted = {m[2] for m in extract_from_dir(PACKAGE, keywords=keywords)}
    with (folder / "zh/LC_MESSAGES/audit_excel.po").open("rb") as file:
        catalog = read_po(file)
    known = {str(m.id): str(m.string or "") for m in catalog if m.id}
    assert set(known) == wanted
    assert all(known.values())
    for english, chinese in known.items():
        assert sorted(re.findall(r"{\w+}", english)) == sorted(re.findall(r"{\w+}", chinese))


def test_the_compiled_texts_are_those_of_the_source() -> None:
    (folder,) = audit_excel.dengbao_locales()
    with (folder / "zh/LC_MESSAGES/audit_excel.po").open("rb") as file:
        catalog = read_po(file)
    texts = gettext.translation("audit_excel", folder, ["zh"])
    assert all(texts.gettext(str(m.id)) == m.string for m in catalog if m.id)


def test_the_benchmark_runs() -> None:
    paths = os.pathsep.join(str(ROOT / name) for name in ("audit", "evidence"))
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "pack_500.py"), "3"],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    assert re.search(r"peak \d+ MB \(limit 500 MB\)", done.stdout)
