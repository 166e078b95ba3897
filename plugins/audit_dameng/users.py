"""The users of a server with the limits that hold for them, their roles, and the audit rules.

SYSUSERS keeps the hash of each password; that column is never selected.
"""

from __future__ import annotations

from msgspec import Struct

from audit_core.api.sdk import fact
from audit_dameng.rights import DICTIONARY, RULES, TABLES
from audit_dameng.server import KIND
from audit_database.query import Query
from audit_database.rows import only_row, rows_as


class User(Struct, frozen=True, kw_only=True):
    """A user. `life` in days, `lock_time` in minutes, `idle` in minutes; 0 where nothing was set.

    `profile` is one that holds in place of these limits; empty or DEFAULT for none.
    """

    name: str
    life: int | None
    attempts: int | None
    lock_time: int | None
    idle: int | None
    profile: str | None

    @property
    def ruled_elsewhere(self) -> bool:
        """Whether a profile holds, which was not asked for."""
        return (self.profile or "").upper() not in ("", "DEFAULT")


class RoleGrant(Struct, frozen=True, kw_only=True):
    """A role that a user or another role has."""

    grantee: str
    role: str


class RuleCount(Struct, frozen=True, kw_only=True):
    """How many rules say what is audited."""

    rules: int


USERS = fact(
    "dameng.users", tuple[User, ...], kind=KIND,
    ask=Query(
        sql="SELECT D.USERNAME AS name, U.LIFE_TIME AS life, U.FAILED_NUM AS attempts, "
            "U.LOCK_TIME AS lock_time, U.CONN_IDLE_TIME AS idle, D.PROFILE AS profile "
            "FROM SYS.SYSUSERS U JOIN DBA_USERS D ON D.USER_ID = U.ID "
            "WHERE D.USERNAME <> 'SYS' ORDER BY 1",
        label="SYSUSERS", grants=(*TABLES, *DICTIONARY),
    ),
    parse=rows_as(User),
)  # fmt: skip
ROLE_GRANTS = fact(
    "dameng.role-grants", tuple[RoleGrant, ...], kind=KIND,
    ask=Query(
        sql="SELECT GRANTEE AS grantee, GRANTED_ROLE AS role FROM DBA_ROLE_PRIVS ORDER BY 1, 2",
        label="DBA_ROLE_PRIVS", grants=DICTIONARY,
    ),
    parse=rows_as(RoleGrant),
)  # fmt: skip
RULE_COUNT = fact(
    "dameng.audit-rules", RuleCount, kind=KIND,
    ask=Query(
        sql="SELECT COUNT(*) AS rules FROM SYSAUDITOR.SYSAUDIT",
        label="SYSAUDITOR.SYSAUDIT", grants=RULES,
    ),
    parse=only_row(RuleCount),
)  # fmt: skip
FACTS = (USERS, ROLE_GRANTS, RULE_COUNT)
