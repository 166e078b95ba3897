"""What the log paths of syslog-ng do with a sample record.

As seen with syslog-ng 3.38: paths apply in their order, and each gets every record unless one
before it that took the record has flags(final); one with flags(fallback) gets what no other took.
Within a path, filters hold for what follows them. `not` binds closer than `and`, `and` closer than
`or`. A pattern is a regular expression that may match anywhere, unless type(string) is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from msgspec import Struct

from audit_core.api.sdk import ParseError, msg
from audit_linux.logs.routes import FACILITIES, SEVERITIES, Route, Sample, contains, starts

_DEEPEST = 24
_MOST = 40_000
_MOST_STEPS = 20_000


class Word(Struct, frozen=True):
    """A word or a quoted string of the configuration."""

    text: str
    quoted: bool = False


class Group(Struct, frozen=True):
    """What stands between brackets; `opening` is the first of them."""

    opening: str
    items: tuple[Item, ...]


Item = Word | Group
Statement = tuple[Item, ...]

_TOKEN = re.compile(
    r"(?P<blank>\s+|#[^\n]*)|(?P<string>\"(?:[^\"\\]|\\.)*+\"|'[^']*+')|(?P<sign>[{}();,])"
    r"|(?P<word>[^\s\"'{}();,#]+)",
    re.DOTALL,
)
_CLOSES = {")": "(", "}": "{"}


def tree(text: str) -> tuple[Item, ...]:
    """Words and brackets; raises ParseError where they do not fit."""
    stack: list[tuple[str, list[Item]]] = [("", [])]
    at = count = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        count += 1
        if found is None or count > _MOST:
            raise ParseError(msg("a string is not closed, or there are too many words"))
        at = found.end()
        if found.lastgroup != "blank":
            _add(stack, found.lastgroup or "", found[0])
    if len(stack) != 1:
        raise ParseError(msg("a block is not closed"))
    return tuple(stack[0][1])


def _add(stack: list[tuple[str, list[Item]]], kind: str, text: str) -> None:
    if text in ("(", "{") and kind == "sign":
        stack.append((text, []))
        if len(stack) > _DEEPEST:
            raise ParseError(msg("blocks are nested too deeply"))
    elif text in _CLOSES and kind == "sign":
        opening, items = stack.pop()
        if opening != _CLOSES[text]:
            raise ParseError(msg("a block is closed twice"))
        stack[-1][1].append(Group(opening, tuple(items)))
    elif kind == "string":
        plain = re.sub(r"\\(.)", r"\1", text[1:-1]) if text[0] == '"' else text[1:-1]
        stack[-1][1].append(Word(plain, quoted=True))
    else:
        stack[-1][1].append(Word(text))


def parts(items: Iterable[Item], sign: str = ";") -> Iterator[Statement]:
    """The statements between semicolons, or the arguments between commas."""
    found: list[Item] = []
    for item in items:
        if isinstance(item, Word) and not item.quoted and item.text == sign:
            yield tuple(found)
            found = []
        else:
            found.append(item)
    if found:
        yield tuple(found)


def text_of(item: Item | None) -> str:
    """The text of a word; empty for brackets."""
    return item.text if isinstance(item, Word) else ""


def group_of(statement: Statement, opening: str) -> tuple[Item, ...] | None:
    """What stands in the first such brackets of a statement."""
    return next((i.items for i in statement if isinstance(i, Group) and i.opening == opening), None)


class Named(Struct, frozen=True, kw_only=True):
    """The named parts of a configuration, and its log paths in their order."""

    sources: dict[str, tuple[Item, ...]]
    destinations: dict[str, tuple[Item, ...]]
    filters: dict[str, tuple[Item, ...]]
    paths: tuple[tuple[Item, ...], ...]
    unread: tuple[str, ...] = ()


def read(items: tuple[Item, ...]) -> Named:
    """The definitions of a configuration whose includes are in place."""
    named: dict[str, dict[str, tuple[Item, ...]]] = {
        "source": {}, "destination": {}, "filter": {},
    }  # fmt: skip
    paths, unread = [], []
    for statement in parts(items):
        kind, body = text_of(statement[0]) if statement else "", group_of(statement, "{")
        if kind == "@unread":
            unread.append(text_of(statement[-1]))
        elif kind == "log" and body is not None:
            paths.append(body)
        elif kind in named and body is not None and len(statement) > 1:
            named[kind][text_of(statement[1])] = body
    return Named(sources=named["source"], destinations=named["destination"],
                 filters=named["filter"], paths=tuple(paths), unread=tuple(unread))  # fmt: skip


_JOURNAL = ("system", "systemd-journal")
_SOCKETS = ("unix-stream", "unix-dgram", "systemd-syslog")


def inputs(body: tuple[Item, ...]) -> tuple[str, ...]:
    """The drivers of a source that take records of the host's programs and of its kernel."""
    found = []
    for driver in parts(body):
        kind, inner = text_of(driver[0]) if driver else "", group_of(driver, "(") or ()
        place = text_of(inner[0]) if inner else ""
        own = place in ("/dev/log", "/run/systemd/journal/syslog") or kind == "systemd-syslog"
        if kind in _JOURNAL or (kind in _SOCKETS and own):
            found.append(kind)
        elif kind in ("file", "pipe") and place in ("/proc/kmsg", "/dev/kmsg"):
            found.append("kmsg")
    return tuple(found)


