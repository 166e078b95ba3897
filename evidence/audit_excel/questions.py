"""The list of questions: a row for each clause and what one answer holds for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from audit_core.attest.limits import in_words
from audit_core.attest.questions import AskedStep, Open, Question, grouped, question_id
from audit_core.model import Conclusion, Result, Target, msg
from audit_core.model.attestations import AnswerState, StepAnswer
from audit_core.model.forms import FormKind
from audit_core.model.results import Clause
from audit_core.model.units import Step
from audit_core.views.results_view import step_texts
from audit_excel.fill_in import in_order, row_mark, step_field
from audit_excel.record_text import to_bring
from audit_excel.view import View

NAMED = 3
"""Objects of a row that are named; the others are counted."""

AT_ONCE = 4
"""Steps of a row: with more, it would be higher than Excel shows."""


class QuestionStep(Struct, frozen=True, kw_only=True):
    """A step that a row asks after, the id of its question, and the answer that counts."""

    question: str
    step: Step
    answer: StepAnswer | None = None


class QuestionEntry(Struct, frozen=True, kw_only=True):
    """A row: the open steps of a clause that have one scope, and the conclusions they bear on.

    A clause whose steps are not known has one step, without a text. A row of answers has those that
    one person gave on one day with the same words.
    """

    clause: Clause
    steps: tuple[QuestionStep, ...]
    conclusions: tuple[Conclusion, ...]

    @property
    def key(self) -> str:
        """The id of its question; where it has several, their steps joined by `+`."""
        name, at, selector = self.steps[0].question.partition("@")
        numbers = "+".join(str(asked.step.number) for asked in self.steps)
        return f"{name.rpartition('/')[0]}/{numbers}{at}{selector}"

    @property
    def selector(self) -> str:
        """Of whom is asked: empty for the whole system."""
        return self.key.partition("@")[2]

    @property
    def answer(self) -> StepAnswer | None:
        """An answer that counts; all of a row share their words. None where it is open."""
        return self.steps[0].answer


class _Row:
    """A row while its steps are collected."""

    def __init__(self, clause: Clause) -> None:
        self.clause = clause
        self.steps: dict[str, QuestionStep] = {}
        self.conclusions: dict[tuple[str, str, str], Conclusion] = {}

    def add(self, asked: QuestionStep, conclusions: Iterable[Conclusion]) -> None:
        self.steps.setdefault(asked.question, asked)
        self.conclusions |= {(c.catalog, c.clause, c.target): c for c in conclusions}

    def done(self) -> Iterator[QuestionEntry]:
        steps = sorted(self.steps.values(), key=lambda asked: asked.step.number)
        found = tuple(self.conclusions.values())
        for first in range(0, len(steps), AT_ONCE):
            some = tuple(steps[first : first + AT_ONCE])
            yield QuestionEntry(clause=self.clause, steps=some, conclusions=found)


_Rows = dict[tuple[object, ...], _Row]


def wanted(view: View) -> tuple[QuestionEntry, ...]:
    """All rows, in the order of the clauses: what is open, then what was answered."""
    order = {key: rank for rank, key in enumerate(view.clauses)}

    def rank(row: QuestionEntry) -> int:
        return order.get((row.clause.catalog, row.clause.id), len(order))

    rows = [part for row in _open(view).values() for part in row.done()]
    rows += [_unknown(view, c) for c in view.conclusions if _is_unknown(view, c)]
    answered = [part for row in _answered(view).values() for part in row.done()]
    return (*sorted(rows, key=rank), *sorted(answered, key=rank))


def _open(view: View) -> _Rows:
    """A row for each clause and scope that has open steps."""
    by_key = {(c.catalog, c.clause, c.target): c for c in view.conclusions}
    rows: _Rows = {}
    for question in grouped(tuple(_asked(view))):
        clause = question.clause
        key = (clause.catalog, clause.id, question.id.partition("@")[2])
        asked = QuestionStep(question=question.id, step=question.step)
        rows.setdefault(key, _Row(clause)).add(asked, _bears_on(question, by_key))
    return rows


def _bears_on(
    question: Question, by_key: dict[tuple[str, str, str], Conclusion]
) -> Iterator[Conclusion]:
    own = (question.clause.catalog, question.clause.id, question.step.number)
    for target in question.targets:
        keys = dict.fromkeys((catalog, id, target) for catalog, id, _ in (own, *question.also))
        yield from (by_key[key] for key in keys if key in by_key)


def _asked(view: View) -> Iterator[AskedStep]:
    for conclusions in view.by_layer.values():
        for conclusion in conclusions:
            clause, open_steps = view.clause(conclusion), conclusion.open_steps
            target = view.targets.get(conclusion.target) or Target(
                id=conclusion.target, kind="", object_type=""
            )
            for step in clause.steps:
                if step.number in open_steps and step.question:
                    yield clause, step, target, Open()


def _is_unknown(view: View, conclusion: Conclusion) -> bool:
    """Whether nothing is known of what to ask, and something has to be brought."""
    if conclusion.conclusion is not Result.NOT_ASSESSED:
        return False
    steps = view.clause(conclusion).steps
    return not any(s.number in conclusion.open_steps and s.question for s in steps)


def _unknown(view: View, conclusion: Conclusion) -> QuestionEntry:
    clause = view.clause(conclusion)
    step = clause.steps[0]
    key = question_id((clause.catalog, clause.id, step.number), conclusion.target)
    asked = QuestionStep(question=key, step=step)
    return QuestionEntry(clause=clause, steps=(asked,), conclusions=(conclusion,))


def _answered(view: View) -> _Rows:
    """A row for the answers that count, so that they can be looked at and changed."""
    rows: _Rows = {}
    for conclusion in view.conclusions:
        clause = view.clause(conclusion)
        steps = {step.number: step for step in clause.steps}
        for result in conclusion.steps:
            answer = result.answer
            if answer is None or answer.state is not AnswerState.COUNTS:
                continue
            name, _, selector = answer.question.partition("@")
            key = (name.rpartition("/")[0], selector, *_shared(answer).values())
            number = int(name.rpartition("/")[2])
            step = replace(steps[result.number], number=number)  # as the question numbers it
            asked = QuestionStep(question=answer.question, step=step, answer=answer)
            rows.setdefault(key, _Row(clause)).add(asked, (conclusion,))
    return rows


# --- in words -----------------------------------------------------------------------------------


def of_whom(view: View, row: QuestionEntry) -> tuple[str, ...]:
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


def to_answer(view: View, row: QuestionEntry) -> tuple[str, ...]:
    """The questions, what to bring, and when each step is fulfilled, a line each."""
    lines = [line for asked in row.steps for line in _step_lines(view, asked.step)]
    return tuple(lines) or tuple(to_bring(view, row.conclusions[0]))


def _step_lines(view: View, step: Step) -> Iterator[str]:
    if not step.question:
        return
    asked, bring, affirmed_if = step_texts(step, view.source.lang)
    yield view.say(msg("Step {number}: {question}", number=step.number, question=asked))
    if bring:
        yield view.say(msg("To bring: {bring}", bring=bring))
    if affirmed_if:
        yield view.say(msg("Fulfilled if: {when}", when=affirmed_if))
    if limit := in_words(step.limit):
        yield view.say(msg("Limit of dates, given as a value: {limit}", limit=limit))


def filled_in(row: QuestionEntry) -> dict[str, str]:
    """What stands in the columns that people fill in, by their ids: what was answered."""
    answers = {asked.step.number: asked.answer for asked in row.steps if asked.answer is not None}
    verdicts = {step_field("answer", n): answer.verdict.value for n, answer in answers.items()}
    return verdicts | (_shared(row.answer) if row.answer is not None else {})


def _shared(answer: StepAnswer) -> dict[str, str]:
    """What the answers of a row have in common, by field."""
    return {
        "text": answer.reason or answer.value or answer.text,
        "by": answer.by,
        "date": answer.date,
        "evidence": "；".join(file.name for file in answer.attachments),
    }


def marked(row: QuestionEntry, generated: Sequence[str] = ()) -> str:
    """The hidden cell of `row`: its key, and for each step what stands in its columns."""
    filled = filled_in(row)
    each = (
        {**filled, "answer": filled.get(step_field("answer", asked.step.number), "")}
        for asked in row.steps
    )
    written = (in_order(FormKind.QUESTION, values) for values in each)
    return row_mark(row.key, *written, generated=generated)
