"""What a person changed in the record of an item, as the answer to the one step it can be about.

The word of a record follows from all steps of the item. A word that a person picked is therefore an
answer only where one step is left to people; anything else is refused with its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from msgspec.structs import replace

from audit_core.attest.questions import question_id, selector
from audit_core.model import Conclusion, Message, Result, StepState, Target, msg
from audit_core.model.attestations import AnswerVerdict
from audit_core.model.errors import InputError
from audit_core.model.forms import Entry, FormKind, FormRow
from audit_core.model.results import Clause
from audit_core.model.units import UnitRule

_ANSWERS = {
    Result.CONFORMING: AnswerVerdict.AFFIRMED,
    Result.PARTLY_CONFORMING: AnswerVerdict.DENIED,
    Result.NONCONFORMING: AnswerVerdict.DENIED,
    Result.NOT_APPLICABLE: AnswerVerdict.NOT_APPLICABLE,
}
_STATES = {
    AnswerVerdict.AFFIRMED: StepState.AFFIRMED,
    AnswerVerdict.DENIED: StepState.DENIED,
    AnswerVerdict.NOT_APPLICABLE: StepState.NOT_APPLICABLE,
}


def as_question(
    row: FormRow, clause: Clause, conclusion: Conclusion, targets: Sequence[Target]
) -> FormRow:
    """The row of the question that `row` answers; raises InputError with the place where none is.

    `conclusion` is what the run holds of the item on its object, `targets` are all objects.
    """
    result = _picked(row, conclusion)
    ids = _question_ids(clause, conclusion, targets)
    number = _step(row, conclusion, ids)
    verdict = _ANSWERS[result]
    states = {s.number: s.state for s in conclusion.steps} | {number: _STATES[verdict]}
    if _word(clause.rule, states) is not result:
        why = msg("only step {step} is left to people, and no answer to it leads to this word: the "
                  "other steps are settled", step=number)  # fmt: skip
        _refuse(row, why)
    place = row.place("conformity")
    entries = {**row.entries, "answer": Entry(value=verdict.value, where=place)}
    return replace(row, kind=FormKind.QUESTION, key=ids[number], entries=entries)


def _refuse(row: FormRow, why: Message) -> NoReturn:
    raise InputError(msg("{where}: {why}", where=row.place("conformity"), why=why))


def _picked(row: FormRow, conclusion: Conclusion) -> Result:
    """The word that a person picked."""
    picked = row["conformity"]
    words = {result.value for result in _ANSWERS}
    if picked not in words:
        why = msg("pick the word that the record leads to, or answer its steps in the list of "
                  "questions")  # fmt: skip
        _refuse(row, why)
    return Result(picked)


def _question_ids(
    clause: Clause, conclusion: Conclusion, targets: Sequence[Target]
) -> dict[int, str]:
    """The question that each step puts to the object, by its number.

    An object that shares the question with others is answered for by itself.
    """
    target = next(t for t in targets if t.id == conclusion.target)
    alone = sum(t.object_type in clause.applies_to for t in targets) == 1
    return {
        step.number: question_id(
            (clause.catalog, clause.id, step.number),
            selector(step.scope, target) if alone else target.id,
        )
        for step in clause.steps
    }


def _step(row: FormRow, conclusion: Conclusion, ids: dict[int, str]) -> int:
    """The step that is left to people: the open one, else the one that was answered for it."""
    answered = tuple(
        step.number
        for step in conclusion.steps
        if step.answer is not None and step.answer.question == ids.get(step.number)
    )
    left = conclusion.open_steps or answered
    if len(left) == 1:
        return left[0]
    if left:
        why = msg("steps {steps} are left to people: answer them in the list of questions",
                  steps=tuple(map(str, left)))  # fmt: skip
    else:
        why = msg("no step of the item is open: its word follows from checks, and from answers "
                  "that are changed in the list of questions")  # fmt: skip
    _refuse(row, why)


def _word(rule: UnitRule, states: dict[int, StepState]) -> Result:
    """The word of a unit whose steps are all settled."""
    affirmed = {n for n, state in states.items() if state is StepState.AFFIRMED}
    denied = {n for n, state in states.items() if state is StepState.DENIED}
    if not affirmed and not denied:
        return Result.NOT_APPLICABLE
    if rule.holds(affirmed, denied):
        return Result.CONFORMING
    partly = rule.partial_possible and affirmed
    return Result.PARTLY_CONFORMING if partly else Result.NONCONFORMING
