"""The texts of result records and issues. Pure.

A record states values that were seen, the worst first; long lists are cut, never what failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, cast

from msgspec.structs import replace

from audit_core.model import (
    Conclusion,
    CutList,
    Finding,
    Message,
    Result,
    Value,
    Verdict,
    items_of,
    msg,
)
from audit_core.model.attestations import (
    DENIED_BY,
    NOT_APPLICABLE_BY,
    AnswerState,
    AnswerVerdict,
    StepAnswer,
)
from audit_core.model.messages import shortened
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
_EXPLAINED = frozenset({"inconclusive", "incomplete", "reason_given"})
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
MOST_TEXT = 400
"""Characters of an answer that a record shows; the pack has it all."""

FEW = 4
"""Items of a list that a record shows; the check results have them all."""

FEW_FAILED = 10
"""As `FEW`, of what failed; the list of issues has them all, too."""

SINGLE = 2
"""Findings of a check on other objects that are stated one by one; more are counted."""

PLACES = 2
"""Files or commands that a line names."""

_STOPS = " .。;；"

_ASK = msg("to be confirmed by a person")
_TO_DO = {
    "not_permitted": msg(
        "grant what dengbao plan --grants lists, or let the account read the named files, and "
        "collect again"
    ),
    "unreachable": msg("restore the connection and collect again"),
    "timed_out": msg("collect again while the host is idle"),
    "truncated": msg("check the stored answer by hand"),
    "unparsable": msg("check the stored answer by hand"),
    "not_collected": msg("collect again"),
    "unsupported": msg("assess it by hand"),
    "fault": msg("assess it by hand"),
    "not_present": msg("assess it by hand"),
}

SHORT = 160
"""Characters of one value that a record shows; the check results have them all."""


def _turned(parts: dict[str, list[str]]) -> dict[tuple[str, ...], tuple[str, ...]]:
    turned: dict[tuple[str, ...], tuple[str, ...]] = {}
    for part, checks in parts.items():
        key = tuple(checks)
        turned[key] = (*turned.get(key, ()), part)
    return turned


def _brief_message(message: Message, few: int = FEW) -> Message:
    if message.id == _WITH_WHY and _asked(message) == _NOT_PERMITTED:
        # The server's words and its statements of GRANT are in the check results.
        return _brief_message(cast(Message, message.args["detail"]), few)
    return replace(message, args={n: _cut(v, few) for n, v in message.args.items()})


_WITH_WHY, _NOT_PERMITTED = "{detail} ({why})", "{asked}: not permitted"


def _asked(message: Message) -> str:
    """The id of what `message` says of one request; empty where it is about something else."""
    inner = message.args.get("detail") if message.id == _WITH_WHY else message
    return inner.id if isinstance(inner, Message) and inner.id.startswith("{asked}") else ""


def _cut(value: Value, few: int) -> Value:
    items = items_of(value)
    if len(items) > few + 1:
        more = value.more if isinstance(value, CutList) else 0
        return CutList(items=items[:few], more=len(items) - few + more)
    if isinstance(value, str) and len(value) > SHORT:
        return value[: SHORT * 3 // 4] + "…"
    return value


def _reason(view: View, finding: Finding) -> str:
    """Why `finding` is not determined, its code in words first."""
    known = _REASONS.get(finding.why)
    code = view.say(known) if known else "" if finding.why in _EXPLAINED else finding.why
    return view.semicolon.join(part for part in (code, view.says(finding.detail)) if part)


def _shortened(view: View, finding: Finding) -> Finding:
    """`finding` with long lists shortened, those of a failure less.

    What did not fail leaves a demand that is too long to state to the check results.
    """
    expected = _brief_message(finding.expected) if finding.expected else None
    failed = finding.verdict is Verdict.FAIL
    if expected != finding.expected and not failed:
        expected = None
    few = FEW_FAILED if failed else FEW
    detail = tuple(_brief_message(m, few) for m in finding.detail)
    return replace(finding, detail=detail, expected=expected)


def finding_text(view: View, finding: Finding) -> str:
    """What was seen and expected, as a record states it."""
    about = ("finding", finding.verdict, finding.why, finding.detail, finding.expected)
    return view.once(about, lambda: _finding_text(view, finding))


def _finding_text(view: View, finding: Finding) -> str:
    if finding.verdict is Verdict.UNDETERMINED:
        body = view.say(msg("not determined because: {why}", why=_reason(view, finding)))
    elif finding.verdict is Verdict.NOT_APPLICABLE:
        why = view.says(finding.details) or _no_reason(view)
        return view.say(msg("not applicable because: {why}", why=why))
    else:
        body = _detail(view, finding)
    return view.semicolon.join((body, *_demanded(view, finding), *_unverified(view, (finding,))))


def _demanded(view: View, finding: Finding) -> list[str]:
    if finding.expected is None:
        return []
    return [view.say(msg("expected: {expected}", expected=view.say(finding.expected)))]


def _unverified(view: View, findings: Iterable[Finding]) -> list[str]:
    """What of the kinds of target was never tried on a real system, each once."""
    marks = [view.say(f.unverified) for f in findings if f.unverified is not None]
    return list(dict.fromkeys(marks))


def _detail(view: View, finding: Finding) -> str:
    """What was seen, or that no value was recorded."""
    return view.says(finding.detail) or view.text("no value was recorded")


def found_of(view: View, finding: Finding) -> str:
    """What was found of a deviation, in full."""
    found = _detail(view, _whole(finding))
    return view.semicolon.join((found, *_unverified(view, (finding,))))


def _whole(finding: Finding) -> Finding:
    """`finding` without what only repeats that a thing is not there."""
    detail = finding.detail
    if finding.why == "not_present" and finding.verdict is not Verdict.UNDETERMINED:
        detail = detail[:-1] or detail
    return replace(finding, detail=detail)


def unmet(view: View, finding: Finding) -> str:
    """The demand that a deviation does not meet."""
    check = view.checks.get(finding.check)
    title = view.say(check.title).rstrip(".。") if check else finding.check
    if finding.expected is None:
        return view.say(msg('It does not meet: "{title}"', title=title))
    return view.say(
        msg('It does not meet: "{title}" (expected: {expected})', title=title,
            expected=view.say(_brief_message(finding.expected)))
    )  # fmt: skip


def _no_reason(view: View) -> str:
    return view.text("NO REASON RECORDED: write it before handing this over")


def _bare(view: View, finding: Finding) -> str:
    """What is said of a finding that says nothing itself."""
    if finding.verdict is Verdict.NOT_APPLICABLE:
        return _no_reason(view)
    known = _REASONS.get(finding.why)
    return view.say(known) if known else view.text("no value was recorded")


class _Line(NamedTuple):
    """What a line says, and why and of which findings: those that say the same share one."""

    verdict: Verdict
    detail: str
    end: str


def _end(view: View, finding: Finding) -> str:
    """How the line of `finding` ends: the demand that is not met, or what is left to do."""
    if finding.verdict is Verdict.UNDETERMINED:
        return view.say(_TO_DO.get(finding.why, _ASK))
    if finding.verdict is not Verdict.FAIL:
        return ""
    if finding.expected is None:
        return view.text("requirement not met")
    demand = view.say(finding.expected)
    return view.say(msg("requirement not met: {expected}", expected=demand))


def _for_record(view: View, finding: Finding) -> Finding:
    """`finding` as a record states it: shortened, without what only repeats that it is absent.

    Of what could not be seen only that is stated: what else was seen settled nothing, and a part of
    the accounts without an empty password would be read as all of them.
    """
    whole = _whole(_shortened(view, finding))
    unseen = tuple(m for m in whole.detail if _asked(m))
    if whole.verdict is not Verdict.UNDETERMINED or finding.why not in _TO_DO or not unseen:
        return whole
    return replace(whole, detail=unseen)


def _lines(view: View, findings: Sequence[Finding], object: str) -> list[str]:
    """A line for each finding; findings that say the same share one, of several parts too."""
    about = [
        ("" if f.target == object else f.target, f.verdict, f.why, f.detail, f.expected,
         f.looked_at)
        for f in findings
    ]  # fmt: skip
    return view.once(("lines", about), lambda: _lines_of(view, findings, object))


def _lines_of(view: View, findings: Iterable[Finding], object: str) -> list[str]:
    alike: dict[_Line, dict[str, list[str]]] = {}
    for f in _joined(view, [_for_record(view, f) for f in _gathered(findings)]):
        what = _in_style(view, view.says(f.detail)) or _bare(view, f)
        parts = alike.setdefault(_Line(f.verdict, what, _end(view, f)), {})
        parts.setdefault("" if f.target == object else f.target, []).extend(_places(view, f))
    lines = []
    for line, parts in alike.items():
        for places, targets in _turned(parts).items():
            of = f"[{view.comma.join(targets)}] " if targets != ("",) else ""
            lines.append(of + _sentence(view, line, tuple(dict.fromkeys(places))))
    return lines


def _places(view: View, finding: Finding) -> list[str]:
    """What to name as looked at; nothing where a message says itself what was not answered."""
    has_question = bool(finding.detail) and bool(_asked(finding.detail[0]))
    if has_question or finding.why == "not_collected":
        return []
    return [_in_style(view, place) for place in finding.looked_at]


def _in_style(view: View, text: str) -> str:
    """`text` with the sign for more places as the language has it."""
    if not view.zh:
        return text
    return text.removesuffix(" …") + " 等" if text.endswith(" …") else text.replace(" …：", " 等：")


def _gathered(findings: Iterable[Finding]) -> list[Finding]:
    """Findings that do not apply for one reason, but for the names in it, as one with all names."""
    found: dict[object, Finding] = {}
    for f in findings:
        only = f.detail[0] if len(f.detail) == 1 else None
        if f.verdict is not Verdict.NOT_APPLICABLE or only is None or set(only.args) != {"names"}:
            found[f.id] = f
            continue
        key = (f.target, only.domain, only.id)
        before = items_of(found[key].detail[0].args["names"]) if key in found else ()
        names = tuple(dict.fromkeys((*before, *items_of(only.args["names"]))))
        found[key] = replace(f, detail=(replace(only, args={"names": names}),))
    return list(found.values())


def _joined(view: View, findings: list[Finding]) -> Iterator[Finding]:
    """Findings that end with the same reason as one, which says that reason once."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for f in findings:
        shares = f.verdict is Verdict.UNDETERMINED and len(f.detail) > 1
        key = (f.target, f.why, view.say(f.detail[-1])) if shares else (f.id,)
        groups.setdefault(key, []).append(f)
    for group in groups.values():
        first = group[0]
        if len(group) > 1:
            each = {view.say(m): m for f in group for m in f.detail[:-1]}
            own = tuple(each.values())
            places = dict.fromkeys(p for f in group for p in f.looked_at)
            first = replace(first, detail=(*own, first.detail[-1]), looked_at=tuple(places))
        yield first


