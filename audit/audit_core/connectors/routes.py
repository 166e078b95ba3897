"""Which connector answers which request about which target, and how its sessions are opened."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct, structs

from audit_core.api.hooks import Connector
from audit_core.api.plugins import resolve_entry
from audit_core.connectors import preflight
from audit_core.connectors.connection_context import ResolvingContext, hosts, references
from audit_core.connectors.pool import Pool
from audit_core.connectors.scope import resolve
from audit_core.connectors.secrets import Secrets
from audit_core.inventory import Access, Inventory
from audit_core.model import ConnectError, Lack, Peer, Request, Session, Target, msg
from audit_core.model.errors import ConfigError


class Route(Struct, frozen=True, kw_only=True):
    """How `target` is reached by one connector.

    `credentials` name what is offered (never the value) and the account there, `between` what is
    offered to a host in between: refusals are counted by these names. Nobody logs in where
    `logs_in` is false. `places` are the addresses that are connected to.
    """

    target: str
    connector: str
    accepts: tuple[type[Request], ...]
    open: Callable[[], Session]
    credentials: tuple[str, ...] = ()
    between: tuple[str, ...] = ()
    logs_in: bool = True
    places: tuple[str, ...] = ()


ByTarget = Mapping[str, Sequence[Route]]


def route_of(
    request: Request, target: str, routes: ByTarget, parents: Mapping[str, str]
) -> Route | None:
    """The route that answers `request` about `target`: to itself, or else to what it is part of."""
    place: str | None = target
    while place is not None:
        for route in routes.get(place, ()):
            if isinstance(request, route.accepts):
                return route
        place = parents.get(place)
    return None


class Routes:
    """The routes to the targets of one inventory."""

    def __init__(
        self,
        inventory: Inventory,
        connectors: Mapping[str, Connector],
        secrets: Secrets,
        pool: Pool,
    ) -> None:
        self._inventory = inventory
        self._connectors = connectors
        self._secrets = secrets
        self._pool = pool
        self._addresses: dict[str, str] = {}

    def of(self, target: Target) -> tuple[Route, ...]:
        """Every way to ask `target` itself: the declared one first."""
        access = self._inventory.access.get(target.id)
        found = [] if access is None else [self._declared(target, access)]
        found += [
            self._open_to_all(connector, target)
            for connector in self._connectors.values()
            if connector.access is None and target.kind in connector.kinds
        ]
        return tuple(found)

    def by_target(self, targets: Iterable[Target]) -> dict[str, tuple[Route, ...]]:
        """The routes to each of `targets`, by id."""
        return {target.id: self.of(target) for target in targets}

    def _declared(self, target: Target, access: Access) -> Route:
        connector = self._connectors.get(access.via)
        if connector is None:
            raise ConfigError(
                msg("{target}: no installed plugin offers the connector {via}",
                    target=target.id, via=access.via)
            )  # fmt: skip
        route = self._route(connector, target, access.settings)
        own, between = _credentials(connector, access.settings)
        places = self._places(access, target, direct=not between)
        if own:
            own = (*own, _account(access, places), *_accounts(connector, access))
        return structs.replace(route, credentials=own, between=between, places=places)

    def _places(self, access: Access, target: Target, *, direct: bool) -> tuple[str, ...]:
        """The address that is logged in to, then those in between; names that have none."""
        named = hosts(access.settings) or ((target.address,) if target.address else ())
        return tuple(
            self._place(name, target, here=direct or number > 0)
            for number, name in enumerate(named)
        )

    def _place(self, name: str, target: Target, *, here: bool) -> str:
        if name == target.host_name and target.address is not None:
            return target.address  # as it was looked up when the run began
        if not here:  # a host in between looks it up
            return name
        if name not in self._addresses:
            self._addresses[name] = name
            with contextlib.suppress(ConfigError, ConnectError):
                self._addresses[name] = resolve(name, self._inventory.scope)
        return self._addresses[name]

    def _route(self, connector: Connector, target: Target, settings: object) -> Route:
        context = ResolvingContext(target, settings, self._inventory.scope, self._secrets)
        open_: Callable[[], Session] = _InProcess(connector, context)
        if connector.isolated:
            self._pool.expect(connector)
            open_ = _Isolated(self._pool, connector, context)
        return Route(
            target=target.id, connector=connector.name, accepts=connector.accepts, open=open_,
            logs_in=connector.access is not None,
        )  # fmt: skip

    def _open_to_all(self, connector: Connector, target: Target) -> Route:
        route = self._route(connector, target, None)
        if target.address is None:
            return route
        return structs.replace(route, places=(self._place(target.address, target, here=True),))

    def lacks(self, used: Iterable[Route]) -> tuple[Lack, ...]:
        """What is missing before the targets of the `used` routes can be asked; makes no login."""
        return preflight.lacks(self._contexts_of((r.target, r.connector) for r in used))

    def peers(self, targets: Iterable[Target]) -> Iterator[Peer]:
        """The identities that the servers of `targets` show; makes no login to a target.

        Raises ToolMissing where a library that this needs is not installed.
        """
        access = self._inventory.access
        pairs = [(t.id, access[t.id].via) for t in targets if t.id in access]
        for connector, contexts in self._contexts_of(pairs):
            if connector.peers is not None:
                yield from resolve_entry(connector.peers)(contexts)

    def _contexts_of(
        self, pairs: Iterable[tuple[str, str]]
    ) -> list[tuple[Connector, list[ResolvingContext]]]:
        """The contexts of the targets that each connector reaches."""
        targets = {target.id: target for target in self._inventory.targets}
        found: dict[str, list[ResolvingContext]] = {}
        for id, name in dict.fromkeys(pairs):
            connector = self._connectors[name]
            access = self._inventory.access.get(id) if connector.access is not None else None
            settings = None if access is None else access.settings
            context = ResolvingContext(targets[id], settings, self._inventory.scope, self._secrets)
            found.setdefault(name, []).append(context)
        return [(self._connectors[name], contexts) for name, contexts in found.items()]

    def resolve_secrets(self, targets: Iterable[Target]) -> None:
        """Every secret that access to `targets` refers to is known from here on, if there is one.

        All of them before the first byte is stored: what one target holds of another's is cut too.
        """
        for target in targets:
            access = self._inventory.access.get(target.id)
            for reference in references(access.settings) if access is not None else ():
                with contextlib.suppress(ConfigError):  # reported when this target is opened
                    self._secrets.resolve(reference)


class _Isolated:
    def __init__(self, pool: Pool, connector: Connector, context: ResolvingContext) -> None:
        self._pool, self._connector, self._context = pool, connector, context

    def __call__(self) -> Session:
        return self._pool.open(self._connector, self._context)


class _InProcess:
    def __init__(self, connector: Connector, context: ResolvingContext) -> None:
        self._connector, self._context = connector, context

    def __call__(self) -> Session:
        session: Session = resolve_entry(self._connector.open)(self._context)
        return session


def _credentials(connector: Connector, access: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of what is offered to the target, and to a host in between."""
    if connector.credentials is not None:
        names = connector.credentials(access)
        return names[:1], names[1:]
    return (f"{getattr(access, 'user', '')} {', '.join(references(access)) or '-'}",), ()


def _accounts(connector: Connector, access: Access) -> Iterator[str]:
    """The account by each identity of its server: several addresses may lead to one server."""
    user = getattr(access.settings, "user", "")
    for identity in connector.identities(access.settings) if connector.identities else ():
        yield f"{access.via} {user} of {identity}"


def _account(access: Access, places: tuple[str, ...]) -> str:
    """The account that is logged in to: it is locked where it is, whatever is offered."""
    user, port = getattr(access.settings, "user", ""), getattr(access.settings, "port", "")
    return f"{access.via} {user} at {next(iter(places), None)} {port}"
