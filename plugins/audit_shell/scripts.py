"""How a script reaches a shell and its two output streams come back."""

from __future__ import annotations

import enum
from types import TracebackType
from typing import Protocol, Self

from msgspec import Struct

from audit_core.model import Message, SessionInfo, msg


class Ended(enum.StrEnum):
    """How a script's run ended: by itself, at the deadline, at the size cap, or cut off."""

    EXITED = "exited"
    DEADLINE = "deadline"
    LIMIT = "limit"
    CLOSED = "closed"


class ScriptReply(Struct, frozen=True, kw_only=True):
    """Both streams as received, up to the cap. `exit_code` is None where none came: never 0."""

    stdout: bytes
    stderr: bytes
    ended: Ended
    exit_code: int | None
    detail: Message | None = None


def no_end(seconds: float) -> Message:
    """The message that a script did not end in time."""
    return msg("it did not end within {seconds} s", seconds=seconds)


def too_much(limit: int) -> Message:
    """The message that a script exceeded the size limit."""
    return msg("more than {limit} bytes on a stream", limit=limit)


class ScriptSession(Protocol):
    """A login that runs scripts. One thread uses it at a time."""

    @property
    def info(self) -> SessionInfo:
        """How and as whom the session was opened."""
        ...

    def run(self, script: bytes, *, deadline_s: float, limit: int) -> ScriptReply:
        """The reply of `/bin/sh -s` fed with `script`; at most `limit` bytes a stream are kept.

        Both streams are read at once. At the deadline or the limit the remote side is killed.
        """
        ...

    def close(self) -> None:
        """Ends the session. May be called twice."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Transport(Protocol):
    """Knows how to open sessions to one host."""

    def open(self) -> ScriptSession:
        """An open session for scripts; raises ConnectError."""
        ...