def _sentence(view: View, line: _Line, places: tuple[str, ...]) -> str:
    """The line as a sentence without its end; a place that it names anyhow is not told twice."""
    if line.verdict is Verdict.NOT_APPLICABLE:
        return view.say(msg("Not applicable: {why}", why=line.detail))
    named = [p for p in places if p not in line.detail][:PLACES]
    if places and places[0] in line.detail:
        named = []  # what is left would only have helped to read it
    if line.verdict is Verdict.UNDETERMINED and line.end != view.say(_ASK):
        return _unseen(view, line, named)
    text = (
        msg("Examined {places}: {detail}", places=view.comma.join(named), detail=line.detail)
        if named
        else msg("Examined: {detail}", detail=line.detail)
    )
    return view.say(text) + (("，" if view.zh else "; ") + line.end if line.end else "")


def _unseen(view: View, line: _Line, named: list[str]) -> str:
    text = (
        msg("{places} could not be examined: {why}", places=view.comma.join(named),
            why=line.detail)
        if named
        else msg("Could not be examined: {why}", why=line.detail)
    )  # fmt: skip
    return view.say(text) + ("，" if view.zh else "; ") + line.end


def numbered(view: View, lines: Sequence[str]) -> tuple[str, ...]:
    """`lines` as an assessor writes them: numbered, with semicolons, a full stop at the end."""
    mark, between, stop = ("）", "；", "。") if view.zh else (") ", ";", ".")
    last = len(lines)
    return tuple(
        f"{n}{mark}{line.rstrip(_STOPS)}{stop if n == last else between}"
        for n, line in enumerate(lines, 1)
    )


