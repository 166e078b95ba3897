"""Which evidence of another standard covers which item, and what is left (共用证据)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from audit_core.model import Conclusion, StepState, Verdict, msg
from audit_core.model.results import Clause
from audit_excel.plan import Plan, related
from audit_excel.sheet import Book, Cell, Column, Row, table
from audit_excel.view import View, count

_NAMED = 6
"""Checks that a cell names for each verdict; the check results have them all."""

_LABELS = {
    Verdict.PASS: msg("Passed"),
    Verdict.FAIL: msg("Failed"),
    Verdict.UNDETERMINED: msg("Undetermined"),
    Verdict.NOT_APPLICABLE: msg("Not applicable"),
}
_WORST = (Verdict.FAIL, Verdict.UNDETERMINED, Verdict.PASS, Verdict.NOT_APPLICABLE)


def shared_sheet(book: Book, view: View, plan: Plan) -> None:
    """A row for each clause: where else it is examined, what that shows, what is still open."""
    if plan.shared is None:
        return
    text = view.text
    clauses = related(view)
    others = dict.fromkeys(r.catalog for clause in clauses for r in clause.related)
    columns = [
        Column(text("Item"), 9), Column(text("Requirement"), 26), Column(text("Results"), 20),
        Column(text("Related items"), 20), Column(text("Evidence of the related items"), 44),
        Column(text("Evidence of its own"), 44), Column(text("Left to be answered"), 44),
    ]  # fmt: skip
    by_clause: dict[tuple[str, str], list[Conclusion]] = {}
    for conclusion in view.conclusions:
        by_clause.setdefault((conclusion.catalog, conclusion.clause), []).append(conclusion)
    rows = (_row(view, plan, c, by_clause.get((c.catalog, c.id), [])) for c in clauses)
    table(
        book, plan.shared, title=text("Evidence shared with other standards"),
        info=[view.say(msg("What an assessment by {catalogs} covers already, and what is left",
                           catalogs=view.comma.join(others)))],
        columns=columns, rows=rows, frozen=1, tab="1F3864",
    )  # fmt: skip


def _row(view: View, plan: Plan, clause: Clause, conclusions: list[Conclusion]) -> Row:
    verdicts = _verdicts(view, conclusions)
    theirs = {check for one in clause.related for check in one.checks}
    first = conclusions[0] if conclusions else None
    link = plan.record_rows.get((first.catalog, first.clause, first.target)) if first else None
    cells: list[Cell | str | int] = [
        Cell(clause.id, "link_centre" if link else "centre", link),
        Cell(view.item(clause)[1:]),
        Cell(tuple(_results(view, conclusions)) or ("—",)),
        Cell(tuple(_related(view, clause)) or ("—",)),
        Cell(tuple(_shown(view, {c: v for c, v in verdicts.items() if c in theirs})) or ("—",)),
        Cell(tuple(_shown(view, {c: v for c, v in verdicts.items() if c not in theirs}))
             or ("—",)),
        Cell(tuple(_left(view, clause, conclusions)) or (view.text("nothing"),)),
    ]  # fmt: skip
    return Row(f"shared|{clause.catalog}|{clause.id}", cells)


def _results(view: View, conclusions: Iterable[Conclusion]) -> Iterator[str]:
    """How many objects have each conclusion."""
    colon = "：" if view.zh else ": "
    for result, number in count(conclusions).items():
        if number:
            yield f"{view.result(result)}{colon}{number}"


def _related(view: View, clause: Clause) -> Iterator[str]:
    """The related clauses, those of one catalog in one line after its id."""
    by_catalog: dict[str, list[str]] = {}
    for one in clause.related:
        by_catalog.setdefault(one.catalog, []).append(one.clause)
    for catalog, ids in by_catalog.items():
        yield f"{catalog}{'：' if view.zh else ':'}"
        yield view.comma.join(ids)


def _verdicts(view: View, conclusions: Iterable[Conclusion]) -> dict[str, Verdict]:
    """The worst verdict of each check on the objects of a clause."""
    found: dict[str, set[Verdict]] = {}
    for conclusion in conclusions:
        for finding in view.findings_of(conclusion):
            found.setdefault(finding.check, set()).add(finding.verdict)
        for check, counts in conclusion.rolled_up.items():
            found.setdefault(check, set()).update(v for v, n in counts.items() if n)
    return {
        check: next(v for v in _WORST if v in verdicts)
        for check, verdicts in sorted(found.items())
        if verdicts & set(_WORST)
    }


def _shown(view: View, verdicts: dict[str, Verdict]) -> Iterator[str]:
    """A line for each verdict with the checks that have it."""
    for verdict in _WORST:
        checks = [check for check, found in verdicts.items() if found is verdict]
        if not checks:
            continue
        named = [view.say(view.checks[c].title) if c in view.checks else c for c in checks]
        more = [view.say(msg("{count} more", count=len(checks) - _NAMED))] \
            if len(checks) > _NAMED else []  # fmt: skip
        listed = view.semicolon.join([*(name.rstrip(".。") for name in named[:_NAMED]), *more])
        yield view.say(msg("{verdict} ({count}): {checks}", verdict=_LABELS[verdict],
                           count=len(checks), checks=listed))  # fmt: skip


def _left(view: View, clause: Clause, conclusions: Iterable[Conclusion]) -> Iterator[str]:
    """The questions that are open on any object, with what to bring."""
    still = {step for conclusion in conclusions for step in conclusion.open_steps}
    settled = sum(
        all(s.state is not StepState.OPEN for c in conclusions for s in c.steps
            if s.number == step.number)
        for step in clause.steps
    )  # fmt: skip
    if still:
        yield view.say(msg("{part} of {whole} questions are answered", part=settled,
                           whole=len(clause.steps)))  # fmt: skip
    for step in clause.steps:
        if step.number in still:
            yield f"{step.number}. {step.bring if view.zh else step.bring_en or step.bring}"
