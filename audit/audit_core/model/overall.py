"""What is concluded on units, layers and the system, and what became of waivers. Pure data."""

from __future__ import annotations

import enum

from msgspec import Struct

from audit_core.model.conclusions import Result
from audit_core.model.gradings import Grading
from audit_core.model.messages import Message
from audit_core.model.waivers import Waiver, WaiverFault


class Bounds(Struct, frozen=True):
    """The lowest and the highest value that are still possible."""

    worst: float
    best: float


class Count(Struct, frozen=True, kw_only=True):
    """A number as first found, and how many a re-test found fixed: `10（其中 5 个已整改）`."""

    first: int = 0
    fixed: int = 0


class UnitConclusion(Struct, frozen=True, kw_only=True):
    """A clause over all its objects.

    `range` has every word that is still possible, the worst first. `objects` counts objects by
    their printed word, `score` (0 to 1) is None where the clause applies to none.
    """

    catalog: str
    clause: str
    unit: str | None
    layer_id: str
    conclusion: Result
    pending: bool = False
    range: tuple[Result, ...] = ()
    score: Bounds | None = None
    objects: dict[str, int] = {}
    fixed: int = 0


class LayerConclusion(Struct, frozen=True, kw_only=True):
    """A layer: 符合 where all its units conform, 不符合 where none does, else 部分符合.

    `units` counts its units by their printed word; `rate` is the score of the layer (0 to 100),
    None where nothing in it applies; `decided` is how many units are settled, of `total`.
    """

    id: str
    zh: str
    en: str
    conclusion: Result
    pending: bool = False
    range: tuple[Result, ...] = ()
    rate: Bounds | None = None
    units: dict[str, int] = {}
    decided: int = 0
    total: int = 0


class RiskState(enum.StrEnum):
    """Whether a high-risk rule holds, as far as it was judged.

    ABSENT: its steps are affirmed. OPEN: a step is open. SUSPECTED: a step is denied, and nobody
    judged yet whether the rule holds. HOLDS, DISMISSED, MITIGATED: so a person judged.
    """

    ABSENT = "absent"
    OPEN = "open"
    SUSPECTED = "suspected"
    HOLDS = "holds"
    DISMISSED = "dismissed"
    MITIGATED = "mitigated"


class JudgedRisk(Struct, frozen=True, kw_only=True):
    """The judgement of a person on a high-risk rule, as it is valid on the day of judging.

    `state` is `counts`, `expired`, or `refused` where the rule allows no mitigation.
    """

    verdict: RiskState
    state: str
    by: str
    date: str
    entered: str
    valid_until: str
    text: str


class RiskResult(Struct, frozen=True, kw_only=True):
    """A high-risk rule on this system. `targets` are the objects where its steps are denied.

    `count` is 1 to 1 where it holds, 0 to 1 where it is open whether it does.
    """

    rule: str
    catalog: str
    title: str
    title_en: str
    major: str = ""
    condition: str = ""
    mitigable: bool = False
    confidence: str = "read"
    clauses: tuple[str, ...] = ()
    state: RiskState
    count: Bounds
    targets: tuple[str, ...] = ()
    target_count: int = 0
    judged: JudgedRisk | None = None
    fixed: bool = False


class Missing(Struct, frozen=True, kw_only=True):
    """A question whose answer narrows the range; `points` is by how much at most.

    `risk` says that a high-risk rule depends on it. `question` is its id, or `risk/RULE` where a
    person has to judge a rule.
    """

    question: str
    clause: str
    targets: int
    points: float
    risk: bool = False


class SystemConclusion(Struct, frozen=True, kw_only=True):
    """What one grading says of the system.

    `range` has the ids of the grades that are still possible, the worst first. `word` is the one
    to print, empty below the coverage that is asked for; `pending` says that it is the worst of
    several. `score` is 0 to 100. `missing` are the questions with the greatest effect, of
    `missing_count`.
    """

    grading: Grading
    word: str = ""
    pending: bool = False
    range: tuple[str, ...] = ()
    score: Bounds | None = None
    coverage: float = 0.0
    units_decided: int = 0
    units_total: int = 0
    units: tuple[UnitConclusion, ...] = ()
    layers: tuple[LayerConclusion, ...] = ()
    problems: Count = Count()
    high_risks: Bounds = Bounds(0, 0)
    high_risks_fixed: int = 0
    major_risks: Bounds = Bounds(0, 0)
    major_risks_fixed: int = 0
    risks: tuple[RiskResult, ...] = ()
    missing: tuple[Missing, ...] = ()
    missing_count: int = 0
    why: tuple[Message, ...] = ()


class WaiverResult(Struct, frozen=True, kw_only=True):
    """A waiver on this run: what is wrong with it, and which deviations it is about.

    `findings` are the ids of failed findings, `conclusions` are `CLAUSE@TARGET`; of each the first
    fifty, of `count` together.
    """

    waiver: Waiver
    faults: tuple[WaiverFault, ...] = ()
    detail: tuple[Message, ...] = ()
    findings: tuple[str, ...] = ()
    conclusions: tuple[str, ...] = ()
    count: int = 0
