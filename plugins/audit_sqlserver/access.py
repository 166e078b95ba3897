"""The access to a SQL Server in an inventory."""

from __future__ import annotations

from collections.abc import Iterable

from audit_core.api.sdk import Port, Refusal, msg
from audit_database.access import DatabaseAccess


class SqlserverAccess(DatabaseAccess, frozen=True, kw_only=True):
    """As `DatabaseAccess`, with a login of SQL Server: no Windows account, no socket."""

    port: Port = 1433

    def refusals(self) -> Iterable[Refusal]:
        """What this product has no use for."""
        yield from super().refusals()
        for name in ("socket", "certificate"):
            if getattr(self, name) is not None:
                expected = msg("nothing: SQL Server is reached over TCP, with a password")
                yield Refusal(place=(name,), expected=expected)
