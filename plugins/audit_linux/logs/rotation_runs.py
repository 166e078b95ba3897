"""Whether logrotate is started by cron or a timer, when it last ran, and which logs it passes over.

logrotate 3.21 writes its state file anew at the end of every run, also of one that rotated nothing
or met errors: the time of that file is that of the last run.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Iterator
from typing import Annotated

from msgspec import Struct

from audit_core.api.sdk import (
    DAY,
    Absent,
    Answers,
    Command,
    Down,
    FileEntry,
    FileStatus,
    Judgement,
    Message,
    ParseError,
    Privilege,
    Reason,
    Severity,
    capped,
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
    provider,
    undetermined,
    verbatim,
)
from audit_core.model import Answer, NamedAsk
from audit_linux.clock import CLOCK, seconds
from audit_linux.cron_tables import (
    PARTS,
    PARTS_AND_TMPFILES,
    cron_tables,
    ignored_table,
    partly_ignored,
)
from audit_linux.logs.log_files import LOG_TREE, SECURITY_LOGS, LogTree, is_log
from audit_linux.logs.log_reach import HOST_SINCE
from audit_linux.logs.log_rotation import ROTATIONS, Rotation, log_names, stanzas_of
from audit_linux.processes import PROCESSES, Process, process_labels, running
from audit_linux.units import is_booted_without_systemd, shown_units, unit_values

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


class Starts(Struct, frozen=True, kw_only=True):
    """What starts logrotate, now and after a restart of the host.

    `timer` is the state of logrotate.timer, empty without systemd. `jobs` are the files by which
    cron starts it, and other timers that are active. `left` are scripts that do nothing where
    systemd runs or may not be run, `unsure` scripts that name logrotate, and what starts them was
    not found. `closed` was not read, `states` are files that it is to keep its state in.
    """

    timer: str
    jobs: tuple[str, ...]
    left: tuple[str, ...]
    closed: tuple[str, ...]
    states: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    by_timers: bool = False


def parse_starts(answers: Answers) -> Starts:
    """The timers, the scripts of cron, and the tables that name logrotate or a script with it."""
    timers = _timers(answers["units"])
    scripts, hidden = _read(answers["scripts"])
    tables, closed = _read(answers["tables"])
    named, shut = _naming(answers["named"])
    own = [path for path in named if not path.startswith(_UNIT_FOLDERS)]
    starting = _starting(own, (*tables, *scripts))
    jobs = [f.path for f in starting if _is_job(f, systemd=timers.systemd)]
    return Starts(
        timer=timers.state if timers.systemd else "",
        jobs=(*jobs, *filter(_is_own, hidden), *_by_timer(named, timers)),
        left=_left(starting, jobs),
        closed=(*closed, *shut, *(path for path in hidden if path.startswith(PARTS))),
        states=tuple(state for f in starting for line in _lines(f) for state in _state_of(line)),
        unsure=_unsure(own, starting),
        by_timers=timers.cron,
    )  # fmt: skip


def _is_own(path: str) -> bool:
    """Whether a script is that of logrotate's package, which RHEL closes to others."""
    return path.startswith(PARTS) and path.endswith("/logrotate")


def _left(starting: list[FileEntry], jobs: list[str]) -> tuple[str, ...]:
    """The scripts that would start logrotate, and do nothing."""
    return tuple(f.path for f in starting if f.path not in jobs and f.path.startswith(PARTS))


def _unsure(scripts: list[str], starting: list[FileEntry]) -> tuple[str, ...]:
    """The scripts that nothing known starts, and those that only some systems start."""
    started = {path for f in starting for line in _lines(f) for path in _PATHS.findall(line)}
    some = (f.path for f in starting if (_dotted(f) and f.mode & 0o100) or _is_partly(f))
    return (*(path for path in scripts if path not in started), *some)


def _is_partly(file: FileEntry) -> bool:
    """Whether it depends on the cron that runs whether a table counts."""
    return not file.path.startswith(PARTS) and partly_ignored(file)


