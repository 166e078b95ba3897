"""Mappings: which checks support which steps, applied to equal steps of other clauses too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from audit_core.model import Message, Role, msg
from audit_core.model.results import Clause
from audit_core.model.units import SettledBy, Step
from audit_core.policy.input_errors import NOTHING, YamlPath, as_quoted, nearest, one_of, wrong_id
from audit_core.policy.model import Catalog, EquivalentClause, Fit
from audit_core.policy.strict_yaml import Document

_RANK = {Role.SUPPORTS: 0, Role.CAN_DENY: 1, Role.SETTLES: 2}
_CAP = {Fit.SAME: Role.SETTLES, Fit.STRONGER: Role.CAN_DENY, Fit.WEAKER: Role.SUPPORTS}

Key = tuple[int | None, str]
"""A step, or None for the clause as a whole, and a check."""

Roles = dict[Key, Role]


class MappedCheck(Struct, frozen=True, kw_only=True):
    """One check of a clause. Without `step` it speaks for the only step, or supports the clause."""

    check: str
    step: int | None = None
    role: Role


class MappedClause(Struct, frozen=True, kw_only=True):
    """A clause of a mapping file, with the checks that speak for it."""

    clause: str
    checks: tuple[MappedCheck, ...]


MappingFile = tuple[MappedClause, ...]
"""A mapping file as written."""


class Mapping(Struct, frozen=True, kw_only=True):
    """The mapping of one catalog: the checks that are bound to each clause, by step.

    `lines` is where each (clause, check) stands; `twice` what was written more than once, where.
    """

    checks: dict[str, Roles]
    lines: dict[tuple[str, str], tuple[str, int]]
    twice: tuple[tuple[str, int, Message], ...]

    def of(self, clause: str) -> Roles:
        """The checks of `clause` with their roles; empty where none is mapped."""
        return self.checks.get(clause, {})


def weaker(a: Role, b: Role) -> Role:
    """The lesser of two roles."""
    return min(a, b, key=_RANK.__getitem__)


def stronger(a: Role, b: Role) -> Role:
    """The greater of two roles."""
    return max(a, b, key=_RANK.__getitem__)


def mapping_files(folder: Path, catalog: str) -> tuple[Path, ...]:
    """The mapping files of `catalog` in a policy folder, sorted."""
    single, several = folder / "mappings" / f"{catalog}.yaml", folder / "mappings" / catalog
    found = [single] if single.is_file() else []
    return tuple(found + sorted(several.glob("*.yaml")))


def read_mapping(documents: tuple[Document, ...], catalog: Catalog) -> Mapping:
    """The mapping that `documents` spell; raises InputError for a clause that does not exist.

    A clause that no document names has what is written for the steps that its own steps repeat.
    """
    clauses = {clause.id: clause for clause in catalog.clauses}
    reader = _Reader(clauses)
    for document in documents:
        for index, item in enumerate(document.convert(MappingFile)):
            reader.add(document, index, item)
    carried = _Carrier(reader.checks, clauses, catalog.twins)
    checks = {
        id: reader.checks[id] if id in reader.checks else carried.to(clause)
        for id, clause in clauses.items()
    }
    return Mapping(checks=checks, lines=reader.lines, twice=tuple(reader.twice))


class _Carrier:
    """Carries what is written for some clauses to the others."""

    def __init__(
        self,
        written: dict[str, Roles],
        clauses: dict[str, Clause],
        twins: dict[str, EquivalentClause],
    ) -> None:
        self._written, self._clauses, self._twins = written, clauses, twins
        self._units = {c.unit: c.id for c in clauses.values() if c.unit}

    def to(self, clause: Clause) -> Roles:
        """What speaks for `clause`, which no mapping names."""
        if clause.steps[0].settles is None:
            return self._whole(clause)
        found: Roles = {}
        for step in clause.steps:
            _add(found, self._repeated(step))
        heard = {check for _, check in found}
        for _, check in self._twin(clause):
            # Where this clause has no such step, the check is supporting evidence.
            if check not in heard:
                found[None, check] = Role.SUPPORTS
        return found

    def _repeated(self, step: Step) -> Iterator[tuple[Key, Role]]:
        if step.repeats is None or step.duplicate_of is not None:
            return
        for (number, check), role in self._written.get(self._units[step.repeats.unit], {}).items():
            if number == step.repeats.step:
                allowed = Role.SETTLES if may_settle(step) else Role.CAN_DENY
                yield (step.number, check), weaker(role, allowed)

    def _twin(self, clause: Clause) -> Roles:
        twin = self._twins.get(clause.id)
        return {} if twin is None else self._written.get(twin.clause, {})

    def _whole(self, clause: Clause) -> Roles:
        """For a clause with one step, because its steps are not known.

        What denies a step of the equivalent clause denies this one only if all are needed, and
        what settles one step of several does not settle a whole clause.
        """
        found: Roles = {}
        twin = self._twins.get(clause.id)
        if twin is None:
            return found
        there = self._clauses[twin.clause]
        cap = _CAP[twin.fit]
        if there.steps[0].settles is not None:
            cap = weaker(cap, Role.CAN_DENY)
        if len(there.rule.alternatives) > 1:
            cap = Role.SUPPORTS
        entries = self._twin(clause).items()
        _add(found, (((1, check), weaker(role, cap)) for (_, check), role in entries))
        return found


def _add(found: Roles, more: Iterable[tuple[Key, Role]]) -> None:
    for key, role in more:
        found[key] = stronger(found.get(key, role), role)


def may_settle(step: Step) -> bool:
    """Whether checks may settle `step`: the data say so, or nothing is known of its clause."""
    return step.settles in (SettledBy.MACHINE, None)


def step_of(
    document: Document, place: YamlPath, clause: Clause, step: int | None, role: Role
) -> int | None:
    """The step of `clause` that is meant at `place`; InputError where there is no such step.

    Refuses to settle a step that a person has to bring something for.
    """
    numbers = clause.rule.steps
    if step is None:
        if len(numbers) == 1:
            step = numbers[0]
        elif role is Role.SUPPORTS:
            return None
    if step not in numbers:
        got = NOTHING if step is None else as_quoted(str(step))
        document.fail((*place, "step"), one_of(map(str, numbers)), got)
    known = next(s for s in clause.steps if s.number == step)
    if role is Role.SETTLES and not may_settle(known):
        expected = msg("can_deny or supports (this step needs a person)")
        document.fail((*place, "role"), expected, as_quoted(role.value))
    return step


class _Reader:
    def __init__(self, clauses: dict[str, Clause]) -> None:
        self._clauses = clauses
        self.checks: dict[str, Roles] = {}
        self.lines: dict[tuple[str, str], tuple[str, int]] = {}
        self.twice: list[tuple[str, int, Message]] = []

    def add(self, document: Document, index: int, item: MappedClause) -> None:
        if item.clause not in self._clauses:
            hint = nearest(item.clause, self._clauses)
            what = msg("a clause of this catalog")
            document.fail((index, "clause"), what, as_quoted(item.clause), hint)
        held = self.checks.setdefault(item.clause, {})
        for at, mapped in enumerate(item.checks):
            place: YamlPath = (index, "checks", at)
            wrong = wrong_id(mapped.check)
            if wrong is not None:
                document.fail((*place, "check"), wrong, as_quoted(mapped.check))
            clause = self._clauses[item.clause]
            step = step_of(document, place, clause, mapped.step, mapped.role)
            self._take(held, item.clause, (step, mapped.check), mapped.role,
                       (document.file, document.line(place)))  # fmt: skip

    def _take(self, held: Roles, clause: str, key: Key, role: Role, at: tuple[str, int]) -> None:
        if key in held:
            detail = msg("{check} is mapped to {clause} twice", check=key[1], clause=clause)
            self.twice.append((*at, detail))
        self.lines.setdefault((clause, key[1]), at)
        # of two roles the weaker holds, so that a mistake does not settle a clause
        held[key] = weaker(held.get(key, role), role)
