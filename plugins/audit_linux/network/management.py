"""From which addresses the ports over which this host is administered can be reached."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from msgspec import Struct

from audit_core.api.sdk import (
    TARGET,
    Absent,
    Answer,
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
from audit_linux.declared import declared
from audit_linux.network.firewall import chains_seen
from audit_linux.network.iptables import IP6TABLES, IPTABLES
from audit_linux.network.listeners import LISTENERS, Listener
from audit_linux.network.netfilter_model import Chains, Ruleset, Spans, by_name
from audit_linux.network.nft import NFT
from audit_linux.network.port_forwards import LISTED, SAVED, Published
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
from audit_linux.ssh.sshd import SSHD, Sshd
from audit_linux.system.kernel import SYSCTL, interfaces, ipv6_off

# SSH, telnet, r-services, RDP, VNC, Docker, Webmin, Cockpit.
MANAGEMENT = frozenset({22, 23, 512, 513, 514, 2375, 2376, 3389, 5900, 5901, 9090, 10000})
_SERVERS = frozenset({"sshd", "dropbear", "telnetd", "in.telnetd", "xrdp", "cockpit-ws"})
# Bridges and pairs of containers and virtual machines: nobody administers the host over them.
_VIRTUAL = re.compile(r"docker|br-[0-9a-f]{12}|veth|virbr|cni|flannel|cali|lxc|lxd|podman|vnet|tap")
# Without a declaration: how many addresses still are a limit (a /16, a /56).
_FEW = {"tcp4": 1 << 16, "tcp6": 1 << 72}
_LINK_LOCAL = {"tcp4": (), "tcp6": ((0xFE80 << 112, (0xFEC0 << 112) - 1),)}


def parse_wrappers(answer: Answer) -> bool | Absent:
    """Whether hosts.allow or hosts.deny hold rules; libwrap is linked to sshd on Debian."""
    files = [f for f in answer.files if f.status is FileStatus.READ]
    lines = (line.strip() for f in files for line in f.lines)
    return any(line and not line.startswith("#") for line in lines)


WRAPPERS = fact(
    "linux.tcp-wrappers",
    bool,
    ask=ReadFiles(paths=("/etc/hosts.allow", "/etc/hosts.deny")),
    parse=parse_wrappers,
)


class _Way(Struct, frozen=True, kw_only=True):
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
        told = ", ".join([*sure, *(f"({net})" for net in maybe)]) or "-"
        return f"{self.port}/tcp {self.interface or '*'}: {told}"


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


def _ways(asked: list[tuple[int, str]], names: tuple[str, ...], chains: Chains) -> list[_Way]:
    ways = []
    for port, packet in asked:
        for name in names or ("",):
            who = reached(Question(packet=packet, port=port, interface=name), chains)
            ways.append(
                _Way(port=port, packet=packet, interface=name, sure=who.sure, maybe=who.maybe)
            )
    return ways


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


def _beyond(ways: list[_Way], allowed: dict[str, Spans] | None) -> tuple[list[_Way], list[_Way]]:
    """The ways that surely go beyond what is allowed, and those that may."""
    if allowed is None:
        wide = [w for w in ways if size(without(w.maybe, _LINK_LOCAL[w.packet])) > _FEW[w.packet]]
        return [w for w in ways if w.open], wide
    surely = [w for w in ways if without(w.sure, allowed[w.packet])]
    return surely, [w for w in ways if without(w.maybe, allowed[w.packet])]


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


def _handed_on(published: tuple[Published, ...] | Absent | None, ports: set[int]) -> list[str]:
    """Rules that hand one of `ports` on to another machine or a container."""
    rows = known(published) or ()
    return [
        row.text for row in rows
        if not row.ports or ports & {int(p) for p in re.findall(r"\d{1,5}", row.ports)}
    ]  # fmt: skip


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
        known_or_absent(optional(SSHD)),
        known_or_absent(WRAPPERS),
    ),
    severity=Severity.MEDIUM,
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
    saved: tuple[Published, ...] | Absent | None,
    sshd: Sshd | Absent | None,
    wrappers: bool | Absent,
) -> Judgement:
    """The ports over which this host is administered can be reached from few addresses only."""
    gaps = tuple(gap.detail for gap in (nft, iptables) if isinstance(gap, Absent))
    settings = known(sysctl)
    asked = _asked(listeners, settings is not None and not ipv6_off(settings))
    if isinstance(ip6tables, Absent):
        asked = [one for one in asked if one[1] == "tcp4"]
    allowed, bad = _declared(target)
    if bad:
        return undetermined(msg("admin_sources: not a network: {entries}", entries=capped(bad)))
    if not asked:
        return not_applicable(msg("No management port accepts connections from outside"))
    if gaps:
        return undetermined(*gaps)
    seen = chains_seen(known(nft), known(iptables), known(ip6tables))
    names = tuple(n for n in interfaces(settings or {}) if not _VIRTUAL.match(n))[:64]
    try:
        ways = _ways(asked, names, by_name(seen))
    except TooLong:
        return undetermined(msg("The ruleset takes too long to follow"))
    return _judged(ways, allowed, (
        *_elsewhere(sshd, wrappers),
        *_unfollowed(seen, (listed, saved), {port for port, _ in asked}),
    ))  # fmt: skip


def _unfollowed(
    seen: Ruleset, lists: tuple[tuple[Published, ...] | Absent | None, ...], ports: set[int]
) -> Iterator[Message]:
    """Rules that were not followed and may change who reaches a port."""
    if any(chain.tool == "iptables-legacy" for chain in seen):
        yield msg("iptables-legacy also holds rules, which were not listed")
    if any(chain.hook and chain.family in ("netdev", "bridge") for chain in seen):
        yield msg("Rules of the families netdev and bridge were not followed")
    handed = [text for rows in lists for text in _handed_on(rows, ports)]
    if handed:
        yield msg("Handed on by DNAT: {ports}", ports=capped(handed))


def _judged(
    ways: list[_Way], allowed: dict[str, Spans] | None, others: tuple[Message, ...]
) -> Judgement:
    expected = msg("from the addresses in admin_sources only")
    if allowed is None:
        expected = msg("from few addresses only; those of the administrators in admin_sources")
    detail = msg("Reachable on this host from: {ways}", ways=capped(w.text for w in ways))
    surely, maybe = _beyond(ways, allowed)
    # A port that is open on one interface of several may be so on purpose.
    whole = any(
        all(w in surely for w in ways if (w.port, w.packet) == (one.port, one.packet))
        for one in surely
    )
    if whole and not others:
        return failed(detail, expected=expected)
    if surely or maybe or others:
        doubt = msg("Whether that is intended is not known: declare admin_sources")
        return undetermined(
            detail, *others, *present(doubt if allowed is None else None), expected=expected
        )
    return passed(detail, expected=expected)


FACTS = (WRAPPERS,)
CHECKS = (management_sources,)
