"""The simple commands of a shell script, as bash and dash divide it, without running it.

Quotes, comments, continued lines, here-documents, redirections and reserved words are read as in
POSIX.1-2017, "Shell Command Language", 2.2 to 2.10, with the additions of bash. A carriage return
is an ordinary character. What is not followed: functions that are called, aliases, `eval`.
`.` is followed by `startup_files`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from msgspec import Struct, structs


class Word(Struct, frozen=True, kw_only=True):
    """One word: `raw` as written, `text` without quotes; `plain` where nothing is expanded in it,
    `bare` where nothing is quoted either."""

    raw: str
    text: str
    plain: bool
    bare: bool


class Simple(Struct, frozen=True, kw_only=True):
    """A simple command; `sure` where it runs whenever the script does.

    `joined` is the operator in front of it, `!` where its result is turned round. `block` are the
    numbers of the compound commands around it. The heads of `for`, `case` and `select` are given
    like commands. Commands in subshells are left out unless asked for: they change nothing outside.
    """

    words: tuple[Word, ...]
    sure: bool
    joined: str = ";"
    block: tuple[int, ...] = ()


_OPERATOR = re.compile(r"&&|\|\||;;&|;;|;&|\|&|&(?!>)|\([ \t]*\)|[;|()\n]")
_ARITHMETIC = re.compile(r"\(\((?!\()[^\n]*?\)\)")
_REDIRECTION = re.compile(r"(?:[0-9]+(?=[<>]))?(?:<<<|<<-?|<>|<&|>>|>&|>\||&>>|&>|<(?!\()|>(?!\())")
_BLANKS = re.compile(r"(?:[ \t]|\\\n)+")
_PLAIN = re.compile(r"[^\\'\"$`\s;&|()<>]+")
_BEHIND = {"(": ")", "{": "}"}
_PIECE = Word(raw="", text="", plain=True, bare=True)


def _skipped(text: str, at: int) -> int:
    """Where the expansion ends that begins with the bracket at `at`; the end if it never does."""
    opens, depth = text[at], 0
    while at < len(text):
        char = text[at]
        if char == "'":
            at = _past(text, "'", at + 1) - 1
        elif char == "\\":
            at += 1
        depth += (char == opens) - (char == _BEHIND[opens])
        at += 1
        if depth == 0:
            break
    return min(at, len(text))


def _past(text: str, mark: str, at: int) -> int:
    """The place behind the next `mark`; the end of the text if there is none."""
    found = text.find(mark, at)
    return len(text) if found < 0 else found + len(mark)


def _expansion(text: str, at: int) -> tuple[int, Word]:
    end = at + 1
    if text[at] == "`":
        end = _past(text, "`", at + 1)
    elif text[end : end + 1] in _BEHIND and text[end : end + 1]:
        end = _skipped(text, end)
    return end, structs.replace(_PIECE, text=text[at:end], plain=False)


def _double(text: str, at: int) -> tuple[int, Word]:
    """The piece in double quotes that begins at `at`."""
    found, plain, at = "", True, at + 1
    while at < len(text) and text[at] != '"':
        if text[at] == "\\" and text[at + 1 : at + 2] in ("$", "`", '"', "\\", "\n"):
            found += text[at + 1 : at + 2].strip("\n")
            at += 2
        elif text[at] in "$`":
            at, piece = _expansion(text, at)
            found, plain = found + piece.text, False
        else:
            found, at = found + text[at], at + 1
    return at + 1, Word(raw="", text=found, plain=plain, bare=False)


def _piece(text: str, at: int) -> tuple[int, Word] | None:
    """One piece of a word; None where the word ends."""
    if found := _PLAIN.match(text, at):
        return found.end(), structs.replace(_PIECE, text=found[0])
    char = text[at : at + 1]
    if char == "\\":
        return at + 2, structs.replace(_PIECE, text=text[at + 1 : at + 2].strip("\n"), bare=False)
    if char == "'":
        end = _past(text, "'", at + 1)
        return end, structs.replace(_PIECE, text=text[at + 1 : end - 1], bare=False)
    if char == '"':
        return _double(text, at)
    if char and char in "$`":
        return _expansion(text, at)
    if char and char in "<>" and text[at + 1 : at + 2] == "(":
        return _skipped(text, at + 1), structs.replace(_PIECE, text="<()", plain=False)
    # what is white space elsewhere, as a carriage return, is an ordinary character here
    if char and char not in " \t\n;&|()<>":
        return at + 1, structs.replace(_PIECE, text=char)
    return None


def _word(text: str, at: int) -> tuple[int, Word]:
    start, pieces = at, list[Word]()
    while found := _piece(text, at):
        at, piece = found
        pieces.append(piece)
    return at, Word(
        raw=text[start:at],
        text="".join(piece.text for piece in pieces),
        plain=all(piece.plain for piece in pieces),
        bare=all(piece.bare for piece in pieces),
    )


def _documents(text: str, at: int, ends: list[str]) -> int:
    """The place behind the here-documents that begin at `at`, each closed by one of `ends`."""
    for end in ends:
        while at < len(text):
            line = text[at : _past(text, "\n", at)]
            at += len(line)
            if line.strip("\t\n") == end:
                break
    ends.clear()
    return at


def _tokens(text: str) -> Iterator[Word | str]:
    """Words and operators (as texts), without comments, redirections and here-documents."""
    at, ends = 0, list[str]()
    while at < len(text):
        if found := _BLANKS.match(text, at):
            at = found.end()
        elif text[at] == "#":
            found_end = text.find("\n", at)
            at = len(text) if found_end < 0 else found_end
        elif found := _ARITHMETIC.match(text, at):
            at = found.end()
            yield Word(raw=found[0], text=found[0], plain=False, bare=False)
        elif found := _REDIRECTION.match(text, at):
            blanks = _BLANKS.match(text, found.end())
            at, target = _word(text, blanks.end() if blanks else found.end())
            if found[0].endswith(("<<", "<<-")):
                ends.append(target.text)
        elif found := _OPERATOR.match(text, at):
            at = found.end()
            if found[0] == "\n":
                at = _documents(text, at, ends)
            yield found[0]
        else:
            at, word = _word(text, at)
            if word.raw.strip("\\\n"):
                yield word


_OPEN = frozenset({"if", "for", "while", "until", "case", "select"})
_HEADS = frozenset({"for", "case", "select", "function"})
_CLOSE = frozenset({"fi", "done", "esac", "}"})
_BETWEEN = frozenset({"then", "else", "elif", "do", "!", "time"})
_CONTINUES = frozenset({"&&", "||", "|", "|&"})
_APART = frozenset({"|", "|&", "&"})
# What `then` and `else` make of an open `if`: its branch runs (true) or does not (never), also not
# where an earlier branch ran (done); `elif` is one of which that is not known.
_TURNS = {
    ("if", "then", True): "true", ("if", "then", False): "never", ("true", "else", None): "done",
    ("true", "elif", None): "done", ("never", "else", None): "true", ("never", "elif", None): "if",
    ("if", "elif", None): "elif",
}  # fmt: skip
_RUNS = frozenset({"{", "true"})
_RUNS_NOT = frozenset({"never", "done"})
_OPENS_TEST, _EQUALS, _ENDS_TEST = (
    Word(raw=text, text=text, plain=True, bare=True) for text in ("[[", "==", "]]")
)
Known = Callable[[tuple[Word, ...]], bool | None]
"""Whether a command surely succeeds or fails; None where that is not known."""


class _Script:
    """Puts tokens together to commands, and keeps which compound commands are open."""

    def __init__(self, *, subshells: bool, known: Known) -> None:
        self._subshells, self._known = subshells, known
        self._last: bool | None = None
        self._subjects: dict[int, Word | None] = {}  # of each `case`; None: not known
        self._settled: set[int] = set()  # each `case` of which no other branch runs
        self.found: list[Simple] = []
        self._open: list[str] = []
        self._block: list[int] = []
        self._opened = 0
        self._negated = False
        self._words: list[Word] = []
        self._before, self._list = ";", 0
        self._function = False

    def word(self, word: Word) -> None:
        """Takes the next word."""
        if word.text == "{" and self._heads_function() and len(self._words) == 2:
            self._words = []
        if self._words or not word.bare:
            self._words.append(word)
        elif word.text in _CLOSE:
            self._closes()
        elif word.text in _BETWEEN:
            self._negated |= word.text == "!"
            self._turns(word.text)
        else:
            self._begins(word)

    def _turns(self, word: str) -> None:
        last = self._last if word == "then" else None
        self._open[-1:] = [_TURNS.get((kind, word, last), kind) for kind in self._open[-1:]]

    def _runs(self) -> bool | None:
        """Whether the next command runs after the one before it; None where that is not known."""
        if self._before not in _CONTINUES:
            return True
        if self._last is None or self._before in _APART:
            return None
        return self._last == (self._before == "&&")

    def _begins(self, word: Word) -> None:
        self._function |= word.text == "function"
        if word.text in _OPEN or word.text == "{":
            self._opens(word.text)
        if word.text in _HEADS or word.text not in _OPEN | {"{"}:
            self._words.append(word)

    def _heads_function(self) -> bool:
        return bool(self._words) and self._words[0].bare and self._words[0].text == "function"

    def _opens(self, kind: str) -> None:
        runs = self._runs()
        self._opened += 1
        if kind == "case":
            self._subjects[self._opened] = None
        if runs is False and kind == "case":
            self._settled.add(self._opened)
        elif kind not in ("(", "case") and runs is not True:
            kind = "elif" if runs is None else "done"
        self._open.append("function" if self._function else kind)
        self._block.append(self._opened)
        self._function = False

    def _closes(self) -> None:
        del self._open[-1:], self._block[-1:]
        self._last = None

    def operator(self, sign: str) -> None:
        """Takes the next operator."""
        if sign[0] == "(" and sign != "(":
            self._function, self._words = True, []  # name ()
        elif sign == "(" and (self._words or self._open[-1:] != ["case"]):
            self._opens("(")
        elif sign == ")":
            self._unbracket()
        elif self._heads_function():
            self._words = []  # the body stands in the next line
        elif sign != "(":
            self._end(sign)
            if sign.startswith((";;", ";&")) and self._block and self._block[-1] in self._subjects:
                self._open[-1] = "case"

    def _unbracket(self) -> None:
        if self._open[-1:] in (["("], ["function"]):
            self._end(";")
            self._closes()
        elif self._open[-1:] == ["case"]:
            self._open[-1] = self._arm()
            self._words = []

    def _head(self) -> None:
        """Takes the head of a `case` from the words, and what it looks at."""
        if [word.text for word in self._words[:3:2]] == ["case", "in"] and self._block:
            self._subjects[self._block[-1]] = self._words[1]
            del self._words[:3]

    def _arm(self) -> str:
        """Whether the commands behind a pattern run."""
        self._head()
        block = self._block[-1]
        subject = self._subjects[block]
        fits = None
        if subject is not None and len(self._words) == 1:
            fits = self._known((_OPENS_TEST, subject, _EQUALS, self._words[0], _ENDS_TEST))
        if block in self._settled or fits is False:
            return "done"
        if fits is None:
            self._subjects[block] = None
            return "elif"
        self._settled.add(block)
        return "true"

    def _add(self, sure: bool) -> None:
        """Takes the words for a command, unless it never runs or is not asked for."""
        if _RUNS_NOT.isdisjoint(self._open) and (self._subshells or "(" not in self._open):
            self.found.append(Simple(
                words=tuple(self._words), sure=sure,
                joined="!" if self._negated else self._before, block=tuple(self._block),
            ))  # fmt: skip

    def _end(self, sign: str) -> None:
        runs = self._runs()
        sure = set(self._open) <= _RUNS and runs is True
        if self._open[-1:] == ["case"] and runs is True:
            self._head()
        if self._words and runs is not False:
            self._add(sure and sign not in _APART)
            value = self._known(tuple(self._words)) if runs else None
            self._last = value if value is None else value != self._negated
        if sign == "&":
            late = self.found[self._list :]
            self.found[self._list :] = [structs.replace(one, sure=False) for one in late]
        goes_on = sign == "\n" and not self._words and self._before in _CONTINUES
        self._negated &= not self._words
        self._before, self._words = self._before if goes_on else sign, []
        if self._before not in _CONTINUES:
            self._list = len(self.found)


def simple_commands(
    text: str, *, subshells: bool = False, known: Known = lambda words: None
) -> tuple[Simple, ...]:
    """The simple commands of a script, in their order; those that by `known` never run left out."""
    script = _Script(subshells=subshells, known=known)
    for token in _tokens(text):
        if isinstance(token, Word):
            script.word(token)
        else:
            script.operator(token)
    script.operator("\n")
    return tuple(script.found)
