"""How targets are reached: what connectors, the core and the stored observations share. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

from msgspec import Struct

from audit_core.model.files import FileEntry
from audit_core.model.messages import Message
from audit_core.model.observations import SessionInfo, Status
from audit_core.model.requests import Reason, Request
from audit_core.model.targets import Target


class Reply(Struct, frozen=True, kw_only=True):
    """One answer as it came in, not yet redacted.

    `detail` is why there is none. `started` and `ended` (UTC, ISO 8601) are empty where the request
    was asked alone, just before: the core stamps it then.
    """

    request: Request
    status: Status = Status.ANSWERED
    exit_code: int | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    truncated: bool = False
    detail: Message | None = None
    files: tuple[FileEntry, ...] | None = None
    started: str = ""
    ended: str = ""


class ConnectError(Exception):
    """Raised where a target could not be reached or logged in to, with `reason` and `detail`.

    `remedy` is what the user can do about it (a command to run), or None. `refused`: the other side
    refused what it was offered, or nobody knows whether it did; it counts towards lock-outs.
    `in_between`: this is about the host through which the target is reached. `replies` are answers
    that the other side gave before it refused the login.
    """

    def __init__(
        self,
        reason: Reason,
        detail: Message,
        *,
        remedy: Message | None = None,
        refused: bool = False,
        in_between: bool = False,
        replies: tuple[Reply, ...] = (),
    ) -> None:
        super().__init__(str(detail))
        self.reason = reason
        self.detail = detail
        self.remedy = remedy
        self.refused = refused
        self.in_between = in_between
        self.replies = replies


class Lack(Struct, frozen=True, kw_only=True):
    """What is missing on our side before `targets` can be asked, found without a login.

    `command` fixes it, for a POSIX shell, empty where none can; `remedy` is what else to do.
    `unknown_peer`: the identity of the servers has to be reviewed (`dengbao hostkeys`). `tool`: a
    program or library that is not installed.
    """

    targets: tuple[str, ...]
    detail: Message
    command: str = ""
    remedy: Message | None = None
    unknown_peer: bool = False
    tool: bool = False


class PeerState(enum.StrEnum):
    """How the identity that a server shows compares with what is known of it.

    `CHANGED`: another one, or a revoked one, is known. `WAITS`: it is reached through a host whose
    identity is unknown.
    """

    KNOWN = "known"
    UNKNOWN = "unknown"
    CHANGED = "changed"
    UNREACHABLE = "unreachable"
    WAITS = "waits"


class Peer(Struct, frozen=True, kw_only=True):
    """The identity that a server shows: of which kind, its size in `bits`, and its fingerprint.

    `targets` are those that are reached there, `place` says where. `line` makes it known when it
    is appended to `file`; both are empty where nothing is to be added. `detail` is why nothing was
    shown, or what is wrong with it, and `remedy` what to do about it.
    """

    targets: tuple[str, ...]
    place: str
    state: PeerState
    kind: str = ""
    bits: int = 0
    fingerprint: str = ""
    file: str = ""
    line: str = ""
    detail: Message | None = None
    remedy: Message | None = None


class ConnectionContext(Protocol):
    """What a connector is given to open a session.

    `access` is the connector's access schema as the inventory fills it, None where it has none.
    """

    @property
    def target(self) -> Target:
        """The target that the session is opened to."""
        ...

    @property
    def access(self) -> Any:
        """The access settings of the inventory, as the connector's schema."""
        ...

    def address(self, name: str) -> str:
        """The address to connect to for a host name or address, looked up once.

        ConfigError where it is outside the declared scope; ConnectError where it does not resolve.
        """

    def secret(self, reference: str) -> str:
        """The secret behind a reference; no stored byte will hold it. ConfigError where none is."""


class Permission(Struct, frozen=True, kw_only=True):
    """What a login allows of what would be asked. `limited`: it lacks the rights for much of it."""

    detail: Message
    limited: bool = False


class Session(Protocol):
    """One open way to a target. One thread uses it at a time."""

    @property
    def info(self) -> SessionInfo:
        """How and as whom the session was opened."""
        ...

    def ask(self, requests: Sequence[Request]) -> Iterator[Reply]:
        """The reply to each of `requests`, in any order, as it comes in.

        Raises ConnectError where the session is lost.
        """

    def permitted(self, requests: Sequence[Request]) -> Permission:
        """What this login allows of `requests`, found out without running them."""

    def close(self) -> None:
        """Ends the session. May be called twice, and from another thread to abort."""


class Closing:
    """A session that is closed at the end of its `with`."""

    def close(self) -> None:
        """Ends the session. May be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
