"""A key exchange up to the host key, in a connection of its own; nobody logs in.

RFC 4253, 7 and 8; RFC 4419; RFC 5656; RFC 8731. The library takes no key exchange and no host key
that is weak, and such servers are those to be told. Nothing is encrypted: the connection ends when
the key has come. The signature is not verified: of the key only type and length count.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

_VERSION = b"SSH-2.0-dengbao\r\n"
_KEXINIT, _INIT, _REPLY, _GEX_INIT, _GEX_REPLY, _GEX_REQUEST = 20, 30, 31, 32, 33, 34
_PASSED_OVER = (2, 3, 4, 7)  # ignore, unimplemented, debug, ext-info
_PACKET_MAX = 64 << 10
_FIRST_MAX = 8 << 10
_MOST_PACKETS = 20


class Unread(Exception):
    """No host key came; `banner` is what the server sent first."""

    def __init__(self, banner: bytes = b"") -> None:
        super().__init__(banner)
        self.banner = banner


class _Start(Struct, frozen=True, kw_only=True):
    """How a key exchange begins: with the public value that `make` makes."""

    make: Callable[[], bytes]
    group_exchange: bool = False


def _curve25519() -> bytes:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    return X25519PrivateKey.generate().public_key().public_bytes_raw()


def _nist(name: str) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    curve: type[ec.EllipticCurve] = getattr(ec, name)
    key = ec.generate_private_key(curve()).public_key()
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _number(bits: int) -> bytes:
    """A number below a prime of `bits` bits, which begins with a one."""
    return b"\x3f" + os.urandom(bits // 8 - 1)


_STARTS: dict[str, _Start] = {
    "curve25519-sha256": _Start(make=_curve25519),
    "curve25519-sha256@libssh.org": _Start(make=_curve25519),
    "ecdh-sha2-nistp256": _Start(make=lambda: _nist("SECP256R1")),
    "ecdh-sha2-nistp384": _Start(make=lambda: _nist("SECP384R1")),
    "ecdh-sha2-nistp521": _Start(make=lambda: _nist("SECP521R1")),
    "diffie-hellman-group14-sha256": _Start(make=lambda: _number(2048)),
    "diffie-hellman-group16-sha512": _Start(make=lambda: _number(4096)),
    "diffie-hellman-group18-sha512": _Start(make=lambda: _number(8192)),
    "diffie-hellman-group14-sha1": _Start(make=lambda: _number(2048)),
    "diffie-hellman-group1-sha1": _Start(make=lambda: _number(1024)),
    "diffie-hellman-group-exchange-sha256": _Start(make=lambda: _number(2048), group_exchange=True),
    "diffie-hellman-group-exchange-sha1": _Start(make=lambda: _number(2048), group_exchange=True),
}


def host_key(sock: Any, algorithm: str, lists: Sequence[Sequence[str]], until: float) -> bytes:
    """The blob of the host key that signs by `algorithm`; raises Unread, or what `sock` raises.

    `lists` are the ten of the server's first packet, without which it would not go on. `until` is
    a moment of the monotonic clock.
    """
    kex = next((name for name in lists[0] if name in _STARTS), None)
    if kex is None:
        raise Unread
    talk = _PacketStream(sock, until)
    talk.greet()
    ours = [[kex], [algorithm], *lists[2:8], [], []]
    named = b"".join(_string(",".join(names).encode()) for names in ours)
    talk.send(_KEXINIT, os.urandom(16) + named + b"\0" + bytes(4))
    talk.receive(_KEXINIT)
    start = _STARTS[kex]
    if start.group_exchange:
        talk.send(_GEX_REQUEST, struct.pack(">III", 2048, 2048, 8192))
        talk.receive(_REPLY)  # the group; 2048 bits is the least that was asked for
    talk.send(_GEX_INIT if start.group_exchange else _INIT, _string(start.make()))
    return _first_string(talk.receive(_GEX_REPLY if start.group_exchange else _REPLY))


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _first_string(payload: bytes) -> bytes:
    if len(payload) < 4:
        raise Unread
    (size,) = struct.unpack_from(">I", payload)
    if size > len(payload) - 4:
        raise Unread
    return payload[4 : 4 + size]


class _PacketStream:
    """Packets in plain text, as before the first keys (RFC 4253, 6)."""

    def __init__(self, sock: Any, until: float) -> None:
        self._sock, self._until = sock, until

    def greet(self) -> None:
        """Both sides have sent their version; a server may say other lines before.

        The server comes first: one that turns us away resets the connection once it heard us, and
        its words would be lost.
        """
        banner = b""
        while len(banner) < _FIRST_MAX:
            line = self._line(_FIRST_MAX - len(banner))
            if line.startswith(b"SSH-"):
                self._sock.sendall(_VERSION)
                return
            banner += line
            if not line.endswith(b"\n"):
                break
        raise Unread(banner)

    def _line(self, most: int) -> bytes:
        line = b""
        while not line.endswith(b"\n") and len(line) < most:
            data = self._some(1)
            if not data:
                break
            line += data
        return line

    def send(self, kind: int, payload: bytes) -> None:
        """Sends one packet."""
        body = bytes((kind,)) + payload
        pad = 8 - (len(body) + 5) % 8
        pad += 8 if pad < 4 else 0
        self._sock.settimeout(self._left())
        self._sock.sendall(struct.pack(">IB", len(body) + pad + 1, pad) + body + bytes(pad))

    def receive(self, wanted: int) -> bytes:
        """What follows the number of the next packet that is `wanted`; Unread for another one."""
        for _ in range(_MOST_PACKETS):
            size, pad = struct.unpack(">IB", self._exactly(5))
            if not 2 <= size <= _PACKET_MAX or pad >= size - 1:
                raise Unread
            body = self._exactly(size - 1)[: size - 1 - pad]
            if body[0] == wanted:
                return body[1:]
            if body[0] not in _PASSED_OVER:
                raise Unread
        raise Unread

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._some(size - len(data))
            if not more:
                raise Unread
            data += more
        return data

    def _some(self, most: int) -> bytes:
        self._sock.settimeout(self._left())
        data: bytes = self._sock.recv(most)
        return data

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left
