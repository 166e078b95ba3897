"""What people answered to the steps of a unit, beside what checks found. PURE."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct, structs

from audit_core.attest.answers_in_force import AnswersInForce
from audit_core.attest.limits import in_words
from audit_core.evaluate.units import StepView, answered
from audit_core.model import Message, StepState, Target, filled, msg
from audit_core.model.attestations import (
    DENIED_BY,
    NOT_APPLICABLE_BY,
    AnswerState,
    AnswerVerdict,
    StepAnswer,
)
from audit_core.model.results import Clause


class AnsweredStep(Struct, frozen=True, kw_only=True):
    """A step that somebody answered: the answer, the step by the checks alone, and with both."""

    answer: StepAnswer
    by_checks: StepState
    view: StepView

    @property
    def counts(self) -> bool:
        """Whether the answer says something of the step."""
        return self.answer.state is AnswerState.COUNTS


def answered_steps(
    clause: Clause, target: Target, views: Mapping[int, StepView], standing: AnswersInForce
) -> dict[int, AnsweredStep]:
    """The steps of `clause` that somebody answered for `target`; `views` is what checks say."""
    found = {}
    for step in clause.steps:
        if not step.asks(target.object_type):
            continue
        if step.number in views and (answer := standing.of(clause, step, target)) is not None:
            found[step.number] = _answered_step(answer, views[step.number])
    return found


def _answered_step(answer: StepAnswer, step: StepView) -> AnsweredStep:
    if answer.state is not AnswerState.COUNTS:
        return AnsweredStep(answer=answer, by_checks=step.state, view=step)
    view = answered(step, answer.verdict)
    if view is None:
        answer = structs.replace(answer, state=AnswerState.CONTRADICTED)
    return AnsweredStep(answer=answer, by_checks=step.state, view=view or step)


def reasons(answers: Mapping[int, AnsweredStep]) -> list[Message]:
    """Why steps do not apply, as people answered."""
    return [
        filled(NOT_APPLICABLE_BY,
               by=t.answer.by, date=t.answer.date, reason=_line(t.answer.reason))
        for t in answers.values()
        if t.counts and t.answer.verdict is AnswerVerdict.NOT_APPLICABLE
    ]  # fmt: skip


def remarks(answers: Mapping[int, AnsweredStep]) -> Iterator[Message]:
    """What a reader must know of the answers: denials, contradictions, and what does not count."""
    for number, one in answers.items():
        if (remark := _remark(number, one)) is not None:
            yield remark


def _remark(number: int, step: AnsweredStep) -> Message | None:
    answer, by = step.answer, step.answer.by
    if answer.state is AnswerState.CONTRADICTED:
        return _contradicted(number, step)
    if answer.state is AnswerState.EXPIRED:
        return msg("Step {step} is open again: the answer of {by} held until {date}",
                   step=number, by=by, date=answer.valid_until)  # fmt: skip
    if answer.state is AnswerState.SUPERSEDED and answer.superseded is not None:
        return msg("Step {step} is open again: the answer of {by} was superseded on {date}: {why}",
                   step=number, by=by, date=answer.superseded.date,
                   why=_line(answer.superseded.why))  # fmt: skip
    if answer.state is AnswerState.UNJUDGED:
        return msg("Step {step} is open: {by} gave the value {value} on {date} and no verdict",
                   step=number, by=by, value=_line(answer.value),
                   date=answer.date)  # fmt: skip
    if answer.limit:
        return msg("Step {step} is denied: the dates that {by} gave on {date} ({value}) break its "
                   "limit: {limit}", step=number, by=by, date=answer.date,
                   value=_line(answer.value or answer.text),
                   limit=in_words(answer.limit))  # fmt: skip
    return _denied(number, step) if answer.verdict is AnswerVerdict.DENIED else None


def _contradicted(number: int, step: AnsweredStep) -> Message:
    answer, by = step.answer, step.answer.by
    if step.by_checks is StepState.DENIED:
        return msg("CONTRADICTION at step {step}: {by} answered otherwise on {date}, but checks "
                   "failed; the answer does not count",
                   step=number, by=by, date=answer.date)  # fmt: skip
    return msg("CONTRADICTION at step {step}: {by} answered otherwise on {date}; what the checks "
               "found counts", step=number, by=by, date=answer.date)  # fmt: skip


def _denied(number: int, step: AnsweredStep) -> Message:
    answer, by = step.answer, step.answer.by
    if step.by_checks in (StepState.AFFIRMED, StepState.NOT_APPLICABLE):
        return msg("CONTRADICTION at step {step}: checks affirm it, but {by} denied it on {date}: "
                   "{text}", step=number, by=by, date=answer.date,
                   text=_line(answer.text))  # fmt: skip
    return filled(DENIED_BY, step=number, by=by, date=answer.date, text=_line(answer.text))


def _line(text: str) -> str:
    return " ".join(text.split())
