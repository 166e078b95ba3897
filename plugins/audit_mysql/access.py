"""The access to a MySQL or MariaDB server in an inventory."""

from __future__ import annotations

from audit_core.api.sdk import Port
from audit_database.access import DatabaseAccess


class MysqlAccess(DatabaseAccess, frozen=True, kw_only=True):
    """As `DatabaseAccess`; `socket` is the path of the socket."""

    port: Port = 3306
