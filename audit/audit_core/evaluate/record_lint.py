"""What a reviewer would reject in the records of a run. PURE.

Sources: the faults that reviewers name in records of classified protection (see docs/en/policy.md).
"""

from __future__ import annotations

import datetime
import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from audit_core.model import Conclusion, Finding, Message, Result, StepState, Verdict, as_is, msg
from audit_core.model.attestations import AnswerState, AnswerVerdict, StepAnswer
from audit_core.model.results import Clause, ObjectResults, Results
from audit_core.model.review import ProblemKind, RecordProblem
from audit_core.model.units import Step

OLD_DAYS = 183
"""Evidence older than this (six months) is refused."""
_ALIKE = 0.85
_LEAST = 4
"""Texts of fewer letters are compared with nothing."""
_NAME_LEAST = 2

_LOOKED = re.compile(
    r"(?:经|已|通过|现场|实地|人工)*(?:核查|检查|查看|查验|查|访谈|核实|测评|确认|验证)"
    r"(?:后|过|完毕|得知|发现|了)?|(?:it was |we )?(?:checked|examined|verified|confirmed|seen)",
    re.IGNORECASE,
)
"""How a sentence begins or ends without any fact in it."""

_EMPTY = re.compile(
    r"(?:已经?|均|都|全部|基本|完全|能够?|可以?|按)*(?:符合|满足|达到|具备|做到|落实|执行|完成|通过)?了?"
    r"(?:该|本|此|相关|测评|标准|制度|安全|等保|等级保护|项)*(?:的|之)?"
    r"(?:要求|规定|条款|标准|内容|情况)?(?:执行|落实|办理)?"
    r"|是的?|有|无|没有|正常|良好|合格|齐全|不适用|同上|见上|略|[√✓✔☑对好]"
    r"|(?:不涉及|不存在|不需要|没有|无)(?:该|本|此|这|相关|此类|任何)*项?(?:内容|要求|情况|问题|异常)?"
    r"|未(?:发现|见)(?:问题|异常)|暂?无"
    r"|n[/.]?a|not applicable|not relevant|ok|okay|yes|no|none|done|met|good|fine|passed?|as above"
    r"|same(?: as above)?|see above|no (?:problems?|issues?|findings?)|as (?:required|demanded)"
    r"|(?:it |all )?(?:conforms?|complies|is fulfilled|meets (?:the |all )?requirements?)",
    re.IGNORECASE,
)
_PIECES = re.compile(r"[，,。.;；:：!！、()（）]+")


_STATES = {StepState.AFFIRMED: msg("affirmed"), StepState.DENIED: msg("denied")}


Say = Callable[[Message], str]


def record_problems(
    results: Results, as_of: datetime.date, names: Sequence[str] = (), say: Sequence[Say] = ()
) -> tuple[RecordProblem, ...]:
    """The problems in the records of `results`, object by object.

    `as_of` is the day on which evidence is judged for its age. `names` are those of other clients;
    they are looked for in what people wrote and in the records as each of `say` renders them.
    """
    clauses = {(c.catalog, c.id): c for c in results.clauses}
    cited = _Cited()
    found: list[RecordProblem] = list(_not_sampled(results))
    failed: list[Finding] = []
    foreign = _Names(names, say)
    found += foreign.of_system(results)
    for entry in results.entries:
        whole = results.object(entry)
        cited.add(whole)
        failed += cited.unnamed(whole.findings)
        found += _of_answers(whole, clauses)
        found += _contradictions(whole, clauses)
        found += _against_the_word(whole)
        found += _without_reason(whole, clauses)
        found += _old(whole, as_of)
        found += foreign.of_object(whole)
    return (*found, *map(_unmentioned, cited.unnamed(failed)))


# --- answers ------------------------------------------------------------------------------------


def _answers(whole: ObjectResults) -> Iterator[tuple[Conclusion, int, StepAnswer]]:
    for made in whole.conclusions:
        for step in made.steps:
            if step.answer is not None:
                yield made, step.number, step.answer


def _of_answers(
    whole: ObjectResults, clauses: Mapping[tuple[str, str], Clause]
) -> Iterator[RecordProblem]:
    for made, number, answer in _answers(whole):
        clause = clauses[made.catalog, made.clause]
        step = next((s for s in clause.steps if s.number == number), Step())
        record = answer.text or answer.reason or answer.value
        if answer.verdict is AnswerVerdict.NOT_APPLICABLE and says_nothing(answer.reason):
            detail = msg("Step {step} does not apply, without a reason ({by})",
                         step=number, by=answer.by)  # fmt: skip
            yield _at(ProblemKind.NO_REASON, made, detail)
        elif says_nothing(record):
            detail = msg("The record of step {step} names no fact: {text}",
                         step=number, text=repr(record[:80]))  # fmt: skip
            yield _at(ProblemKind.REPEATS_CLAUSE, made, detail)
        elif repeats(record, _wordings(clause, step)):
            detail = msg("The record of step {step} repeats the clause or the question: {text}",
                         step=number, text=repr(record[:80]))  # fmt: skip
            yield _at(ProblemKind.REPEATS_CLAUSE, made, detail)
        if answer.state is AnswerState.EXPIRED:
            detail = msg("The answer of {by} to step {step} was valid until {day}",
                         by=answer.by, step=number, day=answer.valid_until)  # fmt: skip
            yield _at(ProblemKind.OLD_EVIDENCE, made, detail)


