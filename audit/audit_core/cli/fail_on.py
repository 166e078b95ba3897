"""`--fail-on`: what of the results makes the command end with 1."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from audit_core.model import Finding, Result, Severity, Verdict, msg
from audit_core.model.errors import UsageError
from audit_core.model.results import Results
from audit_core.policy import Profile
from audit_core.policy.input_errors import nearest

NEW, UNDETERMINED = "new", "undetermined"
_BAD = (Result.NONCONFORMING, Result.PARTLY_CONFORMING)


class FailOn(Struct, frozen=True, kw_only=True):
    """What was asked for. `severity` is the lowest one that counts, None for none."""

    severity: Severity | None = None
    new: bool = False
    undetermined: bool = False
    clauses: frozenset[str] = frozenset()


def read(words: Iterable[str], profile: Profile) -> FailOn:
    """`words` (comma-separated, several) as a condition; raises UsageError for an unknown one.

    A clause may stand behind its catalog and a slash, as it is printed where several are assessed.
    """
    severities = {s.value: s for s in Severity}
    clauses = {c.id: None for c in profile.clauses}
    longer = {f"{c.catalog}/{c.id}": c.id for c in profile.clauses}
    given = {longer.get(word, word) for one in words for word in one.split(",")}
    for word in sorted(given - {NEW, UNDETERMINED, *severities, *clauses}):
        raise UsageError(
            msg(
                "--fail-on {word}: neither a severity ({severities}), nor new or undetermined, nor "
                "a clause of {profile}{hint}",
                word=repr(word),
                severities=", ".join(severities),
                profile=profile.id,
                hint=nearest(word, (*severities, *clauses, NEW, UNDETERMINED)),
            )
        )
    asked = [severities[word] for word in given if word in severities]
    return FailOn(
        severity=max(asked, key=lambda s: s.rank, default=None),
        new=NEW in given,
        undetermined=UNDETERMINED in given,
        clauses=frozenset(given & clauses.keys()),
    )


def holds(asked: FailOn, results: Results, before: Callable[[], Results | None]) -> bool:
    """Whether something in `results` is asked for; `before` gives those of the run before."""
    return (
        _severe(asked, results)
        or (asked.undetermined and _any(results, Verdict.UNDETERMINED))
        or _on_clauses(asked, results)
        or (asked.new and next(new_failures(results, before()), None) is not None)
    )


def _any(results: Results, verdict: Verdict) -> bool:
    return any(entry.verdicts.get(verdict) for entry in results.entries)


def _severe(asked: FailOn, results: Results) -> bool:
    if asked.severity is None:
        return False
    counted = [s for s in Severity if s.rank <= asked.severity.rank]
    return any(entry.failed.get(s) for entry in results.entries for s in counted)


def _on_clauses(asked: FailOn, results: Results) -> bool:
    if not asked.clauses:
        return False
    return any(c.clause in asked.clauses and c.conclusion in _BAD for c in results.conclusions)


def new_failures(results: Results, before: Results | None) -> Iterator[Finding]:
    """The failed findings of `results` that did not fail `before`; all where there is none."""
    known = set() if before is None else {f.id for f in _failed(before)}
    return (f for f in _failed(results) if f.id not in known)


def _failed(results: Results) -> Iterator[Finding]:
    entries = (e for e in results.entries if e.verdicts.get(Verdict.FAIL))
    return (f for e in entries for f in results.findings_of(e) if f.verdict is Verdict.FAIL)
