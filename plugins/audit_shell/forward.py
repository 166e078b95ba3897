"""TCP connections through a jump host, for connectors whose driver needs a socket of its own.

May be used by other plugins. Each connection has a port of loopback that takes one connection, of a
process of our own user, and is closed then.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import Any

from audit_core.model import Closing, ConnectionContext, SessionInfo
from audit_shell.access import JumpLogin
from audit_shell.connect import jump_access
from audit_shell.ssh.jump import JumpHost

_ACCEPT_S = 30.0
_CHUNK = 1 << 15


class Tunnel(Closing):
    """A login on a jump host; raises ConnectError, `in_between`, where it cannot be had."""

    def __init__(self, login: JumpLogin, context: ConnectionContext) -> None:
        self._jump = JumpHost(jump_access(login, context), context.secret)
        self._open: list[_Forwarded] = []

    @property
    def info(self) -> SessionInfo:
        """How the jump host is reached, for the record."""
        return self._jump.info

    def port_to(self, host: str, port: int) -> int:
        """A port of 127.0.0.1 for one connection to `port` of `host`.

        ConnectError where the jump host does not connect.
        """
        forwarded = _Forwarded(self._jump.channel(host, port))
        self._open.append(forwarded)
        return forwarded.port

    def close(self) -> None:
        """Ends all connections and the login. May be called twice."""
        for forwarded in self._open:
            forwarded.close()
        self._open.clear()
        self._jump.close()


class _Forwarded:
    """Carries bytes between a channel and the first of our own connections to `port`."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1)
        self._listener.settimeout(_ACCEPT_S)
        self._near: socket.socket | None = None
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        try:
            near, peer = self._listener.accept()
        except OSError:  # closed, or nobody came
            self.close()
            return
        self._listener.close()
        self._near = near
        near.settimeout(None)
        if not _ours(peer[1], self.port):
            self.close()
            return
        threading.Thread(target=self._outward, args=(near,), daemon=True).start()
        self._inward(near)

    def _outward(self, near: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError):
            while data := near.recv(_CHUNK):
                self._channel.sendall(data)
        with contextlib.suppress(OSError, EOFError):
            self._channel.shutdown_write()

    def _inward(self, near: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError):
            while data := self._channel.recv(_CHUNK):
                near.sendall(data)
        self.close()

    def close(self) -> None:
        """Ends both sides. May be called twice, and from any thread."""
        self._channel.close()
        self._listener.close()
        near = self._near
        if near is not None:
            with contextlib.suppress(OSError):
                near.shutdown(socket.SHUT_RDWR)
            near.close()


def _ours(port: int, to: int) -> bool:
    """Whether the connection from `port` to `to` of loopback belongs to our user; see proc(5)."""
    pair = (f"0100007F:{port:04X}", f"0100007F:{to:04X}")
    with open("/proc/net/tcp") as lines:
        for line in lines:
            fields = line.split()
            if tuple(fields[1:3]) == pair:
                return int(fields[7]) == os.geteuid()
    return False