_NETWORK = frozenset({"network", "syslog", "tcp", "tcp6", "udp", "udp6"})
_NOWHERE = frozenset({"usertty", "pipe", "unix-stream", "unix-dgram"})


def outputs(body: tuple[Item, ...]) -> Iterator[tuple[str, str]]:
    """Driver and place of each output of a destination; the kind `file`, `host`, `` or another."""
    for driver in parts(body):
        kind, inner = text_of(driver[0]) if driver else "", group_of(driver, "(") or ()
        place = next((text_of(item) for item in inner), "")
        if kind in _NETWORK:
            yield "host", _host(inner) or place
        elif kind == "file":
            yield "" if place.startswith("/dev/") else "file", place
        else:
            yield "" if kind in _NOWHERE else kind, place


def _host(inner: tuple[Item, ...]) -> str:
    """The address of the old form tcp(ip("10.0.0.1") port(514))."""
    for name, value in pairwise(inner):
        if text_of(name) == "ip" and isinstance(value, Group) and value.items:
            return text_of(value.items[0])
    return ""


# --- filters ------------------------------------------------------------------------------------


class Filters:
    """Evaluates filters for one record; None where that is not known."""

    def __init__(self, named: Named, sample: Sample) -> None:
        self._named, self._sample = named, sample
        self._steps = 0
        self.altered = False

    def holds(self, items: Sequence[Item], depth: int = 0) -> bool | None:
        """The value of an expression; a semicolon may end it."""
        self._steps += 1
        if depth > _DEEPEST or self._steps > _MOST_STEPS:
            raise ParseError(msg("blocks are nested too deeply"))
        words = [item for item in items if text_of(item) != ";"]
        found: bool | None = False
        for branch in _divided(words, "or"):
            found = _or(found, self._all(branch, depth))
        return found

    def _all(self, items: list[Item], depth: int) -> bool | None:
        found: bool | None = True
        for part in _divided(items, "and"):
            found = both(found, self._one(part, depth))
        return found

    def _one(self, items: list[Item], depth: int) -> bool | None:
        times = 0
        while items and text_of(items[0]).lower() == "not":
            items, times = items[1:], times + 1
        found = self._plain(items, depth)
        return found if found is None or times % 2 == 0 else not found

    def _plain(self, items: list[Item], depth: int) -> bool | None:
        match items:
            case [Group(opening="(") as group]:
                return self.holds(group.items, depth + 1)
            case [Word() as name, Group(opening="(") as group]:
                return self._call(name.text.lower(), group.items, depth)
        return None

    def _call(self, name: str, items: tuple[Item, ...], depth: int) -> bool | None:
        words = [text_of(item) for item in items if text_of(item) != ","]
        if name == "facility":
            return _within(words, FACILITIES, self._sample.facility)
        if name in ("level", "priority", "severity"):
            return _within(words, SEVERITIES, self._sample.severity)
        if name == "filter":
            body = self._named.filters.get(words[0] if words else "")
            return None if body is None else self.holds(body, depth + 1)
        return None if self.altered else self._pattern(name, items, words)

    def _pattern(self, name: str, items: tuple[Item, ...], words: list[str]) -> bool | None:
        options = {
            text_of(key): {text_of(item) for item in value.items}
            for key, value in pairwise(items[1:]) if isinstance(value, Group)
        }  # fmt: skip
        field = next(iter(options.get("value", ())), "").upper()
        field = field or {"program": "PROGRAM", "message": "MESSAGE"}.get(name, "")
        flags = options.get("flags", set())
        if not words or options.get("type", {"pcre"}) - {"pcre", "posix", "string"}:
            return None
        if flags - {"prefix", "substring", "store-matches", "utf8"}:
            return None
        whole = "string" in options.get("type", ())
        if field == "PROGRAM":
            return _program(self._sample.program, words[0], flags, whole=whole)
        if field in ("MESSAGE", "MSG") and not whole:
            return _message(self._sample.text, words[0])
        return None


