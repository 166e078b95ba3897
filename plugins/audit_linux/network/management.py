"""From which addresses the ports over which this host is administered can be reached."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Annotated

from msgspec import Struct

from audit_core.api.sdk import (
    TARGET,
    Absent,
    Down,
    Judgement,
    Message,
    Severity,
    Superset,
    Target,
    capped,
    check,
    failed,
    known,
    known_or_absent,
    msg,
    not_applicable,
    optional,
    passed,
    present,
    undetermined,
)
from audit_linux.declared import declared
from audit_linux.network.firewall import (
    NOT_FOLLOWED,
    chains_of,
    closing,
    input_chains,
    legacy_unlisted,
    unread_sets,
)
from audit_linux.network.ipsets import IPSETS, IpSet, resolved
from audit_linux.network.iptables import IP6TABLES, IPTABLES
from audit_linux.network.listeners import LISTENERS, Listener, ranges_of, within
from audit_linux.network.netfilter_model import Chains, Ruleset, Spans, by_name, same
from audit_linux.network.nft import NFT
from audit_linux.network.port_forwards import (
    LEGACY,
    LEGACY6,
    LISTED,
    SAVED,
    SAVED6,
    Published,
    Saved,
)
from audit_linux.network.reach import (
    Question,
    Reached,
    TooLong,
    everywhere,
    joined,
    networks,
    reached,
    size,
    without,
)
from audit_linux.network.remote_admin import ssh_ports
from audit_linux.network.wrappers import WRAPPERS
from audit_linux.ssh.sshd import Sshd
from audit_linux.ssh.sshd_server import SSHD_SETTINGS
from audit_linux.system.kernel import SYSCTL, interfaces, ipv6_off

# SSH, telnet, SNMP, r-services, Docker, RDP, VNC, WS-MAN, Cockpit, Webmin and Usermin.
MANAGEMENT = frozenset({
    "22/tcp", "23/tcp", "161/udp", "512/tcp", "513/tcp", "514/tcp", "2375/tcp", "2376/tcp",
    "3389/tcp", "5800-5810/tcp", "5900-5910/tcp", "5985/tcp", "5986/tcp", "9090/tcp", "10000/tcp",
    "20000/tcp",
})  # fmt: skip
_SERVERS = re.compile(
    r"sshd(?:-\w+)?|dropbear|telnetd|in\.telnetd|xrdp|cockpit-(?:ws|tls)|X\w*vnc\w*|x11vnc"
    r"|x0vncserver|vino-server|wayvnc|anydesk|rustdesk|ToDesk\S*|sunlogin\S*|teamviewerd"
    r"|snmpd|miniserv(?:\.pl)?|ttyd|shellinaboxd|gotty|BT-Panel|1panel\S*"
    r"|libvirtd|pveproxy"
)
# Who holds the port of the SSH server: it itself, who starts it, or nobody that is shown.
_STARTERS = ("", "systemd", "init", "xinetd", "inetd")
# Bridges and pairs of containers and virtual machines: nobody administers the host over them.
_VIRTUAL = re.compile(r"docker|br-[0-9a-f]{12}|veth|virbr|cni|flannel|cali|lxc|lxd|podman|vnet|tap")
_LINK_LOCAL = {"4": (), "6": ((0xFE80 << 112, (0xFEC0 << 112) - 1),)}
_ANYWHERE = ("*", "0.0.0.0", "::")  # noqa: S104 (where others listen)


class _Socket(Struct, frozen=True, kw_only=True, order=True):
    """A listening socket over which the host may be administered.

    `packet` is `tcp4` or the like; `address` and `interface` are empty for a socket that waits at
    all of them.
    """

    port: int
    packet: str
    address: str = ""
    interface: str = ""

    @property
    def family(self) -> str:
        """4 or 6."""
        return self.packet[-1]

    @property
    def text(self) -> str:
        """`22/tcp`, `22/tcp 10.1.2.3`."""
        return f"{self.port}/{self.packet[:3]} {self.address}".strip()


class _Approach(Struct, frozen=True, kw_only=True):
    """The addresses that reach a port over an interface (empty: any)."""

    asked: _Socket
    interface: str
    sure: Spans
    maybe: Spans

    @property
    def open(self) -> bool:
        """True when more than half of all addresses surely get through."""
        return 2 * size(self.sure) > size(everywhere(self.asked.packet))

    @property
    def text(self) -> str:
        """`22/tcp eth0: 10.0.0.0/8`; what only may get through stands in brackets."""
        sure = networks(self.sure, self.asked.packet)[:8]
        maybe = networks(without(self.maybe, self.sure), self.asked.packet)[:8]
        sources = ", ".join([*sure, *(f"({net})" for net in maybe)]) or "-"
        return f"{self.asked.text} {self.interface or '*'}: {sources}"


def _asked_of(item: Listener) -> Iterator[_Socket]:
    """A socket once for each family: `*` takes both, an IPv4 address in IPv6 is one of IPv4."""
    plain, _, scope = item.address.partition("%")
    plain = re.sub(r"(?i)^::ffff:(?=\d+\.)", "", plain)
    for family in ("4", "6") if plain == "*" else ("6" if ":" in plain else "4",):
        yield _Socket(
            port=item.port,
            packet=item.protocol + family,
            address="" if plain in _ANYWHERE else plain,
            interface=scope,
        )


def _asked(
    listeners: tuple[Listener, ...], ranges: list[tuple[str, int, int]], ssh: frozenset[str],
    ipv6: bool,
) -> list[_Socket]:  # fmt: skip
    """Each socket over which the host may be administered; `ssh` are ports of the SSH server."""
    found = {
        asked
        for item in listeners
        if not item.loopback
        and (within(item, ranges) or _SERVERS.fullmatch(item.process)
             or (item.number in ssh and item.process in _STARTERS))
        for asked in _asked_of(item)
    }  # fmt: skip
    return sorted(one for one in found if ipv6 or one.family == "4")


def _ways(
    asked: list[_Socket], names: tuple[str, ...], address: str | None, chains: Chains
) -> list[_Approach]:
    ways = []
    patterns = {p for c in chains.values() for rule in c.rules for p in (*rule.on, *rule.off)}
    for one in asked:
        to = _to(one.address or address, one.packet)
        answers: dict[frozenset[str], Reached] = {}  # alike for interfaces that the same rules name
        for name in (one.interface,) if one.interface else names or ("",):
            question = Question(packet=one.packet, port=one.port, interface=name, to=to)
            key = frozenset(pattern for pattern in patterns if same(name, pattern))
            who = answers.get(key) or answers.setdefault(key, reached(question, chains))
            ways.append(_Approach(asked=one, interface=name, sure=who.sure, maybe=who.maybe))
    return ways


def _to(address: str | None, packet: str) -> int | None:
    """An address of the host as a number, where it is one of the family of `packet`."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return None
    return int(found) if packet.endswith(str(found.version)) else None


