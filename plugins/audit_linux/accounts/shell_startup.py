"""What a login shell makes of TMOUT and the umask: the values that it can end with."""

from __future__ import annotations

import re

from msgspec import Struct, structs

from audit_core.api.sdk import Answer, Command, ParseError, fact, msg, shortened, verbatim
from audit_linux.accounts.shell_words import Word
from audit_linux.accounts.startup_files import Startup, Statement, command_of

_DECLARE = frozenset({"export", "readonly", "declare", "typeset"})
_UNKNOWN = "?"


_ENVIRONMENT = re.compile(r"\s*(?:export )?TMOUT=([^#]*)")


def parse_environment(answer: Answer) -> tuple[str, ...]:
    """The values of TMOUT in /etc/environment, which pam_env sets before the shell starts.

    As pam_env 1.5.2 and 1.7 read it: blanks and `export ` in front, no blank before the `=`, quotes
    around the value, `#` anywhere; the last line holds, `?` where that goes on in the next.
    """
    if answer.stderr.strip():
        raise ParseError(msg("grep reported an error: {line}", line=verbatim(answer.stderr)))
    found = (_ENVIRONMENT.match(line) for line in answer.lines)
    values = (re.sub("^[\"']|[\"']$", "", one[1].rstrip("\n")) for one in found if one)
    return tuple(_UNKNOWN if value.endswith("\\") else value for value in values)


# Only these lines: the file may hold passwords of proxies.
ENVIRONMENT = fact(
    "linux.environment-timeout",
    tuple[str, ...],
    kind="host",
    ask=Command(argv=("grep", "-s", "TMOUT", "/etc/environment"), ok=(0, 1, 2)),
    parse=parse_environment,
)


class Setting(Struct, frozen=True, kw_only=True):
    """One assignment: `text` as written, whether it surely runs, whether it is made read-only.

    `runs` is the command that runs a file which was not read, in the place of an assignment.
    """

    path: str
    text: str
    sure: bool
    readonly: bool = False
    runs: str = ""


_HARMLESS = frozenset({"[", "[[", "test", "echo", "umask", "alias"})


def _unread(statement: Statement) -> Setting:
    """Anything: the statement runs a file that was not read."""
    runs = " ".join(word.raw for word in statement.words)
    return Setting(path=statement.path, text=_UNKNOWN, sure=False, runs=shortened(runs))


def _timeout(statement: Statement) -> Setting | None:
    """What a statement does to TMOUT; None where it leaves it as it is."""
    if statement.unread:
        return _unread(statement)
    if not any(map(_names, statement.words)):
        return None
    first, words = command_of(statement.words)
    if not words:
        return _assigned(statement, first) if first == statement.words else None
    name = words[0].text
    if name == "unset":
        unsets = any(word.text == "TMOUT" for word in words) and words[1].text != "-f"
        return _setting(statement, "0") if unsets else None
    if name in _DECLARE:
        if any(_names(word) for word in first):
            return Setting(path=statement.path, text=_UNKNOWN, sure=False)
        return _declared(statement, words)
    if name in _HARMLESS or not any(_names(word) for word in words):
        return None
    return Setting(path=statement.path, text=_UNKNOWN, sure=False)


def _names(word: Word) -> bool:
    return re.search(r"\bTMOUT\b", f"{word.raw} {word.text}") is not None


def _setting(statement: Statement, text: str, readonly: bool = False) -> Setting:
    return Setting(path=statement.path, text=text, sure=statement.sure, readonly=readonly)


def _value(word: Word) -> str:
    """The value that `TMOUT=` is given; as written where it is not known without running it."""
    text = word.text if word.plain else word.raw
    return text.partition("=")[2]


def _assigned(
    statement: Statement, words: tuple[Word, ...], readonly: bool = False
) -> Setting | None:
    given = [word for word in words if word.text.startswith("TMOUT=")]
    if given:
        return _setting(statement, _value(given[-1]), readonly)
    if any(re.match(r"TMOUT(?:\+=|\[)", word.text) for word in words):  # TMOUT+= and TMOUT[0]=
        return _setting(statement, _UNKNOWN, readonly)
    others = any("TMOUT" in word.raw and not word.plain for word in words)  # X=${TMOUT:=600}
    if others and any(re.search(r"\$\{TMOUT:?=", word.raw) for word in words):
        return Setting(path=statement.path, text=_UNKNOWN, sure=False)
    return None


