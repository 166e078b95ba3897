"""What the sets of ipset hold, which rules of iptables name: `ipset save`, read as ipset 7.17."""

from __future__ import annotations

import ipaddress

from msgspec import Struct, structs

from audit_core.api.sdk import Answer, Partial, msg, partial, read_rows
from audit_linux.network.iptables import port_spans, saying, words_of
from audit_linux.network.netfilter_model import (
    EVERY,
    NONE,
    Chain,
    InSet,
    Rule,
    Ruleset,
    Spans,
    Values,
    ports_fit,
)
from audit_linux.network.reach import joined, size

_MOST = 10_000  # entries: more are lists of countries and of attackers, and take long to compare


class IpSet(Struct, frozen=True, kw_only=True):
    """A set: its first field (`ip`, `net`, `port` …) and what stands there in its entries.

    `exact`: it has no other fields, and does not change by itself.
    """

    field: str
    six: bool
    spans: Spans
    exact: bool


_Entries = dict[str, list[list[str]]]


def parse_sets(answer: Answer) -> dict[str, IpSet] | Partial:
    """The sets of `ipset save` by name; those that cannot be compared are left out."""
    rows, problems = read_rows(enumerate(answer.lines, 1), words_of)
    made: dict[str, list[str]] = {}
    entries: _Entries = {}
    for words in rows:
        if words[:1] == ["create"] and len(words) > 2:
            made[words[1]] = words[2:]
        elif words[:1] == ["add"] and len(words) > 2:
            entries.setdefault(words[1], []).append(words[2:])
        elif words:
            problems.append(msg("not a set of ipset"))
    found: dict[str, IpSet] = {}
    for name, options in made.items():  # a list of sets stands behind those that it names
        one = _set(options, entries.get(name, []), found)
        if one is not None:
            found[name] = one
    return partial(found, problems)


def _set(options: list[str], rows: list[list[str]], others: dict[str, IpSet]) -> IpSet | None:
    """A set of its `create` line and its entries; None for what cannot be compared."""
    kind, _, fields = options[0].partition(":")
    if kind == "list":
        return _together([others.get(row[0]) for row in rows])
    first, *more = fields.split(",")
    if first not in ("ip", "net", "port") or len(rows) > _MOST or "bitmask" in options:
        return None
    mask = options[options.index("netmask") + 1] if "netmask" in options[:-1] else ""
    spans = [_span(row[0].split(",")[0], first, mask) for row in rows]
    if None in spans or any("nomatch" in row for row in rows):
        return None
    six = "inet6" in options
    return IpSet(field=first, six=six, exact=not more and "timeout" not in options,
                 spans=joined(tuple(span for span in spans if span)))  # fmt: skip


def _together(parts: list[IpSet | None]) -> IpSet | None:
    """What a list of sets holds; None where they are not alike."""
    sets = [part for part in parts if part is not None]
    if len(sets) < len(parts) or len({(one.field == "port", one.six) for one in sets}) != 1:
        return None
    exact = all(one.exact for one in sets)
    return structs.replace(sets[0], exact=exact, spans=joined(*(one.spans for one in sets)))


def _span(text: str, field: str, mask: str) -> tuple[int, int] | None:
    if field == "port":
        spans = port_spans(text.rpartition(":")[2].replace("-", ":"))
        return spans[0] if spans else None
    try:
        net = ipaddress.ip_network(f"{text}/{mask}" if mask else text, strict=False)
    except ValueError:
        return None
    return int(net.network_address), int(net.broadcast_address)


def resolved(chains: Ruleset, sets: dict[str, IpSet]) -> Ruleset:
    """`chains` with what sets hold in the place of their names."""
    if not any(rule.sets for chain in chains for rule in chain.rules):
        return chains
    return tuple(
        structs.replace(chain, rules=tuple(_resolved(rule, chain, sets) for rule in chain.rules))
        for chain in chains
    )


def _resolved(rule: Rule, chain: Chain, sets: dict[str, IpSet]) -> Rule:
    for asked in rule.sets:
        one = sets.get(asked.name)
        if one is not None and (one.field == "port" or one.six == (chain.family == "ip6")):
            rule = _with(structs.replace(rule, sets=_less(rule.sets, asked)), asked, one)
    return rule


def _less(sets: tuple[InSet, ...], one: InSet) -> tuple[InSet, ...]:
    return tuple(other for other in sets if other is not one)


def _with(rule: Rule, asked: InSet, one: IpSet) -> Rule:
    """`rule` with the condition `asked` on a set that is known.

    Who is not in a set that changes may yet be, and who is in one with more fields may not match.
    """
    exact = one.exact or (rule.verdict == "drop" and len(asked.fields) == 1)
    name = _NAMES[one.field == "port", asked.fields[0]]
    if not exact:
        few = not asked.other
        bound = few and one.field != "port" and len(asked.fields) > 1
        rule = structs.replace(rule, vague=True, narrow=rule.narrow or few, fits=NONE)
        return _compared(rule, name, one, asked.other) if bound else rule
    fits = rule.fits & (EVERY if _met(one, name, rule.verdict) != asked.other else NONE)
    return _compared(structs.replace(rule, fits=fits), name, one, asked.other)


_NAMES = {
    (False, "src"): "sources", (False, "dst"): "targets",
    (True, "dst"): "ports", (True, "src"): "from",
}  # fmt: skip


def _compared(rule: Rule, name: str, one: IpSet, other: bool) -> Rule:
    if name == "from":
        return structs.replace(rule, vague=True)
    return structs.replace(
        rule, **{name: (*getattr(rule, name), Values(spans=one.spans, other=other))}
    )


def _met(one: IpSet, name: str, verdict: str) -> bool:
    """Whether a connection from an address, to a port that no rule names is in a set."""
    if name == "ports":
        return ports_fit(size(one.spans), verdict)
    return name == "sources" and size(one.spans) == 1 << (128 if one.six else 32)


IPSETS = saying("linux.ipsets", dict[str, IpSet], ("ipset", "save"), parse_sets)
