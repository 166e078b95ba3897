"""Where cron and anacron read their jobs from (crontab(5), anacrontab(5)).

cron 3.0 of Debian 12 ignores a whole table for one line that it does not understand, for a byte
order mark, without a line end at the end, and where others may write to it or own it. cronie 1.7
ignores the table for its owner or mode only, and runs the other lines.
"""

from __future__ import annotations

import re

from audit_core.api.sdk import FileEntry, Privilege, ReadFiles

ANACRON = "/etc/anacrontab"
OF_ROOT = ("/var/spool/cron/crontabs/root", "/var/spool/cron/root", "/var/spool/cron/tabs/root")
PARTS = tuple(f"/etc/cron.{each}" for each in ("hourly", "daily", "weekly", "monthly"))
"""Directories of scripts that run-parts starts."""
PARTS_AND_TMPFILES = ReadFiles(
    paths=(*PARTS, "/etc/tmpfiles.d", "/run/tmpfiles.d"), depth=1, partial_ok=True
)


def cron_tables(privilege: Privilege) -> ReadFiles:
    """The request for the tables of the system and of root, which is closed to others."""
    paths = ("/etc/crontab", "/etc/cron.d", ANACRON, *OF_ROOT)
    return ReadFiles(paths=paths, depth=1, privilege=privilege)


_SETTING = re.compile(r"""\s*(?:[^\s="']+|"[^"]*"|'[^']*')\s*=""")
_AT = ("@reboot", "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_MOST = (59, 23, 31, 12, 7)
_FIELD = re.compile(r"[0-9a-zA-Z*/,~-]+")


def ignored_table(file: FileEntry) -> bool:
    """Whether cron surely ignores a table: by its owner, mode, end, or a line of another form."""
    text = file.text
    if file.path == ANACRON or not text:
        return False
    if file.uid or file.mode & 0o022 or not text.endswith("\n") or text.startswith("\ufeff"):
        return True
    return any(_is_wrong(line) for line in text.split("\n"))


def partly_ignored(file: FileEntry) -> bool:
    """Whether cron 3.0 ignores a table of which cronie runs the lines that it understands."""
    return ignored_table(file) and not (file.uid or file.mode & 0o022)


def _is_wrong(line: str) -> bool:
    words = line.split()
    if not words or words[0].startswith("#") or _SETTING.match(line):
        return False
    if words[0].startswith("@"):
        return words[0] not in _AT or len(words) < 2
    return len(words) < 6 or not all(map(_is_field, words, _MOST))


def _is_field(word: str, most: int) -> bool:
    numbers = map(int, re.findall(r"[0-9]{1,6}", word))
    return bool(_FIELD.fullmatch(word)) and all(number <= most for number in numbers)
