"""What removes logs besides logrotate: jobs of cron with find or tmpwatch, and tmpfiles.d.

Only plain forms are understood: `find /var/log … -mtime +30 … -delete` (or rm), `tmpreaper 30d
/var/log`, and a line of tmpfiles.d(5) with an age for /var/log. What else may remove logs is not
looked for.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator

from msgspec import Struct

from audit_core.api.sdk import (
    Answers,
    FileEntry,
    FileStatus,
    Privilege,
    ReadFiles,
    fact,
    provider,
)
from audit_core.model import NamedAsk
from audit_linux.cron_tables import cron_tables, ignored_table

_FOLDER = "/var/log"
_TMPFILES = ("/etc/tmpfiles.d", "/run/tmpfiles.d")
_PARTS = tuple(f"/etc/cron.{each}" for each in ("hourly", "daily", "weekly", "monthly"))


class Cleaner(Struct, frozen=True, kw_only=True):
    """What removes files of /var/log that are older than `days`.

    `patterns` are names of these files, empty for all.
    """

    where: str
    text: str
    days: float
    patterns: tuple[str, ...] = ()

    def removes(self, log: str) -> bool:
        """Whether it removes a log, or copies of it that logrotate made."""
        names = (log, f"{log}.1", f"{log}.2.gz", f"{log}-20260101", f"{log}-20260101.gz")
        return not self.patterns or any(
            fnmatch.fnmatchcase(name, pattern) for pattern in self.patterns for name in names
        )


def parse_cleaners(answers: Answers) -> tuple[Cleaner, ...]:
    """The cleaners in the files that could be read."""
    found: list[Cleaner] = []
    for file in (*answers["files"].files, *answers["tables"].files):
        if file.status is FileStatus.READ:
            found += _of_tmpfiles(file) if file.path.startswith(_TMPFILES) else _of_jobs(file)
    return tuple(found)


# --- cron ---------------------------------------------------------------------------------------

_FIND = re.compile(r"\bfind\s+(?:-[HLP]\s+)*/var/log/?\s([^|;&]*)(.*)")
_AGE = re.compile(r"-(?:mtime|ctime|atime)\s+\+(\d{1,5})\b")
_MINUTES = re.compile(r"-(?:mmin|cmin|amin)\s+\+(\d{1,9})\b")
_NAME = re.compile(r"-i?name\s+(\"[^\"]*\"|'[^']*'|\S+)")
_REAPER = re.compile(r"\b(?:tmpwatch|tmpreaper)\s.*?\s?(\d{1,5})([dhm]?)\s.*?/var/log/?(?:\s|$)")
_OF_UNIT = {"d": 1, "h": 1 / 24, "m": 1 / 1440, "": 1 / 24}


def _of_jobs(file: FileEntry) -> Iterator[Cleaner]:
    script = file.path.startswith(_PARTS)
    if (script and not file.mode & 0o100) or (not script and ignored_table(file)):
        return
    for line in file.text.replace("\\\n", " ").split("\n"):
        if not line.lstrip().startswith("#"):
            yield from _of_line(file.path, line)


def _of_line(path: str, line: str) -> Iterator[Cleaner]:
    for test, rest in _FIND.findall(line):
        minutes = (int(age) / 1440 for age in _MINUTES.findall(test))
        days = [*(float(age) for age in _AGE.findall(test)), *minutes]
        removed = "-delete" in test or re.search(r"\brm\b", test + rest)
        if removed and days and not re.search(r"-path|\s!\s|-not\b|-prune", test):
            names = tuple(name.strip("\"'\\") for name in _NAME.findall(test))
            yield Cleaner(where=path, text=line.strip()[:200], days=max(days), patterns=names)
    for count, unit in _REAPER.findall(line):
        yield Cleaner(where=path, text=line.strip()[:200], days=int(count) * _OF_UNIT[unit])


# --- tmpfiles.d ---------------------------------------------------------------------------------

_SPAN = re.compile(r"(\d{1,9})\s*([a-zA-Z]*)")
_SECONDS = {
    "": 1, "s": 1, "sec": 1, "second": 1, "seconds": 1, "m": 60, "min": 60, "minute": 60,
    "minutes": 60, "h": 3600, "hr": 3600, "hour": 3600, "hours": 3600, "d": 86400, "day": 86400,
    "days": 86400, "w": 604800, "week": 604800, "weeks": 604800, "M": 2629800, "month": 2629800,
    "months": 2629800, "y": 31557600, "year": 31557600, "years": 31557600,
}  # fmt: skip


def _of_tmpfiles(file: FileEntry) -> Iterator[Cleaner]:
    """Lines `type path mode user group age` for /var/log; `~` keeps what lies in it itself."""
    for line in file.lines:
        words = line.split()
        if len(words) < 6 or words[0][:1] not in "dDevqQ" or words[1].rstrip("/") != _FOLDER:
            continue
        spans = _SPAN.findall(words[5].rpartition(":")[2])
        if spans and not words[5].startswith("~") and all(unit in _SECONDS for _, unit in spans):
            days = sum(int(count) * _SECONDS[unit] for count, unit in spans) / 86400
            yield Cleaner(where=file.path, text=line.strip()[:200], days=days)


def _asks(privilege: Privilege) -> dict[str, NamedAsk]:
    files = ReadFiles(paths=(*_PARTS, *_TMPFILES), depth=1, partial_ok=True)
    return {"files": files, "tables": cron_tables(privilege)}


CLEANERS = fact(
    "linux.log-cleaners",
    tuple[Cleaner, ...],
    kind="host",
    providers=(
        provider(asks=_asks(Privilege.ROOT), parse=parse_cleaners, root="yes"),
        provider(asks=_asks(Privilege.USER), parse=parse_cleaners, root="no"),
    ),
)
FACTS = (CLEANERS,)
