"""A socket with a deadline and a budget, for drivers that read whatever a server sends."""

from __future__ import annotations

import socket
import time
from typing import Any

_READ = 65536


class TooLarge(Exception):
    """An answer of more bytes than are read."""


class Bounded:
    """A socket that reads until a deadline (monotonic clock), and so many bytes, and no more.

    A byte now and then wins no time.
    """

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner
        self.deadline = 0.0
        self.budget = 0

    def allow(self, seconds: float, size: int) -> None:
        """From now on `seconds` and `size` bytes are left."""
        self.deadline, self.budget = time.monotonic() + seconds, size

    def recv(self, size: int, *flags: int) -> bytes:
        """What has come in. TimeoutError after the deadline, TooLarge beyond the budget."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._inner.settimeout(left)
        found = self._inner.recv(min(size, _READ))
        self.budget -= len(found)
        if self.budget < 0:
            raise TooLarge
        return found

    def recv_into(self, buffer: memoryview, size: int = 0, flags: int = 0) -> int:
        """As `recv`, into `buffer`; how many bytes."""
        found = self.recv(size or len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
