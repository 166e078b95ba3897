"""Gradings: rules by which the results of clauses become a conclusion on the system. Pure data.

A grading is data of a catalog (`gradings.yaml`); the core implements its kinds. What a source does
not state is a setting with the conservative value, and the grading says which those are.
"""

from __future__ import annotations

import enum

from msgspec import Struct

from audit_core.model.names import Named


class GradingKind(enum.StrEnum):
    """How the scores of clauses become one score of 0 to 100.

    RATE: their mean. DEDUCTION: each group of layers begins with its share of 100 and loses what
    its clauses lack. WEIGHTED: a mean of layers with weights, each a mean of clauses with weights.
    """

    RATE = "rate"
    DEDUCTION = "deduction"
    WEIGHTED = "weighted"


class Aggregation(enum.StrEnum):
    """How the scores of one clause on several objects become one: the worst, or their mean."""

    WORST = "worst"
    MEAN = "mean"


class BlockedBy(enum.StrEnum):
    """What keeps a system from a grade, whatever its score."""

    NOTHING = ""
    MAJOR_RISK = "major_risk"
    HIGH_RISK = "high_risk"
    ANY_PROBLEM = "any_problem"


class Grade(Struct, frozen=True, kw_only=True):
    """A word of a grading, and what a system needs for it.

    `above` is the score that is needed, None for none; `inclusive` says whether exactly that score
    is enough.
    """

    id: str
    zh: str
    en: str
    above: float | None = None
    inclusive: bool = False
    blocked_by: BlockedBy = BlockedBy.NOTHING


class Group(Struct, frozen=True, kw_only=True):
    """Layers that begin with `share` of 100 together."""

    id: str
    layers: tuple[str, ...]
    share: float


class Band(Struct, frozen=True, kw_only=True):
    """The factor of values of at least `at_least`."""

    at_least: float
    factor: float


class Penalty(Struct, frozen=True, kw_only=True):
    """What the denial of a step multiplies the score of a clause on an object with.

    That is `factor`, times what the number in the answer to the step gives by `bands`, or times
    anything from `lowest` to `highest` where there are no bands or no number was given.
    """

    step: int
    factor: float = 0.0
    bands: tuple[Band, ...] = ()
    lowest: float = 1.0
    highest: float = 1.0


class Grading(Struct, frozen=True, kw_only=True):
    """The rules of one edition of a report template, or of a quantification.

    `partial_weight` is the score of 部分符合 (符合 has 1, 不符合 0). `coverage` is the share of
    clauses that have to be settled before a word is printed. `grades` begin with the best; without
    any only the score is shown. With `penalties` a clause is scored by its steps instead of its
    word. `layer_weights` and `weights` (by clause) are those of a weighted mean, 1 by default.
    `unverified` lists the keys whose values no source was read for.
    """

    id: str
    catalog: str = ""
    zh: str = ""
    en: str = ""
    source_zh: str = ""
    source_en: str = ""
    kind: GradingKind = GradingKind.RATE
    partial_weight: float = 0.0
    aggregation: Aggregation = Aggregation.WORST
    coverage: float = 1.0
    score_zh: str = "得分"
    score_en: str = "score"
    grades: tuple[Grade, ...] = ()
    groups: tuple[Group, ...] = ()
    penalties: tuple[Penalty, ...] = ()
    layer_weights: dict[str, float] = {}
    weights: dict[str, float] = {}
    confidence: str = "read"
    unverified: tuple[str, ...] = ()


class HighRiskRule(Struct, frozen=True, kw_only=True):
    """A rule of high risk (高风险判例), or the code of a major risk (重大风险隐患) of its own.

    It holds for systems of level `level` and above as far as `condition` says. `clauses` are those
    that name it. `major` is its code as a major risk, empty where it is none. `mitigable` says
    whether other measures may lower it, `scenarios_without` that in one scenario they may not.
    """

    id: str
    catalog: str
    title: str
    title_en: str = ""
    level: int | None = None
    condition: str = ""
    clauses: tuple[str, ...] = ()
    mitigable: bool = False
    scenarios_without: bool = False
    major: str = ""
    confidence: str = "read"


def names(grading: Grading) -> tuple[Named, ...]:
    """The words of `grading` with their ids, the best first."""
    return tuple(Named(id=g.id, zh=g.zh, en=g.en) for g in grading.grades)
