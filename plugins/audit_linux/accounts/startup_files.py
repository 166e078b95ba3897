"""The start-up files of login shells, in the order in which they run, with the files they source.

As bash(1) and dash(1) read them: `/etc/profile` first; what `.` or `source` names runs in its
place, over several levels. A loop over /etc/profile.d runs its drop-ins, pattern by pattern, by
name. Whether a system's bashrc runs is up to the shell and the user. A name behind `~` or `$HOME`
is the user's own file, which is not looked at. What a variable that no loop sets stands for is not
known, nor what a file does that was not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answers,
    FileEntry,
    FileStatus,
    ParseError,
    ReadFiles,
    fact,
    known_or_absent,
    msg,
    verbatim,
)
from audit_linux.accounts.shell_guards import Guards
from audit_linux.accounts.shell_words import Known, Simple, Word, simple_commands
from audit_linux.config_files import whole_files


class Statement(Struct, frozen=True, kw_only=True):
    """One simple command of a start-up file; `sure` when nothing decides whether it runs.

    `unread`: it runs a file whose content is not known.
    """

    path: str
    words: tuple[Word, ...]
    sure: bool
    unread: bool = False


class Startup(Struct, frozen=True, kw_only=True):
    """The statements about TMOUT and umask, in the order in which a login shell meets them.

    Files that are run and were not read stand among them. `interactive` are those of a shell in
    which somebody works, where TMOUT counts; `if_unset`: they count on it not being set before.
    """

    statements: tuple[Statement, ...]
    interactive: tuple[Statement, ...] = ()
    if_unset: bool = False


_MAIN = "/etc/profile"
_DROP_INS = "/etc/profile.d/"
_OF_SHELLS = ("/etc/bash.bashrc", "/etc/bashrc")
# Start-up files have some kilobytes; to divide a megabyte of words into commands takes seconds.
_LARGEST = 128 << 10
_DEEPEST = 8
_MOST_FILES = 200
_LEAVES = frozenset({"return", "exit", "exec", "logout"})
_ABOUT = re.compile(r"\bTMOUT\b|\bumask\b")
_ASSIGNS = re.compile(r"[A-Za-z_]\w*\+?=", re.ASCII)
_PREFIXES = frozenset({"builtin", "command"})
_SOURCES = frozenset({".", "source"})
_RUN_BY_EVAL = re.compile(r"(?:^|[;&|(`{\s])(?:\.|source|cat)\s+\S")
_TESTS = frozenset({"[", "[[", "test"})
_EXISTS = frozenset({"-e", "-f", "-r", "-s"})
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})", re.ASCII)
_OWN = re.compile(r"~|\$HOME\b|\$\{HOME[}:]")

# The loop of Debian 13: run-parts lists the drop-ins whose name is of these characters, by name.
_PARTS = r"[a-zA-Z0-9_][a-zA-Z0-9._-]*\.sh"
_RUN_PARTS = f"$(run-parts --list --regex '^{_PARTS}$' /etc/profile.d)"
_PART = re.compile(_PARTS)

# Where sites and distributions keep what /etc/profile and its drop-ins source.
_MORE = ("/etc", "/usr/local/etc")
_MORE_DEPTH = 2
_MORE_NAMES = (
    "*profile*", "*bashrc*", "*shrc", "*umask*", "*tmout*", "*env.sh", "*environment.sh",
    "*shell*.sh", "*login*.sh", "*session*.sh", "*security*.sh", "*harden*.sh", "locale.conf",
    "locale", "i18n", "language",
)  # fmt: skip
# Files of packages that set neither, by what Debian 12, RHEL 9 and openSUSE bring (bash-completion
# 2.11, environment-modules 5, Lmod 8, git 2.39, systemd 252).
_NEUTRAL = (
    "/usr/share/bash-completion/bash_completion", "/etc/bash_completion",
    "/usr/share/Modules/init/*", "/usr/share/modules/init/*", "/usr/share/lmod/*/init/*",
    "/usr/lib/git-core/git-sh-prompt", "/usr/share/git-core/contrib/completion/*",
    "/etc/os-release", "/usr/lib/os-release", "/etc/lsb-release", "/etc/vconsole.conf",
)  # fmt: skip


def command_of(words: tuple[Word, ...]) -> tuple[tuple[Word, ...], tuple[Word, ...]]:
    """The assignments in front of a command, and the command without `builtin` and `command`."""
    at = next((n for n, w in enumerate(words) if not _ASSIGNS.match(w.raw)), len(words))
    start = at
    while start < len(words) and words[start].text in _PREFIXES:
        start += 1
    return words[:at], words[start:]


def _leaves(words: tuple[Word, ...]) -> bool:
    """Whether what follows may not run."""
    texts = [word.text for word in words]
    if texts[0] == "exec":  # of redirections only, it goes on
        return len(texts) > 1
    return texts[0] in _LEAVES or (texts[0] == "set" and bool({"-e", "errexit"} & set(texts)))


def _about(simple: Simple) -> bool:
    return any(_ABOUT.search(word.raw) or _ABOUT.search(word.text) for word in simple.words)


class _Position(Struct, kw_only=True):
    """Where the reading of one file is: what its loops run over, and what came before."""

    path: str
    sure: bool
    depth: int
    loops: dict[str, tuple[Word, ...]] = {}
    ran: set[str] = set()
    before: Simple | None = None
    first: bool = False
    blocks: set[tuple[int, ...]] = set()

    def named_by(self, name: Word) -> tuple[Word, ...] | None:
        """The word itself, or what a loop gives its variable; None where no loop does."""
        loop = None if name.plain else _VARIABLE.fullmatch(name.text)
        return self.loops.get(loop[1] or loop[2]) if loop else (name,)

    def next(self, simple: Simple) -> None:
        """Goes on behind a command."""
        self.before, self.first = simple, simple.block not in self.blocks
        self.blocks.add(simple.block)
        self.sure = self.sure and not _leaves(simple.words)


class _Walk:
    """Goes through /etc/profile and what it runs."""

    def __init__(self, files: dict[str, FileEntry], searched: bool, known: Known) -> None:
        self._files, self._searched, self._known = files, searched, known
        self._left = _MOST_FILES
        self.found: list[Statement] = []
        self._looped = False

    def file(self, path: str, *, sure: bool, depth: int = 0) -> None:
        """The statements of one file that was read."""
        self._left -= 1
        place = _Position(path=path, sure=sure, depth=depth)
        for simple in simple_commands("\n".join(self._files[path].lines), known=self._known):
            if not self._follow(place, simple) and _about(simple):
                self._say(place, simple, sure=place.sure and simple.sure)
            place.next(simple)

    def _say(self, place: _Position, simple: Simple, *, sure: bool, unread: bool = False) -> None:
        self.found.append(Statement(path=place.path, words=simple.words, sure=sure, unread=unread))

    def _follow(self, place: _Position, simple: Simple) -> bool:
        """Whether a command runs another file, whose statements are taken in here."""
        texts = [word.text for word in simple.words]
        if texts[0] == "for" and texts[2:3] == ["in"]:
            place.loops[texts[1]] = simple.words[3:]
        _, words = command_of(simple.words)
        if words[:1] and words[0].text == "eval" and _RUN_BY_EVAL.search(" ".join(texts[1:])):
            self._say(place, simple, sure=False, unread=True)
            return True
        if len(words) < 2 or words[0].text not in _SOURCES:
            return False
        name = words[2] if words[1].text == "--" and len(words) > 2 else words[1]
        named = place.named_by(name)
        for one in named or (name,):
            if not _OWN.match(one.text):
                self._run(place, simple, one, looped=named != (name,))
        return True

    def _run(self, place: _Position, simple: Simple, name: Word, *, looped: bool) -> None:
        """One name or pattern that is run."""
        if looped and name.raw in place.ran:
            return
        place.ran.add(name.raw)
        by_parts = name.raw == _RUN_PARTS
        of_drop_ins = by_parts or _DROP_INS in name.raw
        self._looped |= looped and of_drop_ins
        paths = self._matching(f"{_DROP_INS}*.sh" if of_drop_ins and not name.plain else name.text)
        if by_parts:
            paths = [path for path in paths or () if _PART.fullmatch(path, len(_DROP_INS))]
        if paths is None or place.depth >= _DEEPEST or self._left < len(paths):
            self._say(place, simple, sure=False, unread=True)
            return
        sure = place.sure and _surely_run(place, simple, name, looped=looped and of_drop_ins)
        for path in paths:
            self.file(path, sure=sure, depth=place.depth + 1)

    def _matching(self, pattern: str) -> list[str] | None:
        """The files that a name or a pattern stands for; None where that is not known."""
        if any(fnmatchcase(pattern, neutral) for neutral in _NEUTRAL):
            return []
        if not pattern.startswith("/") or re.search(r"[$`]", pattern):
            return None
        if pattern in self._files:
            return [pattern] if self._files[pattern].status is FileStatus.READ else None
        return self._not_there(pattern)

    def _not_there(self, pattern: str) -> list[str] | None:
        """The files that a pattern stands for, or a name that was not read; None if not known."""
        folder, _, name = pattern.rpartition("/")
        of_drop_ins, wild = folder + "/" == _DROP_INS, re.search(r"[*?\[]", pattern)
        if of_drop_ins and wild:
            return [p for p in self._drop_ins() if fnmatchcase(p.rpartition("/")[2], name)]
        asked = of_drop_ins or (self._searched and _was_asked(folder, name))
        closed = folder in self._files  # a folder that could not be looked into
        return [] if asked and not wild and not closed else None

    def start(self) -> None:
        """All that a login shell runs."""
        if _MAIN in self._files:
            self.file(_MAIN, sure=True)
        for path in () if self._looped else tuple(self._drop_ins()):
            if path.endswith((".sh", "/sh.local")):
                self.file(path, sure=False)
        for path in _OF_SHELLS:
            if path in self._files:
                self.file(path, sure=False)

    def _drop_ins(self) -> Iterator[str]:
        for path in sorted(self._files):
            name = path.removeprefix(_DROP_INS)
            if path.startswith(_DROP_INS) and "/" not in name and not name.startswith("."):
                yield path


def _surely_run(place: _Position, simple: Simple, name: Word, *, looped: bool) -> bool:
    """Whether every shell runs a file that exists; `looped` is the loop over the drop-ins."""
    if "." not in [word.text for word in simple.words]:  # dash knows no `source`
        return False
    # such a loop asks only whether it may read the file
    return simple.sure or looped or _guarded(place, simple, name.text)


def _guarded(place: _Position, simple: Simple, path: str) -> bool:
    """Whether a file that exists is surely run: `[ -r FILE ] && . FILE`, or with `if`, alone."""
    before = place.before
    if before is None or before.block != simple.block or before.joined in ("!", "&&", "||", "|"):
        return False
    program, *arguments = [word.text for word in before.words]
    if program not in _TESTS or [t for t in arguments if t not in ("]", "]]")][1:] != [path]:
        return False
    if arguments[0] not in _EXISTS:
        return False
    if not simple.block:
        return simple.joined == "&&" and before.sure
    return len(simple.block) == 1 and place.first and simple.joined in (";", "\n")


def _was_asked(folder: str, name: str) -> bool:
    """Whether a file of this name would have been read."""
    near = any(
        folder == top or (folder.startswith(f"{top}/") and folder.count("/") < top.count("/") + 2)
        for top in _MORE
    )
    return near and any(fnmatchcase(name, one) for one in _MORE_NAMES)


def parse_startup(answers: Answers) -> Startup | Absent:
    """What the start-up files say of TMOUT and umask, in order; NOT_PRESENT where there is none."""
    files = whole_files(answers["files"])
    if isinstance(files, Absent):
        return files
    for file in files:
        if len(file.data) > _LARGEST:
            raise ParseError(msg("{path} is larger than {size} bytes", path=verbatim(file.path),
                                 size=_LARGEST))  # fmt: skip
    more = answers["more"]
    others = () if isinstance(more, Absent) else more.files
    there = {f.path: f for f in others if f.status is not FileStatus.NOT_PRESENT}
    every, searched = there | {f.path: f for f in files}, not isinstance(more, Absent)
    guards = Guards(f.text for f in every.values() if f.status is FileStatus.READ)
    walks = [_Walk(every, searched, known) for known in (lambda words: None, guards)]
    for walk in walks:
        walk.start()
    return Startup(
        statements=tuple(walks[0].found), interactive=tuple(walks[1].found),
        if_unset=guards.if_unset,
    )  # fmt: skip


STARTUP = fact(
    "linux.shell-startup",
    Startup,
    kind="host",
    asks={
        "files": ReadFiles(
            paths=(_MAIN, _DROP_INS.rstrip("/"), *_OF_SHELLS), depth=1, file_limit=_LARGEST
        ),
        "more": known_or_absent(
            ReadFiles(paths=_MORE, depth=_MORE_DEPTH, names=_MORE_NAMES, file_limit=_LARGEST)
        ),
    },
    parse=parse_startup,
)
