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
    for row in rows:
        braces = [
            n for n, item in enumerate(row) if isinstance(item, Group) and item.opening == "{"
        ]
        kind = text_of(row[0]) if row else ""
        if braces and (kind not in _STATEMENTS or braces[0] != len(row) - 1):
            yield _shown(row)
    names = Counter(f"{text_of(row[0])} {text_of(row[1])}" for row in rows
                    if len(row) == 3 and text_of(row[0]) in _TWICE)  # fmt: skip
    if "allow-config-dups" not in text:
        yield from (name for name, count in names.items() if count > 1)


def _of_paths(named: Named) -> Iterator[str]:
    known = {"source": named.sources, "destination": named.destinations, "filter": named.filters}
    for body in named.paths:
        if body and not _is_end(body[-1]):
            yield _shown(body)
        for row in parts(body):
            kind = text_of(row[0]) if row else ""
            if row and kind not in _PARTS:
                yield _shown(row)
            inner = row[1].items if len(row) == 2 and isinstance(row[1], Group) else ()
            plain = len(inner) == 1 and row[1:] and getattr(row[1], "opening", "") == "("
            if (
                kind in known
                and plain
                and text_of(inner[0]) not in known[kind]
                and not named.unread
            ):
                yield _shown(row)


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
            words = [
                word for one in item.items for word in re.split(r"\.\.|,", text_of(one)) if word
            ]
            known = {"level": _LEVELS, "facility": _FACILITIES}.get(before)
            if known and item.opening == "(":
                yield from (word for word in words if word.lower() not in known)
            waiting[:0] = item.items
            before = ""
        else:
            before = item.text


def _is_end(item: Item) -> bool:
    return isinstance(item, Word) and not item.quoted and item.text == ";"


def _shown(row: Statement) -> str:
    return " ".join(text_of(item) or getattr(item, "opening", "") for item in row)[:80]