def _read(answer: Answer) -> tuple[list[FileEntry], tuple[str, ...]]:
    """The files that were read, and the paths of those that exist and were not."""
    there = [f for f in answer.files if f.status is not FileStatus.NOT_PRESENT]
    closed = tuple(f.path for f in there if f.status is not FileStatus.READ)
    return [f for f in there if f.status is FileStatus.READ], closed


class _Timers(Struct, frozen=True):
    """The services that active timers start, the state of logrotate.timer, and jobs of cron."""

    systemd: bool = False
    state: str = "inactive"
    services: frozenset[str] = frozenset()
    cron: bool = False


_OF_CRON = re.compile(r"(?:ana)?cron[.-].*timer")


def _timers(asked: Answer | None) -> _Timers:
    if asked is None or is_booted_without_systemd(asked):
        return _Timers()
    units = [unit_values(block) for block in shown_units(asked.lines)]
    states = {unit.get("Id", ""): _state(unit) for unit in units}
    active = {name for name, state in states.items() if state == "active"}
    return _Timers(
        systemd=True,
        state=states.get("logrotate.timer", "inactive"),
        services=frozenset(unit.get("Id", "") for unit in units
                           if active & {*unit.get("TriggeredBy", "").split()}),
        cron=any(map(_OF_CRON.fullmatch, active)),
    )  # fmt: skip


def _state(unit: dict[str, str]) -> str:
    """Whether a unit is active; one that is disabled is so until the next restart."""
    states = (unit.get("ActiveState", "")[:20], unit.get("UnitFileState", "")[:20])
    return ", ".join(states) if states[1] == "disabled" else states[0]


def _naming(answer: Answer) -> tuple[list[str], tuple[str, ...]]:
    """The files that name logrotate, and those that may not be read."""
    errors = answer.stderr.decode("utf-8", "replace").splitlines()
    closed = [line.split(": ")[1] for line in errors if line.endswith(": Permission denied")]
    return answer.lines, tuple(path for path in closed if path.startswith("/"))


def _starting(scripts: list[str], files: Iterable[FileEntry]) -> list[FileEntry]:
    """Jobs of cron that name logrotate or one of `scripts`."""
    names = frozenset(scripts)
    jobs = (file for file in files if not file.path.startswith(_TMPFILES))
    return [file for file in jobs if any(_starts(line, names) for line in _lines(file))]


_LOGROTATE = re.compile(r"\blogrotate\b")
_PATHS = re.compile(r"/[^\s\"';&|()`<>]+")


def _lines(file: FileEntry) -> Iterator[str]:
    """The lines of `file` without their comments."""
    return (line.partition("#")[0] for line in file.text.split("\n"))


def _starts(line: str, scripts: frozenset[str]) -> bool:
    return bool(_LOGROTATE.search(line)) or not scripts.isdisjoint(_PATHS.findall(line))


def _is_job(file: FileEntry, *, systemd: bool) -> bool:
    """Whether cron starts what a table says, or run-parts a script, which starts logrotate."""
    if not file.path.startswith(PARTS):
        return not ignored_table(file)
    left = systemd and _LEFT_TO_SYSTEMD.search(file.text)
    return bool(file.mode & 0o100 and not left) and not _dotted(file)


def _dotted(file: FileEntry) -> bool:
    """Whether the name of a script has a dot: run-parts of Debian passes over it, of RHEL not."""
    return file.path.startswith(PARTS) and "." in file.path.rpartition("/")[2]


def _by_timer(named: list[str], timers: _Timers) -> list[str]:
    """The services that name logrotate and that an active timer starts, but for its own."""
    units = {re.sub(r"(\.service)\.d/[^/]*$", r"\1", path).rpartition("/")[2] for path in named}
    return sorted(units & timers.services - {"logrotate.service"})


