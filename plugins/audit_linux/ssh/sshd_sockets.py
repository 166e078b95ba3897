"""Where the SSH server listens: what Match blocks by port or address of the host depend on."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network

from msgspec import Struct, structs

from audit_core.api.sdk import (
    Absent,
    Answers,
    Command,
    ReadFile,
    Reason,
    fact,
    msg,
    not_present,
    optional,
)
from audit_linux.ssh.sshd import Sshd


class Sockets(Struct, frozen=True, kw_only=True):
    """What the settings say (`ports`, `addresses`), and what the host shows.

    `open` are the ports of TCP on which the host listens, each with the name of the process, empty
    where that is not shown; None where they are not known. `own` are addresses of the host at which
    something listens; it may have others.
    `domains` are the routing domains (VRF) of the addresses that the settings name, empty for none.
    `any_domain`: connections come from every domain, not of the listening sockets alone. `bound`
    are the ports of sockets that are bound to a device (`ip vrf exec`), with its name.
    `names`: whether the server asks for the names of clients (UseDNS), None where not known.
    """

    ports: frozenset[str] = frozenset()
    addresses: tuple[str, ...] = ()
    open: dict[str, str] | None = None
    own: tuple[str, ...] = ()
    names: bool | None = None
    domains: tuple[str, ...] = ("",)
    any_domain: bool = False
    bound: tuple[tuple[str, str], ...] = ()


_SS = re.compile(r"tcp\s+LISTEN\s+\d+\s+\d+\s+(\S+):(\d{1,5})\s+\S+(?:\s+users:\(\(\"([^\"]*)\")?")


def parse_sockets(answers: Answers) -> Sockets | Absent:
    """The ports of TCP on which the host listens; NOT_PRESENT where ss does not list them."""
    rows = [row for row in (_SS.match(line[:2048]) for line in answers["ss"].lines) if row]
    domains = answers["domains"]
    if not rows:
        return not_present(msg("ss lists no socket"))
    placed = [(*row[1].strip("[]").replace("]%", "%").partition("%")[::2], row[2]) for row in rows]
    own = dict.fromkeys(address for address, _, _ in placed)
    return Sockets(
        open={row[2]: row[3] or "" for row in rows},
        own=tuple(address for address in own if address not in _ANY),
        bound=tuple((port, device) for _, device, port in placed if device),
        any_domain=domains is not None and domains.text.strip() != "0",
    )


SOCKETS = fact(
    "linux.sshd-sockets",
    Sockets,
    kind="host",
    asks={
        # The same request as that of all listeners: it is put once.
        "ss": Command(
            argv=("ss", "-H", "-tulnp"), ok=(0, 1, 255), limit=4 << 20,
            not_found=Reason.NOT_PRESENT,
        ),
        # Not there where the kernel has no routing domains.
        "domains": optional(ReadFile(path="/proc/sys/net/ipv4/tcp_l3mdev_accept")),
    },
    parse=parse_sockets,
)  # fmt: skip
FACTS = (SOCKETS,)

_SOCKET = re.compile(r"\[?([^\s\]]*?)\]?:(\d{1,5})")
_ANY = ("0.0.0.0", "::", "*")  # noqa: S104 (what settings say, not bound here)


def sockets_of(sockets: Sockets, sshd: Sshd) -> Sockets:
    """The same with what the settings of the server say."""
    lines = sshd.values.get("listenaddress", ())
    listed = [_SOCKET.fullmatch(text.split()[0]) for text in lines if text.split()]
    named = [row for row in listed if row]
    ports = frozenset((*sshd.values.get("port", ()), *(row[2] for row in named)))
    domains = [text.partition(" rdomain ")[2].strip() for text in lines] or [""]
    bound = [device for port, device in sockets.bound if port in ports]
    return structs.replace(
        sockets,
        ports=ports,
        addresses=tuple(row[1] for row in named) if len(named) == len(listed) else (),
        domains=tuple(dict.fromkeys((*domains, *bound))),
        names={"no": False, "yes": True}.get(sshd.one("usedns").lower()),
    )


def listens_on(sockets: Sockets, port: str) -> bool | None:
    """Whether clients may reach the server by this port of the host; None where not known."""
    if sockets.open is None:
        return True if port in sockets.ports else None
    if port not in sockets.open:
        return False
    if sockets.open[port].startswith("sshd") or port in sockets.ports:
        return True
    # systemd may hand connections over; without root nobody is named
    return None if sockets.open[port] in ("", "systemd") else False


def reachable(sockets: Sockets) -> tuple[tuple[str, ...], bool]:
    """The addresses of the host at which the server is reached, and whether these are all."""
    bound = tuple(address for address in sockets.addresses if address not in _ANY)
    if bound and len(bound) == len(sockets.addresses):
        return bound, True
    return ("127.0.0.1", "::1", *sockets.own), False


def fits_address(address: str, patterns: str) -> bool:
    """Whether an address fits a list of ssh_config(5): networks and patterns, `!` refuses."""
    found = False
    for pattern in patterns.split(","):
        if _fits(address, pattern.removeprefix("!")):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def _fits(address: str, pattern: str) -> bool:
    try:
        return ip_address(address) in ip_network(pattern, strict=False)
    except ValueError:
        plain = re.escape(pattern.lower()).replace(r"\*", ".*").replace(r"\?", ".")
        return re.fullmatch(plain, address.lower()) is not None
