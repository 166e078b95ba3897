"""The groups of the host and their members."""

from __future__ import annotations

import re

from msgspec import Struct

from audit_core.api.sdk import Answer, ParseError, ReadFile, fact


class Groups(Struct, frozen=True, kw_only=True):
    """The groups of /etc/group: the members that it names for each, and its number."""

    members: dict[str, tuple[str, ...]]
    gids: dict[str, int] = {}


def parse_group(answer: Answer) -> Groups:
    """The groups of /etc/group; of one name the first line holds."""
    members: dict[str, tuple[str, ...]] = {}
    gids: dict[str, int] = {}
    for line in answer.lines:
        if not line.strip() or line[0] in "+-#":
            continue
        fields = line.rstrip("\r").split(":")
        if len(fields) != 4:
            raise ParseError(f"{len(fields)} fields where 4 belong")
        members.setdefault(fields[0], tuple(name for name in fields[3].split(",") if name))
        if re.fullmatch(r"[0-9]{1,10}", fields[2]):
            gids.setdefault(fields[0], int(fields[2]))
    return Groups(members=members, gids=gids)


GROUPS = fact("linux.groups", Groups, ask=ReadFile(path="/etc/group"), parse=parse_group)

FACTS = (GROUPS,)
