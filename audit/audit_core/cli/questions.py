"""The command `questions`: what people still have to answer."""

from __future__ import annotations

from audit_core.attest.questions import IsOpen, Question, counted, questions
from audit_core.cli.context import Context
from audit_core.cli.output import print_json, print_table, say
from audit_core.cli.stored import read_results
from audit_core.evaluate import profile_checks
from audit_core.model import Role, Target
from audit_core.model.results import Clause, Results
from audit_core.model.units import Step
from audit_core.views.question_view import layer_of, questions_view
from audit_core.views.results_view import step_texts

_NAMED = 3  # targets that a row of the table names


def open_questions(context: Context) -> int:
    """Prints the questions that are open, before a run or after one."""
    run = ""
    if context.args.run is None:
        found = _before(context)
    else:
        stored = context.store.find(context.args.run)
        run, found = stored.id, asked_after(read_results(context, stored))
    name = context.args.profile
    if context.args.format == "json":
        print_json(questions_view(found, lang=context.lang, profile=name, run=run))
    else:
        _print(context, name, found)
    return 0


def _before(context: Context) -> tuple[Question, ...]:
    """What no check settles, of the targets of the inventory."""
    inventory = context.inventory()
    profile = context.profile(context.args.profile, tuple(inventory.system.extensions))
    checks, _ = profile_checks(profile, context.registry)
    there = {check.id for check in checks}
    settled = {
        (b.catalog, b.clause, b.step)
        for b in profile.bindings
        if b.role is Role.SETTLES and b.check in there
    }

    def is_open(clause: Clause, step: Step, target: Target) -> bool:
        return (clause.catalog, clause.id, step.number) not in settled

    chosen = context.chosen(profile, inventory)
    return questions(profile.clauses, [group.root for group in chosen.groups], is_open)


def asked_after(results: Results) -> tuple[Question, ...]:
    """What a run left open."""
    objects = {entry.object for entry in results.entries}
    targets = [target for target in results.targets if target.id in objects]
    return questions(results.clauses, targets, open_in(results))


def open_in(results: Results) -> IsOpen:
    """Whether `results` leave a step open; an open step of a clause that conforms is not asked."""
    left = {
        (c.catalog, c.clause, number, c.target)
        for c in results.conclusions
        for number in c.open_steps
    }

    def is_open(clause: Clause, step: Step, target: Target) -> bool:
        return (clause.catalog, clause.id, step.number, target.id) in left

    return is_open


def _print(context: Context, profile: str, found: tuple[Question, ...]) -> None:
    text = context.text
    heads = (text("question"), text("layer"), text("method"), text("asked"), text("targets"))
    rows = [
        (
            question.id,
            layer_of(question.clause, context.lang),
            ", ".join(map(context.code, question.step.methods)),
            step_texts(question.step, context.lang)[0],
            _targets(question.targets),
        )
        for question in found
    ]
    print_table(text("Open questions of {profile}", profile=profile), heads, rows)
    counts = counted(found)
    say(text("Open questions: {questions}, in rows of one clause and scope: {rows}; asked of each "
             "object by itself they would be {each} rows", questions=counts.questions,
             rows=counts.rows, each=counts.rows_each_object))  # fmt: skip


def _targets(ids: tuple[str, ...]) -> str:
    more = len(ids) - _NAMED
    return ", ".join(ids[:_NAMED]) + (f" +{more}" if more > 0 else "")
