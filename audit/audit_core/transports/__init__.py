"""How a script reaches a target and its two output streams come back. Nothing is judged here."""

from __future__ import annotations

import enum
from types import TracebackType
from typing import Protocol, Self

from msgspec import Struct

from audit_core.model import Reason


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
    detail: str = ""


class TransportError(Exception):
    """The target could not be reached or logged in to; `reason` and one line that says why.

    `hint` is what the user can do about it (a command to run), or empty. `credential_refused` is
    true when the target answered and refused the credential: it counts towards lock-outs.
    """

    def __init__(
        self, reason: Reason, detail: str, *, hint: str = "", credential_refused: bool = False
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.hint = hint
        self.credential_refused = credential_refused


class Session(Protocol):
    """One open way to a target. Not thread-safe: one thread uses it at a time."""

    how: str

    def run(self, script: bytes, *, deadline_s: float, limit: int) -> ScriptReply:
        """The reply of `/bin/sh -s` fed with `script`; at most `limit` bytes a stream are kept.

        Both streams are read at once. At the deadline or the limit the remote side is killed.
        """
        ...

    def close(self) -> None:
        """Nothing is left running. May be called twice."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Closing:
    """A session that is closed at the end of its `with`."""

    def close(self) -> None:
        """Nothing is left running. May be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Transport(Protocol):
    """Knows how to open sessions to one target."""

    def open(self) -> Session:
        """An open session; raises TransportError."""
        ...
