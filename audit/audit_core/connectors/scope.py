"""Host names and addresses: which are valid in an inventory, and which are in scope."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable

from audit_core.model import ConnectError, Reason, msg, verbatim
from audit_core.model.errors import ConfigError
from audit_core.model.messages import shortened

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
# inet_aton(3) reads 127.1, 0x7f.1 and 2130706433 as addresses: no name may end like that.
_NUMBER = re.compile(r"(0[xX][0-9A-Fa-f]*|[0-9]+)")


def checked_host(name: str) -> str:
    """`name` if it is a host name or an address in its usual form; ConfigError otherwise."""
    if as_address(name) is not None:
        return name
    shown = _shown(name)
    if not name.isascii():
        raise ConfigError(
            msg(
                "{shown}: write the host name in its ASCII form{name}",
                shown=str(shown),
                name=str(_ascii_form(name)),
            )
        )
    labels = name.removesuffix(".").split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ConfigError(msg("{shown}: not a host name or address", shown=str(shown)))
    if _NUMBER.fullmatch(labels[-1]):
        raise ConfigError(
            msg("{shown}: not an address; write it as four decimal numbers", shown=str(shown))
        )
    return name


def checked_user(name: str) -> str:
    """`name` if it can be a login name; ConfigError otherwise."""
    plain = name.isprintable() and not re.search(r"[\s*]", name)
    if not plain or name.startswith("-") or not 0 < len(name) <= 255:
        raise ConfigError(msg("{name}: not a user name", name=str(_shown(name))))
    return name


def as_address(text: str) -> Address | None:
    """The address that `text` is, IPv4 for an IPv4-mapped IPv6 address; None for a name."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def resolve(name: str, allowed: Iterable[str] | None) -> str:
    """The one address to connect to for `name`, looked up once.

    `allowed` are networks (`10.0.0.0/8`); an address outside them all is a ConfigError. None means
    that no scope is declared. A name that does not resolve is ConnectError(UNREACHABLE).
    """
    networks = None if allowed is None else [_network(text) for text in allowed]
    addresses = _addresses(checked_host(name))
    for address in addresses:
        if _in_scope(address, networks):
            return str(address)
    shown = ", ".join(str(a) for a in addresses)
    raise ConfigError(
        msg(
            "{name}: {shown} is outside the declared scope; nothing was sent to it",
            name=str(name),
            shown=str(shown),
        )
    )


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ConfigError(
            msg(
                "{text}: not a network of the scope: {error}",
                text=str(_shown(text)),
                error=verbatim(str(error)),
            )
        ) from error


def _addresses(name: str) -> list[Address]:
    literal = as_address(name)
    if literal is not None:
        return [literal]
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        detail = msg("{name}: the name does not resolve", name=name)
        raise ConnectError(Reason.UNREACHABLE, detail) from error
    addresses = [as_address(str(entry[4][0])) for entry in found]
    return [a for a in addresses if a is not None]


def _in_scope(
    address: Address, networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] | None
) -> bool:
    # 0.0.0.0 connects to this machine, and a multicast address names no single host.
    if address.is_unspecified or address.is_multicast:
        return False
    return networks is None or any(address in network for network in networks)


def _ascii_form(name: str) -> str:
    try:
        return f" ({name.encode('idna').decode()})"
    except UnicodeError:
        return ""


def _shown(name: str) -> str:
    """`name` for an error message, escaped and shortened, because it may be untrusted."""
    return shortened(ascii(name), 60)
