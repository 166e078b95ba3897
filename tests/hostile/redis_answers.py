"""A server that speaks the protocol of Redis (RESP 2) and answers what it is told to; invented."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

from hostile.loopback_peer import LoopbackPeer
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


class RedisPeer(LoopbackPeer):
    """`commands` are those that came."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self._answer = answer
        self.commands: list[list[str]] = []

    def talk(self, connection: socket.socket) -> None:
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
