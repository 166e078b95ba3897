"""Whom a Match block of the SSH server concerns: its criteria against the accounts of the host."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from audit_core.api.sdk import Answers, ReadFile, fact, optional
from audit_linux import nsswitch
from audit_linux.groups import Groups, as_far_as_read, groups_of, parse_group
from audit_linux.nsswitch import Sources, parse_sources
from audit_linux.passwd import ACCOUNTS_LIMIT, Accounts, parse_passwd
from audit_linux.ssh.sshd_files import Override, Term


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


def like(text: str, pattern: str) -> bool:
    """Whether a pattern of ssh_config(5) matches: only `*` and `?` stand for something else."""
    plain = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(plain, text, re.DOTALL) is not None


def fits(text: str, patterns: str) -> bool:
    """Whether a pattern list of ssh_config(5) matches: one negated pattern that does ends it."""
    found = False
    for pattern in patterns.split(","):
        if like(text, pattern.removeprefix("!")):
            if pattern.startswith("!"):
                return False
            found = True
    return found


# They concern connections, and some connection may fit.
_OF_CONNECTIONS = frozenset({"address", "host", "localaddress", "rdomain", "version"})
# Only root's logins go by it.
_OF_ROOT = frozenset({"permitrootlogin"})


def concerns(
    override: Override, names: Names, ports: frozenset[str], *, of_root: bool = False
) -> bool | None:
    """Whether the setting acts on anybody's login, `of_root` on root's; None where not known.

    `ports` are those on which the server listens.
    """
    of_root |= override.key in _OF_ROOT
    who = {"root"} if of_root else set(names.groups_of)
    for term, argument in override.terms:
        if term in _OF_ACCOUNTS:
            who = {name for name in who if _OF_ACCOUNTS[term](name, argument, names)}
        elif (holds := _of_others(term, argument, ports)) is not True:
            return holds
    if who or not override.terms:
        return True
    # Of another source an account may be in more groups, root too.
    by_group = any(term == "group" for term, _ in override.terms)
    return False if names.whole or (of_root and not by_group) else None


def others_of(override: Override) -> frozenset[Term]:
    """The criteria of a block that name no account."""
    return frozenset(t for t in override.terms if t[0] not in _OF_ACCOUNTS and t[0] != "all")


def fits_account(override: Override, name: str, names: Names) -> bool:
    """Whether an account fits what the criteria say of accounts."""
    return all(
        _OF_ACCOUNTS[term](name, argument, names)
        for term, argument in override.terms if term in _OF_ACCOUNTS
    )  # fmt: skip


def _of_others(term: str, argument: str, ports: frozenset[str]) -> bool | None:
    """Whether a term that names no account may hold; None where its meaning is not known."""
    if term == "invalid-user" or (term == "localport" and argument not in ports):
        return False
    return True if term in _OF_CONNECTIONS or term in ("all", "localport") else None


def _is_named(name: str, patterns: str, names: Names) -> bool:
    return fits(name, patterns)


def _in_group(name: str, patterns: str, names: Names) -> bool:
    groups = names.groups_of.get(name, frozenset())
    denied = any(fits(group, _denied(patterns)) for group in groups)
    return not denied and any(fits(group, patterns) for group in groups)


_OF_ACCOUNTS = {"user": _is_named, "group": _in_group}


def _denied(patterns: str) -> str:
    """The negated patterns of a list, as patterns."""
    return ",".join(p[1:] for p in patterns.split(",") if p.startswith("!")) or "\0"


# Of these every line adds to the list.
_LISTS = frozenset({
    "allowusers", "denyusers", "allowgroups", "denygroups", "acceptenv", "permitopen",
    "permitlisten", "setenv",
})  # fmt: skip


def in_force(overrides: Iterable[Override]) -> list[Override]:
    """Those that no earlier block sets already for at least the same logins: the first holds."""
    left: list[Override] = []
    earlier: dict[str, list[frozenset[Term]]] = {}
    for one in overrides:
        terms = frozenset(one.terms) - {("all", "")}
        before = earlier.setdefault(one.key, [])
        if one.key in _LISTS or not any(criteria <= terms for criteria in before):
            left.append(one)
        before.append(terms)
    return left
