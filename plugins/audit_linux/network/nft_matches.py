"""Which packets the statements of a rule of nftables choose, and who reaches a port by it."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from typing import Any

from msgspec import structs

from audit_linux.network.netfilter_model import (
    EVERY,
    IPV4,
    IPV6,
    NONE,
    TCP,
    UDP,
    Rule,
    Tracked,
    Values,
    from_ports,
    ports_fit,
    same,
)
from audit_linux.network.reach import joined

VERDICTS = {"accept": "accept", "drop": "drop", "reject": "drop", "return": "return",
             "jump": "jump", "goto": "goto"}  # fmt: skip
"""What becomes of a packet, by the statement that says so."""

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
        few = match.get("op") not in _OTHER
        values = _spans(match, _address)
        return _with(rule, _ADDRESSES[field, about], values, _FAMILIES[about], few)
    if field == "dport" and about in _PROTOCOLS:
        return _with(rule, "ports", _spans(match, _port), _PROTOCOLS[about])
    if field == "sport" and about in _PROTOCOLS:
        return _met(structs.replace(rule, may=rule.may & _PROTOCOLS[about]), _from(rule, match))
    if (about, field) == _FLAGS:
        return _met(structs.replace(rule, may=rule.may & TCP), _met_by_syn(match))
    words = frozenset(str(v) for v in values_of(match.get("right")))
    # everybody but a few is not few, and a mark or a group of 0 is what all begin with
    few = match.get("op") not in _OTHER and words.isdisjoint(_UNMARKED)
    if match.get("op") not in _PLAIN or any(word.startswith("@") for word in words):
        return _for_packets(rule, (about, field), None, few)
    if (about, field) in _TRACKED:
        asked = Tracked(what=field, words=words, other=match["op"] in _OTHER)
        return structs.replace(rule, tracked=(*rule.tracked, asked))
    return _for_packets(rule, (about, field), _passing(about, field, match), few)


_UNMARKED = frozenset({"0", "default"})


def _for_packets(
    rule: Rule, what: tuple[str, str], may: frozenset[str] | None, few: bool
) -> Rule:  # fmt: skip
    """`rule` for the packets that `may` meet a match; vague where they are not known (None).

    `few`: where it is about who sends, few are let in.
    """
    about, _ = what
    if may is None and about in ("icmp", "icmpv6"):
        may = NONE
    if may is None:
        narrow = few and (what in _SENDERS or about in ("socket", "ipsec"))
        marked = rule.marked or (few and what in _MARKS)
        rule = structs.replace(rule, vague=True, narrow=rule.narrow or narrow, marked=marked)
    of_family = _FAMILIES.get(about, EVERY)
    return structs.replace(rule, may=rule.may & of_family & (EVERY if may is None else may))


_ADDRESSES = {
    (field, about): name for about in ("ip", "ip6")
    for field, name in (("saddr", "sources"), ("daddr", "targets"))
}  # fmt: skip
_MARKS = {("meta", "mark"), ("ct", "mark")}
_TRACKED = {("ct", "state"), ("ct", "status")}
# What only some senders have.
_SENDERS = {
    ("ether", "saddr"), ("meta", "iifgroup"),
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


def _with(
    rule: Rule, name: str, values: Values | None, packets: frozenset[str], few: bool = True
) -> Rule:
    """`rule` with values to compare with; vague where they are not known."""
    rule = structs.replace(rule, may=rule.may & packets)
    if values is None:
        narrow = rule.narrow or (few and name == "sources")
        return structs.replace(rule, vague=True, narrow=narrow)
    return structs.replace(rule, **{name: (*getattr(rule, name), values)})


_ARRIVAL = frozenset({("meta", "iif"), ("meta", "iifname")})


def narrowed(rule: Rule, key: str, value: Any) -> Rule:
    """`rule` with one more statement of its expression."""
    fits = rule.fits
    match = value if isinstance(value, dict) else {}
    if key == "match" and subject(match.get("left")) in _ARRIVAL:
        return _arriving(rule, match)
    if key == "match":
        fits = fits & _fits(match, rule.verdict)
        rule = _asked(rule, match)
    elif key in ("limit", "ct count", "set", "meter"):
        held = _below(key, value, rule.verdict)
        rule = _of_family(rule, value)
        fits = fits if held else NONE
        rule = _met(rule, held)
    elif key not in _NO_MATCH and key not in VERDICTS:
        fits = NONE
        rule = structs.replace(rule, vague=True)
    foreign, loose = rule.foreign or key == "xt", rule.loose or key == "notrack"
    marks = rule.marks or (key == "mangle" and _is_new_mark(match))
    return structs.replace(rule, fits=fits, foreign=foreign, loose=loose, marks=marks)


def _is_new_mark(mangle: dict[str, Any]) -> bool:
    """Whether a statement sets a mark, and not one that was set before."""
    return subject(mangle.get("key")) in _MARKS and subject(mangle.get("value")) not in _MARKS


def _of_family(rule: Rule, added: Any) -> Rule:
    """`rule` with the family of the address that its statement adds to a set."""
    element = added.get("elem", added.get("key")) if isinstance(added, dict) else None
    about, _ = subject(element)
    return structs.replace(rule, may=rule.may & _FAMILIES.get(about, EVERY))


def _below(key: str, value: Any, verdict: str) -> bool | None:
    """Whether a connection as it usually comes meets a limit: it is below it; None: it may.

    What a rule without `over` drops are the first ones, and those beyond are let through.
    """
    if not isinstance(value, dict):
        return None
    if key in ("set", "meter"):
        return _below_of_set(key, value, verdict)
    if key not in ("limit", "ct count"):
        return None
    if value.get("inv"):
        return False
    return None if verdict == "drop" else True


def _below_of_set(key: str, value: dict[str, Any], verdict: str) -> bool | None:
    """The same for what adds an element to a set, with a limit for each of them."""
    inner = value.get("stmt") or []
    inner = [inner] if isinstance(inner, dict) else inner
    adds = key == "meter" or value.get("op") in ("add", "update")
    if not adds or not isinstance(inner, list):
        return None
    held = [_below(k, v, verdict) for one in inner if isinstance(one, dict)
            for k, v in one.items() if k not in _NO_MATCH]  # fmt: skip
    return False if False in held else None if None in held else True


def _arriving(rule: Rule, match: dict[str, Any]) -> Rule:
    """`rule` for what arrives on the interfaces of `match`, or on any other."""
    names = tuple(str(v) for v in values_of(match.get("right")))
    if match.get("op") == "!=":
        return structs.replace(rule, off=rule.off + names)
    both = tuple(n for n in names if not rule.on or any(same(n, of) for of in rule.on))
    if not both:
        return structs.replace(rule, on=names, fits=NONE, may=NONE)
    return structs.replace(rule, on=both)
