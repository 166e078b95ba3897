"""The settings of journald, and whether it keeps its journal on disk."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct

from audit_core.api.sdk import (
    DAY,
    HOUR,
    Absent,
    ReadFiles,
    fact,
)
from audit_core.model import Answer
from audit_linux.config_files import (
    systemd_files,
    systemd_paths,
    systemd_settings,
    whole_files,
)
from audit_linux.logs.routes import SEVERITIES

# systemd.time(7); a month is 30.44 days there, which makes six of them 182.
_UNITS = (
    dict.fromkeys(("", "s", "sec", "second", "seconds"), 1)
    | dict.fromkeys(("m", "min", "minute", "minutes"), 60)
    | dict.fromkeys(("h", "hr", "hour", "hours"), HOUR)
    | dict.fromkeys(("d", "day", "days"), DAY)
    | dict.fromkeys(("w", "week", "weeks"), 7 * DAY)
    | dict.fromkeys(("M", "month", "months"), 2_629_800)
    | dict.fromkeys(("y", "year", "years"), 31_557_600)
)
_SPAN = re.compile(r"(\d{1,9}) ?([a-zA-Z]*)", re.ASCII)


class JournalStorage(StrEnum):
    """Where journald keeps records: on disk, in memory or nowhere."""

    DISK = "disk"
    MEMORY = "memory"
    NOWHERE = "none"


class JournalConf(Struct, frozen=True, kw_only=True):
    """journald's settings in force; an empty value or None is the default.

    `store_level` and `syslog_level` are the least important level that is stored and forwarded,
    `forward` whether records go to the socket of syslog: what the default is depends on the
    distribution (upstream no, Debian yes). `burst` are the records that it takes of a service in
    an interval, None without a limit: neither it nor syslog gets what comes above.
    """

    storage: str = ""
    max_retention: str = ""
    store_level: int = 7
    syslog_level: int = 7
    forward: bool | None = None
    burst: int | None = 10_000

    @property
    def silent(self) -> bool:
        """Whether records of logins surely do not go to the socket of syslog."""
        return self.forward is False or self.syslog_level < SEVERITIES["info"]

    @property
    def most_days(self) -> int | None:
        """The days after which it throws records away; None when only size decides."""
        seconds = span(self.max_retention)
        return seconds // DAY if seconds else None

    def place(self, *, folder: bool) -> JournalStorage:
        """Where it keeps records; `folder`: whether there is a directory /var/log/journal."""
        if self.storage == "none":
            return JournalStorage.NOWHERE
        lasting = self.storage == "persistent" or (self.storage in ("", "auto") and folder)
        return JournalStorage.DISK if lasting else JournalStorage.MEMORY


def span(text: str) -> int | None:
    """The seconds of a time span; None where it is none."""
    spans = _SPAN.findall(text)
    if not spans or "".join(n + unit for n, unit in spans) != text.replace(" ", ""):
        return None
    return sum(int(n) * _UNITS.get(unit, 0) for n, unit in spans)


def parse_journal_conf(answer: Answer) -> JournalConf | Absent:
    """What journald.conf and its drop-ins set, as systemd 252 reads them.

    Only [Journal] counts, and names and values with their case, but for yes and no. Of a key that
    stands twice the last valid value holds; an empty or a wrong one is passed over. A line that
    ends in a backslash goes on, a comment does not.
    """
    found = whole_files(answer)
    if isinstance(found, Absent):
        return found
    files = systemd_files(answer.files, _NAME)
    pairs = (pair for file in files for pair in systemd_settings(file.text, "Journal"))
    named = ((_FORMER.get(key, key), value) for key, value in pairs)
    values = {key: value for key, value in named if key in _VALID and _VALID[key](value)}
    return JournalConf(
        storage=values.get("Storage", ""),
        max_retention=values.get("MaxRetentionSec", ""),
        store_level=_level(values.get("MaxLevelStore", "debug")) or 0,
        syslog_level=_level(values.get("MaxLevelSyslog", "debug")) or 0,
        forward=_BOOLEANS.get(values.get("ForwardToSyslog", "").lower()),
        burst=_burst(values),
    )


def _burst(values: dict[str, str]) -> int | None:
    """The records that are taken in an interval; None where either is 0, hence no limit."""
    interval = span(values.get("RateLimitIntervalSec", ""))
    return None if interval == 0 else int(values.get("RateLimitBurst", "10000")) or None


def _level(text: str) -> int | None:
    number = text if text in ("0", "1", "2", "3", "4", "5", "6", "7") else None
    return int(number) if number else SEVERITIES.get(text) if text in _LEVELS else None


_LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_BOOLEANS = dict.fromkeys(("1", "yes", "y", "true", "t", "on"), True) | dict.fromkeys(
    ("0", "no", "n", "false", "f", "off"), False
)
_FORMER = {"RateLimitInterval": "RateLimitIntervalSec"}
_VALID: dict[str, Callable[[str], bool]] = {
    "Storage": lambda text: text in ("auto", "persistent", "volatile", "none"),
    "MaxRetentionSec": lambda text: span(text) is not None or text == "infinity",
    "MaxLevelStore": lambda text: _level(text) is not None,
    "MaxLevelSyslog": lambda text: _level(text) is not None,
    "RateLimitIntervalSec": lambda text: span(text) is not None or text == "infinity",
    "RateLimitBurst": lambda text: re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) is not None,
    "ForwardToSyslog": lambda text: text.lower() in _BOOLEANS,
}


_NAME = "journald.conf"
JOURNAL_CONF = fact(
    "linux.journald-conf",
    JournalConf,
    kind="host",
    ask=ReadFiles(paths=systemd_paths(_NAME), depth=1, names=("*.conf",)),
    parse=parse_journal_conf,
)
