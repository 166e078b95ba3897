"""From statements to conclusions: one for every clause on every object it concerns. PURE.

A mapping binds checks to the steps of a clause (GB/T 28448); what they say settles steps, and the
unit rule makes a range of possible results of them (`units`). Nothing conforms without evidence:
an open step stays in the range until a check that settles it, or a person, has answered.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial

import msgspec
from msgspec import structs

from audit_core.attest.answers_in_force import AnswersInForce
from audit_core.evaluate import answered
from audit_core.evaluate.tally import Tallies, Tally
from audit_core.evaluate.units import StepStatements, StepView, printed_word, step_view, unit_range
from audit_core.model import (
    Conclusion,
    Coverage,
    Message,
    Result,
    Role,
    StepResult,
    StepState,
    Target,
    Verdict,
    msg,
)
from audit_core.model.results import Clause
from audit_core.policy.model import Binding

Bindings = Mapping[tuple[str, str], Sequence[Binding]]
"""What speaks for a clause, by catalog and clause."""


_NOBODY = AnswersInForce()
_MOST_KEPT = 4000


def by_clause(bindings: Sequence[Binding]) -> Bindings:
    """`bindings` by the clause they speak for."""
    found: dict[tuple[str, str], list[Binding]] = {}
    for binding in bindings:
        found.setdefault((binding.catalog, binding.clause), []).append(binding)
    return found


def concerns(clause: Clause, target: Target) -> bool:
    """Whether `clause` has a conclusion on `target` at all: the catalog's layers say so."""
    return target.object_type in (clause.concerns or clause.applies_to)


class Concluded:
    """Conclusions on other objects, by all that they were made of but the name of the object.

    It serves one set of clauses and bindings. What it keeps is bounded.
    """

    def __init__(self) -> None:
        self._kept: dict[Hashable, Conclusion] = {}

    def of(
        self,
        key: Hashable,
        target: Target,
        ids: Mapping[str, str],
        make: Callable[[], Conclusion],
    ) -> Conclusion:
        """What is kept under `key`, else what `make` gives, on `target`; `ids` are by check."""
        kept = self._kept.get(key)
        if kept is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            kept = self._kept[key] = _with_ids(make(), "", _check_of)
        return _with_ids(kept, target.id, ids.__getitem__)


def _check_of(finding: str) -> str:
    return finding.partition("@")[0]


def _with_ids(made: Conclusion, target: str, change: Callable[[str], str]) -> Conclusion:
    """`made` as a conclusion on `target`, with the ids of findings changed.

    They stay sorted: each is that of the check and the same rest.
    """
    steps = tuple([
        structs.replace(step, findings=tuple(map(change, step.findings))) if step.findings else step
        for step in made.steps
    ])  # fmt: skip
    findings = tuple(map(change, made.findings))
    return structs.replace(made, target=target, steps=steps, findings=findings)


class _Statements:
    """What findings on one object say, and what tells them from findings on others."""

    def __init__(self, target: Target, tallies: Tallies, standing: AnswersInForce) -> None:
        self._target, self._tallies, self._standing = target, tallies, standing
        self.ids: dict[str, str] = {}
        self._signs: dict[str, Hashable] = {}

    def key(self, clause: Clause, bound: Sequence[Binding]) -> Hashable | None:
        """All that a conclusion is made of but the name of the object; None where that is more."""
        signs = tuple([self._sign(binding.check) for binding in bound])
        if self._target.left_out or None in signs:
            return None
        answers = self._standing.encoded(clause, self._target)
        return clause.catalog, clause.id, self._target.object_type, answers, signs

    def _sign(self, check: str) -> Hashable | None:
        """What the finding of `check` says, where it is one and on the object itself."""
        if check not in self._signs:
            self._signs[check] = self._signed(check, self._tallies[check])
        return self._signs[check]

    def _signed(self, check: str, tally: Tally) -> Hashable | None:
        id = f"{check}@{self._target.id}"
        if tally.count != 1 or tally.listed != (id,):
            return None
        self.ids[check] = id
        detail = msgspec.json.encode(tally.detail) if tally.detail else b""
        return check, *tally.counts, tally.severity, detail


def assess(
    clauses: Sequence[Clause],
    target: Target,
    tallies: Tallies,
    bindings: Bindings,
    standing: AnswersInForce = _NOBODY,
    *,
    rolls_up: bool = False,
    concluded: Concluded | None = None,
) -> tuple[Conclusion, ...]:
    """The conclusions on the object `target`: one for each clause that concerns it, in order.

    `tallies` count the findings on the object and its parts by check, and those on other targets
    that count for it. `standing` are the answers of people. With `rolls_up` each conclusion says
    how many of the findings of each check have which verdict. `concluded` are those on other
    objects, with the same clauses and bindings.
    """
    made = []
    statements = _Statements(target, tallies, standing)
    for clause in clauses:
        if not concerns(clause, target):
            continue
        bound = [b for b in bindings.get((clause.catalog, clause.id), ()) if b.check in tallies]
        make = partial(_bound, clause, target, bound, tallies, standing, rolls_up)
        key = None if concluded is None or rolls_up else statements.key(clause, bound)
        if concluded is None or key is None:
            made.append(make())
        else:
            made.append(concluded.of(key, target, statements.ids, make))
    return tuple(made)


def _bound(
    clause: Clause,
    target: Target,
    bound: Sequence[Binding],
    tallies: Tallies,
    standing: AnswersInForce,
    rolls_up: bool,
) -> Conclusion:
    """The conclusion of `clause` by the checks that are bound to it."""
    statements = [StepStatements(step=b.step, role=b.role, tally=tallies[b.check]) for b in bound]
    one = conclude(clause, target, statements, standing)
    if not rolls_up or target.left_out:
        return one
    return structs.replace(one, rolled_up={b.check: tallies[b.check].counts for b in bound})


