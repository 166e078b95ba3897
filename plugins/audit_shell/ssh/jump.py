"""A host in between, for connections of other protocols."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from audit_core.model import Closing, ConnectError, Reason, SessionInfo, msg
from audit_shell.ssh._access import SshAccess, check
from audit_shell.ssh._error_text import told
from audit_shell.ssh._link import Watchdog
from audit_shell.ssh._login import reach

_CONNECT_S = 10.0


class JumpHost(Closing):
    """A login on `access`, made at once. ConnectError, `in_between`, where there is none."""

    def __init__(self, access: SshAccess, secret: Callable[[str], str]) -> None:
        check(access)
        try:
            self._link = reach(access, secret)
        except ConnectError as error:
            error.in_between = True
            raise
        self.info: SessionInfo = self._link.info

    def channel(self, host: str, port: int) -> Any:
        """A connection that the host makes to `port` of `host`; ConnectError where it does not."""
        transport = self._link.transport
        try:
            with Watchdog(self._link.cut, _CONNECT_S + 1):
                return transport.open_channel(
                    "direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=_CONNECT_S
                )
        except Exception as error:
            detail = msg(
                "{where}: the jump host {jump} did not connect: {error}",
                where=f"{host}:{port}", jump=self._link.access.where, error=told(error),
            )  # fmt: skip
            raise ConnectError(Reason.UNREACHABLE, detail) from error

    def close(self) -> None:
        """Ends the login. May be called twice."""
        self._link.close()
