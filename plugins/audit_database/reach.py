"""Where the driver of a database connects to: the server itself, or a port of loopback for it."""

from __future__ import annotations

import contextlib
import socket

from audit_core.connectors.scope import as_address
from audit_core.model import Closing, ConnectionContext, SessionInfo
from audit_database.access import DatabaseAccess


class Reach(Closing):
    """The address of one server. Behind a jump host each connection has a port of loopback.

    Raises ConnectError where the jump host cannot be reached, ConfigError outside the scope.
    """

    def __init__(self, context: ConnectionContext) -> None:
        self._stack = contextlib.ExitStack()
        self._access: DatabaseAccess = context.access
        self._tunnel = None
        if self._access.jump is not None:
            from audit_shell.forward import Tunnel

            self._tunnel = self._stack.enter_context(Tunnel(self._access.jump, context))
        host = str(self._access.address)
        # Behind a jump host the jump host looks names up; a literal address is held to the scope.
        literal = as_address(host) is not None
        self._host = context.address(host) if self._tunnel is None or literal else host

    @property
    def through(self) -> SessionInfo | None:
        """The session on the jump host; None where the server is reached directly."""
        return None if self._tunnel is None else self._tunnel.info

    @property
    def place(self) -> str:
        """The address and port of the server, for people."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return self._access.socket or f"{host}:{self._access.port}"

    @property
    def name(self) -> str:
        """The name that the certificate of the server has to be for."""
        return self._access.tls_name or str(self._access.address)

    def dial(self) -> tuple[str, int]:
        """The address and port that one connection may be made to, now."""
        if self._tunnel is None:
            return self._host, self._access.port
        return "127.0.0.1", self._tunnel.port_to(self._host, self._access.port)

    def close(self) -> None:
        """Ends the connection to the jump host. May be called twice."""
        self._stack.close()


def dialled(address: tuple[str, int] | str, timeout_s: float) -> socket.socket:
    """A socket that is connected to a port, or to a path; OSError where there is none."""
    if isinstance(address, str):
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(timeout_s)
        made.connect(address)
        return made
    return socket.create_connection(address, timeout_s)
