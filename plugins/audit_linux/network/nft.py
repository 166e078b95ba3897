"""Reads the ruleset of nftables, as `nft` lists it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
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
    Tracked,
    Values,
    from_ports,
    ports_fit,
    same,
)
from audit_linux.network.reach import joined

# Statements that do not choose packets; whatever is not known may choose.
_NO_MATCH = frozenset(
    {"counter", "log", "comment", "mangle", "notrack", "last", "secmark", "ct helper",
     "ct timeout", "ct expectation"}
)  # fmt: skip
_PROTOCOLS = {"tcp": TCP, "udp": UDP, "6": TCP, "17": UDP, "th": EVERY}
_FAMILIES = {"ip": IPV4, "ipv4": IPV4, "ip6": IPV6, "ipv6": IPV6}


_FLAGS = ("tcp", "flags")
_IN_BITS = {_FLAGS, ("ip", "frag-off")}


def values_of(right: Any) -> list[Any]:
    """What a match compares with: the elements of a set, or the one value."""
    inner = right.get("set", right) if isinstance(right, dict) else right
    return inner if isinstance(inner, list) else [inner]


def subject(left: Any) -> tuple[str, str]:
    """What a match looks at: (`meta`, `l4proto`), (`tcp`, `dport`), (`ct`, `state`) …

    Nothing for some bits of a field only, but for those of which the bits are known.
    """
    if isinstance(left, dict) and isinstance(left.get("&"), list) and left["&"]:
        found = subject(left["&"][0])
        return found if found in _IN_BITS else ("", "")
    if not isinstance(left, dict) or len(left) != 1:
        return "", ""
    (kind, inner), *_ = left.items()
    if not isinstance(inner, dict) or "tunnel" in inner:
        return "", ""
    if kind == "fib" and "saddr" in values_of(inner.get("flags")):
        return kind, f"{inner.get('result', '')} of source"
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
    if (about, field) in (("meta", "protocol"), ("meta", "nfproto"), ("ether", "type")):
        return _FAMILIES, EVERY
    if (about, field) == ("meta", "l4proto"):
        return _PROTOCOLS, EVERY
    if field in ("protocol", "nexthdr"):
        return _PROTOCOLS, _FAMILIES.get(about, NONE)
    return None


# A packet as it usually comes: a new connection to an address of this host, which no DNAT handed
# on, from where the route back leads (`fib … oif missing` is false), whole, without a routing
# header.
_USUAL = {
    ("ct", "state"): "new",
    ("ct", "status"): "-",
    ("ct", "direction"): "original",
    ("fib", "type"): "local",
    ("fib", "type of source"): "unicast",
    ("fib", "oif of source"): "True",
    ("meta", "pkttype"): "host",
    ("exthdr", "rt"): "-",
    ("ip", "frag-off"): "0",
}


def _fits(match: dict[str, Any], verdict: str) -> frozenset[str]:
    """The packets that meet `match` for sure."""
    about, field = subject(match.get("left"))
    if (about, field) == _FLAGS:
        return TCP if _met_by_syn(match) else NONE
    if match.get("op") not in _PLAIN:
        return NONE
    other, values = match["op"] in _OTHER, values_of(match.get("right"))
    if kinds := _kinds(about, field):
        return _named(kinds, map(str, values), other)
    if field in ("dport", "sport"):
        return _PROTOCOLS.get(about, NONE) if ports_fit(_ports(values), verdict) != other else NONE
    if field == "saddr":
        return _FAMILIES.get(about, NONE) if _anywhere(values) != other else NONE
    usual = _USUAL.get((about, field))
    return EVERY if usual and (usual in map(str, values)) != other else NONE


# `in` and `!`: some of the bits, or none of them.
_PLAIN = ("==", "in", "!=", "!")
_OTHER = ("!=", "!")


def _bits(value: Any) -> frozenset[str]:
    """The flags of `syn`, `["syn", "ack"]`, `{"|": ["syn", "ack"]}`; none for 0."""
    inner = value.get("|", value) if isinstance(value, dict) else value
    parts = inner if isinstance(inner, list) else [inner]
    found = (_bits(p) if isinstance(p, dict) else frozenset({str(p)}) for p in parts)
    return frozenset[str]().union(*found) - {"0"}


def _met_by_syn(match: dict[str, Any]) -> bool | None:
    """Whether the first packet of a connection, whose only flag is SYN, meets a match on flags."""
    op, left, right = match.get("op"), match.get("left"), match.get("right")
    if op not in _PLAIN:
        return None
    masked = isinstance(left, dict) and "&" in left
    if masked or op in ("==", "!="):
        flags = {"syn"} & (_bits(left["&"][1]) if masked and isinstance(left, dict) else {"syn"})
        several = isinstance(right, dict) and "set" in right
        met = any(flags == _bits(v) for v in (values_of(right) if several else [right]))
    else:
        met = "syn" in _bits(right)
    return met != (op in _OTHER)


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
    if (field, about) in _ADDRESSES:
        return _with(rule, _ADDRESSES[field, about], _spans(match, _address), _FAMILIES[about])
    if field == "dport" and about in _PROTOCOLS:
        return _with(rule, "ports", _spans(match, _port), _PROTOCOLS[about])
    if field == "sport" and about in _PROTOCOLS:
        return _met(structs.replace(rule, may=rule.may & _PROTOCOLS[about]), _from(rule, match))
    if (about, field) == _FLAGS:
        return _met(structs.replace(rule, may=rule.may & TCP), _met_by_syn(match))
    words = frozenset(str(v) for v in values_of(match.get("right")))
    if match.get("op") not in _PLAIN or any(word.startswith("@") for word in words):
        return _for_packets(rule, about, field, None)
    if (about, field) in _TRACKED:
        asked = Tracked(what=field, words=words, other=match["op"] in _OTHER)
        return structs.replace(rule, tracked=(*rule.tracked, asked))
    return _for_packets(rule, about, field, _passing(about, field, match))


def _for_packets(rule: Rule, about: str, field: str, may: frozenset[str] | None) -> Rule:
    """`rule` for the packets that `may` meet a match; vague where they are not known (None)."""
    if may is None and about in ("icmp", "icmpv6"):
        may = NONE
    if may is None:
        narrow = rule.narrow or (about, field) in _SENDERS or about in ("socket", "ipsec")
        rule = structs.replace(rule, vague=True, narrow=narrow)
    of_family = _FAMILIES.get(about, EVERY)
    return structs.replace(rule, may=rule.may & of_family & (EVERY if may is None else may))


_ADDRESSES = {
    (field, about): name for about in ("ip", "ip6")
    for field, name in (("saddr", "sources"), ("daddr", "targets"))
}  # fmt: skip
_TRACKED = {("ct", "state"), ("ct", "status")}
# What only some senders have.
_SENDERS = {
    ("ether", "saddr"), ("meta", "mark"), ("ct", "mark"), ("meta", "iifgroup"), ("meta", "iifkind"),
    ("meta", "secpath"), ("ct", "saddr"), ("ct", "ip saddr"), ("ct", "ip6 saddr"),
    ("meta", "sdif"), ("meta", "sdifname"), ("ct", "helper"),
}  # fmt: skip


def _met(rule: Rule, holds: bool | None) -> Rule:
    """`rule` with a condition that holds, does not, or may hold (None)."""
    if holds is None:
        return structs.replace(rule, vague=True)
    return rule if holds else structs.replace(rule, may=NONE)


def _from(rule: Rule, match: dict[str, Any]) -> bool | None:
    values = _spans(match, _port)
    if values is None or values.other:
        return None
    return from_ports(values.spans, rule.verdict)


def _passing(about: str, field: str, match: dict[str, Any]) -> frozenset[str] | None:
    """The packets that may meet a comparison with plain values; None where that is not known."""
    other, words = match["op"] in _OTHER, [str(v) for v in values_of(match.get("right"))]
    if kinds := _kinds(about, field):
        return _named(kinds, words, other)
    usual = _USUAL.get((about, field))
    if usual is None:
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
        return structs.replace(rule, vague=True, narrow=rule.narrow or name == "sources")
    return structs.replace(rule, **{name: (*getattr(rule, name), values)})


_SETS = ("set", "map")
_CHANGING = frozenset({"dynamic", "timeout"})


def _filled_by_rules(items: tuple[dict[str, Any], ...]) -> set[tuple[str, str, str]]:
    """The sets and maps to which rules add; nft 1.0.6 does not write that they are dynamic."""
    found = set()
    for rule in (item["rule"] for item in items if isinstance(item.get("rule"), dict)):
        expr = rule.get("expr")
        for one in expr if isinstance(expr, list) else ():
            for key in _SETS:
                added = one.get(key) if isinstance(one, dict) else None
                name = added.get(key) if isinstance(added, dict) else None
                if isinstance(name, str):
                    family, table = str(rule.get("family")), str(rule.get("table"))
                    found.add((family, table, name.removeprefix("@")))
    return found


def _named_sets(items: tuple[dict[str, Any], ...]) -> dict[tuple[str, ...], list[Any]]:
    """The elements of the named sets and maps; none of those that change by themselves."""
    found: dict[tuple[str, ...], list[Any]] = {}
    filled = _filled_by_rules(items)
    for value in (item[kind] for item in items for kind in _SETS if kind in item):
        if not isinstance(value, dict):
            continue
        flags, elements = values_of(value.get("flags")), value.get("elem", [])
        changing = bool(_CHANGING & {str(flag) for flag in flags})
        place = _text(value, "family", "table", "name")
        if isinstance(elements, list) and not changing and place not in filled:
            found[place] = [_bare(e) for e in elements]
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
    elif key in ("limit", "ct count", "set"):
        held = _below(key, value, rule.verdict)
        rule = _of_family(rule, value)
        fits = fits if held else NONE
        rule = _met(rule, held)
    elif key not in _NO_MATCH and key not in _VERDICTS:
        fits = NONE
        rule = structs.replace(rule, vague=True)
    foreign, loose = rule.foreign or key == "xt", rule.loose or key == "notrack"
    return structs.replace(rule, fits=fits, foreign=foreign, loose=loose)


def _of_family(rule: Rule, added: Any) -> Rule:
    """`rule` with the family of the address that its statement adds to a set."""
    about, _ = subject(added.get("elem") if isinstance(added, dict) else None)
    return structs.replace(rule, may=rule.may & _FAMILIES.get(about, EVERY))


def _below(key: str, value: Any, verdict: str) -> bool | None:
    """Whether a connection as it usually comes meets a limit: it is below it; None: it may.

    What a rule without `over` drops are the first ones, and those beyond are let through.
    """
    if not isinstance(value, dict):
        return None
    if key == "set":  # adds an element; with a limit for each of them
        inner = value.get("stmt") or []
        if value.get("op") not in ("add", "update") or not isinstance(inner, list):
            return None
        held = [_below(k, v, verdict) for one in inner if isinstance(one, dict)
                for k, v in one.items() if k not in _NO_MATCH]  # fmt: skip
        return False if False in held else None if None in held else True
    if key not in ("limit", "ct count"):
        return None
    if value.get("inv"):
        return False
    return None if verdict == "drop" else True


def _arriving(rule: Rule, match: dict[str, Any]) -> Rule:
    """`rule` for what arrives on the interfaces of `match`, or on any other."""
    names = tuple(str(v) for v in values_of(match.get("right")))
    if match.get("op") == "!=":
        return structs.replace(rule, off=rule.off + names)
    both = tuple(n for n in names if not rule.on or any(same(n, of) for of in rule.on))
    if not both:
        return structs.replace(rule, on=names, fits=NONE, may=NONE)
    return structs.replace(rule, on=both)


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
        return [_plain(one) for one in _apart(statements)]
    return _elements(maps[0], [(k, v) for k, v in statements if k != "vmap"])


_MOST_APART = 2000
_Statements = list[tuple[str, Any]]


def _apart(statements: _Statements) -> Iterator[_Statements]:
    """`statements` once for each element of the first match on several fields at once."""
    for at, (key, value) in enumerate(statements):
        if key == "match" and isinstance(value, dict) and (rows := _fields(value)):
            for row in rows:
                yield [*statements[:at], *row, *statements[at + 1 :]]
            return
    yield statements


def _fields(match: dict[str, Any]) -> list[_Statements]:
    """The matches on single fields that each element stands for; nothing where that is not so."""
    left = match.get("left")
    parts = left.get("concat") if isinstance(left, dict) else None
    rows = values_of(match.get("right"))
    parts_of_rows = [row.get("concat") if isinstance(row, dict) else None for row in rows]
    same = isinstance(parts, list) and all(
        isinstance(row, list) and len(row) == len(parts) for row in parts_of_rows
    )
    if not same or not parts or match.get("op") not in ("==", "in") or len(rows) > _MOST_APART:
        return []
    return [
        [("match", {"op": "==", "left": one, "right": value})
         for one, value in zip(parts, row or (), strict=True)]
        for row in parts_of_rows
    ]  # fmt: skip


def _elements(map_: dict[str, Any], rest: list[tuple[str, Any]]) -> list[Rule]:
    """A rule for each element of a verdict map, with the `rest` of its expression."""
    found: list[Rule] = []
    for pair in values_of(map_["data"]):
        if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[1], dict):
            raise ParseError(msg("not a verdict map"))
        match = {"op": "==", "left": map_.get("key"), "right": pair[0]}
        found += map(_plain, _apart([*rest, ("match", match), *pair[1].items()]))
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
    detail = msg("Whether these tables are dormant is not known: {names}", names=capped(doubtful))
    return Listing(
        items=tuple(item for item in items if _place(item) not in asleep),
        problems=(detail,) * bool(doubtful),
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