def record(view: View, conclusion: Conclusion, *, book: str = "") -> tuple[str, ...]:
    """The result record (结果记录): what was seen, why, and what a person has to bring.

    `book` is the file with the list of questions, where the record stands in another one.
    """
    lines = (*finding_lines(view, conclusion), *answer_lines(view, conclusion))
    return (*numbered(view, lines), *_open_lines(view, conclusion, book)) or (
        view.text("NOTHING RECORDED: this result has no evidence"),
    )


def finding_lines(view: View, conclusion: Conclusion) -> tuple[str, ...]:
    """The lines of its findings, the worst first: the height of a row is limited."""
    found = sorted(view.findings_of(conclusion), key=lambda f: _ORDER[f.verdict])
    if not conclusion.rolled_up:
        return tuple(_lines(view, found, conclusion.target))
    own = [f for f in found if _is_of(f, conclusion.target)]
    return (*_lines(view, own, conclusion.target), *_rolled_up(view, conclusion, found))


def _is_of(finding: Finding, object: str) -> bool:
    return finding.target == object or finding.target.startswith(f"{object}/")


def _rolled_up(view: View, conclusion: Conclusion, found: list[Finding]) -> Iterator[str]:
    """A line for each check that was made of other objects: how many meet it, which do not."""
    by_check: dict[str, list[Finding]] = {}
    for f in found:
        if not _is_of(f, conclusion.target):
            by_check.setdefault(f.check, []).append(f)
    for check, some in by_check.items():
        counts = conclusion.rolled_up.get(check, {})
        concerned = sum(n for verdict, n in counts.items() if verdict is not Verdict.NOT_APPLICABLE)
        if not concerned:
            continue
        if concerned <= SINGLE:  # a value says more than a count
            yield from _lines(view, some, conclusion.target)
            continue
        info = view.checks.get(check)
        title = view.say(info.title).rstrip(_STOPS) if info else check
        head = msg("{title}: {passed} of {count} ({kind})", title=title,
                   passed=counts.get(Verdict.PASS, 0), count=concerned,
                   kind=view.kind_of(some[0].target))  # fmt: skip
        open_ = [f for f in some if f.verdict in (Verdict.FAIL, Verdict.UNDETERMINED)]
        open_lines = _lines(view, open_[:FEW_FAILED], conclusion.target)
        yield view.semicolon.join((view.say(head), *(line.rstrip(_STOPS) for line in open_lines)))