def _declared(target: Target) -> tuple[dict[str, Spans] | None, list[str]]:
    """The declared sources by family, and the entries that are no network."""
    entries = declared(target, "admin_sources")
    if entries is None:
        return None, []
    found: dict[str, Spans] = {"4": (), "6": ()}
    bad = []
    for entry in entries:
        try:
            net = ipaddress.ip_network(entry, strict=False)
        except ValueError:
            bad.append(entry)
            continue
        span = ((int(net.network_address), int(net.broadcast_address)),)
        family = str(net.version)
        found[family] = joined(found[family], span)
    return found, bad


def _beyond(
    ways: list[_Approach], allowed: dict[str, Spans] | None, most: int
) -> tuple[tuple[_Approach, ...], tuple[_Approach, ...]]:
    """The ways that surely go beyond what is allowed, and those that may.

    Nothing declared: up to `most` IPv4 addresses, or as many networks of IPv6 (/64) and 256 times
    more, still are a limit; that one is too wide is certain only where nearly everybody gets in.
    """
    if allowed is None:
        limits = {"4": most, "6": most << 56}
        wide = tuple(
            w for w in ways
            if size(without(w.maybe, _LINK_LOCAL[w.asked.family])) > limits[w.asked.family]
        )  # fmt: skip
        return tuple(w for w in ways if w.open), wide
    surely = tuple(w for w in ways if without(w.sure, allowed[w.asked.family]))
    return surely, tuple(w for w in ways if without(w.maybe, allowed[w.asked.family]))


