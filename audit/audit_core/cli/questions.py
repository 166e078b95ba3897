"""The command `questions`: what people still have to answer."""

from __future__ import annotations

from audit_core.attest.answers_in_force import AnswersInForce
from audit_core.attest.questions import Open, OpenAs, Question, counted, questions
from audit_core.cli import answers
from audit_core.cli.context import Context
from audit_core.cli.output import print_json, print_table, say
from audit_core.cli.stored import read_results
from audit_core.evaluate import profile_checks
from audit_core.model import Role, Target, msg
from audit_core.model.attestations import AnswerState
from audit_core.model.errors import UsageError
from audit_core.model.overall import RiskResult
from audit_core.model.results import Clause, Results
from audit_core.model.units import Step
from audit_core.policy import Profile
from audit_core.store.runs import Run
from audit_core.views.question_view import RiskRow, layer_of, questions_view, risks_to_judge
from audit_core.views.results_view import step_texts

_NAMED = 3  # targets that a row of the table names


def open_questions(context: Context) -> int:
    """Prints the questions that are open, before a run or after one."""
    run = ""
    risks: tuple[RiskResult, ...] = ()
    if context.args.run is None:
        found = before(context)
    else:
        stored = context.store.find(context.args.run)
        run, found = stored.id, after(context, stored)
        risks = risks_to_judge(read_results(context, stored))
    name = context.args.profile
    view = questions_view(found, lang=context.lang, profile=name, run=run, risks=risks)
    if context.args.format == "json":
        print_json(view)
    else:
        _print(context, name, found)
        _print_risks(context, view.risks)
    return 0


def _print_risks(context: Context, risks: tuple[RiskRow, ...]) -> None:
    """The rules that a person has to judge; nothing where there are none."""
    if not risks:
        return
    text = context.text
    heads = (text("rule"), text("asked"), text("clause"), text("targets"), text("verdicts"))
    rows = [
        (risk.id, risk.title, context.listed(risk.clauses), context.few(risk.targets, _NAMED),
         context.listed(context.code(verdict.value) for verdict in risk.verdicts))
        for risk in risks
    ]  # fmt: skip
    print_table(text("Risks to judge, under risks: of a file of answers"), heads, rows)


def before(context: Context) -> tuple[Question, ...]:
    """The questions on targets of the inventory that no check and no answer settles."""
    inventory = context.inventory()
    profile = context.profile(context.args.profile, tuple(inventory.system.extensions))
    chosen = context.chosen(profile, inventory)
    given = answers.given(context).answers
    judged = context.args.as_of or answers.today()
    listed = given.answers.answers if given is not None else ()
    answers.tell_unused(context, profile, chosen.targets, listed)
    left = unsettled(context, profile, AnswersInForce(listed, judged.isoformat()))
    objects = [object.root for object in context.objects(chosen.targets)]
    return questions(profile.clauses, objects, left)


def unsettled(context: Context, profile: Profile, standing: AnswersInForce) -> OpenAs:
    """What no check of `profile` settles and no answer of `standing`."""
    checks, _ = profile_checks(profile, context.registry)
    there = {check.id for check in checks}
    settled = {
        (b.catalog, b.clause, b.step)
        for b in profile.bindings
        if b.role is Role.SETTLES and b.check in there
    }

    def open_as(clause: Clause, step: Step, target: Target) -> Open | None:
        last = standing.of(clause, step, target)
        done = (clause.catalog, clause.id, step.number) in settled
        if done or (last is not None and last.state is AnswerState.COUNTS):
            return None
        return Open(last=last)

    return open_as


def after(context: Context, run: Run) -> tuple[Question, ...]:
    """The questions that `run` left open; raises UsageError where --answers is given, too."""
    if context.args.answers or context.args.as_of:
        detail = msg("a run has answers of its own: dengbao evaluate {run} --answers FILE gives it "
                     "others", run=run.id)  # fmt: skip
        raise UsageError(detail)
    results = read_results(context, run)
    objects = {entry.object for entry in results.entries}
    targets = [target for target in results.targets if target.id in objects]
    return questions(results.clauses, targets, left_by(results))


def left_by(results: Results) -> OpenAs:
    """What `results` leave open; an open step of a clause that conforms is not asked."""
    left = {
        (c.catalog, c.clause, step.number, c.target): Open(last=step.answer)
        for c in results.conclusions
        for step in c.steps
        if step.number in c.open_steps
    }

    def open_as(clause: Clause, step: Step, target: Target) -> Open | None:
        return left.get((clause.catalog, clause.id, step.number, target.id))

    return open_as


def _print(context: Context, profile: str, found: tuple[Question, ...]) -> None:
    text = context.text
    heads = (
        text("question"),
        text("layer"),
        text("method"),
        text("asked"),
        text("targets"),
        text("last answer"),
    )
    rows = [
        (
            question.id,
            layer_of(question.clause, context.lang),
            context.listed(map(context.code, question.step.methods)),
            step_texts(question.step, context.lang)[0],
            context.few(context.target_names(question.targets, question.clause.catalog), _NAMED),
            _became(context, question),
        )
        for question in found
    ]
    print_table(text("Open questions of {profile}", profile=profile), heads, rows)
    counts = counted(found)
    say(text("Open questions: {questions}, in rows of one clause and scope: {rows}; asked of each "
             "object by itself they would be {each} rows", questions=counts.questions,
             rows=counts.rows, each=counts.rows_each_object))  # fmt: skip


def _became(context: Context, question: Question) -> str:
    last = question.last
    if last is None:
        return ""
    return f"{last.by} {last.date}: {context.code(last.state.value)} ({last.valid_until})"
