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
    Answer,
    Down,
    FileStatus,
    Judgement,
    Message,
    ReadFiles,
    Severity,
    Target,
    capped,
    check,
    fact,
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
from audit_linux.config_files import whole_files
from audit_linux.declared import declared
from audit_linux.network.firewall import chains_of, input_chains, legacy_unlisted
from audit_linux.network.iptables import IP6TABLES, IPTABLES
from audit_linux.network.listeners import LISTENERS, Listener
from audit_linux.network.netfilter_model import Chains, Ruleset, Spans, by_name
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
    TooLong,
    everywhere,
    joined,
    networks,
    reached,
    size,
    without,
)
from audit_linux.ssh.sshd import Sshd
from audit_linux.ssh.sshd_server import SSHD_SETTINGS
from audit_linux.system.kernel import SYSCTL, interfaces, ipv6_off

# SSH, telnet, r-services, RDP, VNC, Docker, Webmin, Cockpit.
MANAGEMENT = frozenset({22, 23, 512, 513, 514, 2375, 2376, 3389, 5900, 5901, 9090, 10000})
_SERVERS = frozenset({"sshd", "dropbear", "telnetd", "in.telnetd", "xrdp", "cockpit-ws"})
# Bridges and pairs of containers and virtual machines: nobody administers the host over them.
_VIRTUAL = re.compile(r"docker|br-[0-9a-f]{12}|veth|virbr|cni|flannel|cali|lxc|lxd|podman|vnet|tap")
_LINK_LOCAL = {"tcp4": (), "tcp6": ((0xFE80 << 112, (0xFEC0 << 112) - 1),)}


def parse_wrappers(answer: Answer) -> bool | Absent:
    """Whether hosts.allow or hosts.deny hold rules; libwrap is linked to sshd on Debian.

    `#` is a comment as the first character only, a backslash at the end goes on, also in a comment,
    and a line without a colon is passed over (libwrap 7.6).
    """
    text = "\n".join(f.text for f in answer.files if f.status is FileStatus.READ)
    lines = re.sub(r"\\\r?\n", "", text).split("\n")
    if any(":" in line and not line.startswith("#") for line in lines):
        return True
    files = whole_files(answer)
    return files if isinstance(files, Absent) and files.unknown else False


WRAPPERS = fact(
    "linux.tcp-wrappers",
    bool,
    kind="host",
    ask=ReadFiles(paths=("/etc/hosts.allow", "/etc/hosts.deny")),
    parse=parse_wrappers,
)


class _Approach(Struct, frozen=True, kw_only=True):
    """The addresses that reach a port over an interface (empty: any)."""

    port: int
    packet: str
    interface: str
    sure: Spans
    maybe: Spans

    @property
    def open(self) -> bool:
        """True when more than half of all addresses surely get through."""
        return 2 * size(self.sure) > size(everywhere(self.packet))

    @property
    def doubtful(self) -> bool:
        """True when more than half of all addresses may get through."""
        return 2 * size(self.maybe) > size(everywhere(self.packet))

    @property
    def text(self) -> str:
        """`22/tcp eth0: 10.0.0.0/8`; what only may get through stands in brackets."""
        sure = networks(self.sure, self.packet)[:8]
        maybe = networks(without(self.maybe, self.sure), self.packet)[:8]
        sources = ", ".join([*sure, *(f"({net})" for net in maybe)]) or "-"
        return f"{self.port}/tcp {self.interface or '*'}: {sources}"


def _packets(item: Listener) -> tuple[str, ...]:
    if item.address == "*":
        return ("tcp4", "tcp6")
    return ("tcp6",) if ":" in item.address else ("tcp4",)


def _asked(listeners: tuple[Listener, ...], ipv6: bool) -> list[tuple[int, str]]:
    """Port and family of each listening socket over which the host may be administered."""
    found = {
        (item.port, packet)
        for item in listeners
        if item.protocol == "tcp" and not item.loopback
        and (item.port in MANAGEMENT or item.process in _SERVERS)
        for packet in _packets(item)
    }  # fmt: skip
    return sorted(one for one in found if ipv6 or one[1] == "tcp4")


