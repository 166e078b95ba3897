"""The tables of iptables, ip6tables and iptables-legacy that decide what comes in."""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import structs

from audit_core.api.sdk import (
    Absent,
    Fact,
    ParseError,
    Provider,
    fact,
    msg,
    not_present,
    provider,
    verbatim,
)
from audit_core.model import Answer, Command, Privilege, Reason
from audit_core.model.facts import Parser
from audit_linux.network.netfilter_model import (
    EVERY,
    NONE,
    ON_THE_WAY_OUT,
    TCP,
    UDP,
    Chain,
    InSet,
    Rule,
    Ruleset,
    Tracked,
    Values,
    answering,
    from_ports,
    ports_fit,
)
from audit_linux.programs import placed

# shlex takes seconds for a line of half a megabyte.
LONGEST = 8192

_TARGETS = {"ACCEPT": "accept", "DROP": "drop", "REJECT": "drop", "RETURN": "return"}
# Targets that let the packet go on through the chain; an unknown target may be a chain.
_GO_ON = frozenset(
    {"LOG", "NFLOG", "ULOG", "MARK", "CONNMARK", "TRACE", "AUDIT", "SET", "TCPMSS", "TCPOPTSTRIP",
     "DSCP", "TOS", "TTL", "HL", "ECN", "CLASSIFY", "CONNSECMARK", "SECMARK", "TEE", "CHECKSUM",
     "CT", "NOTRACK", "HMARK", "IDLETIMER", "LED", "RATEEST"}
)  # fmt: skip
_PROTOCOLS = {"tcp": TCP, "udp": UDP, "all": EVERY, "6": TCP, "17": UDP, "0": EVERY}
_PORTS = ("--dport", "--dports", "--sport", "--sports", "--ports")
_ANYWHERE = ("0.0.0.0/0", "::/0")


def words_of(line: str) -> list[str]:
    """The words of one line, quotes as iptables writes them undone."""
    if len(line) > LONGEST:
        raise ParseError(msg("a line of {count} characters, which is too long", count=len(line)))
    try:
        return shlex.split(line) if '"' in line else line.split()
    except ValueError as error:
        raise ParseError(msg("not a rule: {line}", line=verbatim(line))) from error


def _ports(text: str) -> int:
    """How many ports a list such as `22,1024:65535` names; 1 for what is no number."""
    count = 0
    for part in text.split(","):
        low, colon, high = part.partition(":")
        plain = (low + high).isascii() and low.isdigit() and high.isdigit() and len(part) < 12
        count += int(high) - int(low) + 1 if colon and plain else 1
    return count


def _fits(option: str, value: str, other: bool, verdict: str) -> frozenset[str]:
    """The packets that meet one condition for sure; `other` when it is negated by `!`."""
    if option in ("-m", "--match", "--comment"):
        return NONE if value in _CHOOSING else EVERY
    if option == "-p":
        named = _PROTOCOLS.get(value, NONE)
        return EVERY - named if other else named
    if option in _PORTS:
        return EVERY if ports_fit(_ports(value), verdict) != other else NONE
    if option == "-s":
        return EVERY if (value in _ANYWHERE) != other else NONE
    if option in ("--state", "--ctstate"):
        return EVERY if ("NEW" in value.split(",")) != other else NONE
    held = _known(option, value, other, verdict)
    return EVERY if held else NONE


# What a connection as it usually comes meets: to an address of this host, from one of a network,
# in its first direction, not through IPsec.
_USUAL = {
    "--dst-type": "LOCAL", "--src-type": "UNICAST", "--pkt-type": "unicast",
    "--ctdir": "ORIGINAL", "--pol": "none",
}  # fmt: skip
# Limits that a connection as it usually comes is below, and those that begin where it is above.
_BELOW = frozenset({"--limit", "--hashlimit-upto", "--connlimit-upto"})
_ABOVE = frozenset({"--hashlimit-above", "--connlimit-above"})


def _known(option: str, value: str, other: bool, verdict: str) -> bool | None:
    """Whether a connection as it usually comes meets a condition; None where that is not known."""
    if option in ("-m", "--match") and value in _CHOOSING:
        return None
    if option in _USUAL and (option != "--pol" or value == "none"):
        return (value == _USUAL[option]) != other
    if option in _ABOVE or (option in _BELOW and verdict != "drop"):
        return (option in _BELOW) != other
    # the first connection of an address is not its second one (`recent`)
    if option == "--hitcount" and value.isdecimal() and int(value[:9]) > 1:
        return False
    if option == "--set" or option in _NOTES:
        return True
    return other if option in _UNUSUAL else None


