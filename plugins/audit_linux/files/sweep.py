"""One pass over the local file systems: what runs with other rights, and what others may change.

`find / -xdev` would see one file system only. This pass goes into directories of local types and
into no other, so that no network share, FUSE file system or image is walked, nor what containers
keep: their files have the rights of their container. Every name ends with NUL, so that a newline
in it divides nothing. GNU find with btrfs may not know the type of a subvolume (`unknown`).
"""

from __future__ import annotations

import re
import stat

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answer,
    Answers,
    Command,
    Message,
    ParseError,
    Partial,
    Privilege,
    Reason,
    fact,
    msg,
    partial,
    read_rows,
    verbatim,
)
from audit_linux.find_errors import refused

SECONDS = 240
"""How long one pass may take; what it printed until then is judged as incomplete."""

LOCAL = (
    "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "bcachefs", "f2fs", "jfs", "reiserfs", "tmpfs",
    "ramfs", "rootfs", "overlay", "unknown",
)  # fmt: skip
# What engines keep of images and running containers, closed to all but root.
_OF_CONTAINERS = (
    "/var/lib/docker", "/var/lib/containers", "/var/lib/containerd", "/var/lib/kubelet/pods",
    "/var/lib/lxc", "/var/lib/lxd", "/var/lib/incus", "/var/lib/machines", "/run/containerd",
    "/run/k3s/containerd",
)  # fmt: skip


def _any(test: str, values: tuple[str, ...]) -> tuple[str, ...]:
    words: list[str] = []
    for value in values:
        words += ["-o", test, value]
    return ("(", *words[1:], ")")


# What lies in a directory of root that is closed to its group and to others, only root reaches.
_SKIP = (
    "-type", "d", "(", "-uid", "0", "!", "-perm", "/0011", "-o", "!", *_any("-fstype", LOCAL),
    "-o", *_any("-path", _OF_CONTAINERS), ")", "-prune",
)  # fmt: skip
_WANTED = (
    "(", "-type", "f", "(", "-perm", "-4000", "-o", "-perm", "-2010", "-o", "-perm", "-0002", ")",
    "-o", "-type", "d", "-perm", "-0002", "!", "-perm", "-1000",
    "-o", "!", "-type", "l", "!", "-uid", "0", "-nouser",
    "-o", "!", "-type", "l", "!", "-gid", "0", "-nogroup",
    ")",
)  # fmt: skip
# Whom the files and directories belong to by which what root runs may be changed. Deeper lies
# hardly anything that root is told to run, and what holds it is above.
DEPTH = 5
_NEAR = (
    "(", "-type", "d", "-o", "-type", "f", "-perm", "/0111", ")",
    "(", "!", "-uid", "0", "-o", "-perm", "-0020", "!", "-gid", "0", ")",
)  # fmt: skip
_OWNED = ("-nouser", "-printf", "u", "-o", "-nogroup", "-printf", "g", "-o", "-printf", "-")
# Stopped by SIGHUP, with the status of find: at 124 and 143 the connector says that nothing was
# answered in time, and what was printed is not read. /dev is not entered, so /dev/shm is named.
_BOUNDED = (
    "/usr/bin/timeout", "-s", "HUP", "--preserve-status", str(SECONDS),
    "/usr/bin/nice", "-n", "10", "/usr/bin/find", "/", "/dev/shm",  # noqa: S108
)  # fmt: skip
_PRINT = ("(", *_OWNED, ")", "-printf", " %m %U %G %y %p\\0")
_TIMED_OUT = 129  # 128 and SIGHUP


class Entry(Struct, frozen=True, kw_only=True):
    """One file (`f`), directory (`d`) or other object; ids as numbers.

    `nobody`: no account or no group has its id.
    """

    path: str
    bits: int
    uid: int
    gid: int
    kind: str
    nobody: bool = False

    @property
    def text(self) -> str:
        """`/usr/bin/su 4755 0:0`."""
        return f"{self.path} {self.bits:04o} {self.uid}:{self.gid}"

    @property
    def special(self) -> bool:
        """True for a program that runs with the rights of its owner or group."""
        gives = self.bits & stat.S_ISUID or self.bits & 0o2010 == 0o2010
        return self.kind == "f" and bool(gives)

    @property
    def open_to_all(self) -> bool:
        """True where every account may change it: a directory with the sticky bit is not one."""
        sticky = self.kind == "d" and self.bits & stat.S_ISVTX
        return self.kind in "fd" and bool(self.bits & 0o002) and not sticky


class Sweep(Struct, frozen=True, kw_only=True):
    """What the pass found, by path."""

    entries: tuple[Entry, ...]