_STATE = re.compile(r"\s(?:-s|--state)[ =]?(/\S+)")


def _state_of(line: str) -> Iterator[str]:
    """The file that a command keeps the state of logrotate in, where it names one."""
    found = _LOGROTATE.search(line)
    state = _STATE.search(line, found.end()) if found else None
    if state is not None:
        yield state[1]


# Debian's script leaves it to the timer
_LEFT_TO_SYSTEMD = re.compile(r"(?m)^[^#\n]*-d\s+/run/systemd/system\b")


_UNIT_FOLDERS = (
    "/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system", "/lib/systemd/system", "/run/systemd/generator",
)  # fmt: skip
_TMPFILES = ("/etc/tmpfiles.d", "/run/tmpfiles.d")
_SITE = ("/usr/local/bin", "/usr/local/sbin", "/var/spool/fcron")


def _asks(privilege: Privilege) -> dict[str, NamedAsk]:
    units = Command(
        argv=("systemctl", "show", "--all", "--no-pager",
              "--property=Id,ActiveState,UnitFileState,TriggeredBy", "*.service", "*.timer"),
        ok=(0, 1), not_found=Reason.NOT_PRESENT, timeout_s=30,
    )  # fmt: skip
    named = Command(argv=("grep", "-rlIwF", "logrotate", *_UNIT_FOLDERS, *_SITE), ok=(0, 1, 2),
                    timeout_s=30)  # fmt: skip
    return {
        "units": optional(units),
        "named": named,
        "scripts": PARTS_AND_TMPFILES,
        "tables": cron_tables(privilege),
    }


STARTS = fact(
    "linux.logrotate-starts",
    Starts,
    kind="host",
    providers=(
        provider(asks=_asks(Privilege.ROOT), parse=parse_starts, root="yes"),
        provider(asks=_asks(Privilege.USER), parse=parse_starts, root="no"),
    ),
)


@check(
    "linux.log-rotation-runs",
    needs=(
        complete(LOG_TREE),
        RUNS,
        known_or_absent(optional(HOST_SINCE)),
        known_or_absent(optional(ROTATIONS)),
        known_or_absent(STARTS),
        known_or_absent(PROCESSES),
    ),
    severity=Severity.LOW,
    version=3,
    remedy=msg("Enable logrotate.timer, or let cron run /etc/cron.daily/logrotate"),
)
def log_rotation_runs(
    tree: LogTree,
    runs: Runs,
    since: int | Absent | None,
    rotations: tuple[Rotation, ...] | Absent | None,
    starts: Starts | Absent,
    processes: tuple[Process, ...] | Absent,
    *,
    max_days: Annotated[int, Down] = 8,
) -> Judgement:
    """logrotate runs at least every 8 days where text logs are kept, and takes these logs."""
    expected = msg("a run of logrotate in the last {days} days", days=max_days)
    if not _texts(tree):
        return not_applicable(msg("/var/log holds none of {names}", names=SECURITY_LOGS))
    age = (runs.now - runs.last) // DAY if runs.last is not None else None
    passed_over = _passed_over(tree, known(rotations) or ())
    detail = (_last(runs, age), _largest(tree), *passed_over)
    if age is not None and -1 <= age <= max_days:
        return _goes_on(known(starts), known(processes), detail, expected, passed_over)
    doubts = (*_doubts(tree, runs, known(since), max_days), *_elsewhere(known(starts)))
    if doubts or not runs.installed:
        return undetermined(*detail, *doubts, expected=expected)
    return failed(*detail, expected=expected)


