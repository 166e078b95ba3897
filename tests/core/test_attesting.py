"""`dengbao attest`: questions in the terminal, answers in a file that can be continued."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest

from audit_core.attest.reading import WrittenAnswer, WrittenAnswers
from audit_core.attest.writing import appended, drafted, drafted_risk
from audit_core.cli import attesting, main
from audit_core.cli.answers import today
from audit_core.model.errors import InputError
from audit_core.model.overall import Bounds, RiskResult, RiskState
from audit_core.policy.strict_yaml import load_bytes


def written(path: Path) -> tuple[WrittenAnswer, ...]:
    return load_bytes(path.read_bytes(), "a").convert(WrittenAnswers).answers


def ask(path: Path, typed: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    return main(["attest", "smart-finance", "--to", str(path), "--by", "张三", "--lang", "en"])


def test_a_session_can_be_broken_off_and_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, note = tmp_path / "answers.yaml", tmp_path / "note.txt"
    note.write_text("seen")
    # an answer with an attachment, a question skipped, and the input ends amid the third answer
    first = 'a\nall "legs": TLS 1.3, \\ # 加密\n2026-01-02\nnote.txt\ns\nd\nnothing'
    assert ask(path, first, monkeypatch) == 0
    (one,) = written(path)
    assert (one.question, one.verdict, one.by) == ("smart-finance/4.1/1", "affirmed", "张三")
    assert (one.text, one.date) == ('all "legs": TLS 1.3, \\ # 加密', "2026-01-02")
    assert one.entered == today().isoformat()
    assert one.attachments[0].sha256 == hashlib.sha256(b"seen").hexdigest()
    shown = capsys.readouterr().out
    assert "[1/131] smart-finance/4.1/1" in shown
    assert "For: Audited institution (organisation)\n" in shown
    assert "To bring: Data flow with encryption marked" in shown
    # What is answered is not asked again; what is wrong is told, and asked again.
    path.write_bytes(b"# kept\n" + path.read_bytes())
    second = ("sure\nd\nlost\n2999-01-01\n2026/02/30\n2026/1/2\nnote.txt，gone.txt\n\n"
              "ｎ\n\nno such fraud\n\n\nv\n12\n\n/etc/passwd\n")  # fmt: skip
    assert ask(path, second, monkeypatch) == 0
    reported = capsys.readouterr()
    assert "[1/130] smart-finance/4.1/2" in reported.out
    errors = reported.err.splitlines()
    for n, error in enumerate(
        (
            "sure is none of these letters",
            "2999-01-01 is in the future",
            "expected a day like 2026-11-29, got '2026/02/30'",
            "expected ",
            "expected ",
            "expected a file in the directory",
        )
    ):
        assert errors[n].removeprefix("dengbao: ").startswith(error), (n, errors)
    assert len(errors) == 6  # only what was wrong is asked again
    assert path.read_bytes().startswith(b"# kept\n")
    assert [(a.question, a.verdict, a.text or a.reason, a.date) for a in written(path)[1:]] == [
        ("smart-finance/4.1/2", "denied", "lost", "2026-01-02"),
        ("smart-finance/4.1/3", "not_applicable", "no such fraud", today().isoformat()),
    ]


def test_a_rule_to_be_judged_is_asked_with_the_verdicts_that_it_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def risk(rule: str, *, mitigable: bool) -> RiskResult:
        return RiskResult(
            rule=rule, catalog="gbt22239-2019", title="弱口令", title_en="", mitigable=mitigable,
            state=RiskState.SUSPECTED, count=Bounds(worst=1, best=0), targets=("web1",),
        )  # fmt: skip

    risks = (risk("6.4.2.1", mitigable=True), risk("6.4.4.1", mitigable=False))
    monkeypatch.setattr(attesting, "_risks", lambda *_: risks)
    monkeypatch.setattr("sys.stdin", io.StringIO("m\nbastion\nyesterday\n\nm\nh\nso\n\n"))
    path = tmp_path / "a.yaml"
    assert main(["attest", "smart-finance", "--to", str(path), "--by", "李四", "--risks",
                 "--lang", "en"]) == 0  # fmt: skip
    judged = load_bytes(path.read_bytes(), "a").convert(WrittenAnswers).risks
    assert [(r.rule, r.verdict.value, r.text) for r in judged] == [
        ("6.4.2.1", "mitigated", "bastion"), ("6.4.4.1", "holds", "so"),
    ]  # fmt: skip
    assert "expected a day" in capsys.readouterr().err


def test_an_answer_is_appended_to_what_stands_there_and_to_nothing_else() -> None:
    draft = drafted("c/1/1", "affirmed", "seen", "Li", "2026-11-20", today())
    own = appended(b"", draft, "a")
    for before in (own, own.replace(b"\n  ", b"\n"), b"# a note\n" + own + b"\n\n"):
        after = appended(before, draft, "a")
        assert after.startswith(before.rstrip(b"\n"))
        assert len(load_bytes(after, "a").convert(WrittenAnswers).answers) == 2
    flow = (
        b"answers: [{question: c/1/1, verdict: affirmed, by: a, date: 2026-11-20, "
        b"entered: 2026-11-20}]\n"
    )
    # A list that does not end the file is continued in its place; a note above the next list stays
    # with it. A list that is not there yet is begun.
    risk = drafted_risk(("c", "6.4"), "holds", "so", "Li", "2026-11-20", today())
    both = appended(own, risk, "a").replace(b"risks:", b"# judged\nrisks:")
    assert both.startswith(own)
    more = appended(appended(both, draft, "a"), risk, "a")
    read = load_bytes(more, "a").convert(WrittenAnswers)
    assert (len(read.answers), len(read.risks)) == (2, 2)
    assert more.index(b"# judged\nrisks:") > more.rindex(b"question:")
    for broken in (flow, b"answers: []\n", b"answers: x\n", b"more: 1\n" + own):
        with pytest.raises(InputError):
            appended(broken, draft, "a")
