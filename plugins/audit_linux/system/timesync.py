"""Time synchronisation of the clock and its offset."""

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
    Reason,
    Severity,
    check,
    complete,
    decimal_number,
    expect,
    fact,
    failed,
    known,
    known_or_absent,
    msg,
    optional,
    undetermined,
)
from audit_core.model import Answer, Judgement, Message, Optional_
from audit_linux.clock import CLOCK, seconds
from audit_linux.processes import PROCESSES, Process, process_labels, running
from audit_linux.units import UNITS, Units

DAEMONS = ("chronyd", "ntpd", "systemd-timesyncd", "openntpd", "ptp4l", "phc2sys")


class Sync(Struct, frozen=True, kw_only=True):
    """What one time service says. `offset_s`, `age_s` (since the last update): None if untold."""

    service: str
    synchronised: bool
    source: str = ""
    offset_s: float | None = None
    age_s: float | None = None


def _chrony(lines: list[str], now: int) -> Sync | None:
    if not lines or lines[0].count(",") != 13:
        return None
    fields = lines[0].split(",")
    local = fields[0] in ("7F7F0101", "00000000")
    return Sync(
        service="chrony",
        synchronised=fields[13] in ("Normal", "Insert second", "Delete second") and not local,
        source=fields[1],
        offset_s=decimal_number(fields[4]),
        age_s=now - decimal_number(fields[3]),
    )


def _ntpq(lines: list[str]) -> Sync | None:
    if not any(line.startswith("=====") for line in lines):
        return None
    for line in lines:
        fields = line[1:].split()
        if line[:1] in ("*", "o") and len(fields) == 10 and fields[1] != ".LOCL.":
            offset = decimal_number(fields[8]) / 1000
            return Sync(service="ntpd", synchronised=True, source=fields[0], offset_s=offset)
    return Sync(service="ntpd", synchronised=False)


_OFFSET = re.compile(r" *Offset: ([+-]?\d{1,9}(?:\.\d{1,9})?)(us|ms|s)", re.ASCII)
_SERVER = re.compile(r" *Server: (\S{1,255})")
_UNIT = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


def _timedatectl(lines: list[str], status: list[str]) -> Sync | None:
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    if "NTPSynchronized" not in values:
        return None
    offset = next((m for line in status if (m := _OFFSET.fullmatch(line))), None)
    server = next((m for line in status if (m := _SERVER.match(line))), None)
    return Sync(
        service="systemd",
        synchronised=values["NTPSynchronized"] == "yes",
        source=server[1] if server else "",
        offset_s=float(offset[1]) * _UNIT[offset[2]] if offset else None,
    )


def parse_timesync(answers: Answers) -> tuple[Sync, ...]:
    """What each time service that answered says, the ones that tell an offset first."""
    fields = (
        _chrony(_lines(answers["chrony"]), seconds(answers["clock"])),
        _ntpq(_lines(answers["ntpq"])),
        _timedatectl(_lines(answers["timedatectl"]), _lines(answers["timesync"])),
    )
    known = tuple(sync for sync in fields if sync is not None)
    # systemd repeats the kernel's flag; the daemon that disciplines the clock knows better.
    return tuple(s for s in known if s.service != "systemd") or known


def _lines(answer: Answer | None) -> list[str]:
    return [] if answer is None else answer.lines


def _tool(*argv: str) -> Optional_:
    """A tool that may be missing; one that reaches no daemon ends with 1 and settles nothing."""
    return optional(Command(argv=argv, ok=(0, 1), not_found=Reason.NOT_PRESENT))


TIMESYNC = fact(
    "linux.time-sync",
    tuple[Sync, ...],
    kind="host",
    asks={
        "clock": CLOCK,
        "chrony": _tool("chronyc", "-c", "-n", "tracking"),
        "ntpq": _tool("ntpq", "-pn"),
        "timedatectl": _tool("timedatectl", "show"),
        "timesync": _tool("timedatectl", "timesync-status"),
    },
    parse=parse_timesync,
)


