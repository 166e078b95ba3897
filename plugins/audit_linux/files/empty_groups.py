"""The local groups without a member besides root: what only such a group may change, root may."""

from __future__ import annotations

from msgspec import Struct

from audit_core.api.sdk import Answers, ParseError, ReadFile, fact, msg
from audit_linux.groups import Groups, as_far_as_read, parse_group
from audit_linux.passwd import ACCOUNTS_LIMIT, Accounts, parse_passwd


class EmptyGroups(Struct, frozen=True, kw_only=True):
    """The numbers of groups that no account but root is in by the rows that were read.

    `whole` is False where a row that was not read, or another source, may put somebody in one.
    """

    gids: frozenset[int]
    whole: bool = True


def parse_empty_groups(answers: Answers) -> EmptyGroups:
    """The groups of /etc/group without members, or only root, that are nobody else's own group.

    A row that was not read does not make the value incomplete: `whole` tells of it, and it matters
    only where one of these groups does.
    """
    accounts, accounts_read = as_far_as_read(parse_passwd, answers["passwd"])
    groups, groups_read = as_far_as_read(parse_group, answers["group"])
    if not isinstance(accounts, Accounts) or not isinstance(groups, Groups):
        raise ParseError(msg("no account at all"))
    own = {account.gid for account in accounts.rows if account.uid}
    roots = {account.name for account in accounts.rows if not account.uid}
    empty = (
        gid for name, gid in groups.gids.items()
        if roots.issuperset(groups.members[name]) and gid not in own
    )  # fmt: skip
    whole = accounts_read and groups_read and not accounts.nis and not groups.nis
    return EmptyGroups(gids=frozenset(empty), whole=whole)


EMPTY_GROUPS = fact(
    "linux.groups-without-members",
    EmptyGroups,
    kind="host",
    asks={
        "passwd": ReadFile(path="/etc/passwd", limit=ACCOUNTS_LIMIT),
        "group": ReadFile(path="/etc/group", limit=ACCOUNTS_LIMIT),
    },
    parse=parse_empty_groups,
)
FACTS = (EMPTY_GROUPS,)
