"""The audit trail of the kernel: is it on, what does it record, who could stop it."""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct, structs

from audit_core.model import Answer, Command, Judgement, Privilege, ReadFile, Reason
from audit_core.sdk import (
    ParseError,
    Severity,
    check,
    expect,
    fact,
    failed,
    msg,
    passed,
    undetermined,
)
from audit_linux.system._common import capped, whole_number
from audit_linux.system.processes import PROCESSES, Process, running, shown

RECORDERS = ("auditd", "rsyslogd", "syslog-ng", "syslogd", "systemd-journald")

NO_TOOLS = msg("The audit tools are not installed (no auditctl)")


class AuditStatus(Struct, frozen=True, kw_only=True):
    """The kernel's audit state: enabled 0 off, 1 on, 2 on and locked until reboot."""

    enabled: int
    pid: int
    lost: int


def parse_status(answer: Answer) -> AuditStatus:
    """The state from `auditctl -s`, in the form of audit 2.3+ or the older one-liner."""
    pairs = re.findall(r"\b([a-z_]{1,32})[ =](\d{1,18})\b", answer.text, re.ASCII)
    values = dict(pairs)
    if len(values) != len(pairs) or not {"enabled", "pid"} <= set(values):
        raise ParseError("no audit status")
    return AuditStatus(enabled=whole_number(values["enabled"], most=2), pid=int(values["pid"]),
                       lost=int(values.get("lost", "0")))  # fmt: skip


STATUS = fact(
    "linux.audit-status",
    AuditStatus,
    ask=Command(
        argv=("/usr/sbin/auditctl", "-s"), privilege=Privilege.ROOT, missing=Reason.NOT_PRESENT
    ),
    parse=parse_status,
)


class AuditRule(Struct, frozen=True, kw_only=True):
    """One loaded rule. `lists` is e.g. `always,exit`; `fields` keeps operators: `auid>=1000`."""

    text: str
    path: str = ""
    folder: bool = False
    perm: str = ""
    lists: str = ""
    syscalls: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()

    @property
    def never(self) -> bool:
        """True when the rule suppresses records instead of making them."""
        return "never" in self.lists.split(",")

    @property
    def every_user(self) -> bool:
        """True when nothing limits it to some users, programs or outcomes."""
        return all(_WIDE.fullmatch(f) for f in self.fields)

    @property
    def every_call(self) -> bool:
        """True when it is not limited to some system calls."""
        return not self.syscalls or "all" in self.syscalls

    def covers(self, path: str) -> bool:
        """True when it is about `path`, or about a folder that `path` lies in."""
        below = self.folder and path.startswith(self.path.rstrip("/") + "/")
        return self.path.rstrip("/") == path or below

    def watches(self, path: str) -> bool:
        """True when changing `path` makes a record."""
        # Newer auditctl writes the calls out that a permission stands for.
        opened = "openat" in self.syscalls and any(f.startswith("perm=") for f in self.fields)
        calls = self.every_call or opened
        return not self.never and "w" in self.perm and calls and self.covers(path)


# Fields that choose no users, programs or outcomes: people's accounts begin at 500 or 1000, root
# and the daemons act for nobody (-1), and a0=0 is the clock of the day.
_WIDE = re.compile(
    r"(arch|key|path|dir|perm)=.*|auid>=(500|1000)|auid>(499|999)|auid!=(-1|unset|4294967295)"
    r"|euid=0|(auid|uid|euid)!=(auid|uid|euid)|a0=(0x)?0",
    re.ASCII,
)


def _options(line: str) -> list[tuple[str, str]]:
    words = line.split()
    if len(words) % 2:
        raise ParseError(f"not an audit rule: {line[:80]!r}")
    return list(zip(words[::2], words[1::2], strict=True))


def _rule(line: str) -> AuditRule:
    options = _options(line)
    first, value = options[0]
    fields = tuple(v for o, v in options if o in ("-F", "-C"))
    named = dict(f.split("=", 1) for f in fields if re.match(r"(path|dir|perm)=", f))
    perm = next((v for o, v in options if o == "-p"), named.get("perm", "rwxa"))
    if first == "-w":
        # A watch on a directory and one on a file look alike; both cover what is below.
        return AuditRule(text=line, path=value, folder=True, perm=perm, lists="always,exit")
    if first not in ("-a", "-A"):
        raise ParseError(f"not an audit rule: {line[:80]!r}")
    calls = tuple(name for o, v in options if o == "-S" for name in v.split(","))
    return AuditRule(
        text=line, path=named.get("path", named.get("dir", "")), folder="dir" in named,
        perm=perm, lists=value, syscalls=calls, fields=fields,
    )  # fmt: skip


