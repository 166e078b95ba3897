"""The side of an Oracle database as oracledb's thin mode expects it: a login and a few answers.

Made up: no real database was at hand. The order and the encodings are those that the source of
oracledb (UPL/Apache) reads, of a server of release 12.1.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import socket
import ssl
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from hostile.loopback_peer import LoopbackPeer

_CONNECT, _ACCEPT, _REFUSE, _REDIRECT, _DATA, _MARKER = 1, 2, 4, 5, 6, 12
_BREAK, _RESET = 1, 2
_EXECUTE, _FETCH, _PHASE_ONE, _PHASE_TWO = 94, 5, 118, 115
_PIGGYBACK, _CLOSE = 17, 105
_VERIFIER_11G = 0xB152
_NO_DATA = 1403
_BATCH = 100
_CONNECT_DATA = 230
_STATUS = b"\x09\0\0"
_VERSION = 12 << 24 | 1 << 20 | 2 << 8

Rows = Sequence[Sequence[object]]
Answer = tuple[Sequence[str], Rows] | tuple[int, str] | None
"""Columns and rows; the number and text of an error; None for nothing until it is broken off."""


def ub(number: int) -> bytes:
    """A whole number: how many bytes, then the bytes."""
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes([len(raw)]) + raw


def text(words: str) -> bytes:
    """A text as a value: in one piece, or in pieces."""
    raw = words.encode()
    if len(raw) < 253:
        return bytes([len(raw)]) + raw
    return b"\xfe" + ub(len(raw)) + raw + b"\0"


def named(words: str) -> bytes:
    """A text after its length, as names are sent."""
    return ub(len(words.encode())) + text(words) if words else b"\0"


def error(number: int, words: str, cursor: int = 0) -> bytes:
    """The end of an answer; number 0 for one that went well."""
    made = b"\x04" + bytes(6) + ub(cursor) + bytes(7) + bytes(5) + bytes(9)
    return made + ub(number) + b"\0" + (text(words) if number else b"")


def described(columns: Sequence[str]) -> bytes:
    """The columns of a result, all texts of up to 4000 bytes."""
    made = b"\x10\0\0" + ub(len(columns)) + b"\0"
    for place, name in enumerate(columns):
        made += b"\x01\0\0\0" + ub(4000) + bytes(5) + b"\x01" + ub(4000) + b"\x01\0"
        made += named(name.upper()) + b"\0\0" + ub(place) + b"\0"
    return made + bytes(6)


def row(values: Sequence[object]) -> bytes:
    """One row."""
    return b"\x07" + b"".join(b"\0" if v is None else text(str(v)) for v in values)


def _cipher(key: bytes) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES(key), modes.CBC(bytes(16)))


def _encrypted(key: bytes, data: bytes) -> bytes:
    made = _cipher(key).encryptor()
    return made.update(data) + made.finalize()


def _decrypted(key: bytes, data: bytes) -> bytes:
    made = _cipher(key).decryptor()
    return made.update(data) + made.finalize()


class _Login:
    """The challenge of one login with a verifier of release 11g (SHA-1)."""

    def __init__(self, password: str) -> None:
        self._password, self.salt = password.encode(), secrets.token_bytes(10)
        self._hash = hashlib.sha1(self._password + self.salt).digest() + bytes(4)
        self._mine = secrets.token_bytes(48)

    def challenge(self) -> bytes:
        key = _encrypted(self._hash, self._mine).hex().upper()
        salt = self.salt.hex().upper()
        return (
            b"\x08" + ub(2) + named("AUTH_SESSKEY") + named(key) + b"\0"
            + named("AUTH_VFR_DATA") + named(salt) + ub(_VERIFIER_11G) + _STATUS
        )  # fmt: skip

    def accepts(self, payload: bytes) -> bytes | None:
        """What is answered to the password in `payload`; None for one that is wrong."""
        theirs = _decrypted(self._hash, _pair(payload, b"AUTH_SESSKEY"))
        mixed = bytes(a ^ b for a, b in zip(self._mine[16:40], theirs[16:40], strict=True))
        key = (hashlib.md5(mixed[:16]).digest() + hashlib.md5(mixed[16:]).digest())[:24]
        found = _decrypted(key, _pair(payload, b"AUTH_PASSWORD"))[16:]
        if found[: -found[-1]] != self._password:
            return None
        proof = _encrypted(key, secrets.token_bytes(16) + b"SERVER_TO_CLIENT").hex().upper()
        pairs = {"AUTH_SVR_RESPONSE": proof, "AUTH_SESSION_ID": "7", "AUTH_SERIAL_NUM": "9",
                 "AUTH_VERSION_NO": str(_VERSION)}  # fmt: skip
        made = b"".join(named(key) + named(value) + b"\0" for key, value in pairs.items())
        return b"\x08" + ub(len(pairs)) + made + _STATUS


def _without_closing(payload: bytes) -> bytes:
    """`payload` without the list of cursors to close that may stand before it."""
    if payload[:2] != bytes([_PIGGYBACK, _CLOSE]):
        return payload
    at = 4
    count = int.from_bytes(payload[at + 1 : at + 1 + payload[at]], "big")
    for _ in range(count + 1):
        at += 1 + payload[at]
    return payload[at:]


def _pair(payload: bytes, name: bytes) -> bytes:
    """The value of a pair, from hexadecimal digits."""
    at = payload.index(name) + len(name) + 2
    return bytes.fromhex(payload[at + 1 : at + 1 + payload[at]].decode())


class TnsServer(LoopbackPeer):
    """Lets `audit` in with `password`, and answers statements by `answer`.

    `refuse` is called for each login that fails and gives the text of the refusal. With
    `certificate` it speaks TLS from the start; `redirect` is an address that it sends clients to.
    """

    def __init__(
        self,
        password: str,
        answer: Callable[[str], Answer],
        refuse: Callable[[], str],
        certificate: Path | None = None,
        redirect: str = "",
    ) -> None:
        super().__init__()
        self._password, self._answer, self._refuse = password, answer, refuse
        self._redirect = redirect
        self._context: ssl.SSLContext | None = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        self.asked: list[str] = []
        self.heard = b""

    def talk(self, connection: socket.socket) -> None:
        if self._context is not None:
            connection = self._context.wrap_socket(connection, server_side=True)
        with connection:
            _Talk(connection, self).run()

    def reply(self, sql: str) -> Answer:
        """What is answered to a statement."""
        self.asked.append(sql)
        return self._answer(sql) if sql.startswith(("SELECT", "WITH")) else ([], [])


class _Talk:
    """One connection."""

    def __init__(self, connection: socket.socket, server: TnsServer) -> None:
        self._connection, self._server = connection, server
        self._large = False
        self._rows: Iterator[Sequence[object]] = iter(())

    def run(self) -> None:
        _, connect = self._receive()
        if struct.unpack(">H", connect[16:18])[0] > _CONNECT_DATA:
            self._receive()  # too long for the same packet
        if self._server._redirect:
            data = f"{self._server._redirect}\0(DESCRIPTION=)".encode()
            self._send(_REDIRECT, struct.pack(">H", len(data)))
            self._data(data)
            return
        self._send(_ACCEPT, struct.pack(">HH", 315, 0) + bytes(20) + struct.pack(">I", 8192)
                   + bytes(9))  # fmt: skip
        self._large = True
        self._receive()
        capabilities = bytearray(55)
        capabilities[7] = 7  # release 12.1
        national = bytes(9) + struct.pack(">H", 2000)
        self._data(b"\x01\x06\0made up\0" + struct.pack("<HBH", 873, 1, 0)
                   + struct.pack(">H", len(national)) + national
                   + bytes([55]) + capabilities + bytes([11]) + bytes(11))  # fmt: skip
        self._receive()
        self._data(b"\x02\0\0")
        if self._logged_in():
            while True:
                self._data(self._reply(*self._receive()))

    def _logged_in(self) -> bool:
        login = _Login(self._server._password)
        self._receive()
        self._data(login.challenge())
        _, payload = self._receive()
        accepted = login.accepts(payload)
        if accepted is None:
            self._data(error(1017, f"ORA-01017: {self._server._refuse()}"))
            return False
        self._data(accepted)
        return True

    def _reply(self, kind: int, payload: bytes) -> bytes:
        if kind == _MARKER:
            return _STATUS
        payload = _without_closing(payload)
        function = payload[1] if payload[:1] == b"\x03" else 0
        if function == _FETCH:
            return self._batch()
        found = re.search(rb"(?:SELECT|WITH|SET|ALTER)[\x20-\x7e]*", payload)
        if function != _EXECUTE or found is None:
            return _STATUS
        answer = self._server.reply(found[0].decode())
        if answer is None:
            return self._broken_off()
        if isinstance(answer[0], int):
            return error(answer[0], str(answer[1]))
        columns, rows = answer
        self._rows = iter(rows)
        return described(columns) + self._batch() if columns else error(0, "")

    def _batch(self) -> bytes:
        made = b""
        for _ in range(_BATCH):
            values = next(self._rows, None)
            if values is None:
                return made + error(_NO_DATA, "ORA-01403: no data found", 1)
            made += b"\x06" + bytes(7) + row(values)
        return made + error(0, "", 1)

    def _broken_off(self) -> bytes:
        kind = 0
        while kind != _MARKER:
            kind, _ = self._receive()
        self._send(_MARKER, bytes([1, 0, _RESET]))
        self._receive()  # the client resets, too
        return error(1013, "ORA-01013: user requested cancel")

    def _data(self, payload: bytes) -> None:
        self._send(_DATA, b"\0\0" + payload)

    def _send(self, kind: int, payload: bytes) -> None:
        size = len(payload) + 8
        head = struct.pack(">I", size) if self._large else struct.pack(">HH", size, 0)
        self._connection.sendall(head + bytes([kind, 0, 0, 0]) + payload)

    def _receive(self) -> tuple[int, bytes]:
        """The kind and payload of one packet, without its flags."""
        head = self._exactly(8)
        size = struct.unpack(">I" if self._large else ">H", head[: 4 if self._large else 2])[0]
        payload = self._exactly(size - 8)
        self._server.heard += payload
        return head[4], payload[2:] if head[4] == _DATA else payload

    def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            part = self._connection.recv(size - len(found))
            if not part:
                raise OSError("end")
            found += part
        return found
