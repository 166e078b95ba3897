"""Whether log records are sent to another machine."""

from __future__ import annotations

import re
from typing import Annotated, Any

from audit_core.api.sdk import (
    TARGET,
    Absent,
    ParseError,
    ReadFiles,
    Reason,
    Severity,
    Up,
    capped,
    check,
    complete,
    fact,
    failed,
    known,
    known_or_absent,
    msg,
    optional,
    passed,
    undetermined,
)
from audit_core.model import Answer, Command, Judgement, Message, Target, Verdict
from audit_linux.config_files import (
    systemd_files,
    systemd_paths,
    systemd_settings,
    whole_files,
)
from audit_linux.logs.forwards import Forward, Forwards, is_local
from audit_linux.logs.journald import JOURNAL_CONF, JournalConf
from audit_linux.logs.log_cleaners import CLEANERS, Cleaner
from audit_linux.logs.log_files import LOG_TREE, LogTree
from audit_linux.logs.log_reach import HOST_SINCE, log_oldest
from audit_linux.logs.log_rotation import ROTATIONS, Rotation, log_retention
from audit_linux.logs.rsyslog import RSYSLOG
from audit_linux.logs.syslog_ng import SYSLOG_NG
from audit_linux.processes import PROCESSES, Process, process_labels, running
from audit_linux.units import UNITS, Units

SHIPPERS = (
    "filebeat", "fluentd", "fluent-bit", "td-agent", "vector", "promtail", "nxlog", "logstash",
    "ilogtail", "loongcollector", "splunkd",
)  # fmt: skip


_UPLOAD = "journal-upload.conf"
_UPLOADING = ReadFiles(paths=systemd_paths(_UPLOAD), depth=1, names=("*.conf",))


def parse_upload(answer: Answer) -> str | Absent:
    """The URL that journal records are uploaded to; empty when none is set.

    As systemd-journal-upload 252 reads it: the last URL of [Upload] holds, an empty one is none,
    one in quotes is passed over.
    """
    found = whole_files(answer)
    if isinstance(found, Absent):
        return found
    files = systemd_files(answer.files, _UPLOAD)
    pairs = (pair for file in files for pair in systemd_settings(file.text, "Upload"))
    urls = [value for name, value in pairs if name == "URL" and not re.search(r"[\"'\\]", value)]
    return urls[-1] if urls else ""


UPLOAD = fact(
    "linux.journal-upload",
    str, kind="host",
    ask=_UPLOADING,
    parse=parse_upload,
)  # fmt: skip


_UPLOADER = "systemd-journal-upload.service"


def _upload_host(url: str) -> str:
    return re.sub(r"^https?://", "", url).rpartition("@")[2].split("/")[0].rsplit(":", 1)[0]


def _uploads(upload: str | None, units: Units | None, target: Target) -> bool:
    """Whether systemd sends the journal to another machine."""
    if not upload or units is None or _UPLOADER not in units.active - units.failing:
        return False
    return not is_local(_upload_host(upload), target.address)


def parse_peers(answer: Answer) -> frozenset[str]:
    """The ports of other machines to which this host has a TCP connection, by `ss -Htn`."""
    rows = [line.split() for line in answer.lines if line.strip()]
    if any(len(row) < 4 or ":" not in row[3] for row in rows):
        raise ParseError(msg("not a list of connections"))
    return frozenset(row[3].rpartition(":")[2] for row in rows)


# Ports above are those that clients have, hence connections to this host.
PEERS = fact(
    "linux.connected-ports",
    frozenset[str],
    kind="host",
    ask=Command(argv=("ss", "-Htn", "state", "established", "dport", "le", ":32767"),
                not_found=Reason.NOT_PRESENT, limit=4 << 20),
    parse=parse_peers,
)  # fmt: skip


@check(
    "linux.log-remote",
    needs=(
        TARGET,
        complete(PROCESSES),
        optional(RSYSLOG),
        optional(SYSLOG_NG),
        optional(UPLOAD),
        optional(complete(UNITS)),
        known_or_absent(optional(JOURNAL_CONF)),
        known_or_absent(optional(PEERS)),
    ),
    severity=Severity.MEDIUM,
    version=6,
    remedy=msg("Send all records to the log server, e.g. *.* @@log.example.com:514 in rsyslog.d"),
)
def log_remote(
    target: Target,
    processes: tuple[Process, ...],
    rsyslog: Forwards | None,
    syslog_ng: Forwards | None,
    upload: str | None,
    units: Units | None,
    journal: JournalConf | Absent | None,
    peers: frozenset[str] | Absent | None,
) -> Judgement:
    """System log records, including those about logins, are sent to another machine."""
    expected = msg("a running log daemon that forwards auth records to a host other than itself")
    if _uploads(upload, units, target):
        detail = msg("systemd-journal-upload sends to {host}", host=_upload_host(upload or ""))
        return passed(detail, expected=expected)
    live = _live({"rsyslogd": rsyslog, "syslog-ng": syslog_ng}, processes)
    served = _served(journal, processes)
    hears = [daemon for daemon in live.values() if daemon.hears(served)]
    away = _away(hears, target)
    if whole := [f for f in away if f.every]:
        return _forwarded(whole, known(peers), expected)
    return _unsettled(away, hears, processes) or failed(
        msg("No forwarding to another machine; log daemons found: {daemons}",
            daemons=tuple(live)),
        *_deaf(live, hears),
        expected=expected,
    )  # fmt: skip


