"""The routes in a file as a fact."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec import Struct

from audit_api.model import Head, Route
from audit_api.request import Routes
from audit_core.api.sdk import Answer, Message, ParseError, Partial, fact, msg, partial, verbatim

T = TypeVar("T", bound=Struct)


class RouteTable(Struct, frozen=True, kw_only=True):
    """The routes in a file."""

    head: Head
    routes: tuple[Route, ...] = ()


def _decoded(line: bytes, type_: type[T]) -> T:
    try:
        return msgspec.json.decode(line, type=type_)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ParseError(msg("not the routes of a file")) from error


def parse_routes(answer: Answer) -> RouteTable | Partial:
    """The routes; incomplete where some were left out."""
    head, *lines = answer.stdout.splitlines() or [b""]
    top = _decoded(head, Head)
    routes = tuple(_decoded(line, Route) for line in (lines[:-1] if answer.truncated else lines))
    reported: list[Message] = [
        msg("left out: {route}", route=verbatim(one)) for one in top.problems
    ]
    if answer.truncated:
        reported.append(msg("the routes after {count} were cut off", count=len(routes)))
    return partial(RouteTable(head=top, routes=routes), reported)


ROUTES = fact("api.routes", RouteTable, kind="routes", ask=Routes(), parse=parse_routes)

FACTS = (ROUTES,)
