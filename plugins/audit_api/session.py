"""Reads routes from a file. Runs in a worker process."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

import msgspec

from audit_api.formats import Document, NoRoutes
from audit_api.kind import RoutesAccess
from audit_api.model import Head
from audit_api.request import Routes
from audit_core.api.declared_files import read_declared
from audit_core.api.sessions import OneByOne
from audit_core.model import (
    ConnectionContext,
    Message,
    Reply,
    Request,
    SessionInfo,
    Status,
    msg,
    verbatim,
)
from audit_core.model.errors import InputError
from audit_core.policy.strict_yaml import as_written, load_bytes

FILE_MAX = 16 << 20
"""Bytes of a file in JSON; YAML is read strictly, up to 2 MB."""


class Refused(Exception):
    """The file cannot be read; `detail` says why."""

    def __init__(self, detail: Message) -> None:
        super().__init__(str(detail))
        self.detail = detail


def open(context: ConnectionContext) -> OneByOne:
    """A session that reads the file of the target; nobody logs in."""
    access: RoutesAccess = context.access

    def answer(request: Request) -> Reply:
        assert isinstance(request, Routes)  # noqa: S101 (nothing else is accepted)
        return answered(request, Path(access.file))

    return OneByOne(answer, SessionInfo(connector="routes"))


def answered(request: Routes, path: Path) -> Reply:
    """The routes in the file at `path`, or why there are none."""
    until = time.monotonic() + request.timeout_s
    raw = read_declared(request, path, lambda stream: stream.read(FILE_MAX + 1))
    if isinstance(raw, Reply):
        return raw
    try:
        lines = lines_of(request, path.name, raw)
    except Refused as error:
        why = msg("{file}: {detail}", file=path.name, detail=error.detail)
        return Reply(request=request, status=Status.MALFORMED, detail=why)
    if time.monotonic() > until:
        return Reply(request=request, status=Status.TIMED_OUT)
    cut = len(lines) > request.limit
    return Reply(request=request, exit_code=0, stdout=lines[: request.limit], truncated=cut)


def lines_of(request: Routes, name: str, raw: bytes) -> bytes:
    """The answer for the bytes of a file; Refused."""
    try:
        found = Document(_root(name, raw))
    except NoRoutes:
        known = ("OpenAPI 3", "Swagger 2.0", "Kong (_format_version)")
        raise Refused(msg("it has none of the formats {formats}", formats=known)) from None
    routes = [r for r in found.routes
              if not request.methods or r.method in request.methods]  # fmt: skip
    if len(routes) > request.rows:
        raise Refused(msg("it has more than {count} routes", count=request.rows))
    head = Head(format=found.format, file=name, sha256=hashlib.sha256(raw).hexdigest(),
                title=found.title, problems=tuple(found.problems[:20]))  # fmt: skip
    return b"".join(msgspec.json.encode(one) + b"\n" for one in (head, *routes))


def _root(name: str, raw: bytes) -> Any:
    if len(raw) > FILE_MAX:
        raise Refused(msg("it is larger than {count} bytes", count=FILE_MAX))
    if raw.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        try:
            return msgspec.json.decode(raw.removeprefix(b"\xef\xbb\xbf"))
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            why = msg("it is not JSON: {error}", error=verbatim(str(error)[:300]))
            raise Refused(why) from error
    try:
        root = load_bytes(raw, name).at(())
        return as_written(root) if root is not None else None
    except InputError as error:
        raise Refused(error.detail) from error
    except RecursionError as error:
        raise Refused(msg("it is nested too deeply")) from error