def parse_rules(answer: Answer) -> tuple[AuditRule, ...]:
    """The rules that `auditctl -l` lists; `No rules` is an answer and gives none."""
    lines = [line.rstrip() for line in answer.lines if line.strip()]
    if lines == ["No rules"]:
        return ()
    if not lines or len(lines) > _MOST_RULES:
        raise ParseError(f"auditctl -l listed {len(lines)} rules")
    return tuple(_rule(line) for line in lines)


_MOST_RULES = 5000  # the largest published rule sets have some hundreds
RULES = fact(
    "linux.audit-rules",
    tuple[AuditRule, ...],
    ask=Command(
        argv=("/usr/sbin/auditctl", "-l"),
        privilege=Privilege.ROOT,
        missing=Reason.NOT_PRESENT,
        limit=2 << 20,
    ),
    parse=parse_rules,
)


@check(
    "linux.audit-daemon",
    needs=PROCESSES,
    severity=Severity.HIGH,
    version=2,
    remedy=msg("Install auditd, enable its service and start it"),
)
def audit_daemon(processes: tuple[Process, ...]) -> Judgement:
    """The audit daemon runs."""
    daemons = running(processes, ("auditd",))
    others = running(processes, RECORDERS[1:])
    expected = msg("a process auditd that runs as root")
    daemons = tuple(p for p in daemons if p.uid == 0)
    if daemons:
        said = msg("Seen: {processes}", processes=capped(shown(daemons)))
        return passed(said, expected=expected)
    return failed(
        msg("No auditd among {count} processes", count=len(processes)),
        msg("System log daemons seen: {processes}", processes=capped(shown(others)) or ("-",)),
        expected=expected,
    )


@check(
    "linux.audit-enabled",
    needs=STATUS,
    severity=Severity.HIGH,
    when_absent=failed(NO_TOOLS),
    remedy=msg("Start auditd and remove audit=0 from the kernel command line"),
)
def audit_enabled(status: AuditStatus) -> Judgement:
    """The kernel records audit events and hands them to the audit daemon."""
    said = msg(
        "enabled {enabled}, audit daemon pid {pid}, records lost {lost}",
        enabled=status.enabled, pid=status.pid, lost=status.lost,
    )  # fmt: skip
    ok = status.enabled >= 1 and status.pid > 0
    return expect(ok, said=said, expected=msg("enabled 1 or 2 and a daemon's pid"))


def _calls(rule: AuditRule, name: str) -> bool:
    """True when `rule` records the call `name` of 64-bit programs whatever it is made on."""
    plain = not rule.path and not rule.never and rule.lists in ("always,exit", "exit,always")
    return plain and bool({"all", name} & set(rule.syscalls)) and "arch=b32" not in rule.fields


def _identity(rules: tuple[AuditRule, ...]) -> bool:
    files = ("/etc/passwd", "/etc/shadow", "/etc/group")
    return all(any(r.watches(path) for r in rules) for path in files)


def _privilege(rules: tuple[AuditRule, ...]) -> bool:
    def about_sudo(rule: AuditRule) -> bool:
        run = rule.path in ("/usr/bin/sudo", "/bin/su", "/usr/bin/su") and "x" in rule.perm
        raised = any(f in ("euid=0", "uid!=euid", "auid!=euid") for f in rule.fields)
        return (run and not rule.never) or (_calls(rule, "execve") and raised)

    return any(r.watches("/etc/sudoers") or about_sudo(r) for r in rules)


def _time(rules: tuple[AuditRule, ...]) -> bool:
    # date(1), hwclock(8) and time services each use another of them.
    names = ("settimeofday", "clock_settime", "adjtimex")
    return all(any(_calls(r, name) for r in rules) for name in names)


def _logins(rules: tuple[AuditRule, ...]) -> bool:
    files = (
        "/var/log/wtmp", "/var/log/btmp", "/var/log/lastlog", "/var/run/faillock", "/run/faillock",
        "/var/log/tallylog", "/var/log/faillog", "/var/run/utmp", "/run/utmp",
    )  # fmt: skip
    return any(r.watches(path) for path in files for r in rules)


