"""Whom a Match block of the SSH server concerns: its criteria against the accounts of the host."""

from __future__ import annotations

import functools
import re

from msgspec import Struct

from audit_core.api.sdk import Answers, ReadFile, fact, optional
from audit_linux import nsswitch
from audit_linux.groups import Groups, as_far_as_read, groups_of, parse_group
from audit_linux.nsswitch import Sources, parse_sources
from audit_linux.passwd import ACCOUNTS_LIMIT, Accounts, parse_passwd


class Names(Struct, frozen=True, kw_only=True):
    """The accounts of the host with the names of their groups.

    `whole` is False where others may exist: in a directory service, or in a line that was not read.
    `shells` are those with a shell that lets them log in.
    """

    groups_of: dict[str, frozenset[str]]
    whole: bool = True
    shells: tuple[str, ...] = ()
    uids: dict[str, int] = {}


def parse_names(answers: Answers) -> Names:
    """The accounts of /etc/passwd with their groups in /etc/group."""
    accounts, accounts_read = as_far_as_read(parse_passwd, answers["passwd"])
    groups, groups_read = None, True
    if answers["group"]:
        groups, groups_read = as_far_as_read(parse_group, answers["group"])
    sources, sources_read = as_far_as_read(parse_sources, answers)
    local = isinstance(sources, Sources) and not (sources.passwd or sources.group)
    rows = accounts.rows if isinstance(accounts, Accounts) else ()
    listed = groups if isinstance(groups, Groups) else Groups(members={})
    return Names(
        groups_of=groups_of(listed, ((row.name, row.gid) for row in rows)),
        shells=tuple(row.name for row in rows if row.has_shell),
        uids={row.name: row.uid for row in rows},
        whole=accounts_read and groups_read and sources_read and local
        and not getattr(accounts, "nis", ()),
    )  # fmt: skip


NAMES = fact(
    "linux.sshd-names",
    Names,
    kind="host",
    asks={
        "passwd": ReadFile(path="/etc/passwd", limit=ACCOUNTS_LIMIT),
        "group": optional(ReadFile(path="/etc/group", limit=ACCOUNTS_LIMIT)),
        **nsswitch.ASKS,
    },
    parse=parse_names,
)


@functools.lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    plain = re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(plain, re.DOTALL)


def like(text: str, pattern: str) -> bool:
    """Whether a pattern of ssh_config(5) matches: only `*` and `?` stand for something else."""
    return _pattern(pattern).fullmatch(text) is not None


def fits(text: str, patterns: str) -> bool:
    """Whether a pattern list of ssh_config(5) matches: one negated pattern that does ends it."""
    found = False
    for pattern in patterns.split(","):
        if like(text, pattern.removeprefix("!")):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def in_group(name: str, patterns: str, names: Names) -> bool:
    """Whether a group of the account fits a list: one that is refused ends it."""
    groups = names.groups_of.get(name, frozenset())
    denied = any(fits(group, _denied(patterns)) for group in groups)
    return not denied and any(fits(group, patterns) for group in groups)


def _denied(patterns: str) -> str:
    """The negated patterns of a list, as patterns."""
    return ",".join(p[1:] for p in patterns.split(",") if p.startswith("!")) or "\0"
