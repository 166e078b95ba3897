"""What a connector is given to open a session: names and secrets are resolved by the core."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from audit_core.connectors.scope import resolve
from audit_core.connectors.secrets import Secrets, is_reference
from audit_core.model import ConnectError, HostName, KeyFile, Message, Reason, SecretRef, Target
from audit_core.model.errors import ConfigError
from audit_core.model.schemas import marked


class ResolvingContext:
    """Looks names up and resolves secrets when they are used."""

    def __init__(
        self, target: Target, access: Any, scope: tuple[str, ...] | None, secrets: Secrets
    ) -> None:
        self.target = target
        self.access = access
        self._scope = scope
        self._secrets = secrets

    def address(self, name: str) -> str:
        """The address to connect to for `name`."""
        return resolve(name, self._scope)

    def secret(self, reference: str) -> str:
        """The secret that `reference` names; raises ConfigError where there is none."""
        return self._secrets.resolve(reference).reveal()


class NoAddress(Struct, frozen=True, kw_only=True):
    """Why there is no address for a name: it does not resolve, or it is `out_of_scope`."""

    detail: Message
    out_of_scope: bool


class ResolvedContext(Struct, frozen=True, kw_only=True):
    """A context as data, for another process: names and secrets were resolved before.

    A name without an address is told of where it is asked for: a host in between may know it.
    """

    target: Target
    access: Any
    addresses: dict[str, str | NoAddress]
    secrets: dict[str, str]

    def address(self, name: str) -> str:
        """The address to connect to for `name`."""
        found = self.addresses[name]
        if isinstance(found, str):
            return found
        if found.out_of_scope:
            raise ConfigError(found.detail)
        raise ConnectError(Reason.UNREACHABLE, found.detail)

    def secret(self, reference: str) -> str:
        """The secret that `reference` names, which was resolved before this was sent."""
        return self.secrets[reference]

    def __repr__(self) -> str:
        return f"ResolvedContext({self.target.id})"


def sent(context: ResolvingContext) -> ResolvedContext:
    """`context` as data. Raises what resolving its secrets raises."""
    names = {*hosts(context.access)}
    if context.target.address is not None:
        names.add(context.target.address)
    return ResolvedContext(
        target=context.target,
        access=context.access,
        addresses={name: _address(context, name) for name in sorted(names)},
        secrets={ref: context.secret(ref) for ref in references(context.access)},
    )


def _address(context: ResolvingContext, name: str) -> str | NoAddress:
    try:
        return context.address(name)
    except ConnectError as error:
        return NoAddress(detail=error.detail, out_of_scope=False)
    except ConfigError as error:
        return NoAddress(detail=error.detail, out_of_scope=True)


def references(access: Any) -> tuple[str, ...]:
    """The references to secrets in `access`."""
    found = _marked(access, SecretRef, KeyFile)
    return tuple(dict.fromkeys(text for text in found if is_reference(text)))


def hosts(access: Any) -> tuple[str, ...]:
    """The hosts that `access` names."""
    return _marked(access, HostName)


def _marked(access: Any, *markers: Any) -> tuple[str, ...]:
    if not isinstance(access, Struct):
        return ()
    return tuple(text for _, _, text in marked(access, markers))