TOPICS: dict[str, Callable[[tuple[AuditRule, ...]], bool]] = {
    "identity": _identity,
    "privilege": _privilege,
    "time": _time,
    "logins": _logins,
}


_EXCLUDES = re.compile(r"msgtype(=|!=|<|>|<=|>=)(\w+)", re.ASCII)
# Types of records without which every event can still be told by whom and on what it was.
_SPARE = frozenset({
    "CWD", "EOE", "PROCTITLE", "BPF", "CRYPTO_KEY_USER", "CRYPTO_SESSION", "SERVICE_START",
    "SERVICE_STOP", "NETFILTER_CFG", "1307", "1320", "1327",
    "1334", "2404", "2407", "1130", "1131", "1325",
})  # fmt: skip
_CORE = frozenset({"SYSCALL", "PATH", "1300", "1302"})
_ONE_PROGRAM = re.compile(r"(exe|subj_type|obj_type)=.*|auid=(-1|unset|4294967295)", re.ASCII)


def _excluded(rule: AuditRule) -> list[tuple[str, str]]:
    """Operator and type of each condition of an exclude rule; the action of such a rule is moot."""
    return [(m[1], m[2]) for f in rule.fields if (m := _EXCLUDES.fullmatch(f))]


def _silencer(rule: AuditRule) -> bool:
    """True for a rule that switches recording off altogether."""
    if "exclude" in rule.lists.split(","):
        types = _excluded(rule)
        alone = len(types) == len(rule.fields)
        return alone and all(sign != "=" or name in _CORE for sign, name in types)
    everything = rule.every_user and rule.every_call and not rule.path
    return rule.never and everything and "filesystem" not in rule.lists


def _doubtful(rule: AuditRule) -> bool:
    """True for a rule that keeps records back which an assessor would ask about."""
    if "exclude" in rule.lists.split(","):
        return not all(sign == "=" and name in _SPARE for sign, name in _excluded(rule))
    if "filesystem" in rule.lists:
        return rule.never and rule.fields not in (("fstype=tracefs",), ("fstype=debugfs",))
    one = any(_ONE_PROGRAM.fullmatch(f) for f in rule.fields)
    return rule.never and not rule.every_user and not one


def _left(rule: AuditRule, silencers: list[AuditRule]) -> AuditRule | None:
    """`rule` without the calls that the rules before it keep back: the first that fits decides."""
    silent = [
        other for other in silencers
        if (other.covers(rule.path) if other.path else not rule.path or rule.folder)
    ]  # fmt: skip
    if any(other.every_call for other in silent):
        return None
    calls = set(rule.syscalls).difference(*(other.syscalls for other in silent))
    return structs.replace(rule, syscalls=tuple(calls)) if calls or not rule.syscalls else None


def _recording(rules: tuple[AuditRule, ...]) -> tuple[AuditRule, ...]:
    """What each rule for every user records after the rules before it had their say."""
    silencers: list[AuditRule] = []
    found = []
    for rule in (r for r in rules if r.every_user):
        if rule.never:
            silencers.append(rule)
        elif (left := _left(rule, silencers)) is not None:
            found.append(left)
    return tuple(found)


@check(
    "linux.audit-rules",
    needs=RULES,
    severity=Severity.MEDIUM,
    version=2,
    when_absent=failed(NO_TOOLS),
    remedy=msg("Load rules for account files, sudo, clock changes and login records (audit.rules)"),
)
def audit_rules(
    rules: tuple[AuditRule, ...],
    *,
    topics: frozenset[str] = frozenset({"identity", "privilege", "time", "logins"}),
) -> Judgement:
    """The loaded audit rules cover account changes, use of privilege, clock changes and logins."""
    expected = msg("rules for every user on {topics}", topics=capped(topics))
    silent = [r.text for r in rules if _silencer(r)]
    if silent:
        said = msg("A rule suppresses all records: {rules}", rules=capped(silent))
        return failed(said, expected=expected)
    unknown = topics - set(TOPICS)
    if unknown:
        return undetermined(msg("Unknown topics {topics}", topics=capped(unknown)))
    wide = _recording(rules)
    lacking = [topic for topic in topics if not TOPICS[topic](wide)]
    said = msg("{count} rules are loaded; not covered: {lacking}", count=len(rules),
               lacking=capped(lacking) or ("-",))  # fmt: skip
    doubtful = [r.text for r in rules if _doubtful(r)]
    if doubtful and not lacking:
        some = msg("These rules keep records back: {rules}", rules=capped(doubtful))
        return undetermined(said, some, expected=expected)
    return expect(not lacking, said=said, expected=expected)


