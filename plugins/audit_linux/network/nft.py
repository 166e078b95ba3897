"""The ruleset of nftables."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct, structs

from audit_core.api.sdk import (
    Absent,
    Answers,
    Message,
    ParseError,
    Partial,
    capped,
    fact,
    json_document,
    known_or_absent,
    msg,
    partial,
)
from audit_core.model import Answer, Command, NamedAsk, Privilege, Reason
from audit_linux.network.netfilter_model import (
    EVERY,
    IPV4,
    IPV6,
    NONE,
    TCP,
    UDP,
    Chain,
    Rule,
    Ruleset,
    Values,
    ports_fit,
)
from audit_linux.network.reach import joined

# Statements that do not choose packets; whatever is not known may choose.
_NO_MATCH = frozenset({"counter", "log", "comment", "mangle", "notrack"})
_PROTOCOLS = {"tcp": TCP, "udp": UDP, "6": TCP, "17": UDP, "th": EVERY}
_FAMILIES = {"ip": IPV4, "ipv4": IPV4, "ip6": IPV6, "ipv6": IPV6}


def values_of(right: Any) -> list[Any]:
    """What a match compares with: the elements of a set, or the one value."""
    inner = right.get("set", right) if isinstance(right, dict) else right
    return inner if isinstance(inner, list) else [inner]


def subject(left: Any) -> tuple[str, str]:
    """What a match looks at: (`meta`, `l4proto`), (`tcp`, `dport`), (`ct`, `state`) …"""
    if isinstance(left, dict) and isinstance(left.get("&"), list) and left["&"]:
        left = left["&"][0]
    if not isinstance(left, dict) or len(left) != 1:
        return "", ""
    (kind, inner), *_ = left.items()
    if not isinstance(inner, dict):
        return "", ""
    if kind == "payload":
        return str(inner.get("protocol", "")), str(inner.get("field", ""))
    return kind, str(inner.get("key", inner.get("result", inner.get("name", ""))))


def _ports(values: list[Any]) -> int:
    ranges = [v["range"] for v in values if isinstance(v, dict) and "range" in v]
    whole = [r for r in ranges if isinstance(r, list) and [type(x) for x in r] == [int, int]]
    return len(values) + sum(int(high) - int(low) for low, high in whole)


def _anywhere(values: list[Any]) -> bool:
    return any(
        isinstance(v, dict) and isinstance(v.get("prefix"), dict) and v["prefix"].get("len") == 0
        for v in values
    )


_Kinds = tuple[dict[str, frozenset[str]], frozenset[str]]


def _kinds(about: str, field: str) -> _Kinds | None:
    """What the values of a match on a protocol or a family name, and among which packets."""
    if (about, field) in (("meta", "protocol"), ("meta", "nfproto")):
        return _FAMILIES, EVERY
    if (about, field) == ("meta", "l4proto"):
        return _PROTOCOLS, EVERY
    if field in ("protocol", "nexthdr"):
        return _PROTOCOLS, _FAMILIES.get(about, NONE)
    return None


# A packet as it usually comes: a new connection to an address of this host, which no DNAT handed
# on, from where the route back leads (`fib … oif missing` is false), without a routing header.
_USUAL = {
    ("ct", "state"): "new",
    ("ct", "status"): "-",
    ("fib", "type"): "local",
    ("fib", "oif"): "True",
    ("meta", "pkttype"): "host",
    ("exthdr", "rt"): "-",
}


def _fits(match: dict[str, Any], verdict: str) -> frozenset[str]:
    """The packets that meet `match` for sure."""
    if match.get("op") not in ("==", "in", "!="):
        return NONE
    other, values = match["op"] == "!=", values_of(match.get("right"))
    about, field = subject(match.get("left"))
    if kinds := _kinds(about, field):
        return _named(kinds, map(str, values), other)
    if field in ("dport", "sport"):
        return _PROTOCOLS.get(about, NONE) if ports_fit(_ports(values), verdict) != other else NONE
    if field == "saddr":
        return _FAMILIES.get(about, NONE) if _anywhere(values) != other else NONE
    if (about, field) == ("tcp", "flags"):
        return TCP if values == ["syn"] and not other else NONE
    usual = _USUAL.get((about, field))
    return EVERY if usual and (usual in map(str, values)) != other else NONE


# --- who reaches a port -------------------------------------------------------------------------


def _address(value: Any) -> tuple[int, int] | None:
    """The first and the last of an address, a network or a range of addresses."""
    try:
        if isinstance(value, dict) and isinstance(value.get("prefix"), dict):
            prefix = value["prefix"]
            net = ipaddress.ip_network(f"{prefix.get('addr')}/{prefix.get('len')}", strict=False)
            return int(net.network_address), int(net.broadcast_address)
        low, high = value["range"] if isinstance(value, dict) else (value, value)
        return int(ipaddress.ip_address(str(low))), int(ipaddress.ip_address(str(high)))
    except (ValueError, KeyError, TypeError):
        return None


def _port(value: Any) -> tuple[int, int] | None:
    low, high = _pair(value)
    return (low, high) if type(low) is int and type(high) is int else None


def _pair(value: Any) -> tuple[Any, Any]:
    ends = value.get("range") if isinstance(value, dict) else None
    return tuple(ends) if isinstance(ends, list) and len(ends) == 2 else (value, value)


_ORDERS = {"<": (0, -1), "<=": (0, 0), ">": (1, 65535), ">=": (0, 65535)}


def _spans(match: dict[str, Any], read: Callable[[Any], tuple[int, int] | None]) -> Values | None:
    """What `match` compares with; None for what cannot be read, as a set that changes."""
    op, right = match.get("op"), match.get("right")
    if op in _ORDERS and type(right) is int:
        plus, last = _ORDERS[op]
        span = (right + plus, last) if op in (">", ">=") else (0, right + last)
        return Values(spans=(span,))
    read_ = [read(value) for value in values_of(right)]
    if op not in ("==", "in", "!=") or None in read_:
        return None
    return Values(spans=joined(tuple(s for s in read_ if s)), other=op == "!=")


def _asked(rule: Rule, match: dict[str, Any]) -> Rule:
    """`rule` with what `match` says of who reaches a port."""
    about, field = subject(match.get("left"))
    if field == "saddr" and about in _FAMILIES:
        return _with(rule, "sources", _spans(match, _address), _FAMILIES[about])
    if field == "dport" and about in _PROTOCOLS:
        return _with(rule, "ports", _spans(match, _port), _PROTOCOLS[about])
    plain = match.get("op") in ("==", "in", "!=")
    may = _passing(about, field, match) if plain else None
    if may is None and about in ("icmp", "icmpv6"):
        may = NONE
    if may is None:
        return structs.replace(rule, vague=True)
    return structs.replace(rule, may=rule.may & may)


def _passing(about: str, field: str, match: dict[str, Any]) -> frozenset[str] | None:
    """The packets that may meet a comparison with plain values; None where that is not known."""
    other, words = match["op"] == "!=", [str(v) for v in values_of(match.get("right"))]
    if kinds := _kinds(about, field):
        return _named(kinds, words, other)
    if (about, field) == ("tcp", "flags") and words == ["syn"]:
        return NONE if other else TCP
    usual = _USUAL.get((about, field))
    if usual is None or any(word.startswith("@") for word in words):
        return None
    return EVERY if (usual in words) != other else NONE


def _named(kinds: _Kinds, words: Iterable[str], other: bool) -> frozenset[str]:
    """The packets that a match on protocols or families names, or with `other` all but those."""
    of, among = kinds
    named = among & frozenset[str]().union(*(of.get(word, NONE) for word in words))
    return among - named if other else named


def _with(rule: Rule, name: str, values: Values | None, packets: frozenset[str]) -> Rule:
    rule = structs.replace(rule, may=rule.may & packets)
    if values is None:
        return structs.replace(rule, vague=True)
    return structs.replace(rule, **{name: (*getattr(rule, name), values)})


_SETS = ("set", "map")
_CHANGING = frozenset({"dynamic", "timeout"})


def _named_sets(items: tuple[dict[str, Any], ...]) -> dict[tuple[str, ...], list[Any]]:
    """The elements of the named sets and maps; none of those that change by themselves."""
    found: dict[tuple[str, ...], list[Any]] = {}
    for value in (item[kind] for item in items for kind in _SETS if kind in item):
        if not isinstance(value, dict):
            continue
        flags, elements = values_of(value.get("flags")), value.get("elem", [])
        if isinstance(elements, list) and not _CHANGING & {str(flag) for flag in flags}:
            found[_text(value, "family", "table", "name")] = [_bare(e) for e in elements]
    return found


def _bare(element: Any) -> Any:
    """An element without its comment, counter or timeout."""
    inner = element.get("elem") if isinstance(element, dict) else None
    return inner.get("val") if isinstance(inner, dict) else element


def _resolved(value: Any, place: tuple[str, ...], sets: dict[tuple[str, ...], list[Any]]) -> Any:
    """`value` with the elements of named sets in the place of their names."""
    if isinstance(value, dict):
        return {k: _resolved(v, place, sets) for k, v in value.items()}
    if isinstance(value, list):
        return [_resolved(v, place, sets) for v in value]
    if isinstance(value, str) and value.startswith("@") and (*place, value[1:]) in sets:
        return {"set": sets[(*place, value[1:])]}
    return value


_MOST_HOOKS = 200
_ARRIVAL = frozenset({("meta", "iif"), ("meta", "iifname")})


def _narrowed(rule: Rule, key: str, value: Any) -> Rule:
    """`rule` with one more statement of its expression."""
    fits = rule.fits
    match = value if isinstance(value, dict) else {}
    if key == "match" and subject(match.get("left")) in _ARRIVAL:
        return _arriving(rule, match)
    if key == "match":
        fits = fits & _fits(match, rule.verdict)
        rule = _asked(rule, match)
    elif key == "limit":
        fits = fits if rule.verdict == "accept" else NONE
        rule = structs.replace(rule, vague=rule.vague or rule.verdict != "accept")
    elif key not in _NO_MATCH and key not in _VERDICTS:
        fits = NONE
        rule = structs.replace(rule, vague=True)
    foreign = rule.foreign or (key == "xt" and rule.verdict != "drop")
    return structs.replace(rule, fits=fits, foreign=foreign)


def _arriving(rule: Rule, match: dict[str, Any]) -> Rule:
    """`rule` for what arrives on the interfaces of `match`, or on any other."""
    names = tuple(str(v) for v in values_of(match.get("right")))
    if match.get("op") == "!=":
        return structs.replace(rule, off=rule.off + names)
    both = tuple(n for n in names if not rule.on or n in rule.on)
    return structs.replace(rule, on=both, fits=rule.fits if both else NONE)


_VERDICTS = {"accept": "accept", "drop": "drop", "reject": "drop", "return": "return",
             "jump": "jump", "goto": "goto"}  # fmt: skip
# A program decides, or a map that cannot be read here.
_HANDED = frozenset({"queue", "vmap", "synproxy", "tproxy"})


def _verdict(statements: list[tuple[str, Any]]) -> tuple[str, str]:
    """The verdict among `statements`, and the chain that it names."""
    for key, value in statements:
        if key in _VERDICTS:
            to = str(value.get("target", "")) if isinstance(value, dict) else ""
            return _VERDICTS[key], to if key in ("jump", "goto") else ""
        if key in _HANDED:
            return "jump", ""
        if key == "xt" and isinstance(value, dict) and value.get("name") in ("REJECT", "DROP"):
            return ("drop", "") if value.get("type") == "target" else ("", "")
    return "", ""


def _plain(statements: list[tuple[str, Any]]) -> Rule:
    verdict, to = _verdict(statements)
    rule = Rule(verdict=verdict, to=to)
    for key, value in statements:
        if key == "xt" and verdict == "drop" and isinstance(value, dict) and (
            value.get("type") == "target"
        ):  # fmt: skip
            continue
        rule = _narrowed(rule, key, value)
    return rule


def _rules(expr: Any) -> list[Rule]:
    """The rule of one expression; a verdict map is a rule for each of its elements."""
    if not isinstance(expr, list) or not all(isinstance(e, dict) and len(e) == 1 for e in expr):
        raise ParseError(msg("not a rule"))
    statements = [(key, value) for e in expr for key, value in e.items()]
    maps = [v for k, v in statements if k == "vmap" and isinstance(v, dict)]
    if len(maps) != 1 or not isinstance(maps[0].get("data"), dict):
        return [_plain(statements)]
    return _elements(maps[0], [(k, v) for k, v in statements if k != "vmap"])


def _elements(map_: dict[str, Any], rest: list[tuple[str, Any]]) -> list[Rule]:
    """A rule for each element of a verdict map, with the `rest` of its expression."""
    found = []
    for pair in values_of(map_["data"]):
        if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[1], dict):
            raise ParseError(msg("not a verdict map"))
        match = {"op": "==", "left": map_.get("key"), "right": pair[0]}
        found.append(_plain([*rest, ("match", match), *pair[1].items()]))
    return found


def _text(values: dict[str, Any], *keys: str) -> tuple[str, ...]:
    found = tuple(values.get(key, "") for key in keys)
    if not all(isinstance(value, str) for value in found):
        raise ParseError(msg("one of {names} is not text", names=keys))
    return found


# nft 1.0.6 writes any flag of a table as the name of that table, or ends by a fault there.
_DORMANT = "dormant"
_TABLE_HEAD = re.compile(r"table (\w+) (\S+) \{", re.ASCII)
_HOOK = re.compile(r"\bhook (\w+)", re.ASCII)


class Outline(Struct, frozen=True, kw_only=True):
    """What the text of `nft list ruleset` says: the dormant tables, and the hooks of the others."""

    dormant: frozenset[tuple[str, ...]]
    hooks: frozenset[str]


def parse_outline(answer: Answer) -> Outline:
    """The tables of `nft list ruleset`: flags stand one level deep, hooks of chains two."""
    dormant: set[tuple[str, ...]] = set()
    hooks: list[tuple[tuple[str, ...], str]] = []
    table: tuple[str, ...] = ()
    depth = 0
    for raw in re.sub(r'"[^"]*"', '""', answer.text).split("\n"):
        line = raw.strip()
        if line.startswith("#"):
            continue
        head = _TABLE_HEAD.match(line) if depth == 0 else None
        table = head.groups() if head else table
        if depth == 1 and line.startswith("flags ") and _DORMANT in re.split(r"[\s,]+", line):
            dormant.add(table)
        hooks += [(table, found) for found in _HOOK.findall(line)[:1] if depth == 2]
        depth += line.count("{") - line.count("}")
    if depth:
        raise ParseError(msg("a block is not closed"))
    live = frozenset(hook for of, hook in hooks if of not in dormant)
    return Outline(dormant=frozenset(dormant), hooks=live)


def objects_of(answer: Answer) -> list[dict[str, Any]]:
    """The objects that `nft -j list ruleset` lists, each under the name of its kind."""
    document = json_document(answer.stdout)
    items = document.get("nftables") if isinstance(document, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ParseError(msg("no list of nftables objects"))
    return items


class Listing(Struct, frozen=True, kw_only=True):
    """The objects that nft lists, those of dormant tables left out, and what is in doubt."""

    items: tuple[dict[str, Any], ...]
    problems: tuple[Message, ...] = ()


def _place(item: dict[str, Any]) -> tuple[str, ...]:
    (kind, value), *_ = [*item.items(), ("", {})]
    value = value if isinstance(value, dict) else {}
    return str(value.get("family")), str(value.get("name" if kind == "table" else "table"))


def _asleep(
    items: list[dict[str, Any]], outline: Outline | None
) -> tuple[frozenset[tuple[str, ...]], list[str]]:
    """The dormant tables, and those of which the JSON alone does not tell whether they are.

    A table without flags is not dormant. What `flags` says is not to be trusted (nft 1.0.6), but
    for the word `dormant` on a table that is not called so.
    """
    if outline is not None:
        return outline.dormant, []
    flagged = [item for item in items if isinstance(t := item.get("table"), dict) and "flags" in t]
    sure = {
        _place(item) for item in flagged
        if _DORMANT in values_of(item["table"]["flags"]) and _place(item)[1] != _DORMANT
    }  # fmt: skip
    doubtful = [" ".join(_place(item)) for item in flagged if _place(item) not in sure]
    return frozenset(sure), doubtful


def listing(answers: Answers) -> Listing | Absent:
    """What nft lists. Where its JSON failed, the text still tells that no chain is awake."""
    json, text = answers["json"], answers["text"]
    outline = parse_outline(text) if isinstance(text, Answer) else None
    try:
        if isinstance(json, Absent):
            return Listing(items=()) if _nothing_awake(outline) else json
        items = objects_of(json)
    except ParseError:
        if not _nothing_awake(outline):
            raise
        return Listing(items=())
    asleep, doubtful = _asleep(items, outline)
    told = msg("Whether these tables are dormant is not known: {names}", names=capped(doubtful))
    return Listing(
        items=tuple(item for item in items if _place(item) not in asleep),
        problems=(told,) * bool(doubtful),
    )


def _nothing_awake(outline: Outline | None) -> bool:
    return outline is not None and not outline.hooks


def parse_nft(answers: Answers) -> Ruleset | Partial | Absent:
    """The chains of `nft -j list ruleset`, those of dormant tables left out.

    A table whose state is not known counts as awake, and the ruleset as incomplete.
    """
    found = listing(answers)
    if isinstance(found, Absent):
        return found
    return partial(_ruleset(found.items), found.problems)


def _ruleset(items: tuple[dict[str, Any], ...]) -> Ruleset:
    rules: dict[tuple[str, ...], list[Rule]] = {}
    heads: dict[tuple[str, ...], dict[str, Any]] = {}
    sets = _named_sets(items)
    for item in items:
        chain, rule = item.get("chain"), item.get("rule")
        if isinstance(chain, dict):
            heads[_text(chain, "family", "table", "name")] = chain
        elif isinstance(rule, dict):
            key = _text(rule, "family", "table", "chain")
            rules.setdefault(key, []).extend(_rules(_resolved(rule.get("expr"), key[:2], sets)))
    if sum(bool(head.get("hook")) for head in heads.values()) > _MOST_HOOKS:
        raise ParseError(msg("too many base chains to follow"))
    return tuple(
        Chain(tool="nft", family=key[0], table=key[1], name=key[2],
              hook=_text(head, "hook")[0], policy=_text(head, "policy")[0],
              rules=tuple(rules.get(key, ())))
        for key, head in heads.items()
    )  # fmt: skip


def _ask(*words: str) -> NamedAsk:
    return known_or_absent(
        Command(
            argv=("/usr/sbin/nft", *words, "list", "ruleset"),
            privilege=Privilege.ROOT,
            not_found=Reason.NOT_PRESENT,
            limit=8 << 20,
        )
    )


# The text is asked for the flags of tables only, which no release of nft writes wrongly there.
ASKS = {"json": _ask("-j"), "text": _ask()}
NFT = fact("linux.nftables", Ruleset, kind="host", asks=ASKS, parse=parse_nft)
