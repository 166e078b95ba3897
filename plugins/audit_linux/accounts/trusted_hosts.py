"""Files that allow logins from other hosts without a password: hosts.equiv(5), .rhosts, .shosts."""

from __future__ import annotations

import re

from msgspec import Struct

from audit_core.api.sdk import (
    TARGET,
    Absent,
    Answer,
    FileStatus,
    Judgement,
    Partial,
    Privilege,
    ReadFiles,
    Severity,
    Target,
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
from audit_linux.homes import homes_of, not_searched
from audit_linux.passwd import ACCOUNTS, Accounts
from audit_linux.ssh.sshd import plainly

_OF_HOST = ("/etc/hosts.equiv", "/etc/shosts.equiv", "/etc/ssh/shosts.equiv")
_OF_USER = re.compile(r"/.+/\.[rs]hosts")


class Trust(Struct, frozen=True, kw_only=True):
    """The entries of the files that were found, by path; a file without entries has none."""

    entries: dict[str, tuple[str, ...]]


def _is_entry(line: str) -> bool:
    """Whether a line lets somebody in: a host, and maybe a user; `-` in front of one refuses.

    ruserok(3) of glibc passes over lines with a blank in front, sshd over those with three words.
    """
    words = line.split()
    return bool(words) and words[0][0] not in "#-" and (len(words) < 2 or words[1][0] not in "#-")


def parse_trust(answer: Answer) -> Trust | Partial | Absent:
    """The entries of the files, as _is_entry() takes them."""
    there = [f for f in answer.files if f.status is not FileStatus.NOT_PRESENT]
    found = {
        file.path: tuple(line.strip() for line in file.lines if _is_entry(line))
        for file in there
        if file.status is FileStatus.READ
        and (file.path in _OF_HOST or _OF_USER.fullmatch(file.path))
    }
    unread = [f.path for f in there if f.status is FileStatus.NOT_PERMITTED]
    problems = [msg("Cannot read {paths}", paths=capped(unread))] if unread else []
    return partial(Trust(entries=found), problems)


def _ask(target: Target) -> ReadFiles:
    homes = homes_of(target)
    return ReadFiles(
        paths=(*_OF_HOST, *homes.folders, *homes.single), depth=2, names=(".rhosts", ".shosts"),
        privilege=Privilege.ROOT,
    )  # fmt: skip


TRUST = fact("linux.trusted-hosts", Trust, kind="host", ask=_ask, parse=parse_trust)
# /etc/hosts.equiv is open to all as a rule; what is closed to the login passes nothing.
TRUST_SEEN = fact(
    "linux.trusted-hosts-seen",
    Trust,
    kind="host",
    ask=lambda target: plainly(_ask(target)),
    parse=parse_trust,
)


@check(
    "linux.trusted-hosts",
    needs=(TARGET, first_of(TRUST, TRUST_SEEN), known_or_absent(ACCOUNTS)),
    severity=Severity.MEDIUM,
    version=3,
    remedy=msg("Remove the named files"),
)
def trusted_hosts(target: Target, trust: Trust, accounts: Accounts | Absent) -> Judgement:
    """No file allows users of other hosts to log in without a password."""
    expected = msg("no hosts.equiv, .rhosts or .shosts")
    bad = [f"{path}: {', '.join(entries)}" for path, entries in trust.entries.items() if entries]
    if bad:
        detail = msg("Files that trust other hosts: {names}", names=capped(bad))
        return failed(detail, expected=expected)
    none = msg("No hosts.equiv, .rhosts or .shosts with entries in /etc and in home directories")
    if far := homes_of(target).far(accounts):
        return undetermined(none, not_searched(far), expected=expected)
    return passed(none, expected=expected)


FACTS = (TRUST, TRUST_SEEN)
CHECKS = (trusted_hosts,)
