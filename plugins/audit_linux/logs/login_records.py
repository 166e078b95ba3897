"""Whether logins are recorded now: the newest record about a login against the newest login."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answer,
    Answers,
    Command,
    Judgement,
    Message,
    ParseError,
    Partial,
    Privilege,
    Provider,
    Reason,
    Severity,
    capped,
    check,
    complete,
    fact,
    failed,
    json_document,
    known,
    known_or_absent,
    msg,
    not_present,
    optional,
    partial,
    passed,
    present,
    provider,
    read_rows,
    undetermined,
    verbatim,
)
from audit_linux.logs.audited_logins import AUDITED, AuditedLogin
from audit_linux.logs.forwards import Forwards
from audit_linux.logs.journald import JOURNAL_CONF, JournalConf, JournalStorage
from audit_linux.logs.log_files import LOG_TREE, SYSTEM_JOURNAL, LogTree
from audit_linux.logs.routes import LOGINS
from audit_linux.logs.rsyslog import RSYSLOG
from audit_linux.logs.ssh_sessions import LOCAL_TIME, NEWEST_SESSION, fresh, local_time
from audit_linux.logs.syslog_ng import SYSLOG_NG
from audit_linux.passwd import LASTLOG, Login
from audit_linux.processes import PROCESSES, Process, running
from audit_linux.programs import placed

# The text logs to which distributions write records about logins: Debian, RHEL, SUSE.
_FILES = ("/var/log/auth.log", "/var/log/secure", "/var/log/messages")
_DATE = (
    r"([A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8}"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}([+-][0-9]{2}:[0-9]{2}|Z)?)"
)
_PROGRAM = r"(sshd|sshd-session|login|dropbear|gdm[a-z-]*|lightdm|sddm)(\[[0-9]+\])?"
_OPENED = r"pam_[a-z]+\(([a-z-]+):session\): session opened for user ([^ (]{1,64}).*"
_ACCEPTED = r"Accepted ([a-z/-]{1,40}) for ([^ ]{1,64}) from .*"


def _sed(program: str) -> Command:
    """Prints of each file the last record about a login, in five fields and without its address.

    Only these fields leave the host: what somebody typed as a name at a failed login may be a
    password. `k` keeps a record, `e` prints what was kept at the end of a file.
    """
    script = (
        f"s#^{_DATE} [^ ]+ {_PROGRAM}: {_ACCEPTED}#\\1|\\3|accepted|\\5|\\6#", "t k",
        f"s#^{_DATE} [^ ]+ {_PROGRAM}: {_OPENED}#\\1|\\3|session opened|\\5|\\6#", "t k",
        "$!d", "b e", ":k", "h", "$!d", ":e", "x", "/./p", "s/.*//", "h",
    )  # fmt: skip
    words = tuple(word for line in script for word in ("-e", line))
    return Command(
        argv=(program, "-nsE", *words, *_FILES), privilege=Privilege.ROOT, ok=(0, 2), timeout_s=60
    )


class Sample(Struct, frozen=True, kw_only=True):
    """One record about a login: when (UTC), which program, what came of it, how and for whom."""

    at: datetime
    program: str
    outcome: str
    how: str
    user: str

    @property
    def text(self) -> str:
        """The record in one line, with a time of UTC."""
        moment = self.at.strftime("%Y-%m-%dT%H:%M:%SZ")
        return f"{moment} {self.program}: {self.outcome} ({self.how}), {self.user}"


def _moment(text: str, clock: datetime) -> datetime:
    """The time of a record; what names no zone is local time, what names no year the last one."""
    try:
        if text[:1].isdigit():
            found = datetime.fromisoformat(text)
        else:
            found = datetime.strptime(f"{clock.year} {text}", "%Y %b %d %H:%M:%S")  # noqa: DTZ007
    except ValueError as error:
        raise ParseError(msg("not a date: {text}", text=verbatim(text))) from error
    found = found if found.tzinfo else found.replace(tzinfo=clock.tzinfo)
    if not text[:1].isdigit() and found > clock + timedelta(days=1):
        found = found.replace(year=found.year - 1)
    return found.astimezone(UTC)


def parse_samples(answers: Answers) -> tuple[Sample, ...] | Partial | Absent:
    """The last record about a login in each of the text logs, newest first; empty where none."""
    clock = local_time(answers["zone"])
    found = answers["records"]
    if b"Permission denied" in found.stderr:
        return Absent(reason=Reason.NOT_PERMITTED, detail=msg("The logs of logins need root"))

    def read(line: str) -> Sample:
        parts = line.split("|")
        if len(parts) != 5:
            raise ParseError(msg("not a record: {line}", line=verbatim(line)))
        date, program, outcome, how, user = parts
        at = _moment(date, clock)
        return Sample(at=at, program=program, outcome=outcome, how=how, user=user)

    rows, problems = read_rows(enumerate(filter(None, found.lines), 1), read)
    return partial(tuple(sorted(rows, key=lambda row: row.at, reverse=True)), problems)


def _samples(sed: str) -> Provider:
    return provider(asks={"zone": LOCAL_TIME, "records": _sed(sed)}, parse=parse_samples)


# /usr was not merged on Debian 11 and before.
SAMPLES = fact(
    "linux.login-records",
    tuple[Sample, ...],
    kind="host",
    providers=(_samples("/usr/bin/sed"), _samples("/bin/sed")),
)


def parse_journal(answer: Answer) -> datetime | Absent:
    """When journald last took a record of a login program; NOT_PRESENT where it holds none."""
    lines = [line for line in answer.lines if line.strip()]
    if not lines:
        return not_present(msg("The journal holds no record of a login program"))
    try:
        entry = json_document(lines[-1].encode())
        micros = int(str(entry["__REALTIME_TIMESTAMP"])[:20])
        return datetime.fromtimestamp(micros // 1_000_000, UTC)
    except (ValueError, KeyError, TypeError, OverflowError, OSError) as error:
        raise ParseError(msg("not a record: {line}", line=verbatim(lines[-1]))) from error


# Without the message: a name that somebody typed may be a password.
def _journal(folder: str, missing: Reason) -> Provider:
    command = Command(
        argv=(
            f"{folder}/journalctl", "-q", "--no-pager", "-o", "json", "-n", "1",
            "--output-fields=SYSLOG_IDENTIFIER", "_COMM=sshd", "_COMM=sshd-session", "_COMM=login",
        ),
        privilege=Privilege.ROOT,
        not_found=missing,
        timeout_s=60,
    )  # fmt: skip
    return provider(command, parse_journal)


JOURNALED = fact("linux.login-journal", datetime, kind="host", providers=placed(_journal, "bin"))

# Times without zone may be an hour off around a change of summer time, and clocks are set.
_SLACK = timedelta(hours=2)


def _newest(logins: tuple[Login, ...] | None) -> datetime | None:
    """The newest login that lastlog tells."""
    times = [datetime.fromisoformat(login.last) for login in logins or () if login.last]
    return max(times, default=None)


_TICK = timedelta(seconds=5)


def _has_record_of(
    own: datetime,
    journaled: datetime | None,
    trail: AuditedLogin,
    tree: LogTree | Absent,
    samples: tuple[Sample, ...] | None,
) -> bool:
    """Whether something may hold a record of a session: the journal, audit log, or a text log.

    A text log must have been written since, which needs no time zone, and its last record about a
    login be no older.
    """
    if any(at is not None and at >= own - _TICK for at in (journaled, trail.at)):
        return True
    since = (own - _TICK).timestamp()
    names = [path.removeprefix("/var/log/") for path in _FILES]
    written = isinstance(tree, Absent) or any(
        file.path in names and file.changed >= since for file in tree.files
    )
    return written and (samples is None or any(_may_be_of(own, one.at) for one in samples))


def _may_be_of(own: datetime, record: datetime) -> bool:
    """Whether a record is not older than the session, or older by what zones differ by.

    A daemon that runs since before the zone of the host was changed writes in the old one.
    """
    behind = own - record
    quarter = timedelta(minutes=15)
    near = min(behind % quarter, quarter - behind % quarter)
    return behind <= _TICK or (behind > quarter / 2 and near <= _TICK)


def _at_time(name: Message, at: datetime) -> Message:
    return msg("{what}: {time}", what=name, time=at.strftime("%Y-%m-%dT%H:%M:%SZ"))


@check(
    "linux.login-recording",
    needs=(
        known_or_absent(SAMPLES),
        known_or_absent(optional(JOURNALED)),
        known_or_absent(LOG_TREE),
        known_or_absent(LASTLOG),
        known_or_absent(optional(AUDITED)),
        known_or_absent(optional(RSYSLOG)),
        known_or_absent(optional(SYSLOG_NG)),
        known_or_absent(complete(PROCESSES)),
        known_or_absent(optional(NEWEST_SESSION)),
        known_or_absent(optional(JOURNAL_CONF)),
    ),
    severity=Severity.HIGH,
    version=7,
    remedy=msg("Let the log daemon run and write auth and authpriv to a file or to a journal on "
               "disk; remove rules that discard them"),
)  # fmt: skip
def login_recording(
    samples: tuple[Sample, ...] | Absent,
    journaled: datetime | Absent | None,
    tree: LogTree | Absent,
    logins: tuple[Login, ...] | Absent,
    audited: AuditedLogin | Absent | None,
    rsyslog: Forwards | Absent | None,
    syslog_ng: Forwards | Absent | None,
    processes: tuple[Process, ...] | Absent,
    session: datetime | Absent | None,
    conf: JournalConf | Absent | None,
) -> Judgement:
    """The newest login left a record that survives a restart."""
    expected = msg("a record about a login in a text log, a journal on disk or the audit log, not "
                   "older than the newest login")  # fmt: skip
    trail = known(audited) or AuditedLogin()
    now = None if isinstance(tree, Absent) else tree.now
    own, when = fresh(known(session), now), known(journaled)
    last = next(iter(known(samples) or ()), None)
    login = max(filter(None, (_newest(known(logins)), own)), default=None)
    lasting = tree if isinstance(tree, Absent) else _on_disk(tree, when, known(conf))
    kept = when if lasting is True else None
    silent = own is not None and not _has_record_of(own, kept, trail, tree, known(samples))
    detail = (*_newest_records(last, when, login, lasting), *present(trail.as_message))
    if _is_kept(last, kept, trail, login) and not silent:
        return passed(*detail, expected=expected)
    gaps = _gap_details(samples, journaled, audited)
    nowhere = silent and lasting is False and not _audits(processes)
    unseen = (not trail.readable or bool(gaps)) and not nowhere
    unsure = own is not None and not silent  # a record in another zone may be its own
    in_memory = isinstance(lasting, Absent) and _is_newer(when, login)
    if login is None or any((unseen, unsure, in_memory)):
        gaps = _gap_details(samples, journaled, tree, logins, audited)
        return undetermined(*detail, *_gaps(gaps, login), expected=expected)
    elsewhere = _elsewhere(tree, login, rsyslog, syslog_ng, processes)
    return (undetermined if elsewhere else failed)(*detail, *elsewhere, expected=expected)


def _audits(processes: tuple[Process, ...] | Absent) -> bool:
    """Whether auditd may write records of logins."""
    return isinstance(processes, Absent) or bool(running(processes, ("auditd",)))


def _is_kept(
    last: Sample | None, journaled: datetime | None, trail: AuditedLogin, login: datetime | None
) -> bool:
    """Whether one of the records that survive a restart is of the newest login, or later."""
    records = (last.at if last else None, journaled, trail.at)
    return any(_is_newer(record, login) for record in records)


def _gap_details(*values: Any) -> tuple[Message, ...]:
    return tuple(value.detail for value in values if isinstance(value, Absent))


def _elsewhere(
    tree: LogTree | Absent,
    login: datetime,
    rsyslog: Forwards | Absent | None,
    syslog_ng: Forwards | Absent | None,
    processes: tuple[Process, ...] | Absent,
) -> tuple[Message, ...]:
    """Where else a daemon that runs may have put the record of `login`."""
    daemons = {"rsyslogd": rsyslog, "syslog-ng": syslog_ng}
    live = [d for name, d in daemons.items() if isinstance(processes, Absent)
            or running(processes, (name,))]  # fmt: skip
    closed = tuple(daemon.detail for daemon in live if isinstance(daemon, Absent))
    spaces = _namespaces(tree, login)
    names = _unread(live, tree, login)
    return (*closed, *present(
        msg("Journals of namespaces were written, which were not read: {paths}",
            paths=capped(spaces)) if spaces else None,
        msg("Records about logins go to {places}, which were not read", places=capped(names))
        if names else None,
    ))  # fmt: skip


def _unread(
    live: list[Forwards | Absent | None], tree: LogTree | Absent, login: datetime
) -> list[str]:
    """The places of records of logins that were not looked at, and may hold that of `login`."""
    places = _places(daemon for daemon in live if isinstance(daemon, Forwards))
    return [p for p in places if p not in _FILES and _may_hold(p, tree, login)]


_NAMESPACE = re.compile(r"journal/[0-9a-f]{32}\.[^/]{1,100}/system\.journal")


def _namespaces(tree: LogTree | Absent, login: datetime) -> list[str]:
    """The journals of namespaces (LogNamespace=) that were written since `login`."""
    if isinstance(tree, Absent):
        return []
    since = (login - _TICK).timestamp()
    return [f"/var/log/{f.path}" for f in tree.files
            if _NAMESPACE.fullmatch(f.path) and f.changed >= since]  # fmt: skip


def _places(daemons: Iterable[Forwards]) -> dict[str, None]:
    """Where records of logins go, or may go."""
    routes = [r for daemon in daemons for r in daemon.routes if r.facility in LOGINS]
    return dict.fromkeys(p for r in routes for p in (*r.kept, *r.sent, *r.perhaps))


def _may_hold(place: str, tree: LogTree | Absent, login: datetime) -> bool:
    """False for a file below /var/log that was not written since `login`."""
    if isinstance(tree, Absent) or not place.startswith("/var/log/"):
        return not place.startswith("/dev/")
    name = place.removeprefix("/var/log/")
    since = (login - _SLACK).timestamp()
    return name in tree.links or any(
        f.path == name and f.size > 0 and f.changed >= since for f in tree.files
    )


def _is_newer(record: datetime | None, login: datetime | None) -> bool:
    """Whether both are known and the record is no older than the login."""
    return record is not None and login is not None and record >= login - _SLACK


def _newest_records(
    last: Sample | None,
    journaled: datetime | None,
    login: datetime | None,
    lasting: bool | Absent,
) -> tuple[Message, ...]:
    in_journal = msg("Newest record of a login program in the journal")
    return present(
        msg("Newest record: {record}", record=last.text) if last else None,
        _at_time(in_journal, journaled) if journaled else None,
        _at_time(msg("Newest login"), login) if login else None,
        msg("The journal is kept in memory only") if lasting is False else None,
    ) or (msg("No record about a login was found"),)


def _gaps(gaps: tuple[Message, ...], login: datetime | None) -> tuple[Message, ...]:
    """What is missing, and that without a known login nothing can be compared."""
    none = msg("No login to compare with is known: log in once on a terminal and collect again")
    return (*gaps, none) if login is None and not gaps else gaps


def _on_disk(tree: LogTree, newest: datetime | None, conf: JournalConf | None) -> bool:
    """Whether the journal that has the `newest` record lies on a disk.

    journald sets the time of its file with each record: an older file is left from before. A record
    that came after the files were listed is newer than they are; where journald is set to keep
    records in memory, such a file was closed when the setting was made.
    """
    memory = conf is not None and conf.place(folder=True) is not JournalStorage.DISK
    slack = _TICK if memory else timedelta(minutes=1)
    since = (newest - slack).timestamp() if newest else 0
    return tree.filesystem not in ("tmpfs", "ramfs") and any(
        SYSTEM_JOURNAL.fullmatch(f.path) and f.changed >= since for f in tree.files
    )


FACTS = (SAMPLES, JOURNALED)
CHECKS = (login_recording,)
