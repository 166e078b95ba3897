"""What a rule of polkit(8) returns, for the forms of JavaScript that administrators write.

A rule is a function of `action` and `subject` in a .rules file. Read are: `if` and `else`,
`return`, `var`, calls of `polkit.log`; comparisons, `&&`, `||`, `!`; text, arrays, simple regular
expressions; `action.id`, `action.lookup(…)`, `subject.user`, `subject.groups`,
`subject.isInGroup(…)`, `subject.local`, `subject.active`; indexOf, startsWith, endsWith, includes,
match, search, test. A rule of any other form may return anything that its text names: nothing is
run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, Final

from msgspec import Struct

_TOKEN = re.compile(
    r"""\s+|//[^\n]*|/\*.*?\*/
    |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<number>-?\d+)
    |(?P<name>[A-Za-z_$][\w$]*)
    |(?P<sign>===|!==|==|!=|>=|<=|=>|&&|\|\||[-!<>=(){}\[\];,.?:+*%&|])
    |(?P<regex>/(?:[^/\\\n]|\\.)+/[a-z]*)""",
    re.VERBOSE | re.DOTALL,
)
_MOST_TOKENS, _DEEPEST = 20_000, 60
_GRANTS = re.compile(r"yes|auth_self|spawn|eval", re.IGNORECASE)
_SIMPLE_REGEX = re.compile(r"[\w^$|()./\\ :@-]*(?:\*[\w^$|()./\\ :@-]*){0,3}")
_ESCAPE = re.compile(r"\\(.)")


class _Unknown:
    """A value that is not known."""


UNKNOWN: Final = _Unknown()
ANYTHING: Final = "?"


class UnreadableError(Exception):
    """A form that is not read."""


class Request(Struct, frozen=True, kw_only=True):
    """Who asks for which action; `groups` None where they are not known.

    `details` are what the caller chooses (`action.lookup`); None: whatever a rule compares with.
    """

    action: str
    user: str | None
    groups: frozenset[str] | None
    present: bool
    details: dict[str, str] | None = {}


class Rule(Struct, frozen=True, kw_only=True):
    """One function of a file: its statements, or None where it is of another form."""

    path: str
    admin: bool
    body: tuple[Any, ...] | None
    names: tuple[str, str] = ("action", "subject")
    grants: bool = True
    texts: tuple[str, ...] = ()
    regexes: tuple[str, ...] = ()

    def returns(self, request: Request) -> frozenset[Any]:
        """What it may return: text, a tuple of identities, None for nothing; `?` for anything."""
        if self.body is None:
            return frozenset({ANYTHING} if self.grants else {None, "no"})
        try:
            found, ends = _Run(self.names, request).block(self.body)
        except (UnreadableError, RecursionError):
            return frozenset({ANYTHING} if self.grants else {None, "no"})
        return frozenset(found | ({None} if ends else set()))


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        hit = _TOKEN.match(text, at)
        if hit is None or len(found) > _MOST_TOKENS:
            raise UnreadableError
        if hit.lastgroup:
            found.append((hit.lastgroup, hit[0]))
        at = hit.end()
    return found


def rules_of(path: str, text: str) -> tuple[Rule, ...]:
    """The rules of a file in their order; what stands between them is passed over."""
    try:
        reader = _Reader(_tokens(text))
    except UnreadableError:
        return (Rule(path=path, admin=False, body=None, grants=bool(_GRANTS.search(text))),)
    return tuple(_rules(path, reader))


def _rules(path: str, reader: _Reader) -> Iterator[Rule]:
    while reader.left():
        start = reader.at
        try:
            admin = reader.head()
        except UnreadableError:
            reader.at = start + 1
            continue
        begin = reader.at
        try:
            names = reader.parameters()
            body: tuple[Any, ...] | None = reader.block(0)
        except (UnreadableError, RecursionError):
            reader.at, names, body = begin, ("action", "subject"), None
            reader.skip_call()
        tokens = reader.tokens[begin : reader.at]
        texts = [text for _, text in tokens]
        yield Rule(path=path, admin=admin, body=body, names=names,
                   grants=bool(_GRANTS.search(" ".join(texts))), texts=_strings(texts),
                   regexes=tuple(text for kind, text in tokens if kind == "regex"))  # fmt: skip


def _strings(texts: list[str]) -> tuple[str, ...]:
    return tuple(_plain(text) for text in texts if text[:1] in "\"'")


def _plain(text: str) -> str:
    return _ESCAPE.sub(r"\1", text[1:-1])


class _Reader:
    """Tokens to statements: tuples that begin with the kind of statement or expression."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.at = 0

    def left(self) -> bool:
        return self.at < len(self.tokens)

    def _peek(self, ahead: int = 0) -> str:
        place = self.at + ahead
        return self.tokens[place][1] if place < len(self.tokens) else ""

    def _take(self, *wanted: str) -> None:
        for text in wanted:
            if self._peek() != text:
                raise UnreadableError
            self.at += 1

    def _is(self, *texts: str) -> str:
        """The next token, taken, where it is one of `texts`; else empty."""
        text = self._peek()
        if text in texts and (not self.left() or self.tokens[self.at][0] in ("sign", "name")):
            self.at += 1
            return text
        return ""

    def _name(self) -> str:
        if not self.left() or self.tokens[self.at][0] != "name":
            raise UnreadableError
        self.at += 1
        return self.tokens[self.at - 1][1]

    def head(self) -> bool:
        """Takes `polkit.addRule(`; True for rules about who is an administrator."""
        self._take("polkit", ".")
        name = self._name()
        if name not in ("addRule", "addAdminRule", "_addRule", "_addAdminRule"):
            raise UnreadableError
        self._take("(")
        return name.endswith("AdminRule")

    def parameters(self) -> tuple[str, str]:
        """The names of both parameters, up to the body."""
        if self._is("function") and self._peek() != "(":
            self._name()
        self._take("(")
        names = [self._name()]
        while self._is(","):
            names.append(self._name())
        self._take(")")
        self._is("=>")
        return (names[0], names[1] if len(names) > 1 else "")

    def skip_call(self) -> None:
        """Goes past the bracket that ends the call."""
        depth = 1
        while self.left() and depth:
            depth += (self._peek() in "([{") - (self._peek() in ")]}")
            self.at += 1

    def block(self, depth: int) -> tuple[Any, ...]:
        self._take("{")
        found = []
        while not self._is("}"):
            found.append(self._statement(depth + 1))
        return tuple(found)

    def _statement(self, depth: int) -> tuple[Any, ...]:
        if depth > _DEEPEST or not self.left():
            raise UnreadableError
        if self._peek() == "{":
            return ("block", self.block(depth))
        if self._is(";"):
            return ("block", ())
        word = self._is("if", "return", "var", "let", "const")
        if word == "if":
            return self._condition(depth)
        if word == "return":
            value = None if self._peek() in (";", "}") else self._either(depth)
            self._is(";")
            return ("return", value)
        found: tuple[Any, ...]
        if word:
            name = self._name()
            self._take("=")
            found = ("set", name, self._either(depth))
        else:
            found = ("do", self._either(depth))
        self._is(";")
        return found

    def _condition(self, depth: int) -> tuple[Any, ...]:
        self._take("(")
        test = self._either(depth)
        self._take(")")
        then = self._statement(depth + 1)
        other = self._statement(depth + 1) if self._is("else") else ("block", ())
        return ("if", test, then, other)

    def _either(self, depth: int) -> tuple[Any, ...]:
        if depth > _DEEPEST:
            raise UnreadableError
        left = self._both(depth + 1)
        while self._is("||"):
            left = ("or", left, self._both(depth + 1))
        if self._is("?"):
            then = self._either(depth + 1)
            self._take(":")
            return ("choice", left, then, self._either(depth + 1))
        return left

    def _both(self, depth: int) -> tuple[Any, ...]:
        left = self._compared(depth + 1)
        while self._is("&&"):
            left = ("and", left, self._compared(depth + 1))
        return left

    def _compared(self, depth: int) -> tuple[Any, ...]:
        left = self._one(depth + 1)
        while sign := self._is("==", "===", "!=", "!==", ">", ">=", "<", "<=", "+"):
            left = (sign[:2], left, self._one(depth + 1))
        return left

    def _one(self, depth: int) -> tuple[Any, ...]:
        if self._is("!"):
            return ("not", self._one(depth + 1))
        value = self._atom(depth)
        while True:
            if self._is("."):
                value = ("of", value, self._name())
            elif self._is("("):
                value = ("call", value, self._list(")", depth))
            else:
                return value

    def _atom(self, depth: int) -> tuple[Any, ...]:
        if not self.left() or depth > _DEEPEST:
            raise UnreadableError
        if self._is("("):
            value = self._either(depth + 1)
            self._take(")")
            return value
        if self._is("["):
            return ("list", self._list("]", depth))
        kind, text = self.tokens[self.at]
        if kind == "sign":
            raise UnreadableError
        self.at += 1
        return (kind, text)

    def _list(self, end: str, depth: int) -> tuple[Any, ...]:
        found = []
        while not self._is(end):
            found.append(self._either(depth + 1))
            if not self._is(",") and self._peek() != end:
                raise UnreadableError
        return tuple(found)


