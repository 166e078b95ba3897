"""Whether routes ask who calls, are encrypted and limited, and stand in the register."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from audit_api.facts import ROUTES, RouteTable
from audit_api.kind import RoutesSettings
from audit_api.model import Route
from audit_core.api.sdk import (
    TARGET,
    Judgement,
    Message,
    Others,
    Severity,
    Target,
    all_known,
    capped,
    check,
    each,
    failed,
    msg,
    not_applicable,
    passed,
    settings_of,
    undetermined,
)


def _named(what: Message, routes: Iterable[Route]) -> Message:
    return msg("{what}: {routes}", what=what, routes=capped((r.label for r in routes), sort=False))


def _summary(table: RouteTable) -> Message:
    return msg("{count} routes in {file} ({format})", count=len(table.routes),
               file=table.head.file, format=table.head.format)  # fmt: skip


def _closed(target: Target, table: RouteTable) -> Iterator[Route]:
    """The routes that are not declared as open to everybody."""
    free = settings_of(target, RoutesSettings).open_routes
    return (route for route in table.routes if route.path not in free)


@check(
    "api.authenticated", needs=(TARGET, ROUTES), kind="routes", severity=Severity.HIGH,
    remedy=msg("Ask for a login on these routes, or declare those that are meant for everybody "
               "(open_routes)"),
)  # fmt: skip
def authenticated(target: Target, table: RouteTable) -> Judgement:
    """Each route requires authentication, except those that are declared as open."""
    if not table.routes:
        return undetermined(_summary(table))
    wrong = [route for route in _closed(target, table) if route.authenticated is False]
    if wrong:
        return failed(_summary(table), _named(msg("Without authentication"), wrong))
    unknown = [route for route in _closed(target, table) if route.authenticated is None]
    if unknown:
        more = msg("Whether the service behind it requires authentication is not stated")
        return undetermined(_summary(table), more, _named(msg("Not stated"), unknown))
    return passed(_summary(table))


@check(
    "api.encrypted", needs=ROUTES, severity=Severity.HIGH,
    remedy=msg("Offer these routes over HTTPS only"),
)  # fmt: skip
def encrypted(table: RouteTable) -> Judgement:
    """Each route is offered over TLS only."""
    wrong = [route for route in table.routes if route.encrypted is False]
    if wrong:
        return failed(_summary(table), _named(msg("Also without encryption"), wrong))
    unknown = [route for route in table.routes if route.encrypted is None]
    if unknown or not table.routes:
        more = msg("The document does not state how {count} routes are reached", count=len(unknown))
        return undetermined(_summary(table), more)
    return passed(_summary(table))


@check(
    "api.limited", needs=ROUTES, severity=Severity.MEDIUM,
    remedy=msg("Limit the rate of calls on these routes"),
)  # fmt: skip
def limited(table: RouteTable) -> Judgement:
    """The gateway limits the rate of calls of each route."""
    silent = msg("A document of the format {format} does not state limits",
                 format=table.head.format)  # fmt: skip
    states = [route.limited for route in table.routes]
    return _each_has(table, states, silent, msg("Without a limit"))


def _each_has(
    table: RouteTable, states: list[bool | None], silent: Message, lacking: Message
) -> Judgement:
    """Whether each route has what `states` says of it, in order; None where it is not stated."""
    if all(state is None for state in states):
        return not_applicable(silent)
    wrong = [r for r, state in zip(table.routes, states, strict=True) if state is False]
    if wrong:
        return failed(_summary(table), _named(lacking, wrong))
    unknown = [r for r, state in zip(table.routes, states, strict=True) if state is None]
    if unknown:
        return undetermined(_summary(table), _named(msg("Not stated"), unknown))
    return passed(_summary(table))


@check(
    "api.monitored", needs=ROUTES, severity=Severity.MEDIUM,
    remedy=msg("Log or count the calls of these routes"),
)  # fmt: skip
def monitored(table: RouteTable) -> Judgement:
    """The gateway logs or counts the calls of each route."""
    silent = msg("A document of the format {format} does not state monitoring",
                 format=table.head.format)  # fmt: skip
    states = [route.monitored for route in table.routes]
    return _each_has(table, states, silent, msg("Without monitoring"))


@check(
    "api.registered", kind="routes", severity=Severity.MEDIUM,
    needs=(TARGET, ROUTES, each("interfaces_register", "register.interfaces")),
    remedy=msg("Enter the routes in the register of interfaces, by path, name or operationId; or "
               "name the row that stands for all of them (interface)"),
)  # fmt: skip
def registered(target: Target, table: RouteTable, registers: Others) -> Judgement:
    """Each route, or the interface that stands for all, is in the register of interfaces."""
    if not registers:
        return undetermined(msg("No register of interfaces is declared"))
    tables = all_known(registers)
    if tables is None:
        return undetermined(msg("A register of interfaces could not be read in full"))
    rows = (row for table in tables for row in table.rows)
    there = {str(row["interface"]).casefold() for row in rows if row["interface"]}
    whole = settings_of(target, RoutesSettings).interface
    if whole:
        if whole.casefold() in there:
            return passed(_summary(table), msg("Registered as {interface}", interface=whole))
        return failed(msg("{interface} is not in the register", interface=whole))
    wrong = [route for route in table.routes if not _names(route) & there]
    if wrong:
        return failed(_summary(table), _named(msg("Not in the register"), wrong))
    return passed(_summary(table))


def _names(route: Route) -> set[str]:
    return {name.casefold() for name in (route.label, route.path, *route.names)}


CHECKS = (authenticated, encrypted, limited, monitored, registered)
