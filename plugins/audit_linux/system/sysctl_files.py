"""What the kernel is set to when the host boots: sysctl.d(5), sysctl.conf(5), ufw.

A line is `key = value`; a minus in front of the key ignores errors, and a key alone behind a minus
takes it out of globs. Lines that begin with `#` or `;` are comments, other lines are passed
over. Where the first separator of a key is a slash, dots stand for themselves; otherwise slashes
and dots change places. A key may be a glob, whose `*` does not match a separator; it does not
concern keys that are also named without a glob. The later assignment holds.
"""

from __future__ import annotations

import enum
import fnmatch
import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from audit_core.api.sdk import (
    Answer,
    FileEntry,
    FileStatus,
    ParseError,
    Partial,
    ReadFiles,
    capped,
    fact,
    msg,
    partial,
)


class SysctlFile(Struct, frozen=True, kw_only=True):
    """One file in sysctl.d or beside it; `lines` is None where it could not be read."""

    path: str
    lines: tuple[str, ...] | None = ()

    @property
    def folder(self) -> str:
        """The directory that the file lies in."""
        return self.path.rpartition("/")[0]

    @property
    def name(self) -> str:
        """Its name, by which files shadow each other."""
        return self.path.rpartition("/")[2]


class SysctlFiles(Struct, frozen=True, kw_only=True):
    """What sets kernel settings at boot; `scripts` are start-up scripts that mention sysctl."""

    files: tuple[SysctlFile, ...]
    cmdline: dict[str, str] = {}
    scripts: tuple[str, ...] = ()


class Unknown(enum.Enum):
    """A value that depends on a file that was not read, or on what boots the host."""

    UNKNOWN = enum.auto()


class Assigned(Struct, frozen=True, kw_only=True):
    """The value of a key, and the file that sets it."""

    value: str
    path: str


# systemd 252, basic/constants.h; procps 4.0, sysctl.c. A file shadows those of its name in later
# directories; both sort by name.
_SYSTEMD = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d",
            "/lib/sysctl.d")  # fmt: skip
_PROCPS = (*_SYSTEMD,)
_PLAIN = "/etc/sysctl.conf"  # read by systemd only through a link in sysctl.d
_UFW, _UFW_ON, _UFW_WHERE = "/etc/ufw/sysctl.conf", "/etc/ufw/ufw.conf", "/etc/default/ufw"
_SCRIPTS = ("/etc/rc.local", "/etc/rc.d/rc.local")
_CMDLINE = "/proc/cmdline"
_OTHERS = (_PLAIN, _UFW, _UFW_ON, _UFW_WHERE, *_SCRIPTS, _CMDLINE)
_GONE = (FileStatus.NOT_PRESENT,)
# A broken link and a link to /dev/null are files without lines, which shadow others.
_EMPTY = (FileStatus.BROKEN_LINK, FileStatus.NOT_REGULAR)


def parse_files(answer: Answer) -> SysctlFiles | Partial:
    """The files that boot reads, in no order; those that were not read have None for lines."""
    there = {f.path: f for f in answer.files if f.status not in _GONE}
    unread = [f.path for f in there.values() if f.status not in (FileStatus.READ, *_EMPTY)]
    if closed := [path for path in unread if path in _SYSTEMD]:
        raise ParseError(msg("Cannot look into {paths}", paths=capped(closed)))
    files = tuple(_file(there[path]) for path in there if _configures(path))
    ufw = _ufw(there)
    problems = [msg("Cannot read {paths}", paths=capped(unread))] if unread else []
    value = SysctlFiles(
        files=(*files, *ufw),
        cmdline=_from_cmdline(there[_CMDLINE].text if _CMDLINE in there else ""),
        scripts=tuple(path for path in _SCRIPTS if path in there and _mentions(there[path])),
    )
    return partial(value, problems)


def _configures(path: str) -> bool:
    name = path.rpartition("/")[2]
    return path == _PLAIN or (path.rpartition("/")[0] in _SYSTEMD and name.endswith(".conf"))


def _file(entry: FileEntry) -> SysctlFile:
    if entry.status is FileStatus.READ:
        return SysctlFile(path=entry.path, lines=tuple(entry.lines))
    return SysctlFile(path=entry.path, lines=() if entry.status in _EMPTY else None)


_ON = re.compile(r"\s*ENABLED=['\"]?yes['\"]?\s*", re.IGNORECASE)
_WHERE = re.compile(r"\s*IPT_SYSCTL=['\"]?([^'\"\s#]*)['\"]?")


def _ufw(there: dict[str, FileEntry]) -> tuple[SysctlFile, ...]:
    """The file that ufw applies when it starts, after all others; none while ufw is off."""
    if _UFW_ON not in there or not any(map(_ON.fullmatch, there[_UFW_ON].lines)):
        return ()
    named = there[_UFW_WHERE].lines if _UFW_WHERE in there else ()
    places = [hit[1] for line in named if (hit := _WHERE.match(line))]
    if places and places[-1] != _UFW:
        return (SysctlFile(path=places[-1], lines=None),) if places[-1] else ()
    return (_file(there[_UFW]),) if _UFW in there else ()


