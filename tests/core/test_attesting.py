"""`dengbao attest`: questions in the terminal, answers in a file that can be continued."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest

from audit_core.attest.reading import WrittenAnswer, WrittenAnswers
from audit_core.attest.writing import appended, drafted
from audit_core.cli import main
from audit_core.cli.answers import today
from audit_core.model.errors import InputError
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
    assert "To bring: Data flow with encryption marked" in shown
    # What is answered is not asked again; what is wrong is told, and asked again.
    path.write_bytes(b"# kept\n" + path.read_bytes())
    second = "d\nlost\n2999-01-01\n\nn\nno such fraud\n\n\nv\n12\n\n/etc/passwd\nq\n"
    assert ask(path, second, monkeypatch) == 0
    reported = capsys.readouterr()
    assert "[1/130] smart-finance/4.1/2" in reported.out
    assert "expected a day not before 2999-01-01" in reported.err
    assert "expected a file in the directory of the file of answers" in reported.err
    assert path.read_bytes().startswith(b"# kept\n")
    assert [(a.question, a.verdict, a.reason) for a in written(path)[1:]] == [
        ("smart-finance/4.1/2", "not_applicable", "no such fraud")
    ]


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
    for broken in (flow, b"answers: []\n", b"answers: x\n", b"more: 1\n" + own):
        with pytest.raises(InputError):
            appended(broken, draft, "a")
