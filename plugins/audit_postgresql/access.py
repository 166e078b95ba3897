"""The access to a PostgreSQL server in an inventory."""

from __future__ import annotations

from audit_core.api.sdk import Port
from audit_database.access import DatabaseAccess, DatabaseName


class PostgresqlAccess(DatabaseAccess, frozen=True, kw_only=True):
    """As `DatabaseAccess`; `socket` is the directory of the socket.

    `database` is the one to log in to first.
    """

    port: Port = 5432
    database: DatabaseName = "postgres"
