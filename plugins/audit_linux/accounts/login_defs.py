"""login.defs(5) with its drop-ins and the file of the vendor, and the ages of new passwords."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

from msgspec import Struct, structs

from audit_core.api.sdk import (
    Absent,
    Answer,
    Down,
    FileStatus,
    Judgement,
    Partial,
    ReadFile,
    ReadFiles,
    Severity,
    Up,
    c_integer,
    capped,
    check,
    derive,
    fact,
    failed,
    first_of,
    known,
    known_or_absent,
    msg,
    not_present,
    optional,
    partial,
    passed,
    shortened,
)
from audit_linux.accounts.security_conf import search_keys
from audit_linux.closed_files import STACKS, also_as_root
from audit_linux.config_files import unreadable


class LoginDefs(Struct, frozen=True, kw_only=True):
    """login.defs(5): the value of each key as the programs of shadow read it: the last one holds.

    `searched` are those that PAM modules find, by key in lower case: there the first one holds.
    `econf` are those that libeconf gives, by which shadow and PAM read it on openSUSE.
    """

    values: dict[str, str]
    searched: dict[str, str] = {}
    econf: dict[str, str] = {}

    def integer(self, key: str) -> int | None:
        """The number of `key` as shadow reads it; None where it is missing or no int."""
        value = c_integer(self.values.get(key, ""))
        return value if value is not None and abs(value) < 1 << 31 else None

    def raw(self, key: str) -> str:
        """The text of `key` for a reader, `-` where it is not set."""
        return shortened(self.values.get(key, "-"))


def parse_login_defs(answer: Answer) -> LoginDefs:
    """The keys of /etc/login.defs.

    getdef.c of shadow: a key ends at a blank or tab, a comment is a whole line, a value is what
    stands between quotes or to the end of the line, and of a key that stands twice the last holds.
    """
    values = {}
    for raw in answer.lines:
        line = raw.strip(" \t\r\n\v\f")
        found = re.match(r"([^ \t]+)[ \t]+", line)
        if found and not line.startswith("#"):
            value = line[found.end() :].lstrip(' "\t').split('"', 1)[0]
            values[found[1]] = value
    return LoginDefs(
        values=values, searched=search_keys(answer.lines), econf=_by_econf(answer.lines)
    )


_ECONF = re.compile(r"[ \t]*([^\s#\[][^ \t]*)[ \t]+([^#]*)")


def _by_econf(lines: Iterable[str]) -> dict[str, str]:
    """The keys as libeconf reads them: the first of a file holds, `#` is a comment anywhere.

    What stands below `[section]` is another key.
    """
    found: dict[str, str] = {}
    for raw in lines:
        if raw.lstrip().startswith("["):
            break
        line = _ECONF.match(raw.rstrip())
        if line:
            found.setdefault(line[1], line[2].strip().strip('"'))
    return found


def parse_login_defs_drop_ins(
    answer: Answer,
) -> tuple[tuple[str, LoginDefs], ...] | Partial | Absent:
    """The vendor's drop-ins by name, then those of /etc, which hide the vendor's of their name."""
    there = [f for f in answer.files if f.status is not FileStatus.NOT_PRESENT]
    if not there:
        return not_present(msg("There are no drop-ins of login.defs"))
    unread = [f.path for f in there if f.status is not FileStatus.READ]
    by_name = {f.path.rpartition("/")[2]: f for f in reversed(there)
               if f.status is FileStatus.READ}  # fmt: skip
    found = tuple(
        (by_name[name].path, parse_login_defs(structs.replace(answer, stdout=by_name[name].data)))
        for name in sorted(by_name, key=lambda n: (by_name[n].path.startswith("/etc/"), n))
    )
    return partial(found, [unreadable(capped(unread))] if unread else [])


def _with_drop_ins(
    own: LoginDefs | Absent | None,
    vendor: LoginDefs,
    drop_ins: tuple[tuple[str, LoginDefs], ...] | Absent | None,
) -> LoginDefs | Absent:
    """The file with its drop-ins, as shadow built with libeconf reads them (openSUSE).

    That is where the vendor has a file of its own; other builds read /etc/login.defs alone.
    """
    if isinstance(own, Absent):
        return own
    values: dict[str, str] = {}
    for one in (own or vendor, *(defs for _, defs in known(drop_ins) or ())):
        values |= one.econf
    return LoginDefs(values=values, searched={name.lower(): v for name, v in values.items()})


LOGIN_DEFS = fact(
    "linux.login-defs",
    LoginDefs,
    kind="host",
    providers=also_as_root(ReadFile(path="/etc/login.defs"), STACKS, parse_login_defs),
)


# openSUSE keeps that of the vendor here; it counts as a whole, and only where there is no other.
_VENDOR_DEFS = fact(
    "linux.vendor-login-defs-file",
    LoginDefs,
    kind="host",
    ask=ReadFile(path="/usr/etc/login.defs"),
    parse=parse_login_defs,
)


def _of_vendor(own: LoginDefs | Absent | None, vendor: LoginDefs) -> LoginDefs | Absent:
    if own is None:
        return vendor
    return own if isinstance(own, Absent) else not_present(msg("/etc/login.defs is there"))


VENDOR_LOGIN_DEFS = derive(
    "linux.vendor-login-defs",
    LoginDefs,
    needs=(known_or_absent(optional(LOGIN_DEFS)), _VENDOR_DEFS),
    make=_of_vendor,
)


_DROP_IN_FOLDERS = ("/etc/login.defs.d", "/usr/etc/login.defs.d")
_DROP_INS = fact(
    "linux.login-defs-drop-ins-files",
    tuple[tuple[str, LoginDefs], ...],
    kind="host",
    ask=ReadFiles(paths=_DROP_IN_FOLDERS, names=("*.defs",), depth=1),
    parse=parse_login_defs_drop_ins,
)
LOGIN_DEFS_IN_FORCE = derive(
    "linux.login-defs-in-force",
    LoginDefs,
    needs=(
        known_or_absent(optional(LOGIN_DEFS)),
        _VENDOR_DEFS,
        known_or_absent(optional(_DROP_INS)),
    ),
    make=_with_drop_ins,
)

ANY_LOGIN_DEFS = first_of(LOGIN_DEFS_IN_FORCE, LOGIN_DEFS, VENDOR_LOGIN_DEFS)


@check(
    "linux.password-age-default",
    needs=ANY_LOGIN_DEFS,
    severity=Severity.MEDIUM,
    version=5,
    remedy=msg("Set PASS_MAX_DAYS 90 and PASS_MIN_DAYS 1 in /etc/login.defs"),
)
def password_age_default(
    defs: LoginDefs,
    *,
    max_days: Annotated[int, Down] = 90,
    min_days: Annotated[int, Up] = 1,
) -> Judgement:
    """New accounts get a minimum and a maximum password age."""
    longest, shortest = defs.integer("PASS_MAX_DAYS"), defs.integer("PASS_MIN_DAYS")
    good = longest is not None and 0 < longest <= max_days
    detail = msg(
        "PASS_MAX_DAYS {longest}, PASS_MIN_DAYS {shortest} (for accounts created from now on)",
        longest=defs.raw("PASS_MAX_DAYS"),
        shortest=defs.raw("PASS_MIN_DAYS"),
    )
    expected = msg(
        "PASS_MAX_DAYS of 1 to {longest}, PASS_MIN_DAYS of at least {shortest}",
        longest=max_days,
        shortest=min_days,
    )
    if good and (shortest or 0) >= min_days:
        return passed(detail, expected=expected)
    return failed(detail, expected=expected)


FACTS = (
    LOGIN_DEFS, _VENDOR_DEFS, VENDOR_LOGIN_DEFS, _DROP_INS, LOGIN_DEFS_IN_FORCE,
)  # fmt: skip
CHECKS = (password_age_default,)
