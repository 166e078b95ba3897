"""The roles of a server, how their passwords are kept, and what each may do."""

from __future__ import annotations

from msgspec import Struct

from audit_core.api.sdk import fact
from audit_database.query import Query
from audit_database.rows import rows_as
from audit_database.sql_text import literals
from audit_postgresql.server import KIND

PASSWORD_GRANTS = (
    "GRANT SELECT (rolname, rolpassword, rolcanlogin) ON pg_catalog.pg_authid TO {user}",
)
POWERFUL = (
    "pg_execute_server_program", "pg_read_server_files", "pg_write_server_files",
    "pg_read_all_data", "pg_write_all_data",
)  # fmt: skip
"""The roles of the server itself that reach past the rights on tables."""


class Role(Struct, frozen=True, kw_only=True):
    """A role. `bootstrap`: the one that initdb made. `until` is ISO 8601, or infinity, or None."""

    name: str
    superuser: bool
    login: bool
    create_role: bool
    create_database: bool
    replication: bool
    bypass_rls: bool
    until: str | None
    expired: bool | None
    bootstrap: bool

    @property
    def powers(self) -> tuple[str, ...]:
        """The attributes that reach past rights on objects, as CREATE ROLE names them."""
        held = {
            "SUPERUSER": self.superuser, "CREATEROLE": self.create_role,
            "CREATEDB": self.create_database, "REPLICATION": self.replication,
            "BYPASSRLS": self.bypass_rls,
        }  # fmt: skip
        return tuple(name for name, has in held.items() if has)


class Scheme(Struct, frozen=True, kw_only=True):
    """How the password of a role that may log in is kept: scram, md5, other or none."""

    name: str
    scheme: str


class Member(Struct, frozen=True, kw_only=True):
    """A role that may log in and is a member of another that reaches past rights on tables.

    `of` is one of `POWERFUL`, or a role with an attribute such as SUPERUSER, which members take on
    with SET ROLE; membership may be through others.
    """

    name: str
    of: str


class Group(Struct, frozen=True, kw_only=True):
    """A superuser that is a member of the role `name`, directly or through others."""

    name: str
    member: str


ROLES = fact(
    "postgresql.roles", tuple[Role, ...], kind=KIND,
    ask=Query(
        sql="SELECT rolname AS name, rolsuper AS superuser, rolcanlogin AS login, "
            "rolcreaterole AS create_role, rolcreatedb AS create_database, "
            "rolreplication AS replication, rolbypassrls AS bypass_rls, "
            "rolvaliduntil::text AS until, rolvaliduntil < now() AS expired, "
            "oid = 10 AS bootstrap FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_' ORDER BY 1",
        label="pg_roles",
    ),
    parse=rows_as(Role),
)  # fmt: skip
# The scheme is told by the server: no hash leaves it.
SCHEMES = fact(
    "postgresql.password-schemes", tuple[Scheme, ...], kind=KIND,
    ask=Query(
        sql="SELECT rolname AS name, CASE WHEN rolpassword IS NULL THEN 'none' "
            "WHEN rolpassword LIKE 'SCRAM-SHA-256$%' THEN 'scram' "
            "WHEN rolpassword LIKE 'md5%' THEN 'md5' ELSE 'other' END AS scheme "
            "FROM pg_catalog.pg_authid WHERE rolcanlogin ORDER BY 1",
        label="pg_authid", grants=PASSWORD_GRANTS,
    ),
    parse=rows_as(Scheme),
)  # fmt: skip
MEMBERS = fact(
    "postgresql.powerful-members", tuple[Member, ...], kind=KIND,
    ask=Query(
        sql="SELECT r.rolname AS name, g.rolname AS of FROM pg_catalog.pg_roles r, "
            f"pg_catalog.pg_roles g WHERE (g.rolname IN ({literals(POWERFUL)}) OR g.rolsuper "
            "OR g.rolcreaterole OR g.rolcreatedb OR g.rolreplication OR g.rolbypassrls) "
            "AND r.rolcanlogin AND r.oid <> g.oid "
            "AND NOT r.rolsuper AND pg_catalog.pg_has_role(r.oid, g.oid, 'MEMBER') ORDER BY 1, 2",
        label="pg_auth_members",
    ),
    parse=rows_as(Member),
)  # fmt: skip
# pg_has_role() takes a superuser for a member of every role, pg_hba.conf does not.
GROUPS = fact(
    "postgresql.superuser-groups", tuple[Group, ...], kind=KIND,
    ask=Query(
        sql="WITH RECURSIVE held AS (SELECT r.oid AS member, m.roleid AS role "
            "FROM pg_catalog.pg_roles r JOIN pg_catalog.pg_auth_members m ON m.member = r.oid "
            "WHERE r.rolsuper UNION SELECT h.member, m.roleid FROM held h "
            "JOIN pg_catalog.pg_auth_members m ON m.member = h.role) "
            "SELECT pg_catalog.pg_get_userbyid(role) AS name, "
            "pg_catalog.pg_get_userbyid(member) AS member FROM held ORDER BY 1, 2",
        label="pg_auth_members",
    ),
    parse=rows_as(Group),
)  # fmt: skip

FACTS = (ROLES, SCHEMES, MEMBERS, GROUPS)
