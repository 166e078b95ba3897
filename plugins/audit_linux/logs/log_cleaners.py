"""What removes logs besides logrotate: jobs of cron, and tmpfiles.d.

Only plain forms are understood: `find /var/log … -mtime +30 … -delete` (or rm), `tmpreaper 30d
/var/log`, `rm /var/log/NAME`, what empties a log (`truncate`, `> /var/log/NAME`), `logrotate -f`,
`journalctl --vacuum-time=`, and lines of tmpfiles.d(5) with an age for /var/log or that remove a
log. What else may remove logs is not looked for.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Sequence

from msgspec import Struct, structs

from audit_core.api.sdk import (
    DAY,
    Answers,
    FileEntry,
    FileStatus,
    Privilege,
    fact,
    provider,
)
from audit_core.model import NamedAsk
from audit_linux.cron_tables import (
    PARTS,
    PARTS_AND_TMPFILES,
    cron_tables,
    ignored_table,
    partly_ignored,
)
from audit_linux.logs.journald import span

_FOLDER = "/var/log"
_TMPFILES = ("/etc/tmpfiles.d", "/run/tmpfiles.d")


class Cleaner(Struct, frozen=True, kw_only=True):
    """What removes files of /var/log that are older than `days`.

    `patterns` are names of these files, empty for all. `forced`: logrotate takes every log at
    least once a day, however old it is. `journal`: it is about the journal. `copied`: the same
    job copies something, perhaps what it removes, or some crons ignore its table.
    """

    where: str
    text: str
    days: float
    patterns: tuple[str, ...] = ()
    forced: bool = False
    journal: bool = False
    copied: bool = False

    def removes(self, log: str) -> bool:
        """Whether it removes a log, or copies of it that logrotate made."""
        if self.forced or self.journal:
            return False
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
_IN_LOG = re.compile(r"\bcd\s+/var/log/?\s*(?:&&|;)")
_FROM_HERE = re.compile(r"\bfind\s+\.")
_REMOVED = re.compile(r"(?:^|[\s;&|])(?:rm|shred|unlink)\s+([^|;&]*)")
_EMPTIED = re.compile(
    r"(?:\btruncate\s+(?:-s|--size)[ =]?0\s|\bcp\s+/dev/null\s|(?<![>&\d])>\|?)"
    r"\s*[\"']?/var/log/([^\s\"';|&]+)"
)
_FORCED = re.compile(r"\blogrotate\s(?:[^|;&]*\s)?(?:-[a-z]*f[a-z]*|--force)(?:\s|$)")
_VACUUM = re.compile(r"\bjournalctl\s[^|;&]*--vacuum-time[= ](\S+)")
_EACH_DAY = re.compile(r"\s*(?:@(?:daily|midnight|hourly)\s|(?:\S+\s+){2}\*(?:/1)?\s+\*\s+\*\s)")


def _of_jobs(file: FileEntry) -> Iterator[Cleaner]:
    script = file.path.startswith(PARTS)
    doubtful = not script and partly_ignored(file)
    if (script and not file.mode & 0o100) or (not script and not doubtful and ignored_table(file)):
        return
    text = file.text.replace("\\\n", " ")
    inside = "cd /var/log; " if script and _ENTERED.search(text) else ""
    copied = doubtful or (script and bool(_COPIES.search(text)))
    for line in filter(_is_command, text.split("\n")):
        daily = file.path.startswith(PARTS[:2]) or bool(_EACH_DAY.match(line))
        for found in _of_line(inside + line, daily):
            also = copied or bool(_COPIES.search(line))
            yield structs.replace(found, where=file.path, text=line.strip()[:200], copied=also)


def _is_command(line: str) -> bool:
    return not line.lstrip().startswith("#")


# A script that goes to /var/log is there from its first line on, as far as is looked.
_ENTERED = re.compile(r"(?m)^\s*cd\s+/var/log/?\s*(?:$|\|\||;)")
_COPIES = re.compile(r"(?:^|[\s;&|])(?:cp(?!\s+/dev/null)|mv|tar|g?zip|rsync|scp|curl|s3cmd)\b")


def _of_line(line: str, daily: bool) -> Iterator[Cleaner]:
    here = bool(_IN_LOG.search(line))
    for test, rest in _FIND.findall(_FROM_HERE.sub("find /var/log", line) if here else line):
        yield from _of_find(test, rest)
    for count, unit in _REAPER.findall(line):
        yield _cleaner(int(count) * _OF_UNIT[unit])
    names = [name for words in _REMOVED.findall(line) for name in _below(words, here=here)]
    for name in (*names, *_EMPTIED.findall(line)):
        yield _cleaner(0, [name])
    if daily and _FORCED.search(line):
        yield structs.replace(_cleaner(0), forced=True)
    for age in _VACUUM.findall(line):
        yield structs.replace(_cleaner((span(age) or 0) / DAY), journal=True)


def _cleaner(days: float, names: Sequence[str] = ()) -> Cleaner:
    return Cleaner(where="", text="", days=days, patterns=tuple(names))


def _below(words: str, *, here: bool) -> Iterator[str]:
    """The names below /var/log among the words of a command; `here`: it is started there."""
    for word in (word.strip("\"'") for word in words.split()):
        if word.startswith("/var/log/"):
            yield word.removeprefix("/var/log/")
        elif here and not word.startswith(("-", "/", "$", "{")):
            yield word


def _of_find(test: str, rest: str) -> Iterator[Cleaner]:
    minutes = (int(age) / 1440 for age in _MINUTES.findall(test))
    days = [*(float(age) for age in _AGE.findall(test)), *minutes]
    removed = "-delete" in test or re.search(r"\brm\b", test + rest)
    names = tuple(name.strip("\"'\\") for name in _NAME.findall(test))
    plain = not re.search(r"-path|\s!\s|-not\b|-prune|-empty|-newer|-size", test)
    if removed and plain and (days or names):
        yield _cleaner(max(days, default=0), names)


# --- tmpfiles.d ---------------------------------------------------------------------------------


def _of_tmpfiles(file: FileEntry) -> Iterator[Cleaner]:
    """Lines `type path mode user group age` for /var/log; `~` keeps what lies in it itself.

    `r` and `R` remove what the path names, mostly when the host starts.
    """
    for line in file.lines:
        words = line.split()
        kind, place = (*words, "", "")[:2]
        if kind[:1] in ("r", "R") and place.startswith("/var/log/"):
            names = (place.removeprefix("/var/log/"),)
            yield Cleaner(where=file.path, text=line.strip()[:200], days=0, patterns=names)
        if len(words) < 6 or kind[:1] not in "dDevqQ" or place.rstrip("/") != _FOLDER:
            continue
        seconds = span(words[5].rpartition(":")[2])
        if seconds is not None and not words[5].startswith("~"):
            yield Cleaner(where=file.path, text=line.strip()[:200], days=seconds / DAY)


def _asks(privilege: Privilege) -> dict[str, NamedAsk]:
    return {"files": PARTS_AND_TMPFILES, "tables": cron_tables(privilege)}


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
