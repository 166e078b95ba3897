"""What the command prints as JSON: rendered, flat, stable for other programs. PURE."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import Struct, structs

from audit_core.model import (
    Conclusion,
    Coverage,
    Finding,
    Message,
    Result,
    Severity,
    StepResult,
    StepState,
    Target,
    Verdict,
    as_is,
    english,
    msg,
)
from audit_core.model.attestations import StepAnswer
from audit_core.model.gradings import Aggregation, Grading
from audit_core.model.overall import (
    Bounds,
    Count,
    LayerConclusion,
    Missing,
    RiskResult,
    SystemConclusion,
    UnitConclusion,
    WaiverResult,
)
from audit_core.model.overrides import OverrideInfo
from audit_core.model.results import (
    CheckInfo,
    Clause,
    Evidence,
    Results,
    TargetState,
    encode_pieces,
)
from audit_core.model.units import Step
from audit_core.model.waivers import Waiver, WaiverFault
from audit_core.policy.model import Catalog
from audit_core.text.translate import Translator

RESULTS_VIEW = "dengbao/results-view/1"
CATALOG_VIEW = "dengbao/catalog-view/1"
_SETTINGS = {
    "kind": msg("kind of score"),
    "partial_weight": msg("what a partly conforming item counts"),
    "aggregation": msg("how several objects become one"),
    "coverage": msg("share of items that must be settled"),
    "inclusive": msg("whether a limit itself reaches the grade"),
    "grades": msg("grades and their limits"),
    "groups": msg("groups of layers and their shares"),
    "penalties": msg("deductions of steps"),
    "layer_weights": msg("weights of layers"),
    "weights": msg("weights of items"),
}
_AGGREGATIONS = {
    Aggregation.WORST: msg("the worst one"),
    Aggregation.MEAN: msg("their mean"),
}
_INCLUSIVE = {True: msg("yes"), False: msg("no")}


class CheckInfoView(Struct, frozen=True, kw_only=True):
    """A check as printed beside the findings."""

    id: str
    title: str
    severity: str
    version: int


class RunView(Struct, frozen=True, kw_only=True):
    """A run as printed: its stamp, with what failed in the language of the command."""

    id: str
    started: str
    ended: str
    profile: str
    dengbao: str
    plugins: dict[str, str]
    policy: dict[str, str]
    sealed: bool
    complete: bool
    bundles: dict[str, str]
    faults: tuple[str, ...]
    system: str
    code: str
    answers: str
    judged: str


class FindingView(Struct, frozen=True, kw_only=True):
    """A finding as printed. `evidence` are digests of observations; `why` is a code, or empty."""

    id: str
    check: str
    check_version: int
    title: str
    target: str
    verdict: Verdict
    severity: Severity
    why: str
    detail: str
    expected: str | None
    remedy: str | None
    params: dict[str, Any]
    evidence: tuple[str, ...]
    sources: tuple[str, ...]
    looked_at: tuple[str, ...]
    unverified: str


class EvidenceView(Struct, frozen=True, kw_only=True):
    """One observation as printed; `digest` is what findings refer to."""

    digest: str
    target: str
    kind: str
    asked: str
    privilege: str
    status: str
    exit_code: int | None
    started: str
    ended: str
    how: str
    detail: str
    truncated: bool
    redactions: tuple[str, ...]
    stdout_sha256: str
    stderr_sha256: str
    stdout_size: int
    stderr_size: int


class StepView(Struct, frozen=True, kw_only=True):
    """A step as printed; its texts are there only where it is open."""

    number: int
    state: StepState
    findings: tuple[str, ...]
    answer: StepAnswer | None = None
    question: str | None = None
    bring: str | None = None
    affirmed_if: str | None = None


class StatusView(Struct, frozen=True, kw_only=True):
    """How far a target was reached; `why` is a code, empty where everything was answered."""

    state: TargetState
    why: str
    detail: str | None
    remedy: str | None


class TargetView(Target, frozen=True, kw_only=True):
    """A target as printed, with how far it was reached."""

    status: StatusView


class ConclusionView(Struct, frozen=True, kw_only=True):
    """A conclusion as printed. `findings` are ids of findings; `to_bring` is asked of a person.

    It rests on `finding_count` findings; of each check `findings` names the fifty worst at most.
    """

    catalog: str
    clause: str
    unit: str | None
    target: str
    conclusion: Result
    pending: bool
    range: tuple[Result, ...]
    coverage: Coverage
    steps: tuple[StepView, ...]
    severity: Severity | None
    why: str
    to_bring: tuple[str, ...]
    findings: tuple[str, ...]
    finding_count: int


class SystemView(Struct, frozen=True, kw_only=True):
    """What one grading says of the system, as printed. `say` is the word to print."""

    grading: Grading
    word: str
    say: str
    pending: bool
    range: tuple[str, ...]
    score: Bounds | None
    coverage: float
    units_decided: int
    units_total: int
    units: tuple[UnitConclusion, ...]
    layers: tuple[LayerConclusion, ...]
    problems: Count
    high_risks: Bounds
    high_risks_fixed: int
    major_risks: Bounds
    major_risks_fixed: int
    risks: tuple[RiskResult, ...]
    missing: tuple[Missing, ...]
    missing_count: int
    why: str


class WaiverView(Struct, frozen=True, kw_only=True):
    """A waiver as printed, with what is wrong with it in the language of the command."""

    waiver: Waiver
    faults: tuple[WaiverFault, ...]
    detail: str
    findings: tuple[str, ...]
    conclusions: tuple[str, ...]
    count: int


class ResultsView(Struct, frozen=True, kw_only=True):
    """Results as printed by `dengbao results --format json`, in the language of the command."""

    schema: str
    lang: str
    disclaimer: str
    run: RunView
    targets: tuple[TargetView, ...]
    checks: tuple[CheckInfoView, ...]
    overrides: tuple[OverrideInfo, ...]
    findings: tuple[FindingView, ...]
    conclusions: tuple[ConclusionView, ...]
    observations: tuple[EvidenceView, ...]
    system: tuple[SystemView, ...] = ()
    waivers: tuple[WaiverView, ...] = ()


class CatalogView(Struct, frozen=True, kw_only=True):
    """A catalog as printed by `dengbao catalog show --format json`."""

    schema: str
    catalog: str
    title: str
    title_en: str
    edition: str
    source: str
    confidence: str
    licence: str
    sha256: str
    clauses: tuple[Clause, ...]


DISCLAIMER = msg(
    "Self-assessment for reference; no substitute for the assessment body's conclusion"
)


def _every(row: Struct) -> bool:
    return True


def json_pieces(
    results: Results,
    translator: Translator,
    *,
    finding: Callable[[Finding], bool] = _every,
    conclusion: Callable[[Conclusion], bool] = _every,
) -> Iterator[bytes]:
    """The ResultsView of `results` as canonical JSON, every message in the translator's language.

    In pieces, so that only what is being written is in memory. Rows for which `finding` or
    `conclusion` is false are left out.
    """
    titles = {c.id: translator.say(c.title) for c in results.checks}
    clauses = {(c.catalog, c.id): c for c in results.clauses}
    rows: dict[str, Callable[[], Iterable[Struct]]] = {
        "findings": lambda: (
            _finding(f, titles, translator) for f in results.findings if finding(f)
        ),
        "conclusions": lambda: (
            _conclusion(c, clauses, translator) for c in results.conclusions if conclusion(c)
        ),
        "observations": lambda: (_evidence(o, translator) for o in results.observations),
    }
    return encode_pieces(_head(results, translator), rows)


def _head(results: Results, translator: Translator) -> ResultsView:
    return ResultsView(
        schema=RESULTS_VIEW,
        lang=translator.lang,
        disclaimer=translator.say(DISCLAIMER),
        run=_run(results, translator),
        targets=tuple(_targets(results, translator)),
        checks=tuple(_check(c, translator) for c in results.checks),
        overrides=results.index.overrides,
        findings=(),
        conclusions=(),
        observations=(),
        system=tuple(_system(s, translator) for s in results.system),
        waivers=tuple(_waiver(w, translator) for w in results.waivers),
    )


def _system(s: SystemConclusion, t: Translator) -> SystemView:
    known = {name: getattr(s, name) for name in s.__struct_fields__}
    texts = {"say": t.say(grade_word(s, zh=t.lang == "zh")), "why": joined(s.why, t.say, t.lang)}
    return SystemView(**known | texts)


def grade_word(s: SystemConclusion, *, zh: bool) -> Message:
    """The word to print for the system, marked where it is pending; empty for none."""
    grade = next((g for g in s.grading.grades if g.id == s.word), None)
    if grade is None:
        return as_is("")
    word = grade.zh if zh else grade.en
    return msg("{word} (pending)", word=word) if s.pending else as_is(word)


def setting_names(grading: Grading) -> tuple[Message, ...]:
    """The settings of `grading` that no source was read for, named for a reader."""
    return tuple(_setting(key, grading) for key in grading.unverified)


def _setting(key: str, grading: Grading) -> Message:
    """A setting by name, with its value where that is one number or word."""
    name = _SETTINGS.get(key, as_is(key))
    values = {
        "partial_weight": as_is(f"{grading.partial_weight:g}"),
        "aggregation": _AGGREGATIONS[grading.aggregation],
        "coverage": as_is(f"{100 * grading.coverage:g} %"),
        "inclusive": _INCLUSIVE[any(grade.inclusive for grade in grading.grades)],
    }
    return msg("{name}: {value}", name=name, value=values[key]) if key in values else name


def limits(grading: Grading, *, zh: bool) -> str:
    """The scores that the grades of `grading` begin at, empty where it has none."""
    return ("；" if zh else "; ").join(
        f"{grade.zh if zh else grade.en} {'≥' if grade.inclusive else '>'} {grade.above:g}"
        for grade in grading.grades
        if grade.above is not None
    )


def _waiver(w: WaiverResult, t: Translator) -> WaiverView:
    known = {name: getattr(w, name) for name in w.__struct_fields__}
    return WaiverView(**known | {"detail": joined(w.detail, t.say, t.lang)})


def joined(messages: tuple[Message, ...], say: Callable[[Message], str], lang: str) -> str:
    """`messages` as one text, with the semicolon of the language between them."""
    return ("；" if lang == "zh" else "; ").join(say(m) for m in messages)


def _run(results: Results, t: Translator) -> RunView:
    run = results.run
    known = {name: getattr(run, name) for name in run.__struct_fields__}
    faults = tuple(t.say(fault) for fault in run.faults)
    return RunView(**known | {"faults": faults, "complete": results.complete})


def _targets(results: Results, t: Translator) -> Iterator[TargetView]:
    statuses = {status.target: status for status in results.statuses}
    for target in results.targets:
        status = statuses[target.id]
        yield TargetView(
            **structs.asdict(target),
            status=StatusView(
                state=status.state,
                why=status.why,
                detail=None if status.detail is None else t.say(status.detail),
                remedy=None if status.remedy is None else t.say(status.remedy),
            ),
        )


def _evidence(o: Evidence, t: Translator) -> EvidenceView:
    fields = structs.asdict(o)
    detail = "" if o.detail is None else t.say(o.detail)
    return EvidenceView(**{**fields, "how": t.say(o.how.as_message()), "detail": detail})


def _check(c: CheckInfo, t: Translator) -> CheckInfoView:
    return CheckInfoView(id=c.id, title=t.say(c.title), severity=c.severity, version=c.version)


def _finding(f: Finding, titles: dict[str, str], t: Translator) -> FindingView:
    return FindingView(
        id=f.id,
        check=f.check,
        check_version=f.check_version,
        title=titles.get(f.check, ""),
        target=f.target,
        verdict=f.verdict,
        severity=f.severity,
        why=f.why,
        detail=joined(f.detail, t.say, t.lang),
        expected=t.say(f.expected) if f.expected is not None else None,
        remedy=t.say(f.remedy) if f.remedy is not None else None,
        params=f.params,
        evidence=f.evidence,
        sources=f.sources,
        looked_at=f.looked_at,
        unverified="" if f.unverified is None else t.say(f.unverified),
    )


def _conclusion(
    c: Conclusion, clauses: dict[tuple[str, str], Clause], t: Translator
) -> ConclusionView:
    clause = clauses.get((c.catalog, c.clause), Clause(catalog=c.catalog, id=c.clause))
    texts = {step.number: step for step in clause.steps}
    return ConclusionView(
        catalog=c.catalog,
        clause=c.clause,
        unit=c.unit,
        target=c.target,
        conclusion=c.conclusion,
        pending=c.pending,
        range=c.range,
        coverage=c.coverage,
        steps=tuple(_step(step, texts.get(step.number), t.lang) for step in c.steps),
        severity=c.severity,
        why=joined(c.why, t.say, t.lang),
        to_bring=tuple(t.say(wanted(texts[n], t.lang)) for n in c.open_steps if n in texts),
        findings=c.findings,
        finding_count=c.finding_count,
    )


def _step(result: StepResult, step: Step | None, lang: str) -> StepView:
    view = StepView(
        number=result.number, state=result.state, findings=result.findings, answer=result.answer
    )
    if step is None or result.state is not StepState.OPEN:
        return view
    question, bring, affirmed_if = step_texts(step, lang)
    return structs.replace(view, question=question, bring=bring, affirmed_if=affirmed_if)


def step_texts(step: Step, lang: str) -> tuple[str, str, str]:
    """The question of `step`, what to bring, and when it is affirmed, in Chinese or English."""
    if lang == "zh":
        return step.question, step.bring, step.affirmed_if
    return step.question_en, step.bring_en, step.affirmed_if_en


def wanted(step: Step, lang: str) -> Message:
    """What a person has to answer and bring for `step`, with its texts in `lang`."""
    question, bring, _ = step_texts(step, lang)
    return msg(
        "Step {number}: {question} (provide: {bring})",
        number=step.number, question=question, bring=bring,
    )  # fmt: skip


def catalog_view(catalog: Catalog) -> CatalogView:
    """The JSON view of `catalog`."""
    return CatalogView(
        schema=CATALOG_VIEW,
        catalog=catalog.id,
        title=catalog.title,
        title_en=catalog.title_en,
        edition=english(catalog.edition),
        source=catalog.source,
        confidence=english(catalog.confidence),
        licence=catalog.licence,
        sha256=catalog.sha256,
        clauses=catalog.clauses,
    )