def _declared(statement: Statement, words: tuple[Word, ...]) -> Setting | None:
    readonly = words[0].text == "readonly" or any(re.match(r"-\w*r", w.text) for w in words)
    found = _assigned(statement, words[1:], readonly)
    if found and any(re.match(r"-\w*i", w.text) for w in words) and not found.text.isdigit():
        return structs.replace(found, text=_UNKNOWN)  # arithmetic
    named = readonly and any(word.text == "TMOUT" for word in words)
    return found or (_setting(statement, "", readonly=True) if named else None)


def timeouts(startup: Startup) -> tuple[Setting, ...]:
    """The values of TMOUT that a login shell can end with, the surest first.

    A value made read-only stays; a later statement that surely runs replaces what came before.
    """
    left: list[Setting] = []
    for statement in startup.interactive:
        new = _timeout(statement)
        if new is None or (left and left[0].readonly and left[0].sure):
            continue
        if new.text == "" and new.readonly:
            left = _frozen(left, new) if new.sure else left
        elif new.sure:
            left = [new, *(old for old in left if old.readonly)]
        else:
            left.append(new)
    return tuple(left)


def _frozen(left: list[Setting], new: Setting) -> list[Setting]:
    """The values after `readonly TMOUT`; without a sure one it may have none for good."""
    sure = bool(left) and left[0].sure
    unset = [] if sure else [structs.replace(new, text=_UNKNOWN)]
    return [*unset, *(structs.replace(old, readonly=True) for old in left)]


_PRODUCT = re.compile(r'"?\$\(\( *([1-9][0-9]{0,5}) *(?:\* *([1-9][0-9]{0,5}) *)?\)\)"?')


def seconds(text: str) -> int | None:
    """The number that bash takes a value of TMOUT for, as atoi(3) does; None where not known."""
    if product := _PRODUCT.fullmatch(text):
        return int(product[1]) * int(product[2] or 1)
    if text == _UNKNOWN or "$" in text or "`" in text:
        return None
    found = re.match(r"[ \t\n\v\f\r]*([+-]?[0-9]{1,12})", text)
    return int(found[1]) if found else 0


_CLAUSE = re.compile(r"([ugoa]*)=([rwx]*)")
_BITS = {"r": 0o444, "w": 0o222, "x": 0o111}
_WHO = {"u": 0o700, "g": 0o070, "o": 0o007, "a": 0o777, "": 0o777}


def mask_of(text: str) -> int | None:
    """The mask that a value of umask stands for; None where it is not known without running it.

    Octal as bash and dash read it, or letters that settle every bit, such as `u=rwx,g=rx,o=`.
    """
    if re.fullmatch("[0-7]{1,12}", text):
        value = int(text, 8)
        return value & 0o777 if value <= 0o7777 else None  # bash refuses, dash cuts off
    clauses = [_CLAUSE.fullmatch(one) for one in text.split(",")]
    allowed = settled = 0
    for clause in clauses:
        if clause is None:
            return None
        who = 0
        for letter in clause[1] or "a":
            who |= _WHO[letter]
        bits = 0
        for letter in clause[2]:
            bits |= _BITS[letter]
        allowed, settled = (allowed & ~who) | (bits & who), settled | who
    return 0o777 & ~allowed if settled == 0o777 else None


def _masks(statement: Statement) -> Setting | None:
    """What a statement makes of the umask; None where it leaves it as it is."""
    if statement.unread:
        return _unread(statement)
    if not any("umask" in word.raw + word.text for word in statement.words):
        return None
    _, words = command_of(statement.words)
    if words[:1] and words[0].text == "umask" and len(words) > 1:
        return _given(statement, words)
    if not words or words[0].text in _HARMLESS:
        return None
    with_value = any(word.text == "umask" for word in words[:-1])
    quoted = any(re.search(r"\bumask\s+\S", word.text) for word in words)
    runs = with_value or quoted
    return Setting(path=statement.path, text=_UNKNOWN, sure=False) if runs else None


def _given(statement: Statement, words: tuple[Word, ...]) -> Setting | None:
    """What the command `umask` with arguments sets; None where it only shows or refuses."""
    given = [word for word in words[1:] if word.text not in ("-S", "-p", "--")]
    if not given or (given[0].plain and _refused(given[0].text)):
        return None
    return _setting(statement, given[0].text if given[0].plain else given[0].raw)


def _refused(text: str) -> bool:
    """Whether every shell refuses this value and keeps the umask: a number that is not octal."""
    return not text or (text[0].isdigit() and not re.fullmatch("[0-7]+", text))


def umasks(startup: Startup) -> tuple[Setting, ...]:
    """The values of umask that a login shell can end with."""
    left: list[Setting] = []
    for statement in startup.statements:
        new = _masks(statement)
        if new is not None:
            left = [new] if new.sure else [*left, new]
    return tuple(left)