# Modules that choose packets without an option of their own.
_CHOOSING = frozenset(
    {"socket", "eui64", "frag", "ah", "esp", "mh", "rt", "hbh", "dst", "ipv6header", "srh",
     "unclean", "cluster", "nfacct", "bpf", "osf"}
)  # fmt: skip
# What is about packets of a connection that exists, about notes, or true of every new connection.
_NOTES = frozenset(
    {"-m", "--match", "--comment", "--limit-burst", "--validmark", "--name", "--rsource",
     "--rdest", "--mask", "--seconds", "--hashlimit-burst",
     "--hashlimit-mode", "--hashlimit-name", "--hashlimit-srcmask", "--hashlimit-dstmask",
     "--hashlimit-htable-expire", "--hashlimit-htable-size", "--hashlimit-htable-max",
     "--hashlimit-htable-gcinterval", "--connlimit-mask", "--connlimit-saddr", "--connlimit-daddr",
     "--dir", "--limit-iface-in"}
)  # fmt: skip
# Conditions on who sends.
_SENDERS = frozenset(
    {"--mac-source", "--pol", "--physdev-in", "--src-group", "--cgroup",
     "--transparent", "--helper", "--ctorigsrc", "--src-range",
     "-s", "--string", "--hex-string", "--rcheck", "--update"}
)  # fmt: skip
_UNMARKED = ("0", "0x0", "default")
# What no new connection of an ordinary client meets: ICMP, protocols besides TCP and UDP, a header
# for routing, a source that the route back does not lead to (rpfilter --invert).
_UNUSUAL = frozenset({"--icmp-type", "--icmpv6-type", "-p", "--rt-type", "--invert", "-f"})


def _spans(text: str) -> tuple[tuple[int, int], ...] | None:
    """The addresses of `10.0.0.0/8`, `10.0.0.1-10.0.0.9`; None for what is neither."""
    low, _, high = text.partition("-")
    try:
        if high:
            return ((int(ipaddress.ip_address(low)), int(ipaddress.ip_address(high))),)
        net = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    return ((int(net.network_address), int(net.broadcast_address)),)


def port_spans(text: str) -> tuple[tuple[int, int], ...] | None:
    """The ports of `22,1024:65535`; None for what is no list of ports."""
    found = []
    for part in text.split(","):
        low, colon, high = part.partition(":")
        if not (low + high).isascii() or not low.isdigit() or (colon and not high.isdigit()):
            return None
        found.append((int(low[:6]), int((high or low)[:6])))
    return tuple(sorted(found))


def _asked(rule: Rule, option: str, value: str, other: bool) -> Rule:
    """`rule` with what a condition says of who reaches a port."""
    if option in _SPANS:
        return _with_spans(rule, option, value, other)
    if option in ("--state", "--ctstate", "--ctstatus"):
        return _tracked(rule, option, value, other)
    if option in ("--sport", "--sports"):
        spans = None if other else port_spans(value)
        return _met(rule, None if spans is None else from_ports(spans, rule.verdict))
    if option == "-p" and value in _PROTOCOLS:
        named = _PROTOCOLS[value]
        return structs.replace(rule, may=rule.may & (EVERY - named if other else named))
    holds = _known(option, value, other, rule.verdict)
    value = value.partition("/")[0] if option == "--mark" else value
    if option == "--mark" and not other and value not in _UNMARKED:
        return structs.replace(rule, vague=True, marked=True)
    # everybody but a few is not few, and a mark or a group of 0 is what all begin with
    narrow = option in _SENDERS and not other and value not in _UNMARKED
    return _met(rule, holds, narrow=rule.narrow or narrow)


def _tracked(rule: Rule, option: str, value: str, other: bool) -> Rule:
    """`rule` with a condition on what conntrack says; DNAT and SNAT count among the states, too."""
    words = frozenset(word.lower() for word in value.split(","))
    what = "status" if option == "--ctstatus" else "state"
    if what == "state" and words <= {"dnat", "snat"}:
        what = "status"
    asked = Tracked(what=what, words=words, other=other)
    return structs.replace(rule, tracked=(*rule.tracked, asked))


def _met(rule: Rule, holds: bool | None, *, narrow: bool = False) -> Rule:
    """`rule` with a condition that holds, does not, or may hold (None)."""
    if holds is None:
        return structs.replace(rule, vague=True, narrow=narrow)
    return rule if holds else structs.replace(rule, may=NONE)


