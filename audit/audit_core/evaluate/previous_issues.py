"""What became of the issues of the run before (上次问题整改情况). PURE.

Only what this run looked at again closes an issue: who could not look has not re-tested it.
"""

from __future__ import annotations

from collections.abc import Iterable

from audit_core.model import Conclusion, Finding, Result, Severity, Verdict
from audit_core.model.results import Results
from audit_core.model.review import IssueBefore, IssueOutcome

_BAD = (Result.NONCONFORMING, Result.PARTLY_CONFORMING)
_GOOD = (Result.CONFORMING, Result.NOT_APPLICABLE)
_VERDICTS = {
    Verdict.FAIL: IssueOutcome.OPEN,
    Verdict.PASS: IssueOutcome.CLOSED,
    Verdict.NOT_APPLICABLE: IssueOutcome.CLOSED,
}


def is_comparable(before: Results, now: Results) -> bool:
    """Whether both runs have an object that an inventory declares."""
    implied = {o.id for o in now.index.system_objects}
    return bool(({t.id for t in before.targets} & {t.id for t in now.targets}) - implied)


def issues_before(before: Results, now: Results) -> tuple[IssueBefore, ...]:
    """The issues of `before`, the worst first, each with what `now` says of it."""
    failed = [f for f in before.findings if f.verdict is Verdict.FAIL]
    ids = {f.id for f in failed}
    verdicts = {f.id: f.verdict for f in now.findings if f.id in ids}
    found = [*_of_checks(before, failed, verdicts), *_of_clauses(before, now, ids)]
    return tuple(sorted(found, key=lambda issue: issue.severity.rank))


def _of_checks(
    before: Results, failed: Iterable[Finding], verdicts: dict[str, Verdict]
) -> Iterable[IssueBefore]:
    titles = {check.id: check.title for check in before.checks}
    notes = {note.issue: note for note in before.index.issue_notes}
    by_check: dict[str, list[Finding]] = {}
    for finding in failed:
        by_check.setdefault(finding.check, []).append(finding)
    for check, own in by_check.items():
        yield IssueBefore(
            key=f"check:{check}",
            title=titles.get(check),
            severity=min((f.severity for f in own), key=lambda s: s.rank),
            became=tuple((f.target, _became(verdicts.get(f.id))) for f in own),
            note=notes.get(f"check:{check}"),
        )


def _became(verdict: Verdict | None) -> IssueOutcome:
    return (
        IssueOutcome.NOT_RETESTED
        if verdict is None
        else _VERDICTS.get(verdict, IssueOutcome.NOT_RETESTED)
    )


def _of_clauses(before: Results, now: Results, failed: set[str]) -> Iterable[IssueBefore]:
    """Clauses that did not conform without a failed check: what people denied."""
    bad: dict[tuple[str, str], list[Conclusion]] = {}
    for c in before.conclusions:
        if c.conclusion in _BAD and not failed.intersection(c.findings):
            bad.setdefault((c.catalog, c.clause), []).append(c)
    if not bad:
        return
    words = {(c.catalog, c.clause, c.target): c.conclusion for c in now.conclusions}
    notes = {note.issue: note for note in before.index.issue_notes}
    for (catalog, clause), own in bad.items():
        key = f"clause:{catalog}/{clause}"
        severities = [c.severity or Severity.LOW for c in own]
        yield IssueBefore(
            key=key,
            severity=min(severities, key=lambda s: s.rank),
            became=tuple(
                (c.target, _concluded(words.get((catalog, clause, c.target)))) for c in own
            ),
            note=notes.get(key),
        )


def _concluded(word: Result | None) -> IssueOutcome:
    if word in _BAD:
        return IssueOutcome.OPEN
    return IssueOutcome.CLOSED if word in _GOOD else IssueOutcome.NOT_RETESTED
