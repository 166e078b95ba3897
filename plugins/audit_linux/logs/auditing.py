"""The audit trail of the kernel: status, storage, and the accounts that could stop it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    ParseError,
    Severity,
    Up,
    capped,
    check,
    complete,
    expect,
    fact,
    failed,
    integer,
    known,
    known_or_absent,
    msg,
    optional,
    passed,
    present,
    provider,
    undetermined,
    verbatim,
    whole_number,
)
from audit_core.model import (
    Answer,
    Command,
    Judgement,
    Privilege,
    Provider,
    Reason,
)
from audit_core.model.facts import Parser
from audit_linux.logs.auditd_conf import AUDITD_CONF, AuditdConf
from audit_linux.logs.audited_logins import AUDITED, AuditedLogin
from audit_linux.logs.log_files import LOG_TREE, LogTree
from audit_linux.logs.routes import PASSING
from audit_linux.logs.ssh_sessions import NEWEST_SESSION, fresh
from audit_linux.processes import PROCESSES, Process, process_labels, running
from audit_linux.programs import placed
from audit_linux.units import UNITS, Units

RECORDERS = ("auditd", "rsyslogd", "syslog-ng", "syslogd", "systemd-journald")

NO_TOOLS = msg("The audit tools are not installed (no auditctl)")


class AuditStatus(Struct, frozen=True, kw_only=True):
    """The kernel's audit state: enabled 0 off, 1 on, 2 on and locked until reboot.

    `lost`: records that were dropped since the last boot. `failure`: what happens where a record
    cannot be written, 0 nothing, 1 a message, 2 the kernel stops. `backlog_limit`: how many may
    wait, `rate_limit`: how many a second, 0 without limit. None where it was not printed.
    """

    enabled: int
    pid: int
    lost: int
    failure: int | None = None
    backlog_limit: int | None = None
    rate_limit: int | None = None


def parse_status(answer: Answer) -> AuditStatus:
    """The state from `auditctl -s`, in the form of audit 2.3+ or the older one-liner."""
    pairs = re.findall(r"\b([a-z_]{1,32})[ =](\d{1,18})\b", answer.text, re.ASCII)
    values = dict(pairs)
    if len(values) != len(pairs) or not {"enabled", "pid"} <= set(values):
        raise ParseError(msg("no audit status"))
    numbers = {name: int(value) for name, value in values.items()}
    return AuditStatus(
        enabled=whole_number(values["enabled"], most=2),
        pid=numbers["pid"],
        lost=numbers.get("lost", 0),
        failure=numbers.get("failure", numbers.get("flag")),  # audit 2.2 says flag
        backlog_limit=numbers.get("backlog_limit"),
        rate_limit=numbers.get("rate_limit"),
    )


def auditctl(option: str, parse: Parser, *, limit: int = 1 << 20) -> tuple[Provider, ...]:
    """Ways to ask auditctl."""

    def provide(folder: str, missing: Reason) -> Provider:
        command = Command(argv=(f"{folder}/auditctl", option), privilege=Privilege.ROOT,
                          not_found=missing, limit=limit)  # fmt: skip
        return provider(command, parse)

    return placed(provide)


STATUS = fact(
    "linux.audit-status", AuditStatus, kind="host", providers=auditctl("-s", parse_status)
)


def _daemons(processes: tuple[Process, ...]) -> tuple[Process, ...]:
    return tuple(p for p in running(processes, ("auditd",)) if p.uid == 0)


@check(
    "linux.audit-daemon",
    needs=(complete(PROCESSES), known_or_absent(optional(UNITS))),
    severity=Severity.HIGH,
    version=3,
    remedy=msg("Install auditd, enable its service and start it"),
)
def audit_daemon(processes: tuple[Process, ...], units: Units | Absent | None) -> Judgement:
    """The audit daemon is running and starts with the system."""
    others = running(processes, RECORDERS[1:])
    expected = msg("a process auditd that runs as root")
    daemons = _daemons(processes)
    if daemons:
        detail = msg("Found: {processes}", processes=capped(process_labels(daemons)))
        found = known(units)
        idle = found.until_restart("auditd.service") if found else ()
        return expect(not idle, detail=(detail, *idle), expected=expected)
    return failed(
        msg("No auditd among {count} processes", count=len(processes)),
        msg(
            "System log daemons found: {processes}",
            processes=capped(process_labels(others)),
        ),
        expected=expected,
    )


@check(
    "linux.audit-enabled",
    needs=(
        STATUS,
        known_or_absent(optional(AUDITED)),
        known_or_absent(optional(NEWEST_SESSION)),
        known_or_absent(optional(LOG_TREE)),
    ),
    severity=Severity.HIGH,
    version=2,
    when_absent=failed(NO_TOOLS),
    remedy=msg("Start auditd and remove audit=0 from the kernel command line"),
)
def audit_enabled(
    status: AuditStatus,
    audited: AuditedLogin | Absent | None,
    session: datetime | Absent | None,
    tree: LogTree | Absent | None,
) -> Judgement:
    """The kernel records audit events and hands them to the audit daemon."""
    detail = msg(
        "enabled {enabled}, audit daemon pid {pid}, records lost {lost}",
        enabled=status.enabled, pid=status.pid, lost=status.lost,
    )  # fmt: skip
    expected = msg("enabled 1 or 2 and a daemon's pid")
    if status.enabled < 1 or status.pid <= 0:
        return failed(detail, expected=expected)
    listed, trail = known(tree), known(audited)
    own = fresh(known(session), listed.now if listed else None)
    newest = trail.at if trail else None
    if own and newest and newest < own - _LATE:
        old = msg("auditd seems to write nothing: its newest record of a login is older than an "
                  "SSH session, which sshd and PAM report to it, too")  # fmt: skip
        return undetermined(
            detail, *present(trail.as_message if trail else None), old, expected=expected
        )
    return passed(detail, expected=expected)


_LATE = timedelta(minutes=1)


@check(
    "linux.audit-locked",
    needs=STATUS,
    severity=Severity.LOW,
    when_absent=failed(NO_TOOLS),
    remedy=msg("End the audit rules with -e 2 and reboot"),
)
def audit_locked(status: AuditStatus) -> Judgement:
    """The audit rules are locked until the next reboot."""
    detail = msg("enabled {enabled}", enabled=status.enabled)
    return expect(status.enabled == 2, detail=detail, expected=msg("enabled 2"))


@check(
    "linux.audit-losses",
    needs=STATUS,
    severity=Severity.MEDIUM,
    when_absent=failed(NO_TOOLS),
    remedy=msg("Add -b 8192, -f 1 and -r 0 to the audit rules, and audit_backlog_limit=8192 to the "
               "kernel command line"),
)  # fmt: skip
def audit_losses(status: AuditStatus, *, min_backlog: Annotated[int, Up] = 8192) -> Judgement:
    """The kernel has dropped no audit record since its start, and does not drop them silently."""
    expected = msg("lost 0, failure 1 or 2, rate_limit 0, backlog_limit of at least {least}",
                   least=min_backlog)  # fmt: skip
    values = {"lost": status.lost, "failure": status.failure, "rate_limit": status.rate_limit,
              "backlog_limit": status.backlog_limit}  # fmt: skip
    detail = msg("{settings}", settings=tuple(f"{k} {v}" for k, v in values.items()
                                              if v is not None))  # fmt: skip
    short = status.backlog_limit is not None and status.backlog_limit < min_backlog
    if status.lost or status.failure == 0 or status.rate_limit or short:
        return failed(detail, expected=expected)
    if None in values.values():
        return undetermined(detail, expected=expected)
    return passed(detail, expected=expected)


@check(
    "linux.audit-process-owner",
    needs=(PROCESSES, known_or_absent(complete(PROCESSES))),
    severity=Severity.HIGH,
    version=3,
    remedy=msg("Run auditd and the system log daemon as root or as a service account"),
)
def audit_process_owner(
    processes: tuple[Process, ...], every: tuple[Process, ...] | Absent
) -> Judgement:
    """The processes that record events do not run under a person's account."""
    names = {name[:15] for name in RECORDERS}
    recorders = [p for p in processes if p.name in names and not p.contained]
    owned = [p for p in recorders if not p.by_system]
    expected = msg("owner root or a service account (uid under 1000)")
    if owned:
        detail = msg(
            "An ordinary account can stop: {processes}", processes=capped(process_labels(owned))
        )
        return failed(detail, expected=expected)
    if not recorders and isinstance(every, Absent):
        return undetermined(every.detail, expected=expected)
    if not recorders:
        return failed(msg("No process that records events was found"), expected=expected)
    detail = msg("Found: {processes}", processes=capped(process_labels(recorders)))
    return passed(detail, expected=expected)


