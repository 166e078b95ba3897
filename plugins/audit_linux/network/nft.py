"""The ruleset of nftables."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from audit_core.api.sdk import (
    ParseError,
    fact,
    json_document,
    msg,
)
from audit_core.model import Answer, Command, Privilege, Reason
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
    ports_fit,
)

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
    return kind, str(inner.get("key", inner.get("result", "")))


def _ports(values: list[Any]) -> int:
    ranges = [v["range"] for v in values if isinstance(v, dict) and "range" in v]
    whole = [r for r in ranges if isinstance(r, list) and [type(x) for x in r] == [int, int]]
    return len(values) + sum(int(high) - int(low) for low, high in whole)


def _anywhere(values: list[Any]) -> bool:
    return any(
        isinstance(v, dict) and isinstance(v.get("prefix"), dict) and v["prefix"].get("len") == 0
        for v in values
    )


def _kinds(about: str, field: str) -> tuple[dict[str, frozenset[str]], frozenset[str]] | None:
    """What the values of a match on a protocol or a family name, and among which packets."""
    if (about, field) in (("meta", "protocol"), ("meta", "nfproto")):
        return _FAMILIES, EVERY
    if (about, field) == ("meta", "l4proto"):
        return _PROTOCOLS, EVERY
    if field in ("protocol", "nexthdr"):
        return _PROTOCOLS, _FAMILIES.get(about, NONE)
    return None


# A packet as it usually comes: a new connection to an address of this host.
_USUAL = {("ct", "state"): "new", ("fib", "type"): "local", ("meta", "pkttype"): "host"}


def _fits(match: dict[str, Any], verdict: str) -> frozenset[str]:
    """The packets that meet `match` for sure."""
    if match.get("op") not in ("==", "in", "!="):
        return NONE
    other, values = match["op"] == "!=", values_of(match.get("right"))
    about, field = subject(match.get("left"))
    if kinds := _kinds(about, field):
        named = kinds[1] & frozenset().union(*(kinds[0].get(str(v), NONE) for v in values))
        return kinds[1] - named if other else named
    if field in ("dport", "sport"):
        return _PROTOCOLS.get(about, NONE) if ports_fit(_ports(values), verdict) != other else NONE
    if field == "saddr":
        return _FAMILIES.get(about, NONE) if _anywhere(values) != other else NONE
    if (about, field) == ("tcp", "flags"):
        return TCP if values == ["syn"] and not other else NONE
    usual = _USUAL.get((about, field))
    return EVERY if usual and (usual in values) != other else NONE


_MOST_HOOKS = 200
# nft 1.0.6 writes the flag `dormant` of a table as `ip`, the first name of another list.
_DORMANT = frozenset({"dormant", "ip"})
_ARRIVAL = frozenset({("meta", "iif"), ("meta", "iifname")})


def _narrowed(rule: Rule, key: str, value: Any) -> Rule:
    """`rule` with one more statement of its expression."""
    fits = rule.fits
    match = value if isinstance(value, dict) else {}
    if key == "match" and subject(match.get("left")) in _ARRIVAL:
        return _arriving(rule, match)
    if key == "match":
        fits = fits & _fits(match, rule.verdict)
    elif key == "limit":
        fits = fits if rule.verdict == "accept" else NONE
    elif key not in _NO_MATCH and key not in _VERDICTS:
        fits = NONE
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


def _verdict(statements: list[tuple[str, Any]]) -> tuple[str, str]:
    """The verdict among `statements`, and the chain that it names."""
    for key, value in statements:
        if key in _VERDICTS:
            to = str(value.get("target", "")) if isinstance(value, dict) else ""
            return _VERDICTS[key], to if key in ("jump", "goto") else ""
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


def dormant_tables(items: list[dict[str, Any]]) -> set[tuple[str, ...]]:
    """Family and name of the tables that are switched off."""
    tables = [t for item in items if isinstance(t := item.get("table"), dict)]
    off = [t for t in tables if _DORMANT & {str(v) for v in values_of(t.get("flags"))}]
    return {_text(table, "family", "name") for table in off}


def objects_of(answer: Answer) -> list[dict[str, Any]]:
    """The objects that `nft -j list ruleset` lists, each under the name of its kind."""
    document = json_document(answer.stdout)
    items = document.get("nftables") if isinstance(document, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ParseError(msg("no list of nftables objects"))
    return items


def parse_nft(answer: Answer) -> Ruleset:
    """The chains of `nft -j list ruleset`, those of dormant tables left out."""
    items = objects_of(answer)
    rules: dict[tuple[str, ...], list[Rule]] = {}
    heads: dict[tuple[str, ...], dict[str, Any]] = {}
    dormant = dormant_tables(items)
    for item in items:
        chain, rule = item.get("chain"), item.get("rule")
        if isinstance(chain, dict):
            heads[_text(chain, "family", "table", "name")] = chain
        elif isinstance(rule, dict):
            key = _text(rule, "family", "table", "chain")
            rules.setdefault(key, []).extend(_rules(rule.get("expr")))
    if sum(bool(head.get("hook")) for head in heads.values()) > _MOST_HOOKS:
        raise ParseError(msg("too many base chains to follow"))
    return tuple(
        Chain(tool="nft", family=key[0], table=key[1], name=key[2],
              hook=_text(head, "hook")[0], policy=_text(head, "policy")[0],
              rules=tuple(rules.get(key, ())))
        for key, head in heads.items() if key[:2] not in dormant
    )  # fmt: skip


ASK = Command(
    argv=("/usr/sbin/nft", "-j", "list", "ruleset"),
    privilege=Privilege.ROOT,
    not_found=Reason.NOT_PRESENT,
    limit=8 << 20,
)
NFT = fact("linux.nftables", Ruleset, ask=ASK, parse=parse_nft)
