"""Rules of rsyslog as its own grammar reads them (grammar/grammar.y of 8.x).

An error of syntax ends the reading: what stands before is in force, what follows is not. Keywords,
names of properties, modules and rulesets ignore case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from msgspec import structs

from audit_core.api.sdk import ParseError, msg, verbatim
from audit_linux.logs.rsyslog_expressions import ConditionParser
from audit_linux.logs.rsyslog_scanner import DEEPEST, FLAGS, OBJECTS, Refused, Token
from audit_linux.logs.rsyslog_statements import (
    Enter,
    Filter,
    Output,
    Rule,
    Selector,
    Statement,
    Stop,
    Unknown,
)

_MOST = 60_000


class Grammar:
    """Reads statements from tokens; `rulesets` hold those of each ruleset, `objects` the rest."""

    def __init__(self, tokens: Iterator[Token]) -> None:
        self._tokens, self._count = tokens, 0
        self._ahead: Token | None = None
        self._at_times: dict[str, bool] = {}
        self._templates = _Templates()
        self.rulesets: dict[str, list[Statement]] = {DEFAULT: []}
        self.default = DEFAULT
        self.objects: list[Token] = []
        self.refused: Refused | None = None

    def read(self) -> None:
        """Reads to the end, or to an error of syntax."""
        current = self.rulesets[DEFAULT]
        self._advance()
        try:
            while (token := self._ahead) is not None:
                if token.kind == "ruleset":
                    self._ruleset()
                elif token.kind == "directive":
                    current = self._directive(current)
                elif token.kind in _DECLARED:
                    self._declared()
                elif token.kind == "tag":
                    self._take()  # rsyslog tells that it does not know these any more
                else:
                    current += self._statement(0)
        except Refused as refused:
            self.refused = refused

    def _take(self) -> Token:
        token = self._ahead
        if token is None:
            raise Refused("", "")
        self._count += 1
        if self._count > _MOST:
            raise ParseError(msg("more than {count} words of rules", count=_MOST))
        self._advance()
        return token

    def _advance(self) -> None:
        try:
            self._ahead = next(self._tokens, None)
        except Refused as refused:  # what stands before it holds
            self._ahead = Token("refused", refused.text, refused.file)

    def _expect(self, kind: str, text: str = "") -> Token:
        token = self._ahead
        if token is None or token.kind != kind or (text and token.text != text):
            raise Refused(token.file if token else "", token.text if token else "")
        return self._take()

    def _is(self, kind: str, text: str = "") -> bool:
        token = self._ahead
        return token is not None and token.kind == kind and (not text or token.text == text)

    def _directive(self, current: list[Statement]) -> list[Statement]:
        token = self._take()
        name, _, rest = token.text.partition(" ")
        name, rest = name.lower(), rest.strip().lower()
        if name == "$ruleset":
            return self.rulesets.setdefault(rest, [])
        self._inside(token)
        if name == "$defaultruleset" and rest in self.rulesets:
            self.default = rest
        return current

    def _inside(self, token: Token) -> None:
        """A directive takes effect where it stands, in a block, too."""
        name, _, rest = token.text.lower().partition(" ")
        if name in _AT_TIMES:
            self._at_times[name] = _AT_TIMES[name](rest.strip())
        self._templates.directive(token.text)
        self.objects.append(token)

    def _declared(self) -> None:
        token = self._take()
        self.objects.append(token)
        self._templates.declared(token)
        if token.kind == "template" and self._is("brace", "{"):
            self._take()
            while self._is("property") or self._is("constant"):
                self._take()
            self._expect("brace", "}")

    def _ruleset(self) -> None:
        name = "".join(self._take().values.get("name", ())).lower()
        self._expect("brace", "{")
        found: list[Statement] = []
        while not self._is("brace", "}"):
            found += self._statement(0)
        self._take()
        self.rulesets.setdefault(name, found)

    def _statement(self, depth: int) -> list[Statement]:
        """One statement; actions that `&` joins are several."""
        if depth > DEEPEST:
            raise ParseError(msg("blocks are nested too deeply"))
        token = self._ahead
        kind = token.kind if token else ""
        if kind == "directive":
            self._inside(self._take())
            return []
        if kind == "unread":
            return [Unknown(self._take().text)]
        if kind == "if":
            return [self._if(depth)]
        if kind in ("selector", "filter"):
            text = self._take().text
            condition = Selector(text) if kind == "selector" else _filter(text)
            return [Rule(condition, text, self._block(depth))]
        if kind == "foreach":
            text = self._skipped("do")
            return [Rule(None, text, self._block(depth))]
        if kind in ("set", "reset", "unset", "reload_lookup_table"):
            self._skipped("sign", ")" if kind == "reload_lookup_table" else ";")
            return []
        return self._actions()

    def _skipped(self, kind: str, text: str = "") -> str:
        words = [self._take().text]
        while not self._is(kind, text):
            words.append(self._take().text)
        self._take()
        return " ".join(words)

    def _if(self, depth: int) -> Rule:
        self._take()
        words = ConditionParser(self._until_then())
        condition = words.condition()
        then = self._block(depth)
        other: tuple[Statement, ...] = ()
        if self._is("else"):
            self._take()
            other = self._block(depth)
        return Rule(condition, f"if {words.text}", then, other)

    def _until_then(self) -> list[Token]:
        found = []
        while not self._is("then"):
            found.append(self._take())
        self._take()
        return found

    def _block(self, depth: int) -> tuple[Statement, ...]:
        while self._is("directive"):
            self._inside(self._take())
        if not self._is("brace", "{"):
            return tuple(self._statement(depth + 1))
        self._take()
        found = self._statement(depth + 1)
        while not self._is("brace", "}"):
            found += self._statement(depth + 1)
        self._take()
        return tuple(found)

    def _actions(self) -> list[Statement]:
        found = self._action()
        while self._is("brace", "&"):
            self._take()
            found += self._action()
        return found

    def _action(self) -> list[Statement]:
        token = self._ahead
        if token is None or token.kind not in _ACTS:
            raise Refused(token.file if token else "", token.text if token else "")
        self._take()
        if token.kind == "call":
            return [Enter(self._expect("name").text.lower())]
        if token.kind == "call_indirect":
            return [Unknown(f"{token.text} {self._skipped('sign', ';')}")]
        if token.kind == "action":
            return [self._templates.checked(_object_output(token))]
        if token.kind == "continue":
            return []
        if token.kind == "stop" or token.text.startswith("~"):
            return [Stop()]
        output = _old_output(token, backup=any(self._at_times.values()))
        self._at_times = {n: on for n, on in self._at_times.items() if n not in _ONCE}
        return [self._templates.checked(output)]


DEFAULT = "rsyslog_defaultruleset"
# A queue that is full enough discards records of these levels and below; 8 is none.
_SEVERE = tuple("01234567")
# Directives with which an action is not done for every record, and when they say so. Those of
# _ONCE hold for the next action only.
_ONCE = ("$actionexeconlyeverynthtime", "$actionexeconlyonceeveryinterval")
_AT_TIMES: dict[str, Callable[[str], bool]] = {
    "$actionexeconlywhenpreviousissuspended": lambda text: text == "on",
    "$actionqueuediscardseverity": lambda text: text in _SEVERE,
    **dict.fromkeys(_ONCE, lambda text: text not in ("0", "1")),
}
_DECLARED = frozenset(OBJECTS.split("|")) - {"ruleset", "action", "include"}
_ACTS = frozenset({"action", "old", "stop", "call", "call_indirect", "continue"})
_FILTER = re.compile(r':\$?([a-z\-]+) *, *(!?)([a-z]+) *, *"(.*)"', FLAGS | re.DOTALL)


def _filter(text: str) -> Filter:
    found = _FILTER.fullmatch(text)
    if found is None:
        raise ParseError(msg("not a property filter: {text}", text=verbatim(text)))
    value = found[4].replace('\\"', '"').replace("\\\\", "\\")
    return Filter(found[1].lower(), found[3].lower(), bool(found[2]), value)


_OLD_HOST = re.compile(
    r"@(@?)(?:\([^)]{0,40}\))?(\[[0-9a-f:.%]{1,60}\]|[^\s:;#@()]{1,255})(?::([0-9]{1,5}))?", FLAGS
)
_OLD_MODULE = re.compile(r":(om[a-z0-9]+):(?:(\[[0-9a-f:.%]{1,60}\]|[^\s:;]{1,255}))?", FLAGS)


def _old_output(token: Token, *, backup: bool) -> Output:
    """An action of the old form: a file, a host, a pipe, accounts, a module."""
    text = token.text.removeprefix("-")
    words = text.partition(";")[2].split()
    template = words[0] if words else ""
    if text.startswith("/"):
        path = text.split(";")[0].split(" ")[0].split("\t")[0]
        return Output("omfile", (path,), token.file, backup, template)
    if text.startswith("?"):
        return Output("omfile", (text.split(";")[0],), token.file, backup, template)
    if (host := _OLD_HOST.match(text)) is not None:
        port = (host[3] or "514") if host[1] else ""
        return Output("omfwd", (host[2],), token.file, backup, template, port=port)
    if (module := _OLD_MODULE.match(text)) is not None:
        return Output(module[1].lower(), (module[2] or "",), token.file, backup)
    kinds = {"|": "ompipe", "^": "omprog", ">": "ommysql"}
    return Output(kinds.get(text[:1], "omusrmsg"), (text,), token.file, backup)


_PLACES = ("file", "dynafile", "target", "server", "host", "broker")


def _object_output(token: Token) -> Output:
    values = token.values
    kind = "".join(values.get("type", ())).lower()
    places = next((values[name] for name in _PLACES if values.get(name)), ())
    at_times = (
        values.get("action.execonlywhenpreviousissuspended", ("off",)) != ("off",)
        or values.get("action.execonlyeverynthtime", ("1",)) not in (("0",), ("1",))
        or "action.execonlyonceeveryinterval" in values
        or "".join(values.get("queue.discardseverity", ("8",))) in _SEVERE
    )
    if kind == "omfile" and "dynafile" in values and "file" not in values:
        places = tuple(f"?{place}" for place in places)
    template = "".join(values.get("template", ()))
    return Output(kind, tuple(places), token.file, at_times, template, port=_tcp_port(kind, values))


def _tcp_port(kind: str, values: dict[str, tuple[str, ...]]) -> str:
    """The port to which an action keeps a TCP connection; empty for others."""
    tcp = kind == "omrelp" or "".join(values.get("protocol", ())).lower() == "tcp"
    return "".join(values.get("port", ("514",))) if tcp else ""


class _Templates:
    """The templates and channels that were defined so far, and what actions have without their own.

    An action with a template that was not defined before it is switched off; case matters. As was
    seen with rsyslogd 8.2302.
    """

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._default: dict[str, str] = {}
        self._channels: dict[str, str] = {}

    def directive(self, text: str) -> None:
        """A line that begins with `$`."""
        name, _, rest = text.partition(" ")
        rest = rest.strip()
        if name.lower() == "$template":
            self._names.add(rest.partition(",")[0].strip())
        elif name.lower() == "$outchannel":
            channel, _, more = rest.partition(",")
            self._channels[channel.strip()] = more.partition(",")[0].strip()
        elif name.lower() in _DEFAULTS:
            self._default[_DEFAULTS[name.lower()]] = rest

    def declared(self, token: Token) -> None:
        """An object that may be a template."""
        if token.kind == "template":
            self._names.add("".join(token.values.get("name", ())))

    def checked(self, output: Output) -> Output:
        """`output`, off where its template is not defined or it names no file."""
        if output.kind == "omfile":
            output = structs.replace(output, places=tuple(map(self._file, output.places)))
            if not any(output.places):
                return structs.replace(output, off=True)
        name = output.template or self._default.get(output.kind, "")
        known = not name or name.startswith("RSYSLOG_") or name in self._names
        return output if known else structs.replace(output, off=True)

    def _file(self, place: str) -> str:
        """The file of an action; that of its channel where it names one (`:omfile:$name`)."""
        return self._channels.get(place[1:], place) if place.startswith("$") else place


_DEFAULTS = {
    "$actionfiledefaulttemplate": "omfile",
    "$actionforwarddefaulttemplate": "omfwd",
}
