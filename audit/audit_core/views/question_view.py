"""What `dengbao questions` prints as JSON. PURE."""

from __future__ import annotations

import enum

from msgspec import Struct

from audit_core.attest.questions import Question, StepKey, counted
from audit_core.attest.validity import valid_days
from audit_core.model.attestations import RiskVerdict
from audit_core.model.overall import RiskResult, RiskState
from audit_core.model.results import Clause, Results
from audit_core.model.units import Scope
from audit_core.views.results_view import step_texts

QUESTIONS_VIEW = "dengbao/questions-view/1"


class QuestionState(enum.StrEnum):
    """Why a question is open. OPEN: nobody has answered it, or not all objects alike."""

    OPEN = "open"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    UNJUDGED = "unjudged"
    CONTRADICTED = "contradicted"


class QuestionRow(Struct, frozen=True, kw_only=True):
    """A question of `dengbao questions`, in the language of the command."""

    id: str
    scope: Scope
    targets: tuple[str, ...]
    catalog: str
    clause: str
    unit: str | None
    step: int
    layer: str
    method: tuple[str, ...]
    question: str
    bring: str
    affirmed_if: str
    answer: str
    threshold: str
    limit: str
    valid_days: int
    state: QuestionState
    due: str | None
    also: tuple[str, ...]


class RiskRow(Struct, frozen=True, kw_only=True):
    """A high-risk rule that a person has to judge, in the language of the command.

    It is answered under `risks:` of a file of answers, not under `answers:`.
    """

    id: str
    rule: str
    catalog: str
    title: str
    condition: str
    clauses: tuple[str, ...]
    targets: tuple[str, ...]
    state: RiskState
    verdicts: tuple[RiskVerdict, ...]
    major: str


class QuestionCounts(Struct, frozen=True, kw_only=True):
    """How much people have to answer; each question is part of one row."""

    questions: int
    rows: int
    rows_each_object: int


class QuestionsView(Struct, frozen=True, kw_only=True):
    """The open questions of a profile; `run` is empty where no run was looked at."""

    schema: str
    lang: str
    profile: str
    run: str
    counts: QuestionCounts
    questions: tuple[QuestionRow, ...]
    risks: tuple[RiskRow, ...] = ()


def questions_view(
    found: tuple[Question, ...],
    *,
    lang: str,
    profile: str,
    run: str,
    risks: tuple[RiskResult, ...] = (),
) -> QuestionsView:
    """`found`, and the `risks` that a person has to judge, as printed."""
    counts = counted(found)
    return QuestionsView(
        schema=QUESTIONS_VIEW,
        lang=lang,
        profile=profile,
        run=run,
        counts=QuestionCounts(
            questions=counts.questions,
            rows=counts.rows,
            rows_each_object=counts.rows_each_object,
        ),
        questions=tuple(_row(question, lang) for question in found),
        risks=tuple(_risk(risk, lang) for risk in risks),
    )


def risks_to_judge(results: Results) -> tuple[RiskResult, ...]:
    """The rules that a person has to judge: suspected ones, and those that no step decides."""
    found = {
        (risk.catalog, risk.rule): risk
        for system in results.system
        for risk in system.risks
        if risk.state is RiskState.SUSPECTED or (risk.state is RiskState.OPEN and not risk.clauses)
    }
    return tuple(found.values())


def _risk(risk: RiskResult, lang: str) -> RiskRow:
    allowed = [v for v in RiskVerdict if risk.mitigable or v is not RiskVerdict.MITIGATED]
    return RiskRow(
        id=f"risk/{risk.rule}",
        rule=risk.rule,
        catalog=risk.catalog,
        title=risk.title if lang == "zh" or not risk.title_en else risk.title_en,
        condition=risk.condition,
        clauses=risk.clauses,
        targets=risk.targets,
        state=risk.state,
        verdicts=tuple(allowed),
        major=risk.major,
    )


def _row(question: Question, lang: str) -> QuestionRow:
    clause, step = question.clause, question.step
    asked, bring, affirmed_if = step_texts(step, lang)
    return QuestionRow(
        id=question.id,
        scope=question.scope,
        targets=question.targets,
        catalog=clause.catalog,
        clause=clause.id,
        unit=clause.unit,
        step=step.number,
        layer=layer_of(clause, lang),
        method=step.methods,
        question=asked,
        bring=bring,
        affirmed_if=affirmed_if,
        answer=step.answer,
        threshold=step.threshold,
        limit=step.limit,
        valid_days=valid_days(step),
        state=QuestionState(question.last.state if question.last else "open"),
        due=question.last.valid_until if question.last else None,
        also=tuple(map(_key, question.also)),
    )


def layer_of(clause: Clause, lang: str) -> str:
    """The layer of `clause` in the language `lang`."""
    return clause.layer if lang == "zh" or not clause.layer_en else clause.layer_en


def _key(key: StepKey) -> str:
    return "/".join(map(str, key))
