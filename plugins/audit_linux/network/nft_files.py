"""Whether a file that `nft -f` loads refuses incoming packets: the text form, nft(8).

A statement ends at the end of its line or at a semicolon, a backslash at the end of a line goes on
in the next, `#` outside of quotes begins a comment. Tables and chains stand in blocks or as
commands (`add chain inet t c { … }`), `include` names files or a pattern (of a directory read in
the order of names), `flush ruleset` and `delete table` take back what stands before them. Only as
much is read as tells whether a chain at the input hook drops what no rule accepts.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping

from msgspec import Struct

from audit_linux.network.netfilter_model import EVERY, IPV4, IPV6, NONE

_TOKEN = re.compile(r'"[^"\n]*"|[{};\n]|[^\s{};"]+')
_DEEPEST = 16  # as nft itself: MAX_INCLUDE_DEPTH
_FAMILIES = {"ip": IPV4, "ip6": IPV6, "inet": EVERY}
_OTHERS = frozenset({"arp", "bridge", "netdev"})
_ADDING = frozenset({"add", "create"})
_IN_TABLES = frozenset({"chain", "set", "map", "flowtable", "counter", "quota", "limit", "ct",
                        "secmark", "synproxy"})  # fmt: skip


class Written(Struct, frozen=True, kw_only=True):
    """The packets that what is written refuses, those that it may refuse, and what was not read."""

    refused: frozenset[str] = NONE
    maybe: frozenset[str] = NONE
    unread: tuple[str, ...] = ()


class _Statement(Struct, frozen=True, kw_only=True):
    """The words of a statement, and what stands in its block; None without one."""

    words: tuple[str, ...]
    block: tuple[_Statement, ...] | None = None


class _Chain(Struct, kw_only=True):
    hook: str = ""
    policy: str = "accept"
    rules: list[tuple[str, ...]] = []


class _Table(Struct, kw_only=True):
    dormant: bool = False
    chains: dict[str, _Chain] = {}


_Tables = dict[tuple[str, str], _Table]


def _tokens(text: str) -> list[str]:
    joined = text.replace("\\\n", " ")
    return _TOKEN.findall(re.sub(r'("[^"\n]*")|#[^\n]*', lambda m: m[1] or "", joined))


def _inline(tokens: list[str], at: int) -> int:
    """The place behind a set in braces, which belongs to its statement."""
    depth = 1
    while at < len(tokens) and depth:
        depth += {"{": 1, "}": -1}.get(tokens[at], 0)
        at += 1
    return at


def _has_block(words: list[str], inside: str) -> bool:
    """Whether a brace behind `words` opens a block of statements, and no set of values."""
    first = words[1] if words[:1] and words[0] in _ADDING and len(words) > 1 else words[0]
    if inside == "chain":
        return False
    return first in ("table", "chain") or (inside == "table" and first in _IN_TABLES)


def _statements(
    tokens: list[str], at: int = 0, inside: str = ""
) -> tuple[tuple[_Statement, ...], int]:
    """The statements up to the end of the block, and the place behind it."""
    found: list[_Statement] = []
    words: list[str] = []
    while at < len(tokens):
        part, at = tokens[at], at + 1
        if part == "{" and words and _has_block(words, inside):
            block, at = _statements(tokens, at, "table" if "table" in words[:2] else "chain")
            found.append(_Statement(words=tuple(words), block=block))
            words = []
        elif part == "{":
            at = _inline(tokens, at)
            words.append("{}")
        elif part not in _ENDS_OF_STATEMENTS:
            words.append(part)
        else:
            found += _whole(words)
            words = []
        if part == "}" and inside:
            break
    return (*found, *_whole(words)), at


_ENDS_OF_STATEMENTS = (";", "\n", "}")


def _whole(words: list[str]) -> list[_Statement]:
    return [_Statement(words=tuple(words))] if words else []


def _named(words: list[str], count: int) -> tuple[tuple[str, str], list[str]] | None:
    """Family and table behind a command, `ip` where no family is named, and `count` more words."""
    known = bool(words) and words[0] in (*_FAMILIES, *_OTHERS)
    family, rest = (words[0], words[1:]) if known else ("ip", words)
    return ((family, rest[0]), rest[1:]) if len(rest) > count else None


def _split(words: tuple[str, ...]) -> tuple[str, str, list[str]]:
    """What a command does (`add` goes without saying), to what kind of thing, and the rest."""
    verb = words[0] if words[0] in (*_ADDING, *_VERBS) else ""
    rest = list(words[bool(verb) :])
    return verb or "add", "".join(rest[:1]), rest[1:]


class _Reader:
    """Reads files into tables; `unread` are those that are included and were not read."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files
        self.tables: _Tables = {}
        self.unread: list[str] = []

    def read(self, path: str, deep: int = 0) -> None:
        """Reads `path` and what it includes."""
        statements, _ = _statements(_tokens(self.files[path]))
        for statement in statements:
            if statement.words[0] == "include" and len(statement.words) > 1:
                self.include(statement.words[1].strip("\"'"), deep)
            else:
                self.command(statement)

    def include(self, pattern: str, deep: int) -> None:
        """Reads the files that `pattern` names; a pattern that matches nothing is no fault."""
        place = pattern if pattern.startswith("/") else f"/etc/{pattern}"
        hits = sorted(path for path in self.files if fnmatch.fnmatchcase(path, place))
        if not hits and (not re.search(r"[*?\[]", place) or not _was_searched(place)):
            self.unread.append(place)
        for path in hits if deep < _DEEPEST else ():
            self.read(path, deep + 1)

    def command(self, statement: _Statement) -> None:
        """One statement outside of tables."""
        verb, kind, words = _split(statement.words)
        if (verb, kind) == ("flush", "ruleset"):
            self.flush("".join(words[:1]))
        named = _named(words, 0 if kind == "table" else 1)
        if named and kind == "table":
            self.table(verb, named[0], statement.block)
        elif named and kind == "chain":
            self.chain(verb, self.tables.get(named[0]), named[1][0], statement.block)
        elif named and kind == "rule" and verb in ("add", "insert"):
            self.rule(self.tables.get(named[0]), named[1])

    def flush(self, family: str) -> None:
        """Takes all tables back, or those of a family."""
        self.tables = {k: t for k, t in self.tables.items() if family and k[0] != family}

    def rule(self, table: _Table | None, words: list[str]) -> None:
        """A rule that is added to the chain that the first word names."""
        chain = table.chains.get(words[0]) if table else None
        if chain is not None:
            chain.rules.append(tuple(words[1:]))

    def table(
        self, verb: str, key: tuple[str, str], block: tuple[_Statement, ...] | None
    ) -> None:  # fmt: skip
        """A table that is added, emptied or deleted."""
        if verb in ("delete", "destroy"):
            self.tables.pop(key, None)
            return
        table = self.tables.setdefault(key, _Table())
        if verb == "flush":
            for chain in table.chains.values():
                chain.rules = []
        for one in block or ():
            if one.words[0] == "chain" and len(one.words) == 2:
                self.chain("add", table, one.words[1], one.block)
            elif one.words[0] == "flags":
                table.dormant = "dormant" in " ".join(one.words[1:]).split(",")

    def chain(
        self, verb: str, table: _Table | None, name: str, block: tuple[_Statement, ...] | None
    ) -> None:
        """A chain that is added, emptied or deleted."""
        if table is None:
            return
        if verb in ("delete", "destroy"):
            table.chains.pop(name, None)
        elif verb == "flush":
            table.chains.get(name, _Chain()).rules = []
        else:
            _fill(table.chains.setdefault(name, _Chain()), block or ())


