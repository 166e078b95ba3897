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
from collections.abc import Iterator
from fnmatch import fnmatchcase

from msgspec import Struct, structs

from audit_core.api.sdk import (
    Absent,
    Answer,
    FileEntry,
    FileStatus,
    Privilege,
    ReadFiles,
    Reason,
    capped,
    derive,
    fact,
    msg,
    not_present,
)
from audit_linux.config_files import files_below
from audit_linux.ssh.sshd import Sshd, plainly

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

    `foreign` are files that are included and were not read. `others` are further files that a
    server may be started with (-f), by path.
    """

    overrides: tuple[Override, ...] = ()
    foreign: tuple[str, ...] = ()
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


class _Reader:
    """Reads the main file and what it includes, in the order of the server."""

    def __init__(self, entries: tuple[FileEntry, ...]) -> None:
        self._files = {e.path: e for e in entries if e.status is FileStatus.READ}
        self._unread = {e.path for e in entries} - set(self._files)
        self.overrides: list[Override] = []
        self.foreign: dict[str, None] = {}
        self.settings: dict[str, list[str]] = {}

    def read(self, path: str, outer: tuple[Term, ...], text: str, depth: int) -> None:
        """The settings of one file; `outer` and `told` are the block that includes it."""
        if path not in self._files or depth > _DEEPEST or len(self.overrides) > _MOST:
            self.foreign[path] = None
            return
        terms, criteria = outer, text
        for raw in self._files[path].lines:
            key, values = keyword_of(raw)
            if key == "match":
                terms = (*outer, *_terms(values))
                criteria = " ".join([*((text,) if text else ()), *values])
            elif key == "include":
                for included in self._included(values):
                    self.read(included, terms, criteria, depth + 1)
            elif key:
                self._set(key, " ".join(values), terms, criteria)

    def _set(self, key: str, value: str, terms: tuple[Term, ...], criteria: str) -> None:
        if criteria:
            self.overrides.append(Override(criteria=criteria, key=key, value=value, terms=terms))
        else:
            self.settings.setdefault(key, []).append(value)

    def _included(self, patterns: list[str]) -> Iterator[str]:
        for pattern in patterns:
            path = pattern if pattern[:1] in ("/", "~") else f"/etc/ssh/{pattern}"
            folder, _, name = path.rpartition("/")
            found = sorted(
                p for p in (*self._files, *self._unread) if p.rpartition("/")[0] == folder
                and fnmatchcase(p.rpartition("/")[2], name)
                and p.rpartition("/")[2].startswith(".") <= name.startswith(".")
            )  # fmt: skip
            closed = any(f"{folder}/".startswith(f"{p}/") for p in self._unread)
            if closed or (not found and not _searched(folder, name)):
                self.foreign[pattern] = None
            yield from found
            if found and re.search(r"[*?\[]", name) and not _searched(folder, name):
                self.foreign[pattern] = None


def _searched(folder: str, name: str) -> bool:
    """Whether every file that fits this pattern of an include was asked for."""
    near = any(folder == top or folder.startswith(f"{top}/") for top in _FOLDERS)
    below = folder.count("/") - 2 < _DEPTH and not re.search(r"[*?\[]", folder)
    named = name.endswith((".conf", ".config")) or name.startswith("sshd_config")
    return near and below and named


def parse_sshd_files(answer: Answer) -> SshdFiles | Absent:
    """The settings of sshd_config and of what it includes; Absent where it was not read."""
    entries = files_below(answer, (*_MAINS, *_FOLDERS))
    if isinstance(entries, Absent):
        return entries
    found = {entry.path for entry in entries}
    main = next((path for path in _MAINS if path in found), None)
    if main is None:
        return not_present(msg("There is no /etc/ssh/sshd_config"))
    named = [e.path for e in entries if fnmatchcase(e.path.rpartition("/")[2], _MAIN_NAME)]
    others = [path for path in named if path not in _MAINS][:_MOST_MAINS]
    return structs.replace(
        _settings(entries, main), others={path: _settings(entries, path) for path in others}
    )


def _settings(entries: tuple[FileEntry, ...], main: str) -> SshdFiles:
    reader = _Reader(entries)
    reader.read(main, (), "", 0)
    return SshdFiles(
        overrides=tuple(reader.overrides),
        foreign=tuple(reader.foreign),
        settings={key: tuple(values) for key, values in reader.settings.items()},
    )


_ASK = ReadFiles(paths=(*_FOLDERS, _POLICY), depth=_DEPTH, names=_NAMES, privilege=Privilege.ROOT)
SSHD_FILES = fact("linux.sshd-files", SshdFiles, kind="host", ask=_ASK, parse=parse_sshd_files)
FILES_SEEN = fact(
    "linux.sshd-files-seen", SshdFiles, kind="host", ask=plainly(_ASK), parse=parse_sshd_files
)

# Of these each line adds to the others; of any other keyword the first one holds.
_ADDING = frozenset({
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
    "permittunnel": ("no",), "gatewayports": ("no",), "loglevel": ("INFO",),
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
        key: written if key in _ADDING else written[:1]
        for key, written in files.settings.items()
        if not written[0].startswith("-")
    }
    return _DEFAULTS | values


SSHD_SET = derive("linux.sshd-set", Sshd, needs=FILES_SEEN, make=settings_of_files)
FACTS = (SSHD_FILES, FILES_SEEN, SSHD_SET)
