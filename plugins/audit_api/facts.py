"""The routes in a file as a fact."""

from __future__ import annotations

from msgspec import Struct

from audit_api.model import Head, Route
from audit_api.request import Routes
from audit_core.api.sdk import Answer, Message, Partial, fact, json_as, msg, partial, verbatim


class RouteTable(Struct, frozen=True, kw_only=True):
    """The routes in a file."""

    head: Head
    routes: tuple[Route, ...] = ()


_NOT_ROUTES = msg("not the routes of a file")


def parse_routes(answer: Answer) -> RouteTable | Partial:
    """The routes; incomplete where some were left out."""
    head, *lines = answer.stdout.splitlines() or [b""]
    top = json_as(head, Head, _NOT_ROUTES)
    routes = tuple(
        json_as(line, Route, _NOT_ROUTES) for line in (lines[:-1] if answer.truncated else lines)
    )
    reported: list[Message] = [
        msg("left out: {route}", route=verbatim(one)) for one in top.problems
    ]
    if answer.truncated:
        reported.append(msg("the routes after {count} were cut off", count=len(routes)))
    return partial(RouteTable(head=top, routes=routes), reported)


ROUTES = fact("api.routes", RouteTable, kind="routes", ask=Routes(), parse=parse_routes)

FACTS = (ROUTES,)
