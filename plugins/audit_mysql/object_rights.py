"""Rights that reach past one account: on schemas, tables and routines, and through roles."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from audit_core.api.sdk import derive, fact, provider
from audit_database.query import Query
from audit_database.rows import rows_as
from audit_mysql.accounts import ACCOUNTS, Account, usable
from audit_mysql.rights import MARIADB_ROLES, MYSQL_ROLES, OBJECTS
from audit_mysql.server import KIND, MARIADB, MYSQL, SETTINGS, Settings

PUBLIC = "PUBLIC"  # a role that everybody has; MariaDB since 10.11
WRITING = frozenset({
    "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "GRANT", "CREATE ROUTINE",
    "ALTER ROUTINE", "TRIGGER",
})  # fmt: skip


class ObjectRight(Struct, frozen=True, kw_only=True):
    """Rights on a schema (`object` is empty), a table, some of its columns, or a routine.

    `db` is a pattern of LIKE for schemas. `rights` are in capitals, with commas between.
    """

    user: str
    host: str
    db: str
    object: str
    rights: str

    @property
    def held(self) -> frozenset[str]:
        """Each of the rights, in capitals."""
        return frozenset(word for word in self.rights.upper().split(",") if word)

    @property
    def where(self) -> str:
        """What it is a right on, as GRANT writes it."""
        return f"{self.db}.{self.object or '*'}"

    @property
    def who(self) -> str:
        """The account, or role, that has it."""
        return f"{self.user or chr(39) * 2}@{self.host}" if self.host else self.user or "''@"

    @property
    def public(self) -> bool:
        """Whether everybody has it: an anonymous user, or the role PUBLIC."""
        return self.user in ("", PUBLIC)


class Given(Struct, frozen=True, kw_only=True):
    """A role that an account or role has; or, in MySQL 8, a `right` with a name of its own.

    `admin`: it may pass it on. An account that another may act as (GRANT PROXY) is a role of that
    one; one that may act as every account has the right PROXY.
    """

    user: str
    host: str
    role: str
    role_host: str
    admin: int
    right: str = ""


_PROXIES = (
    "UNION ALL SELECT User, Host, Proxied_user, IF(Proxied_user = '', '', Proxied_host), "
    "With_grant = 1, IF(Proxied_user = '', 'PROXY', '') FROM mysql.proxies_priv"
)
_DB_RIGHTS = (
    "Select", "Insert", "Update", "Delete", "Create", "Drop", "Grant", "Alter", "Execute",
    "Trigger", "Event",
)  # fmt: skip


def _objects() -> Query:
    columns = ", ".join(f"IF({name}_priv = 'Y', '{name.upper()}', NULL)" for name in _DB_RIGHTS)
    routine = "IF(Create_routine_priv = 'Y', 'CREATE ROUTINE', NULL), " \
              "IF(Alter_routine_priv = 'Y', 'ALTER ROUTINE', NULL)"  # fmt: skip
    return Query(
        sql="SELECT User AS user, Host AS host, Db AS db, '' AS object, "
            f"CONCAT_WS(',', {columns}, {routine}) AS rights FROM mysql.db "
            "UNION ALL SELECT User, Host, Db, Table_name, "
            "CONCAT_WS(',', NULLIF(CONCAT(Table_priv), ''), NULLIF(CONCAT(Column_priv), '')) "
            "FROM mysql.tables_priv "
            "UNION ALL SELECT User, Host, Db, Routine_name, CONCAT(Proc_priv) "
            "FROM mysql.procs_priv",
        label="mysql.db, mysql.tables_priv, mysql.procs_priv", grants=OBJECTS, rows=5000,
    )  # fmt: skip


OBJECT_RIGHTS = fact(
    "mysql.object-rights", tuple[ObjectRight, ...], kind=KIND, ask=_objects(),
    parse=rows_as(ObjectRight),
)  # fmt: skip
GIVEN = fact(
    "mysql.roles-given", tuple[Given, ...], kind=KIND,
    providers=(
        provider(
            Query(
                sql="SELECT User AS user, Host AS host, Role AS role, '' AS role_host, "
                    "Admin_option = 'Y' AS admin, '' AS `right` "
                    f"FROM mysql.roles_mapping {_PROXIES}",
                label="mysql.roles_mapping, mysql.proxies_priv", grants=MARIADB_ROLES,
            ),
            rows_as(Given), product=MARIADB,
        ),
        provider(
            Query(
                sql="SELECT TO_USER AS user, TO_HOST AS host, FROM_USER AS role, FROM_HOST AS "
                    "role_host, WITH_ADMIN_OPTION = 'Y' AS admin, '' AS `right` "
                    "FROM mysql.role_edges UNION ALL SELECT USER, HOST, '', '', "
                    f"WITH_GRANT_OPTION = 'Y', PRIV FROM mysql.global_grants {_PROXIES}",
                label="mysql.role_edges, mysql.global_grants, mysql.proxies_priv",
                grants=MYSQL_ROLES,
            ),
            rows_as(Given), product=MYSQL,
        ),
    ),
)  # fmt: skip


class Holder(Struct, frozen=True, kw_only=True):
    """An account that somebody may log in with, and all its global rights, roles included."""

    account: Account
    rights: frozenset[str]
    roles: frozenset[str] = frozenset()


DYNAMIC = frozenset({
    "SYSTEM_VARIABLES_ADMIN", "AUDIT_ADMIN", "SYSTEM_USER", "CONNECTION_ADMIN", "BINLOG_ADMIN",
    "ENCRYPTION_KEY_ADMIN", "ROLE_ADMIN", "SET_USER_ID", "SET_ANY_DEFINER", "BACKUP_ADMIN",
    "CLONE_ADMIN", "GROUP_REPLICATION_ADMIN", "REPLICATION_SLAVE_ADMIN", "FIREWALL_ADMIN",
    "PERSIST_RO_VARIABLES_ADMIN", "TABLE_ENCRYPTION_ADMIN", "PROXY",
})  # fmt: skip
"""Rights with names of their own that reach past the data of one application (MySQL 8; PROXY)."""


def roles_of(user: str, host: str, given: Iterable[Given]) -> frozenset[tuple[str, str]]:
    """The roles of an account, those of its roles included."""
    edges: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for one in given:
        if one.role:
            edges.setdefault((one.user, one.host), set()).add((one.role, one.role_host))
    found: set[tuple[str, str]] = set()
    waiting = [(user, host)]
    while waiting:
        new = edges.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return frozenset(found)


def _mandatory(settings: Settings) -> frozenset[tuple[str, str]]:
    """The roles that every account of MySQL 8 has: `a`@`h`, b in mandatory_roles."""
    found = set()
    for word in settings.get("mandatory_roles").split(","):
        name, _, host = word.strip().partition("@")
        if name.strip("`'\" "):
            found.add((name.strip("`'\" "), host.strip("`'\" ") or "%"))
    return frozenset(found)


def _holders(
    accounts: tuple[Account, ...], given: tuple[Given, ...], settings: Settings
) -> tuple[Holder, ...]:
    every = _mandatory(settings)
    every |= frozenset().union(*(roles_of(*role, given) for role in every))
    own: dict[tuple[str, str], set[str]] = {(a.user, a.host): {*a.held} for a in accounts}
    for right in given:
        if right.right:
            own.setdefault((right.user, right.host), set()).add(right.right)
    found = []
    for account in usable(accounts):
        roles = roles_of(account.user, account.host, given) | {(PUBLIC, "")} | every
        rights = own[account.user, account.host].union(*(own.get(role, set()) for role in roles))
        names = frozenset(name for name, _ in roles) - {PUBLIC}
        found.append(Holder(account=account, rights=frozenset(rights), roles=names))
    return tuple(found)


HOLDERS = derive(
    "mysql.holders", tuple[Holder, ...], needs=(ACCOUNTS, GIVEN, SETTINGS), make=_holders
)  # fmt: skip


def _in_use(
    objects: tuple[ObjectRight, ...], holders: tuple[Holder, ...]
) -> tuple[ObjectRight, ...]:
    """Those that somebody has who may log in.

    The server compares the host of such a right with the address of the client, not with the host
    of the account: so one of the same user name counts.
    """
    names = {PUBLIC, ""}.union(*({h.account.user} | h.roles for h in holders))
    return tuple(right for right in objects if right.user in names)


RIGHTS_IN_USE = derive(
    "mysql.object-rights-in-use", tuple[ObjectRight, ...], needs=(OBJECT_RIGHTS, HOLDERS),
    make=_in_use,
)  # fmt: skip

FACTS = (OBJECT_RIGHTS, GIVEN, HOLDERS, RIGHTS_IN_USE)
