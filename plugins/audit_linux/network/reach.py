"""From which addresses a packet filter lets new connections to one port through.

Each rule splits the addresses into those that surely meet it, those that may, and the rest. What is
surely let through and what may be are carried along separately, so that a condition that cannot be
evaluated here (a rate, a set of another program, a mark) leaves only its own addresses open.
"""

from __future__ import annotations

import ipaddress

from msgspec import Struct, structs

from audit_linux.network.netfilter_model import (
    DEEPEST,
    ON_THE_WAY_IN,
    ON_THE_WAY_OUT,
    Chain,
    Chains,
    Rule,
    Spans,
    Values,
)

_MOST_STEPS = 300_000  # rules and spans of addresses that are looked at for one question


class TooLong(Exception):
    """Following the rule set takes more steps than are allowed."""


class Reached(Struct, frozen=True, kw_only=True):
    """Addresses as integers: those let through for sure, and those that may be (with the sure)."""

    sure: Spans
    maybe: Spans


_NOBODY = Reached(sure=(), maybe=())


def everywhere(packet: str) -> Spans:
    """All addresses of the family of `packet` (`tcp4`, `udp6` …)."""
    return ((0, (1 << (32 if packet.endswith("4") else 128)) - 1),)


def common(one: Spans, other: Spans) -> Spans:
    """What is in both; spans are sorted and apart."""
    found: list[tuple[int, int]] = []
    i = j = 0
    while i < len(one) and j < len(other):
        low, high = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if low <= high:
            found.append((low, high))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return tuple(found)


