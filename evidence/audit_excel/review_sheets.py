"""Issues of last time (上次问题整改情况), and what a reviewer would reject in the records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from audit_core.model import Message, msg
from audit_core.model.review import IssueBefore, IssueOutcome, ProblemKind, RecordProblem
from audit_excel.fill_in import RETESTS, RISKS, STATUSES
from audit_excel.plan import Plan
from audit_excel.sheet import Book, Cell, Column, Row, table
from audit_excel.view import View

NAMED = 12
"""Targets of a state that a row names; the others are counted."""

_BECAME: dict[IssueOutcome, Message] = {
    IssueOutcome.CLOSED: msg("fixed"),
    IssueOutcome.OPEN: msg("not fixed"),
    IssueOutcome.NOT_RETESTED: msg("not re-tested"),
}
_SOME = msg("partly fixed")
_STYLES = {IssueOutcome.CLOSED: "conforming", IssueOutcome.OPEN: "nonconforming"}
_PROBLEMS: dict[ProblemKind, Message] = {
    ProblemKind.REPEATS_CLAUSE: msg("record repeats the clause or names no fact"),
    ProblemKind.CONTRADICTION: msg("contradiction"),
    ProblemKind.NO_REASON: msg("not applicable without a reason"),
    ProblemKind.NOT_SAMPLED: msg("object type not in the sample"),
    ProblemKind.OLD_EVIDENCE: msg("evidence too old"),
    ProblemKind.NOT_MENTIONED: msg("failed check that no item mentions"),
    ProblemKind.FOREIGN_NAME: msg("name of another client"),
}


def last_time_sheet(book: Book, view: View, plan: Plan) -> None:
    """The issues of the run before, and what this run found of them; nothing without one."""
    if plan.last_time is None:
        return
    text = view.text
    columns = [
        Column(text("No."), 5), Column(text("Security problem"), 48), Column(text("Risk level"), 9),
        Column(text("Result of this run"), 12), Column(text("Object"), 44),
        Column(text("Responsible"), 12), Column(text("Due date"), 12),
        Column(text("Recorded last time"), 34),
    ]  # fmt: skip
    rows = (_issue(view, n, i) for n, i in enumerate(view.source.last_time, 1))
    run = view.say(msg("Issues of the run {run}, each with what this run found when it looked "
                       "again", run=view.source.last_run))  # fmt: skip
    table(book, plan.last_time, title=text("Issues of last time"), info=[run, view.disclaimer],
          columns=columns, rows=rows, frozen=2, tab="C00000")  # fmt: skip


def _issue(view: View, number: int, issue: IssueBefore) -> Row:
    note = issue.note
    cells: list[Cell | str | int] = [
        Cell(number, "centre"),
        Cell(_problem(view, issue)),
        Cell(view.severity(issue.severity), issue.severity.value),
        _result(view, issue),
        Cell(tuple(_objects(view, issue))),
        note.responsible if note else "",
        note.due if note else "",
        Cell(tuple(_noted(view, issue))),
    ]
    return Row(f"before|{issue.key}", cells)


def _problem(view: View, issue: IssueBefore) -> tuple[str, ...]:
    kind, _, name = issue.key.partition(":")
    mark = f"〔{name}〕" if view.zh else f"[{name}]"
    if kind == "check":
        return (view.say(issue.title) if issue.title else name, mark)
    catalog, _, clause = name.partition("/")
    known = view.clauses.get((catalog, clause))
    label = " ".join(view.item(known)[:2]) if known else clause
    return (view.say(msg("The item {item} is not met", item=label)),)


def _result(view: View, issue: IssueBefore) -> Cell:
    """One word for all its targets."""
    states = {state for _, state in issue.became}
    if len(states) == 1:
        (state,) = states
        return Cell(view.say(_BECAME[state]), _STYLES.get(state, "not_assessed"))
    if IssueOutcome.CLOSED in states:
        return Cell(view.say(_SOME), "partly_conforming")
    return Cell(view.say(_BECAME[IssueOutcome.OPEN]), "nonconforming")


def _objects(view: View, issue: IssueBefore) -> Iterator[str]:
    colon = "：" if view.zh else ": "
    for state, word in _BECAME.items():
        ids = [target for target, became in issue.became if became is state]
        if ids:
            yield f"{view.say(word)}{colon}{view.comma.join(_named(view, ids))}"


def _named(view: View, ids: Sequence[str]) -> Sequence[str]:
    names = [view.name(id) for id in ids[:NAMED]]
    more = [view.say(msg("… {count} in all", count=len(ids)))] if len(ids) > NAMED else []
    return [*names, *more]


def _noted(view: View, issue: IssueBefore) -> Iterator[str]:
    """What people recorded with the run before."""
    note = issue.note
    if note is None:
        return
    for title, value, words in (
        (msg("Status"), note.status, STATUSES),
        (msg("Result of retest"), note.retest, RETESTS),
        (msg("Risk after"), note.risk, RISKS),
        (msg("Note on the retest"), note.note, {}),
    ):
        if value:
            label = view.say(words[value]) if value in words else value
            yield f"{view.say(title)}{'：' if view.zh else ': '}{label}"
    yield f"{note.by} {note.entered}"


def problem_sheet(book: Book, view: View, plan: Plan) -> None:
    """What a reviewer would reject in the records; nothing where there is nothing."""
    if plan.problems is None:
        return
    text = view.text
    columns = [
        Column(text("No."), 6), Column(text("Kind of problem"), 26), Column(text("Object"), 22),
        Column(text("Item"), 16), Column(text("Problem of the record"), 90),
    ]  # fmt: skip
    rows = (_row(view, n, p) for n, p in enumerate(plan.problem_list, 1))
    table(
        book, plan.problems, title=text("Review of the records"),
        info=[text("What a reviewer would reject; fix it before this is handed over "
                   "(dengbao lint prints it, too)")],
        columns=columns, rows=rows, frozen=2, tab="7F7F7F",
    )  # fmt: skip


def _row(view: View, number: int, problem: RecordProblem) -> Row:
    key = "|".join(("problem", problem.kind.value, problem.target, problem.catalog, problem.clause))
    cells: list[Cell | str | int] = [
        Cell(number, "centre"),
        view.say(_PROBLEMS[problem.kind]),
        view.name(problem.target) if problem.target else "",
        problem.clause,
        Cell((view.say(problem.detail),)),
    ]
    return Row(f"{key}|{number}", cells)