def _at(kind: ProblemKind, made: Conclusion, detail: Message) -> RecordProblem:
    return RecordProblem(
        kind=kind, target=made.target, catalog=made.catalog, clause=made.clause, detail=detail
    )


def _wordings(clause: Clause, step: Step) -> tuple[str, ...]:
    return (
        clause.gist, clause.gist_en, step.question, step.question_en, step.affirmed_if,
        step.affirmed_if_en,
    )  # fmt: skip


def _letters(text: str) -> str:
    """`text` without blanks and punctuation, so that two spellings of one sentence are equal."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if c.isalnum())


def says_nothing(text: str) -> bool:
    """Whether `text` says no more than that all is well, or nothing at all."""
    folded = unicodedata.normalize("NFKC", text).strip(" \n。.!;,")
    pieces = (piece.strip() for piece in _PIECES.split(folded))
    return _EMPTY.fullmatch(folded) is not None or all(map(_is_empty, pieces))


def _is_empty(piece: str) -> bool:
    """Whether a part of a sentence names no fact, with or without that somebody looked."""
    rest = _LOOKED.sub("", piece, count=1).strip()
    return not rest or _EMPTY.fullmatch(rest) is not None


def repeats(text: str, wordings: Iterable[str]) -> bool:
    """Whether `text` is one of `wordings`, a piece of one, or nearly one."""
    letters = _letters(text)
    if len(letters) < _LEAST:
        return False
    return any(_alike(letters, _letters(wording)) for wording in wordings if wording)


def _alike(record: str, wording: str) -> bool:
    if record == wording or (record in wording and 2 * len(record) >= len(wording)):
        return True
    matcher = difflib.SequenceMatcher(a=record[:400], b=wording[:400], autojunk=False)
    return matcher.quick_ratio() >= _ALIKE and matcher.ratio() >= _ALIKE


# --- conclusions --------------------------------------------------------------------------------


def _contradictions(
    whole: ObjectResults, clauses: Mapping[tuple[str, str], Clause]
) -> Iterator[RecordProblem]:
    """Answers that checks contradict, and one question with two answers on one object."""
    first_use: dict[tuple[str, str, int], tuple[Conclusion, StepState]] = {}
    units = {c.unit: c for c in clauses.values() if c.unit}
    for made in whole.conclusions:
        clause = clauses[made.catalog, made.clause]
        steps = {s.number: s for s in clause.steps}
        for step in made.steps:
            if step.answer is not None and step.answer.state is AnswerState.CONTRADICTED:
                detail = msg("{by} affirmed step {step}, checks deny it: {checks}",
                             by=step.answer.by, step=step.number, checks=step.findings)  # fmt: skip
                yield _at(ProblemKind.CONTRADICTION, made, detail)
            key = _question(clause, steps.get(step.number, Step()), units)
            first, state = first_use.setdefault(key, (made, step.state))
            if {state, step.state} == {StepState.AFFIRMED, StepState.DENIED}:
                detail = msg("Step {step} is {state}, the same question in {clause} is not",
                             step=step.number, state=_STATES[step.state],
                             clause=first.clause)  # fmt: skip
                yield _at(ProblemKind.CONTRADICTION, made, detail)


def _against_the_word(whole: ObjectResults) -> Iterator[RecordProblem]:
    """Items that conform by an answer while their record states failed checks.

    Such checks only support the item. An answer that names them says that they were considered.
    """
    failed = {f.id: f for f in (*whole.findings, *whole.cited) if f.verdict is Verdict.FAIL}
    for made in whole.conclusions:
        given = [step.answer for step in made.steps if step.answer is not None]
        if made.conclusion is not Result.CONFORMING or not any(map(_affirms, given)):
            continue
        words = " ".join(f"{answer.text} {answer.value}" for answer in given)
        checks = dict.fromkeys(failed[id].check for id in made.findings if id in failed)
        unnamed = tuple(check for check in checks if check not in words)
        if unnamed:
            detail = msg("The item conforms by an answer, and its record states failures of "
                         "{checks}: name them in the answer and say why it conforms",
                         checks=unnamed)  # fmt: skip
            yield _at(ProblemKind.CONTRADICTION, made, detail)


def _affirms(answer: StepAnswer) -> bool:
    return answer.state is AnswerState.COUNTS and answer.verdict is AnswerVerdict.AFFIRMED


def _question(clause: Clause, step: Step, units: Mapping[str, Clause]) -> tuple[str, str, int]:
    """What names the question of `step`: that of the step which it repeats, else its own."""
    there = units.get(step.repeats.unit) if step.repeats is not None else None
    if there is None or step.repeats is None:
        return clause.catalog, clause.id, step.number
    return there.catalog, there.id, step.repeats.step


def _without_reason(
    whole: ObjectResults, clauses: Mapping[tuple[str, str], Clause]
) -> Iterator[RecordProblem]:
    for made in whole.conclusions:
        if made.conclusion is Result.NOT_APPLICABLE and not made.why:
            detail = msg("Concluded as not applicable without a reason")
            yield _at(ProblemKind.NO_REASON, made, detail)


# --- sample, evidence, scans --------------------------------------------------------------------


def _not_sampled(results: Results) -> Iterator[RecordProblem]:
    """Object types that clauses apply to and of which the run has no target."""
    there = {t.object_type for t in results.targets}
    for object in results.index.system_objects:
        # one of these stands for the others
        stand_in = {object.object_type, *object.unless}
        there |= stand_in if there & stand_in else set()
    wanted: dict[str, int] = {}
    for clause in results.clauses:
        for type in clause.applies_to:
            wanted[type] = wanted.get(type, 0) + 1
    names = {t.id: t for t in results.index.object_types}
    for type, count in wanted.items():
        if type not in there:
            named = names.get(type)
            label = (
                as_is(type)
                if named is None
                else msg("{detail}", detail=named.en, detail_zh=named.zh)
            )
            detail = msg("No object of the type {type} in the sample; {count} clauses apply to it",
                         type=label, count=count)  # fmt: skip
            yield RecordProblem(kind=ProblemKind.NOT_SAMPLED, detail=detail)


def _old(whole: ObjectResults, as_of: datetime.date) -> Iterator[RecordProblem]:
    """The oldest observation of an object, where it is too old on the day `as_of`."""
    days = [
        datetime.date.fromisoformat(observation.ended[:10]) for observation in whole.observations
    ]
    if days and (as_of - min(days)).days > OLD_DAYS:
        detail = msg("Evidence is of {day}, {days} days old; {most} at most",
                     day=min(days).isoformat(), days=(as_of - min(days)).days,
                     most=OLD_DAYS)  # fmt: skip
        yield RecordProblem(kind=ProblemKind.OLD_EVIDENCE, target=whole.object, detail=detail)


class _Cited:
    """Which findings conclusions name. Where one names not all of a check, it names the check."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._checks: set[str] = set()

    def add(self, whole: ObjectResults) -> None:
        for made in whole.conclusions:
            named = {*made.findings, *(id for step in made.steps for id in step.findings)}
            self._ids |= named
            if made.finding_count > len(made.findings):
                self._checks |= {id.partition("@")[0] for id in named}

    def unnamed(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Those of `findings` that failed and that no conclusion named so far."""
        for f in findings:
            known = f.id in self._ids or f.check in self._checks
            if f.verdict is Verdict.FAIL and not known:
                yield f


def _unmentioned(failed: Finding) -> RecordProblem:
    detail = msg("{check} failed, and no item of the profile mentions it", check=failed.check)
    return RecordProblem(kind=ProblemKind.NOT_MENTIONED, target=failed.target, detail=detail)


# --- names --------------------------------------------------------------------------------------


class _Names:
    """Looks for names of other clients."""

    def __init__(self, names: Sequence[str], say: Sequence[Say]) -> None:
        folded = ((name, _folded(name)) for name in names)
        self._names = [(name, key) for name, key in folded if len(key) >= _NAME_LEAST]
        self._say = say

    def _in(self, text: str) -> Iterator[str]:
        folded = _folded(text)
        return (name for name, key in self._names if key in folded)

    def of_system(self, results: Results) -> Iterator[RecordProblem]:
        for target in results.targets:
            texts = (target.id, target.owner or "", target.business_system or "", *target.tags)
            for name in dict.fromkeys(n for text in texts for n in self._in(text)):
                yield _foreign(name, msg("the inventory"), target=target.id)

    def of_object(self, whole: ObjectResults) -> Iterator[RecordProblem]:
        if not self._names:
            return
        for made, number, answer in _answers(whole):
            texts = (answer.text, answer.reason, answer.value, answer.by,
                     *(a.name for a in answer.attachments))  # fmt: skip
            for name in dict.fromkeys(n for text in texts for n in self._in(text)):
                where = msg("the answer to step {step}", step=number)
                yield _foreign(name, where, made.target, made.catalog, made.clause)
        for f in whole.findings:
            texts = tuple(say(m) for say in self._say for m in f.detail)
            for name in dict.fromkeys(n for text in texts for n in self._in(text)):
                yield _foreign(name, msg("the record of {check}", check=f.check), f.target)


_INNER_BLANKS = re.compile(r"(?<=[\u4e00-\u9fff])\s+(?=[\u4e00-\u9fff])")


def _folded(text: str) -> str:
    """`text` without the difference of capital and full-width letters, and blanks amid Chinese."""
    return _INNER_BLANKS.sub("", unicodedata.normalize("NFKC", text).casefold()).strip()


def _foreign(
    name: str, where: Message, target: str, catalog: str = "", clause: str = ""
) -> RecordProblem:
    return RecordProblem(
        kind=ProblemKind.FOREIGN_NAME, target=target, catalog=catalog, clause=clause,
        detail=msg("{name}, a name of another client, stands in {where}", name=name, where=where),
    )  # fmt: skip
