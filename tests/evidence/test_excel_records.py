"""What an assessor reads in records, problems and on the cover."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from audit_core.model import (
    Conclusion,
    Coverage,
    Result,
    SessionInfo,
    Severity,
    StepResult,
    StepState,
    Target,
    Verdict,
    msg,
    verbatim,
)
from audit_core.model.attestations import (
    AnswerState,
    AnswerVerdict,
    Attachment,
    Retest,
    RetestResult,
    StepAnswer,
)
from audit_excel.issues import Issue, retest_word, retested
from audit_excel.parts import parts
from audit_excel.record_text import _lines, finding_text
from audit_excel.view import View
from core.pack.workbook import (
    MakeSource,
    records,
    rows,
    with_findings,
    written,
)
from core.whole import Whole


def test_a_problem_states_the_deviation_with_the_value_seen(
    make_source: MakeSource, tmp_path: Path
) -> None:
    first = rows(written(make_source(), tmp_path)["问题清单"])[0]
    assert first[1] == (
        "不满足“SSH 不允许 root 用口令登录”的要求（应为：no、prohibit-password 之一）\n"
        "[web1] PermitRootLogin 为 yes\n"
        "〔ssh.root-login〕"
    )


def test_long_lists_are_cut_in_records_of_passes_and_stand_in_full_in_the_check_results(
    small_results: Whole, make_source: MakeSource, tmp_path: Path
) -> None:
    many = tuple(f"cipher-{n}" for n in range(20))
    old = next(f for f in small_results.findings if f.id == "audit.running@web1")
    seen = replace(
        old, detail=(msg("{value}", value=many),), expected=msg("{text}", text="y" * 500)
    )
    made = written(make_source(with_findings(small_results, seen)), tmp_path)
    record = records(made, "web1")["8.1.4.3a"][0]
    assert record == f"1）经核查，{'、'.join(many[:4])} 等共 20 项。"
    whole = next(r[5] for r in rows(made["检查明细"]) if "audit.running" in r[2])
    assert all(cipher in whole for cipher in many)
    assert "y" * 500 in whole


def test_long_lists_of_a_failure_stand_in_full_in_the_issues(
    small_results: Whole, make_source: MakeSource, tmp_path: Path
) -> None:
    many = tuple(f"port-{n}." for n in range(20))
    old = next(f for f in small_results.findings if f.id == "ssh.root-login@web1")
    failed = replace(old, detail=(msg("{value}", value=many),))
    made = written(make_source(with_findings(small_results, failed)), tmp_path)
    record = records(made, "web1")["8.1.4.1c"][0]
    assert [f"port-{n}." in record for n in (0, 9, 10)] == [True, True, False]
    assert "等共 20 项" in record
    assert "port-19." in rows(made["问题清单"])[0][1]


def test_findings_that_say_the_same_share_a_line_and_lose_no_name(
    small_results: Whole, make_source: MakeSource, tmp_path: Path
) -> None:
    blind = [
        replace(f, verdict=Verdict.UNDETERMINED, detail=(msg("no way in"),), expected=None,
                why="unreachable")
        for f in small_results.findings if f.target == "web1"
    ]  # fmt: skip
    made = written(make_source(with_findings(small_results, *blind)), tmp_path)
    lines = records(made, "web1")["8.1.4.1c"][0].split("\n")
    assert [line for line in lines if "no way in" in line and "[" not in line] == [
        "2）未能核查 sshd -T：no way in，请恢复连接后重新采集。"
    ]
    of = {row[2].split("\n")[1]: row[7] for row in rows(made["检查明细"]) if row[1] == "web1"}
    assert "8.1.4.1c" in of["ssh.root-login v1"]
    assert "8.1.4.1c" in of["telnet.absent v1"]


@pytest.mark.parametrize("code", ["inconclusive", "reason_given", "brand_new"])
def test_codes_are_never_shown_where_the_finding_says_its_reason(
    code: str, small_results: Whole, make_source: MakeSource, tmp_path: Path
) -> None:
    old = next(f for f in small_results.findings if f.id == "login.lockout@web1")
    made = written(make_source(with_findings(small_results, replace(old, why=code))), tmp_path)
    record = records(made, "web1")["8.1.4.1b"][0]
    assert record.startswith("1）经核查，")
    assert "，需人工确认。" in record
    assert code not in record


def test_what_could_not_be_seen_is_one_sentence_with_reason_and_what_to_do(
    small_results: Whole, make_source: MakeSource
) -> None:
    closed = msg("{asked}: not permitted", asked="/etc/shadow")
    refusal = msg("{detail} ({why})", detail=closed, why=verbatim("denied; it needs: GRANT ALL"))
    root, absent = (
        next(f for f in small_results.findings if f.id == f"{check}@web1")
        for check in ("ssh.root-login", "telnet.absent")
    )
    cases = {
        "）未能核查：/etc/shadow: not permitted，请按 dengbao plan --grants 授权": replace(
            root, verdict=Verdict.UNDETERMINED, why="not_permitted", detail=(refusal,),
            expected=None,
        ),
        "）未能核查：/etc/shadow: not permitted，请按 dengbao plan": replace(
            root,
            verdict=Verdict.UNDETERMINED,
            why="not_permitted",
            detail=(refusal, msg("{value}", value="GRANT 31 accounts, none without")),
            expected=None,
        ),
        "）经核查，sshd -T 没有应答，不符合要求": replace(
            root, detail=(msg("{value}", value="sshd -T 没有应答"),), expected=None,
            looked_at=("sshd -T", "ps"),
        ),
        "未运行：a、b、c": replace(root, verdict=Verdict.NOT_APPLICABLE, expected=None,
                                detail=(msg("未运行：{names}", names=("a", "b")),)),
    }  # fmt: skip
    last = replace(absent, verdict=Verdict.NOT_APPLICABLE, expected=None,
                   detail=(msg("未运行：{names}", names=("b", "c")),))  # fmt: skip
    for text, finding in cases.items():
        source = make_source(with_findings(small_results, finding, last))
        view = View(source, parts(source.results)[0], {})
        record = "）" + "）".join(_lines(view, (finding, last), "web1"))
        assert text in record, record
        assert "GRANT" not in record


def test_an_empty_value_is_a_word(
    small_results: Whole, make_source: MakeSource, tmp_path: Path
) -> None:
    old = next(f for f in small_results.findings if f.id == "audit.running@web1")
    bare = replace(old, detail=(msg("agents: {a}; TPM {b}; {c}", a=(), b=None, c=("-",)),))
    made = written(make_source(with_findings(small_results, bare)), tmp_path)
    assert records(made, "web1")["8.1.4.3a"][0] == "1）经核查，agents: 无; TPM 无; 无。"


def test_a_declared_object_keeps_its_id_beside_the_word_for_an_undeclared_one(
    small_results: Whole, make_source: MakeSource, tmp_path: Path
) -> None:
    named = Target(id="机房", kind="site", object_type="site")
    made = written(
        make_source(replace(small_results, targets=(*small_results.targets, named))), tmp_path
    )
    assert {r[3] for r in rows(made["安全物理环境"])} == {"site"}
    assert [r[1] for r in rows(made["资产清单"])][-4:] == ["site", "lan", "org", "机房"]


def test_the_cover_says_what_was_audited_when_and_leaves_room_where_nobody_said(
    small_results: Whole, make_source: MakeSource, tmp_path: Path
) -> None:
    cover = {r[0]: r[1] for r in rows(written(make_source(), tmp_path)["封面"], 1)}
    assert cover["业务系统"] == "网上银行"
    assert cover["测评依据"] == "网上银行系统 等级保护自查（第三级）"
    assert cover["开始时间（UTC）"] == "2026-11-23 08:00:00（北京时间 2026-11-23 16:00:00）"
    assert cover["插件"] == "linux 0.1.0、tls 0.1.0"
    bare = replace(small_results, targets=())
    assert ("业务系统", None) in rows(written(make_source(bare), tmp_path)["封面"], 1)


def test_the_result_of_a_retest_is_that_of_all_objects_of_the_issue() -> None:
    def tested(target: str, clause: str, result: str) -> Retest:
        return Retest(catalog="c", clause=clause, target=target, result=RetestResult(result),
                      by="Li", date="2026-11-20", entered="2026-11-20", text="seen")  # fmt: skip

    concluded = tuple(
        Conclusion(catalog="c", clause=clause, unit="", target=target, findings=(), why=(),
                   conclusion=Result.NONCONFORMING, coverage=Coverage.FULL)
        for target in ("a", "b") for clause in ("1", "2")
    )  # fmt: skip
    issue = Issue(key="check:x", problem="p", places=(), objects=("a", "b"),
                  severity=Severity.LOW, conclusions=concluded)  # fmt: skip
    fixed, still = tested("a", "1", "fixed"), tested("a", "2", "open")
    other, elsewhere = tested("b", "1", "fixed"), tested("b", "9", "open")
    for given, word in (
        ((fixed,), "partly_fixed"),  # b was not tested again
        ((fixed, other, elsewhere), "fixed"),
        ((fixed, still, other), "partly_fixed"),
        ((still,), "not_fixed"),
    ):
        assert retest_word(issue, retested(issue, given)) == word


def test_an_issue_names_each_item_once_however_many_objects_it_bears_on(
    small_results: Whole, make_source: MakeSource, tmp_path: Path
) -> None:
    failed = {f.id for f in small_results.findings if f.verdict is Verdict.FAIL}
    again = tuple(
        replace(c, target=target)
        for c in small_results.conclusions
        if failed & set(c.findings)
        for target in ("org", "lan")
    )
    assert again
    results = replace(small_results, conclusions=small_results.conclusions + again)
    found = [
        row[3].split("\n") for row in rows(written(make_source(results), tmp_path)["问题清单"])
    ]
    assert found
    assert all(len(set(items)) == len(items) for items in found)
    assert any(len(items) > 1 for items in found)


SESSIONS = [
    (
        SessionInfo(
            connector="ssh", user="a", address="192.0.2.1:22", identity="SHA256:x", uid=7,
            through=SessionInfo(connector="ssh", user="b", address="j:22"),
        ),
        "经 ssh、用户 a、地址 192.0.2.1:22、身份标识 SHA256:x、uid 7、"
        "经跳板机：经 ssh、用户 b、地址 j:22",
    ),
    (SessionInfo(connector="local", uid=0), "经 local、uid 0"),
    (SessionInfo(connector="ports"), "经 ports"),
]  # fmt: skip


@pytest.mark.parametrize(("how", "reported"), SESSIONS)
def test_sessions_are_described_in_words(
    make_source: MakeSource, how: SessionInfo, reported: str
) -> None:
    assert make_source().say(how.as_message()) == reported


def test_what_is_too_high_for_a_row_is_counted_and_what_to_bring_is_not_lost(
    small_results: Whole, make_source: MakeSource, tmp_path: Path
) -> None:
    host = "web1"
    passed = next(f for f in small_results.findings if f.verdict is Verdict.PASS)
    failed = next(f for f in small_results.findings if f.verdict is Verdict.FAIL)
    many = tuple(
        replace(of, id=f"{n}.{of.verdict}@{host}", target=host, check=f"{n}.{of.verdict}",
                detail=(msg("seen: {n}", n="长" * 30 + str(n)),))
        for of, count in ((failed, 3), (passed, 60))
        for n in range(count)
    )  # fmt: skip
    at = next(c for c in small_results.conclusions if c.target == host and c.open_steps)
    conclusions = tuple(
        replace(c, findings=tuple(f.id for f in many)) if c is at else c
        for c in small_results.conclusions
    )
    results = replace(small_results, findings=many, conclusions=conclusions)
    book = written(make_source(results), tmp_path)
    row = next(r for r in book[host].iter_rows(min_row=4) if str(r[2].value).startswith(at.clause))
    lines = str(row[3].value).split("\n")
    (rest,) = [line for line in lines if line.startswith("另有")]
    shown = sum("seen: " in line for line in lines)
    assert shown + int(re.findall(r"\d+", rest)[0]) == 63
    assert sum("不符合要求" in line for line in lines[:3]) == 3
    assert lines[-1].startswith("待补充：")
    assert book[host].row_dimensions[row[0].row].height < 409
    checks = [r[2] for r in rows(book["检查明细"])]
    assert len(checks) == 63


def test_a_record_states_what_people_said_with_author_and_date(
    small_results: Whole, make_source: MakeSource, tmp_path: Path
) -> None:
    at = next(c for c in small_results.conclusions if c.target == "web1" and c.open_steps)
    stated = StepAnswer(
        question=f"{at.catalog}/{at.clause}/1", verdict=AnswerVerdict.AFFIRMED,
        state=AnswerState.COUNTS, by="=张三",
        date="2026-11-20", entered="2026-11-21", valid_until="2027-05-22",
        text="重置须经\n书面审批", attachments=(
            Attachment(name="form.pdf", sha256="ab" * 32, stored="ab" * 32, size=1),
        ),
    )  # fmt: skip
    cases = {
        stated: "回答（步骤 1；=张三，2026-11-20，有效期至 2027-05-22）：重置须经 书面审批；"
        "附件：form.pdf (sha256 abababababababab…) 〔满足〕",
        replace(stated, state=AnswerState.CONTRADICTED): "〔满足，与检查项结果矛盾〕",
        replace(
            stated, verdict=AnswerVerdict.NOT_APPLICABLE, text="", reason="无", attachments=()
        ): ("：无 〔不适用〕"),
        replace(stated, text="长" * 4000, attachments=()): "长… 〔满足〕",
        replace(stated, state=AnswerState.EXPIRED): "",
    }
    for answer, reported in cases.items():
        steps = tuple(replace(s, answer=answer) for s in at.steps) or (
            StepResult(number=1, state=StepState.AFFIRMED, answer=answer),
        )
        conclusions = tuple(
            replace(c, steps=steps) if c is at else c for c in small_results.conclusions
        )
        book = written(make_source(replace(small_results, conclusions=conclusions)), tmp_path)
        row = next(r for r in rows(book["web1"]) if r[2].startswith(at.clause))
        assert ("=张三" in row[3]) is bool(reported), row[3]
        assert reported in row[3]
        assert len(row[3]) < 2000


def test_a_rolled_up_record_counts_what_others_meet_and_names_who_does_not(
    small_results: Whole, make_source: MakeSource, tmp_path: Path
) -> None:
    hosts = [t.id for t in small_results.targets if t.kind == "host"]
    (old,) = [f for f in small_results.findings if f.id == f"ssh.root-login@{hosts[0]}"]
    verdicts = [Verdict.FAIL, *[Verdict.PASS] * 3]
    made_up = [
        replace(old, id=f"c{n}@{hosts[0]}", check="ssh.root-login", verdict=verdict,
                target=f"{hosts[0]}" if n == 0 else f"host{n}")
        for n, verdict in enumerate(verdicts)
    ]  # fmt: skip
    first = next(c for c in small_results.conclusions if c.target == "org")
    ids = tuple(f.id for f in made_up)

    def record(some: int) -> str:
        counts = {"ssh.root-login": {Verdict.FAIL: 1, Verdict.PASS: some - 1}}
        rolled = replace(first, findings=ids[:some], finding_count=some, rolled_up=counts)
        others = tuple(c for c in small_results.conclusions if c is not first)
        whole = replace(
            small_results, conclusions=(rolled, *others),
            findings=(*small_results.findings, *made_up),
        )  # fmt: skip
        folder = tmp_path / str(some)
        folder.mkdir()
        made = written(make_source(whole), folder)
        return records(made, "org")[first.clause][0]

    assert record(4).startswith(
        f"1）SSH 不允许 root 用口令登录：共 4 个（主机），其中 3 个符合；[{hosts[0]}] 经核查"
    )
    # one or two are stated by their values
    two = record(2)
    assert "个符合" not in two
    assert f"[{hosts[0]}] 经核查" in two


def test_findings_that_differ_in_anything_never_share_a_text(
    small_results: Whole, make_source: MakeSource
) -> None:
    source = make_source()
    part = parts(source.results)[0]
    view = View(source, part, {})
    old = next(f for f in small_results.findings if f.id == "ssh.root-login@web1")
    changed = (
        old,
        replace(old, detail=(msg("another value"),)),
        replace(old, expected=msg("another demand")),
        replace(old, verdict=Verdict.PASS),
        replace(old, verdict=Verdict.UNDETERMINED, why="timed_out"),
        replace(old, verdict=Verdict.UNDETERMINED, why="unreachable"),
    )
    assert len({finding_text(view, f) for f in changed}) == len(changed) - 1  # of a pass the same
    elsewhere = (replace(old, looked_at=("/etc/x",)), replace(old, target="web1/part"))
    own = [tuple(_lines(view, [f], "web1")) for f in (*changed, *elsewhere)]
    assert len(set(own)) == len(own)
    assert [tuple(_lines(view, [f], "web1")) for f in (*changed, *elsewhere)] == own
