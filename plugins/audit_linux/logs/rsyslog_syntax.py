"""Rules of rsyslog as its own scanner and grammar read them (grammar/lexer.l, grammar.y of 8.x).

Lines lose blanks at their end; one that ends in a backslash goes on with the next, a comment, too.
Of the tokens that may stand at a place the longest counts. A selector or a property filter stands
at the start of a line only; elsewhere its words are actions. What rsyslog reads an action of the
old form from goes to the end of the line. `and` and `or` bind alike, from left to right, and `not`
binds closer than a comparison. An error of syntax ends the reading: what stands before is in
force, what follows is not. Keywords, names of properties, modules and rulesets ignore case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from msgspec import Struct

from audit_core.api.sdk import ParseError, msg, verbatim

Value = str | int


class Variable(Struct, frozen=True):
    """A property of a record, such as `msg`, or a variable of the rules (`!x`, `.x`)."""

    name: str


class Literal(Struct, frozen=True):
    """Text or a number; several of them are an array."""

    values: tuple[Value, ...]


class Call(Struct, frozen=True):
    """A function with its arguments."""

    name: str
    arguments: tuple[Expression, ...]


class Negation(Struct, frozen=True):
    """`times` times `not` before an operand."""

    times: int
    operand: Expression


class Chain(Struct, frozen=True):
    """Operands with the operators between them, which apply from left to right."""

    first: Expression
    rest: tuple[tuple[str, Expression], ...]


class Selector(Struct, frozen=True):
    """A selector of the old form: `auth,authpriv.*`."""

    text: str


class Filter(Struct, frozen=True):
    """A property filter: `:msg, !contains, "text"`."""

    name: str
    operator: str
    negated: bool
    text: str


Expression = Variable | Literal | Call | Negation | Chain | Selector | Filter


class Output(Struct, frozen=True):
    """An action. `backup`: it is done at times only. `file` is where it stands."""

    kind: str
    places: tuple[str, ...]
    file: str
    backup: bool = False


class Stop(Struct, frozen=True):
    """The record is not looked at any further."""


class Enter(Struct, frozen=True):
    """The rules of another ruleset come next."""

    ruleset: str


class Rule(Struct, frozen=True):
    """Statements under a condition; `text` is how it stands. A condition None is not read."""

    condition: Expression | None
    text: str
    then: tuple[Statement, ...]
    other: tuple[Statement, ...] = ()


class Unknown(Struct, frozen=True):
    """What was not read: anything may be done there."""

    text: str


Statement = Output | Stop | Enter | Rule | Unknown


class Token(Struct, frozen=True):
    """A piece of a file. `values` are the parameters of an object, with names in lower case."""

    kind: str
    text: str
    file: str
    values: dict[str, tuple[str, ...]] = {}


_MOST = 60_000
_DEEPEST = 32

_KEYWORDS = frozenset({
    "if", "foreach", "stop", "else", "call", "call_indirect", "set", "reset", "unset", "continue",
    "reload_lookup_table",
})  # fmt: skip
_OPENS_EXPRESSION = frozenset({"if", "foreach", "call_indirect", "set", "reset", "unset",
                               "reload_lookup_table"})  # fmt: skip
_OBJECTS = (
    "main_queue|timezone|parser|global|template|ruleset|property|constant|input|module"
    "|lookup_table|dyn_stats|ratelimit|include|action"
)
_FLAGS = re.IGNORECASE | re.MULTILINE | re.ASCII
# In the order of the scanner: of those that are equally long the first counts.
_AT_LINE = (
    ("filter", re.compile(
        r'[ \t]*:\$?[a-z\-]+[ ]*,[ ]*!?[a-z]+[ ]*,[ ]*"(?:\\"|[^"])*"', _FLAGS)),
    ("selector", re.compile(r"[ \t]*[*a-z][*a-z]*[0-7]*[.,][,!=;.*a-z0-7]+", _FLAGS)),
)  # fmt: skip
_ANYWHERE = (
    ("object", re.compile(rf"(?:{_OBJECTS})[ \n\t]*\(", _FLAGS)),
    ("brace", re.compile(r"[&{}]")),
    ("comment", re.compile(r"#[^\n]*\n?|/\*")),
    ("old", re.compile(
        r"-?/[^*\n][^\n]*|:[a-z0-9]+:[^\n]*|[|.\-@^?~>][^\n]+|[~*]|[a-z0-9_][a-z0-9_\-+,;]*",
        _FLAGS)),
    ("directive", re.compile(r"\$[a-z]+[^\n]*", _FLAGS)),
    ("tag", re.compile(r"![^ \t\n]+[ \t]*$|[+\-][*a-z0-9.:\-]+[ \t]*$", _FLAGS)),
)  # fmt: skip
_STRING = r"""'(?:[^'\\]|\\.)*+'|`(?:[^`\\]|\\.)*+`|"(?:[^"\\$]|\\.)*+\""""
_EXPRESSION = re.compile(
    rf"(?P<blank>[ \t\n]+)|(?P<comment>/\*)|(?P<string>{_STRING})"
    r"|(?P<variable>\$[$!./]?[@a-z_]*[!@a-z0-9\-_.\[\]]*)"
    r"|(?P<number>0x[0-9a-f]+|[0-9]+)|(?P<word>[a-z][a-z0-9_]*)"
    r"|(?P<sign>==|<=|>=|!=|<>|[<>=,*/%+&\-\[\]();])",
    _FLAGS | re.DOTALL,
)
_PARAMETER = re.compile(
    r"""(?P<blank>(?:[ \t\n]|\#[^\n]*)+)|(?P<comment>/\*)|(?P<end>\))|(?P<sign>[,\[\]=])"""
    r"""|(?P<name>[a-z][a-z0-9_.]*)|(?P<string>"(?:[^"\\]|\\.)*+"|`(?:[^`\\]|\\.)*+`)""",
    _FLAGS | re.DOTALL,
)
_CALLED = re.compile(r"[ \t\n]*([a-z][a-z0-9\-_.]+)", _FLAGS)
_ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|[0-7]{1,3}|.)", re.IGNORECASE | re.DOTALL)
_PLAIN = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "a": "\a", "f": "\f", "v": "\v"}


