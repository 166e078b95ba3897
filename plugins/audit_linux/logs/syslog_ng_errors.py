"""Errors with which syslog-ng does not start, or keeps the configuration that it had.

Noticed are a byte order mark, a missing `@version`, unknown pragmas, statements and parts of log
paths, a semicolon that is missing, names that nothing defines or that are defined twice, and
unknown levels and facilities. Unknown drivers and options are not: modules may bring them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from audit_linux.logs.routes import FACILITIES, SEVERITIES
from audit_linux.logs.syslog_ng_rules import Group, Item, Named, Statement, Word, parts, text_of

_PRAGMAS = ("version", "include", "define", "module", "requires")
_STATEMENTS = ("source", "destination", "filter", "parser", "rewrite", "template", "log", "options",
               "block", "python", "template-function", "@unread")  # fmt: skip
_PARTS = ("source", "destination", "filter", "parser", "rewrite", "log", "flags", "junction",
          "channel", "if", "elif", "else", "internal")  # fmt: skip
_TWICE = ("source", "destination", "filter", "parser", "rewrite", "template")
_LEVELS = frozenset({*SEVERITIES, *map(str, range(8))})
_MORE_FACILITIES = {"ntp", "logaudit", "logalert", "clock", "console", "solaris-cron"}
_FACILITIES = frozenset({*FACILITIES, *_MORE_FACILITIES, *map(str, range(128))})


_FUNCTIONS = frozenset({
    "facility", "level", "priority", "severity", "program", "message", "host", "match", "filter",
    "netmask", "netmask6", "tags", "in-list", "rate-limit", "throttle", "string", "int", "int32",
    "int64", "double", "float", "boolean", "bool", "datetime", "list", "json", "null", "bytes",
})  # fmt: skip


def refusal(main: str, texts: tuple[str, ...], items: tuple[Item, ...], named: Named) -> str:
    """What syslog-ng refuses; empty where nothing is noticed.

    `main` is the text of the main file, `texts` those of all, `items` the tree with includes in
    place.
    """
    found = (*_of_texts(main, texts), *_of_statements(items, "\n".join(texts)))
    more = (*_of_paths(named), *_of_functions(named), *_of_filters(items))
    return next(iter((*found, *more)), "")


def _of_texts(main: str, texts: tuple[str, ...]) -> Iterator[str]:
    if any(text.startswith("\ufeff") for text in texts):
        yield "\\ufeff"
    if not re.search(r"(?m)^[ \t]*@version\b", main):
        yield "@version"
    for text in texts:
        for word in re.findall(r"(?m)^[ \t]*@([\w-]+)", text):
            if word not in _PRAGMAS:
                yield f"@{word}"


def _of_statements(items: tuple[Item, ...], text: str) -> Iterator[str]:
    rows = list(parts(items))
    if items and not _is_end(items[-1]):
        yield _shown(rows[-1])
    yield from (_shown(row) for row in rows if not _is_statement(row))
    if "allow-config-dups" not in text:
        names = Counter(f"{text_of(row[0])} {text_of(row[1])}" for row in rows if _defines(row))
        yield from (name for name, count in names.items() if count > 1)


def _is_statement(row: Statement) -> bool:
    """Whether a statement with a block begins with a known word and ends with that block.

    A log path has no name.
    """
    braces = [n for n, item in enumerate(row) if getattr(item, "opening", "") == "{"]
    if not braces:
        return True
    known = text_of(row[0]) in _STATEMENTS and braces[0] == len(row) - 1
    return known and (text_of(row[0]) != "log" or braces[0] == 1)


def _defines(row: Statement) -> bool:
    return len(row) == 3 and text_of(row[0]) in _TWICE


def _of_paths(named: Named) -> Iterator[str]:
    for body in named.paths:
        if body and not _is_end(body[-1]):
            yield _shown(body)
        for row in filter(None, parts(body)):
            if text_of(row[0]) not in _PARTS or _is_unknown(row, named):
                yield _shown(row)


def _is_unknown(row: Statement, named: Named) -> bool:
    """Whether a part of a path names a source, destination or filter that is not defined."""
    known = {"source": named.sources, "destination": named.destinations, "filter": named.filters}
    defined = known.get(text_of(row[0]))
    group = row[1] if len(row) == 2 else None
    if defined is None or named.unread or not isinstance(group, Group) or group.opening != "(":
        return False
    return len(group.items) == 1 and text_of(group.items[0]) not in defined


def _of_functions(named: Named) -> Iterator[str]:
    """Functions of named filters that do not exist."""
    for body in named.filters.values():
        for name, group in pairwise(body):
            called = isinstance(group, Group) and group.opening == "(" and text_of(name)
            if called and _plain(called) not in (*_FUNCTIONS, *_OPERATORS):
                yield str(called)


_OPERATORS = ("and", "or", "not", ";")


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def _of_filters(items: tuple[Item, ...]) -> Iterator[str]:
    """Levels and facilities that do not exist, in whatever filter."""
    waiting = list(items)
    before = ""
    while waiting:
        item = waiting.pop(0)
        if isinstance(item, Group):
            known = {"level": _LEVELS, "facility": _FACILITIES}.get(before)
            if known and item.opening == "(":
                yield from (word for word in _arguments(item) if word.lower() not in known)
            waiting[:0] = item.items
        before = text_of(item)


def _arguments(group: Group) -> Iterator[str]:
    """The words between commas and the ends of ranges."""
    for item in group.items:
        yield from filter(None, re.split(r"\.\.|,", text_of(item)))


def _is_end(item: Item) -> bool:
    return isinstance(item, Word) and not item.quoted and item.text == ";"


def _shown(row: Statement) -> str:
    return " ".join(text_of(item) or getattr(item, "opening", "") for item in row)[:80]
