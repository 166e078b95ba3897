"""redis-py with what it lacks against a server that lies. Runs in a worker process.

Of redis-py its connection is used, with a socket that is bounded in time and bytes, and without
what it sends by itself (HELLO, CLIENT SETINFO, maintenance notifications).
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Any

import redis
from redis import connection

from audit_database.bounded import Bounded


class Link:
    """One connection. `ask` is for one command at a time."""

    def __init__(self, dial: Callable[[], socket.socket]) -> None:
        self._socket: Bounded | None = None
        self._link: Any = _Dialled(dial, self)

    def bounded(self, made: socket.socket) -> Bounded:
        """The socket `made`, with a deadline and a budget of bytes."""
        self._socket = Bounded(made)
        return self._socket

    def open(self, timeout_s: float, *login: str) -> None:
        """Connects, and sends AUTH with `login` where there is one. Errors are redis-py's."""
        self._link.connect()
        if login:
            self.ask(("AUTH", *login), timeout_s, 1 << 16)

    def ask(self, argv: tuple[str, ...], timeout_s: float, limit: int) -> Any:
        """The answer to a command, texts as bytes; InvalidResponse where more came with it."""
        assert self._socket is not None  # noqa: S101 (it is open)
        self._socket.allow(timeout_s, limit)
        self._socket.settimeout(timeout_s)
        self._link.send_command(*argv, check_health=False)
        try:
            found = self._link.read_response(disconnect_on_error=False)
        except redis.ResponseError:
            self._nothing_more(self._socket)
            raise
        self._nothing_more(self._socket)
        return found

    def _nothing_more(self, read: Bounded) -> None:
        read.allow(0, 0)  # nothing is read: what came with the answer is seen
        if self._link.can_read(timeout=0):
            raise redis.InvalidResponse("more than was asked for")

    def close(self) -> None:
        """Ends the connection. May be called twice."""
        with contextlib.suppress(redis.RedisError, OSError):
            self._link.disconnect()
        if self._socket is not None:
            self._socket.close()


_Connection: Any = connection.Connection  # its methods have no types


class _Dialled(_Connection):  # type: ignore[misc]
    """A connection over a socket that is made elsewhere, without what redis-py asks by itself."""

    def __init__(self, dial: Callable[[], socket.socket], link: Link) -> None:
        super().__init__(
            protocol=2, socket_timeout=None, redis_connect_func=lambda own: _begin(own),
            driver_info=None,
        )  # fmt: skip
        self._dial, self._owner = dial, link

    def _connect(self) -> Any:
        return self._owner.bounded(self._dial())


def _begin(link: Any) -> None:
    link._parser.on_connect(link)
