"""What the transports share while two output streams come in."""

from __future__ import annotations


class Capped:
    """The first `limit` bytes of a stream, and whether there were more."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data = bytearray()
        self.over = False

    def room(self) -> int:
        """How much to read next: one byte past the limit tells a full stream from a cut one."""
        return min(self._limit - len(self._data) + 1, 1 << 20)

    def add(self, data: bytes) -> None:
        """Keeps as much of `data` as the limit allows; `over` says whether bytes were dropped."""
        fits = self._limit - len(self._data)
        self._data += data[:fits]
        self.over = self.over or len(data) > fits

    def value(self) -> bytes:
        """The bytes that were kept."""
        return bytes(self._data)
