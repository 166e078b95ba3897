"""Typed values computed from observations, and how they are asked for. Pure."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from audit_core.model.messages import Message
from audit_core.model.observations import Answer
from audit_core.model.requests import Reason, Request
from audit_core.model.targets import Kind, Target


class Known(Struct, frozen=True, kw_only=True):
    """A typed value parsed from observations, and the digests of those observations."""

    value: Any
    evidence: tuple[str, ...] = ()


class Absent(Struct, frozen=True, kw_only=True):
    """No value, and why. `said` is for the reader; `evidence` is what was seen all the same."""

    reason: Reason
    said: Message
    evidence: tuple[str, ...] = ()


class ParseError(Exception):
    """Raised by a parser for bytes that it cannot read with certainty: UNPARSABLE."""


class Platform(Struct, frozen=True, kw_only=True):
    """The closed list of what discovery settles about a host; `unknown` where it could not."""

    os_id: str = "unknown"
    os_family: str = "unknown"  # debian rhel suse alpine arch unknown
    version_id: str = "unknown"
    package_manager: str = "unknown"  # apt dnf yum zypper apk unknown
    init: str = "unknown"  # systemd other unknown
    kernel: str = "unknown"


Ask = Request | Callable[[Target], "Request | Message"]


Parser = Callable[[Answer], Any]


class Provider(Struct, frozen=True, kw_only=True):
    """One way to learn a fact: what to ask and how to read the answer, guarded by platform.

    `ask` may be a function of the target; it returns a Message when nothing can be asked because
    the inventory does not declare what is needed (the fact is then NOT_COLLECTED, the message
    says what to declare). `when` maps a Platform field to the values it holds for.
    """

    ask: Ask
    parse: Parser
    when: dict[str, tuple[str, ...]] = {}


class Fact(Struct, frozen=True, kw_only=True):
    """Something to know about a target of `kind`, with its providers in order of preference."""

    id: str
    type: Any
    kind: Kind
    providers: tuple[Provider, ...]
    follow_up: bool = False

    def __hash__(self) -> int:
        return hash(self.id)


class Optional_(Struct, frozen=True, kw_only=True):
    """A need that may be not present: the check then receives None. Nothing else is forgiven."""

    fact: Fact


class Builtin(enum.Enum):
    """Needs that the engine fills without asking the target."""

    TARGET = "target"
    COLLECTED_AT = "collected_at"
    PLATFORM = "platform"


Need = Fact | Optional_ | Builtin
