"""The audit rules that are written against those that the kernel has loaded.

augenrules(8) merges /etc/audit/rules.d/*.rules in the order of `ls -v` into /etc/audit/audit.rules
when auditd or audit-rules.service starts, also where no file holds a rule; without the directory,
auditctl reads audit.rules itself. It reads line by line, `#` in front is a comment, and stops at
the first rule that the kernel refuses unless `-i` or `-c` stands before it. augenrules puts a bare
`-D` first and the last `-e`, which counts, at the end: 0 switches recording off. `-D -k`, `-d` and
`-W` take back rules before them. Rules are compared by what auditctl does not rewrite: paths, keys
and names of system calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answer,
    FileStatus,
    Judgement,
    Message,
    Partial,
    Privilege,
    ReadFiles,
    Severity,
    capped,
    check,
    fact,
    failed,
    known_or_absent,
    msg,
    not_applicable,
    optional,
    partial,
    passed,
    present,
    undetermined,
)
from audit_linux.config_files import whole_files
from audit_linux.logs.audit_rules import RULES, AuditRule, read_rule
from audit_linux.logs.auditing import NO_TOOLS

_MERGED, _FOLDER = "/etc/audit/audit.rules", "/etc/audit/rules.d"


class WrittenRules(Struct, frozen=True, kw_only=True):
    """The rules of rules.d and of audit.rules, and the last `-e` of what counts, empty if none.

    `made`: augenrules writes audit.rules anew. `lenient`: rules that the kernel refuses are
    passed over.
    """

    folder: tuple[AuditRule, ...]
    merged: tuple[AuditRule, ...]
    enabled: str = ""
    made: bool = False
    lenient: bool = False

    @property
    def next(self) -> tuple[AuditRule, ...]:
        """The rules that the next start loads."""
        return self.folder or self.merged


def parse_written(answer: Answer) -> WrittenRules | Partial | Absent:
    """What stands in audit.rules and rules.d; NOT_PRESENT where neither exists."""
    files = whole_files(answer)
    if isinstance(files, Absent):
        return files
    texts = {file.path: _statements(file.lines) for file in files if "/." not in file.path}
    merged = texts.pop(_MERGED, [])
    folder = [line for path in sorted(texts, key=_natural) for line in texts[path]]
    gone = {f.path for f in answer.files if f.status is FileStatus.NOT_PRESENT}
    written = WrittenRules(
        folder=_rules([line for line in folder if line.split() != ["-D"]]),
        merged=_rules(merged), enabled=_enabled(folder or merged), made=_FOLDER not in gone,
        lenient=bool({"-i", "-c"} & {*(folder or merged)}),
    )  # fmt: skip
    return partial(written, _unread(written))


def _unread(written: WrittenRules) -> tuple[Message, ...]:
    unread = [rule.text for rule in (*written.folder, *written.merged) if rule.unread]
    doubt = msg("Rules that could not be read: {rules}", rules=capped(unread))
    return (doubt,) if unread else ()


def _enabled(lines: list[str]) -> str:
    """The value of the last `-e`; empty where there is none."""
    found = [line.split()[1:2] for line in lines if line.split()[0] == "-e"]
    return "".join(found[-1]) if found else ""


def _natural(path: str) -> list[str]:
    """Sorts as `ls -v`: numbers by their value."""
    parts = re.split(r"([0-9]+)", path)
    return [part.zfill(20) if part.isdigit() else part for part in parts]


def _statements(lines: Iterable[str]) -> list[str]:
    plain = (line.strip() for line in lines)
    return [line for line in plain if line and not line.startswith("#")]


def _rules(lines: list[str]) -> tuple[AuditRule, ...]:
    """The rules that are left after those that delete others."""
    kept: list[AuditRule] = []
    for line in lines:
        option, *rest = line.split()
        if option in ("-a", "-A", "-w"):
            kept.append(read_rule(line))
        elif option in _TAKES_BACK:
            added = [_TAKES_BACK[option], *rest]
            kept = [rule for rule in kept if rule.text.split() != added]
        elif option == "-D":
            kept = [rule for rule in kept if rest and not set(rest[1:]) & set(_keys(rule))]
    return tuple(kept)


_TAKES_BACK = {"-d": "-a", "-W": "-w"}


def _keys(rule: AuditRule) -> list[str]:
    fields = (f.removeprefix("key=") for f in rule.fields if f.startswith("key="))
    return [*fields, *rule.keys]


WRITTEN = fact(
    "linux.audit-rule-files",
    WrittenRules,
    kind="host",
    ask=ReadFiles(paths=(_MERGED, _FOLDER), depth=1, names=("*.rules",), privilege=Privilege.ROOT),
    parse=parse_written,
)


def _marks(rules: Iterable[AuditRule]) -> dict[str, None]:
    """What of these rules auditctl prints as it was written."""
    found: dict[str, None] = {}
    for rule in rules:
        found |= {f"-k {key}": None for key in _keys(rule)}
        if rule.path:
            found[rule.path.rstrip("/") or "/"] = None
        # Newer auditctl writes the calls out that a permission stands for.
        if not any(f.startswith("perm=") for f in rule.fields):
            found |= {f"-S {call}": None for call in rule.syscalls if _named(call)}
    return found


def _named(call: str) -> bool:
    """Whether a system call is written by its name; `all` goes without saying."""
    return not call.isdigit() and call != "all"


def _without(some: Iterable[AuditRule], others: Iterable[AuditRule]) -> tuple[str, ...]:
    """What marks of `some` rules none of `others` has."""
    there = _marks(others)
    return tuple(mark for mark in _marks(some) if mark not in there)


_NOTHING = WrittenRules(folder=(), merged=())


@check(
    "linux.audit-rules-persistent",
    needs=(optional(WRITTEN), known_or_absent(optional(RULES))),
    severity=Severity.MEDIUM,
    version=2,
    remedy=msg(
        "Write the rules to /etc/audit/rules.d and load them (augenrules --load), which shows the "
        "rule that the kernel refuses; restart the host where the rules are locked"
    ),
)
def audit_rules_persistent(
    written: WrittenRules | None, loaded: tuple[AuditRule, ...] | Absent | None
) -> Judgement:
    """The audit rules that are loaded are those that the next start loads again."""
    expected = msg("the same rules in /etc/audit/rules.d or audit.rules and in the kernel")
    if loaded is None:
        return not_applicable(NO_TOOLS)
    files = written or _NOTHING
    if isinstance(loaded, Absent):
        wrong = _wrong(files, ())
        return (failed if wrong else undetermined)(*wrong, loaded.detail, expected=expected)
    idle = _idle(files, loaded)
    if wrong := _wrong(files, () if files.lenient and loaded else idle):
        return failed(*wrong, expected=expected)
    if not loaded and not files.next:
        return not_applicable(msg("No audit rule is written and none is loaded"))
    count = msg("{written} rules are written, {loaded} are loaded", written=len(files.next),
                loaded=len(loaded))  # fmt: skip
    if doubts := (*idle, *_doubts(files, loaded)):
        return undetermined(count, *doubts, expected=expected)
    return passed(count, expected=expected)


def _idle(files: WrittenRules, loaded: tuple[AuditRule, ...]) -> tuple[Message, ...]:
    """What is written and not loaded.

    Where refused rules are passed over (-i), it may be meant for programs that are not there.
    """
    idle = _without(files.next, loaded)
    return (msg("Written, but not loaded: {names}", names=capped(idle)),) if idle else ()


def _wrong(files: WrittenRules, idle: tuple[Message, ...]) -> tuple[Message, ...]:
    off = msg("The written rules switch recording off (-e 0)")
    return (*present(off if files.enabled == "0" else None), *idle)


def _doubts(files: WrittenRules, live: tuple[AuditRule, ...]) -> tuple[Message, ...]:
    """What may be lost at the next start."""
    # An agent that watches files, such as one for integrity, loads rules of its own.
    lost = _without(live, (*files.folder, *files.merged))
    stale = _without(files.merged, files.folder) if files.made else ()
    by_hand = msg("Loaded, but not written; ask whether a program loads them or the next start "
                  "loses them: {names}", names=capped(lost))  # fmt: skip
    overwritten = msg("Only in audit.rules, which augenrules writes anew: {names}",
                      names=capped(stale))  # fmt: skip
    return present(by_hand if lost else None, overwritten if stale else None)


FACTS = (WRITTEN,)
CHECKS = (audit_rules_persistent,)
