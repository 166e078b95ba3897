"""How journald is set up."""

from __future__ import annotations

import re

from msgspec import Struct

from audit_core.api.sdk import (
    DAY,
    Absent,
    fact,
)
from audit_core.model import Answer
from audit_linux.config_files import ConfigFile, ConfigPaths

# systemd.time(7); a month is 30.44 days there, which makes six of them 182.
_UNITS = (
    dict.fromkeys(("", "s", "sec", "second", "seconds"), 1)
    | dict.fromkeys(("m", "min", "minute", "minutes"), 60)
    | dict.fromkeys(("h", "hr", "hour", "hours"), 3600)
    | dict.fromkeys(("d", "day", "days"), DAY)
    | dict.fromkeys(("w", "week", "weeks"), 7 * DAY)
    | dict.fromkeys(("M", "month", "months"), 2_629_800)
    | dict.fromkeys(("y", "year", "years"), 31_557_600)
)
_SPAN = re.compile(r"(\d{1,9}) ?([a-zA-Z]*)", re.ASCII)


class JournalConf(Struct, frozen=True, kw_only=True):
    """journald's settings in force; an empty value is the default."""

    storage: str = ""
    max_retention: str = ""

    @property
    def most_days(self) -> int | None:
        """The days after which it throws records away; None when only size decides."""
        spans = _SPAN.findall(self.max_retention)
        if "".join(n + unit for n, unit in spans) != self.max_retention.replace(" ", ""):
            return None
        seconds = sum(int(n) * _UNITS.get(unit, 0) for n, unit in spans)
        return seconds // DAY or None


_FILES = ConfigPaths(
    files=("/etc/systemd/journald.conf", "/usr/lib/systemd/journald.conf"),
    folders=(
        "/usr/lib/systemd/journald.conf.d",
        "/run/systemd/journald.conf.d",
        "/etc/systemd/journald.conf.d",
    ),
    pattern="*.conf",
)


def parse_journal_conf(answer: Answer) -> JournalConf | Absent:
    """The last value of each key over journald.conf and its drop-ins, in their order."""
    files = _FILES.read(answer)
    if isinstance(files, Absent):
        return files
    values: dict[str, str] = {}
    for line in (line.strip() for f in _by_precedence(files) for line in f.lines):
        key, equals, value = line.partition("=")
        if equals and not line.startswith(("#", ";")):
            values[key.strip()] = value.strip()
    return JournalConf(
        storage=values.get("Storage", ""),
        max_retention=values.get("MaxRetentionSec", ""),
    )


def _by_precedence(files: tuple[ConfigFile, ...]) -> list[ConfigFile]:
    """/usr's file, /etc's file, then drop-ins by name, /etc's hiding those of the same name."""
    drop = {}
    for folder in ("/usr/lib/", "/run/", "/etc/"):
        for file in files:
            if ".d/" in file.path and file.path.startswith(folder):
                drop[file.path.rpartition("/")[2]] = file
    main = sorted(
        (f for f in files if ".d/" not in f.path), key=lambda f: f.path.startswith("/etc")
    )
    return [*main[-1:], *(drop[name] for name in sorted(drop))]


JOURNAL_CONF = fact(
    "linux.journald-conf",
    JournalConf,
    ask=_FILES.request,
    parse=parse_journal_conf,
)