class Refused(Exception):
    """rsyslog reads no further: an error of syntax at `text` in `file`."""

    def __init__(self, file: str, text: str) -> None:
        super().__init__(file, text)
        self.file, self.text = file, text


def joined(text: str) -> str:
    """The lines as the scanner gets them."""
    bare = (line.rstrip(" \t\r\f\v") for line in text.split("\n"))
    return "".join(line[:-1] if line.endswith("\\") else f"{line}\n" for line in bare)


def _plain(quoted: str) -> str:
    def one(found: re.Match[str]) -> str:
        told = found[1]
        if told[0] in "xX" and len(told) == 3:
            return chr(int(told[1:], 16))
        return chr(int(told, 8) & 255) if told[0] in "01234567" else _PLAIN.get(told, told)

    return _ESCAPE.sub(one, quoted[1:-1])


class _Scanner:
    """The tokens of one file."""

    def __init__(self, file: str, text: str) -> None:
        self._file, self._text, self._at = file, joined(text), 0

    def tokens(self) -> Iterator[Token]:
        """Every token; raises Refused at what is none."""
        while (found := self._next()) is not None:
            kind, text = found
            if kind == "object":
                yield self._object(text)
            elif kind == "old" and text.lower() in _KEYWORDS:
                yield from self._keyword(text.lower())
            elif kind == "comment":
                self._comment(text)
            else:
                yield Token(kind, text.strip(), self._file)

    def _next(self) -> tuple[str, str] | None:
        text = self._text
        while self._at < len(text):
            at = self._at
            rules = (*_AT_LINE, *_ANYWHERE) if not at or text[at - 1] == "\n" else _ANYWHERE
            found = [(kind, m[0]) for kind, rule in rules if (m := rule.match(text, at))]
            if found:
                best = max(found, key=lambda item: len(item[1]))
                self._at += len(best[1])
                return best
            if text[at] not in " \t\n":
                raise self._refused()
            self._at += 1
        return None

    def _refused(self) -> Refused:
        line = self._text[self._at : self._at + 200].partition("\n")[0]
        return Refused(self._file, line)

    def _comment(self, text: str) -> None:
        if text == "/*":
            end = self._text.find("*/", self._at)
            self._at = len(self._text) if end < 0 else end + 2

    def _pieces(self, pattern: re.Pattern[str]) -> Iterator[tuple[str, str]]:
        while True:
            found = pattern.match(self._text, self._at)
            if found is None or found.lastgroup is None:
                raise self._refused()
            self._at = found.end()
            if found.lastgroup == "comment":
                self._comment(found[0])
            elif found.lastgroup != "blank":
                yield found.lastgroup, found[0]

    def _object(self, opening: str) -> Token:
        """An object up to its closing parenthesis."""
        values: dict[str, list[str]] = {}
        name = ""
        for kind, text in self._pieces(_PARAMETER):
            if kind == "end":
                break
            if kind == "name":
                name = text.lower()
                values.setdefault(name, [])
            elif kind == "string":
                values.setdefault(name, []).append(_plain(text))
        told = {key: tuple(value) for key, value in values.items()}
        return Token(opening.rstrip("( \n\t").lower(), opening, self._file, told)

    def _keyword(self, word: str) -> Iterator[Token]:
        yield Token(word, word, self._file)
        if word == "call":
            found = _CALLED.match(self._text, self._at)
            if found is None:
                raise self._refused()
            self._at = found.end()
            yield Token("name", found[1], self._file)
        elif word in _OPENS_EXPRESSION:
            yield from self._expression()

    def _expression(self) -> Iterator[Token]:
        """Up to `then`, `do` or a semicolon."""
        for kind, text in self._pieces(_EXPRESSION):
            low = text.lower()
            if kind == "word" and low in ("then", "do"):
                yield Token(low, text, self._file)
                return
            yield Token(kind, _plain(text) if kind == "string" else low, self._file)
            if text == ";":
                return