def _ways(
    asked: list[tuple[int, str]], names: tuple[str, ...], address: str | None, chains: Chains,
) -> list[_Approach]:  # fmt: skip
    ways = []
    for port, packet in asked:
        to = _to(address, packet)
        for name in names or ("",):
            who = reached(Question(packet=packet, port=port, interface=name, to=to), chains)
            ways.append(
                _Approach(port=port, packet=packet, interface=name, sure=who.sure, maybe=who.maybe)
            )
    return ways


def _to(address: str | None, packet: str) -> int | None:
    """The declared address of the host as a number, where it is one of the family of `packet`."""
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
    found: dict[str, Spans] = {"tcp4": (), "tcp6": ()}
    bad = []
    for entry in entries:
        try:
            net = ipaddress.ip_network(entry, strict=False)
        except ValueError:
            bad.append(entry)
            continue
        span = ((int(net.network_address), int(net.broadcast_address)),)
        found[f"tcp{net.version}"] = joined(found[f"tcp{net.version}"], span)
    return found, bad


def _beyond(
    ways: list[_Approach], allowed: dict[str, Spans] | None, most: int
) -> tuple[tuple[_Approach, ...], tuple[_Approach, ...]]:
    """The ways that surely go beyond what is allowed, and those that may.

    Nothing declared: up to `most` IPv4 addresses, or as many networks of IPv6 (/64) and 256 times
    more, still are a limit; that one is too wide is certain only where nearly everybody gets in.
    """
    if allowed is None:
        limits = {"tcp4": most, "tcp6": most << 56}
        wide = tuple(
            w for w in ways if size(without(w.maybe, _LINK_LOCAL[w.packet])) > limits[w.packet]
        )
        return tuple(w for w in ways if w.open), wide
    surely = tuple(w for w in ways if without(w.sure, allowed[w.packet]))
    return surely, tuple(w for w in ways if without(w.maybe, allowed[w.packet]))


def _elsewhere(sshd: Sshd | Absent | None, wrappers: bool | Absent) -> Iterator[Message]:
    """Other limits of the host itself, which were not followed to the end."""
    server = known(sshd)
    if server is not None and any("@" in user for user in server.values.get("allowusers", ())):
        yield msg("AllowUsers of the SSH server names addresses")
    if isinstance(sshd, Absent):
        yield msg("Whether the SSH server itself limits addresses is not known")
    if wrappers is True:
        yield msg("/etc/hosts.allow or /etc/hosts.deny hold rules")
    if isinstance(wrappers, Absent):
        yield msg("Whether /etc/hosts.allow and /etc/hosts.deny hold rules is not known")


def _handed_on(rows: tuple[Published, ...], ports: set[int]) -> list[str]:
    """Rules that hand one of `ports` on to another machine or a container."""
    return [
        row.text for row in rows if not row.here and (not row.ports or _names(row.ports, ports))
    ]


def _led_here(rows: tuple[Published, ...], ports: set[int]) -> list[str]:
    """Rules that lead another port to one of `ports`, or one of those to another port."""
    found = (r for r in rows if r.here and (not r.ports or _names(f"{r.ports} {r.to}", ports)))
    return [row.text for row in found]


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
    ),
    severity=Severity.MEDIUM,
    version=6,
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
    *,
    most: Annotated[int, Down] = 65536,
) -> Judgement:
    """The ports over which this host is administered can be reached from few addresses only."""
    gaps = tuple(gap.detail for gap in (nft, iptables) if isinstance(gap, Absent))
    asked = _asked(listeners, _ipv6(known(sysctl)) and not isinstance(ip6tables, Absent))
    allowed, bad = _declared(target)
    if bad:
        return undetermined(msg("admin_sources: not a network: {entries}", entries=capped(bad)))
    if not asked:
        return not_applicable(msg("No management port accepts connections from outside"))
    if gaps:
        return undetermined(*gaps)
    tables = chains_of(saved, saved6, legacy, legacy6)
    ruleset = input_chains(known(nft), known(iptables), known(ip6tables), tables)
    names = _real_interfaces(known(sysctl) or {})
    try:
        ways = _ways(asked, names, target.address, by_name(ruleset))
    except TooLong:
        return undetermined(msg("The ruleset takes too long to follow"))
    handed = (known(listed) or (), *_published(saved, saved6, legacy, legacy6))
    unlisted = legacy_unlisted(ruleset, (saved, saved6), (legacy, legacy6))
    unfollowed = (*present(unlisted), *_unfollowed(ruleset, handed, {port for port, _ in asked}))
    beyond = _beyond(ways, allowed, most)
    return _judged(
        _Answer(ways=tuple(ways), surely=beyond[0], maybe=beyond[1]),
        unfollowed, tuple(_elsewhere(sshd, wrappers)), allowed is None,
    )  # fmt: skip


