"""Ports that the packet filter hands on to containers and other hosts, past its input chains."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answers,
    Fact,
    ParseError,
    Partial,
    fact,
    msg,
    partial,
    read_rows,
    verbatim,
)
from audit_core.model import Answer
from audit_linux.network.iptables import chains_saved, saying, words_of
from audit_linux.network.netfilter_model import Ruleset
from audit_linux.network.nft import listing, providers
from audit_linux.network.nft_matches import subject, values_of


class Published(Struct, frozen=True, kw_only=True):
    """A rule that changes the destination of what arrives (DNAT), as `docker run -p` makes it.

    `ports` is as written (`8080`, `8000-8010`), empty where the rule names none. `here`: it leads
    to another port of this host (REDIRECT), which the input chains see.
    """

    protocol: str
    ports: str
    to: str = ""
    here: bool = False

    @property
    def number(self) -> str:
        """`8080/tcp`; `*` stands for what the rule does not name."""
        return f"{self.ports or '*'}/{self.protocol or '*'}"

    @property
    def text(self) -> str:
        """The forwarded port for a reader: `8080/tcp -> 172.17.0.2:80`."""
        return f"{self.number} -> {self.to}" if self.to else self.number


_OWN = re.compile(r"127\.|::1(?:/128)?$")
_TEXT = 60
_MOST_PORTS = 400  # characters: a longer list is told as any port, never as fewer ports


def _option(words: list[str], *names: str) -> str:
    """The value of the first of `names` among `words`; empty where it is missing or negated."""
    for at, word in enumerate(words[:-1]):
        if word in names and (at == 0 or words[at - 1] != "!"):
            return words[at + 1]
    return ""


def _short_ports(ports: str) -> str:
    return ports if len(ports) <= _MOST_PORTS else ""


def _saved(words: list[str]) -> Iterator[Published]:
    """What `-A CHAIN … -j DNAT …` publishes: nothing that only this host itself can reach."""
    target = _option(words, "-j")
    if target not in ("DNAT", "REDIRECT") or words[1] == "OUTPUT":
        return
    if _OWN.match(_option(words, "-d")) or _option(words, "-i") == "lo":
        return
    ports = _short_ports(_option(words, "--dport", "--dports").replace(":", "-"))
    here = target == "REDIRECT"
    to = (":" * here + _option(words, "--to-destination", "--to-ports"))[:_TEXT]
    yield Published(protocol=_option(words, "-p")[:_TEXT], ports=ports, to=to, here=here)


class Saved(Struct, frozen=True, kw_only=True):
    """What iptables-save told: the chains that refuse, and the ports that are handed on.

    `chains` are those of the raw, mangle, security and filter tables. `more`: iptables-legacy holds
    tables besides, which this answer does not show.
    """

    chains: Ruleset = ()
    published: tuple[Published, ...] = ()
    more: bool = False


def parse_saved(answer: Answer, tool: str, family: str) -> Saved | Partial:
    """What the tables of iptables-save do on the way in."""
    rows, problems = read_rows(enumerate(answer.lines, 1), _words)
    tables = [words[0] for words in rows if words and words[0].startswith(("*", "COMMIT"))]
    if tables[1::2] != ["COMMIT"] * (len(tables) // 2) or len(tables) % 2:
        problems.append(msg("a table is incomplete"))
    found = dict.fromkeys(one for words in _in_table(rows, "*nat") for one in _saved(words))
    saved = Saved(
        chains=chains_saved(rows, tool, family),
        published=tuple(found),
        more=b"legacy tables present" in answer.stderr,
    )
    return partial(saved, problems)


def _words(line: str) -> list[str]:
    words = words_of(line)
    if words and words[0][0] not in "*#:-[" and words != ["COMMIT"]:
        raise ParseError(msg("not a rule: {line}", line=verbatim(line)))
    return words


def _in_table(rows: list[list[str]], name: str) -> Iterator[list[str]]:
    """The rules (`-A CHAIN …`) of the table `name`."""
    table = ""
    for words in rows:
        table = words[0] if words and words[0].startswith("*") else table
        if table == name and words[:1] == ["-A"] and len(words) > 1:
            yield words


def _written(value: Any) -> str:
    """A port or a range of the JSON of nft."""
    if isinstance(value, dict) and isinstance(value.get("range"), list):
        return "-".join(str(part) for part in value["range"])
    return str(value)


def _conditions(statements: list[tuple[str, Any]]) -> dict[tuple[str, str], list[str]]:
    """What the rule compares with, by what it looks at; without what it excludes."""
    found = {}
    for key, value in statements:
        if key == "match" and isinstance(value, dict) and value.get("op") in ("==", "in"):
            values = [_written(v) for v in values_of(value.get("right"))]
            found[subject(value.get("left"))] = values
    return found


def _to(value: Any) -> str:
    address, port = (value.get("addr"), value.get("port")) if isinstance(value, dict) else ("", "")
    plain = [str(part)[:_TEXT] for part in (address, port) if isinstance(part, str | int)]
    return ":".join(plain)


def _listed(expr: Any) -> Iterator[Published]:
    if not isinstance(expr, list) or not all(isinstance(e, dict) for e in expr):
        raise ParseError(msg("not a rule"))
    statements = [(key, value) for e in expr for key, value in e.items()]
    targets = [(key, value) for key, value in statements if _is_dnat(key, value)]
    conditions = _conditions(statements)
    if targets and not _own_only(conditions):
        key, value = targets[0]
        here = key == "redirect"
        to = ":" * here + _to(value)
        protocol, ports = _asked_port(conditions)
        ports_ = _short_ports(",".join(ports))
        yield Published(protocol=protocol[:_TEXT], ports=ports_, to=to, here=here)


_Conditions = dict[tuple[str, str], list[str]]


def _is_dnat(key: str, value: Any) -> bool:
    return key in ("dnat", "redirect") or (isinstance(value, dict) and value.get("name") == "DNAT")


def _own_only(conditions: _Conditions) -> bool:
    """Whether only this host itself can reach it."""
    address = [v for (_, field), values in conditions.items() if field == "daddr" for v in values]
    arrival = [
        v
        for (_, field), values in conditions.items()
        if field in ("iif", "iifname")
        for v in values
    ]
    return arrival == ["lo"] or (bool(address) and all(_OWN.match(a) for a in address))


def _asked_port(conditions: _Conditions) -> tuple[str, list[str]]:
    """The protocol and the ports of what arrives, empty where the rule names none."""
    ports = next(
        ((a, values) for (a, field), values in conditions.items() if field == "dport"), ("", [])
    )
    named = ports[0] if ports[0] in ("tcp", "udp") else ""
    return named or next(iter(conditions.get(("meta", "l4proto"), [])), ""), ports[1]


def parse_listed(answers: Answers) -> tuple[Published, ...] | Partial | Absent:
    """The ports that rules of `nft list ruleset` hand on, those of iptables-nft among them."""
    found = listing(answers)
    if isinstance(found, Absent):
        return found
    chains = [c for item in found.items if isinstance(c := item.get("chain"), dict)]
    leaving = {_key(c, "name") for c in chains if c.get("hook") == "output"}
    rules = [r for item in found.items if isinstance(r := item.get("rule"), dict)]
    acting = [r.get("expr") for r in rules if _key(r, "chain") not in leaving]
    rows, problems = read_rows(enumerate(acting, 1), lambda expr: tuple(_listed(expr)))
    every = tuple(dict.fromkeys(one for row in rows for one in row))
    return partial(every, [*problems, *found.problems])


def _key(item: dict[str, Any], name: str) -> tuple[str, ...]:
    return str(item.get("family")), str(item.get("table")), str(item.get(name))


def _fact(id: str, program: str, tool: str, family: str) -> Fact:
    def parse(answer: Answer) -> Saved | Partial:
        return parse_saved(answer, tool, family)

    # Without a table it lists those in use: with one it would load the module of the table.
    return saying(id, Saved, (program,), parse)


LISTED = fact(
    "linux.nftables-published",
    tuple[Published, ...],
    kind="host",
    providers=providers(parse_listed),
)
SAVED = _fact("linux.iptables-published", "iptables-save", "iptables", "ip")
SAVED6 = _fact("linux.ip6tables-published", "ip6tables-save", "iptables", "ip6")
# Tables of the old interface of the kernel, which nft and iptables-nft do not show.
LEGACY = _fact("linux.iptables-legacy", "iptables-legacy-save", "iptables-legacy", "ip")
LEGACY6 = _fact("linux.ip6tables-legacy", "ip6tables-legacy-save", "iptables-legacy", "ip6")


def together(*found: tuple[Published, ...] | None) -> tuple[Published, ...]:
    """Each port once, with where it leads if one of the lists tells it."""
    every = [one for some in found for one in some or ()]
    leading = {one.number for one in every if one.to}
    return tuple(dict.fromkeys(o for o in every if o.to or o.number not in leading))
