"""Files that allow logins from other hosts without a password: hosts.equiv(5), .rhosts, .shosts."""

from __future__ import annotations

import re

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answer,
    FileStatus,
    Judgement,
    Partial,
    Privilege,
    ReadFiles,
    Severity,
    capped,
    check,
    fact,
    failed,
    first_of,
    known_or_absent,
    msg,
    partial,
    passed,
    undetermined,
)
from audit_linux.passwd import ACCOUNTS, Accounts, usual_home
from audit_linux.ssh.sshd import plainly

_OF_HOST = ("/etc/hosts.equiv", "/etc/shosts.equiv", "/etc/ssh/shosts.equiv")
_OF_USER = re.compile(r"(?:/home/[^/]+|/root)/\.[rs]hosts")


class Trust(Struct, frozen=True, kw_only=True):
    """The entries of the files that were found, by path; a file without entries has none."""

    entries: dict[str, tuple[str, ...]]


def parse_trust(answer: Answer) -> Trust | Partial | Absent:
    """Each line but comments is an entry: a host, and maybe a user; `-` in front refuses it."""
    there = [f for f in answer.files if f.status is not FileStatus.NOT_PRESENT]
    found = {
        file.path: tuple(
            line.strip() for line in file.lines if line.strip() and line.strip()[0] not in "#-"
        )
        for file in there
        if file.status is FileStatus.READ
        and (file.path in _OF_HOST or _OF_USER.fullmatch(file.path))
    }
    unread = [f.path for f in there if f.status is FileStatus.NOT_PERMITTED]
    problems = [msg("Cannot read {paths}", paths=capped(unread))] if unread else []
    return partial(Trust(entries=found), problems)


_ASK = ReadFiles(
    paths=(*_OF_HOST, "/home", "/root"), depth=2, names=(".rhosts", ".shosts"),
    privilege=Privilege.ROOT,
)  # fmt: skip
TRUST = fact("linux.trusted-hosts", Trust, kind="host", ask=_ASK, parse=parse_trust)
# /etc/hosts.equiv is open to all as a rule; what is closed to the login passes nothing.
TRUST_SEEN = fact(
    "linux.trusted-hosts-seen", Trust, kind="host", ask=plainly(_ASK), parse=parse_trust
)


@check(
    "linux.trusted-hosts",
    needs=(first_of(TRUST, TRUST_SEEN), known_or_absent(ACCOUNTS)),
    severity=Severity.MEDIUM,
    version=2,
    remedy=msg("Remove the named files"),
)
def trusted_hosts(trust: Trust, accounts: Accounts | Absent) -> Judgement:
    """No file allows users of other hosts to log in without a password."""
    expected = msg("no hosts.equiv, .rhosts or .shosts")
    bad = [f"{path}: {', '.join(entries)}" for path, entries in trust.entries.items() if entries]
    if bad:
        detail = msg("Files that trust other hosts: {names}", names=capped(bad))
        return failed(detail, expected=expected)
    none = msg("No hosts.equiv, .rhosts or .shosts with entries in /etc, /home and /root")
    rows = accounts.rows if isinstance(accounts, Accounts) else ()
    far = [account.home for account in rows if account.has_shell and not usual_home(account.home)]
    if far:
        unread = msg("Home directories that were not checked: {names}", names=capped(far))
        return undetermined(none, unread, expected=expected)
    return passed(none, expected=expected)


FACTS = (TRUST, TRUST_SEEN)
CHECKS = (trusted_hosts,)