def _ipv6(settings: dict[str, str] | None) -> bool:
    """Whether the kernel is known to speak IPv6."""
    return settings is not None and not ipv6_off(settings)


def _real_interfaces(settings: dict[str, str]) -> tuple[str, ...]:
    return tuple(name for name in interfaces(settings) if not _VIRTUAL.match(name))[:64]


def _published(*saved: Saved | Absent | None) -> Iterator[tuple[Published, ...]]:
    """What each tool's saved rules hand on."""
    return ((known(one) or Saved()).published for one in saved)


def _unfollowed(
    ruleset: Ruleset,
    handed: tuple[tuple[Published, ...], ...],
    ports: set[int],
) -> Iterator[Message]:
    """Rules that were not followed and may change who reaches a port."""
    if any(chain.at_the_device for chain in ruleset):
        yield msg("Rules of the families netdev and bridge were not followed")
    led = dict.fromkeys(text for rows in handed for text in _led_here(rows, ports))
    # what was led there is let in by a rule of its own: else the chains see the port it leads to
    if led and any(asked.what == "status" for c in ruleset for r in c.rules for asked in r.tracked):
        yield msg("Led to another port of this host (REDIRECT): {ports}", ports=capped(led))
    forwarded = dict.fromkeys(text for rows in handed for text in _handed_on(rows, ports))
    if forwarded:
        yield msg("Forwarded by DNAT: {ports}", ports=capped(forwarded))


class _Answer(Struct, frozen=True, kw_only=True):
    """The ways to the ports, and those that surely or perhaps go beyond what is allowed."""

    ways: tuple[_Approach, ...]
    surely: tuple[_Approach, ...]
    maybe: tuple[_Approach, ...]

    @property
    def whole(self) -> bool:
        """True when a port surely is open too far on every interface of the host.

        A port that is open on one interface of several may be so on purpose.
        """
        return any(
            all(w in self.surely for w in self.ways if (w.port, w.packet) == (one.port, one.packet))
            for one in self.surely
        )


def _judged(
    answer: _Answer, unfollowed: tuple[Message, ...], elsewhere: tuple[Message, ...],
    undeclared: bool,
) -> Judgement:  # fmt: skip
    """The limits of the server itself narrow only: they stand against a fail, never a pass."""
    expected = msg("from the addresses in admin_sources only")
    if undeclared:
        expected = msg("from few addresses only; those of the administrators in admin_sources")
    detail = msg("Reachable on this host from: {ways}", ways=capped(w.text for w in answer.ways))
    if answer.whole and not (unfollowed or elsewhere):
        return failed(detail, expected=expected)
    beyond = answer.surely or answer.maybe
    if beyond or unfollowed:
        doubt = msg("Whether that is intended is not known: declare admin_sources")
        more = (*unfollowed, *(elsewhere if beyond else ()))
        return undetermined(
            detail, *more, *present(doubt if undeclared else None), expected=expected
        )
    return passed(detail, expected=expected)


FACTS = (WRAPPERS,)
CHECKS = (management_sources,)