def answer_lines(view: View, conclusion: Conclusion) -> tuple[str, ...]:
    """What people said of its steps: how it was assessed, by whom, when, and what they found."""
    steps = {step.number: step for step in view.clause(conclusion).steps}
    alike: dict[tuple[str, ...], list[tuple[Step, StepAnswer]]] = {}
    for result in conclusion.steps:
        answer = result.answer
        if answer is not None and result.number in steps and answer.state in _SHOWN:
            key = (answer.by, answer.date, answer.valid_until, _answer_text(view, answer))
            alike.setdefault(key, []).append((steps[result.number], answer))
    return tuple(_answer_line(view, group) for group in alike.values())


def _answer_line(view: View, group: Sequence[tuple[Step, StepAnswer]]) -> str:
    """The line of answers that one person gave on one day with the same words."""
    answer = group[0][1]
    methods = dict.fromkeys(view.method(m) for step, _ in group for m in step.methods)
    head = msg("{methods} (step {number}; {by}, {date}, valid until {until})",
               methods=view.comma.join(methods) or view.text("answer"),
               number=view.comma.join(str(step.number) for step, _ in group),
               by=answer.by, date=answer.date, until=answer.valid_until)  # fmt: skip
    words = _words(view, group)
    mark = f"〔{words}〕" if view.zh else f"[{words}]"
    return f"{view.say(head)}{'：' if view.zh else ': '}{_answer_text(view, answer)} {mark}"


