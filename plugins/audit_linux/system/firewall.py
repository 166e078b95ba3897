"""Does the host's own packet filter refuse what it was not told to accept."""

from __future__ import annotations

import shlex
from typing import Any

from msgspec import Struct

from audit_core.model import Answer, Command, Judgement, Privilege, Reason
from audit_core.sdk import (
    Absent,
    ParseError,
    Severity,
    check,
    expect,
    fact,
    failed,
    msg,
    not_present,
    optional,
    undetermined,
)
from audit_linux.system._common import capped, json_document
from audit_linux.system.kernel import SYSCTL

DEEPEST = 32
# shlex takes seconds for a line of half a megabyte.
LONGEST = 8192


class Rule(Struct, frozen=True, kw_only=True):
    """One rule. `verdict` is accept, drop, jump, goto, return or empty (it only counts).

    `interface` is named when arriving there is the rule's only condition.
    """

    conditional: bool
    interface: str = ""
    verdict: str = ""
    to: str = ""


class Chain(Struct, frozen=True, kw_only=True):
    """A chain of one table; `hook` and `policy` are empty unless packets enter by it."""

    tool: str
    family: str
    table: str
    name: str
    hook: str = ""
    policy: str = ""
    rules: tuple[Rule, ...] = ()


Ruleset = tuple[Chain, ...]

# Statements of nft that do not choose packets; whatever is not known may choose.
_NO_MATCH = frozenset({"counter", "log", "comment", "mangle", "notrack"})


def _nft_rule(expr: Any) -> Rule:
    if not isinstance(expr, list) or not all(isinstance(e, dict) and len(e) == 1 for e in expr):
        raise ParseError("not a rule")
    conditional, verdict, to = False, "", ""
    matches = [value for e in expr for key, value in e.items() if key == "match"]
    for key, value in ((k, v) for e in expr for k, v in e.items()):
        if key in ("accept", "drop", "return"):
            verdict = key
        elif key == "reject":
            verdict = "drop"
        elif key in ("jump", "goto") and isinstance(value, dict):
            verdict, to = key, str(value.get("target", ""))
        elif key == "xt" and isinstance(value, dict) and value.get("type") == "target":
            verdict = "drop" if value.get("name") in ("REJECT", "DROP") else verdict
        elif key not in _NO_MATCH:
            conditional = True
    interface = _interface(matches[0]) if len(matches) == 1 else ""
    return Rule(conditional=conditional, interface=interface, verdict=verdict, to=to)


def _interface(match: Any) -> str:
    """The interface that an nft match compares the arrival with, or empty."""
    left = match.get("left") if isinstance(match, dict) else None
    meta = left.get("meta") if isinstance(left, dict) else None
    key = meta.get("key") if isinstance(meta, dict) else None
    named = key in ("iif", "iifname") and match.get("op") == "=="
    return str(match.get("right", "")) if named else ""


def _text(values: dict[str, Any], *keys: str) -> tuple[str, ...]:
    found = tuple(values.get(key, "") for key in keys)
    if not all(isinstance(value, str) for value in found):
        raise ParseError(f"one of {keys} is not text")
    return found


