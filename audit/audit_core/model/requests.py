"""Questions as data, and what identifies them. Pure."""

from __future__ import annotations

import enum
import functools
import hashlib
from collections.abc import Iterable
from typing import Any, ClassVar

import msgspec
from msgspec import Struct, structs

from audit_core.model.messages import Value


class Privilege(enum.StrEnum):
    """With which rights a request runs."""

    USER = "user"
    ROOT = "root"


class Reason(enum.StrEnum):
    """Why a fact is absent. Only NOT_PRESENT says something of the target."""

    NOT_PRESENT = "not_present"
    NOT_PERMITTED = "not_permitted"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    TRUNCATED = "truncated"
    UNPARSABLE = "unparsable"
    NOT_COLLECTED = "not_collected"
    UNSUPPORTED = "unsupported"
    FAULT = "fault"


class Request(Struct, frozen=True, kw_only=True, tag_field="type"):
    """A question as data. A plugin adds a type by subclassing with a `tag` of its own.

    `timeout_s` and `limit` (bytes of the answer) bound the asking. `partial_ok`: a cut answer is
    still handed to the parser, which must check `Answer.truncated`. `waiting` names the fields of a
    type that say nothing about what is asked; all others identify the question where they differ
    from their default. So the default of such a field is part of its meaning and never changes,
    and a field that is added later needs a default that means what was asked before.
    """

    evidence_kind: ClassVar[str] = "answer"
    waiting: ClassVar[frozenset[str]] = frozenset({"timeout_s", "limit", "partial_ok"})

    privilege: Privilege = Privilege.USER
    timeout_s: int = 20
    limit: int = 1 << 20
    partial_ok: bool = False

    def describe(self) -> str:
        """The question as one line for people."""
        raise NotImplementedError

    def identity(self) -> str:
        """SHA-256 (hex) of what is asked: equal questions are asked once and found again."""
        defaults = _defaults(type(self))
        asked = {
            name: value
            for name, value in msgspec.to_builtins(self).items()
            if name not in self.waiting and not (name in defaults and defaults[name] == value)
        }
        return hashlib.sha256(msgspec.json.encode(asked, order="sorted")).hexdigest()

    def accepts(self, exit_code: int | None, *, truncated: bool) -> bool:
        """Whether `exit_code` means an answer; None where the kind of question has none."""
        return True

    def if_missing(self) -> Reason:
        """What it means that there is nothing to ask at the place that is asked."""
        return Reason.NOT_PRESENT


@functools.cache
def _defaults(type_: type[Request]) -> dict[str, Any]:
    """The defaults of the fields of `type_`, as plain data."""
    found = {}
    for field in structs.fields(type_):
        if field.default is not msgspec.NODEFAULT:
            found[field.encode_name] = msgspec.to_builtins(field.default)
        elif field.default_factory is not msgspec.NODEFAULT:
            found[field.encode_name] = msgspec.to_builtins(field.default_factory())
    return found


def stored(request: Request) -> dict[str, Any]:
    """`request` as plain data with its type tag, as a bundle keeps it."""
    plain: dict[str, Any] = msgspec.to_builtins(request)
    return plain


_SIGPIPE = 141  # as a shell tells it: the reader closed the pipe


class Command(Request, frozen=True, kw_only=True, tag="command"):
    """A program with its exact argv, run on the target.

    `ok` lists the exit statuses that mean an answer. `missing` is what exit status 127 (no such
    program) means: UNSUPPORTED unless its absence says something of the target (NOT_PRESENT).
    """

    evidence_kind: ClassVar[str] = "command"
    waiting: ClassVar[frozenset[str]] = Request.waiting | {"ok", "missing"}

    argv: tuple[str, ...]
    ok: tuple[int, ...] = (0,)
    missing: Reason = Reason.UNSUPPORTED

    def describe(self) -> str:
        """The argv, its words joined by blanks."""
        return " ".join(self.argv)

    def accepts(self, exit_code: int | None, *, truncated: bool) -> bool:
        """Whether `exit_code` means an answer; an answer that was cut ends with SIGPIPE."""
        return exit_code in self.ok or (truncated and exit_code == _SIGPIPE)

    def if_missing(self) -> Reason:
        """What it means that the program is not there."""
        return self.missing


class ReadFile(Request, frozen=True, kw_only=True, tag="file"):
    """The bytes of one regular file of the target; a missing file is NOT_PRESENT."""

    evidence_kind: ClassVar[str] = "file"

    path: str

    def describe(self) -> str:
        """The path."""
        return self.path


class Probe(Request, frozen=True, kw_only=True, tag="probe"):
    """A question put over the network from the collector by the named prober of a plugin."""

    evidence_kind: ClassVar[str] = "probe"

    prober: str
    args: dict[str, Value] = {}
    timeout_s: int = 60
    limit: int = 8 << 20

    def describe(self) -> str:
        """The prober and the arguments that it is given."""
        given = sorted((k, v) for k, v in self.args.items() if v not in ("", None))
        return " ".join((self.prober, *(f"{k}={v}" for k, v in given)))


def merged(requests: Iterable[Request]) -> dict[str, Request]:
    """`requests` by identity, each once; of equal questions the longest time and size hold."""
    found: dict[str, Request] = {}
    for request in requests:
        key = request.identity()
        before = found.get(key)
        found[key] = request if before is None else _longer(before, request)
    return found


def _longer(one: Request, other: Request) -> Request:
    return structs.replace(
        one,
        timeout_s=max(one.timeout_s, other.timeout_s),
        limit=max(one.limit, other.limit),
    )
