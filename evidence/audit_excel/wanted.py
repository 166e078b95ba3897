"""What people have to bring: a row for each clause and what one answer holds for. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from audit_core.attest.questions import Asked, Open, Question, StepKey, grouped
from audit_core.model import Conclusion, Result, Target, msg
from audit_core.model.results import Clause
from audit_core.views.results_view import wanted as wanted_of
from audit_excel.record_text import to_bring
from audit_excel.view import View

NAMED = 3
"""Objects of a row that are named; the others are counted."""


class Wanted(Struct, frozen=True, kw_only=True):
    """A row: the questions of one clause that one person answers at once, and what they bear on.

    `selector` is empty for the whole system. A clause whose steps are not known has no questions.
    """

    clause: Clause
    selector: str
    questions: tuple[Question, ...]
    conclusions: tuple[Conclusion, ...]


def wanted(view: View) -> tuple[Wanted, ...]:
    """All rows, in the order of the clauses; each question stands in one of them."""
    found: dict[tuple[str, str, str], list[Question]] = {}
    for question in grouped(tuple(_asked(view))):
        clause, selector = question.clause, question.id.partition("@")[2]
        found.setdefault((clause.catalog, clause.id, selector), []).append(question)
    by_key = {(c.catalog, c.clause, c.target): c for c in view.conclusions}
    rows = [_row(view, asked, by_key, selector) for (*_, selector), asked in found.items()]
    rows += [_alone(view, c) for c in view.conclusions if _unknown(view, c)]
    order = {key: rank for rank, key in enumerate(view.clauses)}
    return tuple(sorted(rows, key=lambda r: order.get((r.clause.catalog, r.clause.id), len(order))))


def _asked(view: View) -> Iterator[Asked]:
    for conclusions in view.by_layer.values():
        for conclusion in conclusions:
            clause, open_steps = view.clause(conclusion), conclusion.open_steps
            target = view.targets.get(conclusion.target) or Target(
                id=conclusion.target, kind="", object_type=""
            )
            for step in clause.steps:
                if step.number in open_steps and step.question:
                    yield clause, step, target, Open()


def _row(
    view: View,
    asked: list[Question],
    by_key: dict[tuple[str, str, str], Conclusion],
    selector: str,
) -> Wanted:
    clause = asked[0].clause
    keys: dict[tuple[str, str, str], None] = {}
    for question in asked:
        own: StepKey = (clause.catalog, clause.id, question.step.number)
        for target in question.targets:
            keys |= {(c, id, target): None for c, id, _ in (own, *question.also)}
    conclusions = tuple(by_key[key] for key in keys if key in by_key)
    return Wanted(clause=clause, selector=selector, questions=tuple(asked), conclusions=conclusions)


def _unknown(view: View, conclusion: Conclusion) -> bool:
    """Whether nothing is known of what to ask, and something has to be brought."""
    if conclusion.conclusion is not Result.NOT_ASSESSED:
        return False
    steps = view.clause(conclusion).steps
    return not any(s.number in conclusion.open_steps and s.question for s in steps)


def _alone(view: View, conclusion: Conclusion) -> Wanted:
    return Wanted(
        clause=view.clause(conclusion), selector=conclusion.target, questions=(),
        conclusions=(conclusion,),
    )  # fmt: skip


# --- in words -----------------------------------------------------------------------------------


def of_whom(view: View, row: Wanted) -> tuple[str, ...]:
    """Of whom is asked: an object, or how many and for what they stand."""
    ids = list(dict.fromkeys(c.target for c in row.conclusions))
    if len(ids) == 1:
        return (view.name(ids[0]),)
    named = view.comma.join(view.name(id) for id in ids[:NAMED])
    more = "…" if len(ids) > NAMED else ""
    kind, _, value = row.selector.partition(":")
    whole = view.text("Whole system")
    if kind == "object_type":
        whole = view.say(msg("All of type {type}", type=view.object_type(value)))
    return whole, view.say(msg("{count} objects: {names}", count=len(ids), names=named + more))


def to_answer(view: View, row: Wanted) -> tuple[str, ...]:
    """The questions, with what to bring, a line each."""
    if not row.questions:
        return tuple(to_bring(view, row.conclusions[0]))
    lang = view.source.lang
    return tuple(view.say(wanted_of(question.step, lang)) for question in row.questions)
