"""Passwords of groups: whoever knows one becomes a member (newgrp(1)), and with it gets its rights.

newgrp reads the field of /etc/gshadow, and that of /etc/group where it is no `x` (shadow 4.13). An
empty one, and one that begins with `!` or `*`, lets nobody in but members.
"""

from __future__ import annotations

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answer,
    Command,
    Judgement,
    ParseError,
    Partial,
    Privilege,
    Severity,
    capped,
    check,
    fact,
    failed,
    known_or_absent,
    msg,
    not_present,
    optional,
    partial,
    passed,
    provider,
    read_rows,
    undetermined,
)
from audit_linux.accounts.account_checks import WEAK_SCHEMES
from audit_linux.groups import GROUPS, Groups
from audit_linux.passwd import ACCOUNTS_LIMIT, SCHEME, scheme_script


class GroupSecret(Struct, frozen=True, kw_only=True):
    """A group with a password, and its scheme as in `Secret`."""

    name: str
    scheme: str


# Only the scheme leaves the host; groups without a password are left out, and those with a lock.
_SED = (
    "-nE",
    "-e", "/^([^:]*:)?([!*:]|$)/d",
    "-e", "/^[^:]*$/d",
    *scheme_script(":[^:]*:[^:]*$", kept=False),
    "-e", "s/^.+/MALFORMED/p",
    "/etc/gshadow",
)  # fmt: skip


def _secret(line: str) -> GroupSecret:
    name, colon, scheme = line.partition(":")
    if not colon or not SCHEME.fullmatch(scheme):
        raise ParseError(msg("not a line of the gshadow request"))
    return GroupSecret(name=name, scheme=scheme)


def parse_gshadow(answer: Answer) -> tuple[GroupSecret, ...] | Partial | Absent:
    """The groups with a password; NOT_PRESENT where there is no /etc/gshadow (openSUSE)."""
    if b"No such file or directory" in answer.stderr:
        return not_present(msg("There is no /etc/gshadow"))
    if answer.exit_code:
        raise ParseError(msg("/etc/gshadow was not read"))
    lines = ((number, line) for number, line in enumerate(answer.lines, 1) if line)
    rows, problems = read_rows(lines, _secret)
    return partial(tuple(row for row in rows if row.scheme != "-"), problems)


GSHADOW = fact(
    "linux.gshadow",
    tuple[GroupSecret, ...],
    kind="host",
    providers=tuple(
        provider(
            Command(argv=(sed, *_SED), privilege=Privilege.ROOT, ok=(0, 2), limit=ACCOUNTS_LIMIT),
            parse_gshadow,
        )
        for sed in ("/usr/bin/sed", "/bin/sed")
    ),
)


@check(
    "linux.group-passwords",
    needs=(GROUPS, known_or_absent(optional(GSHADOW))),
    severity=Severity.LOW,
    version=2,
    remedy=msg("Remove the passwords of these groups (gpasswd -r GROUP) and name their members"),
)
def group_passwords(groups: Groups, secrets: tuple[GroupSecret, ...] | Absent | None) -> Judgement:
    """No group has a password with which others become its members."""
    expected = msg("no password in /etc/gshadow and /etc/group")
    rows = secrets if isinstance(secrets, tuple) else ()
    weak = [f"{one.name} ({one.scheme})" for one in rows if one.scheme in WEAK_SCHEMES]
    bad = [*weak, *(f"{name} (/etc/group)" for name in groups.passwords)]
    if bad:
        detail = msg("Groups whose password is stored with a weak hash or in an unsuitable place: "
                     "{names}", names=capped(bad))  # fmt: skip
        return failed(detail, expected=expected)
    if rows:
        names = capped(f"{one.name} ({one.scheme})" for one in rows)
        ask = msg("Ask who knows the passwords of these groups: {names}", names=names)
        return undetermined(ask, expected=expected)
    return passed(msg("No group has a password"), expected=expected)


FACTS = (GSHADOW,)
CHECKS = (group_passwords,)
