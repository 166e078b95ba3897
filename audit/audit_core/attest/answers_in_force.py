"""Which answer holds for a step on an object, and whether it still counts. PURE.

The answer for the fewest objects is taken: one for an object before one for a group, that before
one for the whole system. Of two with one selector the one entered later is taken; the earlier one
is superseded and does not come back. Of two groups that an object belongs to, the answer that is
the worse for the object is taken.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping

import msgspec

from audit_core.attest.validity import exceeds, valid_until
from audit_core.model import Target
from audit_core.model.attestations import (
    AnswerState,
    AnswerVerdict,
    Attestation,
    StepAnswer,
)
from audit_core.model.results import Clause
from audit_core.model.units import Step

GROUPS: Mapping[str, Callable[[Target], tuple[str | None, ...]]] = {
    "object_type": lambda target: (target.object_type,),
    "zone": lambda target: (target.zone,),
    "business_system": lambda target: (target.business_system,),
    "owner": lambda target: (target.owner,),
    "tag": lambda target: target.tags,
}
"""By what objects can be answered for together, `NAME:VALUE` in the id of a question."""

_WORST = (
    AnswerVerdict.DENIED,
    AnswerVerdict.VALUE,
    AnswerVerdict.NOT_APPLICABLE,
    AnswerVerdict.AFFIRMED,
)


def covers(selector: str, target: Target) -> bool:
    """Whether an answer with `selector` is about `target`."""
    name, colon, value = selector.partition(":")
    if not colon:
        return selector in ("", target.id)
    return name in GROUPS and value in GROUPS[name](target)


def _narrowness(selector: str) -> int:
    """The scope of an answer as a rank: 0 the whole system, 1 a group, 2 one object."""
    return 0 if not selector else 1 if ":" in selector else 2


class AnswersInForce:
    """The answers that were given, as they stand on the day `judged` (ISO 8601)."""

    def __init__(self, answers: Iterable[Attestation] = (), judged: str = "9999-12-31") -> None:
        self._judged = datetime.date.fromisoformat(judged)
        self._by_step: dict[tuple[str, str, int], list[Attestation]] = {}
        for answer in answers:
            for step in answer.steps:
                key = (step.catalog, step.clause, step.step)
                self._by_step.setdefault(key, []).append(answer)
        self._clauses = {(catalog, clause) for catalog, clause, _ in self._by_step}

    def encoded(self, clause: Clause, target: Target) -> bytes:
        """The answers on the steps of `clause` that are taken for `target`, to be compared."""
        if (clause.catalog, clause.id) not in self._clauses:
            return b""
        return msgspec.json.encode([self.of(clause, step, target) for step in clause.steps])

    def of(self, clause: Clause, step: Step, target: Target) -> StepAnswer | None:
        """The answer that is taken for `step` of `clause` on `target`, whatever its state."""
        given = self._by_step.get((clause.catalog, clause.id, step.number), ())
        fitting = [a for a in given if covers(a.selector, target)]
        if not fitting:
            return None
        most = max(_narrowness(a.selector) for a in fitting)
        newest: dict[str, Attestation] = {}
        for answer in fitting:
            if _narrowness(answer.selector) == most:
                kept = newest.setdefault(answer.selector, answer)
                newest[answer.selector] = max(kept, answer, key=lambda a: (a.entered, a.date))
        return min((self._stand(a, step) for a in newest.values()), key=_rank)

    def _stand(self, given: Attestation, step: Step) -> StepAnswer:
        last = valid_until(given, step)
        late = given.verdict is not AnswerVerdict.NOT_APPLICABLE and exceeds(given, step)
        verdict = AnswerVerdict.DENIED if late else given.verdict
        return StepAnswer(
            question=given.question,
            verdict=verdict,
            state=self._state(given, verdict, last),
            limit=step.limit if late else "",
            by=given.by,
            date=given.date,
            entered=given.entered,
            valid_until=last.isoformat(),
            text=given.text,
            reason=given.reason,
            value=given.value,
            superseded=given.superseded,
            attachments=given.attachments,
        )

    def _state(
        self, given: Attestation, verdict: AnswerVerdict, last: datetime.date
    ) -> AnswerState:
        superseded = given.superseded
        if superseded is not None and datetime.date.fromisoformat(superseded.date) <= self._judged:
            return AnswerState.SUPERSEDED
        if last < self._judged:
            return AnswerState.EXPIRED
        unjudged = verdict is AnswerVerdict.VALUE
        return AnswerState.UNJUDGED if unjudged else AnswerState.COUNTS


def _rank(answer: StepAnswer) -> tuple[int, str, str]:
    """The worse an answer is for its object, the lower."""
    counts = answer.state is AnswerState.COUNTS
    verdict = _WORST.index(answer.verdict if counts else AnswerVerdict.VALUE)
    return verdict, answer.valid_until, answer.question
