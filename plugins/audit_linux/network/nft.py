"""Reads the ruleset of nftables, as `nft` lists it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answers,
    Message,
    ParseError,
    Partial,
    Provider,
    capped,
    fact,
    json_document,
    known_or_absent,
    msg,
    partial,
    provider,
)
from audit_core.model import Answer, Command, NamedAsk, Privilege, Reason
from audit_core.model.facts import Parser
from audit_linux.network.netfilter_model import (
    ON_THE_WAY_OUT,
    Chain,
    Rule,
    Ruleset,
    answering,
)
from audit_linux.network.nft_matches import VERDICTS, narrowed, values_of
from audit_linux.programs import placed

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


_Elements = dict[tuple[str, ...], list[Any]]


def _named_sets(items: tuple[dict[str, Any], ...]) -> tuple[_Elements, _Elements]:
    """The elements of the named sets and maps, and of those that change by themselves."""
    found: _Elements = {}
    passing: _Elements = {}
    filled = _filled_by_rules(items)
    for value in (item[kind] for item in items for kind in _SETS if kind in item):
        if not isinstance(value, dict):
            continue
        flags, elements = values_of(value.get("flags")), value.get("elem", [])
        changing = bool(_CHANGING & {str(flag) for flag in flags})
        place = _text(value, "family", "table", "name")
        if isinstance(elements, list):
            kept = passing if changing or place in filled else found
            kept[place] = [_bare(e) for e in elements]
    return found, passing


def _bare(element: Any) -> Any:
    """An element without its comment, counter or timeout."""
    inner = element.get("elem") if isinstance(element, dict) else None
    return inner.get("val") if isinstance(inner, dict) else element


def _refuses(expr: Any) -> bool:
    """Whether a rule drops what it chooses: who is not on a list now is not dropped now.

    Who is not on a list that lets in may yet put itself there, as by knocking at ports.
    """
    every = expr if isinstance(expr, list) else ()
    return any(isinstance(e, dict) and ("drop" in e or "reject" in e) for e in every)


def _resolved(value: Any, place: tuple[str, ...], sets: _Elements) -> Any:
    """`value` with the elements of named sets in the place of their names."""
    if isinstance(value, dict):
        return {k: _resolved(v, place, sets) for k, v in value.items()}
    if isinstance(value, list):
        return [_resolved(v, place, sets) for v in value]
    if isinstance(value, str) and value.startswith("@") and (*place, value[1:]) in sets:
        return {"set": sets[(*place, value[1:])]}
    return value


def _named_limits(items: tuple[dict[str, Any], ...]) -> dict[tuple[str, ...], dict[str, Any]]:
    """The named limits of the tables, by family, table and name."""
    found = (limit for item in items if isinstance(limit := item.get("limit"), dict))
    return {_text(limit, "family", "table", "name"): limit for limit in found}


def _limited(
    expr: Any, place: tuple[str, ...], limits: dict[tuple[str, ...], dict[str, Any]]
) -> Any:
    """`expr` with named limits in the place of their names."""
    if not isinstance(expr, list):
        return expr
    names = (e.get("limit") if isinstance(e, dict) else None for e in expr)
    return [
        {"limit": limits[(*place, name)]}
        if isinstance(name, str) and (*place, name) in limits else e
        for e, name in zip(expr, names, strict=True)
    ]  # fmt: skip


_MOST_HOOKS = 200


# A program decides, or a map that cannot be read here.
_HANDED = frozenset({"queue", "vmap", "synproxy", "tproxy"})


def _verdict(statements: list[tuple[str, Any]]) -> tuple[str, str]:
    """The verdict among `statements`, and the chain that it names."""
    for key, value in statements:
        if key in VERDICTS:
            to = str(value.get("target", "")) if isinstance(value, dict) else ""
            return VERDICTS[key], to if key in ("jump", "goto") else ""
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
        rule = narrowed(rule, key, value)
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
    rules: dict[tuple[str, ...], list[Any]] = {}
    heads: dict[tuple[str, ...], dict[str, Any]] = {}
    (sets, passing), limits = _named_sets(items), _named_limits(items)
    for item in items:
        chain, rule = item.get("chain"), item.get("rule")
        if isinstance(chain, dict):
            heads[_text(chain, "family", "table", "name")] = chain
        elif isinstance(rule, dict):
            key = _text(rule, "family", "table", "chain")
            expr = rule.get("expr")
            listed = {**sets, **passing} if _refuses(expr) else sets
            expr = _limited(_resolved(expr, key[:2], listed), key[:2], limits)
            rules.setdefault(key, []).append(expr)
    if sum(bool(head.get("hook")) for head in heads.values()) > _MOST_HOOKS:
        raise ParseError(msg("too many base chains to follow"))
    if not rules.keys() <= heads.keys():
        raise ParseError(msg("a rule of a chain that is not listed"))
    every = [_chain(key, head, rules.get(key, [])) for key, head in heads.items()]
    answers = [
        chain for table in {(c.family, c.table): c for c in every if c.refuses}
        for chain in answering(
            _chain(key, head, _exchanged(rules.get(key, [])))
            for key, head in heads.items() if key[:2] == table
        )
    ]  # fmt: skip
    return (*(c for c in every if c.hook not in ON_THE_WAY_OUT), *answers)


def _chain(key: tuple[str, ...], head: dict[str, Any], rules: list[Any]) -> Chain:
    return Chain(
        tool="nft", family=key[0], table=key[1], name=key[2], hook=_text(head, "hook")[0],
        policy=_text(head, "policy")[0], nat=head.get("type") == "nat",
        rules=tuple(rule for expr in rules for rule in _rules(expr)),
    )  # fmt: skip


# In a rule about an answer, what stands where the same of its connection stands in a rule about it.
_EXCHANGED = {
    a: b for pair in (
        ("saddr", "daddr"), ("sport", "dport"), ("iif", "oif"), ("iifname", "oifname"),
        ("original", "reply"),
    ) for a, b in (pair, pair[::-1])
} | {"flags": "flags of an answer"}  # fmt: skip


def _exchanged(value: Any) -> Any:
    """Rules about answers as rules about the connections that they belong to."""
    if isinstance(value, dict):
        return {k: inner if k == "target" else _exchanged(inner) for k, inner in value.items()}
    if isinstance(value, list):
        return [_exchanged(inner) for inner in value]
    return _EXCHANGED.get(value, value) if isinstance(value, str) else value


def _ask(program: str, missing: Reason, *words: str) -> NamedAsk:
    return known_or_absent(
        Command(
            argv=(program, *words, "list", "ruleset"),
            privilege=Privilege.ROOT,
            not_found=missing,
            limit=8 << 20,
        )
    )


def providers(parse: Parser) -> tuple[Provider, ...]:
    """Ways to read the ruleset.

    The text is asked for the flags of tables only, which no release of nft writes wrongly there.
    """

    def provide(folder: str, missing: Reason) -> Provider:
        program = f"{folder}/nft"
        asks = {"json": _ask(program, missing, "-j"), "text": _ask(program, missing)}
        return provider(asks=asks, parse=parse)

    return placed(provide)


NFT = fact("linux.nftables", Ruleset, kind="host", providers=providers(parse_nft))
