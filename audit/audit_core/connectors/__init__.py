"""How a script reaches a target and its two output streams come back. Nothing is judged here."""

from __future__ import annotations

import enum
from types import TracebackType
from typing import Protocol, Self

from msgspec import Struct

from audit_core.model import Message, Reason
from audit_core.text.translate import Translator


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
    """The target could not be reached or logged in to; `reason`, and `said`, which tells why.

    `remedy` is what the user can do about it (a command to run), or None. `credential_refused` is
    true when the target answered and refused the credential: it counts towards lock-outs.
    `at_jump` is true where this is about the jump host in front of the target.
    """

    at_jump = False

    def __init__(
        self,
        reason: Reason,
        said: Message,
        *,
        remedy: Message | None = None,
        credential_refused: bool = False,
    ) -> None:
        super().__init__(Translator("en").say(said))
        self.reason = reason
        self.said = said
        self.remedy = remedy
        self.credential_refused = credential_refused

    @property
    def detail(self) -> str:
        """`said` in English."""
        return str(self)

    @property
    def hint(self) -> str:
        """`remedy` in English, or an empty text."""
        return "" if self.remedy is None else Translator("en").say(self.remedy)


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