def _fill(chain: _Chain, block: tuple[_Statement, ...]) -> None:
    for one in block:
        if one.words[0] == "type" and "hook" in one.words[:-1]:
            chain.hook = one.words[one.words.index("hook") + 1]
        elif one.words[0] == "policy" and len(one.words) == 2:
            chain.policy = one.words[1]
        else:
            chain.rules.append(one.words)


_VERBS = frozenset({"delete", "destroy", "flush", "insert", "list", "replace", "reset", "rename"})
_SEARCHED = ("/etc/nftables.d/", "/etc/nftables/")


def _was_searched(place: str) -> bool:
    return place.startswith(_SEARCHED)


_HOOKS = ("input", "prerouting")
# What does not choose packets in front of a verdict: `counter log prefix "x" drop`.
_NO_MATCH = frozenset({"counter", "log", "prefix", "level", "flags", "all", "group", "comment"})
_ENDS = frozenset({"drop", "reject"})


def _verdict(words: tuple[str, ...]) -> str:
    """The verdict of a rule on every packet; empty where it chooses packets."""
    for word in words:
        if word in _ENDS or word == "accept":
            return word
        if word not in _NO_MATCH and not word.startswith('"'):
            return ""
    return ""


def _of_chain(chain: _Chain, table: _Table) -> bool | None:
    """Whether a chain refuses what no rule speaks of; None where that was not followed."""
    if chain.hook not in _HOOKS:
        return False
    for words in chain.rules:
        if verdict := _verdict(words):
            return verdict != "accept"
    if chain.policy not in ("accept", "drop"):  # a variable
        return None
    others = [words for c in table.chains.values() for words in c.rules if _ENDS & set(words)]
    return True if chain.policy == "drop" else None if others else False


def written(path: str, files: Mapping[str, str]) -> Written:
    """What `nft -f PATH` refuses; `files` holds its text and those of what it may include."""
    if path not in files:
        return Written()
    reader = _Reader(files)
    reader.read(path)
    refused, maybe = NONE, NONE
    for (family, _), table in reader.tables.items():
        found = [] if table.dormant else [_of_chain(c, table) for c in table.chains.values()]
        packets = _FAMILIES.get(family, NONE)
        refused |= packets if True in found else NONE
        maybe |= packets if None in found else NONE
    return Written(
        refused=refused,
        maybe=EVERY if reader.unread else maybe,
        unread=tuple(dict.fromkeys(reader.unread)),
    )
