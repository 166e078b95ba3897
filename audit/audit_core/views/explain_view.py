"""What `dengbao explain --format json` prints. PURE."""

from __future__ import annotations

from msgspec import Struct

from audit_core.model import Result, StepState, Verdict
from audit_core.model.attestations import StepAnswer
from audit_core.model.waivers import WaiverFault

EXPLAIN_VIEW = "dengbao/explain-view/1"


class ExplainedStep(Struct, frozen=True, kw_only=True):
    """A step of a clause as the catalog has it, with what the mappings bind to it."""

    number: int
    question: str
    bring: str
    affirmed_if: str
    settles: str | None
    checks: tuple[str, ...]


class ExplainedClause(Struct, frozen=True, kw_only=True):
    """A clause, its rule and its steps. `checks` support it as a whole."""

    catalog: str
    clause: str
    unit: str | None
    gist: str
    confidence: str
    rule: str
    checks: tuple[str, ...]
    steps: tuple[ExplainedStep, ...]


class ExplainedEvidence(Struct, frozen=True, kw_only=True):
    """An observation: its file in a pack, and lines of it that hold values of the record."""

    digest: str
    asked: str
    file: str
    lines: tuple[str, ...]


class ExplainedFinding(Struct, frozen=True, kw_only=True):
    """A finding with its evidence."""

    check: str
    target: str
    verdict: Verdict
    detail: str
    evidence: tuple[ExplainedEvidence, ...]


class TargetStep(Struct, frozen=True, kw_only=True):
    """A step on an object: its state, the findings that speak to it, and a person's answer."""

    number: int
    state: StepState
    findings: tuple[ExplainedFinding, ...]
    answer: StepAnswer | None


class ExplainedWaiver(Struct, frozen=True, kw_only=True):
    """A waiver that is about the clause, a step or a failed check of it; it changes nothing."""

    id: str
    about: str
    reason: str
    approver: str
    ticket: str
    expires: str
    faults: tuple[WaiverFault, ...]


class ExplainedTarget(Struct, frozen=True, kw_only=True):
    """The conclusion on a clause for an object. `findings` support it as a whole."""

    catalog: str
    clause: str
    target: str
    conclusion: Result
    pending: bool
    range: tuple[Result, ...]
    why: str
    steps: tuple[TargetStep, ...]
    findings: tuple[ExplainedFinding, ...]
    waivers: tuple[ExplainedWaiver, ...] = ()


class ExplainView(Struct, frozen=True, kw_only=True):
    """A clause explained, with what one run says of it; `run` is null where none was given."""

    schema: str
    run: str | None
    clauses: tuple[ExplainedClause, ...]
    targets: tuple[ExplainedTarget, ...]
