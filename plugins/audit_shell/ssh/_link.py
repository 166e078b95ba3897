"""One SSH connection, from the first TCP packet to its end, through jump hosts."""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from audit_core.model import ConnectError, Message, Reason, SessionInfo, msg
from audit_core.text.system_errors import os_error
from audit_shell.ssh import _library
from audit_shell.ssh._access import SshAccess
from audit_shell.ssh._error_text import plain, text_of

if TYPE_CHECKING:
    import paramiko

_JOIN_S = 5.0
_CONNECT_TRIES = 2
GRACE_S = 1.0  # between our own deadline and the cutting of the connection


class Watchdog:
    """Cuts a connection after a timeout, unless left before. `fired` is true afterwards."""

    def __init__(self, cut: Callable[[], None], seconds: float) -> None:
        self.fired = False
        self._cut = cut
        self._timer = threading.Timer(max(0.0, seconds), self._fire)
        self._timer.daemon = True

    def _fire(self) -> None:
        self.fired = True
        self._cut()

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        self._timer.join()


class _Through:
    """A channel of a jump host as a socket: closing it never fails.

    The library closes it in a thread of its own. Where the jump host was cut before, the message
    that closes a channel can no longer be sent, and the thread would print the error.
    """

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._channel.close()


class Link:
    """One SSH connection, and the connection to the jump host that it runs through."""

    def __init__(self, access: SshAccess, sock: Any, parent: Link | None) -> None:
        self.access = access
        self._sock = sock if parent is None else _Through(sock)
        self._parent = parent
        self.transport: paramiko.Transport = _library.transport(self._sock)
        # Ours comes first: it tells what is too late.
        self.transport.banner_timeout = access.login_timeout_s + GRACE_S
        self.transport.handshake_timeout = access.login_timeout_s + GRACE_S
        self.transport.auth_timeout = access.login_timeout_s + GRACE_S
        self.host_key = ""

    @property
    def parent(self) -> Link | None:
        """The connection to the jump host; None where there is none."""
        return self._parent

    @property
    def info(self) -> SessionInfo:
        """How the host is reached, for the record."""
        version = self.transport.remote_version.removeprefix("SSH-2.0-")
        return SessionInfo(
            connector="ssh", user=self.access.user, address=self.access.place,
            identity=self.host_key, server=plain(version),
            through=None if self._parent is None else self._parent.info,
        )  # fmt: skip

    def cut(self) -> None:
        """Aborts the connection, so that waiting threads continue. From any thread."""
        if self._parent is not None:
            self._parent.cut()
        else:
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)
        self.transport.close()

    def close(self) -> None:
        """Closes the connection and ends its threads, and those of the jump host."""
        self.cut()
        self.hang_up()
        if self._parent is not None:
            self._parent.close()

    def hang_up(self) -> None:
        """Closes this connection and ends its threads; that to the jump host stays."""
        if self._parent is None:  # wakes the thread that waits for the server
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)
        self.transport.close()
        if self.transport.ident is not None:
            self.transport.join(_JOIN_S)
        self.transport.packetizer.complete_handshake()  # stops the library's timer thread
        self._sock.close()


def dial(access: SshAccess, parent: Link | None) -> Link:
    """A new link, through `parent` if there is one."""
    sock = connect(access) if parent is None else channel(access, parent)
    return Link(access, sock, parent)


def channel(access: SshAccess, parent: Link) -> Any:
    """A connection that the jump host `parent` makes; ConnectError where it does not."""
    return tcp_through(
        parent, access.host, access.port, where=access.where, timeout_s=access.connect_timeout_s
    )


def tcp_through(jump: Link, host: str, port: int, *, where: str, timeout_s: float) -> Any:
    """A channel to `port` of `host`, which `jump` connects to; `where` names it in errors."""
    try:
        with Watchdog(jump.cut, timeout_s):
            return jump.transport.open_channel(
                "direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=timeout_s
            )
    except Exception as error:
        detail = msg(
            "{where}: the jump host {jump} did not connect: {error}",
            where=where, jump=jump.access.where, error=text_of(error),
        )  # fmt: skip
        raise ConnectError(Reason.UNREACHABLE, detail) from error


def connect(access: SshAccess) -> socket.socket:
    """A TCP connection; one that fails (not one that hangs) is tried a second time."""
    tries = _CONNECT_TRIES
    while True:
        try:
            address = (access.host, access.port)
            sock = socket.create_connection(address, timeout=access.connect_timeout_s)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except TimeoutError as error:
            detail = msg(
                "{where}: no TCP connection within {seconds} s",
                where=access.where, seconds=access.connect_timeout_s,
            )  # fmt: skip
            raise ConnectError(Reason.UNREACHABLE, detail) from error
        except OSError as error:
            tries -= 1
            if tries == 0:
                raise ConnectError(Reason.UNREACHABLE, _unconnected(access, error)) from error
            time.sleep(0.1)
        else:
            return sock


def _unconnected(access: SshAccess, error: OSError) -> Message:
    match error.errno:
        case errno.ECONNREFUSED:
            return msg(
                "{where}: no TCP connection: Connection refused, nothing listens there",
                where=access.where,
            )
        case errno.EHOSTUNREACH | errno.ENETUNREACH:
            return msg("{where}: no TCP connection: no route to the host", where=access.where)
    return msg(
        "{where}: no TCP connection: {error}",
        where=access.where, error=os_error(error),
    )  # fmt: skip