def _live(
    daemons: dict[str, Forwards | None], processes: tuple[Process, ...]
) -> dict[str, Forwards]:
    """The daemons that run and whose rules were read."""
    return {name: found for name, found in daemons.items()
            if found is not None and running(processes, (name,))}  # fmt: skip


def _away(daemons: list[Forwards], target: Target) -> list[Forward]:
    """The rules that send to another machine."""
    every = (forward for daemon in daemons for forward in daemon.forwards)
    return [forward for forward in every if not is_local(forward.target, target.address)]


def _forwarded(whole: list[Forward], peers: frozenset[str] | None, expected: Message) -> Judgement:
    """Whether one of the rules that send all records has, where TCP shows it, a connection."""
    detail = msg("Forwarded to {targets}", targets=capped(f"{f.target} ({f.file})" for f in whole))
    if peers is None or any(not f.port or f.port in peers for f in whole):
        return passed(detail, expected=expected)
    ports = capped(dict.fromkeys(f.port for f in whole))
    none = msg("There is no TCP connection to port {ports}: look whether the log server takes "
               "records", ports=ports)  # fmt: skip
    return undetermined(detail, none, expected=expected)


def _served(
    journal: JournalConf | Absent | None, processes: tuple[Process, ...]
) -> JournalConf | None:
    """The settings of journald where it runs and they are known."""
    return known(journal) if running(processes, ("systemd-journald",)) else None


def _deaf(live: dict[str, Forwards], hears: list[Forwards]) -> tuple[Message, ...]:
    """The daemons that get no records."""
    names = tuple(name for name, daemon in live.items() if daemon not in hears)
    return (msg("journald gives no records to {names}", names=names),) if names else ()


def _unsettled(
    away: list[Forward], read: list[Forwards], processes: tuple[Process, ...]
) -> Judgement | None:
    """An undetermined judgement when something may forward that was not read to the end."""
    if away:
        some = capped(f"{f.target} ({f.file})" for f in away)
        return undetermined(msg("Only part of the records goes to {targets}, or on a condition",
                                targets=some))  # fmt: skip
    unread = [path for fs in read for path in fs.unread]
    if unread:
        return undetermined(msg("These included files were not read: {paths}",
                                paths=capped(unread)))  # fmt: skip
    others = [name for fs in read for name in fs.others]
    if others:
        return undetermined(msg("Records are also passed to {outputs}; where these send them "
                                "is not known",
                                outputs=capped(others)))  # fmt: skip
    shippers = running(processes, SHIPPERS)
    if shippers:
        return undetermined(msg("{processes} is running; where it sends records is not known",
                                processes=capped(process_labels(shippers))))  # fmt: skip
    return None


@check(
    "linux.log-kept-or-sent",
    needs=(
        complete(LOG_TREE),
        optional(ROTATIONS),
        optional(HOST_SINCE),
        optional(JOURNAL_CONF),
        known_or_absent(CLEANERS),
        *log_remote.needs,
    ),
    severity=Severity.HIGH,
    version=10,
    remedy=msg("Keep system logs 180 days, or send them to a log server that does"),
)
def log_kept_or_sent(
    tree: LogTree,
    rotations: tuple[Rotation, ...] | None,
    since: int | None,
    journal: JournalConf | None,
    cleaners: tuple[Cleaner, ...] | Absent,
    *sending: Any,
    min_days: Annotated[int, Up] = 180,
) -> Judgement:
    """The system log is kept at least 180 days on the host or is sent to another machine."""
    expected = msg("kept at least {days} days, or forwarded to another machine", days=min_days)
    kept = log_retention.judge(tree, rotations, journal, cleaners, min_days=min_days)
    # The audit trail is not the system log: neither its files nor its settings count here.
    oldest = log_oldest.judge(tree, None, since, rotations, None, min_days=min_days)
    sent = log_remote.judge(*sending)
    detail = (*kept.detail, *oldest.detail, *sent.detail)
    long = kept.verdict is Verdict.PASS and oldest.verdict in (
        Verdict.PASS,
        Verdict.NOT_APPLICABLE,
    )
    if sent.verdict is Verdict.PASS or long:
        return passed(*detail, expected=expected)
    if sent.verdict is Verdict.FAIL and Verdict.FAIL in (kept.verdict, oldest.verdict):
        return failed(*detail, expected=expected)
    return undetermined(*detail, expected=expected)


FACTS = (UPLOAD, PEERS)
CHECKS = (log_remote, log_kept_or_sent)