def _divided(items: list[Item], sign: str) -> Iterator[list[Item]]:
    found: list[Item] = []
    for item in items:
        if isinstance(item, Word) and not item.quoted and item.text.lower() == sign:
            yield found
            found = []
        else:
            found.append(item)
    yield found


def _within(words: list[str], numbers: dict[str, int], own: str) -> bool | None:
    """Whether `own` is among names, numbers and ranges such as info..err."""
    for word in words:
        ends = [_numbered(end, numbers) for end in word.split("..", 1)]
        known = [end for end in ends if end is not None]
        if len(known) != len(ends):
            return None
        if min(known) <= numbers[own] <= max(known):
            return True
    return False


def _numbered(word: str, numbers: dict[str, int]) -> int | None:
    lower = word.lower()
    return int(lower) if re.fullmatch(r"\d{1,3}", lower, re.ASCII) else numbers.get(lower)


def _program(program: str, pattern: str, flags: set[str], *, whole: bool) -> bool | None:
    if whole and "prefix" in flags:
        return program.startswith(pattern)
    if whole:
        return pattern in program if "substring" in flags else pattern == program
    # Without repeats a pattern takes no time; others are not tried.
    if not re.fullmatch(r"[\w^$|()./ -]{1,500}", pattern, re.ASCII):
        return None
    try:
        return re.search(pattern, program) is not None
    except re.error:
        return None


def _message(text: str | None, pattern: str) -> bool | None:
    """Whether a pattern of plain alternatives matches the text of a record."""
    found: bool | None = False
    for part in pattern.split("|"):
        if not re.fullmatch(r"\^?[\w :;=,/@-]+", part, re.ASCII):
            return None
        here = starts(text, part[1:]) if part.startswith("^") else contains(text, part)
        found = _or(found, here)
    return found


def both(left: bool | None, right: bool | None) -> bool | None:
    """True where both are true, False where one is false, None (not known) otherwise."""
    if False in (left, right):
        return False
    return None if None in (left, right) else True


def _or(left: bool | None, right: bool | None) -> bool | None:
    if True in (left, right):
        return True
    return None if None in (left, right) else False


# --- log paths ----------------------------------------------------------------------------------


