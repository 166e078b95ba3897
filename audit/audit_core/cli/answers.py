"""The options `--answers`, `--answers-of` and `--as-of`: what people answered, taken into a run."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct, structs

from audit_core.attest.answers_in_force import covers
from audit_core.attest.reading import Given, Redact, read_answers
from audit_core.attest.waiver_file import GivenWaivers, read_waivers
from audit_core.cli.context import Context
from audit_core.cli.output import note
from audit_core.model import Message, Object, Target, msg
from audit_core.model.attestations import AnswerSet, Attestation
from audit_core.model.errors import UsageError
from audit_core.policy import Profile
from audit_core.policy.input_errors import nearest
from audit_core.store.answers import AnswersFolder, attached
from audit_core.store.runs import Run


class GivenStatements(Struct, frozen=True, kw_only=True):
    """What the options name: answers and waivers, each None where no file was named."""

    answers: Given | None
    waivers: GivenWaivers | None


def given(context: Context) -> GivenStatements:
    """What `--answers`, `--answers-of` and `--waivers` name. Raises InputError, UsageError."""
    paths: list[Path] = getattr(context.args, "answers", [])
    waived: list[Path] = getattr(context.args, "waivers", [])
    given = GivenStatements(
        answers=read(context, paths) if paths else None,
        waivers=read_waivers(waived, redacting(context)) if waived else None,
    )
    name = getattr(context.args, "answers_of", None)
    return given if name is None else _with(given, context.store.find(name))


def _with(given: GivenStatements, run: Run) -> GivenStatements:
    """`said`, and what was said of `run`; of two answers of one day that in a file is taken.

    Notes on issues stay with their run: they are about what was found there.
    """
    folder = AnswersFolder(run)
    held = folder.load(folder.in_use().answers)
    more = given.answers or Given(answers=AnswerSet(), blobs={})
    new = {(a.question, a.entered) for a in more.answers.answers}
    kept = tuple(a for a in held.answers if (a.question, a.entered) not in new)
    answers = AnswerSet(
        files=tuple(dict.fromkeys((*held.files, *more.answers.files))),
        answers=(*kept, *more.answers.answers),
        risks=(*held.risks, *more.answers.risks),
        retests=(*held.retests, *more.answers.retests),
    )
    blobs = {digest: folder.attachment(digest) for digest in attached(answers) if digest not in
             more.blobs} | more.blobs  # fmt: skip
    waived = given.waivers or GivenWaivers(files=held.waiver_files, waivers=held.waivers)
    return GivenStatements(answers=Given(answers=answers, blobs=blobs), waivers=waived)


def read(context: Context, paths: list[Path]) -> Given:
    """The answers in the files `paths`; raises InputError."""
    return read_answers(paths, context.policy, redacting(context), today=today())


def redacting(context: Context) -> Redact:
    """Cuts secrets out of what people wrote."""

    def redact(data: bytes) -> tuple[bytes, tuple[str, ...]]:
        done = context.redactor(data)
        return done.data, done.rules

    return redact


def today() -> datetime.date:
    """The day it is (UTC)."""
    return datetime.datetime.now(tz=datetime.UTC).date()


def take(context: Context, run: Run, profile: Profile, given: GivenStatements) -> None:
    """What was `said` counts for `run` from here on, judged on the day of `--as-of`.

    What no option names stays as it was given before. Raises UsageError for a day before the
    collection, StoreError where nothing can be stored.
    """
    as_of: datetime.date | None = getattr(context.args, "as_of", None)
    answers = given.answers
    if answers is None and given.waivers is None and as_of is None:
        return
    folder, collected = AnswersFolder(run), run.file.started[:10]
    judged = collected if as_of is None else as_of.isoformat()
    if judged < collected:
        detail = msg("--as-of: a day not before the collection on {collected} is needed, not {day}",
                     collected=collected, day=judged)  # fmt: skip
        raise UsageError(detail)
    if answers is None and given.waivers is None:
        folder.use(None, {}, judged)
        return
    if answers is not None:
        _tell_replaced(context, run, folder.load(folder.in_use().answers), answers.answers)
    folder.use(_joined(folder, given), {} if answers is None else answers.blobs, judged)
    if answers is not None:
        tell_unused(context, profile, run.file.targets, answers.answers.answers)


def _tell_replaced(context: Context, run: Run, held: AnswerSet, new: AnswerSet) -> None:
    """One line on stderr where answers of other files, as of a workbook, are dropped."""
    kept = {answer.question for answer in new.answers}
    dropped = sum(answer.question not in kept for answer in held.answers)
    names = {file.name for file in new.files}
    others = tuple(file.name for file in held.files if file.name not in names)
    if dropped and others:
        detail = msg("{count} answers given before ({files}) no longer count; --answers-of {run} "
                     "beside --answers keeps such answers. Those of a workbook come back when it "
                     "is imported again", count=dropped, files=others, run=run.id)  # fmt: skip
        note(context.translator.say(detail))


def _joined(folder: AnswersFolder, given: GivenStatements) -> AnswerSet:
    """What is stored, with the answers given now in place of the stored ones."""
    held = folder.load(folder.in_use().answers)
    base = held if given.answers is None else given.answers.answers
    waived = given.waivers
    return structs.replace(
        base,
        issue_notes=held.issue_notes,  # no file of answers holds them
        waiver_files=held.waiver_files if waived is None else waived.files,
        waivers=held.waivers if waived is None else waived.waivers,
    )


def tell_unused(
    context: Context,
    profile: Profile,
    targets: Iterable[Target],
    answers: Iterable[Attestation],
) -> None:
    """One line on stderr for each answer that is about nothing in this run."""
    steps = {(c.catalog, c.id, s.number) for c in profile.clauses for s in c.steps}
    objects = context.objects(targets)
    for answer in answers:
        why = _unused(answer, steps, objects)
        if why is not None:
            detail = msg("{where}: {question} is not used: {why}",
                         where=answer.where, question=answer.question, why=why)  # fmt: skip
            note(context.translator.say(detail))


def _unused(
    answer: Attestation, steps: set[tuple[str, str, int]], objects: tuple[Object, ...]
) -> Message | None:
    if not any((s.catalog, s.clause, s.step) in steps for s in answer.steps):
        return msg("the profile has no such clause")
    if any(covers(answer.selector, object.root) for object in objects):
        return None
    fitting = [o for o in objects if any(covers(answer.selector, t) for t in o.members)]
    if fitting:
        return msg("it is about a part; answer for {object}", object=fitting[0].root.id)
    hint = nearest(answer.selector, [object.root.id for object in objects])
    return msg("it is about no target of this run{hint}", hint=hint)
