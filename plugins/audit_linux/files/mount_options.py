"""Options of the mounts that everybody writes to: nosuid and nodev, now and after the next boot.

fstab(5): six fields at most, part at blanks; `\\040` stands for a blank; mount(8): options hold
from left to right, `user` and `users` bring noexec, nosuid and nodev, `owner` and `group` nosuid
and nodev; `defaults` takes nothing back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answer,
    Judgement,
    Message,
    ReadFile,
    Severity,
    Superset,
    capped,
    check,
    fact,
    failed,
    known_or_absent,
    msg,
    optional,
    passed,
    undetermined,
)
from audit_linux.files.mounts import MOUNTS, Mount, Mounts


class Line(Struct, frozen=True, kw_only=True):
    """A line of fstab: where, and its options in order."""

    path: str
    options: tuple[str, ...]

    def has(self, option: str) -> bool:
        """Whether `option` holds after all of the line's options."""
        held = False
        for word in self.options:
            if option in _BRINGS.get(word, (word,)):
                held = True
            elif word == option.removeprefix("no"):
                held = False
        return held


_BRINGS = {
    "user": ("noexec", "nosuid", "nodev"),
    "users": ("noexec", "nosuid", "nodev"),
    "owner": ("nosuid", "nodev"),
    "group": ("nosuid", "nodev"),
}


def parse_fstab(answer: Answer) -> tuple[Line, ...]:
    """The mounts of fstab; lines of another form are passed over, as mount(8) does."""
    rows = (re.split(r"[ \t]+", line.strip()) for line in answer.lines)
    return tuple(
        Line(path=_plain(row[1]), options=tuple(row[3].split(",")) if len(row) > 3 else ())
        for row in rows
        if len(row) > 2 and not row[0].startswith("#")
    )


def _plain(text: str) -> str:
    path = re.sub(r"\\([0-7]{3})", lambda hit: chr(int(hit[1], 8) & 255), text)
    return path.rstrip("/") or "/"


FSTAB = fact(
    "linux.fstab", tuple[Line, ...], kind="host", ask=ReadFile(path="/etc/fstab"), parse=parse_fstab
)

# CIS Debian Linux 12 Benchmark 1.1.0 (2024-09), 1.1.2: nosuid and nodev; noexec is for the profile
# to ask, for interpreters run scripts from there nevertheless.
WANTED = frozenset(
    f"{path}:{option}"
    for path in ("/tmp", "/var/tmp", "/dev/shm", "/home")  # noqa: S108
    for option in ("nosuid", "nodev")
)
# Where these are no mounts of their own, they have the options of what they lie in. GB/T 22239 asks
# for no mount of its own, and most systems are installed without one: only a profile can demand it.
_OF_EVERYBODY = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108
_REMOVABLE = re.compile(r"/(?:media|run/media)/.+")


@check(
    "linux.mount-options",
    needs=(MOUNTS, known_or_absent(optional(FSTAB))),
    severity=Severity.LOW,
    version=3,
    remedy=msg("Mount them with these options (/etc/fstab or systemctl edit tmp.mount)"),
)
def mount_options(
    mounts: Mounts,
    fstab: tuple[Line, ...] | Absent | None,
    *,
    wanted: Annotated[frozenset[str], Superset] = WANTED,
    own: Annotated[frozenset[str], Superset] = frozenset(),
) -> Judgement:
    """World-writable directories and removable disks are mounted with nosuid and nodev.

    `own`: the paths that shall be mounts of their own; elsewhere one that is none is only named.
    """
    expected = msg("{pairs}", pairs=capped(wanted))
    lines = {line.path: line for line in (fstab if isinstance(fstab, tuple) else ())}
    pairs = list(_pairs(mounts, wanted, lines))
    if details := _wrong(pairs, own):
        return failed(*details, expected=expected)
    if shared := [pair.text for pair in pairs if not pair.there]:
        detail = msg("Part of another file system that lacks the option; ask whether the site "
                     "requires it: {names}", names=capped(shared))  # fmt: skip
        return undetermined(detail, expected=expected)
    fine = msg("{names}", names=capped(pair.name for pair in pairs) or ("-",))
    return passed(fine, expected=expected) if pairs else undetermined(fine, expected=expected)


class _Pair(Struct, frozen=True, kw_only=True):
    """An option that a path shall have, the mount that decides, and the path's line of fstab."""

    path: str
    option: str
    mount: Mount
    line: Line | None

    @property
    def there(self) -> bool:
        """Whether the option is in effect."""
        return self.option in self.mount.options

    @property
    def own(self) -> bool:
        """Whether the path is a mount of its own."""
        return self.path == self.mount.path

    @property
    def in_fstab(self) -> bool:
        """Whether fstab gives the option."""
        return self.line is not None and self.line.has(self.option)

    @property
    def lasting(self) -> bool:
        """Whether the option is in effect after the next boot, too, so far as fstab says."""
        return self.line is None or self.in_fstab

    @property
    def name(self) -> str:
        return f"{self.path}: {self.option}"

    @property
    def text(self) -> str:
        """`/tmp: nosuid`, or `/tmp (in /): nosuid` where it is no mount of its own."""
        return self.name if self.own else f"{self.path} (in {self.mount.path}): {self.option}"


def _pairs(mounts: Mounts, wanted: frozenset[str], lines: Mapping[str, Line]) -> Iterator[_Pair]:
    """What is wanted of the paths that are there, and of what was plugged in."""
    asked = sorted(pair.rpartition(":")[::2] for pair in wanted)
    removable = [mount.path for mount in mounts.rows if _REMOVABLE.fullmatch(mount.path)]
    every = (*asked, *((path, option) for path in removable for option in ("nosuid", "nodev")))
    for path, option in every:
        mount = mounts.at(path) if path in removable else _mount(mounts, path)
        if mount is not None:
            yield _Pair(path=path, option=option, mount=mount, line=lines.get(path))


def _wrong(pairs: list[_Pair], own: frozenset[str]) -> tuple[Message, ...]:
    """The options that lack, now or after the next boot."""
    lacking = [p.text for p in pairs if not p.there and (p.own or p.path in own or p.line)]
    later = [p.name for p in pairs if p.there and p.own and not p.lasting]
    idle = [p.name for p in pairs if p.in_fstab and not p.there]
    rows = (
        (lacking, msg("Without the option: {names}", names=capped(lacking))),
        (later, msg("Mounted with it, but /etc/fstab lacks it: {names}", names=capped(later))),
        (idle, msg("Set in /etc/fstab, but not in effect: {names}", names=capped(idle))),
    )
    return _of_some(rows)


def _of_some(rows: tuple[tuple[list[str], Message], ...]) -> tuple[Message, ...]:
    return tuple(detail for names, detail in rows if names)


def _mount(mounts: Mounts, path: str) -> Mount | None:
    """The mount that decides for `path`; None where only one of its own would."""
    found = mounts.at(path)
    return found if found and (found.path == path or path in _OF_EVERYBODY) else None


FACTS = (FSTAB,)
CHECKS = (mount_options,)
