"""Record lint: what reviewers reject, on results made up for it."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest
from msgspec import structs

from audit_core.cli import main
from audit_core.cli.record_lint import read_names
from audit_core.evaluate.record_lint import record_problems, repeats, says_nothing
from audit_core.model import (
    Conclusion,
    Coverage,
    Finding,
    Result,
    Severity,
    StepResult,
    StepState,
    Target,
    Verdict,
    msg,
)
from audit_core.model.attestations import AnswerState, AnswerVerdict, StepAnswer
from audit_core.model.errors import InputError
from audit_core.model.results import Clause, RunStamp
from audit_core.model.units import Step, StepRef
from audit_core.store.runs import Store
from audit_core.text.translate import Translator
from core.pack import making
from core.whole import Whole, in_memory

DAY = datetime.date(2026, 11, 29)
ASKED = Step(question="口令多久更换一次？", question_en="How often?", affirmed_if="按期更换",
             affirmed_if_en="changed in time")  # fmt: skip
CLAUSES = (
    Clause(catalog="c", id="1", unit="U-1", gist="口令复杂度与定期更换",
           gist_en="Complex passwords", steps=(ASKED,), applies_to=("server", "database")),
    Clause(catalog="c", id="2", unit="U-2", gist="另一项", gist_en="Another",
           steps=(structs.replace(ASKED, repeats=StepRef(unit="U-1", step=1)),),
           applies_to=("server",)),
)  # fmt: skip


def answer(text: str = "", **more: object) -> StepAnswer:
    made = {"question": "c/1/1", "verdict": AnswerVerdict.AFFIRMED, "state": AnswerState.COUNTS,
            "by": "张三", "date": "2026-11-01", "entered": "2026-11-01",
            "valid_until": "2027-05-01", "text": text} | more  # fmt: skip
    return StepAnswer(**made)  # type: ignore[arg-type]


def concluded(
    clause: str, state: StepState, given: StepAnswer | None = None, **more: object
) -> Conclusion:
    made = {"catalog": "c", "clause": clause, "unit": None, "target": "web1",
            "conclusion": Result.NOT_ASSESSED, "coverage": Coverage.NONE, "findings": (),
            "steps": (StepResult(number=1, state=state, answer=given),)} | more  # fmt: skip
    return Conclusion(**made)  # type: ignore[arg-type]


def finding(check: str, detail: str) -> Finding:
    return Finding(
        id=f"{check}@web1", check=check, check_version=1, target="web1", verdict=Verdict.FAIL,
        severity=Severity.HIGH, why="", detail=(msg("{x}", x=detail),), expected=None, evidence=(),
    )  # fmt: skip


def linted(
    *conclusions: Conclusion, findings: tuple[Finding, ...] = (), names: tuple[str, ...] = ()
) -> list[tuple[str, str]]:
    results = Whole(
        run=RunStamp(id="r", started="", ended="", profile="p", dengbao="", plugins={}, policy={},
                     sealed=True, bundles={}),
        title="", title_en="", clauses=CLAUSES, checks=(), observations=(),
        targets=(Target(id="web1", kind="host", object_type="server"),),
        conclusions=conclusions, findings=findings,
    )  # fmt: skip
    say = (Translator("en").say, Translator("zh").say)
    found = record_problems(in_memory(results), DAY, names, say)
    return [(p.kind.value, p.clause) for p in found if p.kind.value != "not_sampled"]


def test_a_record_that_repeats_the_clause_or_says_nothing() -> None:
    for text in ("口令复杂度与定期更换", "口令复杂度与定期更换。", "按期更换", "已满足要求",
                 "符合", "是", "How often", "complies", "Complex passwords!"):  # fmt: skip
        given = concluded("1", StepState.AFFIRMED, answer(text))
        assert linted(given) == [("repeats_clause", "1")], text
    for text in ("PASS_MAX_DAYS=90，2026-11-02 核查 /etc/login.defs",
                 "堡垒机强制 60 天更换，见截图 3",
                 "every 60 days, login.defs seen on 2 Nov"):  # fmt: skip
        assert not linted(concluded("1", StepState.AFFIRMED, answer(text))), text
    assert says_nothing(" ")
    empty = ("已查，满足标准的要求。", "不涉及该项", "√", "同上", "经现场核查，均满足要求",
             "按要求执行", "N.A.", "没有问题", "checked, ok", "It meets the requirements.",
             "same as above")  # fmt: skip
    assert [text for text in empty if not says_nothing(text)] == []
    facts = ("不涉及无线网络", "见会议纪要第3号", "符合，PASS_MAX_DAYS=90", "没有互联网出口",
             "see ticket 42", "审计已开启，见截图", "有，编号2024-3", "每月一次")  # fmt: skip
    assert [text for text in facts if says_nothing(text)] == []
    assert not repeats("8位", ("8位口令",))


def test_not_applicable_needs_a_reason() -> None:
    na = {"verdict": AnswerVerdict.NOT_APPLICABLE}
    for reason, wanted in (("", True), ("不适用", True), ("N/A", True), ("无数据库", False)):
        given = answer(reason=reason, **na)
        found = linted(concluded("1", StepState.NOT_APPLICABLE, given))
        assert found == ([("no_reason", "1")] if wanted else []), reason
    bare = concluded("1", StepState.OPEN, conclusion=Result.NOT_APPLICABLE)
    assert linted(bare) == [("no_reason", "1")]
    assert not linted(structs.replace(bare, why=(msg("a"),)))


def test_contradictions_on_one_object() -> None:
    against = answer("见 /etc/shadow 第 3 行", state=AnswerState.CONTRADICTED)
    assert linted(concluded("1", StepState.DENIED, against)) == [("contradiction", "1")]
    assert linted(concluded("1", StepState.AFFIRMED), concluded("2", StepState.DENIED)) == [
        ("contradiction", "2")
    ]
    assert not linted(concluded("1", StepState.OPEN), concluded("2", StepState.DENIED))
    umask = finding("linux.umask", "0022")
    for text, word, wanted in (
        ("见截图 3，由登录脚本设置", Result.CONFORMING, [("contradiction", "1")]),
        ("linux.umask：由登录脚本设置，见截图 3", Result.CONFORMING, []),
        ("见截图 3，由登录脚本设置", Result.NONCONFORMING, []),
    ):
        made = concluded("1", StepState.AFFIRMED, answer(text), conclusion=word,
                         findings=(umask.id,))  # fmt: skip
        assert linted(made, findings=(umask,)) == wanted, (text, word)


def test_scan_results_that_no_item_mentions() -> None:
    port = finding("nmap.no-high-risk-ports", "3389/tcp")
    assert linted(findings=(port,)) == [("not_mentioned", "")]
    assert not linted(concluded("1", StepState.OPEN, findings=(port.id,)), findings=(port,))


def test_old_answers_and_names_of_other_clients(tmp_path: Path) -> None:
    late = answer("见附件", state=AnswerState.EXPIRED)
    assert linted(concluded("1", StepState.OPEN, late)) == [("old_evidence", "1")]
    names = tmp_path / "names.txt"
    names.write_bytes("\ufeff某某银行\nACME Bank\n\n某某银行\n".encode())
    listed = read_names(names)
    assert listed == ("某某银行", "ACME Bank")
    left = answer("核查ａｃｍｅ bank 机房门禁")
    assert linted(concluded("1", StepState.AFFIRMED, left), names=listed) == [("foreign_name", "1")]
    banner = finding("x.y", "Welcome to Acme Bank")
    found = linted(concluded("1", StepState.OPEN, findings=(banner.id,)), findings=(banner,),
                   names=listed)  # fmt: skip
    assert found == [("foreign_name", "")]
    names.write_bytes(b"good\n\xff\xfe\n")
    with pytest.raises(InputError, match=r"names\.txt:2: expected text in UTF-8"):
        read_names(names)


def test_the_command_judges_age_and_sample(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    store = Store(tmp_path / "store")
    making.collect(store, making.RUN_ID)
    store.seal(store.find(making.RUN_ID), "2026-11-23T10:16:00Z")
    words = ["lint", "latest", "--store", str(store.root), "--profile", "gbt22239-l3"]
    assert main([*words, "--as-of", "2026-11-29", "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)["problems"]
    kinds = {row["kind"] for row in found}
    assert "not_sampled" in kinds
    assert "old_evidence" not in kinds
    assert main([*words, "--as-of", "2027-06-29", "--lang", "en"]) == 1
    out = capsys.readouterr().out
    assert "days old; 183 at most" in out
    assert "No object of the type Network device in the sample" in out.replace("\n", " ")
