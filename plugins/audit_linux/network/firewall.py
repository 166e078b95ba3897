"""Whether the host's packet filter refuses by default."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, structs

from audit_core.api.sdk import (
    TARGET,
    Absent,
    Answer,
    Command,
    ParseError,
    Severity,
    capped,
    capped_messages,
    check,
    expect,
    fact,
    failed,
    known,
    known_or_absent,
    msg,
    optional,
    present,
    undetermined,
)
from audit_core.model import Judgement, Message, Target
from audit_linux.network.ipsets import IPSETS, IpSet, resolved
from audit_linux.network.iptables import IP6TABLES, IPTABLES
from audit_linux.network.listeners import within_declared
from audit_linux.network.netfilter_model import (
    IPV4,
    IPV6,
    MANY_PORTS,
    ON_THE_WAY_IN,
    Chain,
    Chains,
    Rule,
    Ruleset,
    by_name,
    verdict_on,
)
from audit_linux.network.nft import NFT
from audit_linux.network.port_forwards import (
    LEGACY,
    LEGACY6,
    LISTED,
    SAVED,
    SAVED6,
    Published,
    Saved,
    together,
)
from audit_linux.network.reach import Question, TooLong, everywhere, reached, size
from audit_linux.system.kernel import SYSCTL, interfaces, ipv6_off

_TOO_MANY = 500_000


def input_chains(nft: Ruleset | None, *tables: Ruleset | None) -> Ruleset:
    """Every chain once: what iptables itself shows stands for it where nft cannot show it whole.

    nft lists the tables that iptables-nft made, its matches as words without a meaning. Where
    iptables is iptables-legacy, both tell the same chains.
    """
    listed = tuple(chain for table in tables for chain in table or ())
    own = [chain for chain in listed if chain.tool == "iptables"]
    every = tuple(dict.fromkeys((*_whole(nft or (), own), *_not_repeated(own, listed))))
    return every if _marked(every) else tuple(map(_without_marked, every))


def _without_marked(chain: Chain) -> Chain:
    """`chain` without drops by a mark: where no rule sets one, a new connection has none."""
    kept = tuple(rule for rule in chain.rules if not (rule.marked and rule.verdict == "drop"))
    return structs.replace(chain, rules=kept)


def _whole(nft: Ruleset, own: list[Chain]) -> Iterator[Chain]:
    """The chains of `nft` but those of tables that it cannot show and iptables itself shows."""
    shown = {(c.family, c.table) for c in own}
    foreign = {(c.family, c.table) for c in nft if any(rule.foreign for rule in c.rules)}
    return (c for c in nft if (c.family, c.table) not in shown & foreign)


def _not_repeated(own: list[Chain], listed: Ruleset) -> Iterator[Chain]:
    """Those of iptables itself, and those of other tools that it does not tell, in their order."""
    of_iptables = {structs.replace(c, tool="") for c in own}
    return (
        c for c in listed
        if c.tool == "iptables" or c.out or structs.replace(c, tool="") not in of_iptables
    )  # fmt: skip


def chains_of(*saved: Saved | Absent | None) -> Ruleset:
    """The chains of iptables-save; the filter table of iptables itself is read by `iptables -S`."""
    every = (chain for one in saved for chain in (known(one) or Saved()).chains)
    return tuple(c for c in every if (c.tool, c.table) != ("iptables", "filter"))


def legacy_unlisted(
    chains: Ruleset,
    saved: tuple[Saved | Absent | None, ...],
    legacy: tuple[Saved | Absent | None, ...],
) -> Message | None:
    """A reason against a pass: iptables-legacy holds rules that were not listed.

    `saved` and `legacy` are those of IPv4 and of IPv6.
    """
    families = {c.family for c in chains if c.tool == "iptables-legacy" and not c.table}
    for family, own, old in zip(("ip", "ip6"), saved, legacy, strict=True):
        there = family in families or (known(own) or Saved()).more
        if there and known(old) is None:
            return msg("iptables-legacy also holds rules, which were not listed")
    return None


def _opaque(chains: Ruleset) -> bool:
    """True when a rule lets packets on by a condition that nft cannot show."""
    tables = {(c.family, c.table) for c in chains if c.hook == "input"}
    return any(
        rule.foreign and rule.verdict in ("accept", "jump", "goto")
        for chain in chains if (chain.family, chain.table) in tables
        for rule in chain.rules
    )  # fmt: skip


def _refused(packet: str, interface: str, chains: Chains) -> bool:
    """True when some input chain drops `packet`: it has to get past all of them."""
    return any(
        verdict_on(packet, interface, chain, chains) == "drop"
        for chain in chains.values()
        if chain.hook in ON_THE_WAY_IN and not chain.nat and packet in chain.packets
    )


def _chain_text(chain: Chain, chains: Chains) -> Message:
    every = {verdict_on(packet, "", chain, chains) for packet in chain.packets}
    name = f"{chain.tool} {chain.family} {chain.table} {chain.name}"
    count = len(chain.rules)
    if every == {"drop"}:
        return msg("{chain}: drop, {count} rules", chain=name, count=count)
    return msg("{chain}: accept, {count} rules", chain=name, count=count)


def _open_interfaces(packets: frozenset[str], chains: Chains) -> set[str]:
    """Interfaces that rules name, the loopback aside, on which some of `packets` is accepted."""
    rules = [rule for chain in chains.values() if not chain.out for rule in chain.rules]
    names = {name for rule in rules for name in (*rule.on, *rule.off)} - {"lo"}
    if len(names) * len(rules) > _TOO_MANY:  # too long to evaluate, so no pass
        return names
    return {n for n in names if any(not _refused(p, n, chains) for p in packets)}


def _handed_on(
    listed: tuple[Published, ...] | None, *saved: Saved | Absent | None
) -> tuple[Published, ...] | None:
    """What is handed on past the input chains; None where nobody looked."""
    if listed is None and known(saved[0]) is None:
        return None
    every = together(listed, *((known(one) or Saved()).published for one in saved))
    return tuple(one for one in every if not one.here)


def _past_input(target: Target, published: tuple[Published, ...] | None) -> Message | None:
    """Why refusing on input is not the whole answer: ports that were not declared, or not seen."""
    if published is None:
        return msg("Whether ports are forwarded to containers (DNAT) is not known")
    others = [p.text for p in published if not within_declared(target, p.protocol, p.ports)]
    if not others:
        return None
    return msg("Forwarded to containers or other hosts (DNAT) without passing an input chain, "
               "and not in allowed_ports: {ports}", ports=capped(others))  # fmt: skip


def closing(chains: Ruleset) -> bool:
    """Whether chains that are not followed may drop what the input chains let through."""
    tables = {(c.family, c.table) for c in chains if c.aside and not c.nat}
    return any((c.family, c.table) in tables and c.refuses for c in chains) or any(
        c.nat and c.hook in ON_THE_WAY_IN and c.drops for c in chains
    )


NOT_FOLLOWED = msg("Rules of the families netdev and bridge, and drops in chains of nat, were not "
                   "followed")  # fmt: skip


def incoming(chains: Chains) -> Chains:
    """`chains` without those that are about answers."""
    return {key: chain for key, chain in chains.items() if not chain.out}


def _may_refuse(chains: Input) -> Iterator[Message]:
    """Why it is not certain that what no rule speaks of gets in."""
    if closing(chains.ruleset):
        yield NOT_FOLLOWED
    names = chains.interfaces
    if names and all(map(chains.closed_on, names)):
        yield msg("Refused on the interfaces that exist now, {names}, and not on others",
                  names=capped(names))  # fmt: skip
    if not any(map(chains.open_to_most, chains.packets)):
        yield msg("Some rules may refuse connections to any port: their conditions could not be "
                  "evaluated")  # fmt: skip
        yield from unread_sets(chains.ruleset)


def unread_sets(chains: Ruleset) -> Iterator[Message]:
    """The sets of ipset that rules on the way in name, and of which the contents are not known."""
    names = {asked.name for c in chains if not c.out for rule in c.rules for asked in rule.sets}
    if names:
        yield msg(
            "What these sets of ipset hold is not known: {names}", names=capped(sorted(names))
        )


def _unsettled(chains: Input) -> Iterator[Message]:
    """That rules may let everybody in to any port, by conditions that were not evaluated.

    Rules with a condition on who sends are left out: such a condition is what closes a port.
    """
    marked = _marked(chains.ruleset)
    open_to = {
        key: structs.replace(
            chain, rules=tuple(r for r in chain.rules if not _is_for_few(r, marked))
        )
        for key, chain in incoming(chains.chains).items()
    }
    for packet in sorted(chains.packets):
        try:
            who = reached(chains.question(packet), open_to)
        except TooLong:
            yield msg("The ruleset takes too long to follow")
            return
        if 2 * size(who.maybe) > size(everywhere(packet)):
            yield msg("Some rules may accept connections to any port: their conditions could not "
                      "be evaluated")  # fmt: skip
            yield from unread_sets(chains.ruleset)
            return


def _is_for_few(rule: Rule, marked: bool) -> bool:
    few = rule.narrow or (rule.marked and not marked)
    return rule.vague and few and rule.verdict == "accept"


def _marked(chains: Ruleset) -> bool:
    """Whether rules mark connections of anybody, so that a mark says nothing of who sends."""
    rules = (rule for chain in chains for rule in chain.rules)
    return any(rule.marks and not (rule.narrow or rule.sources) for rule in rules)


_PORTS: tuple[int, ...] = (61613, 47119, 33331, *range(1031, 65536, 977))


def _unnamed_port(chains: Ruleset) -> int:
    """A port that no rule names but as one of very many."""
    named = [
        span for chain in chains for rule in chain.rules for values in rule.ports
        for span in values.spans if span[1] - span[0] < MANY_PORTS
    ]  # fmt: skip
    free = (p for p in _PORTS if not any(low <= p <= high for low, high in named))
    return next(free, _PORTS[0])


class Input(Struct, frozen=True, kw_only=True):
    """What was seen of the input chains, and the packets for which they are judged."""

    ruleset: Ruleset
    chains: Chains
    packets: frozenset[str]
    ipv6: str
    interfaces: tuple[str, ...] = ()

    def question(self, packet: str) -> Question:
        """A connection of `packet` to a port that no rule names, on an interface not named."""
        return Question(packet=packet, port=_unnamed_port(self.ruleset), interface="")

    @property
    def refused(self) -> bool:
        """True when a packet that no rule speaks of is dropped, from wherever it comes."""
        return self.closed_on("")

    def closed_on(self, interface: str) -> bool:
        """True when what arrives on `interface` is refused, and no rules let most addresses in."""
        return all(
            _refused(packet, interface, self.chains) and not self.open_to_most(packet, interface)
            for packet in self.packets
        )

    def open_to_most(self, packet: str, interface: str = "") -> bool:
        """True when rules surely let most addresses in to a port that no rule names."""
        question = structs.replace(self.question(packet), interface=interface)
        try:
            who = reached(question, incoming(self.chains))
        except TooLong:
            return False
        return 2 * size(who.sure) > size(everywhere(packet))

    @property
    def summary(self) -> Message:
        """Each input chain, and whether the host uses IPv6."""
        lines = (_chain_text(c, self.chains) for c in self.ruleset if c.hook == "input")
        return msg("Input chains: {chains}; net.ipv6.conf.all.disable_ipv6 is {state}",
                   chains=capped_messages(lines), state=self.ipv6)  # fmt: skip


def input_of(
    nft: Ruleset | None,
    tables: tuple[Ruleset | Absent | None, ...],
    only_ipv4: bool,
    settings: dict[str, str],
    ipsets: dict[str, IpSet] | None = None,
) -> Input:
    """IPv6 counts where all of it was seen; that IPv4 is open is certain without it."""
    ruleset = resolved(input_chains(nft, *map(known, tables)), ipsets or {})
    return Input(
        ruleset=ruleset,
        chains=by_name(ruleset),
        packets=IPV4 if only_ipv4 or ipv6_off(settings) else IPV4 | IPV6,
        ipv6=settings.get("net.ipv6.conf.all.disable_ipv6", "-"),
        interfaces=interfaces(settings),
    )


def _doubts(
    chains: Input,
    target: Target,
    published: tuple[Published, ...] | None,
    unlisted: Message | None,
) -> tuple[Message, ...]:
    """Reasons against a pass; for chains that refuse nothing only what was not listed."""
    if not chains.refused:
        return present(*_may_refuse(chains), unlisted)
    wide = _open_interfaces(chains.packets, chains.chains)
    return present(
        *_unsettled(chains),
        _past_input(target, published),
        msg("Everything that arrives on {interfaces} is accepted", interfaces=capped(wide))
        if wide else None,
        msg("nft does not show the conditions of some rules that accept packets")
        if _opaque(chains.ruleset) else None,
        unlisted,
    )  # fmt: skip


def parse_programs(answer: Answer) -> tuple[str, ...]:
    """The paths that find printed."""
    if any(not line.startswith("/") for line in answer.lines):
        raise ParseError(msg("not a list of paths"))
    return tuple(answer.lines)


ELSEWHERE = fact(
    "linux.firewall-programs",
    tuple[str, ...],
    kind="host",
    ask=Command(
        argv=("find", "/usr/local", "/opt", "/usr/bin", "-xdev", "-maxdepth", "4", "(", "-name",
              "nft", "-o", "-name", "iptables", "-o", "-name", "xtables*multi", ")", "-not",
              "-type", "d"),
        ok=(0, 1), partial_ok=True,
    ),
    parse=parse_programs,
)  # fmt: skip


def _without_program(elsewhere: tuple[str, ...] | Absent, expected: Message) -> Judgement:
    """Where neither program is in the places of the distributions, one may lie elsewhere."""
    if isinstance(elsewhere, Absent):
        return undetermined(elsewhere.detail, expected=expected)
    if elsewhere:
        paths = capped(elsewhere)
        detail = msg("A packet filter lies elsewhere and was not asked: {paths}", paths=paths)
        return undetermined(detail, expected=expected)
    return failed(msg("Neither nft nor iptables is installed"), expected=expected)


@check(
    "linux.firewall-input",
    needs=(
        optional(NFT),
        optional(IPTABLES),
        known_or_absent(optional(IP6TABLES)),
        known_or_absent(SYSCTL),
        known_or_absent(optional(LISTED)),
        known_or_absent(optional(SAVED)),
        known_or_absent(optional(SAVED6)),
        known_or_absent(optional(LEGACY)),
        known_or_absent(optional(LEGACY6)),
        TARGET,
        known_or_absent(optional(IPSETS)),
        known_or_absent(ELSEWHERE),
    ),
    severity=Severity.MEDIUM,
    version=15,
    remedy=msg("Set up nftables, firewalld or ufw to refuse by default; accept what is needed"),
)
def firewall_input(
    nft: Ruleset | None,
    iptables: Ruleset | None,
    ip6tables: Ruleset | Absent | None,
    sysctl: dict[str, str] | Absent,
    listed: tuple[Published, ...] | Absent | None,
    saved: Saved | Absent | None,
    saved6: Saved | Absent | None,
    legacy: Saved | Absent | None,
    legacy6: Saved | Absent | None,
    target: Target,
    ipsets: dict[str, IpSet] | Absent | None,
    elsewhere: tuple[str, ...] | Absent,
) -> Judgement:
    """The host's packet filter refuses incoming packets that no rule accepts."""
    expected = msg("default drop or reject on input, for IPv4 and for IPv6 unless it is off")
    if nft is None and iptables is None:
        return _without_program(elsewhere, expected)
    only_ipv4 = isinstance(ip6tables, Absent) or isinstance(sysctl, Absent)
    tables = (iptables, ip6tables, chains_of(saved, saved6, legacy, legacy6))
    chains = input_of(nft, tables, only_ipv4, known(sysctl) or {}, known(ipsets))
    published = _handed_on(known(listed), saved, saved6, legacy, legacy6)
    note = msg("Forwarded by DNAT without passing an input chain: {ports}",
               ports=capped(p.text for p in published or ()))  # fmt: skip
    every = (chains.summary, note) if published else (chains.summary,)
    doubts = _doubts(
        chains,
        target,
        published,
        legacy_unlisted(chains.ruleset, (saved, saved6), (legacy, legacy6)),
    )
    if doubts:
        return undetermined(*every, *doubts, expected=expected)
    return expect(chains.refused, detail=every, expected=expected)


FACTS = (ELSEWHERE, IPSETS, NFT, IPTABLES, IP6TABLES, LISTED, SAVED, SAVED6, LEGACY, LEGACY6)
CHECKS = (firewall_input,)