_SPANS = {
    "-s": ("sources", _spans),
    "--src-range": ("sources", _spans),
    "-d": ("targets", _spans),
    "--dst-range": ("targets", _spans),
    "--dport": ("ports", port_spans),
    "--dports": ("ports", port_spans),
}


def _with_spans(rule: Rule, option: str, value: str, other: bool) -> Rule:
    """`rule` with the addresses or ports of a condition; vague where they cannot be read."""
    name, read = _SPANS[option]
    spans = read(value)
    if spans is None:
        return structs.replace(rule, vague=True, narrow=rule.narrow or name == "sources")
    return structs.replace(rule, **{name: (*getattr(rule, name), Values(spans=spans, other=other))})


def _options(words: list[str]) -> Iterator[tuple[str, bool, list[str]]]:
    """Each option with whether `!` stands before it, and its values: none, one or more."""
    at = 0
    while at < len(words):
        other = words[at] == "!"
        option = words[at + other] if at + other < len(words) else ""
        end = at = at + other + 1
        if option == "--comment":  # a text, which may begin with a hyphen
            end += 1
        while end < len(words) and words[end] != "!" and not words[end].startswith("-"):
            end += 1
        yield option, other, words[at:end]
        at = end


def _narrowed(rule: Rule, words: list[str]) -> Rule:
    """`rule` with the conditions `words`."""
    for option, other, values in _options(words):
        value = values[0] if values else ""
        if option == "-i" and other:
            rule = structs.replace(rule, off=(*rule.off, value))
        elif option == "-i":
            rule = structs.replace(rule, on=(*rule.on, value))
        elif option == "--tcp-flags":
            met = TCP if _met_by_syn(values) != other else NONE
            rule = structs.replace(rule, fits=rule.fits & met, may=rule.may & met)
        elif option == "--match-set" and len(values) == 2:
            asked = InSet(name=value, fields=tuple(values[1].split(",")[:8]), other=other)
            rule = structs.replace(rule, sets=(*rule.sets, asked))
        else:
            fits = rule.fits & _fits(option, value, other, rule.verdict)
            rule = _asked(structs.replace(rule, fits=fits), option, value, other)
    return rule


def _met_by_syn(values: list[str]) -> bool:
    """Whether the first packet of a connection meets `--tcp-flags MASK SET`."""
    mask, wanted = (frozenset(v.split(",")) for v in [*values, "", ""][:2])
    return ({"SYN"} if mask & {"SYN", "ALL"} else set()) == wanted - {"NONE"}


def _rule(words: list[str]) -> Rule:
    """The rule of `-A CHAIN …`: what stands before -j or -g chooses packets."""
    at = next((i for i, w in enumerate(words) if w in ("-j", "-g", "--jump", "--goto")), None)
    if at is None or at + 1 >= len(words):
        return Rule()
    target = words[at + 1]
    if target in _TARGETS:
        return _narrowed(Rule(verdict=_TARGETS[target]), words[:at])
    if target == "NOTRACK" or (target == "CT" and "--notrack" in words[at:]):
        return structs.replace(_narrowed(Rule(), words[:at]), loose=True)
    if target in _GO_ON:
        marks = {"--set-mark", "--set-xmark"} & set(words[at:])
        return _narrowed(Rule(marks=True), words[:at]) if marks else Rule()
    verdict = "goto" if words[at] in ("-g", "--goto") else "jump"
    return _narrowed(Rule(verdict=verdict, to=target), words[:at])


def _parse(answer: Answer, family: str) -> Ruleset | Absent:
    """The filter table of `iptables -S`; NOT_PRESENT where nft alone holds that table.

    A chain of the tool `iptables-legacy` without a hook says that there are rules of that tool
    besides, which were not listed.
    """
    if answer.exit_code != 0:
        if b"is incompatible, use 'nft' tool" in answer.stdout + answer.stderr:
            return not_present(msg("The filter table is kept by nft"))
        raise ParseError(msg("iptables printed no rules"))
    policies, rules = _table(answer)
    if "INPUT" not in policies:
        raise ParseError(msg("no chain INPUT"))
    chains = _chains(("iptables", family, "filter"), policies, rules)
    legacy = Chain(tool="iptables-legacy", family=family, table="", name="")
    return (*chains, legacy) if b"legacy tables present" in answer.stderr else chains


_Rows = dict[str, list[list[str]]]


