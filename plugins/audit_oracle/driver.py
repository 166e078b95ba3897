"""oracledb with what it lacks against a server that lies. Runs in a worker process.

A listener may send a client to another address, and oracledb goes there; it checks no name of a
certificate against a context that it is given; it waits for each byte anew, reads whatever comes,
and never ends with a packet of no length. Here every connection is made by us, to the server that
was declared, and reads packets of the protocol until a deadline, and so many bytes.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

from audit_database.bounded import TooLarge

MALFORMED = (AssertionError, AttributeError, LookupError, OverflowError, RuntimeError, TypeError,
             ValueError)  # fmt: skip
"""What oracledb raises, beside its own errors, where a server does not speak the protocol."""


class SentElsewhere(Exception):
    """The listener names another address to log in at."""


_HEAD = 8
_ACCEPT = 2


class _Packets:
    """Where packets begin in what is read: each says its length, in two bytes, later in four."""

    def __init__(self) -> None:
        self._head, self._left, self._long = b"", 0, False

    def read(self, data: bytes) -> None:
        """Follows `data`; ValueError for a packet that is shorter than its own head."""
        while data:
            taken = min(self._left, len(data))
            self._left, data = self._left - taken, data[taken:]
            wanted = _HEAD - len(self._head)
            if self._left or not data:
                return
            self._head, data = self._head + data[:wanted], data[wanted:]
            if len(self._head) == _HEAD:
                self._begin(self._head)

    def _begin(self, head: bytes) -> None:
        size = int.from_bytes(head[: 4 if self._long else 2], "big")
        if size < _HEAD:
            raise ValueError("a packet without a length")
        self._long = self._long or head[4] == _ACCEPT
        self._head, self._left = b"", size - _HEAD


class Limits:
    """Until when (monotonic clock), and how many bytes, the one connection may read."""

    def __init__(self) -> None:
        self.deadline, self.budget = 0.0, 0
        self._packets = _Packets()

    def allow(self, seconds: float, size: int) -> None:
        """From now on `seconds` and `size` bytes are left."""
        self.deadline, self.budget = time.monotonic() + seconds, size

    def wait(self, wanted: float | None) -> float:
        """How long the next read may take; TimeoutError after the deadline."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left if not wanted else min(left, wanted)

    def spend(self, data: bytes) -> None:
        """Counts `data`; TooLarge beyond the budget, ValueError for what is no packet."""
        self.budget -= len(data)
        if self.budget < 0:
            raise TooLarge
        self._packets.read(data)


def _limited(base: type[Any], limits: Limits) -> type[Any]:
    """A class of sockets that read within `limits`."""

    class Limited(base):  # type: ignore[misc]
        wanted: float | None = None

        def settimeout(self, value: float | None) -> None:
            self.wanted = value
            super().settimeout(value)

        def recv(self, size: int, flags: int = 0) -> bytes:
            super().settimeout(limits.wait(self.wanted))
            found: bytes = super().recv(size, flags)
            limits.spend(found)
            return found

    return Limited


def verified_as(made: ssl.SSLContext, name: str, limits: Limits) -> ssl.SSLContext:
    """`made`, which asks for a certificate for `name`: oracledb gives none, and switches it off."""
    made.sslsocket_class = _limited(ssl.SSLSocket, limits)
    wrap, checked = made.wrap_socket, made.check_hostname

    def wrapped(sock: socket.socket, **given: Any) -> ssl.SSLSocket:
        sock.settimeout(limits.wait(None))
        made.check_hostname = checked
        return wrap(sock, **{**given, "server_hostname": name})

    made.wrap_socket = wrapped  # type: ignore[method-assign, assignment]
    return made


@contextlib.contextmanager
def dialling(
    dial: Callable[[], socket.socket], place: tuple[str, int], limits: Limits
) -> Iterator[None]:
    """While it lasts, oracledb connects to `place` by `dial`, and nowhere else."""
    before = socket.create_connection

    def connected(address: tuple[str, int], *_: Any, **__: Any) -> Any:
        if address != place:
            raise SentElsewhere
        with contextlib.ExitStack() as stack:
            socket.create_connection = before  # what `dial` itself uses
            stack.callback(setattr, socket, "create_connection", connected)
            made = dial()
        return _limited(socket.socket, limits)(fileno=made.detach())

    socket.create_connection = connected  # type: ignore[assignment]
    try:
        yield
    finally:
        socket.create_connection = before
