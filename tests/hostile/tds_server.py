"""The side of a SQL Server as [MS-TDS] describes it: a login and a few answers. Made up.

No real server was at hand: what it sends is in the documented form, not recorded.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hostile.loopback_peer import LoopbackPeer
from live.patience import PATIENCE_S

_BATCH, _LOGIN, _ATTENTION, _PRELOGIN, _REPLY = 1, 16, 6, 18, 4
_OFF, _ON, _NONE = 0, 1, 2  # of the option ENCRYPTION
_BLOCK = 4096
_ATTENDED, _ERROR = 0x20, 0x02

Rows = Sequence[Sequence[Any]]
Answer = tuple[Sequence[str], Rows] | bytes | None
"""Columns and rows; the tokens themselves; None for nothing until it is broken off."""


def packets(kind: int, payload: bytes) -> bytes:
    """`payload` in packets, the last one marked."""
    parts = [payload[n : n + _BLOCK - 8] for n in range(0, len(payload), _BLOCK - 8)] or [b""]
    last = len(parts) - 1
    return b"".join(
        struct.pack(">BBHHBB", kind, int(n == last), len(part) + 8, 51, n % 256, 0) + part
        for n, part in enumerate(parts)
    )


def text(words: str, length: str = "<B") -> bytes:
    """A text after its length in characters."""
    return struct.pack(length, len(words)) + words.encode("utf-16-le")


def done(status: int = 0) -> bytes:
    """The end of an answer."""
    return struct.pack("<BHHQ", 0xFD, status, 0, 0)


def error(number: int, words: str, severity: int = 14) -> bytes:
    """A refusal, and the end of the answer."""
    body = struct.pack("<iBB", number, 1, severity) + text(words, "<H") + text("s") + text("")
    body += struct.pack("<i", 1)
    return b"\xaa" + struct.pack("<H", len(body)) + body + done(_ERROR)


def accepted(name: str = "Microsoft SQL Server", version: tuple[int, int, int] = (16, 0, 4165)
             ) -> bytes:  # fmt: skip
    """The login is accepted."""
    body = b"\x01" + struct.pack(">I", 0x74000004) + text(name + "\0\0")
    body += struct.pack(">BBH", *version)
    return b"\xad" + struct.pack("<H", len(body)) + body + done()


def elsewhere(server: str, port: int) -> bytes:
    """ENVCHANGE Routing: log in to another server."""
    body = b"\x14" + struct.pack("<H", 5 + 2 * len(server)) + b"\0" + struct.pack("<H", port)
    body += text(server, "<H") + b"\0\0"
    return b"\xe3" + struct.pack("<H", len(body)) + body


def table(columns: Sequence[str], rows: Rows) -> bytes:
    """A result of whole numbers and texts; a column with no number in it is a text."""
    numbers = [any(isinstance(row[n], int) for row in rows) for n in range(len(columns))]
    made = b"\x81" + struct.pack("<H", len(columns))
    for name, number in zip(columns, numbers, strict=True):
        kind = b"\x26\x08" if number else b"\xe7\x40\x1f" + b"\x09\x04\xd0\x00\x34"
        made += struct.pack("<IH", 0, 1) + kind + text(name)
    for row in rows:
        made += b"\xd1" + b"".join(
            _number(value) if number else _words(value)
            for value, number in zip(row, numbers, strict=True)
        )
    return made + done()


def _number(value: int | None) -> bytes:
    return b"\0" if value is None else b"\x08" + struct.pack("<q", value)


def _words(value: str | None) -> bytes:
    if value is None:
        return b"\xff\xff"
    raw = value.encode("utf-16-le")
    return struct.pack("<H", len(raw)) + raw


class _Wire:
    """The packets of one connection, readable or over TLS."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._tls: ssl.SSLObject | None = None
        self._came, self._goes = ssl.MemoryBIO(), ssl.MemoryBIO()

    def send(self, kind: int, payload: bytes) -> None:
        data = packets(kind, payload)
        if self._tls is not None:
            self._tls.write(data)
            data = self._goes.read()
        self._connection.sendall(data)

    def receive(self) -> tuple[int, bytes]:
        """The kind and the payload of one message, EOFError at the end."""
        found, last = b"", False
        kind = 0
        while not last:
            head = self._exactly(8)
            kind, last, size = head[0], bool(head[1] & 1), struct.unpack(">H", head[2:4])[0]
            found += self._exactly(size - 8)
        return kind, found

    def shake_hands(self, context: ssl.SSLContext) -> None:
        tls = context.wrap_bio(self._came, self._goes, server_side=True)
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush_handshake()
                self._came.write(self.receive()[1])
            else:
                self._flush_handshake()
                self._tls = tls
                return

    def _flush_handshake(self) -> None:
        if data := self._goes.read():
            self._connection.sendall(packets(_PRELOGIN, data))

    def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            part = self._read(size - len(found))
            if not part:
                raise OSError("end")
            found += part
        return found

    def _read(self, size: int) -> bytes:
        if self._tls is None:
            return self._connection.recv(size)
        while True:
            try:
                return self._tls.read(size)
            except ssl.SSLWantReadError:
                data = self._connection.recv(_BLOCK)
                if not data:
                    return b""
                self._came.write(data)


class TdsServer(LoopbackPeer):
    """`log_in(user, password)` gives the tokens of a login, `answer(sql)` those of a statement.

    With `certificate` it asks for TLS. `asked` are the statements, `heard` everything that came.
    """

    def __init__(
        self,
        log_in: Callable[[str, str], bytes],
        answer: Callable[[str], Answer],
        certificate: Path | None = None,
    ) -> None:
        super().__init__()
        self._log_in, self._answer = log_in, answer
        self._context: ssl.SSLContext | None = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        self.asked: list[str] = []
        self.heard = b""

    def talk(self, connection: socket.socket) -> None:
        wire = _Wire(connection)
        wire.receive()
        flag = _NONE if self._context is None else _ON
        # the options start behind their list: VERSION at 11, ENCRYPTION at 17
        options = struct.pack(">BHHBHHB", 0, 11, 6, 1, 17, 1, 0xFF) + bytes(6) + bytes([flag])
        wire.send(_REPLY, options)
        if self._context is not None:
            wire.shake_hands(self._context)
        _, login = wire.receive()
        self.heard += login
        wire.send(_REPLY, self._log_in(*_named(login)))
        while True:
            kind, payload = wire.receive()
            self.heard += payload
            wire.send(_REPLY, self._reply(wire, kind, payload))

    def _reply(self, wire: _Wire, kind: int, payload: bytes) -> bytes:
        if kind == _ATTENTION:
            return done(_ATTENDED)
        (size,) = struct.unpack_from("<I", payload)
        sql = payload[size:].decode("utf-16-le")
        self.asked.append(sql)
        if not sql.startswith(("SELECT", "WITH")):
            return done()
        found = self._answer(sql)
        if found is None:
            while wire.receive()[0] != _ATTENTION:
                threading.Event().wait(PATIENCE_S)
            return done(_ATTENDED)
        return found if isinstance(found, bytes) else table(*found)


def _named(login: bytes) -> tuple[str, str]:
    """The user and the password in a LOGIN7 message."""
    at_user, user, at_password, password = struct.unpack_from("<4H", login, 40)
    raw = bytes(
        (b ^ 0xA5) >> 4 | ((b ^ 0xA5) << 4 & 0xF0)
        for b in login[at_password : at_password + 2 * password]
    )
    name = login[at_user : at_user + 2 * user]
    return name.decode("utf-16-le"), raw.decode("utf-16-le")
