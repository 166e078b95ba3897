"""The users of a database, the profiles that rule their passwords, and what they may do.

DBA_USERS says which kinds of hash are kept (PASSWORD_VERSIONS); the hashes are never selected.
"""

from __future__ import annotations

from msgspec import Struct

from audit_core.api.sdk import derive, fact
from audit_database.query import Query
from audit_database.rows import rows_as
from audit_oracle.rights import view
from audit_oracle.server import KIND


class User(Struct, frozen=True, kw_only=True):
    """A user. `versions` are the kinds of hash, such as `11G 12C`; `maintained` Y for Oracle's own.

    `idle_days` since the last login, None where there was none; `age_days` since it was made.
    """

    name: str
    status: str
    method: str | None
    versions: str | None
    maintained: str
    profile: str
    idle_days: int | None
    age_days: int | None

    @property
    def usable(self) -> bool:
        """Whether somebody may log in: one that has expired may, and has to set a password."""
        return "LOCKED" not in self.status and (self.method or "PASSWORD") != "NONE"

    @property
    def by_password(self) -> bool:
        """Whether it may be logged in to with a password that the database keeps."""
        return self.usable and (self.method or "PASSWORD") == "PASSWORD"

    @property
    def own(self) -> bool:
        """Whether it is one of the database itself."""
        return self.maintained == "Y"


class Limit(Struct, frozen=True, kw_only=True):
    """A limit of a profile: a number, UNLIMITED, NULL, the name of a function, or DEFAULT."""

    profile: str
    name: str
    value: str | None


class Profiles(Struct, frozen=True, kw_only=True):
    """The limits of all profiles, by profile and name."""

    values: dict[str, dict[str, str]]

    def limit(self, profile: str, name: str) -> str:
        """The limit that holds: DEFAULT stands for that of the profile DEFAULT. Empty: unknown."""
        value = self.values.get(profile, {}).get(name, "")
        if value.upper() == "DEFAULT" and profile != "DEFAULT":
            return self.limit("DEFAULT", name)
        return value


class DefaultPassword(Struct, frozen=True, kw_only=True):
    """A user who still has the password that it came with."""

    name: str
    status: str


class RoleGrant(Struct, frozen=True, kw_only=True):
    """A role that a user or another role has; `admin` YES: it may be passed on."""

    grantee: str
    role: str
    admin: str


class Privilege(Struct, frozen=True, kw_only=True):
    """A right over the whole database; `admin` YES: it may be passed on."""

    grantee: str
    right: str
    admin: str


class PublicRight(Struct, frozen=True, kw_only=True):
    """A right of everybody: on an object of users, or on a package that reaches outside."""

    owner: str
    object: str
    right: str
    maintained: str


USERS = fact(
    "oracle.users", tuple[User, ...], kind=KIND,
    ask=Query(
        sql="SELECT username AS name, account_status AS status, authentication_type AS method, "
            "password_versions AS versions, oracle_maintained AS maintained, profile, "
            "TRUNC(SYSDATE - CAST(last_login AS DATE)) AS idle_days, "
            "TRUNC(SYSDATE - created) AS age_days FROM dba_users ORDER BY username",
        label="DBA_USERS", grants=view("DBA_USERS"),
    ),
    parse=rows_as(User),
)  # fmt: skip
_LIMITS = fact(
    "oracle.profile-limits", tuple[Limit, ...], kind=KIND,
    ask=Query(
        sql="SELECT profile, resource_name AS name, limit AS value FROM dba_profiles "
            "WHERE resource_type = 'PASSWORD' OR resource_name = 'IDLE_TIME' ORDER BY 1, 2",
        label="DBA_PROFILES", grants=view("DBA_PROFILES"),
    ),
    parse=rows_as(Limit),
)  # fmt: skip


def _by_profile(limits: tuple[Limit, ...]) -> Profiles:
    found: dict[str, dict[str, str]] = {}
    for limit in limits:
        found.setdefault(limit.profile, {})[limit.name] = limit.value or "NULL"
    return Profiles(values=found)


PROFILES = derive("oracle.profiles", Profiles, needs=_LIMITS, make=_by_profile)
DEFAULT_PASSWORDS = fact(
    "oracle.default-passwords", tuple[DefaultPassword, ...], kind=KIND,
    ask=Query(
        sql="SELECT DISTINCT d.username AS name, u.account_status AS status "
            "FROM dba_users_with_defpwd d JOIN dba_users u ON u.username = d.username ORDER BY 1",
        label="DBA_USERS_WITH_DEFPWD", grants=view("DBA_USERS_WITH_DEFPWD", "DBA_USERS"),
    ),
    parse=rows_as(DefaultPassword),
)  # fmt: skip
ROLE_GRANTS = fact(
    "oracle.role-grants", tuple[RoleGrant, ...], kind=KIND,
    ask=Query(
        sql="SELECT grantee, granted_role AS role, admin_option AS admin FROM dba_role_privs "
            "ORDER BY 1, 2",
        label="DBA_ROLE_PRIVS", grants=view("DBA_ROLE_PRIVS"),
    ),
    parse=rows_as(RoleGrant),
)  # fmt: skip
SYSTEM_RIGHTS = (
    "ADMINISTER DATABASE TRIGGER", "ALTER DATABASE", "ALTER SYSTEM", "ALTER USER", "AUDIT SYSTEM",
    "BECOME USER", "CREATE USER", "DROP USER", "EXEMPT ACCESS POLICY", "EXEMPT REDACTION POLICY",
)  # fmt: skip
PRIVILEGES = fact(
    "oracle.privileges", tuple[Privilege, ...], kind=KIND,
    ask=Query(
        sql="SELECT grantee, privilege AS right, admin_option AS admin FROM dba_sys_privs "
            "WHERE privilege LIKE '% ANY %' OR admin_option = 'YES' OR privilege IN "
            f"({', '.join(repr(name) for name in SYSTEM_RIGHTS)}) ORDER BY 1, 2",
        label="DBA_SYS_PRIVS", grants=view("DBA_SYS_PRIVS"),
    ),
    parse=rows_as(Privilege),
)  # fmt: skip
REACHING = ("DBMS_LDAP", "DBMS_SCHEDULER", "UTL_FILE", "UTL_HTTP", "UTL_SMTP", "UTL_TCP")
"""Packages of SYS with which a session reaches files, jobs and other machines."""
PUBLIC_RIGHTS = fact(
    "oracle.public-rights", tuple[PublicRight, ...], kind=KIND,
    ask=Query(
        sql="SELECT p.owner, p.table_name AS object, p.privilege AS right, "
            "u.oracle_maintained AS maintained FROM dba_tab_privs p "
            "JOIN dba_users u ON u.username = p.owner WHERE p.grantee = 'PUBLIC' "
            "AND (u.oracle_maintained = 'N' OR (p.owner = 'SYS' AND p.table_name IN "
            f"({', '.join(repr(name) for name in REACHING)}))) ORDER BY 1, 2, 3",
        label="DBA_TAB_PRIVS", grants=view("DBA_TAB_PRIVS", "DBA_USERS"),
    ),
    parse=rows_as(PublicRight),
)  # fmt: skip
FACTS = (USERS, _LIMITS, PROFILES, DEFAULT_PASSWORDS, ROLE_GRANTS, PRIVILEGES, PUBLIC_RIGHTS)
