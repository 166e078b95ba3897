"""How far back the records on the host go, and whether they survive a reboot."""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Struct

from audit_core.api.sdk import (
    DAY,
    Absent,
    Command,
    ParseError,
    Severity,
    Up,
    capped,
    check,
    complete,
    days_text,
    expect,
    fact,
    failed,
    known,
    known_or_absent,
    msg,
    not_applicable,
    not_present,
    optional,
    passed,
    undetermined,
    verbatim,
)
from audit_core.model import Answer, Judgement, Message
from audit_linux.logs.auditd_conf import AUDITD_CONF, AuditdConf
from audit_linux.logs.journald import JOURNAL_CONF, JournalConf
from audit_linux.logs.log_files import (
    AUDIT_FILES,
    LOG_TREE,
    SECURITY_LOGS,
    SYSTEM_JOURNAL,
    LogFile,
    LogTree,
    is_log,
)
from audit_linux.logs.log_rotation import ROTATIONS, Rotation


def parse_host_since(answer: Answer) -> int | Absent:
    """When this installation began, in seconds: machine-id, else an SSH host key, else `/`."""
    found: dict[str, tuple[int, int]] = {}
    for line in answer.lines:
        match = re.fullmatch(r"(\d{1,12})_(\d{1,12})_(/.*)", line, re.ASCII)
        if match is None:
            raise ParseError(msg("not a time stamp: {line}", line=verbatim(line)))
        found[match[3]] = (int(match[1]), int(match[2]))
    stamps = [found.get("/etc/machine-id", (0, 0))[1]]
    stamps.append(found.get("/etc/ssh/ssh_host_ed25519_key.pub", (0, 0))[1])
    stamps.append(found.get("/", (0, 0))[0])
    since = next((s for s in stamps if s > 0), 0)
    return since or not_present(msg("When this host was installed is not known"))


HOST_SINCE = fact(
    "linux.installed-at",
    int,
    kind="host",
    ask=Command(
        argv=(
            "stat",
            "-c",
            "%W_%Y_%n",
            "/",
            "/etc/machine-id",
            "/etc/ssh/ssh_host_ed25519_key.pub",
        ),
        ok=(0, 1),
        aside=True,
    ),
    parse=parse_host_since,
)


class Reach(Struct, frozen=True, kw_only=True):
    """How far back the records of one log go: between `least` and `most` days."""

    log: str
    least: int
    most: int


_JOURNAL = re.compile(
    r"journal/[0-9a-f]{32}/system@[0-9a-f]{32}-[0-9a-f]{16}-([0-9a-f]{16})\.journal"
)
_UNKNOWN = 1 << 20
_MONTH = 31  # days: the longest common rotation, hence what one file may span unseen
_LIVE = 7  # days without a record after which nothing seems to be written any more


