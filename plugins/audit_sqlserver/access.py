"""The access to a SQL Server in an inventory."""

from __future__ import annotations

from collections.abc import Iterable

from audit_core.api.sdk import Port, Refusal, msg
from audit_database.access import DatabaseAccess, tcp_only


class SqlserverAccess(DatabaseAccess, frozen=True, kw_only=True):
    """As `DatabaseAccess`, with a login of SQL Server: no Windows account, no socket."""

    port: Port = 1433

    def refusals(self) -> Iterable[Refusal]:
        """What this product has no use for."""
        yield from super().refusals()
        yield from tcp_only(self, msg("nothing: SQL Server is reached over TCP, with a password"))
