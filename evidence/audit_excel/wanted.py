"""The list of questions: a row for each question and what one answer holds for. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from audit_core.attest.questions import Asked, Open, Question, grouped, question_id
from audit_core.model import Conclusion, Result, Target, msg
from audit_core.model.attestations import AnswerState, StepAnswer
from audit_core.model.results import Clause
from audit_core.model.units import Step
from audit_core.views.results_view import step_texts
from audit_excel.record_text import to_bring
from audit_excel.view import View

NAMED = 3
"""Objects of a row that are named; the others are counted."""


class Wanted(Struct, frozen=True, kw_only=True):
    """A row: a question, the conclusions that it bears on, and the answer that counts.

    `key` is the id of the question. Of a clause whose steps are not known, the step has no text.
    """

    key: str
    clause: Clause
    step: Step
    conclusions: tuple[Conclusion, ...]
    answer: StepAnswer | None = None

    @property
    def selector(self) -> str:
        """Of whom is asked: empty for the whole system."""
        return self.key.partition("@")[2]


def wanted(view: View) -> tuple[Wanted, ...]:
    """All rows, in the order of the clauses: what is open, then what was answered."""
    by_key = {(c.catalog, c.clause, c.target): c for c in view.conclusions}
    rows = [_open(question, by_key) for question in grouped(tuple(_asked(view)))]
    rows += [_unknown(view, c) for c in view.conclusions if _is_unknown(view, c)]
    order = {key: rank for rank, key in enumerate(view.clauses)}

    def rank(row: Wanted) -> int:
        return order.get((row.clause.catalog, row.clause.id), len(order))

    return (*sorted(rows, key=rank), *sorted(_answered(view), key=rank))


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


def _open(question: Question, by_key: dict[tuple[str, str, str], Conclusion]) -> Wanted:
    clause = question.clause
    keys: dict[tuple[str, str, str], None] = {}
    for target in question.targets:
        own = (clause.catalog, clause.id, question.step.number)
        keys |= {(c, id, target): None for c, id, _ in (own, *question.also)}
    conclusions = tuple(by_key[key] for key in keys if key in by_key)
    return Wanted(key=question.id, clause=clause, step=question.step, conclusions=conclusions)


def _is_unknown(view: View, conclusion: Conclusion) -> bool:
    """Whether nothing is known of what to ask, and something has to be brought."""
    if conclusion.conclusion is not Result.NOT_ASSESSED:
        return False
    steps = view.clause(conclusion).steps
    return not any(s.number in conclusion.open_steps and s.question for s in steps)


def _unknown(view: View, conclusion: Conclusion) -> Wanted:
    clause = view.clause(conclusion)
    step = clause.steps[0]
    key = question_id((clause.catalog, clause.id, step.number), conclusion.target)
    return Wanted(key=key, clause=clause, step=step, conclusions=(conclusion,))


def _answered(view: View) -> Iterator[Wanted]:
    """A row for each answer that counts, so that it can be looked at and changed."""
    found: dict[str, tuple[Clause, Step, StepAnswer, list[Conclusion]]] = {}
    for conclusion in view.conclusions:
        clause = view.clause(conclusion)
        steps = {step.number: step for step in clause.steps}
        for told in conclusion.steps:
            answer = told.answer
            if answer is None or answer.state is not AnswerState.COUNTS:
                continue
            row = found.setdefault(answer.question, (clause, steps[told.number], answer, []))
            if conclusion not in row[3]:
                row[3].append(conclusion)
    for key, (clause, step, answer, conclusions) in found.items():
        yield Wanted(
            key=key, clause=clause, step=step, conclusions=tuple(conclusions), answer=answer
        )


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
    """The question, what to bring, and when the step is fulfilled, a line each."""
    if not row.step.question:
        return tuple(to_bring(view, row.conclusions[0]))
    asked, bring, affirmed_if = step_texts(row.step, view.source.lang)
    lines = (
        view.say(msg("Step {number}: {question}", number=row.step.number, question=asked)),
        view.say(msg("To bring: {bring}", bring=bring)) if bring else "",
        view.say(msg("Fulfilled if: {when}", when=affirmed_if)) if affirmed_if else "",
    )
    return tuple(line for line in lines if line)


def filled_in(row: Wanted) -> dict[str, str]:
    """What stands in the columns that people fill in, by field: what was answered."""
    answer = row.answer
    if answer is None:
        return {}
    return {
        "answer": answer.verdict.value,
        "text": answer.reason or answer.value or answer.text,
        "by": answer.by,
        "date": answer.date,
        "evidence": "；".join(file.name for file in answer.attachments),
    }
