"""The pieces of files of rsyslog as its own scanner takes them (grammar/lexer.l of 8.x).

Lines lose blanks at their end; one that ends in a backslash goes on with the next, a comment, too.
Of the tokens that may stand at a place the longest counts. A selector or a property filter stands
at the start of a line only; elsewhere its words are actions. What rsyslog reads an action of the
old form from goes to the end of the line. Keywords and names ignore case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from msgspec import Struct

from audit_core.api.sdk import ParseError, msg


class Token(Struct, frozen=True):
    """A piece of a file. `values` are the parameters of an object, with names in lower case."""

    kind: str
    text: str
    file: str
    values: dict[str, tuple[str, ...]] = {}


DEEPEST = 32

_KEYWORDS = frozenset({
    "if", "foreach", "stop", "else", "call", "call_indirect", "set", "reset", "unset", "continue",
    "reload_lookup_table",
})  # fmt: skip
_OPENS_EXPRESSION = frozenset({"if", "foreach", "call_indirect", "set", "reset", "unset",
                               "reload_lookup_table"})  # fmt: skip
OBJECTS = (
    "main_queue|timezone|parser|global|template|ruleset|property|constant|input|module"
    "|lookup_table|dyn_stats|ratelimit|include|action"
)
FLAGS = re.IGNORECASE | re.MULTILINE | re.ASCII
# In the order of the scanner: of those that are equally long the first counts.
_AT_LINE = (
    ("filter", re.compile(
        r'[ \t]*:\$?[a-z\-]+[ ]*,[ ]*!?[a-z]+[ ]*,[ ]*"(?:\\"|[^"])*"', FLAGS)),
    ("selector", re.compile(r"[ \t]*[*a-z][*a-z]*[0-7]*[.,][,!=;.*a-z0-7]+", FLAGS)),
)  # fmt: skip
_ANYWHERE = (
    ("object", re.compile(rf"(?:{OBJECTS})[ \n\t]*\(", FLAGS)),
    ("brace", re.compile(r"[&{}]")),
    ("comment", re.compile(r"#[^\n]*\n?|/\*")),
    ("old", re.compile(
        r"-?/[^*\n][^\n]*|:[a-z0-9]+:[^\n]*|[|.\-@^?~>][^\n]+|[~*]|[a-z0-9_][a-z0-9_\-+,;]*",
        FLAGS)),
    ("directive", re.compile(r"\$[a-z]+[^\n]*", FLAGS)),
    ("tag", re.compile(r"![^ \t\n]+[ \t]*$|[+\-][*a-z0-9.:\-]+[ \t]*$", FLAGS)),
)  # fmt: skip
_STRING = r"""'(?:[^'\\]|\\.)*+'|`(?:[^`\\]|\\.)*+`|"(?:[^"\\$]|\\.)*+\""""
_EXPRESSION = re.compile(
    rf"(?P<blank>[ \t\n]+)|(?P<comment>/\*)|(?P<string>{_STRING})"
    r"|(?P<variable>\$[$!./]?[@a-z_]*[!@a-z0-9\-_.\[\]]*)"
    r"|(?P<number>0x[0-9a-f]+|[0-9]+)|(?P<word>[a-z][a-z0-9_]*)"
    r"|(?P<sign>==|<=|>=|!=|<>|[<>=,*/%+&\-\[\]();])",
    FLAGS | re.DOTALL,
)
_PARAMETER = re.compile(
    r"""(?P<blank>(?:[ \t\n]|\#[^\n]*)+)|(?P<comment>/\*)|(?P<end>\))|(?P<sign>[,\[\]=])"""
    r"""|(?P<name>[a-z][a-z0-9_.]*)|(?P<string>"(?:[^"\\]|\\.)*+"|`(?:[^`\\]|\\.)*+`)""",
    FLAGS | re.DOTALL,
)
_CALLED = re.compile(r"[ \t\n]*([a-z][a-z0-9\-_.]+)", FLAGS)
_ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|[0-7]{1,3}|.)", re.IGNORECASE | re.DOTALL)
_PLAIN = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "a": "\a", "f": "\f", "v": "\v"}


class Refused(Exception):
    """rsyslog reads no further: an error of syntax at `text` in `file`."""

    def __init__(self, file: str, text: str) -> None:
        super().__init__(file, text)
        self.file, self.text = file, text


def joined(text: str) -> str:
    """The text with trailing blanks cut and lines that end in a backslash joined."""
    bare = (line.rstrip(" \t\r\f\v") for line in text.split("\n"))
    return "".join(line[:-1] if line.endswith("\\") else f"{line}\n" for line in bare)


def _plain(quoted: str) -> str:
    def one(found: re.Match[str]) -> str:
        escape = found[1]
        if escape[0] in "xX" and len(escape) == 3:
            return chr(int(escape[1:], 16))
        return chr(int(escape, 8) & 255) if escape[0] in "01234567" else _PLAIN.get(escape, escape)

    return _ESCAPE.sub(one, quoted[1:-1])


def _value(quoted: str) -> str:
    """The value of a parameter; what stands in backquotes only the program knows, as a template."""
    return f"?{quoted}" if quoted.startswith("`") else _plain(quoted)


def _operand(kind: str, text: str, file: str) -> Token:
    """A piece of an expression. What stands in backquotes is a variable that is not known."""
    if kind == "string" and text.startswith("`"):
        return Token("variable", "$!`", file)
    return Token(kind, _plain(text) if kind == "string" else text.lower(), file)


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
                values.setdefault(name, []).append(_value(text))
        parameters = {key: tuple(value) for key, value in values.items()}
        return Token(opening.rstrip("( \n\t").lower(), opening, self._file, parameters)

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
            yield _operand(kind, text, self._file)
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
        if len(above) > DEEPEST:
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
