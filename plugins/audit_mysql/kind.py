"""The kind of target that is a MySQL or MariaDB server."""

from __future__ import annotations

from audit_core.api.sdk import Kind, Schema, msg
from audit_database.listeners import proposed
from audit_mysql.server import KIND, PLATFORM


class MysqlSettings(Schema, frozen=True, kw_only=True):
    """What the inventory declares of a server.

    `administrators` are the accounts that administer it: user@host, or user for all of that name.
    """

    administrators: tuple[str, ...] | None = None


MYSQL = Kind(
    id=KIND,
    title=msg("MySQL or MariaDB server"),
    object_types=("database", "server"),
    object_type="database",
    settings=MysqlSettings,
    example={"administrators": ["dba@10.1.3.8"]},
    parents=("host",),
    part_key="mysql",
    alone=True,
    needs_access=True,
    access="mysql",
    platform=PLATFORM,
    propose=(proposed("mysql", 3306, "mysqld", "mariadbd"),),
)

KINDS = (MYSQL,)