def _elsewhere(sshd: Sshd | Absent | None, wrappers: bool | Absent) -> Iterator[Message]:
    """Other limits of the host itself, which were not followed to the end."""
    server = known(sshd)
    if server is not None and any("@" in user for user in server.values.get("allowusers", ())):
        yield msg("AllowUsers of the SSH server names addresses")
    if isinstance(sshd, Absent):
        yield msg("Whether the SSH server itself limits addresses is not known")
    if wrappers is True:
        yield msg("/etc/hosts.allow or /etc/hosts.deny may refuse clients of the SSH server")
    if isinstance(wrappers, Absent):
        yield msg("Whether /etc/hosts.allow and /etc/hosts.deny refuse clients is not known")


def _handed_on(rows: tuple[Published, ...], ports: set[int]) -> list[str]:
    """Rules that hand one of `ports` on to another machine or a container."""
    return [
        row.text for row in rows if not row.here and (not row.ports or _names(row.ports, ports))
    ]


def _led_here(rows: tuple[Published, ...], ports: set[int]) -> list[str]:
    """Rules that lead another port to one of `ports`."""
    return [row.text for row in rows if row.here and (not row.ports or _names(row.to, ports))]


def _led_away(rows: tuple[Published, ...], ports: set[int]) -> list[str]:
    """Rules that lead one of `ports` to another port."""
    return [row.text for row in rows if row.here and row.ports and _names(row.ports, ports)]


def _names(text: str, ports: set[int]) -> bool:
    spans = re.findall(r"(\d{1,5})(?:-(\d{1,5}))?", text)
    return any(int(low) <= port <= int(high or low) for low, high in spans for port in ports)


@check(
    "linux.management-sources",
    needs=(
        TARGET,
        LISTENERS,
        known_or_absent(optional(NFT)),
        known_or_absent(optional(IPTABLES)),
        known_or_absent(optional(IP6TABLES)),
        known_or_absent(SYSCTL),
        known_or_absent(optional(LISTED)),
        known_or_absent(optional(SAVED)),
        known_or_absent(optional(SAVED6)),
        known_or_absent(optional(LEGACY)),
        known_or_absent(optional(LEGACY6)),
        known_or_absent(optional(SSHD_SETTINGS)),
        known_or_absent(WRAPPERS),
        known_or_absent(optional(IPSETS)),
    ),
    severity=Severity.MEDIUM,
    version=10,
    remedy=msg("Let the packet filter accept the management ports from the addresses of the "
               "administrators only, and declare these in admin_sources"),
)  # fmt: skip
def management_sources(
    target: Target,
    listeners: tuple[Listener, ...],
    nft: Ruleset | Absent | None,
    iptables: Ruleset | Absent | None,
    ip6tables: Ruleset | Absent | None,
    sysctl: dict[str, str] | Absent,
    listed: tuple[Published, ...] | Absent | None,
    saved: Saved | Absent | None,
    saved6: Saved | Absent | None,
    legacy: Saved | Absent | None,
    legacy6: Saved | Absent | None,
    sshd: Sshd | Absent | None,
    wrappers: bool | Absent,
    ipsets: dict[str, IpSet] | Absent | None,
    *,
    most: Annotated[int, Down] = 65536,
    ports: Annotated[frozenset[str], Superset] = MANAGEMENT,
) -> Judgement:
    """The ports over which this host is administered can be reached from few addresses only."""
    gaps = tuple(gap.detail for gap in (nft, iptables) if isinstance(gap, Absent))
    server, (ranges, odd) = known(sshd), ranges_of(tuple(ports))
    asked = _asked(listeners, ranges, ssh_ports(server) if server else frozenset(),
                   _ipv6(known(sysctl)) and not isinstance(ip6tables, Absent))  # fmt: skip
    allowed, bad = _declared(target)
    if bad or odd:
        return undetermined(*present(
            msg("admin_sources: not a network: {entries}", entries=capped(bad)) if bad else None,
            msg("ports: not a port like 23/tcp: {entries}", entries=capped(odd)) if odd else None,
        ))  # fmt: skip
    if not asked:
        return _nothing_asked(listeners, server)
    if gaps:
        return undetermined(*gaps)
    tables = chains_of(saved, saved6, legacy, legacy6)
    ruleset = resolved(
        input_chains(known(nft), known(iptables), known(ip6tables), tables), known(ipsets) or {}
    )
    names = _real_interfaces(known(sysctl) or {})
    try:
        ways = _ways(asked, names, target.address, by_name(ruleset))
    except TooLong:
        return undetermined(msg("The ruleset takes too long to follow"))
    handed = (known(listed) or (), *_published(saved, saved6, legacy, legacy6))
    unlisted = legacy_unlisted(ruleset, (saved, saved6), (legacy, legacy6))
    numbers = {one.port for one in asked}
    beyond = _beyond(ways, allowed, most)
    answer = _Answer(
        ways=tuple(ways), surely=beyond[0], maybe=beyond[1],
        wider=(*present(unlisted), *_wider(ruleset, handed, numbers)),
        narrower=(*_narrower(ruleset, handed, numbers), *_elsewhere(sshd, wrappers)),
    )  # fmt: skip
    return _judged(answer, allowed is None)


