"""The access to a 达梦 server in an inventory."""

from __future__ import annotations

from collections.abc import Iterable

from audit_core.api.sdk import Port, Refusal, msg
from audit_database.access import DatabaseAccess, Tls, tcp_only


class DamengAccess(DatabaseAccess, frozen=True, kw_only=True):
    """As `DatabaseAccess`, with a password and `tls: plain`, which has to be written.

    The server decides whether its connection is encrypted, and the driver verifies nobody: what
    protects it is the SSH connection to a jump host.
    """

    port: Port = 5236

    def refusals(self) -> Iterable[Refusal]:
        """What the driver cannot do."""
        yield from super().refusals()
        if self.tls is not Tls.PLAIN:
            expected = msg("plain: the driver of this product verifies no server; a jump host does")
            yield Refusal(place=("tls",), expected=expected)
        yield from tcp_only(self, msg("nothing: the server is reached over TCP, with a password"))
