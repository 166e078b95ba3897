"""Checks that the evidence of results exists (invariant 6), in a pack and in a run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from audit_core.model import Message, Observation, msg, verbatim
from audit_core.pack.zips import Problem

EMPTY = hashlib.sha256(b"").hexdigest()


class _Finding(Struct, frozen=True, kw_only=True):
    id: str
    evidence: tuple[str, ...]


class AnswerKey(Struct, frozen=True, kw_only=True):
    """Which answer it is: no two in a set have these three in common."""

    question: str
    by: str
    entered: str


class _Step(Struct, frozen=True, kw_only=True):
    answer: AnswerKey | None = None


class _Conclusion(Struct, frozen=True, kw_only=True):
    catalog: str
    clause: str
    target: str
    findings: tuple[str, ...]
    steps: tuple[_Step, ...] = ()


class _Listed(Struct, frozen=True, kw_only=True):
    digest: str
    stdout_sha256: str
    stderr_sha256: str


class _Stamp(Struct, frozen=True, kw_only=True):
    id: str
    started: str
    bundles: dict[str, str]
    policy: dict[str, str]
    answers: str = ""


class _Entry(Struct, frozen=True, kw_only=True):
    object: str
    sha256: str


class _Attached(Struct, frozen=True, kw_only=True):
    stored: str


class _Answer(Struct, frozen=True, kw_only=True):
    question: str
    by: str
    entered: str
    attachments: tuple[_Attached, ...] = ()


class ResultIndex(Struct, frozen=True, kw_only=True):
    """The part of an index of results that names the run."""

    schema: str
    run: _Stamp
    objects: tuple[_Entry, ...]


class ObjectLinks(Struct, frozen=True, kw_only=True):
    """The references in the results of an object."""

    schema: str
    object: str
    findings: tuple[_Finding, ...]
    cited: tuple[_Finding, ...]
    conclusions: tuple[_Conclusion, ...]
    observations: tuple[_Listed, ...]


class Record(Struct, frozen=True):
    """The digests (hex) of the two outputs of one observation."""

    stdout: str
    stderr: str


def decoded(raw: bytes, type: Any) -> Any:
    """`raw` as `type`, or the Message that says why it is not one. Never raises."""
    try:
        return msgspec.json.decode(raw, type=type)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return msg("Cannot be read: {error}", error=verbatim(str(error)))


def record(raw: bytes) -> Record | Message:
    """What the stored observation `raw` says its outputs were."""
    observation = decoded(raw, Observation)
    if isinstance(observation, Message):
        return observation
    return Record(observation.stdout_sha256, observation.stderr_sha256)


class AnswerLinks(Struct, frozen=True, kw_only=True):
    """The part of a set of answers that conclusions and files refer to."""

    schema: str
    answers: tuple[_Answer, ...]

    def keys(self) -> frozenset[AnswerKey]:
        """The keys of all answers."""
        return frozenset(
            AnswerKey(question=a.question, by=a.by, entered=a.entered) for a in self.answers
        )

    def attachments(self) -> tuple[str, ...]:
        """The digests of the attachments as stored."""
        return tuple(dict.fromkeys(f.stored for a in self.answers for f in a.attachments))


def unanswered(
    objects: Mapping[str, ObjectLinks], answers: frozenset[AnswerKey]
) -> Iterator[Problem]:
    """Conclusions that rest on an answer that is not among `answers`."""
    for where, links in objects.items():
        for conclusion in links.conclusions:
            for step in conclusion.steps:
                if step.answer is not None and step.answer not in answers:
                    detail = msg(
                        "The conclusion on {clause} is based on the answer to {question}, which is "
"missing", clause=conclusion.clause, question=step.answer.question,
                    )  # fmt: skip
                    yield Problem(where=where, detail=detail)


def problems(
    objects: Mapping[str, ObjectLinks], records: Mapping[str, Record]
) -> Iterator[Problem]:
    """Findings without their evidence, and conclusions without their findings.

    `objects` are by the name of their file; `records` are the observations that are there whole, by
    digest (`sha256:…`).
    """
    known = {finding.id: finding for links in objects.values() for finding in links.findings}
    for where, links in objects.items():
        for detail in (*_unseen(links, records), *_unfounded_in(links, known)):
            yield Problem(where=where, detail=detail)


def _unseen(links: ObjectLinks, records: Mapping[str, Record]) -> Iterator[Message]:
    for o in links.observations:
        if o.digest not in records:
            yield _lost(digest=o.digest)
        elif records[o.digest] != Record(o.stdout_sha256, o.stderr_sha256):
            yield _other(digest=o.digest)
    for finding in links.findings:
        for digest in finding.evidence:
            if digest not in records:
                yield _baseless(finding=finding.id, digest=digest)


def _unfounded_in(links: ObjectLinks, known: Mapping[str, _Finding]) -> Iterator[Message]:
    for conclusion in links.conclusions:
        for missing in sorted(set(conclusion.findings) - known.keys()):
            yield _unfounded(clause=conclusion.clause, finding=missing)
    for cited in links.cited:
        if known.get(cited.id) != cited:
            yield msg("The finding {finding} is not cited as it was made", finding=cited.id)


def _lost(*, digest: str) -> Message:
    return msg("The observation {digest} is listed but missing", digest=digest)


def _other(*, digest: str) -> Message:
    return msg("The observation {digest} is not listed as it was stored", digest=digest)


def _baseless(*, finding: str, digest: str) -> Message:
    return msg(
        "The finding {finding} is based on {digest}, which is missing",
        finding=finding,
        digest=digest,
    )


def _unfounded(*, clause: str, finding: str) -> Message:
    return msg(
        "The conclusion on {clause} is based on the finding {finding}, which is missing",
        clause=clause,
        finding=finding,
    )