@check(
    "linux.audit-storage",
    needs=(AUDITD_CONF, complete(PROCESSES)),
    severity=Severity.MEDIUM,
    version=5,
    when_absent=failed(msg("There is no /etc/audit/auditd.conf")),
    remedy=msg("Set max_log_file_action, space_left_action and disk_full_action in auditd.conf"),
)
def audit_storage(conf: AuditdConf, processes: tuple[Process, ...]) -> Judgement:
    """auditd rotates its log and does not ignore a full disk."""
    lasting = not conf.get("log_file").startswith(PASSING)
    keys = (
        "local_events", "write_logs", "log_format", "max_log_file", "max_log_file_action",
        "num_logs", "space_left_action", "disk_full_action", "disk_error_action",
        *(() if lasting else ("log_file",)),
    )  # fmt: skip
    detail = msg("{settings}", settings=tuple(f"{k} = {conf.get(k)}" for k in keys))
    rotates = conf.get("max_log_file_action") == "keep_logs" or (
        conf.get("max_log_file_action") == "rotate" and _at_least(conf.get("num_logs"), 2)
    )
    wary = all(
        conf.get(key).split(" ")[0] not in ("ignore", "")
        for key in ("space_left_action", "disk_full_action", "disk_error_action")
    )
    expected = msg(
        "local_events, write_logs yes, action rotate (num_logs 2 or more) or keep_logs, no ignore"
    )
    if conf.refused:
        line = msg("auditd does not start with this: {text}", text=verbatim(conf.refused))
        return failed(detail, line, expected=expected)
    if not _daemons(processes):
        idle = msg("auditd is not running, so its configuration has no effect")
        return failed(detail, idle, expected=expected)
    return expect(rotates and wary and conf.writes and lasting, detail=detail, expected=expected)


def _at_least(text: str, least: int) -> bool:
    number = integer(text)
    return number is not None and least <= number < 10**9


FACTS = (STATUS, AUDITD_CONF)
CHECKS = (
    audit_daemon, audit_enabled, audit_locked, audit_losses, audit_process_owner, audit_storage,
)  # fmt: skip