_ENTRY = re.compile(r"([ug-]) ([0-7]{1,5}) (\d{1,10}) (\d{1,10}) (\S) (/.*)", re.DOTALL | re.ASCII)


def _entry(part: str) -> Entry:
    row = _ENTRY.fullmatch(part)
    if row is None:
        raise ParseError(msg("not an entry: {text}", text=verbatim(part)))
    owned, bits, uid, gid, kind, path = row.groups()
    return Entry(path=path, bits=int(bits, 8), uid=int(uid), gid=int(gid), kind=kind,
                 nobody=owned != "-")  # fmt: skip


def parse_sweep(answers: Answers) -> Sweep | Partial | Absent:
    """What find printed; partial where it was stopped, cut or refused a directory."""
    found: dict[str, Entry] = {}
    problems: list[Message] = []
    for name in ("all", "near"):
        answer = answers[name]
        *parts, rest = answer.text.split("\0")
        rows, unread = read_rows(enumerate(parts, 1), _entry)
        found |= {entry.path: entry for entry in rows}
        problems += (*unread, *_cut(answer, rest))
    if not found and problems:
        return Absent(reason=Reason.NOT_PERMITTED, detail=problems[0])
    return partial(Sweep(entries=tuple(found[path] for path in sorted(found))), problems)


def _cut(answer: Answer, rest: str) -> list[Message]:
    """Why what was printed is not all."""
    found = []
    if answer.exit_code == _TIMED_OUT:
        found.append(msg("The pass over the file systems was stopped after {n} s", n=SECONDS))
    elif answer.truncated or rest:
        found.append(msg("The pass over the file systems found more than is read"))
    denied = refused(_harmless(answer.stderr))
    if denied is not None:
        found.append(msg("Some directories were closed to the account that looked"))
    return found


def _harmless(stderr: bytes) -> bytes:
    """`stderr` without what may happen on a live system: files that went meanwhile."""
    gone = (b"No such file or directory", b"Stale file handle")
    return b"\n".join(line for line in stderr.split(b"\n") if not line.endswith(gone))


def _ask(privilege: Privilege, *words: str) -> Command:
    return Command(
        argv=(*_BOUNDED, *words), privilege=privilege, ok=(0, 1, _TIMED_OUT),
        timeout_s=SECONDS + 30, limit=8 << 20, partial_ok=True,
    )  # fmt: skip


def _asks(privilege: Privilege) -> dict[str, Command]:
    near = ("-maxdepth", str(DEPTH), *_SKIP, "-o", *_NEAR, *_PRINT)
    return {
        "all": _ask(privilege, *_SKIP, "-o", *_WANTED, *_PRINT),
        "near": _ask(privilege, *near),
    }


SWEEP = fact("linux.file-sweep", Sweep, asks={**_asks(Privilege.ROOT)}, parse=parse_sweep)
SEEN = fact("linux.file-sweep-seen", Sweep, asks={**_asks(Privilege.USER)}, parse=parse_sweep)
"""The same as an account without root sees it: it may fail a check, and passes none."""


class Capable(Struct, frozen=True, kw_only=True):
    """A program with file capabilities, such as `cap_net_raw=ep`."""

    path: str
    capabilities: str


_CAPABLE = re.compile(r"(/.*?) (?:= )?((?:[a-z_0-9,]*[=+-][eip]+ ?)+)")


def _capable(line: str) -> Capable:
    row = _CAPABLE.fullmatch(line)
    if row is None:
        raise ParseError(msg("not a line of getcap: {line}", line=verbatim(line)))
    return Capable(path=row[1], capabilities=row[2].strip())


def parse_capable(answer: Answer) -> tuple[Capable, ...] | Partial | Absent:
    """The programs that getcap names; UNSUPPORTED where it is not installed."""
    if b"getcap" in answer.stderr and b"No such file" in answer.stderr:
        return Absent(reason=Reason.UNSUPPORTED, detail=msg("getcap is not installed"))
    lines = [line for line in answer.lines if line.strip()]
    rows, problems = read_rows(enumerate(lines, 1), _capable)
    return partial(tuple(rows), (*problems, *_cut(answer, "")))


CAPABLE = fact(
    "linux.file-capabilities",
    tuple[Capable, ...],
    ask=_ask(
        Privilege.ROOT, *_SKIP, "-o", "-type", "f", "-perm", "/0111",
        "-exec", "/usr/sbin/getcap", "--", "{}", "+",
    ),
    parse=parse_capable,
)  # fmt: skip

FACTS = (SWEEP, SEEN, CAPABLE)