def _table(answer: Answer) -> tuple[dict[str, str], _Rows]:
    """The policies of the chains and the words of their rules, by name; a chain without a policy
    has an empty one."""
    policies: dict[str, str] = {}
    rules: _Rows = {}
    for words in (words_of(line) for line in answer.lines):
        if words[:1] == ["-P"] and len(words) >= 3:
            policies[words[1]] = _POLICIES.get(words[2], "")
        elif words[:1] == ["-A"] and len(words) >= 2:
            rules.setdefault(words[1], []).append(words[2:])
        elif words[:1] == ["-N"] and len(words) == 2:
            policies.setdefault(words[1], "")
        elif words and words[0] != "#":
            raise ParseError(msg("not a rule: {line}", line=verbatim(" ".join(words))))
    return {**dict.fromkeys(rules, ""), **policies}, rules


# In a rule about an answer, what stands where the same of its connection stands in a rule about it.
_EXCHANGED = {"--tcp-flags": "--flags-of-answer", "--match-set": "--set-of-answer"} | {
    a: b for pair in (
        ("-s", "-d"), ("-i", "-o"), ("--sport", "--dport"), ("--sports", "--dports"),
        ("--src-range", "--dst-range"), ("--src-type", "--dst-type"), ("ORIGINAL", "REPLY"),
    ) for a, b in (pair, pair[::-1])
}  # fmt: skip


def _chains(place: tuple[str, str, str], policies: dict[str, str], rules: _Rows) -> Ruleset:
    """The chains of a table: `place` is its tool, family and name."""

    def made(read: Callable[[list[str]], Rule]) -> list[Chain]:
        tool, family, table = place
        return [
            Chain(tool=tool, family=family, table=table, name=name, policy=policy,
                  hook=_HOOKS.get(name, "") if policy else "",
                  rules=tuple(map(read, rules.get(name, ()))))
            for name, policy in sorted(policies.items())
        ]  # fmt: skip

    every = made(_rule)
    coming = tuple(c for c in every if c.hook not in ON_THE_WAY_OUT)
    if not any(c.refuses for c in every):
        return coming
    return coming + answering(made(lambda words: _rule([_EXCHANGED.get(w, w) for w in words])))


def parse_iptables4(answer: Answer) -> Ruleset | Absent:
    """The policies and rules of the IPv4 filter table."""
    return _parse(answer, "ip")


def parse_iptables6(answer: Answer) -> Ruleset | Absent:
    """The policies and rules of the IPv6 filter table."""
    return _parse(answer, "ip6")


# Where the chains of each table stand on the way in; the nat table hands on, it does not refuse.
_DECIDING = frozenset({"raw", "mangle", "filter", "security"})
_HOOKS = {name: name.lower() for name in ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING")}
_POLICIES = {"ACCEPT": "accept", "DROP": "drop"}


def chains_saved(lines: Iterable[list[str]], tool: str, family: str) -> Ruleset:
    """The chains of the tables of iptables-save, from the words of its lines; without nat.

    A built-in chain has a policy behind its name (`:INPUT DROP [0:0]`), others have `-`.
    """
    tables: dict[str, tuple[dict[str, str], _Rows]] = {}
    policies, rules = tables.setdefault("", ({}, {}))
    for words in lines:
        if words and words[0].startswith("*"):
            policies, rules = tables.setdefault(words[0][1:], ({}, {}))
        elif words and words[0].startswith(":") and len(words) > 1:
            policies[words[0][1:]] = _POLICIES.get(words[1], "")
        elif words[:1] == ["-A"] and len(words) >= 2:
            rules.setdefault(words[1], []).append(words[2:])
    every = (
        _chains((tool, family, name), *read) for name, read in tables.items() if name in _DECIDING
    )
    return tuple(chain for chains in every for chain in chains)


def saying(
    id: str, type: Any, argv: tuple[str, ...], parse: Parser, *, ok: tuple[int, ...] = (0,)
) -> Fact:
    """The fact of what a program of the packet filter prints; NOT_PRESENT where it is missing."""

    def provide(folder: str, missing: Reason) -> Provider:
        command = Command(argv=(f"{folder}/{argv[0]}", *argv[1:]), privilege=Privilege.ROOT, ok=ok,
                          not_found=missing, limit=8 << 20)  # fmt: skip
        return provider(command, parse)

    return fact(id, type, kind="host", providers=placed(provide))


IPTABLES = saying("linux.iptables", Ruleset, ("iptables", "-S"), parse_iptables4, ok=(0, 1))
IP6TABLES = saying("linux.ip6tables", Ruleset, ("ip6tables", "-S"), parse_iptables6, ok=(0, 1))
