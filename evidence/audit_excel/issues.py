"""The issue list (问题清单): one issue for each problem, with every object that has it. Pure.

A problem is a check that failed, or a clause that does not conform without a failed check.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from msgspec import Struct

from audit_core.model import Conclusion, Finding, Message, Result, Severity, Verdict, msg
from audit_core.model.attestations import Retest, RetestResult
from audit_excel.record_text import found_of, unmet
from audit_excel.view import View


class Issue(Struct, frozen=True, kw_only=True):
    """A problem, the objects that have it and the conclusions it bears on.

    `key` is `check:ID` or `clause:CATALOG/CLAUSE`. `places` says what was found, for the objects or
    their parts that it names.
    """

    key: str
    problem: str
    places: tuple[tuple[str, tuple[str, ...]], ...]
    objects: tuple[str, ...]
    severity: Severity
    conclusions: tuple[Conclusion, ...]
    check: str = ""
    remedy: Message | None = None


_BAD = (Result.NONCONFORMING, Result.PARTLY_CONFORMING)


def _related(view: View) -> dict[str, list[Conclusion]]:
    related: dict[str, list[Conclusion]] = defaultdict(list)
    for conclusions in view.by_object.values():
        for conclusion in conclusions:
            for id in conclusion.findings:
                related[id].append(conclusion)
    return related


def _object(view: View, finding: Finding, related: list[Conclusion]) -> str:
    whole = view.object_of(finding.target)
    own = [c.target for c in related if c.target in (whole, finding.target)]
    return own[0] if own else related[0].target if related else whole


def _of_check(
    view: View, check: str, failed: list[Finding], related: dict[str, list[Conclusion]]
) -> Issue:
    places: dict[str, list[str]] = {}
    for f in failed:
        places.setdefault(found_of(view, f), []).append(f.target)
    conclusions = {
        (c.catalog, c.clause, c.target): c for f in failed for c in related.get(f.id, ())
    }
    return Issue(
        key=f"check:{check}",
        problem=unmet(view, failed[0]),
        places=tuple((text, tuple(targets)) for text, targets in places.items()),
        objects=tuple(dict.fromkeys(_object(view, f, related.get(f.id, [])) for f in failed)),
        severity=min((f.severity for f in failed), key=lambda s: s.rank),
        conclusions=tuple(conclusions.values()),
        check=check,
        remedy=next((f.remedy for f in failed if f.remedy), None),
    )  # fmt: skip


def _of_clause(view: View, conclusions: list[Conclusion]) -> Issue:
    first = conclusions[0]
    places: dict[str, list[str]] = {}
    for c in conclusions:
        places.setdefault(_why(view, c), []).append(c.target)
    severities = [c.severity or Severity.LOW for c in conclusions]
    clause = view.clause(first)
    return Issue(
        key=f"clause:{first.catalog}/{first.clause}",
        problem=view.say(msg("The item {item} is not met", item=" ".join(view.item(clause)[:2]))),
        places=tuple((text, tuple(targets)) for text, targets in places.items()),
        objects=tuple(c.target for c in conclusions),
        severity=min(severities, key=lambda s: s.rank),
        conclusions=tuple(conclusions),
    )


def _why(view: View, conclusion: Conclusion) -> str:
    """Why it does not conform: what people denied, what is noted, or what failed elsewhere."""
    failed = [f for f in view.findings_of(conclusion) if f.verdict is Verdict.FAIL]
    if failed:
        checks = dict.fromkeys(unmet(view, f) for f in failed)
        return view.semicolon.join(checks)
    return view.says(conclusion.why) or view.text("no reason was recorded")


def issues(view: View) -> list[Issue]:
    """All issues, the most severe first, then those of the most objects."""
    related = _related(view)
    by_check: dict[str, list[Finding]] = {}
    for f in view.found:
        if f.verdict is Verdict.FAIL:
            by_check.setdefault(f.check, []).append(f)
    found = [_of_check(view, check, failed, related) for check, failed in by_check.items()]
    covered = {(c.catalog, c.clause, c.target) for issue in found for c in issue.conclusions}
    by_clause: dict[tuple[str, str], list[Conclusion]] = {}
    for conclusions in view.by_object.values():
        for c in conclusions:
            if c.conclusion in _BAD and (c.catalog, c.clause, c.target) not in covered:
                by_clause.setdefault((c.catalog, c.clause), []).append(c)
    found += [_of_clause(view, conclusions) for conclusions in by_clause.values()]
    return sorted(found, key=lambda i: (i.severity.rank, -len(i.objects)))


def retested(issue: Issue, given: Sequence[Retest]) -> tuple[Retest, ...]:
    """The re-tests of the items that `issue` bears on, on its objects."""
    wanted = {(c.catalog, c.clause, c.target) for c in issue.conclusions}
    return tuple(one for one in given if (one.catalog, one.clause, one.target) in wanted)


def retest_word(issue: Issue, tested: Sequence[Retest]) -> str:
    """Its result (复测结果): fixed on all its objects, on some, or on none of them.

    An object is fixed where none of its items that were tested again is still open.
    """
    still = {one.target for one in tested if one.result is RetestResult.OPEN}
    fixed = {one.target for one in tested} - still
    if not fixed:
        return "not_fixed"
    return "fixed" if fixed >= {c.target for c in issue.conclusions} else "partly_fixed"
