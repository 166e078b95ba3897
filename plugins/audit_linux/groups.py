"""The groups of the host and their members."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answer,
    ParseError,
    Partial,
    ReadFile,
    fact,
    partial,
    read_rows,
)
from audit_linux.id_fields import SPACE, colon_fields, few_kept, id_number


class Groups(Struct, frozen=True, kw_only=True):
    """The groups of /etc/group: the members that it names for each, and its number.

    Groups with one number have the same members. `unread` lines could not be read: who is in their
    groups is not known. `nis` are the entries that pull in groups of another source (compat).
    `passwords` are those with a password in this file.
    """

    members: dict[str, tuple[str, ...]]
    gids: dict[str, int] = {}
    unread: int = 0
    nis: tuple[str, ...] = ()
    passwords: tuple[str, ...] = ()


@functools.lru_cache(maxsize=4096)  # most lines are those of the distribution, on every host
def _group(line: str) -> tuple[str, int, tuple[str, ...], bool]:
    name, secret, number, named = [*colon_fields(line, 3), "", "", ""][:4]
    members = [member.lstrip(SPACE) for member in named.split(",")]
    exposed = secret not in ("", "x") and secret[0] not in "!*"
    return name, id_number(number), tuple(member for member in members if member), exposed


def parse_group(answer: Answer) -> Groups | Partial:
    """The groups of /etc/group as glibc reads it.

    Of one name the first line gives the number. A line whose number cannot be read names no group;
    it is reported, and the rest holds. White space before a member does not count. Rights go by the
    number, so that members of another group with the same number are members, too.
    """
    return _groups(answer.text)


@few_kept
def _groups(text: str) -> Groups | Partial:
    lines = [(n, li.lstrip(SPACE)) for n, li in enumerate(text.split("\n"), 1)]
    nis = tuple(li.split(":", 1)[0] for _, li in lines if li[:1] and li[0] in "+-")
    rows, problems = read_rows(((n, li) for n, li in lines if li and li[0] not in "+-#"), _group)
    gids: dict[str, int] = {}
    named: dict[int, list[str]] = {}
    for name, number, members, _ in rows:
        gids.setdefault(name, number)
        named.setdefault(number, []).extend(members)
    members_of = {name: tuple(dict.fromkeys(named[number])) for name, number in gids.items()}
    exposed = tuple(name for name, _, _, secret in rows if secret)
    found = Groups(members=members_of, gids=gids, unread=len(problems), nis=nis, passwords=exposed)
    return partial(found, problems)


def groups_of(groups: Groups, accounts: Iterable[tuple[str, int]]) -> dict[str, frozenset[str]]:
    """The names of the groups that each account is in, its own group among them.

    `accounts` are names with the number of their own group.
    """
    numbered: dict[int, list[str]] = {}
    for name, number in groups.gids.items():
        numbered.setdefault(number, []).append(name)
    found: dict[str, set[str]] = {}
    for account, own in accounts:
        found.setdefault(account, set()).update(numbered.get(own, ()))
    for name, members in groups.members.items():
        for member in members:
            if member in found:
                found[member].add(name)
    return {account: frozenset(names) for account, names in found.items()}


def as_far_as_read(parse: Any, given: Any) -> tuple[Any, bool]:
    """What `parse` reads, None where it reads nothing, and whether it reads all of it."""
    try:
        got = parse(given)
    except ParseError:
        return None, False
    if isinstance(got, Partial):
        return got.value, False
    return (None, False) if isinstance(got, Absent) else (got, True)


_LIMIT = 32 << 20  # as of accounts: a group for each of 200,000
GROUPS = fact(
    "linux.groups",
    Groups,
    kind="host",
    ask=ReadFile(path="/etc/group", limit=_LIMIT),
    parse=parse_group,
)

FACTS = (GROUPS,)