Include = Callable[[str], list[tuple[str, str]] | None]


def scan(file: str, text: str, include: Include, above: tuple[str, ...] = ()) -> Iterator[Token]:
    """The tokens of a file, with those of included files in place of the line that names them.

    `include` gives path and text of each file that a pattern names, None where it was not read.
    """
    for token in _Scanner(file, text).tokens():
        place = _included(token)
        if place is None:
            yield token
            continue
        if len(above) > _DEEPEST:
            raise ParseError(msg("files are included too deeply"))
        files = include(place)
        if files is None:
            yield Token("unread", place, token.file)
        for path, content in files or ():
            if path not in (file, *above):  # rsyslog passes over what it is reading
                yield from scan(path, content, include, (*above, file))


def _included(token: Token) -> str | None:
    if token.kind == "include":
        return "".join(token.values.get("file", ()))
    if token.kind == "directive":
        name, _, rest = token.text.partition(" ")
        if name.lower().startswith("$includeconfig"):
            return rest.strip() or name[14:].strip()
    return None


class Grammar:
    """Reads statements from tokens; `rulesets` hold those of each ruleset, `objects` the rest."""

    def __init__(self, tokens: Iterator[Token]) -> None:
        self._tokens, self._count = tokens, 0
        self._ahead: Token | None = None
        self._backup = False
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
        name, _, rest = token.text.partition(" ")
        if name.lower() == "$actionexeconlywhenpreviousissuspended":
            self._backup = rest.strip().lower() == "on"
        self.objects.append(token)

    def _declared(self) -> None:
        token = self._take()
        self.objects.append(token)
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
        if depth > _DEEPEST:
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
            told = self._take().text
            condition = Selector(told) if kind == "selector" else _filter(told)
            return [Rule(condition, told, self._block(depth))]
        if kind == "foreach":
            told = self._skipped("do")
            return [Rule(None, told, self._block(depth))]
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
        words = _ConditionParser(self._until_then())
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
            return [_object_output(token)]
        if token.kind == "continue":
            return []
        if token.kind == "stop" or token.text.startswith("~"):
            return [Stop()]
        return [_old_output(token, backup=self._backup)]


DEFAULT = "rsyslog_defaultruleset"
_DECLARED = frozenset(_OBJECTS.split("|")) - {"ruleset", "action", "include"}
_ACTS = frozenset({"action", "old", "stop", "call", "call_indirect", "continue"})
_FILTER = re.compile(r':\$?([a-z\-]+) *, *(!?)([a-z]+) *, *"(.*)"', _FLAGS | re.DOTALL)


def _filter(text: str) -> Filter:
    found = _FILTER.fullmatch(text)
    if found is None:
        raise ParseError(msg("not a property filter: {text}", text=verbatim(text)))
    told = found[4].replace('\\"', '"').replace("\\\\", "\\")
    return Filter(found[1].lower(), found[3].lower(), bool(found[2]), told)


_OLD_HOST = re.compile(r"@@?(?:\([^)]{0,40}\))?(\[[0-9a-f:.%]{1,60}\]|[^\s:;#@()]{1,255})", _FLAGS)
_OLD_MODULE = re.compile(r":(om[a-z0-9]+):(?:(\[[0-9a-f:.%]{1,60}\]|[^\s:;]{1,255}))?", _FLAGS)


