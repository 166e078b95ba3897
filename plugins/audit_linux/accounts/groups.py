"""The groups of the host and their members."""

from __future__ import annotations

import re

from msgspec import Struct

from audit_core.api.sdk import Answer, ParseError, Partial, ReadFile, fact, msg, partial, read_rows


class Groups(Struct, frozen=True, kw_only=True):
    """The groups of /etc/group: the members that it names for each, and its number.

    `unread` lines could not be read: who is in their groups is not known.
    """

    members: dict[str, tuple[str, ...]]
    gids: dict[str, int] = {}
    unread: int = 0


def _fields(line: str) -> list[str]:
    fields = line.rstrip("\r").split(":")
    if len(fields) != 4:
        raise ParseError(msg("{count} fields, expected 4", count=len(fields)))
    return fields


def parse_group(answer: Answer) -> Groups | Partial:
    """The groups of /etc/group; of one name the first line holds.

    As glibc reads it, a line of another form names no group; it is told, and the rest holds.
    """
    lines = ((n, li) for n, li in enumerate(answer.lines, 1) if li.strip() and li[0] not in "+-#")
    rows, problems = read_rows(lines, _fields)
    members: dict[str, tuple[str, ...]] = {}
    gids: dict[str, int] = {}
    for name, _, number, named in rows:
        members.setdefault(name, tuple(one for one in named.split(",") if one))
        if re.fullmatch(r"[0-9]{1,10}", number):
            gids.setdefault(name, int(number))
    return partial(Groups(members=members, gids=gids, unread=len(problems)), problems)


GROUPS = fact("linux.groups", Groups, ask=ReadFile(path="/etc/group"), parse=parse_group)

FACTS = (GROUPS,)