@check(
    "linux.audit-locked",
    needs=STATUS,
    severity=Severity.LOW,
    when_absent=failed(NO_TOOLS),
    remedy=msg("End the audit rules with -e 2 and reboot"),
)
def audit_locked(status: AuditStatus) -> Judgement:
    """The audit rules are locked until the next start."""
    said = msg("enabled {enabled}", enabled=status.enabled)
    return expect(status.enabled == 2, said=said, expected=msg("enabled 2"))


@check(
    "linux.audit-process-owner",
    needs=PROCESSES,
    severity=Severity.HIGH,
    version=2,
    remedy=msg("Run auditd and the system log daemon as root or as a service account"),
)
def audit_process_owner(processes: tuple[Process, ...]) -> Judgement:
    """The processes that record events belong to no person's account."""
    names = {name[:15] for name in RECORDERS}
    recorders = [p for p in processes if p.name in names and not p.contained]
    owned = [p for p in recorders if not p.by_system]
    expected = msg("owner root or a service account (uid under 1000)")
    if owned:
        said = msg("A person's account can stop: {processes}", processes=capped(shown(owned)))
        return failed(said, expected=expected)
    if not recorders:
        return failed(msg("No process that records events is seen"), expected=expected)
    said = msg("Seen: {processes}", processes=capped(shown(recorders)))
    return passed(said, expected=expected)


class AuditdConf(Struct, frozen=True, kw_only=True):
    """auditd.conf, keys and values in lower case."""

    values: dict[str, str]

    def get(self, name: str) -> str:
        """The value of `name`, or the daemon's own default (auditd.conf(5))."""
        return self.values.get(name, DEFAULTS.get(name, ""))


# What auditd 2.x and 3.x take when the line is missing: src/auditd-config.c, clear_config().
DEFAULTS = {
    "max_log_file": "0", "max_log_file_action": "ignore", "num_logs": "0",
    "space_left_action": "ignore", "disk_full_action": "ignore", "disk_error_action": "ignore",
    "log_file": "/var/log/audit/audit.log", "write_logs": "yes", "local_events": "yes",
}  # fmt: skip


def parse_auditd_conf(answer: Answer) -> AuditdConf:
    """`name = value` lines; `#` starts a comment only at the start of a line."""
    values = {}
    for line in answer.lines:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals:
            raise ParseError(f"not a setting: {text[:80]!r}")
        values[name.strip().lower()] = value.strip().lower()
    return AuditdConf(values=values)


AUDITD_CONF = fact(
    "linux.auditd-conf",
    AuditdConf,
    ask=ReadFile(path="/etc/audit/auditd.conf", privilege=Privilege.ROOT),
    parse=parse_auditd_conf,
)


@check(
    "linux.audit-storage",
    needs=AUDITD_CONF,
    severity=Severity.MEDIUM,
    version=2,
    when_absent=failed(msg("There is no /etc/audit/auditd.conf")),
    remedy=msg("Set max_log_file_action, space_left_action and disk_full_action in auditd.conf"),
)
def audit_storage(conf: AuditdConf) -> Judgement:
    """auditd rotates its log and does not ignore a disk that runs full."""
    keys = (
        "local_events", "write_logs", "max_log_file", "max_log_file_action", "num_logs",
        "space_left_action", "disk_full_action", "disk_error_action",
    )  # fmt: skip
    said = msg("{settings}", settings=tuple(f"{k} = {conf.get(k)}" for k in keys))
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
    ok = rotates and wary and conf.get("write_logs") == conf.get("local_events") == "yes"
    return expect(ok, said=said, expected=expected)


def _at_least(text: str, least: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= least


FACTS = (STATUS, RULES, AUDITD_CONF)
CHECKS = (
    audit_daemon, audit_enabled, audit_rules, audit_locked, audit_process_owner, audit_storage,
)  # fmt: skip
