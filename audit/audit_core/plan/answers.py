"""From a stored observation to the answer for a parser, or the reason for its absence. Pure.

Incomplete observations end here: what was not answered completely becomes Absent with its reason,
and reaches no parser and no check.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping

import msgspec
from msgspec import Struct

from audit_core.model import (
    Absent,
    Answer,
    Message,
    Observation,
    Platform,
    PlatformQuestions,
    Reason,
    Request,
    Status,
    Target,
    filled,
    msg,
    observation_digest,
    verbatim,
)
from audit_core.model.requests import short_of


class Observations(Struct, frozen=True, kw_only=True):
    """What a bundle holds about one group, and the bytes of its answers by digest.

    `observations` are keyed by the target that was reached and the identity of the question;
    `parents` maps the parts of the group to what they are part of. `faults` tells by target why it
    could not be reached: the reason, and what to tell. `digests` holds those made so far.
    """

    observations: Mapping[tuple[str, str], Observation]
    blob: Callable[[str], bytes]
    parents: Mapping[str, str] = {}
    faults: Mapping[str, tuple[Reason, Message]] = {}
    digests: dict[tuple[str, str], str] = msgspec.field(default_factory=dict)

    def content(
        self, request: Request, observation: Observation | None, target: Target
    ) -> tuple[Hashable, ...]:
        """All that a parser learns of the answer to `request`, but when and on which target.

        Equal contents lead to equal facts, but for the times of files (`Request.timeless_digest`).
        """
        if observation is None:
            fault = self.fault(target)
            return () if fault is None else (fault[0], msgspec.json.encode(fault[1]))
        detail = b"" if observation.detail is None else msgspec.json.encode(observation.detail)
        return (
            observation.status,
            observation.exit_code,
            observation.truncated,
            observation.redactions,
            detail,
            observation.stderr_sha256,
            self._bytes(request, observation),
        )

    def _bytes(self, request: Request, observation: Observation) -> str:
        key = ("timeless", observation.stdout_sha256)
        if (
            observation.truncated
            or observation.status is not Status.ANSWERED
            or not request.has_times
        ):
            return observation.stdout_sha256
        if key not in self.digests:
            timeless = request.timeless_digest(self.blob(observation.stdout_sha256))
            self.digests[key] = timeless or observation.stdout_sha256
        return self.digests[key]

    def digest(self, observation: Observation) -> str:
        """The digest of an observation of these, made once."""
        key = (observation.target, observation.identity)
        if key not in self.digests:
            self.digests[key] = observation_digest(observation)
        return self.digests[key]

    def find(self, request: Request, target: Target) -> Observation | None:
        """The observation of `request`, asked of `target` or else of what it is part of."""
        return self.identified(request.identity(), target)

    def identified(self, identity: str, target: Target) -> Observation | None:
        """The observation of the request with that identity, as of `find`."""
        place = target.id
        while (found := self.observations.get((place, identity))) is None:
            if place not in self.parents:
                return None
            place = self.parents[place]
        return found

    def fault(self, target: Target) -> tuple[Reason, Message] | None:
        """Why `target`, or else what it is part of, could not be reached; None where it was."""
        place: str | None = target.id
        while place is not None and place not in self.faults:
            place = self.parents.get(place)
        return None if place is None else self.faults[place]


_STATUS_REASONS = {
    Status.NOT_PRESENT: Reason.NOT_PRESENT,
    Status.NOT_PERMITTED: Reason.NOT_PERMITTED,
    Status.NOT_REGULAR: Reason.UNPARSABLE,
    Status.CHANGED: Reason.UNPARSABLE,
    Status.TIMED_OUT: Reason.TIMED_OUT,
    Status.UNREACHABLE: Reason.UNREACHABLE,
    Status.NO_REPLY: Reason.UNREACHABLE,
    Status.MALFORMED: Reason.UNPARSABLE,
    Status.UNSUPPORTED: Reason.UNSUPPORTED,
    Status.FAULT: Reason.FAULT,
}


_DETAILS = {
    Status.NOT_PRESENT: msg("{asked}: not present"),
    Status.NOT_PERMITTED: msg("{asked}: not permitted"),
    Status.NOT_REGULAR: msg("{asked}: not a regular file, left unread"),
    Status.CHANGED: msg("{asked}: it changed while it was read"),
    Status.TIMED_OUT: msg("{asked}: no answer in time"),
    Status.UNREACHABLE: msg("{asked}: could not be reached"),
    Status.NO_REPLY: msg("{asked}: the connection ended before the answer was complete"),
    Status.MALFORMED: msg("{asked}: the answer could not be read"),
    Status.UNSUPPORTED: msg("{asked}: not supported here"),
    Status.FAULT: msg("{asked}: no usable answer"),
}


def _unanswered(request: Request, observation: Observation) -> Absent:
    status = observation.status
    reason = request.if_not_found() if status is Status.NOT_PRESENT else _STATUS_REASONS[status]
    detail = filled(_DETAILS[status], asked=short_of(request))
    if observation.detail is not None:
        detail = msg("{detail} ({why})", detail=detail, why=observation.detail)
    return Absent(reason=reason, detail=detail)


def answer(
    request: Request, observation: Observation, observations: Observations, target: Target
) -> Answer | Absent:
    """The answer that a parser may see, or why there is none, without the evidence.

    `request` is the question as its fact puts it today; what it accepts decides, not what was
    accepted when it was asked.
    """
    if observation.status is not Status.ANSWERED:
        return _unanswered(request, observation)
    if observation.truncated and not request.partial_ok:
        detail = msg(
            "{asked}: the answer was cut at {size} bytes",
            asked=short_of(request),
            size=observation.stdout_size,
        )
        return Absent(reason=Reason.TRUNCATED, detail=detail)
    if "known-secret" in observation.redactions:
        # A password that is a common word, such as an account's name, was redacted there too.
        detail = msg(
            "{asked}: the answer contained a credential of this run, which was redacted",
            asked=short_of(request),
        )
        return Absent(reason=Reason.UNPARSABLE, detail=detail)
    code, stderr = observation.exit_code, observations.blob(observation.stderr_sha256)
    if not request.accepts(code, truncated=observation.truncated):
        return Absent(reason=Reason.UNPARSABLE, detail=_ended(short_of(request), code, stderr))
    return Answer(
        stdout=observations.blob(observation.stdout_sha256),
        stderr=stderr,
        exit_code=0 if code is None else code,
        truncated=observation.truncated,
        collected_at=observation.started,
        target=target,
    )


_OF_SYSTEM = re.compile(
    "No space left on device|Disk quota exceeded|Read-only file system|Input/output error"
)


def _ended(asked: str | Message, code: int | None, stderr: bytes) -> Message:
    """A message that the command failed, with the line of its error output that names the cause.

    That is one with an error of the system, else the first: zypper tells before that what it did.
    """
    lines = [line.strip() for line in stderr.decode("utf-8", "replace").split("\n")]
    # apt always begins with a warning about its own interface
    text = [line for line in lines if line and not line.startswith("WARNING:")]
    words = next(filter(_OF_SYSTEM.search, text), next(iter(text), ""))
    if not words:
        return msg("{asked}: unexpected exit status {code}", asked=asked, code=code)
    return msg("{asked}: unexpected exit status {code} ({detail})", asked=asked, code=code,
               detail=verbatim(words))  # fmt: skip


def platform(
    observations: Observations, asked: PlatformQuestions | None, target: Target
) -> Platform:
    """The platform of `target`, as far as what was `asked` in its first round was answered."""
    if asked is None:
        return Platform()
    answers: dict[Request, Answer] = {}
    for request in asked.requests:
        observation = observations.find(request, target)
        if observation is None:
            continue
        got = answer(request, observation, observations, target)
        if isinstance(got, Answer):
            answers[request] = got
    return asked.read(answers)
