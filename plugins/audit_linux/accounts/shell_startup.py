"""Start-up files of login shells: statements that set something, and whether they always run."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

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
from audit_linux.config_files import whole_files

_SPLIT = re.compile(r"(;;|;|&&|\|\||\||&)")
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")
_LABEL = re.compile(r"^[^()\s]*\)\s*")
_OPEN = frozenset({"if", "for", "while", "until", "case", "select", "{", "function", "("})
_CLOSE = frozenset({"fi", "done", "esac", "}", ")"})
_KEYWORDS = frozenset({"then", "else", "elif", "do", "in"})
_DECLARE = frozenset({"export", "readonly", "declare", "typeset"})


class Statement(Struct, frozen=True, kw_only=True):
    """One simple command of a start-up file; `sure` when nothing decides whether it runs."""

    path: str
    words: tuple[str, ...]
    sure: bool


class Startup(Struct, frozen=True, kw_only=True):
    """The statements about TMOUT and umask, in the order in which a login shell meets them."""

    statements: tuple[Statement, ...]


def _words(part: str) -> list[str]:
    words = _LABEL.sub("", part.strip(), count=1).split()
    while words and words[0] in _KEYWORDS:
        words = words[1:]
    return words


def _parts(line: str) -> Iterator[tuple[str, bool]]:
    """The simple commands of a line, and whether && or a pipe decides over each."""
    depends = False
    for part in _SPLIT.split(_COMMENT.sub("", line.rstrip("\r"))):
        if _SPLIT.fullmatch(part):
            depends = part not in (";", ";;")
        elif part.strip():
            yield part, depends


_LEAVES = frozenset({"return", "exit", "exec", "logout"})


def _statements(file: FileEntry, sure_file: bool) -> Iterator[tuple[int, Statement]]:
    """The statements with their line numbers; none is sure behind a way out or a here-document."""
    depth, left = 0, False
    text = "\n".join(file.lines).replace("\\\n", " ")
    for number, line in enumerate(text.split("\n")):
        for part, depends in _parts(line):
            words = _words(part)
            opens = bool(words) and (words[0] in _OPEN or "{" in words)
            if words and words[0] in _CLOSE:
                depth = max(0, depth - 1)
            depth += opens
            if words and ("TMOUT" in part or "umask" in words):
                sure = sure_file and depth == 0 and not depends and not left
                yield number, Statement(path=file.path, words=tuple(words), sure=sure)
            left |= "<<" in part or (bool(words) and words[0] in _LEAVES)


_MAIN = "/etc/profile"
_SOURCES = re.compile(r"/etc/profile\.d\b")


def _sourcing(file: FileEntry) -> int | None:
    """The number of the line of /etc/profile from which its drop-ins run."""
    text = "\n".join(file.lines).replace("\\\n", " ")
    for number, line in enumerate(text.split("\n")):
        if _SOURCES.search(_COMMENT.sub("", line)):
            return number
    return None


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
    main = next((file for file in files if file.path == _MAIN), None)
    at = _sourcing(main) if main else None
    found, rest = _around(main, at)
    others = [file for file in files if file is not main]
    for file in sorted(others, key=lambda b: (_rank(b.path), b.path)):
        drop_in = _rank(file.path) == 1
        if not drop_in:
            found, rest = found + rest, []
        elif not file.path.endswith((".sh", "/sh.local")):
            continue
        sure = drop_in and at is not None
        found.extend(statement for _, statement in _statements(file, sure_file=sure))
    return Startup(statements=(*found, *rest))


def _around(main: FileEntry | None, at: int | None) -> tuple[list[Statement], list[Statement]]:
    """The statements of /etc/profile up to the line `at`, where its drop-ins run, and the rest."""
    own = list(_statements(main, sure_file=True)) if main else []
    before = [statement for number, statement in own if at is None or number <= at]
    return before, [statement for number, statement in own if at is not None and number > at]


STARTUP = fact(
    "linux.shell-startup",
    Startup,
    kind="host",
    ask=ReadFiles(paths=(_MAIN, "/etc/profile.d", "/etc/bash.bashrc", "/etc/bashrc"), depth=1),
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


def _unquoted(text: str) -> str:
    return text.strip("\"'")


_HARMLESS = frozenset({"[", "[[", "test", "echo", "printf", "umask"})


def _timeout(statement: Statement) -> Setting | None:
    words = statement.words
    declared = words[0] in _DECLARE
    if words[0] == "unset" and "TMOUT" in words:
        return Setting(path=statement.path, text="0", sure=statement.sure)
    given = [word[6:] for word in words if word.startswith("TMOUT=")]
    frozen = _freezes(words)
    if given and (declared or all("=" in word for word in words)):
        return Setting(
            path=statement.path,
            text=_unquoted(given[-1]),
            sure=statement.sure,
            readonly=declared and frozen,
        )
    if declared and frozen and "TMOUT" in words:
        return Setting(path=statement.path, text="", sure=statement.sure, readonly=True)
    if words[0] in _HARMLESS or declared:
        return None
    return Setting(path=statement.path, text="?", sure=False)


def _freezes(words: tuple[str, ...]) -> bool:
    """Whether these words of a declaration make a variable read-only."""
    return "readonly" in words or any(re.match(r"-\w*r", word) for word in words)


def timeouts(startup: Startup) -> tuple[Setting, ...]:
    """The values of TMOUT that a login shell can end with, the surest first.

    A value made read-only stays; a later statement that surely runs replaces what came before.
    """
    left: list[Setting] = []
    for statement in startup.statements:
        new = _timeout(statement) if any("TMOUT" in word for word in statement.words) else None
        if new is None or (left and left[0].readonly and left[0].sure):
            continue
        if not new.text:
            left = [_frozen(old) if new.sure else old for old in left]
        elif new.sure:
            left = [new]
        else:
            left.append(new)
    return tuple(left)


def _frozen(old: Setting) -> Setting:
    return Setting(path=old.path, text=old.text, sure=old.sure, readonly=True)


def umasks(startup: Startup) -> tuple[Setting, ...]:
    """The values of umask that a login shell can end with."""
    left: list[Setting] = []
    for statement in startup.statements:
        if "umask" in statement.words[:-1]:
            plain = statement.words[0] == "umask" and len(statement.words) == 2
            text = _unquoted(statement.words[-1]) if plain else "?"
            new = Setting(path=statement.path, text=text, sure=plain and statement.sure)
            left = [new] if new.sure else [*left, new]
    return tuple(left)