def _sync_text(sync: Sync) -> Message:
    if sync.offset_s is None:
        return msg("{service} reports that the clock is synchronised, without an offset",
                   service=sync.service)  # fmt: skip
    return msg(
        "{service} synchronises the clock with {source}, offset {offset} s",
        service=sync.service, source=sync.source, offset=f"{sync.offset_s:.6f}",
    )  # fmt: skip


@check(
    "linux.time-sync",
    needs=(TIMESYNC, complete(PROCESSES), known_or_absent(optional(UNITS))),
    severity=Severity.MEDIUM,
    version=3,
    remedy=msg("Point chrony, ntpd or systemd-timesyncd at the site's common time source"),
)
def time_sync(
    syncs: tuple[Sync, ...],
    processes: tuple[Process, ...],
    units: Units | Absent | None,
    *,
    max_offset_s: Annotated[float, Down] = 1.0,
    max_age_s: Annotated[int, Down] = DAY,
) -> Judgement:
    """A time service keeps the clock synchronised, and starts with the system."""
    expected = msg("synchronised, at most {offset} s off, updated in the last {age} s",
                   offset=max_offset_s, age=max_age_s)  # fmt: skip
    daemons = running(processes, DAEMONS)
    good = [s for s in syncs if s.synchronised]
    if not good:
        return _unsynchronised(syncs, daemons, expected)
    if not daemons and all(s.service == "systemd" for s in good):
        # The kernel keeps its flag for hours after the service was stopped.
        idle = msg("No time service is running (looked for {names})", names=DAEMONS)
        return undetermined(*map(_sync_text, good), idle, expected=expected)
    sync = next((s for s in good if s.offset_s is not None), good[0])
    near = sync.offset_s is None or abs(sync.offset_s) <= max_offset_s
    fresh = sync.age_s is None or sync.age_s <= max_age_s
    disabled = _until_restart(known(units), daemons)
    detail = (*_described(sync), *disabled)
    return expect(near and fresh and not disabled, detail=detail, expected=expected)


def _described(sync: Sync) -> tuple[Message, ...]:
    age = msg("The last update was {age} s ago", age=int(sync.age_s or 0))
    return (_sync_text(sync),) if sync.age_s is None else (_sync_text(sync), age)


# Their units, by the process.
_SERVICES = {
    "chronyd": ("chrony.service", "chronyd.service"),
    "ntpd": ("ntp.service", "ntpd.service", "ntpsec.service", "openntpd.service"),
    "systemd-timesyn": ("systemd-timesyncd.service",),
}


def _until_restart(units: Units | None, daemons: tuple[Process, ...]) -> tuple[Message, ...]:
    """That the services of the daemons that run do not start with the system."""
    names = [name for daemon in daemons for name in _SERVICES.get(daemon.name, ())]
    return units.until_restart(*names) if units else ()


def _unsynchronised(
    syncs: tuple[Sync, ...], daemons: tuple[Process, ...], expected: Message
) -> Judgement:
    """No service reports a synchronised clock: none runs, or none reports its state."""
    # The kernel's flag is not set by every daemon, and some daemons answer root only.
    silent = [p for p in daemons if p.name != "systemd-timesyn"] if syncs else daemons
    if silent and all(s.service == "systemd" for s in syncs):
        detail = msg("{processes} is running, but no tool here shows whether the clock is "
                     "synchronised",
                   processes=tuple(process_labels(silent)))  # fmt: skip
        return undetermined(detail, expected=expected)
    if syncs:
        detail = msg(
            "Not synchronised, according to {services}", services=tuple(s.service for s in syncs)
        )
        return failed(detail, expected=expected)
    return failed(msg("No time service is running or answers"), expected=expected)


FACTS = (TIMESYNC,)
CHECKS = (time_sync,)
