"""One finished handshake of TLS 1.2 and a client hello after it: does the server begin another?

OpenSSL's Python module has no way to renegotiate, so the few messages are written here (RFC 5246,
RFC 5746, RFC 7627; AEAD suites of RFC 5288 and RFC 7905, CBC suites of RFC 5246). Nothing of the
server is verified and nothing is said after the handshake: only whether a second one begins counts,
and then the connection is closed.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable
from hashlib import new as hash_of
from typing import Any

from audit_core.api.sdk import Message, msg
from audit_tls.renegotiation_keys import Protection, agree, prf
from audit_tls.report import Renegotiation, Second, TlsAddress
from audit_tls.starttls import begin
from audit_tls.suites import TLS12, suite_name
from audit_tls.wire import (
    MASTER_SECRET,
    HandshakeError,
    NotTls,
    PeerClosed,
    client_hello,
    read_hello,
    why,
)

_HANDSHAKE, _ALERT, _CCS, _DATA = 22, 21, 20, 23
_HELLO, _CERTIFICATE, _KEY_EXCHANGE, _REQUEST, _DONE = 2, 11, 12, 13, 14
_CLOSE_NOTIFY = 0
_MOST = 256 << 10
_SUPPORTED = ("AES_128_GCM", "AES_256_GCM", "CHACHA20_POLY1305", "AES_128_CBC", "AES_256_CBC")
_EXCHANGES = ("TLS_ECDHE_RSA_", "TLS_ECDHE_ECDSA_", "TLS_DHE_RSA_", "TLS_RSA_WITH_")


def usable(suites: Iterable[int]) -> tuple[int, ...]:
    """Those of `suites` that this client can finish a handshake with, sorted."""
    named = ((s, suite_name(s)) for s in sorted(suites))
    return tuple(
        s for s, name in named
        if name.startswith(_EXCHANGES) and name.partition("_WITH_")[2].startswith(_SUPPORTED)
    )  # fmt: skip


def renegotiate(where: TlsAddress, until: float, suites: tuple[int, ...]) -> Renegotiation:
    """What the server answers to a second hello inside its first connection."""
    try:
        with socket.create_connection(where.socket, timeout=_left(until)) as peer:
            begin(peer, where.starttls, until)
            return _Client(peer, where, until, suites).renegotiate()
    except (OSError, ValueError, HandshakeError) as error:
        return Renegotiation(second=Second.UNSETTLED, detail=why(error))


def _left(until: float) -> float:
    return max(0.01, until - time.monotonic())


def _message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


class _Client:
    """One connection; `said` holds all handshake messages so far."""

    def __init__(self, peer: socket.socket, where: TlsAddress, until: float, suites: Any) -> None:
        self._peer, self._where, self._until, self._suites = peer, where, until, suites
        self._raw, self._waiting, self._total = bytearray(), bytearray(), 0
        self._messages = b""

    def renegotiate(self) -> Renegotiation:
        random = os.urandom(96)
        first = client_hello(TLS12, self._suites, self._where.name, random)
        self._peer.sendall(first)
        self._messages += first[5:]
        got = self._server_flight()
        hello = read_hello(got[_HELLO])
        if hello.version != TLS12 or hello.suite not in self._suites:
            raise NotTls(msg("another version or suite than the one that was offered"))
        exchange, secret = agree(hello.suite, got.get(_KEY_EXCHANGE), got.get(_CERTIFICATE))
        out = _message(_CERTIFICATE, b"\0\0\0") if _REQUEST in got else b""
        out += _message(16, exchange)
        self._messages += out
        randoms = random[:32], got[_HELLO][2:34]
        master = self._master(hello.suite, secret, randoms, MASTER_SECRET in hello.extensions)
        mine, theirs = Protection.both(hello.suite, master, randoms)
        verify = prf(hello.suite, master, b"client finished", self._digest(hello.suite), 12)
        sealed = mine.seal(_HANDSHAKE, _message(20, verify))
        self._peer.sendall(_record(_HANDSHAKE, out) + _record(_CCS, b"\1") + sealed)
        self._finished(theirs)
        again = client_hello(TLS12, self._suites, self._where.name, os.urandom(96), verify=verify)
        self._peer.sendall(mine.seal(_HANDSHAKE, again[5:]))
        return self._second(theirs)

    def _master(self, suite: int, secret: bytes, randoms: Any, extended: bool) -> bytes:
        if extended:  # RFC 7627
            return prf(suite, secret, b"extended master secret", self._digest(suite), 48)
        return prf(suite, secret, b"master secret", b"".join(randoms), 48)

    def _digest(self, suite: int) -> bytes:
        name = "sha384" if suite_name(suite).endswith("SHA384") else "sha256"
        return hash_of(name, self._messages).digest()

    def _server_flight(self) -> dict[int, bytes]:
        got: dict[int, bytes] = {}
        while _DONE not in got:
            kind, body = self._record()
            if kind == _ALERT and body[:1] == b"\1":
                continue
            if kind != _HANDSHAKE:
                raise NotTls(msg("the first handshake was not accepted"))
            self._waiting += body
            while len(self._waiting) >= 4:
                size = 4 + int.from_bytes(self._waiting[1:4], "big")
                if len(self._waiting) < size:
                    break
                whole = bytes(self._waiting[:size])
                del self._waiting[:size]
                self._messages += whole
                got[whole[0]] = whole[4:]
        if _HELLO not in got:
            raise NotTls(msg("no hello of the server"))
        return got

    def _finished(self, theirs: Protection) -> None:
        """Reads on until the server's own end of the first handshake."""
        while True:
            kind, body = self._record()
            if kind == _ALERT:
                raise NotTls(msg("the first handshake was not accepted"))
            if kind == _CCS:
                break
        kind, body = self._record()
        if kind != _HANDSHAKE or theirs.open(kind, body)[:1] != b"\x14":
            raise NotTls(msg("the first handshake was not accepted"))

    def _second(self, theirs: Protection) -> Renegotiation:
        """An alert refuses. A connection that ends without one may end for any other reason."""
        while True:
            kind, body = self._record()
            plain = theirs.open(kind, body)
            if kind == _HANDSHAKE and plain[:1] == bytes([_HELLO]):
                return Renegotiation(second=Second.BEGUN)
            if kind == _ALERT and plain[1:] and plain[1] != _CLOSE_NOTIFY:
                return Renegotiation(second=Second.REFUSED, alert=plain[1])

    def _record(self) -> tuple[int, bytes]:
        head = self._take(5)
        if head[1] != 3:
            raise NotTls(msg("an answer that is not TLS"))
        return head[0], self._take(int.from_bytes(head[3:], "big"))

    def _take(self, size: int) -> bytes:
        while len(self._raw) < size:
            self._peer.settimeout(_left(self._until))
            data = self._peer.recv(65536)
            self._total += len(data)
            if not data or self._total > _MOST:
                raise PeerClosed(_ENDED if not data else msg("too long"))
            self._raw += data
        found = bytes(self._raw[:size])
        del self._raw[:size]
        return found


_ENDED: Message = msg("the connection was closed")


def _record(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + b"\3\3" + len(body).to_bytes(2, "big") + body
