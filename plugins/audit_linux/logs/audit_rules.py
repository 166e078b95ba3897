"""The loaded audit rules: what they record and what they suppress."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from msgspec import Struct, structs

from audit_core.api.sdk import (
    Message,
    ParseError,
    Partial,
    Severity,
    capped,
    check,
    fact,
    failed,
    msg,
    partial,
    passed,
    undetermined,
    verbatim,
)
from audit_core.model import Answer, Judgement
from audit_linux.logs.auditing import NO_TOOLS, auditctl


class AuditRule(Struct, frozen=True, kw_only=True):
    """One rule. `lists` is e.g. `always,exit`; `fields` keeps operators: `auid>=1000`.

    `keys` are those that stand behind -k. `unread`: its effect is not known.
    """

    text: str
    unread: bool = False
    path: str = ""
    folder: bool = False
    perm: str = ""
    lists: str = ""
    syscalls: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    @property
    def never(self) -> bool:
        """True when the rule suppresses records instead of making them."""
        return "never" in self.lists.split(",")

    @property
    def every_user(self) -> bool:
        """True when nothing limits it to some users, programs or outcomes."""
        return all(_WIDE.fullmatch(f) for f in self.fields)

    @property
    def only_32_bit(self) -> bool:
        """True when it is about calls of 32-bit programs only: those of the system are not."""
        return any(_ARCH_32.fullmatch(field) for field in self.fields)

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
        recorded = not self.never and not self.only_32_bit
        return recorded and "w" in self.perm and calls and self.covers(path)


_ARCH_32 = re.compile(r"arch=(b32|i[3-6]86|arm)", re.ASCII)
# Fields that choose no users, programs or outcomes: people's accounts begin at 500 or 1000, root
# and the daemons act for nobody (-1), and a0=0 is the clock of the day.
_WIDE = re.compile(
    r"(arch|key|path|dir|perm)=.*|auid>=(500|1000)|auid>(499|999)|auid!=(-1|unset|4294967295)"
    r"|euid=0|(auid|uid|euid)!=(auid|uid|euid)|a0=(0x)?0",
    re.ASCII,
)


# auditctl quotes nothing: a path or key with a blank ends where the next option begins.
_OPTION = re.compile(r"(?:^| +)(-[a-zA-Z]) +(?=[^ ])")


def _options(line: str) -> list[tuple[str, str]]:
    head, *words = _OPTION.split(line)
    if head or not words:
        raise ParseError(msg("not an audit rule: {line}", line=verbatim(line)))
    return [(option, value.rstrip()) for option, value in zip(words[::2], words[1::2], strict=True)]


def _values(options: list[tuple[str, str]], name: str) -> tuple[str, ...]:
    return tuple(value for option, value in options if option == name)


def _rule(line: str) -> AuditRule:
    options = _options(line)
    first, value = options[0]
    fields = (*_values(options, "-F"), *_values(options, "-C"))
    named = dict(f.split("=", 1) for f in fields if re.match(r"(path|dir|perm)=", f))
    keys = _values(options, "-k")
    perm = (*_values(options, "-p"), named.get("perm", "rwxa"))[0]
    if first == "-w":
        # A watch on a directory and one on a file look alike; both cover what is below.
        return AuditRule(text=line, path=value, folder=True, perm=perm,
                         lists="always,exit", keys=keys)  # fmt: skip
    if first not in ("-a", "-A"):
        raise ParseError(msg("not an audit rule: {line}", line=verbatim(line)))
    calls = tuple(name for value in _values(options, "-S") for name in value.split(","))
    return AuditRule(
        text=line, path=named.get("path", named.get("dir", "")), folder="dir" in named,
        perm=perm, lists=value, syscalls=calls, fields=fields, keys=keys,
    )  # fmt: skip


def read_rule(line: str) -> AuditRule:
    """The rule of one line; `unread` where it has another form."""
    try:
        return _rule(line)
    except ParseError:
        return AuditRule(text=line, unread=True)


def parse_rules(answer: Answer) -> tuple[AuditRule, ...] | Partial:
    """The rules that `auditctl -l` lists; `No rules` is an answer and gives none.

    A rule of another form stands in its place as `unread`, and the rest holds.
    """
    lines = [line.rstrip() for line in answer.lines if line.strip()]
    if lines == ["No rules"]:
        return ()
    if not lines or len(lines) > _MOST_RULES:
        raise ParseError(msg("auditctl -l listed {count} rules", count=len(lines)))
    rules = tuple(read_rule(line) for line in lines)
    unread = [rule.text for rule in rules if rule.unread]
    if len(unread) == len(rules):
        raise ParseError(msg("not an audit rule: {line}", line=verbatim(lines[0])))
    doubt = msg("Rules that could not be read: {rules}", rules=capped(unread))
    return partial(rules, (doubt,) if unread else ())


_MOST_RULES = 5000  # the largest published rule sets have some hundreds
RULES = fact(
    "linux.audit-rules",
    tuple[AuditRule, ...],
    kind="host",
    providers=auditctl("-l", parse_rules, limit=2 << 20),
)


def _calls(rule: AuditRule, name: str) -> bool:
    """True when `rule` records the call `name` of 64-bit programs whatever it is made on."""
    plain = not rule.path and not rule.never and rule.lists in ("always,exit", "exit,always")
    return plain and bool({"all", name} & set(rule.syscalls)) and not rule.only_32_bit


def _identity(rules: tuple[AuditRule, ...]) -> bool:
    files = ("/etc/passwd", "/etc/shadow", "/etc/group")
    return all(any(r.watches(path) for r in rules) for path in files)


def _privilege(rules: tuple[AuditRule, ...]) -> bool:
    def about_sudo(rule: AuditRule) -> bool:
        run = rule.path in ("/usr/bin/sudo", "/bin/su", "/usr/bin/su") and "x" in rule.perm
        raised = any(f in ("euid=0", "uid!=euid", "auid!=euid") for f in rule.fields)
        run = run and not rule.never and not rule.only_32_bit
        return run or (_calls(rule, "execve") and raised)

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
    return rule.never and everything and not rule.only_32_bit and "filesystem" not in rule.lists


def _doubtful(rule: AuditRule) -> bool:
    """True for a rule that suppresses records which an assessor would ask about."""
    if "exclude" in rule.lists.split(","):
        return not all(sign == "=" and name in _SPARE for sign, name in _excluded(rule))
    if "filesystem" in rule.lists:
        return rule.never and rule.fields not in (("fstype=tracefs",), ("fstype=debugfs",))
    one = any(_ONE_PROGRAM.fullmatch(f) for f in rule.fields)
    return rule.never and (rule.only_32_bit or not rule.every_user) and not one


def _left(rule: AuditRule, silencers: list[AuditRule]) -> AuditRule | None:
    """`rule` without the calls that earlier rules suppress: the first matching rule decides."""
    silent = [
        other for other in silencers
        if (other.covers(rule.path) if other.path else not rule.path or rule.folder)
    ]  # fmt: skip
    if any(other.every_call for other in silent):
        return None
    calls = set(rule.syscalls).difference(*(other.syscalls for other in silent))
    return structs.replace(rule, syscalls=tuple(calls)) if calls or not rule.syscalls else None


def _recording(rules: tuple[AuditRule, ...]) -> tuple[AuditRule, ...]:
    """What each rule for every user records after the rules before it."""
    silencers: list[AuditRule] = []
    found = []
    for rule in (r for r in rules if r.every_user and not (r.never and r.only_32_bit)):
        if rule.never:
            silencers.append(rule)
        elif (left := _left(rule, silencers)) is not None:
            found.append(left)
    return tuple(found)


_NAMES = {
    "identity": msg("account changes (identity)"),
    "privilege": msg("use of privilege (privilege)"),
    "time": msg("clock changes (time)"),
    "logins": msg("logins (logins)"),
}


def _names(topics: Iterable[str]) -> tuple[Message | str, ...]:
    return tuple(_NAMES.get(topic, topic) for topic in sorted(topics))


@check(
    "linux.audit-rules",
    needs=RULES,
    severity=Severity.MEDIUM,
    version=4,
    when_absent=failed(NO_TOOLS),
    remedy=msg("Load rules for account files, sudo, clock changes and login records (audit.rules)"),
)
def audit_rules(
    rules: tuple[AuditRule, ...],
    *,
    topics: frozenset[str] = frozenset({"identity", "privilege", "time", "logins"}),
) -> Judgement:
    """The loaded audit rules cover account changes, use of privilege, clock changes and logins."""
    expected = msg("rules for every user on {topics}", topics=_names(topics))
    read = tuple(r for r in rules if not r.unread)
    if silent := _texts(read, _silencer):
        detail = msg("A rule suppresses all records: {rules}", rules=capped(silent))
        return failed(detail, expected=expected)
    if unknown := topics - set(TOPICS):
        return undetermined(msg("Unknown topics {topics}", topics=capped(unknown)))
    lacking = _lacking(read, topics)
    detail = msg("{count} rules are loaded; not covered: {topics}", count=len(rules),
               topics=_names(lacking))  # fmt: skip
    if lacking:  # a rule that was not read may cover it
        return (failed if len(read) == len(rules) else undetermined)(detail, expected=expected)
    if doubtful := _texts(read, _doubtful):
        some = msg("These rules suppress some records: {rules}", rules=capped(doubtful))
        return undetermined(detail, some, expected=expected)
    return passed(detail, expected=expected)


def _texts(rules: tuple[AuditRule, ...], test: Callable[[AuditRule], bool]) -> list[str]:
    return [rule.text for rule in rules if test(rule)]


def _lacking(rules: tuple[AuditRule, ...], topics: frozenset[str]) -> list[str]:
    """The topics that the rules do not cover."""
    wide = _recording(rules)
    return [topic for topic in topics if not TOPICS[topic](wide)]


FACTS = (RULES,)
CHECKS = (audit_rules,)
