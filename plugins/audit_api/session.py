"""Reads routes from a file. Runs in a worker process."""

from __future__ import annotations

import hashlib
import time
from functools import partial
from pathlib import Path
from typing import IO, Any

import msgspec

from audit_api.formats import Document, NoRoutes
from audit_api.kind import RoutesAccess
from audit_api.model import Head
from audit_api.nginx import NotNginx
from audit_api.request import Routes
from audit_core.api.declared_files import (
    OutOfTime,
    Unreadable,
    all_bytes,
    file_session,
    read_declared,
)
from audit_core.api.sessions import OneByOne, cut_reply
from audit_core.model import ConnectionContext, Reply, msg, verbatim
from audit_core.model.errors import InputError
from audit_core.policy.strict_yaml import as_written, load_bytes

FILE_MAX = 16 << 20
"""Bytes of a file in JSON; YAML is read strictly, up to 2 MB."""


def open(context: ConnectionContext) -> OneByOne:
    """A session that reads the file of the target; nobody logs in."""
    access: RoutesAccess = context.access
    return file_session("routes", Routes, partial(answered, path=Path(access.file)))


def answered(request: Routes, path: Path) -> Reply:
    """The routes in the file at `path`, or why there are none."""
    return read_declared(request, path, partial(_read, request, path.name))


def _read(request: Routes, name: str, stream: IO[bytes]) -> Reply:
    until = time.monotonic() + request.timeout_s
    lines = lines_of(request, name, all_bytes(stream, FILE_MAX))
    if time.monotonic() > until:
        raise OutOfTime
    return cut_reply(request, lines)


def lines_of(request: Routes, name: str, raw: bytes) -> bytes:
    """The answer for the bytes of a file; Unreadable."""
    try:
        found = Document(_root(name, raw))
    except NotNginx as error:
        raise Unreadable(msg("it is no configuration of nginx: braces or ends of directives are "
                             "missing")) from error  # fmt: skip
    except NoRoutes:
        known = ("OpenAPI 3", "Swagger 2.0", "Kong (_format_version)", "APISIX", "nginx (.conf)")
        raise Unreadable(msg("it has none of the formats {formats}", formats=known)) from None
    routes = [r for r in found.routes
              if not request.methods or r.method in request.methods]  # fmt: skip
    if len(routes) > request.rows:
        raise Unreadable(msg("it has more than {count} routes", count=request.rows))
    head = Head(format=found.format, file=name, sha256=hashlib.sha256(raw).hexdigest(),
                title=found.title, problems=tuple(found.problems[:20]))  # fmt: skip
    return b"".join(msgspec.json.encode(one) + b"\n" for one in (head, *routes))


def _root(name: str, raw: bytes) -> Any:
    if name.lower().endswith(".conf"):
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise Unreadable(msg("it is not UTF-8")) from error
    if raw.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        try:
            return msgspec.json.decode(raw.removeprefix(b"\xef\xbb\xbf"))
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            why = msg("it is not JSON: {error}", error=verbatim(str(error)[:300]))
            raise Unreadable(why) from error
    try:
        root = load_bytes(raw, name).at(())
        return as_written(root) if root is not None else None
    except InputError as error:
        raise Unreadable(error.detail) from error
    except RecursionError as error:
        raise Unreadable(msg("it is nested too deeply")) from error
