"""What became of the issues of the run before: only who looked again closes one."""

from __future__ import annotations

from typing import Any

from audit_core.evaluate.previous_issues import is_comparable, issues_before
from audit_core.model import Conclusion, Coverage, Finding, Result, Severity, Target, Verdict
from audit_core.model.attestations import IssueNote
from audit_core.model.results import Results
from audit_core.model.review import IssueOutcome


class _Index:
    def __init__(self, notes: tuple[IssueNote, ...]) -> None:
        self.issue_notes, self.system_objects = notes, ()


class _Results:
    """As much of results as is read."""

    def __init__(
        self,
        verdicts: dict[str, Verdict],
        words: dict[str, Result] | None = None,
        notes: tuple[IssueNote, ...] = (),
    ) -> None:
        self.checks = ()
        self.index = _Index(notes)
        self.targets = (Target(id="a", kind="host", object_type="server"),)
        self.findings = tuple(_finding(id, verdict) for id, verdict in verdicts.items())
        self.conclusions = tuple(
            Conclusion(catalog="c", clause="1", unit=None, target=target, conclusion=word,
                       coverage=Coverage.NONE, findings=())
            for target, word in (words or {}).items()
        )  # fmt: skip


def _finding(id: str, verdict: Verdict) -> Finding:
    check, _, target = id.partition("@")
    return Finding(id=id, check=check, check_version=1, target=target, verdict=verdict,
                   severity=Severity.HIGH, why="", detail=(), expected=None,
                   evidence=())  # fmt: skip


def became(before: Any, now: Any) -> dict[str, dict[str, IssueOutcome]]:
    return {issue.key: dict(issue.became) for issue in issues_before(before, now)}


def test_only_what_was_looked_at_again_is_closed() -> None:
    failed = dict.fromkeys(("k@a", "k@b", "k@d", "k@e", "k@f"), Verdict.FAIL)
    before = _Results(
        {**failed, "k@g": Verdict.PASS},
        dict.fromkeys("abde", Result.NONCONFORMING),
        (IssueNote(issue="check:k", by="x", entered="2026-01-01", responsible="y"),),
    )
    now = _Results(
        {"k@a": Verdict.PASS, "k@b": Verdict.FAIL, "k@d": Verdict.UNDETERMINED,
         "k@e": Verdict.NOT_APPLICABLE, "k@g": Verdict.FAIL},
        {"a": Result.CONFORMING, "b": Result.PARTLY_CONFORMING, "d": Result.NOT_ASSESSED},
    )  # fmt: skip
    closed, open_, unseen = IssueOutcome.CLOSED, IssueOutcome.OPEN, IssueOutcome.NOT_RETESTED
    assert became(before, now) == {
        "check:k": {"a": closed, "b": open_, "d": unseen, "e": closed, "f": unseen},
        "clause:c/1": {"a": closed, "b": open_, "d": unseen, "e": unseen},
    }
    notes = [issue.note for issue in issues_before(*_typed(before, now))]
    assert [note.responsible if note else "" for note in notes] == ["y", ""]
    assert is_comparable(*_typed(before, now))


def _typed(*results: Any) -> tuple[Results, Results]:
    return results[0], results[1]
