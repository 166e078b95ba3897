"""The statements that let an account see what is asked, by product.

Tables are granted one by one: SELECT on all of mysql would show statements in its log tables and
passwords of other servers. Passwords of accounts cannot be told from their hashes in a column of
their own; the account could read these hashes, the queries here do not.
"""

from __future__ import annotations


def _tables(*names: str) -> tuple[str, ...]:
    return tuple(f"GRANT SELECT ON mysql.{name} TO {{user}}" for name in names)


MARIADB_ACCOUNTS = _tables("global_priv")
MARIADB_ROLES = _tables("roles_mapping", "proxies_priv")
MYSQL_ACCOUNTS = _tables("user")
MYSQL_ROLES = _tables("role_edges", "global_grants", "proxies_priv")
OBJECTS = _tables("db", "tables_priv", "procs_priv")
PROCESS = ("GRANT PROCESS ON *.* TO {user}",)
SESSIONS = ("GRANT SELECT ON performance_schema.threads TO {user}",)
MARIADB_REPLICA = ("GRANT SLAVE MONITOR ON *.* TO {user}",)
MYSQL_REPLICA = ("GRANT REPLICATION CLIENT ON *.* TO {user}",)

_BOTH = frozenset(MARIADB_ROLES) & frozenset(MYSQL_ROLES)
OF_MARIADB = frozenset((*MARIADB_ACCOUNTS, *MARIADB_ROLES, *MARIADB_REPLICA)) - _BOTH
OF_MYSQL = frozenset((*MYSQL_ACCOUNTS, *MYSQL_ROLES, *MYSQL_REPLICA)) - _BOTH