def conclude(
    clause: Clause,
    target: Target,
    statements: Sequence[StepStatements],
    standing: AnswersInForce = _NOBODY,
) -> Conclusion:
    """The conclusion of `clause` on `target` from the statements on its steps there."""
    if clause.applies_to and target.object_type not in clause.applies_to:
        return _not_applicable(
            clause, target, msg("Clauses of this kind never apply to an object of this type")
        )
    if target.left_out:
        left_out = msg("Declared in the inventory as not there: {reason}", reason=target.left_out)
        # this is settled; whether a clause applies to a type of which there is nothing is not
        steps = tuple(
            StepResult(number=n, state=StepState.NOT_APPLICABLE, findings=())
            for n in clause.rule.steps
        )
        return _not_applicable(clause, target, left_out, steps)
    step_views = _step_views(clause, target, statements)
    answers = answered.answered_steps(clause, target, step_views, standing)
    views = step_views | {n: one.view for n, one in answers.items()}
    words = unit_range(clause.rule, views)
    result, pending = printed_word(words, views.values())
    failed = [s.tally.severity for s in statements if s.tally.severity is not None]
    listed = dict.fromkeys(id for s in statements for id in s.tally.listed)
    return Conclusion(
        catalog=clause.catalog,
        clause=clause.id,
        unit=clause.unit,
        target=target.id,
        conclusion=result,
        pending=pending,
        range=words,
        coverage=_coverage(clause, statements),
        steps=tuple(_step(n, view, statements, answers.get(n)) for n, view in views.items()),
        findings=tuple(sorted(listed)),
        finding_count=_count(statements),
        why=(
            *_why(result, pending, views, statements, answers),
            *answered.remarks(answers),
            *_aside(result, statements),
        ),
        severity=min(failed, key=lambda s: s.rank, default=None),
    )


def _step_views(
    clause: Clause, target: Target, statements: Sequence[StepStatements]
) -> dict[int, StepView]:
    """The state of each step by its statements; one that is not asked of `target` is apart."""
    unasked = {s.number for s in clause.steps if not s.asks(target.object_type)}
    return {
        n: StepView(state=StepState.NOT_APPLICABLE)
        if n in unasked
        else step_view([s for s in statements if s.step == n])
        for n in clause.rule.steps
    }


def _not_applicable(
    clause: Clause, target: Target, why: Message, steps: tuple[StepResult, ...] = ()
) -> Conclusion:
    return Conclusion(
        catalog=clause.catalog,
        clause=clause.id,
        unit=clause.unit,
        target=target.id,
        conclusion=Result.NOT_APPLICABLE,
        range=(Result.NOT_APPLICABLE,),
        coverage=Coverage.NONE,
        steps=steps,
        findings=(),
        why=(why,),
    )


def _count(statements: Sequence[StepStatements]) -> int:
    """The number of findings; a check that speaks to several steps counts once."""
    return sum({id(s.tally): s.tally.count for s in statements}.values())


def _step(
    number: int,
    view: StepView,
    statements: Sequence[StepStatements],
    answer: answered.AnsweredStep | None,
) -> StepResult:
    own = dict.fromkeys(id for s in statements if s.step == number for id in s.tally.listed)
    return StepResult(
        number=number,
        state=view.state,
        findings=tuple(sorted(own)),
        answer=None if answer is None else answer.answer,
    )


def _coverage(clause: Clause, statements: Sequence[StepStatements]) -> Coverage:
    """By what is bound and has something to say on this object."""
    settled = {s.step for s in statements if s.role is Role.SETTLES}
    if any(settled >= set(steps) for steps in clause.rule.alternatives):
        return Coverage.FULL
    if any(s.role is not Role.SUPPORTS for s in statements):
        return Coverage.PARTIAL
    return Coverage.SUPPORTS if statements else Coverage.NONE


def _why(
    result: Result,
    pending: bool,
    views: Mapping[int, StepView],
    statements: Sequence[StepStatements],
    answers: Mapping[int, answered.AnsweredStep],
) -> tuple[Message, ...]:
    decisive = [s for s in statements if s.role is not Role.SUPPORTS]
    if result is Result.NOT_APPLICABLE:
        given = [m for s in decisive for m in s.tally.detail]
        given += answered.reasons(answers)
        return tuple(m for n, m in enumerate(given) if m not in given[:n])
    left = tuple(str(n) for n, v in views.items() if v.state is StepState.OPEN)
    if pending:
        one = msg("Pending: step {steps} can still improve the result", steps=left)
        several = msg("Pending: steps {steps} can still improve the result", steps=left)
        return (one if len(left) == 1 else several,)
    if result is not Result.NOT_ASSESSED:
        return ()
    if any(one.counts for one in answers.values()):
        return (msg("Steps {steps} are still to be answered", steps=left),)
    return (_why_open(decisive),)


def _why_open(decisive: Sequence[StepStatements]) -> Message:
    if not decisive:
        return msg("No check decides this clause; it needs a manual assessment")
    if any(s.tally.counts.get(Verdict.UNDETERMINED) for s in decisive):
        return msg("Something could not be determined")
    return msg("The checks cover this clause only in part")


def _aside(result: Result, statements: Sequence[StepStatements]) -> tuple[Message, ...]:
    """The note that failed checks do not decide the clause."""
    failed = any(s.tally.severity is not None for s in statements)
    if not failed or result not in (Result.NOT_ASSESSED, Result.CONFORMING):
        return ()
    return (msg("The failed checks are supporting evidence and do not decide this clause"),)