def parse_nft(answer: Answer) -> Ruleset:
    """The chains of `nft -j list ruleset`; none when the ruleset is empty."""
    document = json_document(answer.stdout)
    items = document.get("nftables") if isinstance(document, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ParseError("no list of nftables objects")
    rules: dict[tuple[str, ...], list[Rule]] = {}
    heads: dict[tuple[str, ...], dict[str, Any]] = {}
    for item in items:
        chain, rule = item.get("chain"), item.get("rule")
        if isinstance(chain, dict):
            heads[_text(chain, "family", "table", "name")] = chain
        elif isinstance(rule, dict):
            key = _text(rule, "family", "table", "chain")
            rules.setdefault(key, []).append(_nft_rule(rule.get("expr")))
    return tuple(
        Chain(tool="nft", family=key[0], table=key[1], name=key[2],
              hook=_text(head, "hook")[0], policy=_text(head, "policy")[0],
              rules=tuple(rules.get(key, ())))
        for key, head in heads.items()
    )  # fmt: skip


NFT = fact(
    "linux.nftables",
    Ruleset,
    ask=Command(
        argv=("/usr/sbin/nft", "-j", "list", "ruleset"),
        privilege=Privilege.ROOT,
        missing=Reason.NOT_PRESENT,
        limit=8 << 20,
    ),
    parse=parse_nft,
)

_TARGETS = {"ACCEPT": "accept", "DROP": "drop", "REJECT": "drop", "RETURN": "return"}
# Targets that let the packet go on through the chain; an unknown target may be a chain.
_GO_ON = frozenset({"LOG", "NFLOG", "ULOG", "MARK", "CONNMARK", "TRACE", "AUDIT", "SET"})


def _words(line: str) -> list[str]:
    """The words of one line, quotes as iptables writes them undone."""
    if len(line) > LONGEST:
        raise ParseError(f"a line of {len(line)} characters")
    try:
        return shlex.split(line) if '"' in line else line.split()
    except ValueError as error:
        raise ParseError(f"not a rule: {line[:80]!r}") from error


def _iptables_rule(words: list[str]) -> Rule:
    """The rule of `-A CHAIN …`: what stands before -j or -g chooses packets, comments aside."""
    if words[:3] == ["-m", "comment", "--comment"]:
        return _iptables_rule(words[4:])
    at = next((i for i, w in enumerate(words) if w in ("-j", "-g", "--jump", "--goto")), None)
    conditional = at != 0 and bool(words)
    if at is None or at + 1 >= len(words):
        return Rule(conditional=conditional)
    target = words[at + 1]
    if target in _TARGETS:
        alone = words[:1] == ["-i"] and at == 2
        return Rule(conditional=conditional, interface=words[1] if alone else "",
                    verdict=_TARGETS[target])  # fmt: skip
    if target in _GO_ON:
        return Rule(conditional=conditional)
    verdict = "goto" if words[at] in ("-g", "--goto") else "jump"
    return Rule(conditional=conditional, verdict=verdict, to=target)


def _parse_iptables(answer: Answer, family: str) -> Ruleset | Absent:
    """The filter table of `iptables -S`; NOT_PRESENT where nft alone holds that table."""
    if answer.exit_code != 0:
        if b"is incompatible, use 'nft' tool" in answer.stdout + answer.stderr:
            return not_present(msg("The filter table is kept by nft"))
        raise ParseError("iptables gave no rules")
    policies: dict[str, str] = {}
    rules: dict[str, list[Rule]] = {}
    for words in (_words(line) for line in answer.lines):
        if words[:1] == ["-P"] and len(words) >= 3:
            policies[words[1]] = {"ACCEPT": "accept", "DROP": "drop"}.get(words[2], "")
        elif words[:1] == ["-A"] and len(words) >= 2:
            rules.setdefault(words[1], []).append(_iptables_rule(words[2:]))
        elif words[:1] == ["-N"] and len(words) == 2:
            rules.setdefault(words[1], [])
        elif words and words[0] != "#":
            raise ParseError(f"not a rule: {' '.join(words)[:80]!r}")
    if "INPUT" not in policies:
        raise ParseError("no chain INPUT")
    return tuple(
        Chain(tool="iptables", family=family, table="filter", name=name,
              hook="input" if name == "INPUT" else "", policy=policies.get(name, ""),
              rules=tuple(rules.get(name, ())))
        for name in sorted({*policies, *rules})
    )  # fmt: skip


def parse_iptables4(answer: Answer) -> Ruleset | Absent:
    """The IPv4 filter table."""
    return _parse_iptables(answer, "ip")


def parse_iptables6(answer: Answer) -> Ruleset | Absent:
    """The IPv6 filter table."""
    return _parse_iptables(answer, "ip6")


def _iptables(program: str) -> Command:
    return Command(
        argv=(program, "-S"),
        privilege=Privilege.ROOT,
        ok=(0, 1),
        missing=Reason.NOT_PRESENT,
        limit=2 << 20,
    )


IPTABLES = fact(
    "linux.iptables", Ruleset, ask=_iptables("/usr/sbin/iptables"), parse=parse_iptables4
)
IP6TABLES = fact(
    "linux.ip6tables", Ruleset, ask=_iptables("/usr/sbin/ip6tables"), parse=parse_iptables6
)


def _walk(chain: Chain, chains: dict[tuple[str, ...], Chain], left: list[int], deep: int) -> str:
    """What becomes of a packet that no condition fits: accept, drop, or go on (empty)."""
    for rule in chain.rules:
        left[0] -= 1
        if left[0] < 0 or deep > DEEPEST:
            return "accept"
        if rule.conditional or not rule.verdict:
            continue
        if rule.verdict in ("accept", "drop"):
            return rule.verdict
        if rule.verdict == "return":
            return ""
        other = chains.get((chain.tool, chain.family, chain.table, rule.to))
        end = _walk(other, chains, left, deep + 1) if other else ""
        if end or rule.verdict == "goto":
            return end
    return ""


def _default(chain: Chain, chains: dict[tuple[str, ...], Chain]) -> str:
    # An endless walk counts as accept: never a pass on a ruleset too tangled to follow.
    return _walk(chain, chains, [100_000], 0) or chain.policy or "accept"


def _wide(*rulesets: Ruleset | None) -> set[str]:
    """Interfaces, the loopback aside, whose every packet some reachable input rule accepts."""
    chains = {(c.tool, c.family, c.table, c.name): c for ruleset in rulesets for c in ruleset or ()}
    todo = [c for c in chains.values() if c.hook == "input"]
    seen, found = set(todo), set()
    while todo:
        chain = todo.pop()
        for rule in chain.rules:
            if rule.verdict == "accept" and rule.interface not in ("", "lo"):
                found.add(rule.interface)
            other = chains.get((chain.tool, chain.family, chain.table, rule.to))
            if rule.to and other and other not in seen:
                seen.add(other)
                todo.append(other)
    return found


class Default(Struct, frozen=True, kw_only=True):
    """What one input chain does with a packet that no condition of its rules fits."""

    family: str
    verdict: str
    where: str


def _defaults(*rulesets: Ruleset | None) -> list[Default]:
    every = [chain for ruleset in rulesets for chain in ruleset or ()]
    chains: dict[tuple[str, ...], Chain] = {(c.tool, c.family, c.table, c.name): c for c in every}
    return [
        Default(family=c.family, verdict=_default(c, chains),
                where=f"{c.tool} {c.family} {c.table} {c.name}: {_default(c, chains)}, "
                f"{len(c.rules)} rules")
        for c in every if c.hook == "input"
    ]  # fmt: skip


@check(
    "linux.firewall-input",
    needs=(optional(NFT), optional(IPTABLES), optional(IP6TABLES), SYSCTL),
    severity=Severity.MEDIUM,
    remedy=msg("Set up nftables, firewalld or ufw to refuse by default; accept what is needed"),
)
def firewall_input(
    nft: Ruleset | None,
    iptables: Ruleset | None,
    ip6tables: Ruleset | None,
    sysctl: dict[str, str],
) -> Judgement:
    """The host's packet filter refuses incoming packets that no rule accepts."""
    expected = msg("default drop or reject on input, for IPv4 and for IPv6 unless it is off")
    if nft is None and iptables is None:
        return failed(msg("Neither nft nor iptables is installed"), expected=expected)
    defaults = _defaults(nft, iptables, ip6tables)
    no_ipv6 = sysctl.get("net.ipv6.conf.all.disable_ipv6") != "0"
    refused = {d.family for d in defaults if d.verdict == "drop"}
    ipv4 = bool(refused & {"ip", "inet"})
    ipv6 = no_ipv6 or bool(refused & {"ip6", "inet"})
    said = msg("Input chains: {chains}; disable_ipv6={state}",
               chains=capped(d.where for d in defaults) or ("-",),
               state=sysctl.get("net.ipv6.conf.all.disable_ipv6", "-"))  # fmt: skip
    wide = _wide(nft, iptables, ip6tables)
    if ipv4 and ipv6 and wide:
        open_ = msg("Everything that arrives on {interfaces} is accepted", interfaces=capped(wide))
        return undetermined(said, open_, expected=expected)
    return expect(ipv4 and ipv6, said=said, expected=expected)


FACTS = (NFT, IPTABLES, IP6TABLES)
CHECKS = (firewall_input,)
