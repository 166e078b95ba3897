"""Start-up files of login shells: statements that set something, and whether they always run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct, structs

from audit_core.api.sdk import (
    Absent,
    Answer,
    Command,
    FileEntry,
    ParseError,
    ReadFiles,
    fact,
    msg,
    verbatim,
)
from audit_linux.accounts.shell_words import Simple, Word, simple_commands
from audit_linux.config_files import whole_files

_DECLARE = frozenset({"export", "readonly", "declare", "typeset"})
_PREFIXES = frozenset({"builtin", "command"})


class Statement(Struct, frozen=True, kw_only=True):
    """One simple command of a start-up file; `sure` when nothing decides whether it runs."""

    path: str
    words: tuple[Word, ...]
    sure: bool


class Startup(Struct, frozen=True, kw_only=True):
    """The statements about TMOUT and umask, in the order in which a login shell meets them."""

    statements: tuple[Statement, ...]


_LEAVES = frozenset({"return", "exit", "exec", "logout"})
_ABOUT = re.compile(r"\bTMOUT\b|\bumask\b")


def _leaves(words: tuple[Word, ...]) -> bool:
    """Whether what follows may not run."""
    texts = [word.text for word in words]
    if texts[0] == "exec":  # of redirections only, it goes on
        return len(texts) > 1
    return texts[0] in _LEAVES or (texts[0] == "set" and bool({"-e", "errexit"} & set(texts)))


def _commands(file: FileEntry) -> tuple[Simple, ...]:
    return tuple(simple_commands("\n".join(file.lines)))


def _statements(
    path: str, commands: Iterable[Simple], sure_file: bool
) -> Iterator[tuple[bool, Statement]]:
    """The statements, and whether each stands before the drop-ins run; none is sure behind a way
    out."""
    left, before = False, True
    for simple in commands:
        if any(_ABOUT.search(word.raw) or _ABOUT.search(word.text) for word in simple.words):
            sure = sure_file and simple.sure and not left
            yield before, Statement(path=path, words=simple.words, sure=sure)
        left |= _leaves(simple.words)
        before &= not _sources(simple)


_MAIN = "/etc/profile"
# Start-up files have some kilobytes; to divide a megabyte of words into commands takes seconds.
_LARGEST = 128 << 10
_DROP_INS = re.compile(r"/etc/profile\.d\b")


def _sources(simple: Simple) -> bool:
    """Whether a command of /etc/profile speaks of its drop-ins: from there on they run."""
    return any(_DROP_INS.search(word.raw) for word in simple.words)


def _rank(path: str) -> int:
    return 1 if path.startswith("/etc/profile.d/") else 2


def parse_startup(answer: Answer) -> Startup | Absent:
    """What /etc/profile, its drop-ins and the system's bashrc say of TMOUT and umask, in order.

    A drop-in runs surely only if /etc/profile speaks of profile.d, and from that line on; whether
    a bashrc runs is up to the shell and the user.
    """
    files = whole_files(answer)
    if isinstance(files, Absent):
        return files
    for file in files:
        if len(file.data) > _LARGEST:
            raise ParseError(msg("{path} is larger than {size} bytes", path=verbatim(file.path),
                                 size=_LARGEST))  # fmt: skip
    main = next((file for file in files if file.path == _MAIN), None)
    commands = _commands(main) if main else ()
    reads = any(map(_sources, commands))
    own = list(_statements(_MAIN, commands, sure_file=True))
    found = [statement for before, statement in own if before]
    rest = [statement for before, statement in own if not before]
    others = [file for file in files if file is not main]
    for file in sorted(others, key=lambda b: (_rank(b.path), b.path)):
        drop_in = _rank(file.path) == 1
        if not drop_in:
            found, rest = found + rest, []
        elif not _DROP_IN.fullmatch(file.path):
            continue
        sure = drop_in and reads
        found.extend(
            statement for _, statement in _statements(file.path, _commands(file), sure_file=sure)
        )
    return Startup(statements=(*found, *rest))


_DROP_IN = re.compile(r"/etc/profile\.d/(?:[^./][^/]*\.sh|sh\.local)", re.DOTALL)


STARTUP = fact(
    "linux.shell-startup",
    Startup,
    kind="host",
    ask=ReadFiles(
        paths=(_MAIN, "/etc/profile.d", "/etc/bash.bashrc", "/etc/bashrc"),
        depth=1,
        file_limit=_LARGEST,
    ),
    parse=parse_startup,
)


def parse_environment(answer: Answer) -> tuple[str, ...]:
    """The lines of /etc/environment that name TMOUT; pam_env sets them before the shell starts."""
    if answer.stderr.strip():
        raise ParseError(msg("grep reported an error: {line}", line=verbatim(answer.stderr)))
    lines = [line.strip() for line in answer.lines]
    return tuple(line for line in lines if re.match(r"(?:export\s+)?TMOUT\b", line))


# Only these lines: the file may hold passwords of proxies.
ENVIRONMENT = fact(
    "linux.environment-timeout",
    tuple[str, ...],
    kind="host",
    ask=Command(argv=("grep", "-s", "TMOUT", "/etc/environment"), ok=(0, 1, 2)),
    parse=parse_environment,
)


class Setting(Struct, frozen=True, kw_only=True):
    """One assignment: `text` as written, whether it surely runs, whether it is made read-only."""

    path: str
    text: str
    sure: bool
    readonly: bool = False


_HARMLESS = frozenset({"[", "[[", "test", "echo", "umask", "alias"})
_ASSIGNS = re.compile(r"[A-Za-z_]\w*\+?=", re.ASCII)
_UNKNOWN = "?"


def _command(words: tuple[Word, ...]) -> tuple[tuple[Word, ...], tuple[Word, ...]]:
    """The assignments in front of a command, and the command without `builtin` and `command`."""
    at = next((n for n, w in enumerate(words) if not _ASSIGNS.match(w.raw)), len(words))
    start = at
    while start < len(words) and words[start].text in _PREFIXES:
        start += 1
    return words[:at], words[start:]


def _timeout(statement: Statement) -> Setting | None:
    """What a statement does to TMOUT; None where it leaves it as it is."""
    first, words = _command(statement.words)
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
    for statement in startup.statements:
        new = _timeout(statement) if any(map(_names, statement.words)) else None
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


def seconds(text: str) -> int | None:
    """The number that bash takes a value of TMOUT for, as atoi(3) does; None where not known."""
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
    _, words = _command(statement.words)
    if not any(word.text == "umask" for word in words[:-1]):
        quoted = any(re.search(r"\bumask\s+\S", word.text) for word in words)
        runs = quoted and words[0].text not in _HARMLESS
        return Setting(path=statement.path, text=_UNKNOWN, sure=False) if runs else None
    if words[0].text != "umask":
        harmless = words[0].text in _HARMLESS
        return None if harmless else Setting(path=statement.path, text=_UNKNOWN, sure=False)
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
        new = _masks(statement) if any("umask" in w.raw + w.text for w in statement.words) else None
        if new is not None:
            left = [new] if new.sure else [*left, new]
    return tuple(left)
