"""The values in policy files."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from audit_core.model import Message, Role, Severity, Target, msg
from audit_core.model.gradings import Grading, HighRiskRule
from audit_core.model.names import Named, RollUpRule, SystemObject
from audit_core.model.overrides import Change
from audit_core.model.results import Clause


class Bilingual(Struct, frozen=True, kw_only=True):
    """A text in Chinese and in English."""

    zh: str
    en: str

    def message(self) -> Message:
        """It as a message: each reader sees one of the two."""
        return msg("{detail}", detail=self.en, detail_zh=self.zh)


class Layer(Struct, frozen=True, kw_only=True):
    """A layer (层面) of a standard.

    `objects` are the object types that its clauses concern; empty where each clause says it
    itself. With `concerns_all` every object of these types has a conclusion on each clause of the
    layer, 不适用 where the clause never applies to the type; else it has none there.
    """

    id: str
    zh: str
    en: str
    objects: tuple[str, ...] = ()
    concerns_all: bool = False


class Structure(Struct, frozen=True, kw_only=True):
    """What a standard consists of besides its clauses.

    `scopes` begins with the one that a clause or a profile means where it names none.
    `roll_ups` say for which objects findings on other targets count.
    """

    scopes: tuple[Named, ...] = (Named(id="general", zh="通用", en="General"),)
    layers: tuple[Layer, ...] = ()
    object_types: tuple[Named, ...] = ()
    system_objects: tuple[SystemObject, ...] = ()
    roll_ups: tuple[RollUpRule, ...] = ()


class Fit(enum.StrEnum):
    """How the requirement of a clause relates to that of its equivalent: the same, more or less."""

    SAME = "same"
    STRONGER = "stronger"
    WEAKER = "weaker"


class EquivalentClause(Struct, frozen=True, kw_only=True):
    """The clause of another level for which mappings are written, and how well it fits."""

    clause: str
    fit: Fit


class CrosswalkEntry(Struct, frozen=True, kw_only=True):
    """A clause of another catalog whose checks support a clause. `where` is `FILE:LINE`."""

    catalog: str
    clause: str
    where: str


class Catalog(Structure, frozen=True, kw_only=True):
    """One edition of a standard as data.

    `twins` says, for clauses that no mapping names, whose mapping holds for them. `crosswalk` says
    which clauses of other catalogs speak for a clause. `sha256` is over all its files.
    """

    id: str
    title: str
    title_en: str
    edition: Message
    source: str
    confidence: Message
    licence: str
    clauses: tuple[Clause, ...]
    twins: dict[str, EquivalentClause]
    crosswalk: dict[str, tuple[CrosswalkEntry, ...]]
    sha256: str
    gradings: tuple[Grading, ...] = ()
    risk_rules: tuple[HighRiskRule, ...] = ()


class Binding(Struct, frozen=True, kw_only=True):
    """A check that is bound to a step of a clause, and what it can decide there.

    `step` is None for what supports the clause as a whole.
    """

    catalog: str
    clause: str
    check: str
    step: int | None
    role: Role


class CatalogUse(Struct, frozen=True, kw_only=True):
    """The clauses of a catalog that a profile takes: those that meet everything it names.

    `grade` such as `S2A3G3` takes clauses of each attribute from a level of its own. Without
    scopes those of the catalog's first one.
    """

    catalog: str
    level: int | None = None
    grade: str | None = None
    scopes: tuple[str, ...] | None = None
    layers: tuple[str, ...] | None = None
    object_types: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None


class Where(Struct, frozen=True, kw_only=True):
    """Which targets something holds for: those that meet every list that is given.

    A target that is named stands for its parts, too.
    """

    targets: tuple[str, ...] | None = None
    zones: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    object_types: tuple[str, ...] | None = None
    kinds: tuple[str, ...] | None = None
    business_systems: tuple[str, ...] | None = None

    def holds(self, target: Target) -> bool:
        """Whether `target` meets every list that is given."""
        named = self.targets
        return (
            (named is None or any(_is_in(target.id, id) for id in named))
            and _has(self.zones, (target.zone,))
            and _has(self.tags, target.tags)
            and _has(self.object_types, (target.object_type,))
            and _has(self.kinds, (target.kind,))
            and _has(self.business_systems, (target.business_system,))
        )


def _is_in(part: str, id: str) -> bool:
    return part == id or part.startswith(f"{id}/")


def _has(wanted: tuple[str, ...] | None, held: Iterable[str | None]) -> bool:
    return wanted is None or any(value in wanted for value in held)


class Override(Struct, frozen=True, kw_only=True):
    """Parameters for some targets. `changes` says of each what it does to what holds otherwise."""

    where: Where
    changes: tuple[ParameterChange, ...]
    reason: str = ""
    approver: str = ""


class ParameterChange(Struct, frozen=True, kw_only=True):
    """A parameter, its value without and with the override, and the direction of the check."""

    check: str
    parameter: str
    before: Any
    after: Any
    tightens: str | None
    change: Change


class Comparator(enum.StrEnum):
    """The comparisons a profile can declare without Python."""

    EQUALS = "equals"
    ONE_OF = "one_of"
    NONE_OF = "none_of"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    MATCHES = "matches"
    SUBSET_OF = "subset_of"
    CONTAINS = "contains"
    ABSENT = "absent"


class DeclaredCheck(Struct, frozen=True, kw_only=True):
    """A check that a profile declares: a fact, a field of its value, a comparison.

    `field` is a dotted path into the value, empty for the value itself. `where` is `FILE:LINE`.
    """

    id: str
    title: Message
    fact: str
    field: str
    comparator: Comparator
    operand: Any
    severity: Severity
    where: str


class ProfileInfo(Struct, frozen=True, kw_only=True):
    """What a list of profiles shows."""

    id: str
    title: str
    title_en: str
    extends: str | None
    file: str


class Profile(Struct, frozen=True, kw_only=True):
    """Which clauses, bound to which checks, with which parameters.

    A binding may name a check that no installed plugin offers; it stays, for the clause must not
    look covered. `params` holds what the
    profile sets for all targets, typed; a check's own defaults stand for the rest, `overrides` for
    some targets. `object_types` and
    `system_objects` are those of all its catalogs, each id once; `roll_ups` too.
    """

    id: str
    title: str
    title_en: str
    clauses: tuple[Clause, ...]
    bindings: tuple[Binding, ...]
    params: dict[str, dict[str, Any]]
    declared_checks: tuple[DeclaredCheck, ...]
    catalogs: tuple[str, ...]
    sha256: str
    object_types: tuple[Named, ...] = ()
    system_objects: tuple[SystemObject, ...] = ()
    roll_ups: tuple[RollUpRule, ...] = ()
    overrides: tuple[Override, ...] = ()
    gradings: tuple[Grading, ...] = ()
    risk_rules: tuple[HighRiskRule, ...] = ()


class Problem(Struct, frozen=True, kw_only=True):
    """A problem that `dengbao profile lint` found in the policy data."""

    file: str
    line: int
    detail: Message
