"""What keeps dumps of crashed programs: limits.conf(5), coredump.conf(5), systemd-system.conf(5).

pam_limits reads limits.conf and then limits.d/*.conf by name; a line is `domain type item value`,
and the last one for a domain holds. `*` is everybody but root; a `-` in place of the type and
nothing behind it frees a domain of all limits. systemd reads the first file of its
name and then the drop-ins by name, of which the one in the first directory counts; the last
assignment holds, an empty one is the default.
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
    msg,
    partial,
)
from audit_linux.config_files import systemd_settings


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
_FOLDERS = ("/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd")
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
        services=_systemd(files, "system.conf", "Manager", "DefaultLimitCORE"),
        storage=_systemd(files, "coredump.conf", "Coredump", "Storage"),
    )
    problems = [msg("Cannot read {paths}", paths=capped(unread))] if unread else []
    return partial(value, problems)


def _limits(files: dict[str, FileEntry]) -> tuple[str, tuple[str, ...]]:
    """The hard limit of `*`, and the lines that give others more than none."""
    every, others = "", {}
    for words in _limit_lines(files):
        if len(words) == 2 and words[1] == "-":
            others[words[0]] = "-"
        if len(words) != 4 or words[2] != "core" or words[1] not in ("hard", "-"):
            continue
        if words[0] == "*":
            every = words[3]
        else:
            others[words[0]] = words[3]
    return every, tuple(f"{name} {value}" for name, value in others.items() if value != "0")


def _limit_lines(files: dict[str, FileEntry]) -> Iterator[list[str]]:
    """The words of each line in small letters, in the order in which pam_limits reads the files."""
    named = sorted(path for path in files if path.startswith(f"{_LIMITS[1]}/"))
    for path in (_LIMITS[0], *named):
        for line in files[path].lines if path in files else ():
            yield line.split("#", 1)[0].lower().split()


def _systemd(files: dict[str, FileEntry], name: str, section: str, key: str) -> str:
    main = next((f"{d}/{name}" for d in _FOLDERS if f"{d}/{name}" in files), "")
    dropped: dict[str, str] = {}
    for folder in _FOLDERS:
        for path in files:
            if path.startswith(f"{folder}/{name}.d/"):
                dropped.setdefault(path.rpartition("/")[2], path)
    order = [main, *(dropped[last] for last in sorted(dropped))]
    pairs = (pair for path in order if path for pair in systemd_settings(files[path].text, section))
    return dict(pairs).get(key, "")


_PATHS = (*_LIMITS, *(f"{d}/{n}{e}" for d in _FOLDERS for n in _NAMES for e in ("", ".d")))
DUMP_SETTINGS = fact(
    "linux.dump-settings",
    DumpSettings,
    kind="host",
    ask=ReadFiles(paths=_PATHS, depth=1, names=("*.conf",)),
    parse=parse_dump_settings,
)


def none_at_all(limit: str) -> bool:
    """Whether a limit of systemd, `hard` or `soft:hard`, allows no dump."""
    return bool(limit) and all(re.fullmatch(r"0[a-z]?", part) for part in limit.split(":"))


FACTS = (DUMP_SETTINGS,)