class _Run:
    """Runs the statements of one rule; an unknown condition goes both ways."""

    def __init__(self, names: tuple[str, str], request: Request) -> None:
        self._action, self._subject = names
        self._asked = request
        self._set: dict[str, Any] = {}

    def block(self, statements: tuple[Any, ...]) -> tuple[set[Any], bool]:
        """What the statements may return, and whether they may end without."""
        found: set[Any] = set()
        for statement in statements:
            more, ends = self._statement(statement)
            found |= more
            if not ends:
                return found, False
        return found, True

    def _statement(self, statement: tuple[Any, ...]) -> tuple[set[Any], bool]:
        kind, first = statement[0], statement[1]
        if kind == "block":
            return self.block(first)
        if kind == "return":
            return self._returned(first)
        if kind == "set":
            self._set[first] = self._value(statement[2])
        elif kind == "if":
            return self._branches(self._value(first), statement[2:])
        elif not _is_log(first):
            raise UnreadableError
        return set(), True

    def _returned(self, value: tuple[Any, ...] | None) -> tuple[set[Any], bool]:
        if value is None:
            return {None}, False
        if value[0] == "choice":
            return self._branches(
                self._value(value[1]), (("return", value[2]), ("return", value[3]))
            )
        found = self._value(value)
        if isinstance(found, list):
            return {tuple(ANYTHING if one is UNKNOWN else one for one in found)}, False
        return {ANYTHING if found is UNKNOWN else found}, False

    def _branches(self, test: Any, ways: tuple[Any, ...]) -> tuple[set[Any], bool]:
        if test is not UNKNOWN:
            return self._statement(ways[0 if test else 1])
        kept = dict(self._set)
        found, ends = self._statement(ways[0])
        changed, self._set = self._set, kept
        more, also = self._statement(ways[1])
        for name in changed.keys() | self._set.keys():
            if changed.get(name, UNKNOWN) != self._set.get(name, UNKNOWN):
                self._set[name] = UNKNOWN
        return found | more, ends or also

    def _value(self, node: tuple[Any, ...]) -> Any:
        kind = node[0]
        if kind == "text":
            return _plain(node[1])
        if kind == "number":
            return int(node[1][:9])
        if kind in ("and", "or"):
            return self._joined(kind, node)
        if kind == "not":
            found = self._value(node[1])
            return found if found is UNKNOWN else not found
        if kind == "list":
            return [self._value(one) for one in node[1]]
        if kind == "name":
            return self._named(node[1])
        if kind == "of":
            return self._member(node)
        if kind == "call":
            return self._called(node)
        return UNKNOWN if kind in ("regex", "choice") else self._compared(node)

    def _named(self, name: str) -> Any:
        constants = {"true": True, "false": False, "null": None, "undefined": None}
        return constants[name] if name in constants else self._set.get(name, UNKNOWN)

    def _joined(self, kind: str, node: tuple[Any, ...]) -> Any:
        left, right = self._value(node[1]), self._value(node[2])
        ends = kind == "or"  # what settles it alone
        for one in (left, right):
            if one is not UNKNOWN and bool(one) is ends:
                return ends
        return UNKNOWN if UNKNOWN in (left, right) else not ends

    def _compared(self, node: tuple[Any, ...]) -> Any:
        left, right = self._value(node[1]), self._value(node[2])
        if left is UNKNOWN or right is UNKNOWN:
            return UNKNOWN
        if node[0] == "==":
            return left == right
        if node[0] == "!=":
            return left != right
        if not (isinstance(left, int) and isinstance(right, int)):
            return UNKNOWN
        ways = {">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}
        return ways.get(node[0], UNKNOWN)

    def _member(self, node: tuple[Any, ...]) -> Any:
        whose, name = node[1], node[2]
        if whose == ("name", self._action):
            return self._asked.action if name == "id" else UNKNOWN
        if whose == ("name", self._subject):
            return self._of_subject(name)
        if whose == ("of", ("name", "polkit"), "Result"):
            return name.lower()
        return UNKNOWN

    def _of_subject(self, name: str) -> Any:
        if name == "user":
            return UNKNOWN if self._asked.user is None else self._asked.user
        if name in ("local", "active"):
            return self._asked.present
        if name == "groups" and self._asked.groups is not None:
            return sorted(self._asked.groups)
        return UNKNOWN

    def _called(self, node: tuple[Any, ...]) -> Any:
        function, arguments = node[1], node[2]
        if function[0] != "of" or len(arguments) != 1:
            return UNKNOWN
        whose, name = function[1], function[2]
        if whose[0] == "regex":
            return _matches(whose[1], self._value(arguments[0]))
        if arguments[0][0] == "regex":
            found = _matches(arguments[0][1], self._value(whose))
            return found if found is UNKNOWN or name == "match" else (0 if found else -1)
        argument = self._value(arguments[0])
        if whose == ("name", self._subject) and name == "isInGroup":
            groups = self._asked.groups
            return UNKNOWN if groups is None or argument is UNKNOWN else argument in groups
        if whose == ("name", self._action) and name == "lookup":
            details = self._asked.details
            return UNKNOWN if details is None else details.get(str(argument), "\0")
        return _of_text(self._value(whose), name, argument)


def _is_log(node: tuple[Any, ...]) -> bool:
    return bool(node[0] == "call" and node[1] == ("of", ("name", "polkit"), "log"))


def likeness(rules: Sequence[Rule]) -> Callable[[str, frozenset[str]], Hashable]:
    """What tells accounts apart for these rules, by their name and groups.

    Where it is equal the rules return the same: they compare, search and match with their own
    texts alone.
    """
    texts = sorted({text for rule in rules for text in rule.texts})
    regexes = sorted({regex for rule in rules for regex in rule.regexes})

    def of(user: str, groups: frozenset[str]) -> Hashable:
        at = {name: place for place, name in enumerate(sorted(groups))}
        return (
            tuple((user.find(t), t.find(user), user.endswith(t), at.get(t)) for t in texts),
            tuple(str(_matches(regex, user)) for regex in regexes),
        )

    return of


def _matches(regex: str, text: Any) -> Any:
    pattern, _, flags = regex[1:].rpartition("/")
    if not isinstance(text, str) or not _SIMPLE_REGEX.fullmatch(pattern) or flags.strip("gi"):
        return UNKNOWN
    try:
        return re.search(pattern, text, re.IGNORECASE if "i" in flags else 0) is not None
    except re.error:
        return UNKNOWN


def _is_known(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and UNKNOWN not in value)


def _of_text(value: Any, method: str, argument: Any) -> Any:
    if argument is UNKNOWN or not _is_known(value):
        return UNKNOWN
    if method == "indexOf":
        if isinstance(value, str):
            return value.find(str(argument))
        return value.index(argument) if argument in value else -1
    if method == "includes":
        return (str(argument) if isinstance(value, str) else argument) in value
    if isinstance(value, str) and method in ("startsWith", "endsWith"):
        text = str(argument)
        return value.startswith(text) if method == "startsWith" else value.endswith(text)
    return UNKNOWN
