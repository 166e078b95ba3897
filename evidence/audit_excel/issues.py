"""The issue list (问题清单): one issue for each failed finding, and for each conclusion that does
not conform without one. Pure."""

from __future__ import annotations

from collections import defaultdict

from msgspec import Struct

from audit_core.model import Conclusion, Finding, Result, Severity, Verdict
from audit_excel.record_text import problem
from audit_excel.view import View


class Issue(Struct, frozen=True, kw_only=True):
    """A security problem of one object, with the conclusions it bears on."""

    object: str
    problem: tuple[str, ...]
    severity: Severity
    conclusions: tuple[Conclusion, ...]
    finding: Finding | None = None


_BAD = (Result.NONCONFORMING, Result.PARTLY_CONFORMING)


def _related(view: View) -> dict[str, list[Conclusion]]:
    related: dict[str, list[Conclusion]] = defaultdict(list)
    for conclusions in view.by_object.values():
        for conclusion in conclusions:
            for id in conclusion.findings:
                related[id].append(conclusion)
    return related


def _of_finding(view: View, finding: Finding, related: list[Conclusion]) -> Issue:
    target = view.targets.get(finding.target)
    parent = target.parent if target else None
    return Issue(
        object=related[0].target if related else parent or finding.target,
        problem=problem(view, finding),
        severity=finding.severity,
        conclusions=tuple(related),
        finding=finding,
    )


MAX_PROBLEMS = 3
"""Failed findings that an issue of the whole system states; its record names more."""


def _of_conclusion(view: View, conclusion: Conclusion) -> Issue:
    failed = [f for f in view.findings_of(conclusion) if f.verdict is Verdict.FAIL]
    detail = tuple(
        f"[{view.name(f.target)}] {line}"
        for f in failed[:MAX_PROBLEMS]
        for line in problem(view, f)
    )
    detail = detail or (view.says(conclusion.why) or view.text("no reason was recorded"),)
    return Issue(
        object=conclusion.target, problem=detail, severity=conclusion.severity or Severity.LOW,
        conclusions=(conclusion,),
    )  # fmt: skip


def issues(view: View) -> list[Issue]:
    """All issues, the most severe first, then in the order of the objects."""
    related = _related(view)
    failed = [f for f in view.found if f.verdict is Verdict.FAIL]
    found = [_of_finding(view, f, related[f.id]) for f in failed]
    covered = {(c.catalog, c.clause, c.target) for issue in found for c in issue.conclusions}
    for conclusions in view.by_object.values():
        found += [
            _of_conclusion(view, c)
            for c in conclusions
            if c.conclusion in _BAD and (c.catalog, c.clause, c.target) not in covered
        ]
    order = {id: at for at, id in enumerate(view.by_object)}
    return sorted(found, key=lambda i: (i.severity.rank, order.get(i.object, len(order))))
