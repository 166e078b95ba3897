"""The texts of result records and issues. Pure.

A record states values that were seen, the worst first; long lists are cut, never what failed.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from audit_core.model import Conclusion, Finding, Message, Result, Value, Verdict, msg
from audit_core.model.attestations import (
    DENIED_BY,
    NOT_APPLICABLE_BY,
    AnswerState,
    AnswerVerdict,
    StepAnswer,
)
from audit_core.model.units import Step
from audit_core.views.results_view import wanted
from audit_excel.view import View

_REASONS = {
    "not_present": msg("not present"),
    "not_permitted": msg("no permission"),
    "unreachable": msg("not reachable"),
    "timed_out": msg("timed out"),
    "truncated": msg("the answer was truncated"),
    "unparsable": msg("the answer could not be read with certainty"),
    "not_collected": msg("not collected"),
    "unsupported": msg("not supported on this platform"),
    "fault": msg("fault of the tool"),
}
_TOLD = frozenset({"inconclusive", "incomplete", "reason_given"})
"""Codes that add nothing: the finding says what its reason is."""
_ORDER = {
    Verdict.FAIL: 0,
    Verdict.UNDETERMINED: 1,
    Verdict.NOT_APPLICABLE: 2,
    Verdict.PASS: 3,
}

_SHOWN = (AnswerState.COUNTS, AnswerState.CONTRADICTED)
"""What becomes of an answer that a record states; the others are told as notes."""

ANSWERED = {
    AnswerVerdict.AFFIRMED: msg("fulfilled"),
    AnswerVerdict.DENIED: msg("not fulfilled"),
    AnswerVerdict.NOT_APPLICABLE: msg("not applicable"),
    AnswerVerdict.VALUE: msg("value"),
}
_IN_ANSWERS = (DENIED_BY.id, NOT_APPLICABLE_BY.id)
TOLD_MOST = 400
"""Characters of an answer that a record shows; the pack has it all."""

FEW = 4
"""Items of a list that a record shows; the check results have them all."""

SHORT = 160
"""Characters of one value that a record shows; the check results have them all."""


def _turned(parts: dict[str, list[str]]) -> dict[tuple[str, ...], tuple[str, ...]]:
    turned: dict[tuple[str, ...], tuple[str, ...]] = {}
    for part, checks in parts.items():
        key = tuple(checks)
        turned[key] = (*turned.get(key, ()), part)
    return turned


def _brief_message(view: View, message: Message) -> Message:
    return replace(message, args={n: _cut(view, v) for n, v in message.args.items()})


def _cut(view: View, value: Value) -> Value:
    if isinstance(value, tuple) and len(value) > FEW + 1:
        rest = msg("… {count} in all", count=len(value))
        return (*value[:FEW], view.source.say(rest))
    if isinstance(value, str) and len(value) > SHORT:
        return value[: SHORT * 3 // 4] + "…"
    return value


def _reason(view: View, finding: Finding) -> str:
    """Why `finding` is not determined, its code in words first."""
    known = _REASONS.get(finding.why)
    code = view.say(known) if known else "" if finding.why in _TOLD else finding.why
    return view.semicolon.join(part for part in (code, view.says(finding.detail)) if part)


def _shortened(view: View, finding: Finding) -> Finding:
    """`finding` with long lists shortened: never the values of a failure, always the requirement.

    What did not fail leaves a demand that is too long to state to the check results.
    """
    expected = _brief_message(view, finding.expected) if finding.expected else None
    whole = finding.verdict is Verdict.FAIL
    if expected != finding.expected and not whole:
        expected = None
    detail = finding.detail if whole else tuple(_brief_message(view, m) for m in finding.detail)
    return replace(finding, detail=detail, expected=expected)


def seen(view: View, finding: Finding) -> str:
    """What was seen and expected, as a record states it."""
    if finding.verdict is Verdict.UNDETERMINED:
        body = view.say(msg("not determined because: {why}", why=_reason(view, finding)))
    elif finding.verdict is Verdict.NOT_APPLICABLE:
        why = view.says(finding.detail) or _no_reason(view)
        return view.say(msg("not applicable because: {why}", why=why))
    else:
        body = _detail(view, finding)
    if finding.expected is None:
        return body
    expected = view.say(finding.expected)
    return body + view.semicolon + view.say(msg("expected: {expected}", expected=expected))


def _detail(view: View, finding: Finding) -> str:
    """What was seen, or that no value was recorded."""
    return view.says(finding.detail) or view.text("no value was recorded")


def problem(view: View, finding: Finding) -> tuple[str, ...]:
    """The deviation as a problem statement: what was seen, which demand it does not meet."""
    brief = _shortened(view, finding)
    check = view.checks.get(finding.check)
    title = view.say(check.title).rstrip(".。") if check else finding.check
    unmet = msg('It does not meet: "{title}"', title=title)
    if brief.expected is not None:
        unmet = msg('It does not meet: "{title}" (expected: {expected})', title=title,
                    expected=view.say(brief.expected))  # fmt: skip
    return view.say(msg("Found: {detail}.", detail=_detail(view, brief))), view.say(unmet)


def _no_reason(view: View) -> str:
    return view.text("NO REASON RECORDED: write it before handing this over")


def _lines(view: View, findings: Iterable[Finding], object: str) -> list[str]:
    """A line for each finding; findings that say the same share one, of several parts too."""
    alike: dict[tuple[str, str], dict[str, list[str]]] = {}
    for f in findings:
        parts = alike.setdefault((seen(view, _shortened(view, f)), view.verdict(f.verdict)), {})
        parts.setdefault("" if f.target == object else f.target, []).append(f.check)
    lines = []
    for (detail, verdict), parts in alike.items():
        for checks, targets in _turned(parts).items():
            of = f"[{view.comma.join(targets)}] " if targets != ("",) else ""
            mark = f"{verdict} · {view.comma.join(checks)}"
            lines.append(of + (f"{detail} 〔{mark}〕" if view.zh else f"{detail} [{mark}]"))
    return lines


def record(view: View, conclusion: Conclusion) -> tuple[str, ...]:
    """The result record (结果记录): what was seen, why, and what a person has to bring."""
    told = (*seen_lines(view, conclusion), *answer_lines(view, conclusion))
    return (*told, *_open_lines(view, conclusion)) or (
        view.text("NOTHING RECORDED: this result has no evidence"),
    )


def seen_lines(view: View, conclusion: Conclusion) -> tuple[str, ...]:
    """The lines of its findings, the worst first: the height of a row is limited."""
    found = sorted(view.findings_of(conclusion), key=lambda f: _ORDER[f.verdict])
    return tuple(_lines(view, found, conclusion.target))


def answer_lines(view: View, conclusion: Conclusion) -> tuple[str, ...]:
    """What people said of its steps: how it was assessed, by whom, when, and what they found."""
    steps = {step.number: step for step in view.clause(conclusion).steps}
    return tuple(
        _answer_line(view, steps[step.number], step.answer)
        for step in conclusion.steps
        if step.answer is not None and step.number in steps and step.answer.state in _SHOWN
    )


def _answer_line(view: View, step: Step, answer: StepAnswer) -> str:
    methods = view.comma.join(view.method(m) for m in step.methods) or view.text("answer")
    head = msg("{methods} (step {number}; {by}, {date}, valid until {until})", methods=methods,
               number=step.number, by=answer.by, date=answer.date,
               until=answer.valid_until)  # fmt: skip
    parts = (answer.text, answer.reason, answer.value)
    said = view.semicolon.join(_short(" ".join(part.split())) for part in parts if part)
    word = view.say(ANSWERED[answer.verdict])
    if answer.state is AnswerState.CONTRADICTED:
        word = view.say(msg("{word}; contradicted by checks", word=word))
    files = view.comma.join(f"{f.name} (sha256 {f.sha256[:16]}…)" for f in answer.attachments)
    more = view.semicolon + view.say(msg("attached: {files}", files=files)) if files else ""
    mark = f"〔{word}〕" if view.zh else f"[{word}]"
    return f"{view.say(head)}{'：' if view.zh else ': '}{said}{more} {mark}"


def _short(text: str) -> str:
    return text if len(text) <= TOLD_MOST else text[: TOLD_MOST - 1] + "…"


def failed_lines(view: View, conclusion: Conclusion) -> int:
    """How many of the first lines are about what failed."""
    failed = [f for f in view.findings_of(conclusion) if f.verdict is Verdict.FAIL]
    return len(_lines(view, failed, conclusion.target))


def _open_lines(view: View, conclusion: Conclusion) -> tuple[str, ...]:
    """What follows the findings: why it is so concluded, and what a person has to bring."""
    lines = [
        view.say(msg("Finding {id} is not among the results", id=id))
        for id in conclusion.findings
        if id not in view.findings
    ]
    if (more := conclusion.finding_count - len(conclusion.findings)) > 0:
        counted = msg(
            "{count} more findings belong to this item, none with a worse verdict", count=more
        )
        lines.append(view.say(counted))
    notes = [m for m in conclusion.why if m.id not in _IN_ANSWERS]
    lines += [view.say(msg("Note: {note}", note=view.say(m))) for m in notes]
    lines += _reason_demanded(view, conclusion)
    lines += _asked_of_people(view, conclusion)
    return tuple(lines)


def _reason_demanded(view: View, conclusion: Conclusion) -> list[str]:
    if conclusion.conclusion is not Result.NOT_APPLICABLE or conclusion.why:
        return []
    reasons = [f.detail for f in view.findings_of(conclusion)
               if f.verdict is Verdict.NOT_APPLICABLE]  # fmt: skip
    return [] if any(reasons) else [_no_reason(view)]


def _asked_of_people(view: View, conclusion: Conclusion) -> list[str]:
    wanted = to_bring(view, conclusion)
    lines = [view.say(msg("To be provided: {what}", what=what)) for what in wanted]
    if conclusion.conclusion is Result.NOT_ASSESSED and not (conclusion.findings or conclusion.why):
        lines.insert(0, view.text("Not assessed: no check covers this item"))
    return lines


def to_bring(view: View, conclusion: Conclusion) -> list[str]:
    """What a person has to answer and bring; never empty for what was not assessed."""
    clause, open_steps = view.clause(conclusion), conclusion.open_steps
    asked = [s for s in clause.steps if s.number in open_steps and s.question]
    if asked or conclusion.conclusion is not Result.NOT_ASSESSED:
        return [view.say(wanted(step, view.source.lang)) for step in asked]
    methods = view.methods(clause)
    return [
        view.say(
            msg(
                "a record by a person ({methods}) on: {objects}",
                methods=methods or view.text("method as in the standard"),
                objects=clause.objects or view.name(conclusion.target),
            )
        )
    ]
