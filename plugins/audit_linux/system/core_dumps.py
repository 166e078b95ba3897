"""What keeps dumps of crashed programs: limits.conf(5), coredump.conf(5), systemd-system.conf(5).

pam_limits reads limits.conf and then limits.d/*.conf by name; a line is `domain type item value`,
and the last one for a domain holds. The case of the domain matters; words behind the value do not.
`*` is everybody but root; a `-` in place of the type and nothing behind it frees another domain of
all limits. A value is a number with something behind it, or a word for none. systemd reads the
first file of its name and then the drop-ins by name, of which the one in the first directory
counts; the last assignment holds. systemd-coredump passes over a storage that it does not know
and an empty one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from audit_core.api.sdk import (
    Answer,
    FileEntry,
    FileStatus,
    Partial,
    ReadFiles,
    capped,
    fact,
    partial,
)
from audit_linux.closed_files import SECURITY, also_as_root
from audit_linux.config_files import systemd_paths, systemd_value, unreadable


class DumpSettings(Struct, frozen=True, kw_only=True):
    """What the files say of dumps; empty where they say nothing.

    `logins` is the hard limit of everybody but root, `others` the lines for single accounts and
    groups that allow more. `services` is DefaultLimitCORE, `storage` that of systemd-coredump.
    """

    logins: str = ""
    others: tuple[str, ...] = ()
    services: str = ""
    storage: str = ""


_LIMITS = ("/etc/security/limits.conf", "/etc/security/limits.d")
_NAMES = ("coredump.conf", "system.conf")


def parse_dump_settings(answer: Answer) -> DumpSettings | Partial:
    """The settings of the files that were read; which were not is told."""
    gone = (FileStatus.NOT_PRESENT, FileStatus.BROKEN_LINK, FileStatus.NOT_REGULAR)
    there = [f for f in answer.files if f.status not in gone]
    unread = [f.path for f in there if f.status is not FileStatus.READ]
    files = {f.path: f for f in there if f.status is FileStatus.READ}
    logins, others = _limits(files)
    value = DumpSettings(
        logins=logins,
        others=others,
        services=systemd_value(answer.files, "system.conf", "Manager", "DefaultLimitCORE"),
        storage=systemd_value(answer.files, "coredump.conf", "Coredump", "Storage", _STORES),
    )
    problems = [unreadable(capped(unread))] if unread else []
    return partial(value, problems)


_UNLIMITED = frozenset({"-1", "-", "unlimited", "infinity"})
_VALUE = re.compile(r"[+-]?[0-9]+")


def _limits(files: dict[str, FileEntry]) -> tuple[str, tuple[str, ...]]:
    """The hard limit of `*`, and the lines that give others more than none."""
    limits: dict[str, str] = {}
    for domain, *words in _limit_lines(files):
        kind, item, value = [*map(str.lower, words), "", "", ""][:3]
        if (kind, item) == ("-", "") and domain != "*":
            limits[domain] = "-"
        elif item == "core" and kind in ("hard", "-") and (read := _limit(value)):
            limits[domain] = read
    every = limits.pop("*", "")
    return every, tuple(f"{name} {value}" for name, value in limits.items() if value != "0")


def _limit(value: str) -> str:
    """The value that pam_limits takes; empty where it passes the line over."""
    if value in _UNLIMITED:
        return value
    number = _VALUE.match(value)
    return str(int(number[0])) if number else ""


def _limit_lines(files: dict[str, FileEntry]) -> Iterator[list[str]]:
    """The words of each line, in the order in which pam_limits reads the files."""
    named = sorted(path for path in files if path.startswith(f"{_LIMITS[1]}/"))
    for path in (_LIMITS[0], *(p for p in named if not p.rpartition("/")[2].startswith("."))):
        for line in files[path].lines if path in files else ():
            words = line.split("#", 1)[0].split()
            if words and not words[0].startswith("%"):  # counts logins, and nothing else
                yield words


# systemd-coredump passes over others, and an empty one.
_STORES = "none|external|journal"
_PATHS = (*_LIMITS, *systemd_paths(*_NAMES))
DUMP_SETTINGS = fact(
    "linux.dump-settings",
    DumpSettings,
    kind="host",
    providers=also_as_root(
        ReadFiles(paths=_PATHS, depth=1, names=("*.conf",)),
        SECURITY,
        parse_dump_settings,
        vendor=True,
    ),
)


def none_at_all(limit: str) -> bool:
    """Whether a limit of systemd, `hard` or `soft:hard`, allows no dump."""
    return bool(limit) and all(re.fullmatch(r"0[a-z]?", part) for part in limit.split(":"))


FACTS = (DUMP_SETTINGS,)
