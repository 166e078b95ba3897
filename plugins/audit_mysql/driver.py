"""PyMySQL with what it lacks against a server that lies. Runs in a worker process.

The server chooses how a client authenticates, and may ask for the password itself; PyMySQL then
sends it, encrypted or not. Here it is sent over TLS and Unix sockets only, and a session that was
to be encrypted is never opened without TLS, whatever the server offers.
"""

from __future__ import annotations

import struct
import time
from typing import Any, NoReturn

import pymysql
from pymysql.connections import Connection
from pymysql.constants import CLIENT, CR

MALFORMED = (
    AssertionError, AttributeError, LookupError, OverflowError, RuntimeError, TypeError,
    ValueError, struct.error,
)  # fmt: skip
"""What PyMySQL raises where a server does not speak the protocol."""

_READABLE = ("mysql_clear_password", "dialog", "mysql_old_password")


class ReadableLogin(Exception):
    """The server asked for the password in plain text, over a connection without TLS."""


class NoTls(Exception):
    """The server offers no TLS."""


class TooLarge(Exception):
    """An answer of more bytes than are read."""


class _Refused:
    """In place of a way to authenticate that would show the password."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._secure = connection.encrypted

    def authenticate(self, packet: Any) -> Any:
        raise ReadableLogin

    def prompt(self, echo: bool, prompt: bytes) -> bytes:
        raise ReadableLogin


class Link(Connection):  # type: ignore[misc]
    """One connection. `deadline` is when what is being read has to be there (monotonic clock).

    `budget` bounds the bytes that one answer may have: a server may announce any size.
    """

    deadline: float | None = None
    budget: int | None = None

    def __init__(self, *, encrypted: bool, **given: Any) -> None:
        self.encrypted = encrypted
        plugins = {} if encrypted else dict.fromkeys(_READABLE, _Refused)
        super().__init__(defer_connect=True, auth_plugin_map=plugins, **given)

    def abandon(self) -> None:
        """Ends the connection without reading what is still under way, which PyMySQL would."""
        if self._result is not None:
            self._result.unbuffered_active = False
        self._force_close()

    def leave(self) -> None:
        """Ends the connection; says so where the server waits for a statement."""
        if self.open and (self._result is None or not self._result.unbuffered_active):
            self.close()
        else:
            self.abandon()

    def _request_authentication(self) -> None:
        if self.ssl and not self.server_capabilities & CLIENT.SSL:
            raise NoTls
        super()._request_authentication()

    def _read_bytes(self, size: int) -> bytes:
        self._spend(size)
        found = bytearray()
        while len(found) < size:
            self._wait()
            try:
                part = self._rfile.read1(size - len(found))
            except OSError as error:
                self._lost(f"({error})")
            if not part:
                self._lost("(end of stream)")
            found += part
        return bytes(found)

    def _spend(self, size: int) -> None:
        if self.budget is not None:
            self.budget -= size
            if self.budget < 0:
                self.abandon()
                raise TooLarge

    def _wait(self) -> None:
        """Gives the next read what is left of the time; a byte now and then wins none."""
        if self.deadline is not None:
            left = self.deadline - time.monotonic()
            if left <= 0:
                self._lost("(timed out)")
            self._sock.settimeout(left)

    def _lost(self, why: str) -> NoReturn:
        self.abandon()
        raise pymysql.err.OperationalError(CR.CR_SERVER_LOST, f"Lost connection {why}")
