"""Why a clause is concluded as it is: rule, steps, findings, and the evidence they rest on."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct, structs

from audit_core.attest.answers_in_force import covers
from audit_core.cli import stored
from audit_core.cli.context import Context
from audit_core.cli.output import print_json, say
from audit_core.cli.system import NAMES
from audit_core.model import (
    Conclusion,
    Finding,
    Message,
    StepResult,
    Target,
    Verdict,
    ancestors,
    msg,
)
from audit_core.model.attestations import StepAnswer
from audit_core.model.errors import UsageError
from audit_core.model.messages import shortened
from audit_core.model.results import Clause, Evidence, Results, number_width
from audit_core.model.units import Step, UnitRule
from audit_core.model.waivers import Waiver
from audit_core.pack import evidence
from audit_core.policy.input_errors import nearest
from audit_core.policy.model import Binding
from audit_core.store.runs import Run
from audit_core.views.explain_view import (
    EXPLAIN_VIEW,
    ExplainedClause,
    ExplainedEvidence,
    ExplainedFinding,
    ExplainedStep,
    ExplainedTarget,
    ExplainedWaiver,
    ExplainView,
    TargetStep,
)
from audit_core.views.results_view import joined, step_texts

_LINES = 3
"""How many lines of each file are named."""
_WIDTH = 160
_SHORT = 3
"""Values shorter than this, numbers aside, stand in too many lines."""


class _EvidenceLocation(Struct, frozen=True, kw_only=True):
    bundle: str
    file: str
    evidence: Evidence


def explain(context: Context) -> int:
    """One clause, from its rule and steps to findings and evidence."""
    named = context.args.run or ("latest" if context.args.target else None)
    run = context.store.find(named) if named else None
    results = stored.read_results(context, run) if run is not None else None
    if results is None:
        found = _clauses(context, (c for k in context.policy.catalogs() for c in k.clauses))
        bindings = _written(context, found)
    else:
        found = _clauses(context, results.clauses)
        bindings = stored.profile_of(context, run).bindings if run is not None else ()
    targets = () if run is None or results is None else tuple(
        _targets(context, run, results, {(c.catalog, c.id): c for c in found})
    )  # fmt: skip
    _print(context, ExplainView(
        schema=EXPLAIN_VIEW,
        run=None if run is None else run.id,
        clauses=tuple(_clause(context, clause, bindings) for clause in found),
        targets=targets,
    ))  # fmt: skip
    return 0


def _print(context: Context, view: ExplainView) -> None:
    if context.args.format == "json":
        print_json(view)
        return
    for line in _lines(context, view):
        say(line)


def _clauses(context: Context, known: Iterable[Clause]) -> tuple[Clause, ...]:
    """The clauses of the id that was given, `CATALOG/CLAUSE` for one of a certain catalog."""
    catalog, _, id = context.args.clause.rpartition("/")
    there = tuple(known)
    found = tuple(c for c in there if c.id == id and catalog in ("", c.catalog))
    if not found:
        hint = nearest(id, (c.id for c in there))
        raise UsageError(msg("no clause {name}{hint}", name=repr(context.args.clause), hint=hint))
    return found


def _written(context: Context, clauses: Iterable[Clause]) -> tuple[Binding, ...]:
    """What the mappings bind to `clauses`, under whatever profile."""
    return tuple(
        Binding(catalog=c.catalog, clause=c.id, check=check, step=step, role=role)
        for c in clauses
        for (step, check), role in context.policy.mapping(c.catalog).of(c.id).items()
    )


def _clause(context: Context, clause: Clause, bindings: Iterable[Binding]) -> ExplainedClause:
    mine = [b for b in bindings if (b.catalog, b.clause) == (clause.catalog, clause.id)]
    whole = [b for b in mine if b.step is None]
    return ExplainedClause(
        catalog=clause.catalog,
        clause=clause.id,
        unit=clause.unit,
        gist=clause.gist if context.lang == "zh" or not clause.gist_en else clause.gist_en,
        confidence=clause.confidence,
        rule=rule_text(clause.rule),
        checks=tuple(_bound(b) for b in whole),
        steps=tuple(
            _step(context, s, [b for b in mine if b.step == s.number]) for s in clause.steps
        ),
    )


def rule_text(rule: UnitRule) -> str:
    """A unit rule as it is written: `1&3|2&3`."""
    return "|".join("&".join(map(str, steps)) for steps in rule.alternatives)


def _bound(binding: Binding) -> str:
    return f"{binding.check} {binding.role.value}"


def _step(context: Context, step: Step, bound: Sequence[Binding]) -> ExplainedStep:
    question, bring, affirmed_if = step_texts(step, context.lang)
    return ExplainedStep(
        number=step.number,
        question=question,
        bring=bring,
        affirmed_if=affirmed_if,
        settles=step.settles.value if step.settles is not None else None,
        checks=tuple(_bound(b) for b in bound),
    )


# --- what a run says ----------------------------------------------------------------------------


def _targets(
    context: Context, run: Run, results: Results, clauses: Mapping[tuple[str, str], Clause]
) -> Iterator[ExplainedTarget]:
    wanted = frozenset(_objects(results, context.args.target))
    places = dict(_places(results))
    for entry in results.entries:
        if wanted and entry.object not in wanted:
            continue
        whole = results.object(entry)
        findings = {f.id: f for f in (*whole.findings, *whole.cited)}
        for c in whole.conclusions:
            if (c.catalog, c.clause) in clauses:
                shown_target = _target(context, run, c, findings, places)
                waivers = tuple(_waivers(results, c, findings))
                yield structs.replace(shown_target, waivers=waivers)


def _waivers(
    results: Results, made: Conclusion, findings: Mapping[str, Finding]
) -> Iterator[ExplainedWaiver]:
    """The waivers about that clause on that object, or about a check of it that failed there."""
    known = {target.id: target for target in results.targets}
    there = [findings[id] for id in made.findings if id in findings]
    failed = [finding for finding in there if finding.verdict is Verdict.FAIL]
    for given in results.waivers:
        waiver = given.waiver
        selectors = waiver.targets or ("",)
        concerned = _concerned(waiver, made, failed, known)
        if any(covers(selector, known[id]) for selector in selectors for id in concerned):
            step = f" {waiver.step}" if waiver.step is not None else ""
            yield ExplainedWaiver(
                id=waiver.id, about=waiver.check or f"{waiver.clause}{step}", reason=waiver.reason,
                approver=waiver.approver, ticket=waiver.ticket, expires=waiver.expires,
                faults=given.faults,
            )  # fmt: skip


def _concerned(
    waiver: Waiver, made: Conclusion, failed: Iterable[Finding], known: Mapping[str, Target]
) -> tuple[str, ...]:
    """The targets one of which `waiver` has to cover to be about `made`; none where none can."""
    if waiver.clause == made.clause and waiver.catalog in ("", made.catalog):
        return (made.target,)
    failed_on = [known[f.target] for f in failed if f.check == waiver.check]
    about = [target.id for one in failed_on for target in (one, *ancestors(one, known))]
    return (*about, made.target) if about else ()


def _objects(results: Results, named: Iterable[str]) -> Iterator[str]:
    """The objects that targets are, or are parts of; raises UsageError for one not there."""
    of = results.object_of
    for name in named:
        if name not in of:
            raise UsageError(
                msg("--target {word}: not in these results{hint}", word=repr(name),
                    hint=nearest(name, of))
            )  # fmt: skip
        yield of[name]


def _places(results: Results) -> Iterator[tuple[str, _EvidenceLocation]]:
    """Where each observation stands in a pack, by its digest."""
    # numbered as the pack does it, over all objects
    numbers, width = itertools.count(1), number_width(results)
    for entry in results.entries:
        bundle = results.bundle_of(entry)
        for item in results.observations_of(entry):
            file = evidence.main_file(next(numbers), item, width)
            yield item.digest, _EvidenceLocation(bundle=bundle, file=file, evidence=item)


def _target(
    context: Context,
    run: Run,
    made: Conclusion,
    findings: Mapping[str, Finding],
    places: Mapping[str, _EvidenceLocation],
) -> ExplainedTarget:
    def explained(ids: Iterable[str]) -> tuple[ExplainedFinding, ...]:
        return tuple(_finding(context, run, findings[i], places) for i in ids if i in findings)

    of_steps = {id for step in made.steps for id in step.findings}
    return ExplainedTarget(
        catalog=made.catalog,
        clause=made.clause,
        target=made.target,
        conclusion=made.conclusion,
        pending=made.pending,
        range=made.range,
        why=joined(made.why, context.translator.say, context.lang),
        steps=tuple(_target_step(step, explained(step.findings)) for step in made.steps),
        findings=explained(id for id in made.findings if id not in of_steps),
    )


def _target_step(step: StepResult, findings: tuple[ExplainedFinding, ...]) -> TargetStep:
    return TargetStep(number=step.number, state=step.state, findings=findings, answer=step.answer)


def _finding(
    context: Context, run: Run, f: Finding, places: Mapping[str, _EvidenceLocation]
) -> ExplainedFinding:
    values = tuple(v for v in dict.fromkeys(_values(f.detail)) if len(v) >= _SHORT or v.isdigit())
    return ExplainedFinding(
        check=f.check,
        target=f.target,
        verdict=f.verdict,
        detail=joined(f.details, context.translator.say, context.lang),
        evidence=tuple(_evidence(run, places[d], values) for d in f.evidence if d in places),
    )


def _values(messages: Iterable[Message]) -> Iterator[str]:
    """The values in `messages`, whole texts and numbers, as they may stand in an answer."""
    for message in messages:
        for value in message.args.values():
            for one in value if isinstance(value, tuple | list) else (value,):
                if isinstance(one, Message):
                    yield from _values((one,))
                elif isinstance(one, str | int) and not isinstance(one, bool):
                    yield str(one).strip("'\"")


def _evidence(run: Run, place: _EvidenceLocation, values: Sequence[str]) -> ExplainedEvidence:
    lines: tuple[str, ...] = ()
    if place.evidence.stdout_size:
        with evidence.opened(run, place.bundle) as kept:
            lines = tuple(_matching(kept.get(place.evidence.stdout_sha256), values))
    return ExplainedEvidence(
        digest=place.evidence.digest, asked=place.evidence.asked, file=place.file, lines=lines
    )


def _matching(data: bytes, values: Sequence[str]) -> Iterator[str]:
    """The lines, `NUMBER: TEXT`, that hold most of `values` as words, the first of them."""
    patterns = [re.compile(rf"(?<!\w){re.escape(value)}(?!\w)") for value in values]
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    counts = [sum(bool(pattern.search(line)) for pattern in patterns) for line in lines]
    most = max(counts)
    for number in [n for n, count in enumerate(counts) if most and count == most][:_LINES]:
        line = lines[number]
        yield f"{number + 1}: {shortened(line, _WIDTH)}"


# --- as text ------------------------------------------------------------------------------------


def _lines(context: Context, view: ExplainView) -> Iterator[str]:
    text = context.text
    for clause in view.clauses:
        unit = f" ({clause.unit})" if clause.unit else ""
        yield f"{clause.catalog} {clause.clause}{unit}: {clause.gist}"
        if clause.confidence != "read":
            yield text("  not verified: {confidence}", confidence=clause.confidence)
        yield text("  conforms if: {rule}", rule=clause.rule)
        for step in clause.steps:
            yield from _step_lines(context, step)
        if clause.checks:
            yield text("  evidence for the clause as a whole: {checks}",
                       checks=", ".join(_check_lines(context, clause.checks)))  # fmt: skip
    for target in view.targets:
        yield ""
        yield from _target_lines(context, view, target)


def _check_lines(context: Context, bound: Iterable[str]) -> Iterator[str]:
    for one in bound:
        check, _, role = one.rpartition(" ")
        yield f"{check} ({context.code(role)})"


def _step_lines(context: Context, step: ExplainedStep) -> Iterator[str]:
    text = context.text
    settles = {
        "machine": text("machine"), "both": text("machine and person"), "person": text("person"),
    }.get(step.settles or "", text("steps not known"))  # fmt: skip
    yield f"  {step.number}. [{settles}] {step.question}"
    yield text("     bring: {bring}; affirmed if: {affirmed_if}", bring=step.bring,
               affirmed_if=step.affirmed_if)  # fmt: skip
    if step.checks:
        yield f"     {', '.join(_check_lines(context, step.checks))}"


def _target_lines(context: Context, view: ExplainView, target: ExplainedTarget) -> Iterator[str]:
    yield _conclusion_line(context, target)
    if target.why:
        yield f"  {target.why}"
    questions = {(c.catalog, c.clause, s.number): s for c in view.clauses for s in c.steps}
    for step in target.steps:
        known = questions.get((target.catalog, target.clause, step.number))
        yield from _settled_lines(context, step, known)
    for waiver in target.waivers:
        yield _waiver_line(context, waiver)
    if target.findings:
        yield context.text("  evidence for the clause as a whole:")
        for finding in target.findings:
            yield from _finding_lines(context, finding)


def _conclusion_line(context: Context, target: ExplainedTarget) -> str:
    say_ = context.translator.say
    words = " … ".join(say_(NAMES[r]) for r in target.range)
    pending = context.text(", pending") if target.pending else ""
    head = f"{target.catalog} {target.clause} @ {target.target}: {say_(NAMES[target.conclusion])}"
    return f"{head}{pending} ({words})" if len(target.range) > 1 else head


def _settled_lines(
    context: Context, step: TargetStep, known: ExplainedStep | None
) -> Iterator[str]:
    """What became of one step on a target, with its question where it is open."""
    yield f"  {step.number}. {context.code(step.state.value)}"
    if step.state.value == "open" and known is not None:
        yield context.text("     open: {question} (bring: {bring})", question=known.question,
                           bring=known.bring)  # fmt: skip
    if step.answer is not None:
        yield _answer_line(context, step.answer)
    for finding in step.findings:
        yield from _finding_lines(context, finding)


def _waiver_line(context: Context, waiver: ExplainedWaiver) -> str:
    faults = context.listed(context.code(fault.value) for fault in waiver.faults)
    line = context.text("  waived: {about}, approved by {approver} until {expires}: {reason}",
                        about=waiver.about, approver=waiver.approver or "–",
                        expires=waiver.expires, reason=waiver.reason)  # fmt: skip
    return f"{line} [{faults}]" if faults else line


def _answer_line(context: Context, answer: StepAnswer) -> str:
    return context.text(
        "     answer of {by}, {date}, valid until {valid_until}: {verdict} ({state}) {text}",
        by=answer.by, date=answer.date, valid_until=answer.valid_until,
        verdict=context.code(answer.verdict.value), state=context.code(answer.state.value),
        text=answer.text or answer.reason or answer.value,
    )  # fmt: skip


def _finding_lines(context: Context, finding: ExplainedFinding) -> Iterator[str]:
    verdict = context.code(finding.verdict.value)
    yield f"     {finding.check} @ {finding.target}: {verdict}: {finding.detail}"
    for item in finding.evidence:
        yield f"       {item.digest}"
        yield f"       {item.file}  ({item.asked})"
        for line in item.lines:
            yield f"         {line}"
