"""The access to a Redis or Valkey server in an inventory."""

from __future__ import annotations

from audit_core.api.sdk import Port
from audit_database.access import DatabaseAccess


class RedisAccess(DatabaseAccess, frozen=True, kw_only=True):
    """As `DatabaseAccess`; `socket` is the path of the socket, `user` may be `default`."""

    port: Port = 6379
