"""The users that may log in, as accounts of the server. Unverified, as the whole plugin."""

from __future__ import annotations

from msgspec import Struct

from audit_core.api.sdk import derive, fact
from audit_dameng.rights import DICTIONARY
from audit_dameng.server import KIND
from audit_dameng.users import ROLE_GRANTS, RoleGrant
from audit_database.logins import LoginAccount
from audit_database.query import Query
from audit_database.rows import rows_as


class UserState(Struct, frozen=True, kw_only=True):
    """A user, and whether it is OPEN or LOCKED."""

    name: str
    status: str | None


MIGHTY = frozenset({"DBA", "DB_AUDIT_ADMIN", "DB_POLICY_ADMIN", "DB_OBJECT_ADMIN"})
"""Roles that the server makes for its administrators, of data, audit, labels and objects."""

_STATES = fact(
    "dameng.user-states", tuple[UserState, ...], kind=KIND,
    ask=Query(
        sql="SELECT USERNAME AS name, ACCOUNT_STATUS AS status FROM DBA_USERS "
            "WHERE USERNAME <> 'SYS' ORDER BY 1",
        label="DBA_USERS", grants=DICTIONARY,
    ),
    parse=rows_as(UserState),
)  # fmt: skip


def logins(users: tuple[UserState, ...], grants: tuple[RoleGrant, ...]) -> tuple[LoginAccount, ...]:
    """Each user that is not locked, with the roles of administrators, also through other roles."""
    given: dict[str, set[str]] = {}
    for grant in grants:
        given.setdefault(grant.grantee, set()).add(grant.role)
    return tuple(
        LoginAccount(name=user.name, powers=tuple(sorted(_roles(user.name, given) & MIGHTY)))
        for user in users
        if "LOCKED" not in (user.status or "").upper()
    )


def _roles(name: str, given: dict[str, set[str]]) -> set[str]:
    reached, waiting = set[str](), [*given.get(name, ())]
    while waiting:
        role = waiting.pop()
        if role not in reached:
            reached.add(role)
            waiting += given.get(role, ())
    return reached


LOGINS = derive(
    "dameng.login-accounts", tuple[LoginAccount, ...], needs=(_STATES, ROLE_GRANTS), make=logins
)
FACTS = (_STATES, LOGINS)
