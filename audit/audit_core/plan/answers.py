"""From a stored observation to the answer that a parser may see, or why there is none. Pure.

Could-not-look is settled here: whatever was not answered in full becomes Absent with its reason,
and no parser, and so no check, ever sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from audit_core.model import (
    Absent,
    Answer,
    Command,
    Message,
    Observation,
    Platform,
    Probe,
    Reason,
    Request,
    Status,
    Target,
    msg,
    observation_digest,
    request_digest,
)
from audit_core.plan import batch, discovery


class Observations(Struct, frozen=True, kw_only=True):
    """What a bundle holds about one group: observations by request digest, and their bytes.

    `fault` is why the group could not be reached at all: the reason, and what to tell.
    """

    observations: Mapping[str, Observation]
    blob: Callable[[str], bytes]
    fault: tuple[Reason, Message] | None = None


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


def asked_text(request: Request) -> str:
    """`request` as one line for a reader: the argv, the path, or the prober and its arguments."""
    if isinstance(request, Command):
        return " ".join(request.argv)
    if isinstance(request, Probe):
        given = sorted((k, v) for k, v in request.args.items() if v not in ("", None))
        return " ".join((request.prober, *(f"{k}={v}" for k, v in given)))
    return request.path


_SAID = {
    Status.NOT_PRESENT: msg("{asked}: not present"),
    Status.NOT_PERMITTED: msg("{asked}: not permitted"),
    Status.NOT_REGULAR: msg("{asked}: not a regular file, left unread ({detail})"),
    Status.CHANGED: msg("{asked}: it changed while it was read"),
    Status.TIMED_OUT: msg("{asked}: no answer in time"),
    Status.UNREACHABLE: msg("{asked}: could not be reached ({detail})"),
    Status.NO_REPLY: msg("{asked}: the connection ended before the answer was whole"),
    Status.MALFORMED: msg("{asked}: the answer could not be told from its frame"),
    Status.UNSUPPORTED: msg("{asked}: cannot be asked here ({detail})"),
    Status.FAULT: msg("{asked}: no usable answer ({detail})"),
}
# What a shell was asked: the details that the transport tells, each in the reader's language.
_DETAIL_SAID = {
    batch.NO_TIMEOUT: msg(
        "{asked}: cannot be asked here: the target has no /usr/bin/timeout that knows -k"
    ),
    batch.NO_SUDO: msg("{asked}: not permitted: the target has no sudo"),
    batch.NO_TOOLS: msg(
        "{asked}: cannot be asked here: the target lacks stat, head or sha256sum in /usr/bin"
    ),
    batch.NO_PROCESS: msg(
        "{asked}: no usable answer: the target could not start the programs that it takes"
    ),
    batch.VANISHED: msg("{asked}: it went away while it was read"),
    "it is a directory": msg("{asked}: a folder, left unread"),
    "it is a fifo": msg("{asked}: a named pipe, left unread"),
    "it is a character special file": msg("{asked}: a device, left unread"),
    "it is a block special file": msg("{asked}: a device, left unread"),
    "it is a socket": msg("{asked}: a socket, left unread"),
}
# A prober has no frame and tells why in its own words.
_PROBE_SAID = {
    Status.TIMED_OUT: msg("{asked}: no answer in time ({detail})"),
    Status.MALFORMED: msg("{asked}: the answer could not be read ({detail})"),
    Status.NOT_PERMITTED: msg("{asked}: not permitted ({detail})"),
}


def absent(reason: Reason, said: Message, observation: Observation) -> Absent:
    return Absent(reason=reason, said=said, evidence=(observation_digest(observation),))


def _unanswered(observation: Observation) -> Absent:
    request, status = observation.request, observation.status
    reason = _STATUS_REASONS[status]
    if status is Status.NOT_PRESENT and isinstance(request, Command):
        reason = request.missing
    said = _SAID[status]
    if isinstance(request, Probe) or (observation.detail and status is Status.MALFORMED):
        said = _PROBE_SAID.get(status, said)
    if not isinstance(request, Probe):
        said = _DETAIL_SAID.get(observation.detail, said)
    asked = asked_text(request)
    filled = Message(id=said.id, args={"asked": asked, "detail": observation.detail})
    return absent(reason, filled, observation)


def answer(observation: Observation, seen: Observations, target: Target) -> Answer | Absent:
    """The answer that a parser may see, or why there is none."""
    request, asked = observation.request, asked_text(observation.request)
    if observation.status is not Status.ANSWERED:
        return _unanswered(observation)
    if observation.truncated and not request.partial_ok:
        said = msg(
            "{asked}: the answer was cut at {size} bytes", asked=asked, size=observation.stdout_size
        )
        return absent(Reason.TRUNCATED, said, observation)
    if "known-secret" in observation.redactions:
        # A password that is a common word, such as an account's name, was cut there too.
        said = msg("{asked}: a secret of this run stood in the answer and was cut out", asked=asked)
        return absent(Reason.UNPARSABLE, said, observation)
    code = observation.exit_code
    cut = observation.truncated and code == 141  # SIGPIPE: we closed the pipe at the cap
    if code is None or (isinstance(request, Command) and code not in request.ok and not cut):
        return absent(Reason.UNPARSABLE, _ended(asked, code, observation, seen), observation)
    return Answer(
        stdout=seen.blob(observation.stdout_sha256),
        stderr=_stderr(observation, seen),
        exit_code=code,
        truncated=observation.truncated,
        collected_at=observation.started,
        target=target,
    )


def _stderr(observation: Observation, seen: Observations) -> bytes:
    stderr = seen.blob(observation.stderr_sha256)
    return stderr if isinstance(observation.request, Probe) else batch.strip_sudo_warnings(stderr)


def _ended(asked: str, code: int | None, observation: Observation, seen: Observations) -> Message:
    """That the command ended as it should not, with the first line of why: its own words."""
    lines = _stderr(observation, seen).decode("utf-8", "replace").split("\n")
    # apt begins with a warning about its own words, whatever came of it
    words = next((s for line in lines if (s := line.strip()) and not s.startswith("WARNING:")), "")
    if not words:
        return msg("{asked}: unexpected exit status {code}", asked=asked, code=code)
    return msg("{asked}: unexpected exit status {code} ({detail})", asked=asked, code=code,
               detail=words[:200])  # fmt: skip


def platform(seen: Observations, target: Target) -> Platform:
    """The platform of a group's host, as far as its discovery round was answered."""
    answers: dict[Request, Answer] = {}
    for request in discovery.REQUESTS:
        observation = seen.observations.get(request_digest(request))
        if observation is None:
            continue
        got = answer(observation, seen, target)
        if isinstance(got, Answer):
            answers[request] = got
    return discovery.platform(answers)
