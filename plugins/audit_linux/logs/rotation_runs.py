"""Whether logrotate is started by cron or a timer, and when it last ran.

logrotate 3.21 writes its state file anew at the end of every run, also of one that rotated nothing
or met errors: the time of that file is that of the last run.
"""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Struct

from audit_core.api.sdk import (
    DAY,
    Absent,
    Answers,
    Command,
    Down,
    Judgement,
    Message,
    ParseError,
    Reason,
    Severity,
    check,
    complete,
    days_text,
    fact,
    failed,
    known,
    known_or_absent,
    msg,
    not_applicable,
    optional,
    passed,
    present,
    undetermined,
    verbatim,
)
from audit_linux.clock import CLOCK, seconds
from audit_linux.logs.log_files import LOG_TREE, SECURITY_LOGS, LogTree, is_log
from audit_linux.logs.log_reach import HOST_SINCE

# Debian, RHEL, SUSE; the last two releases of RHEL 6 and 7 used the second one, too.
_STATES = (
    "/var/lib/logrotate/status", "/var/lib/logrotate/logrotate.status",
    "/var/lib/logrotate.status", "/var/lib/misc/logrotate.status",
)  # fmt: skip
_PROGRAMS = ("/usr/sbin/logrotate", "/usr/bin/logrotate")
_SETTLED = 2  # days up, in which a daily job has surely run


class Runs(Struct, frozen=True, kw_only=True):
    """When logrotate last ran, in seconds; None: never. `up` are the days since the last boot."""

    now: int
    up: int
    installed: bool
    last: int | None


def parse_runs(answers: Answers) -> Runs | Absent:
    """The time of the state file, and whether the program is there."""
    state_files, found = answers["files"], {}
    for line in state_files.lines:
        row = re.fullmatch(r"(\d{1,12})_(/.*)", line, re.ASCII)
        if row is None:
            raise ParseError(msg("not a time stamp: {line}", line=verbatim(line)))
        found[row[2]] = int(row[1])
    if b"Permission denied" in state_files.stderr and not found.keys() & set(_STATES):
        detail = msg("Cannot read {paths}", paths=_STATES)
        return Absent(reason=Reason.NOT_PERMITTED, detail=detail)
    up = re.match(r"(\d{1,12})\.\d", answers["uptime"].text, re.ASCII)
    if up is None:
        raise ParseError(msg("/proc/uptime was not read"))
    return Runs(
        now=seconds(answers["clock"]),
        up=int(up[1]) // DAY,
        installed=any(path in found for path in _PROGRAMS),
        last=max((found[path] for path in _STATES if path in found), default=None),
    )


RUNS = fact(
    "linux.logrotate-runs",
    Runs,
    kind="host",
    asks={
        "clock": CLOCK,
        "uptime": Command(argv=("cat", "/proc/uptime")),  # it changes while it is read
        "files": Command(argv=("stat", "-L", "-c", "%Y_%n", *_PROGRAMS, *_STATES), ok=(0, 1)),
    },
    parse=parse_runs,
)


@check(
    "linux.log-rotation-runs",
    needs=(complete(LOG_TREE), RUNS, known_or_absent(optional(HOST_SINCE))),
    severity=Severity.LOW,
    remedy=msg("Enable logrotate.timer, or let cron run /etc/cron.daily/logrotate"),
)
def log_rotation_runs(
    tree: LogTree,
    runs: Runs,
    since: int | Absent | None,
    *,
    max_days: Annotated[int, Down] = 8,
) -> Judgement:
    """logrotate runs at least every 8 days where text logs are kept."""
    expected = msg("a run of logrotate in the last {days} days", days=max_days)
    if not _texts(tree):
        return not_applicable(msg("/var/log holds none of {names}", names=SECURITY_LOGS))
    age = (runs.now - runs.last) // DAY if runs.last is not None else None
    detail = (_last(runs, age), _largest(tree))
    if age is not None and age <= max_days:
        return passed(*detail, expected=expected)
    if (doubts := _doubts(tree, runs, known(since), max_days)) or not runs.installed:
        return undetermined(*detail, *doubts, expected=expected)
    return failed(*detail, expected=expected)


def _texts(tree: LogTree) -> list[str]:
    return [f.path for f in tree.files if not f.folder and f.path in SECURITY_LOGS]


def _last(runs: Runs, age: int | None) -> Message:
    if age is not None:
        return msg("logrotate last ran {age} ago", age=days_text(age))
    if not runs.installed:
        return msg("logrotate is not installed; what else rotates these logs is not known")
    return msg("logrotate has never run: there is none of {paths}", paths=_STATES)


def _largest(tree: LogTree) -> Message:
    """The largest file, for whoever looks at the disk."""
    largest = max((f for f in tree.files if not f.folder), key=lambda f: f.size)
    return msg("The largest file is /var/log/{path}, {size} MiB", path=largest.path,
               size=largest.size >> 20)  # fmt: skip


def _doubts(tree: LogTree, runs: Runs, since: int | None, max_days: int) -> tuple[Message, ...]:
    """Why the last run may be old, and nothing is wrong."""
    young = runs.last is None and (since is None or runs.now - since < max_days * DAY)
    return present(
        msg("The host was started {age} ago", age=days_text(runs.up))
        if runs.up < _SETTLED
        else None,
        msg("The host may have been installed less than {days} days ago", days=max_days)
        if young
        else None,
        msg("Something else rotates these logs: there are copies of the last {days} days",
            days=max_days)
        if _rotated(tree, max_days)
        else None,
    )  # fmt: skip


def _rotated(tree: LogTree, max_days: int) -> bool:
    """Whether a log was rotated lately."""
    return any(
        tree.now - f.changed < max_days * DAY
        for f in tree.files for name in SECURITY_LOGS
        if f.path != name and is_log(f.path, name)
    )  # fmt: skip


FACTS = (RUNS,)
CHECKS = (log_rotation_runs,)