def _answer_text(view: View, answer: StepAnswer) -> str:
    parts = (answer.text, answer.reason, answer.value)
    text = view.semicolon.join(
        shortened(" ".join(part.split()), MOST_TEXT - 1) for part in parts if part
    )
    files = view.comma.join(f"{f.name} (sha256 {f.sha256[:16]}…)" for f in answer.attachments)
    return text + (
        view.semicolon + view.say(msg("attached: {files}", files=files)) if files else ""
    )


def _words(view: View, group: Sequence[tuple[Step, StepAnswer]]) -> str:
    """What was answered, once where it is the same for all steps."""
    words: dict[str, list[str]] = {}
    for step, answer in group:
        word = view.say(ANSWERED[answer.verdict])
        if answer.state is AnswerState.CONTRADICTED:
            word = view.say(msg("{word}; contradicted by checks", word=word))
        words.setdefault(word, []).append(str(step.number))
    if len(words) == 1:
        return next(iter(words))
    lines = (msg("step {number}: {word}", number=view.comma.join(numbers), word=word)
            for word, numbers in words.items())  # fmt: skip
    return view.says(tuple(lines))


def failed_lines(view: View, conclusion: Conclusion) -> int:
    """How many of the first lines are about what failed."""
    failed = [f for f in view.findings_of(conclusion) if f.verdict is Verdict.FAIL]
    if not conclusion.rolled_up:
        return len(_lines(view, failed, conclusion.target))
    own = [f for f in failed if _is_of(f, conclusion.target)]
    others = [f for f in failed if not _is_of(f, conclusion.target)]
    return len(_lines(view, own, conclusion.target)) + len({(f.check, f.target) for f in others})


def _open_lines(view: View, conclusion: Conclusion, book: str) -> tuple[str, ...]:
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
    marks = _unverified(view, view.findings_of(conclusion))
    lines += [view.say(msg("Note: {note}", note=n)) for n in (*map(view.say, notes), *marks)]
    lines += _reason_demanded(view, conclusion)
    lines += _asked_of_people(view, conclusion, book)
    return tuple(lines)


def _reason_demanded(view: View, conclusion: Conclusion) -> list[str]:
    if conclusion.conclusion is not Result.NOT_APPLICABLE or conclusion.why:
        return []
    reasons = [f.detail for f in view.findings_of(conclusion)
               if f.verdict is Verdict.NOT_APPLICABLE]  # fmt: skip
    return [] if any(reasons) else [_no_reason(view)]


def _asked_of_people(view: View, conclusion: Conclusion, book: str) -> list[str]:
    left = _left(view, conclusion, book)
    lines = [view.say(msg("To be provided: {what}", what=what)) for what in left]
    if conclusion.conclusion is Result.NOT_ASSESSED and not (conclusion.findings or conclusion.why):
        lines.insert(0, view.text("Not assessed: no check covers this item"))
    return lines


def _left(view: View, conclusion: Conclusion, book: str) -> list[str]:
    """What is left to people, in short; the list of questions has it in full."""
    asked = _asked_steps(view, conclusion)
    if not asked:
        return to_bring(view, conclusion)
    methods = dict.fromkeys(view.method(m) for step in asked for m in step.methods)
    steps = tuple(str(step.number) for step in asked)
    how = view.comma.join(methods) or view.text("answer")
    sheet = f"{book} {view.text('To be provided')}".strip()
    one = msg("step {steps} ({methods}), see the sheet {sheet}",
              steps=steps, methods=how, sheet=sheet)  # fmt: skip
    several = msg("steps {steps} ({methods}), see the sheet {sheet}",
                  steps=steps, methods=how, sheet=sheet)  # fmt: skip
    return [view.say(one if len(steps) == 1 else several)]


def _asked_steps(view: View, conclusion: Conclusion) -> list[Step]:
    open_steps = conclusion.open_steps
    return [s for s in view.clause(conclusion).steps if s.number in open_steps and s.question]


def to_bring(view: View, conclusion: Conclusion) -> list[str]:
    """What a person has to answer and bring; never empty for what was not assessed."""
    clause, asked = view.clause(conclusion), _asked_steps(view, conclusion)
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