def _mentions(script: FileEntry) -> bool:
    return script.status is not FileStatus.READ or any(
        ("sysctl" in line or "/proc/sys" in line) and not line.lstrip().startswith("#")
        for line in script.lines
    )


def _from_cmdline(text: str) -> dict[str, str]:
    """`sysctl.KEY=VALUE` of the kernel's command line (kernel-parameters.txt, Linux 5.8)."""
    words = (word.removeprefix("sysctl.").partition("=") for word in text.split()
             if word.startswith("sysctl."))  # fmt: skip
    return {normalized(key): value for key, equals, value in words if equals}


SYSCTL_FILES = fact(
    "linux.sysctl-files",
    SysctlFiles,
    kind="host",
    ask=ReadFiles(paths=(*_SYSTEMD, *_OTHERS), depth=1, names=("*.conf",)),
    parse=parse_files,
)

# --- what holds after boot ----------------------------------------------------------------------


def normalized(key: str) -> str:
    """`key` as a path below /proc/sys: `net/ipv4/conf/eth0.7/forwarding`."""
    first = next((char for char in key if char in "/."), "/")
    swapped = key if first == "/" else key.translate(str.maketrans("./", "/."))
    return re.sub("/+", "/", swapped).strip("/")


def _ordered(files: Iterable[SysctlFile], folders: tuple[str, ...]) -> list[SysctlFile]:
    """The files that are read, in their order; a name counts in the first directory that has it."""
    by_name: dict[str, SysctlFile] = {}
    # Only procps reads files whose names begin with a dot.
    hidden = folders is _PROCPS
    below = [f for f in files if f.folder in folders and (hidden or f.name[0] != ".")]
    for file in sorted(below, key=lambda file: folders.index(file.folder)):
        by_name.setdefault(file.name, file)
    return [by_name[name] for name in sorted(by_name)]


class _Row(Struct, frozen=True, kw_only=True):
    """One line: `value` is None where it takes the key out of globs; `odd`: procps spells it so."""

    key: str
    value: str | None
    path: str
    odd: bool


def _rows(files: list[SysctlFile]) -> Iterator[_Row | None]:
    """The lines that count, in order; None stands for a file that was not read."""
    for file in files:
        if file.lines is None:
            yield None
        for line in file.lines or ():
            text = line.strip()
            key, equals, value = text.partition("=")
            if text and text[0] not in "#;" and (equals or key.startswith("-")):
                bare = key.removeprefix("-")
                yield _Row(
                    key=normalized(bare.strip()),
                    value=value.strip() if equals else None,
                    path=file.path,
                    odd="//" in bare or bare.startswith(("/", " ", "\t")),
                )


def _last(rows: Iterable[_Row | None]) -> list[_Row | None]:
    """The line that holds for each key as it is written, as systemd keeps them.

    One with another value comes last; None is a file that was not read.
    """
    kept: dict[str | int, _Row | None] = {}
    for number, row in enumerate(rows):
        old = kept.get(row.key) if row else None
        if row is None:
            kept[number] = None
        elif old is None or old.value != row.value:
            kept.pop(row.key, None)
            kept[row.key] = row
    return list(kept.values())


def _value(files: list[SysctlFile], key: str, *, procps: bool) -> Assigned | Unknown | None:
    """What `files`, in the order in which they are applied, set `key` to; None: nothing.

    A glob does not concern a key that stands by itself; procps compares as it is written.
    """
    rows = list(_rows(files)) if procps else _last(_rows(files))
    own = any(row is not None and row.key == key and not (procps and row.odd) for row in rows)
    found: Assigned | Unknown | None = None
    for row in rows:
        if row is None:
            found = Unknown.UNKNOWN
        elif row.value is not None and (row.key == key or (not own and _matches(row.key, key))):
            found = Assigned(value=row.value, path=row.path)
    return found


def _matches(pattern: str, key: str) -> bool:
    parts, wanted = key.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatch.fnmatchcase, parts, wanted))


def at_boot(given: SysctlFiles, key: str, init: str) -> Assigned | Unknown | None:
    """What boot sets `key` (`kernel.randomize_va_space`) to; None where nothing sets it.

    `init` is what starts the host: "systemd", "other" or "unknown".
    """
    ways = {
        "systemd": [*_ordered(given.files, _SYSTEMD), *_named(given, _UFW)],
        "other": [*_ordered(given.files, _PROCPS), *_named(given, _PLAIN), *_named(given, _UFW)],
    }
    wanted = [ways[init]] if init in ways else list(ways.values())
    path = normalized(key)
    early = given.cmdline.get(path)
    first = None if early is None else Assigned(value=early, path=_CMDLINE)
    values = (_value(way, path, procps=way is ways["other"]) for way in wanted)
    found = [first if value is None else value for value in values]
    return found[0] if all(value == found[0] for value in found) else Unknown.UNKNOWN


def _named(given: SysctlFiles, path: str) -> list[SysctlFile]:
    """The plain file, or that of ufw wherever it lies."""
    if path == _PLAIN:
        return [file for file in given.files if file.path == _PLAIN]
    return [f for f in given.files if f.path != _PLAIN and f.folder not in _SYSTEMD]


FACTS = (SYSCTL_FILES,)
