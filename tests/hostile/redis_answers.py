"""A server that speaks the protocol of Redis (RESP 2) and answers what it is told to; invented."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

from live.patience import PATIENCE_S

Answer = Callable[[list[str]], bytes | None]
"""The bytes for the words of a command; None for no answer ever."""


def bulk(text: str) -> bytes:
    """A text."""
    raw = text.encode()
    return b"$%d\r\n%s\r\n" % (len(raw), raw)


def array(*texts: str) -> bytes:
    """A list of texts."""
    return b"*%d\r\n" % len(texts) + b"".join(map(bulk, texts))


class RedisPeer:
    """Listens on 127.0.0.1 to 127.0.0.9 at one port; `commands` are those that came."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.commands: list[list[str]] = []
        self.contacts = 0
        self._open: list[socket.socket] = []

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
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            lines = connection.makefile("rb")
            while head := lines.readline():
                words = []
                for _ in range(int(head[1:])):
                    size = int(lines.readline()[1:])
                    words.append(lines.read(size + 2)[:-2].decode())
                self.commands.append(words)
                answer = self._answer(words)
                if answer is None:
                    threading.Event().wait(PATIENCE_S)
                    return
                connection.sendall(answer)
