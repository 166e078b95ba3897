"""Questions as data, and what identifies them. Pure."""

from __future__ import annotations

import enum
import hashlib

import msgspec
from msgspec import Struct

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


class Command(Struct, frozen=True, kw_only=True, tag="command"):
    """A program with its exact argv, run on the target.

    `ok` lists the exit statuses that mean an answer. `missing` is what exit status 127 (no such
    program) means: UNSUPPORTED unless its absence says something of the target (NOT_PRESENT).
    `partial_ok`: a cut answer is still handed to the parser, which must check `Answer.truncated`.
    """

    argv: tuple[str, ...]
    privilege: Privilege = Privilege.USER
    timeout_s: int = 20
    limit: int = 1 << 20
    ok: tuple[int, ...] = (0,)
    missing: Reason = Reason.UNSUPPORTED
    partial_ok: bool = False


class ReadFile(Struct, frozen=True, kw_only=True, tag="file"):
    """The bytes of one regular file of the target; a missing file is NOT_PRESENT."""

    path: str
    privilege: Privilege = Privilege.USER
    timeout_s: int = 20
    limit: int = 1 << 20
    partial_ok: bool = False


class Probe(Struct, frozen=True, kw_only=True, tag="probe"):
    """A question put over the network from the collector by the named prober of a plugin."""

    prober: str
    args: dict[str, Value] = {}
    timeout_s: int = 60
    limit: int = 8 << 20
    partial_ok: bool = False


Request = Command | ReadFile | Probe


def request_digest(request: Request) -> str:
    """The SHA-256 (hex) that identifies a request: equal requests are asked once."""
    return hashlib.sha256(msgspec.json.encode(request, order="sorted")).hexdigest()