def _ipv6(settings: dict[str, str] | None) -> bool:
    """Whether the kernel is known to speak IPv6."""
    return settings is not None and not ipv6_off(settings)


def _real_interfaces(settings: dict[str, str]) -> tuple[str, ...]:
    return tuple(name for name in interfaces(settings) if not _VIRTUAL.match(name))[:64]


def _published(*saved: Saved | Absent | None) -> Iterator[tuple[Published, ...]]:
    """What each tool's saved rules hand on."""
    return ((known(one) or Saved()).published for one in saved)


def _nothing_asked(listeners: tuple[Listener, ...], server: Sshd | None) -> Judgement:
    """None of the sockets is known to be one over which the host is administered."""
    if server is None and any(not i.loopback and not i.process for i in listeners):
        return undetermined(msg("Which programs listen, and the ports of the SSH server, are not "
                                "known"))  # fmt: skip
    return not_applicable(msg("No management port accepts connections from outside"))


_Rows = tuple[tuple[Published, ...], ...]


def _wider(ruleset: Ruleset, handed: _Rows, ports: set[int]) -> Iterator[Message]:
    """What was not followed and may let more clients, or others, reach a port.

    What is led to a port is let in by a rule of its own; else the chains see the port it leads to.
    """
    yield from unread_sets(ruleset)
    led = dict.fromkeys(text for rows in handed for text in _led_here(rows, ports))
    if led and any(asked.what == "status" for c in ruleset for r in c.rules for asked in r.tracked):
        yield msg("Led to another port of this host (REDIRECT): {ports}", ports=capped(led))


def _narrower(ruleset: Ruleset, handed: _Rows, ports: set[int]) -> Iterator[Message]:
    """What was not followed and may keep clients from a port."""
    if closing(ruleset):
        yield NOT_FOLLOWED
    led = dict.fromkeys(text for rows in handed for text in _led_away(rows, ports))
    if led:
        yield msg("Led to another port of this host (REDIRECT): {ports}", ports=capped(led))
    forwarded = dict.fromkeys(text for rows in handed for text in _handed_on(rows, ports))
    if forwarded:
        yield msg("Forwarded by DNAT: {ports}", ports=capped(forwarded))


class _Answer(Struct, frozen=True, kw_only=True):
    """The ways to the ports, and those that surely or perhaps go beyond what is allowed.

    `wider` stands against a pass and `narrower` against a fail.
    """

    ways: tuple[_Approach, ...]
    surely: tuple[_Approach, ...]
    maybe: tuple[_Approach, ...]
    wider: tuple[Message, ...] = ()
    narrower: tuple[Message, ...] = ()

    @property
    def whole(self) -> bool:
        """True when a port surely is open too far on every interface of the host.

        A port that is open on one interface of several may be so on purpose.
        """
        return any(
            all(w in self.surely for w in self.ways if w.asked == one.asked) for one in self.surely
        )


def _judged(answer: _Answer, undeclared: bool) -> Judgement:
    expected = msg("from the addresses in admin_sources only")
    if undeclared:
        expected = msg("from few addresses only; those of the administrators in admin_sources")
    detail = msg("Reachable on this host from: {ways}", ways=capped(w.text for w in answer.ways))
    if answer.whole and not answer.narrower:
        return failed(detail, expected=expected)
    beyond = answer.surely or answer.maybe
    if beyond or answer.wider:
        doubt = msg("Whether that is intended is not known: declare admin_sources")
        more = (*answer.wider, *(answer.narrower if beyond else ()))
        return undetermined(
            detail, *more, *present(doubt if undeclared else None), expected=expected
        )
    return passed(detail, expected=expected)


FACTS = (WRAPPERS,)
CHECKS = (management_sources,)
