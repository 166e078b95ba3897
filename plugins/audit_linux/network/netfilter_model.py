"""Chains of packet filter rules, and the verdict on a packet in them."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, structs

DEEPEST = 32
# Rules evaluated for one packet: a ruleset that takes more counts as accepting.
_LONGEST_WALK = 100_000

# New connections from an address, to a port and on an interface that no rule names.
TCP = frozenset({"tcp4", "tcp6"})
UDP = frozenset({"udp4", "udp6"})
IPV4 = frozenset({"tcp4", "udp4"})
IPV6 = frozenset({"tcp6", "udp6"})
EVERY = TCP | UDP
NONE: frozenset[str] = frozenset()

# Of 65536 ports: from here on a rule that accepts a range of ports opens the host.
MANY_PORTS = 32768
ALL_PORTS = 65535


# The hooks that a packet for the host itself passes, and those of an answer to it.
ON_THE_WAY_IN = ("prerouting", "input")
ON_THE_WAY_OUT = ("output", "postrouting")

Spans = tuple[tuple[int, int], ...]


class Values(Struct, frozen=True, kw_only=True):
    """Numbers (ports, or addresses as integers) from first to last; `other`: all but these."""

    spans: Spans
    other: bool = False


class Tracked(Struct, frozen=True, kw_only=True):
    """A condition on what conntrack says: `what` is `state` or `status`; `other`: all but these."""

    what: str
    words: frozenset[str]
    other: bool = False

    def holds(self, value: str) -> bool:
        """Whether a connection of which conntrack says `said` meets it."""
        return (value in self.words) != self.other


class InSet(Struct, frozen=True, kw_only=True):
    """A condition on a set of ipset: `fields` is `src`, `dst`, `src,dst`; `other`: not in it."""

    name: str
    fields: tuple[str, ...]
    other: bool = False


class Rule(Struct, frozen=True, kw_only=True):
    """One rule. `verdict` is accept, drop, jump, goto, return or empty (it only counts).

    `fits` are the packets that meet its conditions for sure, the interface aside; `on` the
    interfaces that it is limited to, `off` those that it leaves out (`eth*` and `eth+` are
    patterns). `foreign`: it holds a condition that this tool cannot show.

    For the question who reaches a port: `may` are the packets that can meet its conditions on
    protocol and family, `sources`, `targets` and `ports` what it compares source addresses,
    destination addresses and destination ports with, `tracked` its conditions on conntrack;
    `vague`: it has further conditions, which may hold or not, `narrow`: one of these is about who
    sends, `sets`: conditions on sets that were not read, `marked`: it chooses by a mark. `loose`:
    the connections that meet it are not tracked (notrack), `marks`: it marks what meets it.
    """

    fits: frozenset[str] = EVERY
    may: frozenset[str] = EVERY
    sources: tuple[Values, ...] = ()
    targets: tuple[Values, ...] = ()
    ports: tuple[Values, ...] = ()
    tracked: tuple[Tracked, ...] = ()
    vague: bool = False
    narrow: bool = False
    sets: tuple[InSet, ...] = ()
    marked: bool = False
    loose: bool = False
    marks: bool = False
    on: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    verdict: str = ""
    to: str = ""
    foreign: bool = False

    def meets(self, packet: str, interface: str) -> bool:
        """True when `packet` that arrives on `interface` (empty: one not named) meets the rule."""
        return packet in self.fits and not self.sets and self.arrives(interface)

    def arrives(self, interface: str) -> bool:
        """True when the rule applies to packets that arrive on `interface` (empty: not named)."""
        named = not self.on or any(same(interface, name) for name in self.on)
        return named and not any(same(interface, name) for name in self.off)


def same(interface: str, name: str) -> bool:
    """Whether `interface` is meant by `name`, which may be a pattern."""
    if name.endswith(("*", "+")):
        return interface.startswith(name[:-1]) and bool(interface)
    return interface == name


_OUT = " out"


class Chain(Struct, frozen=True, kw_only=True):
    """A chain of one table; `hook` and `policy` are empty unless packets enter by it.

    `nat`: it translates addresses, and sees connections only while these are tracked.
    """

    tool: str
    family: str
    table: str
    name: str
    hook: str = ""
    policy: str = ""
    nat: bool = False
    rules: tuple[Rule, ...] = ()

    @property
    def packets(self) -> frozenset[str]:
        """The packets that the chain sees by its family."""
        return {"ip": IPV4, "ip6": IPV6, "inet": EVERY}.get(self.family, NONE)

    @property
    def aside(self) -> bool:
        """True for chains that are not followed: those at the devices, and those of nat."""
        device = self.family in ("netdev", "bridge") or self.hook == "ingress"
        return bool(self.hook) and (device or self.nat)

    @property
    def out(self) -> bool:
        """True for a copy of a chain that is about answers, as `answering` makes it."""
        return self.tool.endswith(_OUT)

    @property
    def drops(self) -> bool:
        """Whether some packet may be dropped in it."""
        return self.policy == "drop" or any(rule.verdict == "drop" for rule in self.rules)

    @property
    def refuses(self) -> bool:
        """Whether some packet may be dropped in it, or is handed to a program."""
        return self.drops or any(r.verdict == "jump" and not r.to for r in self.rules)


# Every client may choose its port; one that does not is given one of these (Linux, Windows).
CHOSEN = ((32768, 60999), (49152, 65535))
PRIVILEGED = 1023


def from_ports(spans: Spans, verdict: str) -> bool | None:
    """Whether a rule on source ports is met by connections that mean to get in; None: may be.

    To be accepted a client may take any port, to be dropped it need not take a certain one.
    """
    given = any(low <= first and last <= high for low, high in spans for first, last in CHOSEN)
    if verdict == "drop":
        return None if any(high > PRIVILEGED for _, high in spans) else False
    return True if given and verdict == "accept" else None


Ruleset = tuple[Chain, ...]
Chains = dict[tuple[str, ...], Chain]


def by_name(ruleset: Ruleset) -> Chains:
    """The chains by tool, family, table and name, as a jump finds them."""
    return {(c.tool, c.family, c.table, c.name): c for c in ruleset}


def answering(chains: Iterable[Chain]) -> Ruleset:
    """The chains of one table on the way out, where answers may be lost there.

    Their rules are read with source and destination exchanged, so that they are about who asked.
    """
    every = [
        structs.replace(
            c, tool=c.tool + _OUT, hook=c.hook if c.hook in ON_THE_WAY_OUT and not c.nat else "",
        )
        for c in chains if not c.hook or (c.hook in ON_THE_WAY_OUT and not c.nat)
    ]  # fmt: skip
    return tuple(every) if any(c.hook for c in every) and any(c.refuses for c in every) else ()


def ports_fit(count: int, verdict: str) -> bool:
    """True when a condition on `count` ports lets a port through that no rule names."""
    return count >= ALL_PORTS or (verdict == "accept" and count > MANY_PORTS)


def verdict_on(packet: str, interface: str, chain: Chain, chains: Chains) -> str:
    """What `chain` does with `packet` on `interface`: accept or drop."""
    end = _walk((packet, interface), chain, chains, [_LONGEST_WALK], 0)
    return end or chain.policy or "accept"


def _walk(
    what: tuple[str, str], chain: Chain, chains: Chains, left: list[int], deep: int
) -> str:  # fmt: skip
    """accept, drop, or empty where the packet comes out at the end of the chain."""
    for rule in chain.rules:
        left[0] -= 1
        if left[0] < 0 or deep > DEEPEST:
            return "accept"
        if not rule.verdict or not rule.meets(*what):
            continue
        if rule.verdict in ("accept", "drop"):
            return rule.verdict
        if rule.verdict == "return":
            return ""
        other = chains.get((chain.tool, chain.family, chain.table, rule.to))
        end = _walk(what, other, chains, left, deep + 1) if other else ""
        if end or rule.verdict == "goto":
            return end
    return ""