class Trial:
    """One record on its way through the log paths."""

    def __init__(self, named: Named, sample: Sample) -> None:
        self._named, self._sample = named, sample
        self._filters = Filters(named, sample)
        self._steps = 0
        self.kept: dict[str, None] = {}
        self.sent: dict[str, None] = {}
        self.perhaps: dict[str, None] = {}
        self.doubts: dict[str, None] = dict.fromkeys(named.unread)

    def run(self) -> Route:
        """The route of the sample record through all log paths."""
        going: bool | None = None if self._named.unread else True
        taken: bool | None = False
        for fallback in (False, True):
            for body in self._named.paths:
                flags = _flags(body)
                if ("fallback" in flags) is not fallback or going is False:
                    continue
                free = going if not fallback else both(going, _opposite(taken))
                took = self._path(body, both(free, self._heard(body, flags)), 0)
                taken = _or(taken, took)
                if "final" in flags:
                    going = both(going, _opposite(took))
        return Route(
            event=self._sample.event, facility=self._sample.facility, kept=tuple(self.kept),
            sent=tuple(self.sent), perhaps=tuple(self.perhaps), doubts=tuple(self.doubts),
        )  # fmt: skip

    def _heard(self, body: tuple[Item, ...], flags: set[str]) -> bool | None:
        """Whether a path gets the records of the host; None where a channel decides."""
        kernel = self._sample.facility == "kern"
        sources = list(self._named.sources.values()) if "catchall" in flags else [
            self._body(one, self._named.sources)
            for one in parts(body) if one and text_of(one[0]) == "source"
        ]  # fmt: skip
        drivers = {driver for source in sources for driver in inputs(source)}
        if drivers & ({*_JOURNAL, "kmsg"} if kernel else {*_JOURNAL, *_SOCKETS}):
            return True
        if any(text_of(item) == "channel" for source in sources for item in source):
            self.doubts["channel"] = None
            return None
        return False

    def _body(self, statement: Statement, named: dict[str, tuple[Item, ...]]) -> tuple[Item, ...]:
        """What a reference or a definition in place stands for."""
        inline = group_of(statement, "{")
        if inline is not None:
            return inline
        inner = group_of(statement, "(") or ()
        name = text_of(inner[0]) if inner else ""
        if name not in named:
            self.doubts[name] = None
        return named.get(name, ())

    def _path(self, body: tuple[Item, ...], going: bool | None, depth: int) -> bool | None:
        """Leads the record through a path; whether it takes the record."""
        inside: bool | None = going
        for statement in parts(body):
            self._steps += 1
            if self._steps > _MOST_STEPS:
                raise ParseError(msg("more than {count} rules", count=_MOST_STEPS))
            if going is False:
                return False
            going, inside = self._step(statement, going, inside, depth)
        return going

    def _step(
        self, statement: Statement, going: bool | None, inside: bool | None, depth: int
    ) -> tuple[bool | None, bool | None]:
        """Whether the record goes on, and whether logs within the path still get it."""
        kind = text_of(statement[0]) if statement else "flags"
        if kind in ("source", "flags", "parallelize"):
            return going, inside
        if kind == "filter":
            holds = self._filters.holds(self._body(statement, self._named.filters))
            return self._narrowed(statement, going, holds), both(inside, holds)
        if kind == "destination":
            self._write(self._body(statement, self._named.destinations), sure=going is True)
            return going, inside
        if kind == "log":
            return going, self._within(group_of(statement, "{") or (), inside, depth)
        if kind == "junction":
            return self._junction(statement, going, depth), inside
        if kind == "if":
            return self._branches(statement, going, depth), inside
        if kind == "rewrite":
            self._filters.altered = True
            return going, inside
        self.doubts[_shown(statement)] = None
        return both(going, None), both(inside, None)

    def _narrowed(
        self, statement: Statement, going: bool | None, holds: bool | None
    ) -> bool | None:
        if holds is None and going is not False:
            self.doubts[_shown(statement)] = None
        return both(going, holds)

    def _within(self, body: tuple[Item, ...], inside: bool | None, depth: int) -> bool | None:
        """Leads the record through a log in a path; whether the next one still gets it."""
        flags = _flags(body)
        if "fallback" in flags:  # for what no log beside it takes, which was not followed
            self.doubts["flags(fallback)"] = None
            inside = both(inside, None)
        took = self._path(body, inside, depth + 1)
        return both(inside, _opposite(took)) if "final" in flags else inside

    def _junction(self, statement: Statement, going: bool | None, depth: int) -> bool | None:
        """Channels of a junction; a record goes on that one of them takes."""
        inside, taken = going, False if going is not None else None
        for channel in parts(group_of(statement, "{") or ()):
            body = group_of(channel, "{") or ()
            took = self._path(body, inside, depth + 1)
            taken = _or(taken, took)
            inside = both(inside, _opposite(took)) if "final" in _flags(body) else inside
        return both(going, taken)

    def _branches(self, statement: Statement, going: bool | None, depth: int) -> bool | None:
        """`if`, `elif` and `else`: the first that holds is taken."""
        left, items = going, list(statement)
        while items and left is not False:
            word = text_of(items.pop(0)).lower()
            holds: bool | None = True
            if word in ("if", "elif") and items and _opens(items[0], "("):
                holds = self._filters.holds(_inner(items.pop(0)))
                self._narrowed(statement, left, holds)
            body = _inner(items.pop(0)) if items else ()
            took = self._path(body, both(left, holds), depth + 1)
            chosen = took if word in ("if", "elif") and holds is True else holds
            left = both(left, _opposite(chosen)) if word != "else" else False
        return going

    def _write(self, body: tuple[Item, ...], *, sure: bool) -> None:
        for kind, place in outputs(body):
            if not kind:
                continue
            shown = f"?{place}" if "$" in place else place or kind
            if not sure or kind not in ("file", "host"):
                self.perhaps[shown if kind in ("file", "host") else kind] = None
            else:
                (self.kept if kind == "file" else self.sent)[shown] = None


def _opens(item: Item, opening: str) -> bool:
    return isinstance(item, Group) and item.opening == opening


def _inner(item: Item) -> tuple[Item, ...]:
    return item.items if isinstance(item, Group) else ()


def _opposite(value: bool | None) -> bool | None:
    return None if value is None else not value


def _flags(body: tuple[Item, ...]) -> set[str]:
    return {
        text_of(item)
        for statement in parts(body) if statement and text_of(statement[0]) == "flags"
        for item in group_of(statement, "(") or ()
    }  # fmt: skip


def _shown(statement: Statement) -> str:
    """A statement as text, for the record."""
    words: list[str] = []
    waiting: list[Item] = list(statement)[::-1]
    while waiting and len(words) < 40:
        item = waiting.pop()
        if isinstance(item, Word):
            words.append(f'"{item.text}"' if item.quoted else item.text)
        else:
            closing = ")" if item.opening == "(" else "}"
            waiting += [Word(closing), *item.items[::-1], Word(item.opening)]
    return " ".join(words)[:200]
