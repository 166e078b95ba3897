"""Checks a run in a store: its seal, the chain, its bundles, and what its results rest on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from audit_core.model import Message, Observation, msg, observation_digest
from audit_core.model.errors import DengbaoError
from audit_core.pack import evidence_links
from audit_core.pack.report import Report, ReportBuilder
from audit_core.store import frames
from audit_core.store.answers import AnswersFolder, attached
from audit_core.store.bundles import Bundle
from audit_core.store.runs import Run, check_seal, file_digest
from audit_core.text.system_errors import os_error


def verify_run(run: Run) -> Report:
    """The report on `run`: what is wrong with it, if anything. Never raises for what is on disk."""
    out = ReportBuilder()
    for check in (_seal, _chain, _evidence, _answers):
        try:
            check(run, out)
        except DengbaoError as error:
            out.wrong(error.detail)
        except OSError as error:
            detail = msg("Cannot be read: {error}", error=os_error(error))
            out.wrong(detail, Path(str(error.filename or run.folder)).name)
    return out.report(run.id)


def _seal(run: Run, out: ReportBuilder) -> None:
    for wrong in check_seal(run):
        out.wrong(wrong)
    out.checked.append(msg("Seal over the stamp of the run and its bundles"))
    if run.file.id != run.id:
        out.wrong(msg("The documents are of different runs"))


def _chain(run: Run, out: ReportBuilder) -> None:
    seal = run.seal
    if seal is None:
        return
    before = [p for p in run.folder.parent.glob("*/seal.json") if p.parent.name < run.id]
    if seal.previous is None:
        # A run that began earlier may have been finished later: then it was sealed later, too.
        if any(_sealed(path) < seal.sealed for path in before):
            out.wrong(msg("The seal does not name the run that was sealed before it"))
    elif seal.previous not in {file_digest(path) for path in before}:
        out.wrong(msg("The run sealed before this one was altered or removed"))
    out.checked.append(msg("Link to the run sealed before"))


def _sealed(path: Path) -> str:
    seal = Run(path.parent).seal
    return seal.sealed if seal is not None else ""


def _evidence(run: Run, out: ReportBuilder) -> None:
    records: dict[str, evidence_links.Record] = {}
    for path in sorted((run.folder / "bundles").glob("*.bundle")):
        _bundle(run, path, records, out)
    out.checked.append(msg("{count} observations with their complete content", count=len(records)))
    for path in sorted((run.folder / "results").glob("*/index.json")):
        _results(path, records, out)


def _answers(run: Run, out: ReportBuilder) -> None:
    """What people answered is as it was stored, and the set that counts is there."""
    folder = AnswersFolder(run)
    for where, wrong in folder.problems():
        out.wrong(wrong, where)
    digest = folder.in_use().answers
    if not digest:
        return
    answers = folder.load(digest)
    for stored in attached(answers):
        folder.attachment(stored)
    detail = msg("{answers} answers of people and {count} attachments, as they were stored",
                 answers=len(answers.answers), count=len(attached(answers)))  # fmt: skip
    out.checked.append(detail)


def _bundle(
    run: Run, path: Path, records: dict[str, evidence_links.Record], out: ReportBuilder
) -> None:
    where = f"bundles/{path.name}"
    try:
        bundle = Bundle(path)
    except DengbaoError as error:
        out.wrong(error.detail, where)
        return
    if frames.whole_length(path) != path.stat().st_size:
        out.wrong(msg("Its last frame is incomplete or was altered"), where)
    if not bundle.complete:
        out.wrong(msg("Its collection is incomplete"), where)
    if bundle.head is None or bundle.head.run != run.id:
        out.wrong(msg("It is not of this run"), where)
    blobs = set()
    for frame in frames.read(path):
        if frame.kind == "blob":
            blobs.add(hashlib.sha256(frame.payload).hexdigest())
        elif frame.kind == "obs":
            _observation(frame.payload, blobs, records, where, out)


def _observation(
    raw: bytes,
    blobs: set[str],
    records: dict[str, evidence_links.Record],
    where: str,
    out: ReportBuilder,
) -> None:
    observation = msgspec.json.decode(raw, type=Observation)
    digest = "sha256:" + hashlib.sha256(raw).hexdigest()
    if digest != observation_digest(observation):
        out.wrong(msg("The observation {digest} is not in the form that dengbao writes",
                      digest=digest), where)  # fmt: skip
    elif {observation.stdout_sha256, observation.stderr_sha256} <= blobs:
        records[digest] = evidence_links.Record(
            observation.stdout_sha256, observation.stderr_sha256
        )
    else:
        out.wrong(msg("The output of the observation {digest} is missing", digest=digest), where)


def _results(path: Path, records: Mapping[str, evidence_links.Record], out: ReportBuilder) -> None:
    where = f"results/{path.parent.name}/{path.name}"
    index = evidence_links.decoded(path.read_bytes(), evidence_links.ResultIndex)
    if not isinstance(index, evidence_links.ResultIndex):
        out.wrong(index, where)
        return
    objects: dict[str, evidence_links.ObjectLinks] = {}
    for entry in index.objects:
        name = f"objects/{entry.sha256}.json"
        raw = _read(path.parent / name)
        links = evidence_links.decoded(raw, evidence_links.ObjectLinks)
        if hashlib.sha256(raw).hexdigest() != entry.sha256 or isinstance(links, Message):
            detail = msg("The results of {object} are missing or were altered", object=entry.object)
            out.wrong(detail, where)
        else:
            objects[f"results/{path.parent.name}/{name}"] = links
    out.extend(evidence_links.problems(objects, records))
    _answered(path, index.run.answers, objects, out)
    detail = msg(
        "The evidence of {findings} findings and {conclusions} conclusions in {where} is stored",
        findings=sum(len(o.findings) for o in objects.values()),
        conclusions=sum(len(o.conclusions) for o in objects.values()),
        where=where,
    )
    out.checked.append(detail)


def _answered(
    path: Path, digest: str, objects: Mapping[str, evidence_links.ObjectLinks], out: ReportBuilder
) -> None:
    """The answers that these results rest on are in the set that they name."""
    raw = _read(path.parents[2] / "answers" / f"{digest}.json") if digest else b""
    links = evidence_links.decoded(raw, evidence_links.AnswerLinks)
    keys = frozenset() if isinstance(links, Message) else links.keys()
    if digest and isinstance(links, Message):
        out.wrong(msg("The answers that the index of the results names are missing"), path.name)
    out.extend(evidence_links.unanswered(objects, keys))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
