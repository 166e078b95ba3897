"""When the newest SSH session on the host began, as its processes tell.

A collection over SSH is a login itself: what keeps records of logins has one of it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answer,
    Answers,
    Command,
    ParseError,
    fact,
    msg,
    not_present,
    verbatim,
    whole_number,
)

LOCAL_TIME = Command(argv=("date", "+%Y-%m-%dT%H:%M:%S%z"), aside=True)
_SERVERS = ("sshd", "sshd-session")


class _Row(Struct, frozen=True):
    pid: int
    parent: int
    began: datetime
    name: str


def local_time(answer: Answer) -> datetime:
    """The answer of LOCAL_TIME: the host's time with its zone."""
    try:
        return datetime.strptime(answer.text.strip(), "%Y-%m-%dT%H:%M:%S%z")
    except ValueError as error:
        raise ParseError(msg("not a date: {text}", text=verbatim(answer.text))) from error


def parse_sessions(answers: Answers) -> datetime | Absent:
    """When the newest session began (UTC); NOT_PRESENT where there is none, or nobody can tell.

    A session is a process of sshd that has started something else for its user: what only asks for
    the password has not. Where /proc is not the kernel's own (lxcfs), these times are not right.
    """
    if answers["proc"].text.strip() != "proc":
        return not_present(msg("The times of processes are not those of the kernel"))
    zone = local_time(answers["zone"]).tzinfo
    rows = [_row(line) for line in answers["ps"].lines if line.strip()]
    servers = {row.pid: row.began for row in rows if row.name in _SERVERS}
    begun = [servers[row.parent] for row in rows
             if row.parent in servers and row.name not in (*_SERVERS, "sshd-auth")]  # fmt: skip
    if not begun:
        return not_present(msg("No session of sshd was found"))
    return max(begun).replace(tzinfo=zone).astimezone(UTC)


def _row(line: str) -> _Row:
    parts = line.split(None, 7)
    try:
        began = datetime.strptime(" ".join(parts[3:7]), "%b %d %H:%M:%S %Y")  # noqa: DTZ007
    except ValueError as error:
        raise ParseError(msg("not a process: {line}", line=verbatim(line))) from error
    name = parts[7].rstrip() if len(parts) > 7 else ""
    return _Row(whole_number(parts[0]), whole_number(parts[1]), began, name)


_FRESH = timedelta(minutes=15)  # the logs of an older session may have been rotated


def fresh(session: datetime | None, now: int | None) -> datetime | None:
    """When the newest SSH session began, if that is not long ago: mostly that of the collection."""
    if session is None or now is None:
        return None
    clock = datetime.fromtimestamp(now, UTC)
    return session if clock - _FRESH < session < clock + _FRESH else None


NEWEST_SESSION = fact(
    "linux.newest-ssh-session",
    datetime,
    kind="host",
    asks={
        "zone": LOCAL_TIME,
        "ps": Command(argv=("ps", "-eo", "pid=,ppid=,lstart=,comm="), limit=4 << 20),
        "proc": Command(argv=("stat", "-f", "-c", "%T", "/proc/uptime")),
    },
    parse=parse_sessions,
)
FACTS = (NEWEST_SESSION,)