def _old_output(token: Token, *, backup: bool) -> Output:
    """An action of the old form: a file, a host, a pipe, accounts, a module."""
    text = token.text
    if text.startswith(("/", "-/")):
        path = text.removeprefix("-").split(";")[0].split(" ")[0].split("\t")[0]
        return Output("omfile", (path,), token.file, backup)
    if text.startswith("?"):
        return Output("omfile", (text.split(";")[0],), token.file, backup)
    if (host := _OLD_HOST.match(text)) is not None:
        return Output("omfwd", (host[1],), token.file, backup)
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
        or "action.execonlyeverynthtime" in values
        or "action.execonlyonceeveryinterval" in values
    )
    if kind == "omfile" and "dynafile" in values and "file" not in values:
        places = tuple(f"?{place}" for place in places)
    return Output(kind, tuple(places), token.file, at_times)


# --- expressions --------------------------------------------------------------------------------

_COMPARES = frozenset({
    "==", "!=", "<>", "<", ">", "<=", ">=", "contains", "contains_i", "startswith", "startswith_i",
    "endswith",
})  # fmt: skip
_LEVELS = (frozenset({"and", "or"}), _COMPARES, frozenset({"+", "-", "&"}), frozenset("*/%"))


class _ConditionParser:
    """The words of one condition."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens, self._at = tokens, 0
        shown = (f'"{t.text}"' if t.kind == "string" else t.text for t in tokens)
        self.text = " ".join(shown)[:200]

    def condition(self) -> Expression:
        found = self._level(0, 0)
        if self._at < len(self._tokens):
            raise self._refused()
        return found

    def _refused(self) -> Refused:
        token = self._tokens[min(self._at, len(self._tokens) - 1)] if self._tokens else None
        return Refused(token.file if token else "", token.text if token else "then")

    def _peek(self) -> str:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        return token.text if token and token.kind in ("word", "sign") else ""

    def _level(self, level: int, depth: int) -> Expression:
        if level == len(_LEVELS):
            return self._unary(depth)
        first, rest = self._level(level + 1, depth), []
        while (sign := self._peek()) in _LEVELS[level]:
            self._at += 1
            rest.append((sign, self._level(level + 1, depth)))
        return Chain(first, tuple(rest)) if rest else first

    def _unary(self, depth: int) -> Expression:
        times = 0
        while self._peek() == "not":
            self._at += 1
            times += 1
        if self._peek() == "-":
            self._at += 1
            return Call("-", (self._unary(depth + 1),)) if depth < _DEEPEST else self._too_deep()
        operand = self._primary(depth)
        return Negation(times, operand) if times else operand

    def _too_deep(self) -> Expression:
        raise ParseError(msg("blocks are nested too deeply"))

    def _primary(self, depth: int) -> Expression:
        if self._at >= len(self._tokens):
            raise self._refused()
        if depth > _DEEPEST:
            return self._too_deep()
        token = self._tokens[self._at]
        self._at += 1
        if token.kind == "string":
            return Literal((token.text,))
        if token.kind == "number":
            return Literal((_number(token.text),))
        if token.kind == "variable":
            return Variable(token.text[1:])
        if token.text == "(":
            found = self._level(0, depth + 1)
            self._sign(")")
            return found
        if token.text == "[":
            return Literal(self._array())
        if token.kind == "word" and self._peek() == "(":
            return Call(token.text, self._arguments(depth + 1))
        self._at -= 1
        raise self._refused()

    def _sign(self, text: str) -> None:
        if self._peek() != text:
            raise self._refused()
        self._at += 1

    def _array(self) -> tuple[Value, ...]:
        found: list[Value] = []
        while self._at < len(self._tokens) and self._tokens[self._at].kind == "string":
            found.append(self._tokens[self._at].text)
            self._at += 1
            if self._peek() == ",":
                self._at += 1
        self._sign("]")
        return tuple(found)

    def _arguments(self, depth: int) -> tuple[Expression, ...]:
        self._sign("(")
        found: list[Expression] = []
        while self._peek() != ")":
            found.append(self._level(0, depth))
            if self._peek() == ",":
                self._at += 1
        self._sign(")")
        return tuple(found)


def _number(text: str) -> int:
    base = 16 if text.startswith("0x") else 8 if text.startswith("0") else 10
    try:
        return int(text[:40], base)
    except ValueError:
        return int(text[:40])
