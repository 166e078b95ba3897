"""The files of the SSH server: what Match blocks set, and what is set for everybody.

As servconf.c of OpenSSH 10 reads them: a keyword ends at white space or `=` and its case does not
matter; words are split at white space outside of quotes (`"` or `'`), `#` at the start of a word
ends a line; of a keyword that stands twice the first holds, also among Match blocks that apply. A
Match block ends at the next one or with its file; one inside an included file narrows the block
that includes it. Included files stand in place of the line, sorted, relative to /etc/ssh; a dot in
front hides one from a pattern. openSUSE reads /usr/etc/ssh where /etc/ssh has no sshd_config. An
unknown keyword or a byte order mark keeps the server from starting: `sshd -T` tells.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from msgspec import Struct, structs

from audit_core.api.sdk import (
    Absent,
    Answer,
    Answers,
    Command,
    Fact,
    FileEntry,
    FileStatus,
    Privilege,
    ReadFiles,
    Reason,
    capped,
    derive,
    fact,
    first_of,
    msg,
    not_present,
)
from audit_linux.config_files import files_below
from audit_linux.ssh.sshd import Sshd, plainly
from audit_linux.ssh.sshd_trace import TRACE, Trace, read_trace

_FOLDERS = ("/etc/ssh", "/usr/etc/ssh")
_MAINS = tuple(f"{folder}/sshd_config" for folder in _FOLDERS)
# Made by update-crypto-policies; RHEL 9 includes it from a drop-in.
_POLICY = "/etc/crypto-policies/back-ends/opensshserver.config"
# Names of files that are read: none of a private key fits.
_NAMES = ("*.conf", "*.config", "sshd_config*")
# What a server that runs with -f may read, too.
_MAIN_NAME = "*sshd*conf*"
_MOST_MAINS = 20
_DEPTH = 3
_DEEPEST = 16  # SERVCONF_MAX_DEPTH
_MOST = 5000

# Stands in a Match block for all that an included file sets which was not read.
INCLUDE = "include"

Term = tuple[str, str]


class Override(Struct, frozen=True, kw_only=True):
    """One setting inside a Match block, which `sshd -T` leaves out.

    `criteria` is the line as it stands, `terms` each criterion in lower case with its argument;
    they hold all at once.
    """

    criteria: str
    key: str
    value: str
    terms: tuple[Term, ...] = ()


class SshdFiles(Struct, frozen=True, kw_only=True):
    """What Match blocks set in their order, and what each keyword is set to outside of them.

    `foreign` are files that are included and were not read. `unsettled` are files from elsewhere of
    which it is not sure that the running server has read them as they are. `others` are further
    files that a server may be started with (-f), by path.
    """

    overrides: tuple[Override, ...] = ()
    foreign: tuple[str, ...] = ()
    unsettled: tuple[str, ...] = ()
    settings: dict[str, tuple[str, ...]] = {}
    others: dict[str, SshdFiles] = {}


_KEYWORD = re.compile(r'[ \t]*([^\s"=]+)(?:[ \t]*=[ \t]*|[ \t]+|(?="))')
_PIECE = re.compile(r"""[ \t]*((?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\\[\\"' ]|[^\s"'])+)""")
_QUOTED = re.compile(r"""\\([\\"' ])|["']""")


def keyword_of(raw: str) -> tuple[str, list[str]]:
    """The keyword of a line in lower case, and its words; an empty keyword where it sets nothing.

    A line that has quotes without an end has no words.
    """
    line = raw.strip(" \t\r\f")
    found = _KEYWORD.match(line)
    if line.startswith("#") or not found:
        return ("" if line.startswith("#") else line.lower()), []
    words, at = [], found.end()
    while piece := _PIECE.match(line, at):
        if piece[1].startswith("#"):
            break
        words.append(_QUOTED.sub(lambda quoted: quoted[1] or "", piece[1]))
        at = piece.end()
    return found[1].lower(), words


def _terms(words: list[str]) -> tuple[Term, ...]:
    """The criteria of a Match line."""
    found, waiting = [], words[::-1]
    while waiting:
        name, equals, argument = waiting.pop().partition("=")
        alone = name.lower() in ("all", "invalid-user")
        if not equals and not alone and waiting:
            argument = waiting.pop()
        found.append((name.lower(), argument))
    return tuple(found)


_NOBODY = ("invalid-user", "")


def _fits_version(patterns: str, known: str) -> bool | None:
    """Whether a release fits a list of patterns, by its beginning; None where the rest decides."""
    found: bool | None = False
    for pattern in patterns.split(","):
        plain = pattern.removeprefix("!")
        head = re.split(r"[*?]", plain)[0]
        if plain.endswith("*") and fnmatchcase(known, plain) and "[" not in plain:
            if pattern.startswith("!"):
                return False
            found = True
        elif not known or known.startswith(head) or head.startswith(known):
            return None
    return found


# Older names of keywords (servconf.c of OpenSSH 9.2), which `sshd -T` prints by the new ones.
_ALIASES = {
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "skeyauthentication": "kbdinteractiveauthentication",
    "dsaauthentication": "pubkeyauthentication",
    "hostdsakey": "hostkey",
}


class _Reader:
    """Reads the main file and what it includes, in the order of the server."""

    def __init__(self, entries: tuple[FileEntry, ...], trace: Trace | None = None) -> None:
        read = [entry for entry in entries if entry.status is FileStatus.READ]
        self._lines = {entry.path: tuple(entry.lines) for entry in read}
        self._unread = {entry.path for entry in entries} - set(self._lines)
        self._trace = trace
        self._traced = dict.fromkeys(trace.whole - set(self._lines), False) if trace else {}
        self._met: Counter[str] = Counter()
        self.overrides: list[Override] = []
        self.foreign: dict[str, None] = {}
        self.read_files: dict[str, None] = {}
        self.settings: dict[str, list[str]] = {}

    def read(self, path: str, outer: tuple[Term, ...], text: str, depth: int) -> None:
        """The settings of one file; `outer` and `text` are the block that includes it."""
        lines = self._lines_of(path)
        if lines is None and outer and len(self.overrides) <= _MOST:
            self._set(INCLUDE, path, outer, text)
            return
        if lines is None or depth > _DEEPEST or len(self.overrides) > _MOST:
            self.foreign[path] = None
            return
        self.read_files[path] = None
        terms, criteria = outer, text
        for raw in lines:
            key, values = keyword_of(raw)
            if key == "match":
                self._met[" ".join(values)] += 1
                terms = (*outer, *self._settled(_terms(values)))
                criteria = " ".join([*((text,) if text else ()), *values])
            elif key == "include":
                for included in self._included(values):
                    self.read(included, terms, criteria, depth + 1)
            elif key:
                self._set(key, " ".join(values), terms, criteria)

    def _settled(self, terms: tuple[Term, ...]) -> tuple[Term, ...]:
        """The same without what the release of the server settles."""
        version = self._trace.version if self._trace else ""
        held = {term: _fits_version(term[1], version) for term in terms if term[0] == "version"}
        if False in held.values():
            return (*terms, _NOBODY)
        return tuple(term for term in terms if not held.get(term)) or (("all", ""),)

    def _lines_of(self, path: str) -> tuple[str, ...] | None:
        """The lines of a file; None where neither its text nor what the server read is known."""
        if path in self._traced and self._trace is not None:
            self._traced[path] = True
            return self._trace.lines.get(path, ())
        return self._lines.get(path)

    def end(self) -> None:
        """Adds the Match blocks of files that only the trace tells of.

        It tells neither their place nor what they set: each may come first, and set anything.
        """
        used = tuple(path for path, was in self._traced.items() if was)
        if self._trace is None or not used:
            return
        rows = [keyword_of(f"Match {text}")[1] for text in self._trace.matches]
        there = Counter(" ".join(words) for words in rows)
        if self._met - there:
            self.foreign.update(dict.fromkeys(used))
        terms = {" ".join(words): _terms(words) for words in rows}
        self.overrides[:0] = [
            Override(criteria=text, key=INCLUDE, value=" ".join(used), terms=terms[text])
            for text in there - self._met
        ]

    def _set(self, name: str, value: str, terms: tuple[Term, ...], criteria: str) -> None:
        key = _ALIASES.get(name, name)
        if criteria:
            self.overrides.append(Override(criteria=criteria, key=key, value=value, terms=terms))
        else:
            self.settings.setdefault(key, []).append(value)

    def _included(self, patterns: list[str]) -> Iterator[str]:
        for pattern in patterns:
            path = pattern if pattern[:1] in ("/", "~") else f"/etc/ssh/{pattern}"
            if self._trace is not None and (listed := self._trace.includes.get(path)):
                yield from listed
                continue
            folder, _, name = path.rpartition("/")
            found = sorted(
                p for p in (*self._lines, *self._unread) if p.rpartition("/")[0] == folder
                and fnmatchcase(p.rpartition("/")[2], name)
                and p.rpartition("/")[2].startswith(".") <= name.startswith(".")
            )  # fmt: skip
            if not self._is_known(folder, name, bool(found)):
                yield pattern  # as a file that was not read
            yield from found

    def _is_known(self, folder: str, name: str, found: bool) -> bool:
        """Whether no file that fits a pattern may be missing among those that were found.

        The server takes a folder that is closed to it for an empty one.
        """
        if any(f"{folder}/".startswith(f"{p}/") for p in self._unread):
            return False
        if self._trace is not None and f"{folder}/{name}" in self._trace.includes:
            return self._trace.by_root or _searched(folder, name) or _looked_into(folder)
        return _searched(folder, name) or (found and not re.search(r"[*?\[]", name))


def _looked_into(folder: str) -> bool:
    """Whether a folder would have been reported if it were closed."""
    near = any(f"{folder}/".startswith(f"{top}/") for top in _TOPS)
    return near and folder.count("/") <= _FAR and not re.search(r"[*?\[]", folder)


def _searched(folder: str, name: str) -> bool:
    """Whether every file that fits this pattern of an include was asked for."""
    if re.search(r"[*?\[]", folder):
        return False
    if name.endswith(".conf") and any(
        fnmatchcase(folder, top) and folder.count("/") == top.count("/") for top in _SITES
    ):
        return True
    near = any(folder == top or folder.startswith(f"{top}/") for top in _FOLDERS)
    named = name.endswith((".conf", ".config")) or name.startswith("sshd_config")
    return near and folder.count("/") - 2 < _DEPTH and named


def parse_sshd_files(answer: Answer) -> SshdFiles | Absent:
    """The settings of sshd_config and of what it includes; Absent where it was not read."""
    entries = files_below(answer, (*_MAINS, *_FOLDERS))
    return entries if isinstance(entries, Absent) else _files(entries, None, None)


def parse_traced(answers: Answers) -> SshdFiles | Absent:
    """The same with what lies elsewhere, and what the server itself reported of its files."""
    entries = _entries(answers)
    if isinstance(entries, Absent):
        return entries
    return _files(entries, read_trace(answers["trace"]), newer_files(answers["newer"]))


def _entries(answers: Answers) -> tuple[FileEntry, ...] | Absent:
    entries = files_below(answers["files"], (*_MAINS, *_FOLDERS))
    if isinstance(entries, Absent):
        return entries
    far = [one for one in answers["far"].files if one.status in (FileStatus.READ, *_CLOSED)]
    near = {entry.path for entry in entries}
    return (*entries, *(one for one in far if one.path not in near))


def parse_traced_as_root(answers: Answers) -> SshdFiles | Absent:
    """The same where no folder was closed to the server."""
    entries = _entries(answers)
    if isinstance(entries, Absent):
        return entries
    trace = read_trace(answers["trace"])
    seen = trace and structs.replace(trace, by_root=True)
    return _files(entries, seen, newer_files(answers["newer"]))


_CLOSED = (FileStatus.NOT_PERMITTED, FileStatus.TOO_BIG)


def newer_files(answer: Answer) -> frozenset[str] | None:
    """The files that were changed after the server wrote its pid file; None where it has none."""
    if _PID_FILE.encode() in answer.stderr:
        return None
    found = answer.stdout.split(b"\0")
    return frozenset(path.decode("utf-8", "surrogateescape") for path in found if path)


def _unsettled(path: str, newer: frozenset[str] | None) -> bool:
    """Whether a file may have been changed after the server read it; those near have a time."""
    if path == _POLICY or any(path.startswith(f"{top}/") for top in _FOLDERS):
        return False
    near = any(
        path.startswith(f"{top}/") and path.count("/") - top.count("/") <= _FAR for top in _TOPS
    )
    named = any(fnmatchcase(path.rpartition("/")[2], name) for name in _NEWER_NAMES)
    return newer is None or path in newer or not (near and named)


def _files(
    entries: tuple[FileEntry, ...], trace: Trace | None, newer: frozenset[str] | None
) -> SshdFiles | Absent:
    found = {entry.path for entry in entries}
    main = next((path for path in _MAINS if path in found), None)
    if main is None:
        return not_present(msg("There is no /etc/ssh/sshd_config"))
    named = [
        e.path for e in entries
        if e.status is FileStatus.READ and fnmatchcase(e.path.rpartition("/")[2], _MAIN_NAME)
    ]  # fmt: skip
    others = [path for path in named if path not in _MAINS][:_MOST_MAINS]
    return structs.replace(
        _settings(entries, main, trace, newer),
        others={path: _settings(entries, path, None, newer) for path in others},
    )


def _settings(
    entries: tuple[FileEntry, ...], main: str, trace: Trace | None, newer: frozenset[str] | None
) -> SshdFiles:
    reader = _Reader(entries, trace)
    reader.read(main, (), "", 0)
    reader.end()
    return SshdFiles(
        overrides=tuple(reader.overrides),
        foreign=tuple(reader.foreign),
        unsettled=tuple(path for path in reader.read_files if _unsettled(path, newer)),
        settings={key: tuple(values) for key, values in reader.settings.items()},
    )


_ASK = ReadFiles(paths=(*_FOLDERS, _POLICY), depth=_DEPTH, names=_NAMES, privilege=Privilege.ROOT)
SSHD_FILES = fact("linux.sshd-files", SshdFiles, kind="host", ask=_ASK, parse=parse_sshd_files)
FILES_SEEN = fact(
    "linux.sshd-files-seen", SshdFiles, kind="host", ask=plainly(_ASK), parse=parse_sshd_files
)
# Where sites put files of their own, and those of further servers; of an included file that lies
# elsewhere the trace tells all but what Match blocks set.
_TOPS = ("/etc", "/opt", "/srv", "/usr/local", "/usr/share/ssh", "/root", "/data", "/app")
_FAR = 4
_SITES = ("/opt/*/*ssh*", "/usr/local/etc/*ssh*", "/etc/*/*ssh*")
_ELSEWHERE = ReadFiles(
    paths=_TOPS, depth=_FAR, names=("*sshd*conf*", "sftp*conf*"),
    globs=tuple(f"{folder}/*.conf" for folder in _SITES),
    file_limit=256 << 10, limit=2 << 20, privilege=Privilege.ROOT,
)  # fmt: skip


_PID_FILE = "/run/sshd.pid"  # written at each start, and when the settings are read anew
_NEWER_NAMES = ("*conf*", "*cfg*", "*ssh*", "*.inc")
_NEWER = Command(
    argv=(
        "/usr/bin/find", "-L", *_TOPS, "-maxdepth", str(_FAR), "-type", "f",
        "(", *[word for name in _NEWER_NAMES for word in ("-o", "-name", name)][1:], ")",
        "(", "-newer", _PID_FILE, "-o", "-cnewer", _PID_FILE, ")", "-print0",
    ),
    ok=(0, 1), privilege=Privilege.ROOT, aside=True,
)  # fmt: skip


def _traced(
    id: str, asked: Callable[[Any], Any], parse: Callable[[Answers], SshdFiles | Absent]
) -> Fact:
    asks = {"files": _ASK, "far": _ELSEWHERE, "trace": TRACE, "newer": _NEWER}
    return fact(
        id, SshdFiles, kind="host", asks={name: asked(ask) for name, ask in asks.items()},
        parse=parse,
    )  # fmt: skip


TRACED = _traced("linux.sshd-files-traced", lambda ask: ask, parse_traced_as_root)
TRACED_SEEN = _traced("linux.sshd-files-traced-seen", plainly, parse_traced)
FILES = first_of(TRACED, SSHD_FILES, TRACED_SEEN, FILES_SEEN)
"""The settings in files, from the best of their sources."""

# Of these each line adds to the others; of any other keyword the first one holds.
ADDING = frozenset({
    "port", "listenaddress", "hostkey", "allowusers", "denyusers", "allowgroups", "denygroups",
    "acceptenv",
})  # fmt: skip


# What holds where no file says otherwise, the same in every release since OpenSSH 4.4 (2006); of
# other keywords the default changed, or distributions change it.
_DEFAULTS = {
    "port": ("22",), "pubkeyauthentication": ("yes",), "passwordauthentication": ("yes",),
    "maxauthtries": ("6",), "logingracetime": ("120",), "permitemptypasswords": ("no",),
    "hostbasedauthentication": ("no",), "ignorerhosts": ("yes",), "strictmodes": ("yes",),
    "permituserenvironment": ("no",), "clientaliveinterval": ("0",), "clientalivecountmax": ("3",),
    "usepam": ("no",), "permittunnel": ("no",), "gatewayports": ("no",), "loglevel": ("INFO",),
    "syslogfacility": ("AUTH",),
}  # fmt: skip


def settings_of_files(files: SshdFiles) -> Sshd | Absent:
    """What the files set outside of Match blocks; Absent where an included file was not read.

    A list that adds to the default (`+`, `^`) is kept as it is, for what it adds is offered.
    """
    if files.foreign:
        names = msg("Included files were not read: {names}", names=capped(files.foreign))
        return Absent(reason=Reason.NOT_PERMITTED, detail=names)
    return Sshd(values=set_outside(files), from_files=True)


def set_outside(files: SshdFiles) -> dict[str, tuple[str, ...]]:
    """What the files that were read set outside of Match blocks, with defaults that never changed.

    A list that takes away from the default (`-`) is left out.
    """
    values = {
        key: written if key in ADDING else written[:1]
        for key, written in files.settings.items()
        if not written[0].startswith("-")
    }
    return _DEFAULTS | values


SSHD_SET = derive(
    "linux.sshd-set", Sshd, needs=first_of(TRACED_SEEN, FILES_SEEN), make=settings_of_files
)
FACTS = (SSHD_FILES, FILES_SEEN, TRACED, TRACED_SEEN, SSHD_SET)
