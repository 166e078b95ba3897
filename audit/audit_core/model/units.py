"""Assessment units (测评单元) of a standard: numbered steps and the rule over them. Pure data."""

from __future__ import annotations

import enum
import re
from collections.abc import Set as AbstractSet

from msgspec import Struct

LIMITS = re.compile(
    r"age<=(?P<age>[1-9][0-9]{0,4})d|reach>=(?P<reach>[1-9][0-9]{0,4})d"
    r"|gaps<=(?P<gaps>[1-9][0-9]{0,4})d\*(?P<count>[1-9][0-9]?)"
)
"""Limits of the dates in an answer; what they mean: `attest/limits.py`."""


class SettledBy(enum.StrEnum):
    """Who can settle a step in full: a read-only probe, both together, or only a person."""

    MACHINE = "machine"
    BOTH = "both"
    PERSON = "person"


class Scope(enum.StrEnum):
    """How far one answer to a step reaches: the whole system, objects of one type, one object."""

    SYSTEM = "system"
    GROUP = "group"
    TARGET = "target"


class StepRef(Struct, frozen=True, kw_only=True):
    """A step of another unit, by its unit code and number."""

    unit: str
    step: int


class Step(Struct, frozen=True, kw_only=True):
    """One assessment step (测评实施) of a clause, in own words.

    Texts without suffix are Chinese. `affirmed_if` says when the step counts as affirmed: a "yes"
    can be the bad answer. `duplicate_of` is the step of the same unit that this one repeats; it
    is never asked. `repeats` is the same question in another unit. `settles` is None where the
    standard's steps are not known and this step stands for the whole clause. `scope` says for how
    much one answer holds, unless somebody answers otherwise. `limit` is the part of `threshold`
    that dates are held to, such as `age<=365d`. `applies_to` are the object types that it is asked
    of, empty for all that its clause concerns.
    """

    number: int = 1
    methods: tuple[str, ...] = ()
    question: str = ""
    question_en: str = ""
    bring: str = ""
    bring_en: str = ""
    affirmed_if: str = ""
    affirmed_if_en: str = ""
    answer: str = ""
    settles: SettledBy | None = None
    scope: Scope = Scope.TARGET
    applies_to: tuple[str, ...] = ()
    probe_hint: str = ""
    repeats: StepRef | None = None
    duplicate_of: int | None = None
    high_risk_rules: tuple[str, ...] = ()
    freshness_days: int | None = None
    threshold: str = ""
    limit: str = ""
    source: str = ""
    note: str = ""

    def asks(self, object_type: str) -> bool:
        """Whether it is asked of objects of that type."""
        return not self.applies_to or object_type in self.applies_to


class UnitRule(Struct, frozen=True, kw_only=True):
    """When a unit conforms (单元判定): every step of one of `alternatives` is affirmed.

    `partial_possible` says whether a unit that does not conform can be 部分符合.
    """

    alternatives: tuple[tuple[int, ...], ...] = ((1,),)
    partial_possible: bool = False

    @property
    def steps(self) -> tuple[int, ...]:
        """The numbers of the steps that count, sorted."""
        return tuple(sorted({number for steps in self.alternatives for number in steps}))

    def holds(self, affirmed: AbstractSet[int], denied: AbstractSet[int]) -> bool:
        """Whether the unit conforms; a step that is neither affirmed nor denied does not apply.

        The rule is a set of demands, each with alternatives (`1&3|2&3` demands 1 or 2, and 3). A
        step that does not apply drops out of every demand, and so does a demand that has no step
        left. Hence the rule fails where no alternative is affirmed in full and one has a step
        that is denied.
        """
        whole = any(affirmed >= set(steps) for steps in self.alternatives)
        return whole or not any(denied & set(steps) for steps in self.alternatives)


WHOLE_CLAUSE = UnitRule()
"""The rule of a clause whose steps are not known: it is one step."""
