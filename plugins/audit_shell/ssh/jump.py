"""A host in between, for connections of other protocols."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from audit_core.model import Closing, ConnectError, SessionInfo
from audit_shell.ssh._access import SshAccess, check
from audit_shell.ssh._link import tcp_through
from audit_shell.ssh._login import reach

_CONNECT_S = 10.0


class JumpHost(Closing):
    """A login on `access`, made at once. ConnectError, `in_between`, where there is none."""

    def __init__(self, access: SshAccess, secret: Callable[[str], str]) -> None:
        check(access)
        try:
            self._link = reach(access, secret)
        except ConnectError as error:
            error.in_between, error.replies = True, ()
            raise
        self.info: SessionInfo = self._link.info

    def channel(self, host: str, port: int) -> Any:
        """A connection that the host makes to `port` of `host`; ConnectError where it does not."""
        where = f"{host}:{port}"
        return tcp_through(self._link, host, port, where=where, timeout_s=_CONNECT_S)

    def close(self) -> None:
        """Ends the login. May be called twice."""
        self._link.close()
