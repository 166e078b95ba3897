"""Observations: answers as received, with when, how and as whom. Pure."""

from __future__ import annotations

import enum
import hashlib
from typing import Any

import msgspec
from msgspec import Struct

from audit_core.model.files import FileEntry, decode_files
from audit_core.model.messages import Message, msg
from audit_core.model.targets import Target


class Status(enum.StrEnum):
    """How asking ended. ANSWERED: the program ended by itself, its reply whole or capped."""

    ANSWERED = "answered"
    NOT_PRESENT = "not_present"
    NOT_PERMITTED = "not_permitted"
    NOT_REGULAR = "not_regular"
    CHANGED = "changed"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    NO_REPLY = "no_reply"
    MALFORMED = "malformed"
    FAULT = "fault"
    UNSUPPORTED = "unsupported"


class SessionInfo(Struct, frozen=True, kw_only=True):
    """Over what and as whom a target is asked. What is not known is empty.

    `identity` is what the other side proved to be, such as the fingerprint of its key; `server`
    its program and version; `uid` the numeric user there. `through` is the host in between.
    """

    connector: str = ""
    user: str = ""
    address: str = ""
    identity: str = ""
    server: str = ""
    uid: int | None = None
    through: SessionInfo | None = None

    def as_message(self) -> Message:
        """A description of the session, including the hosts in between."""
        parts, between = self._parts(), self.through
        while between is not None:
            first, *others = between._parts() or (msg("another host"),)
            parts = (*parts, msg("through: {host}", host=first), *others)
            between = between.through
        return msg("{parts}", parts=parts)

    def _parts(self) -> tuple[Message, ...]:
        found = (
            msg("over {connector}", connector=self.connector) if self.connector else None,
            msg("as {user}", user=self.user) if self.user else None,
            msg("at {address}", address=self.address) if self.address else None,
            msg("identified by {identity}", identity=self.identity) if self.identity else None,
            msg("server {server}", server=self.server) if self.server else None,
            msg("uid {uid}", uid=self.uid) if self.uid is not None else None,
        )
        return tuple(part for part in found if part is not None)


class Observation(Struct, frozen=True, kw_only=True):
    """The answer as received, without its bytes, which the bundle holds under their digests.

    `target` is the one that was reached to ask. `request` is the request as it was asked, with its
    type tag: evidence, which evaluation never reads. `asked`, `identity`, `evidence_kind` and
    `privilege` are what the request said of itself. Times are UTC, ISO 8601. `how` says over what
    and as whom it was asked. `detail` is why a request was not answered, as the session reports it.
    `redactions` names the rules that cut.
    """

    target: str
    request: dict[str, Any]
    asked: str
    identity: str
    evidence_kind: str
    privilege: str
    status: Status
    exit_code: int | None = None
    stdout_sha256: str
    stderr_sha256: str
    stdout_size: int
    stderr_size: int
    truncated: bool = False
    round: int
    started: str
    ended: str
    how: SessionInfo
    detail: Message | None = None
    redactions: tuple[str, ...] = ()


def observation_digest(observation: Observation) -> str:
    """`sha256:` and the digest under which the bundle holds this observation."""
    return "sha256:" + hashlib.sha256(_encode(observation)).hexdigest()


_encode = msgspec.json.Encoder(order="sorted").encode


class Answer(Struct, frozen=True, kw_only=True):
    """What a parser is given: the bytes of one answered request and what is known about them."""

    stdout: bytes
    stderr: bytes
    exit_code: int
    truncated: bool
    collected_at: str
    target: Target

    @property
    def text(self) -> str:
        """`stdout` as UTF-8; bytes that are not valid survive as lone surrogates, exactly."""
        return self.stdout.decode("utf-8", "surrogateescape")

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """The files of a `ReadFiles` request; ParseError where the bytes are none."""
        return decode_files(self.stdout)

    @property
    def lines(self) -> list[str]:
        """`text` cut at newlines only (never at the other Unicode line breaks)."""
        return self.text.removesuffix("\n").split("\n") if self.stdout else []