def _began(file: LogFile, renamed: bool) -> tuple[int, int]:
    """The first record of `file` was written between these two times (0: no earliest known).

    The time of change is that of the last record. A file that is rotated by renaming is born with
    its first record; where `copytruncate` may be used, the birth only says nothing is older.
    """
    journal = _JOURNAL.fullmatch(file.path)
    if journal:
        return (int(journal[1], 16) // 1_000_000,) * 2
    packed = file.path.endswith((".gz", ".xz", ".bz2", ".zst", ".lz4", ".lzma"))
    if not 0 < file.born <= file.changed or packed:
        return 0, file.changed
    return file.born, file.born if renamed else file.changed


def _reach(log: str, files: list[LogFile], now: int, *, renamed: bool) -> Reach | None:
    written = [f for f in files if f.size > 0]
    if not written:
        return None
    began = [_began(f, renamed) for f in written]
    # A file that was written since the clock was asked is not younger than now.
    least = max(0, now - _unbroken(written, renamed)) // DAY
    if all(earliest for earliest, _ in began):
        most = max(0, now - min(earliest for earliest, _ in began)) // DAY
    else:
        known = max(0, now - min(latest for _, latest in began)) // DAY
        most = known + _MONTH if len(began) > 1 else _UNKNOWN
    return Reach(log=log, least=least, most=most)


def _unbroken(files: list[LogFile], renamed: bool) -> int:
    """The latest time of the oldest record that is connected to the newest without a gap.

    A single old copy is no evidence for the months in between.
    """
    newest, *older = sorted(files, key=lambda f: f.changed, reverse=True)
    earliest, latest = _began(newest, renamed)
    upto = newest.changed
    for file in older:
        if (earliest or upto) - file.changed > (_MONTH + 1) * DAY:
            break
        earliest, began = _began(file, renamed)
        latest, upto = min(latest, began), file.changed
    return latest


def _reaches(tree: LogTree, audit: tuple[LogFile, ...] | None) -> list[Reach]:
    # The system log counts once, by its longest copy; the audit trail has no second copy.
    copies = sorted(_of_system(tree), key=lambda r: (r.least, r.most))
    kernel = _reach("audit", list(audit or ()), tree.now, renamed=True)
    return [*copies[-1:], *([kernel] if kernel else [])]


def _of_system(tree: LogTree) -> list[Reach]:
    """How far back each text log and the journal go."""
    files = [f for f in tree.files if not f.folder]
    by_name = {name: [f for f in files if is_log(f.path, name)] for name in SECURITY_LOGS}
    found = [_reach(name, own, tree.now, renamed=False) for name, own in by_name.items()]
    entries = [f for f in files if SYSTEM_JOURNAL.fullmatch(f.path)]
    found.append(_reach("journal", entries, tree.now, renamed=True))
    return [reach for reach in found if reach is not None]


def _installed(days: int) -> Message:
    return msg("The host was installed {age} ago", age=days_text(days))


def _back(reach: Reach) -> Message:
    if reach.least < 1:
        return msg("{log}: the records may go back less than a day", log=reach.log)
    return msg("{log}: records go back at least {days} days", log=reach.log, days=reach.least)


@check(
    "linux.log-oldest",
    needs=(
        complete(LOG_TREE),
        known_or_absent(optional(complete(AUDIT_FILES))),
        optional(HOST_SINCE),
        optional(ROTATIONS),
        optional(AUDITD_CONF),
    ),
    severity=Severity.HIGH,
    version=3,
    remedy=msg(
        "Keep logs longer: raise rotate in logrotate or num_logs in auditd.conf, or "
        "forward logs to a log server"
    ),
)
def log_oldest(
    tree: LogTree,
    audit: tuple[LogFile, ...] | Absent | None,
    since: int | None,
    rotations: tuple[Rotation, ...] | None,
    auditd: AuditdConf | None,
    *,
    min_days: Annotated[int, Up] = 180,
) -> Judgement:
    """The records on the host go back at least 180 days."""
    expected = msg("records that go back at least {days} days", days=min_days)
    reaches = _reaches(tree, known(audit))
    if not reaches:
        return _nothing(audit, expected)
    details = tuple(_back(reach) for reach in reaches)
    short = [r for r in reaches if r.least < min_days]
    elsewhere = _elsewhere(rotations, auditd)
    if not short and _moved(auditd):
        return undetermined(*details, *elsewhere, expected=expected)
    if not short:
        return passed(*details, expected=expected)
    if since is None:
        unknown = msg("When this host was installed is not known")
        return undetermined(*details, unknown, expected=expected)
    age = (tree.now - since) // DAY
    if age < min_days:
        return not_applicable(
            *details, _installed(age), msg("linux.log-retention checks the configuration")
        )
    host = _installed(age)
    if any(r.most < min_days for r in short) and not elsewhere:
        return failed(*details, host, expected=expected)
    return undetermined(*details, host, *elsewhere, expected=expected)


def _nothing(audit: tuple[LogFile, ...] | Absent | None, expected: Message) -> Judgement:
    """No log has records; without `audit` nobody looked there, or there is no such folder."""
    system = msg("No system log or journal holds records")
    if isinstance(audit, Absent):
        return undetermined(system, expected=expected)
    both = msg("No system log, journal or audit log holds records")
    return failed(system if audit is None else both, expected=expected)


def _moved(auditd: AuditdConf | None) -> str:
    """Where auditd writes when that is not the folder that was listed."""
    place = auditd.get("log_file") if auditd else ""
    return "" if place.startswith("/var/log/audit/") else place


def _elsewhere(
    rotations: tuple[Rotation, ...] | None, auditd: AuditdConf | None
) -> tuple[Message, ...]:
    """That older records lie in places that were not listed, if they do."""
    moved = {r.olddir for r in rotations or () if r.olddir and any(map(r.covers, SECURITY_LOGS))}
    places = capped({*moved, _moved(auditd)} - {""})
    return (msg("Records are kept in {places}, which was not listed", places=places),) * bool(
        places
    )


@check(
    "linux.log-durable",
    needs=(complete(LOG_TREE), known_or_absent(optional(JOURNAL_CONF))),
    severity=Severity.MEDIUM,
    version=4,
    remedy=msg("Install rsyslog, or set Storage=persistent in journald.conf"),
)
def log_durable(tree: LogTree, journal: JournalConf | Absent | None) -> Judgement:
    """The system log is written to disk and survives a reboot."""
    expected = msg("a system log file that holds records, or a journal on disk")
    text, disk = _written(tree)
    storage = _storage(known(journal))
    detail = msg("log files: {files}; journal files on disk: {count}; Storage={storage}",
               files=capped(f.path for f in text), count=len(disk),
               storage="?" if isinstance(journal, Absent) else storage)  # fmt: skip
    if tree.filesystem in ("tmpfs", "ramfs"):
        memory = msg(
            "/var/log is on an in-memory file system ({filesystem})", filesystem=tree.filesystem
        )
        return failed(detail, memory, expected=expected)
    lasting = text + disk if storage in ("auto", "persistent") else text
    if not lasting:
        return failed(detail, expected=expected)
    days = (tree.now - max(f.changed for f in lasting)) // DAY
    old = (msg("The newest record is {days} days old", days=days),) if days > _LIVE else ()
    return expect(not old, detail=(detail, *old), expected=expected)


def _written(tree: LogTree) -> tuple[list[LogFile], list[LogFile]]:
    """The text logs and the journals that hold something."""
    files = [f for f in tree.files if not f.folder and f.size > 0]
    text = [f for f in files if any(is_log(f.path, name) for name in SECURITY_LOGS)]
    return text, [f for f in files if SYSTEM_JOURNAL.fullmatch(f.path)]


def _storage(journal: JournalConf | None) -> str:
    """Where journald keeps its records; where that is not known, what keeps most."""
    return (journal.storage if journal else "") or "auto"


FACTS = (HOST_SINCE,)
CHECKS = (log_oldest, log_durable)
