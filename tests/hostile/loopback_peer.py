"""A server on loopback, each connection in a thread of its own."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class LoopbackPeer:
    """Listens on 127.0.0.1 to 127.0.0.9 at one port, and talks as a subclass says."""

    def __init__(self) -> None:
        self.contacts = 0
        self._open: list[socket.socket] = []

    def talk(self, connection: socket.socket) -> None:
        """The side of the server, until it ends. OSError and ValueError end it."""
        raise NotImplementedError

    @contextlib.contextmanager
    def listening(self) -> Iterator[int]:
        first = socket.create_server(("127.0.0.1", 0))
        port = int(first.getsockname()[1])
        listeners = [first, *(socket.create_server((f"127.0.0.{n}", port)) for n in range(2, 10))]
        for listener in listeners:
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        try:
            yield port
        finally:
            for each in (*listeners, *self._open):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self.contacts += 1
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), connection:
            self.talk(connection)