def joined(*several: Spans) -> Spans:
    """The union of the spans, sorted; adjacent spans are merged."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(span for spans in several for span in spans):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return tuple(found)


def without(one: Spans, other: Spans) -> Spans:
    """What is in `one` and not in `other`."""
    rest, at = [], 0
    for low, high in other:
        if at < low:
            rest.append((at, low - 1))
        at = high + 1
    return common(one, (*rest, (at, 1 << 128)))


def size(spans: Spans) -> int:
    """The number of addresses in `spans`."""
    return sum(high - low + 1 for low, high in spans)


def networks(spans: Spans, packet: str) -> list[str]:
    """The spans as networks, `0.0.0.0/0` for all of IPv4."""
    kind = ipaddress.IPv4Address if packet.endswith("4") else ipaddress.IPv6Address
    return [
        str(net) for low, high in spans
        for net in ipaddress.summarize_address_range(kind(low), kind(high))
    ]  # fmt: skip


class Question(Struct, frozen=True, kw_only=True):
    """A new connection: `packet` is `tcp4` or the like, `interface` empty for one not named.

    `to` is an address of this host, None where none is known; `state` and `status` are what
    conntrack says of it: `new` or `untracked`, `dnat` where its destination was changed.
    """

    packet: str
    port: int
    interface: str
    to: int | None = None
    state: str = "new"
    status: str = "-"


class _Walk:
    """One question put to the chains; `let` collects what a base chain accepts, `loose` what it
    excepts from tracking."""

    def __init__(self, question: Question, chains: Chains) -> None:
        self.question, self.chains = question, chains
        self.all = everywhere(question.packet)
        self.left = _MOST_STEPS
        self.let = self.loose = _NOBODY

    def matched(self, rule: Rule) -> Reached:
        """The addresses that meet `rule`."""
        q = self.question
        if q.packet not in rule.may or not rule.arrives(q.interface) or _to_many(rule, q.packet):
            return _NOBODY
        conntrack = {"state": q.state, "status": q.status}
        if not all(asked.holds(conntrack[asked.what]) for asked in rule.tracked):
            return _NOBODY
        if not all(_holds(asked, q.port) for asked in rule.ports):
            return _NOBODY
        aimed = self.aimed(rule)
        if not aimed and rule.verdict == "drop" and self.question.to is not None:
            return _NOBODY
        found = self.all
        for asked in rule.sources:
            found = without(found, asked.spans) if asked.other else common(found, asked.spans)
        unsure = rule.vague or rule.sets or not aimed
        return Reached(sure=() if unsure else found, maybe=found)

    def aimed(self, rule: Rule) -> bool:
        """Whether the address of this host meets `rule`; it may have others besides."""
        to = self.question.to
        return all(to is not None and _holds(asked, to) for asked in rule.targets)

    def through(self, chain: Chain, came: Reached, deep: int = 0) -> Reached:
        """What of `came` is left at the end of `chain`; what it accepts is in `let`."""
        if deep > DEEPEST:
            raise TooLong
        out = _NOBODY
        for rule in chain.rules:
            self.left -= 1 + len(came.maybe) + len(came.sure)
            if self.left < 0:
                raise TooLong
            if not (rule.verdict or rule.loose):
                continue
            met = self.matched(rule)
            hit = Reached(sure=common(came.sure, met.sure), maybe=common(came.maybe, met.maybe))
            if rule.loose:
                self.loose = _plus(self.loose, hit)
            if not hit.maybe or not rule.verdict:
                continue
            # who may be let in here, and else goes on, is as sure to get in as who goes on
            left = met.sure if rule.verdict == "accept" else met.maybe
            rest = Reached(sure=without(came.sure, left), maybe=without(came.maybe, met.sure))
            gone, back = self._ended(rule, chain, hit, deep)
            out, came = _plus(out, gone), _plus(rest, back)
        return _plus(out, came)

    def _ended(self, rule: Rule, chain: Chain, hit: Reached, deep: int) -> tuple[Reached, Reached]:
        """Of what meets `rule`: what leaves the chain, and what goes on behind the rule."""
        if rule.verdict == "accept":
            self.let = _plus(self.let, hit)
            return _NOBODY, _NOBODY
        if rule.verdict in ("drop", "return"):
            return (hit if rule.verdict == "return" else _NOBODY), _NOBODY
        other = self.chains.get((chain.tool, chain.family, chain.table, rule.to))
        if other is None:  # handed to a program, or to what is not known here
            doubt = Reached(sure=(), maybe=hit.maybe)
            self.let = _plus(self.let, doubt)
            return _NOBODY, doubt
        back = self.through(other, hit, deep + 1)
        return (back, _NOBODY) if rule.verdict == "goto" else (_NOBODY, back)


# To whole groups, as VRRP and mDNS send, and to the loopback interface: no connection from outside,
# and nothing to an address of this host.
_GROUPS = {
    "4": ((0x7F << 24, (0x80 << 24) - 1), (0xE0 << 24, (1 << 32) - 1)),
    "6": ((1, 1), (0xFF << 120, (1 << 128) - 1)),
}


def _to_many(rule: Rule, packet: str) -> bool:
    """Whether `rule` is about packets to groups, or to the loopback interface, only."""
    groups = _GROUPS[packet[-1]]
    return any(not asked.other and not without(asked.spans, groups) for asked in rule.targets)


def _holds(asked: Values, number: int) -> bool:
    return any(low <= number <= high for low, high in asked.spans) != asked.other


def _plus(one: Reached, other: Reached) -> Reached:
    return Reached(sure=joined(one.sure, other.sure), maybe=joined(one.maybe, other.maybe))


def reached(question: Question, chains: Chains) -> Reached:
    """Who gets through all base chains on the way in; everybody where there is none."""
    found, loose = _through_all(question, chains)
    if not loose.maybe:
        return found
    other, _ = _through_all(structs.replace(question, state="untracked"), chains)
    return Reached(
        sure=joined(
            common(found.sure, other.sure), common(other.sure, loose.sure),
            without(found.sure, loose.maybe),
        ),
        maybe=joined(common(other.maybe, loose.maybe), without(found.maybe, loose.sure)),
    )  # fmt: skip


def _answered(question: Question) -> Question:
    """The question to the chains on the way out: the connection is there."""
    new = question.state == "new"
    return structs.replace(question, state="established") if new else question


def _through_all(question: Question, chains: Chains) -> tuple[Reached, Reached]:
    """Who gets through and is answered, and whose connections are not tracked."""
    every = everywhere(question.packet)
    found, loose = Reached(sure=every, maybe=every), _NOBODY
    for chain in chains.values():
        out = chain.hook in ON_THE_WAY_OUT
        on_the_way = (out or chain.hook in ON_THE_WAY_IN) and not chain.aside
        if not on_the_way or question.packet not in chain.packets:
            continue
        walk = _Walk(_answered(question) if out else question, chains)
        end = walk.through(chain, Reached(sure=every, maybe=every))
        let = walk.let if chain.policy == "drop" else _plus(walk.let, end)
        found = Reached(sure=common(found.sure, let.sure), maybe=common(found.maybe, let.maybe))
        loose = _plus(loose, walk.loose)
    return found, loose
