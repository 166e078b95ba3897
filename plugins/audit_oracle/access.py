"""The access to an Oracle database in an inventory."""

from __future__ import annotations

from collections.abc import Iterable

from audit_core.api.sdk import Port, Refusal, msg
from audit_database.access import DatabaseAccess, DatabaseName


class OracleAccess(DatabaseAccess, frozen=True, kw_only=True):
    """As `DatabaseAccess`, without a socket; `service` is the service name of the database.

    With TLS the port is that of a listener for TCPS.
    """

    service: DatabaseName
    port: Port = 1521

    def refusals(self) -> Iterable[Refusal]:
        """What this product has no use for."""
        yield from super().refusals()
        if self.socket is not None:
            expected = msg("nothing: the database is reached over TCP")
            yield Refusal(place=("socket",), expected=expected)
