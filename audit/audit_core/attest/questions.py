"""Which questions are open, each once for what one answer holds for. PURE.

A question is a step of a clause, asked once for the whole system, for the objects of one type or
for one object, as the catalog says (`Step.scope`). A step that repeats another one is the same
question, also where it belongs to another clause.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct

from audit_core.model import Target
from audit_core.model.attestations import StepAnswer
from audit_core.model.results import Clause
from audit_core.model.units import Scope, Step

StepKey = tuple[str, str, int]
"""Catalog, clause or unit code, and number of a step."""


class Open(Struct, frozen=True, kw_only=True):
    """That a step is open on an object; `last` is an answer that does not count (any more)."""

    last: StepAnswer | None = None


OpenAs = Callable[[Clause, Step, Target], Open | None]
"""How a step is open on an object; None where it is not."""

AskedStep = tuple[Clause, Step, Target, Open]
"""A step that is open on an object."""


class Question(Struct, frozen=True, kw_only=True):
    """A step to be answered, and the objects for which the answer is missing.

    `id` is `CATALOG/CLAUSE/STEP`, followed by `@SELECTOR` unless it is asked of the whole system.
    `also` are the other steps of the profile, by catalog, clause and number, that ask the same.
    `last` is the answer that does not count (any more), where all objects have the same.
    """

    id: str
    clause: Clause
    step: Step
    scope: Scope
    targets: tuple[str, ...]
    also: tuple[StepKey, ...] = ()
    last: StepAnswer | None = None


class Counts(Struct, frozen=True, kw_only=True):
    """How much people have to answer.

    `rows` has one row for each clause and scope, `rows_each_object` one for each clause and object:
    so many they were if nothing was asked once for several objects.
    """

    questions: int
    rows: int
    rows_each_object: int


class _Found:
    """A question while its objects are collected."""

    def __init__(self, clause: Clause, step: Step) -> None:
        self.clause, self.step = clause, step
        self.targets: dict[str, None] = {}
        self.also: dict[StepKey, None] = {}
        self.last: list[StepAnswer | None] = []


def selector(scope: Scope, target: Target) -> str:
    """The part of a question id that says which targets an answer about `target` holds for."""
    if scope is Scope.SYSTEM:
        return ""
    return f"object_type:{target.object_type}" if scope is Scope.GROUP else target.id


def question_id(key: StepKey, selected: str) -> str:
    """The id of the question that step `key` puts to what is `selected`."""
    catalog, clause, number = key
    return f"{catalog}/{clause}/{number}" + (f"@{selected}" if selected else "")


def roots(clauses: Iterable[Clause]) -> dict[StepKey, StepKey]:
    """For each step the one whose question it asks; steps with the same root are one question.

    A root whose clause is not among `clauses` is known by its unit code alone.
    """
    known = {(c.catalog, c.unit): c for c in clauses if c.unit is not None}
    found = {}
    for clause in clauses:
        for step in clause.steps:
            found[clause.catalog, clause.id, step.number] = _root(clause, step, known)
    return found


def _root(clause: Clause, step: Step, known: dict[tuple[str, str], Clause]) -> StepKey:
    passed: list[StepKey] = []
    while (key := (clause.catalog, clause.unit or clause.id, step.number)) not in passed:
        passed.append(key)
        if step.duplicate_of is not None:
            step = clause.steps[step.duplicate_of - 1]
        elif step.repeats is None:
            return key
        else:
            other = known.get((clause.catalog, step.repeats.unit))
            if other is None:
                return clause.catalog, step.repeats.unit, step.repeats.step
            clause, step = other, other.steps[step.repeats.step - 1]
    return min(passed)  # steps that repeat each other in a circle are one question


def questions(
    clauses: Sequence[Clause], objects: Sequence[Target], open_as: OpenAs
) -> tuple[Question, ...]:
    """The questions about `objects` whose steps are open, in the order of the clauses."""
    return grouped(
        tuple(
            (clause, step, target, left)
            for clause, step, target in _steps(clauses, objects)
            if (left := open_as(clause, step, target)) is not None
        )
    )


def grouped(asked: Sequence[AskedStep]) -> tuple[Question, ...]:
    """What is `asked`, each question once, in this order."""
    root_of = roots({(c.catalog, c.id): c for c, *_ in asked}.values())
    found: dict[tuple[StepKey, str], _Found] = {}
    for clause, step, target, left in asked:
        own = (clause.catalog, clause.id, step.number)
        key = (root_of[own], selector(step.scope, target))
        question = found.get(key) or found.setdefault(key, _Found(clause, step))
        question.targets[target.id] = None
        question.also[own] = None
        if left.last not in question.last:
            question.last.append(left.last)
    return tuple(_question(one, selected) for (_, selected), one in found.items())


def _steps(
    clauses: Sequence[Clause], objects: Sequence[Target]
) -> Iterator[tuple[Clause, Step, Target]]:
    """Each step that counts, with each object that it applies to."""
    for clause in clauses:
        steps = [s for s in clause.steps if s.number in clause.rule.steps]
        fitting = [t for t in objects if t.object_type in clause.applies_to and not t.left_out]
        yield from (
            (clause, step, target)
            for step in steps
            for target in fitting
            if step.asks(target.object_type)
        )


def _question(asked: _Found, selected: str) -> Question:
    own = (asked.clause.catalog, asked.clause.id, asked.step.number)
    return Question(
        id=question_id(own, selected),
        clause=asked.clause,
        step=asked.step,
        scope=asked.step.scope,
        targets=tuple(asked.targets),
        also=tuple(key for key in asked.also if key != own),
        last=asked.last[0] if len(asked.last) == 1 else None,
    )


def counted(found: Iterable[Question]) -> Counts:
    """How many questions there are, and how many rows with one clause and scope each."""
    listed = tuple(found)
    rows = {(q.clause.catalog, q.clause.id, q.id.partition("@")[2]) for q in listed}
    each = {
        (catalog, clause, target)
        for q in listed
        for catalog, clause in ((q.clause.catalog, q.clause.id), *((k[0], k[1]) for k in q.also))
        for target in q.targets
    }
    return Counts(questions=len(listed), rows=len(rows), rows_each_object=len(each))
