"""access.conf(5): who may log in from where, as pam_access applies it.

As pam_access.c of Linux-PAM 1.5 reads it, compared with it in the tests: a rule is
`permission:users:origins` in the first two colons; `#` begins a comment only as the first character
of a line; a line without a permission of + or -, or with fewer fields, is passed over. The first
rule whose users and origins both match decides; where none does, the login is permitted. A list may
end in `EXCEPT` and another list. A missing file permits everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answer,
    FileStatus,
    Judgement,
    Message,
    Partial,
    ReadFiles,
    Severity,
    Values,
    capped,
    check,
    fact,
    failed,
    known_or_absent,
    msg,
    not_applicable,
    partial,
    passed,
    undetermined,
)
from audit_linux.closed_files import SECURITY, also_as_root
from audit_linux.config_files import unreadable
from audit_linux.pam import (
    PAM,
    Pam,
    Rule,
    Unresolved,
    accepted,
    paths,
    stack,
)

_FILE = "/etc/security/access.conf"
_MORE = "/etc/security/access.d"
_ALL = frozenset({"ALL"})
# Linux-PAM 1.5 matches no address with them.
_NETWORKS_OF_ALL = frozenset({"0.0.0.0/0", "::/0"})
_FIELDS = re.compile(r":*([^:]+):+([^:]+):(.+)")
_MOST = 5000


class AccessRule(Struct, frozen=True, kw_only=True):
    """One rule: whether it permits, for which users and origins, as words of the line."""

    permits: bool
    users: tuple[str, ...]
    origins: tuple[str, ...]
    line: str


def parse_access(answer: Answer) -> tuple[AccessRule, ...] | Partial:
    """The rules of access.conf and of access.d/*.conf, in the order in which they are tried."""
    gone = (FileStatus.NOT_PRESENT, FileStatus.BROKEN_LINK)
    files = {f.path: f for f in answer.files if f.status not in gone}
    unread = [path for path, f in files.items() if f.status is not FileStatus.READ]
    order = [_FILE, *sorted(path for path in files if path.startswith(f"{_MORE}/"))]
    lines = [line for path in order if path in files and path not in unread
             for line in files[path].lines]  # fmt: skip
    rules = tuple(rule for line in lines[:_MOST] if (rule := _rule(line)) is not None)
    problems = [unreadable(capped(unread))] if unread else []
    if len(lines) > _MOST:
        problems.append(msg("{path} has too many lines", path=_FILE))
    return partial(rules, problems)


def _rule(line: str) -> AccessRule | None:
    """The rule of a line; strtok(3) passes over empty fields before the last."""
    fields = None if line.startswith("#") else _FIELDS.fullmatch(line.rstrip())
    if fields is None or fields[1][:1] not in ("+", "-"):
        return None
    users, origins = (tuple(re.split(r"[\s,]+", part.strip())) for part in fields.groups()[1:])
    return AccessRule(permits=fields[1][0] == "+", users=users, origins=origins, line=line.strip())


ACCESS = fact(
    "linux.access-conf",
    tuple[AccessRule, ...],
    kind="host",
    providers=also_as_root(
        ReadFiles(paths=(_FILE, _MORE), depth=1, names=("*.conf",)),
        SECURITY,
        parse_access,
        vendor=True,
    ),
)


def matches_stranger(words: tuple[str, ...], every: frozenset[str]) -> bool:
    """Whether a list matches one whom no rule names; `every` are the words for all of them."""
    listed, more = _cut(tuple(word.upper() for word in words))
    return not every.isdisjoint(listed) and not (more and matches_stranger(more, every))


def _cut(words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words before EXCEPT, and those behind it."""
    at = next((n for n, word in enumerate(words) if word == "EXCEPT"), len(words))
    return words[:at], words[at + 1 :]


def deciding(rules: tuple[AccessRule, ...]) -> AccessRule | None:
    """The rule for an account that none names, from an address that none names; None: no rule."""
    found = (r for r in rules if matches_stranger(r.users, _ALL))
    return next((rule for rule in found if matches_stranger(rule.origins, _ALL)), None)


def _unclear(rules: tuple[AccessRule, ...]) -> tuple[str, ...]:
    """Rules whose network is that of all addresses: what it matches depends on the version."""
    found = (r for r in rules if matches_stranger(r.users, _ALL))
    return tuple(rule.line for rule in found if not _NETWORKS_OF_ALL.isdisjoint(rule.origins))


def _uses(pam: Pam, service: str) -> tuple[Rule, ...]:
    """The rules of pam_access that each login meets and that can refuse it; empty: none surely."""
    for kind in ("auth", "account"):
        every = paths(stack(pam, service, kind), accepted)
        found = [[rule for rule in way if _refuses(rule)] for way in every]
        if found and all(found):
            return tuple(rule for way in found for rule in way)
    return ()


def _refuses(rule: Rule) -> bool:
    return rule.module == "pam_access.so" and rule.action("perm_denied") in ("bad", "die")


def _mentions(pam: Pam, service: str) -> bool:
    return any(
        rule.module == "pam_access.so"
        for kind in ("auth", "account")
        for rule in stack(pam, service, kind)
    )


_OTHERWISE = ("accessfile=", "fieldsep=", "listsep=")


@check(
    "linux.access-conf",
    needs=(PAM, known_or_absent(ACCESS)),
    severity=Severity.LOW,
    version=2,
    remedy=msg("End /etc/security/access.conf with `-:ALL:ALL`, put the rules for permitted logins "
               "before it, and make pam_access required in the account stack of sshd"),
)  # fmt: skip
def access_conf(pam: Pam, rules: tuple[AccessRule, ...] | Absent) -> Judgement:
    """Where pam_access is used, it denies logins that no rule permits."""
    expected = msg("a rule that denies all others, as -:ALL:ALL")
    try:
        used, mentioned = _uses(pam, "sshd"), _mentions(pam, "sshd")
    except Unresolved as error:
        return undetermined(error.detail, expected=expected)
    if not mentioned:
        return not_applicable(*_idle(rules))
    if not used:
        weak = msg("pam_access is in the PAM stack of sshd, but some logins skip it, or its "
                   "refusal has no effect")  # fmt: skip
        return undetermined(weak, expected=expected)
    if args := [a for rule in used for a in rule.args if a.startswith(_OTHERWISE)]:
        other = msg("pam_access has options that change how it reads its rules: {names}",
                    names=capped(args))  # fmt: skip
        return undetermined(other, expected=expected)
    if isinstance(rules, Absent):
        return undetermined(rules.detail, expected=expected)
    return _judged(rules, expected)


def _idle(rules: tuple[AccessRule, ...] | Absent) -> Iterator[Message]:
    yield msg("The PAM stack of sshd does not use pam_access")
    if not isinstance(rules, Absent) and rules:
        yield msg("The rules of access.conf have no effect: {names}", names=_lines(rules))


def _lines(rules: tuple[AccessRule, ...]) -> Values:
    return capped((rule.line for rule in rules), sort=False)


def _judged(rules: tuple[AccessRule, ...], expected: Message) -> Judgement:
    if unclear := _unclear(rules):
        detail = msg("Linux-PAM 1.5 matches no address with 0.0.0.0/0 and ::/0; write ALL: {names}",
                     names=capped(unclear))  # fmt: skip
        return undetermined(detail, expected=expected)
    rule = deciding(rules)
    shown = msg("Rules of access.conf: {names}", names=_lines(rules))
    if rule is None:
        detail = msg("No rule of access.conf denies accounts that it does not name: they may log "
                     "in from everywhere")  # fmt: skip
        return failed(detail, shown, expected=expected)
    if rule.permits:
        detail = msg("A rule of access.conf permits everybody from everywhere: {line}",
                     line=rule.line)  # fmt: skip
        return failed(detail, shown, expected=expected)
    return passed(shown, expected=expected)


FACTS = (ACCESS,)
CHECKS = (access_conf,)
