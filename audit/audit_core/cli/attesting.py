"""The command `attest`: asks the open questions in the terminal and writes a file of answers.

Each answer is written before the next question is asked, so that a session can be broken off at any
time; the next one continues with the open questions.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from pathlib import Path

from audit_core.attest.answers_in_force import AnswersInForce
from audit_core.attest.judgements import risks_in_force
from audit_core.attest.limits import in_words
from audit_core.attest.questions import Open, OpenAs, Question, questions
from audit_core.attest.reading import read_answers
from audit_core.attest.writing import (
    Draft,
    appended,
    drafted,
    drafted_risk,
    read_if_there,
    replace,
)
from audit_core.cli import answers, prompts
from audit_core.cli.context import Context
from audit_core.cli.output import say
from audit_core.cli.questions import left_by, unsettled
from audit_core.cli.stored import read_results
from audit_core.model import Target
from audit_core.model.attestations import AnswerState
from audit_core.model.overall import RiskResult
from audit_core.model.results import Clause
from audit_core.model.units import Step
from audit_core.views.question_view import layer_of, risks_to_judge
from audit_core.views.results_view import step_texts

_VERDICTS = {"a": "affirmed", "d": "denied", "n": "not_applicable", "v": "value"}


def attest(context: Context) -> int:
    """Asks the open questions one after another; every answer given so far is in the file."""
    path: Path = context.args.to
    today, written = answers.today(), 0
    asked = () if context.args.risks else _open(context, today)
    risks = _risks(context, today)
    text = context.text
    say(text("Open questions: {count}. Answers go to {path}", count=len(asked), path=path))
    if risks:
        say(text("High-risk rules to judge after them: {count}", count=len(risks)))
    try:
        for draft in _drafts(context, asked, risks, today):
            _write(context, path, draft, today)
            written += 1
    except prompts.Ended:
        say()
    say(text("Answers written: {count}; the same command continues with the open questions",
             count=written))  # fmt: skip
    return 0


def _drafts(
    context: Context,
    asked: Sequence[Question],
    risks: Sequence[RiskResult],
    today: datetime.date,
) -> Iterator[Draft]:
    """What the person answers, one after another; raises Ended."""
    for number, question in enumerate(asked, 1):
        draft = _ask(context, question, f"{number}/{len(asked)}", today)
        if draft is not None:
            yield draft
    for number, risk in enumerate(risks, 1):
        draft = _ask_risk(context, risk, f"{number}/{len(risks)}", today)
        if draft is not None:
            yield draft


# --- what is open -------------------------------------------------------------------------------


def _open(context: Context, today: datetime.date) -> tuple[Question, ...]:
    """What is open, and not answered in the file."""
    path: Path = context.args.to
    given = answers.read(context, [path]) if read_if_there(path).strip() else None
    listed = given.answers.answers if given is not None else ()
    if context.args.run is not None:
        results = read_results(context, context.store.find(context.args.run))
        standing = AnswersInForce(listed, results.run.judged)
        ids = {entry.object for entry in results.entries}
        targets = [target for target in results.targets if target.id in ids]
        return questions(results.clauses, targets, _unanswered(left_by(results), standing))
    inventory = context.inventory()
    profile = context.profile(context.args.profile, tuple(inventory.system.extensions))
    chosen = context.chosen(profile, inventory)
    left = unsettled(context, profile, AnswersInForce(listed, today.isoformat()))
    objects = [object.root for object in context.objects(chosen.targets)]
    return questions(profile.clauses, objects, left)


def _risks(context: Context, today: datetime.date) -> tuple[RiskResult, ...]:
    """The rules that the run left to be judged, and that the file does not judge."""
    if context.args.run is None:
        return ()
    path: Path = context.args.to
    found = risks_to_judge(read_results(context, context.store.find(context.args.run)))
    given = answers.read(context, [path]) if read_if_there(path).strip() else None
    held = risks_in_force(given.answers.risks if given else (), today.isoformat())
    return tuple(r for r in found if r.rule not in held or held[r.rule].state != "counts")


def _unanswered(left: OpenAs, standing: AnswersInForce) -> OpenAs:
    def open_as(clause: Clause, step: Step, target: Target) -> Open | None:
        last = standing.of(clause, step, target)
        if last is not None and last.state in (AnswerState.COUNTS, AnswerState.UNJUDGED):
            return None
        return left(clause, step, target)

    return open_as


# --- asking -------------------------------------------------------------------------------------


def _ask(context: Context, question: Question, number: str, today: datetime.date) -> Draft | None:
    """The answer to `question`; None where it is skipped. Raises Ended."""
    _show(context, question, number)
    prompt = context.text("a affirmed, d denied, n not applicable, v value, s skip, q quit")

    verdict = prompts.verdict(context, prompt, _VERDICTS)
    if verdict is None:
        return None

    def drafting(text: str) -> Draft:
        return drafted(question.id, verdict, text, context.args.by, today.isoformat(), today)

    draft = prompts.valid(context, _prompt(context, verdict), drafting, today)
    return prompts.with_attachments(context, prompts.dated(context, draft, today), today)


def _ask_risk(
    context: Context, risk: RiskResult, number: str, today: datetime.date
) -> Draft | None:
    """The judgement of `risk`; None where it is skipped. Raises Ended."""
    _show_risk(context, risk, number)
    verdicts = {"h": "holds", "x": "dismissed", **({"m": "mitigated"} if risk.mitigable else {})}
    prompt = context.text("h it holds, x it does not, m other measures lower it, s skip, q quit")
    if not risk.mitigable:
        prompt = context.text("h it holds, x it does not (no mitigation counts), s skip, q quit")

    verdict = prompts.verdict(context, prompt, verdicts)
    if verdict is None:
        return None

    def drafting(text: str) -> Draft:
        rule = (risk.catalog, risk.rule)
        return drafted_risk(rule, verdict, text, context.args.by, today.isoformat(), today)

    draft = prompts.valid(context, context.text("why, or by which measures"), drafting, today)
    return prompts.dated(context, draft, today)


def _show_risk(context: Context, risk: RiskResult, number: str) -> None:
    text, zh = context.text, context.lang == "zh"
    major = f" {risk.major}" if risk.major else ""
    say()
    say(f"[{number}] risk/{risk.rule}{major}")
    say(risk.title if zh or not risk.title_en else risk.title_en)
    if risk.condition:
        say(risk.condition)
    if risk.clauses:
        say(text("Items: {clauses}", clauses=risk.clauses))
    if risk.targets:
        say(text("For: {targets}", targets=context.target_names(risk.targets, risk.catalog)))


def _show(context: Context, question: Question, number: str) -> None:
    text, step = context.text, question.step
    asked, bring, affirmed_if = step_texts(step, context.lang)
    methods = context.listed(map(context.code, step.methods))
    say()
    say(f"[{number}] {question.id} · {layer_of(question.clause, context.lang)} · {methods}")
    say(asked)
    say(text("To bring: {bring}", bring=bring))
    say(text("Affirmed if: {when}", when=affirmed_if))
    if limit := in_words(step.limit):
        say(text("Limit of dates, given as a value: {limit}", limit=context.translator.say(limit)))
    say(text("For: {targets}",
             targets=context.target_names(question.targets, question.clause.catalog)))  # fmt: skip
    if question.last is not None:
        say(text("Last answer: {text}", text=f"{question.last.by} {question.last.date} "
                 f"({context.code(question.last.state.value)}) {question.last.text}"))  # fmt: skip


def _prompt(context: Context, verdict: str) -> str:
    text = context.text
    if verdict == "not_applicable":
        return text("reason")
    return text("value") if verdict == "value" else text("what was found")


# --- writing ------------------------------------------------------------------------------------


def _write(context: Context, path: Path, draft: Draft, today: datetime.date) -> None:
    """`draft` stands at the end of the file, which is read again: others may have changed it."""
    raw = appended(read_if_there(path), draft, str(path))
    read_answers([path], context.policy, answers.redacting(context), today=today, raw={path: raw})
    replace(path, raw)