def _goes_on(
    starts: Starts | None,
    processes: tuple[Process, ...] | None,
    detail: tuple[Message, ...],
    expected: Message,
    passed_over: tuple[Message, ...],
) -> Judgement:
    """Whether it will run again, after it ran lately."""
    if passed_over:
        return failed(*detail, expected=expected)
    if starts is None or starts.timer == "active" or _by_jobs(starts, processes):
        return passed(*detail, expected=expected)
    crons = "?" if processes is None else tuple(process_labels(running(processes, _CRONS)))
    nothing = msg(
        "Nothing starts logrotate any more: logrotate.timer is {state}, cron has {jobs}, "
        "running: {cron}",
        state=starts.timer or "-", jobs=(*starts.jobs, *starts.left), cron=crons,
    )  # fmt: skip
    perhaps = msg("These name logrotate or were not read; what starts them was not found: {paths}",
                  paths=capped((*starts.unsure, *starts.closed)))  # fmt: skip
    if starts.timer and not (starts.closed or starts.unsure):
        return failed(*detail, nothing, expected=expected)
    return undetermined(*detail, nothing, perhaps, expected=expected)


def _by_jobs(starts: Starts, processes: tuple[Process, ...] | None) -> bool:
    """Whether a timer or a job of cron, which runs as far as is known, starts logrotate."""
    cron = starts.by_timers or processes is None or running(processes, _CRONS)
    return any(cron or job.endswith(".service") for job in starts.jobs)


def _elsewhere(starts: Starts | None) -> tuple[Message, ...]:
    other = capped({*(starts.states if starts else ())} - {*_STATES})
    note = msg("logrotate keeps its state in {paths}, which was not looked at", paths=other)
    return (note,) if other else ()


_CRONS = ("cron", "crond", "fcron", "anacron", "bcron-sched", "busybox")


def _passed_over(tree: LogTree, rotations: tuple[Rotation, ...]) -> tuple[Message, ...]:
    """The logs that logrotate never rotates although a stanza names them, and why."""
    if any(r.words.startswith("include ") for r in rotations):
        return ()  # what was not read may name them again
    holding, loose = stanzas_of(log_names(tree), rotations), _loose_folder(tree)
    every = (_why_passed_over(name, holding.get(name), rotations, loose) for name in _texts(tree))
    return present(*every)


def _why_passed_over(
    name: str, held: Rotation | None, rotations: tuple[Rotation, ...], loose: str
) -> Message | None:
    """Why logrotate does not rotate a log that a stanza names; None where it does."""
    if held is not None and (not loose or held.su):
        return None
    if held is not None:
        text = msg("others may write to /var/log ({mode}), and the stanza has no su", mode=loose)
        return msg("logrotate passes over /var/log/{name}: {why}", name=name, why=text)
    refused = next((r.refused for r in rotations if r.refused and r.covers(name)), "")
    text = msg("it refuses {text}", text=verbatim(refused))
    passed_by = msg("logrotate passes over /var/log/{name}: {why}", name=name, why=text)
    return passed_by if refused else None


def _loose_folder(tree: LogTree) -> str:
    """The mode of /var/log where logrotate takes no log of it without `su`; empty otherwise."""
    top = next((f for f in tree.files if f.folder and not f.path), None)
    open_ = top and (top.mode & stat.S_IWOTH or (top.gid and top.mode & stat.S_IWGRP))
    return f"{top.mode:04o}, gid {top.gid}" if top and open_ else ""


def _texts(tree: LogTree) -> list[str]:
    return [f.path for f in tree.files if not f.folder and f.path in SECURITY_LOGS]


def _last(runs: Runs, age: int | None) -> Message:
    if age is not None and age < -1:
        return msg("The state file of logrotate is {age} ahead of the clock", age=days_text(-age))
    if age is not None:
        return msg("logrotate last ran {age} ago", age=days_text(max(age, 0)))
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
    ahead = runs.last is not None and runs.last - runs.now > DAY
    young = runs.last is None and (since is None or runs.now - since < max_days * DAY)
    return present(
        msg("The host was started {age} ago", age=days_text(runs.up))
        if runs.up < _SETTLED
        else None,
        msg("The clock was changed, or the file was") if ahead else None,
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


FACTS = (RUNS, STARTS)
CHECKS = (log_rotation_runs,)
