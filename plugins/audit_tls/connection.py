"""One connection: opened, brought to where the hello is due, and listened to until it says enough.

A server may wait before it greets: mail servers do for 5 to 30 s, so that senders of spam give up,
and others look up names. It is waited for, and where it takes long the next connections are opened
ahead, so that they wait at the same time.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections import deque
from collections.abc import Callable

from audit_core.model import Message, msg
from audit_tls.report import Ended, TlsAddress
from audit_tls.starttls import Declined, NotServed, begin
from audit_tls.wire import Flight, HandshakeTimeout, NotTls, PeerClosed, why

HELLO_CAP = 64 << 10
GREETING_S = 45.0
_SLOW_S = 2.0
_AHEAD = 6  # far below what mail servers allow of one client (Postfix: 50)

Enough = Callable[[Flight], tuple[bool, int]]
Heard = tuple[bytes, Ended, Message | None]


class Connections:
    """The connections to `where`, those included that were opened ahead."""

    def __init__(self, where: TlsAddress) -> None:
        self._where = where
        self._ahead: deque[socket.socket] = deque()
        self._most = 0
        self._alone = where.starttls != "smtp"

    def take(self, until: float, left: int) -> socket.socket:
        """The connection that has waited longest; at most `left` more may be opened."""
        peer = self._ahead.popleft() if self._ahead else self._open(until)
        with contextlib.suppress(OSError):  # then the next one tells
            while len(self._ahead) < min(self._most, left):
                self._ahead.append(self._open(until))
        return peer

    def greeted(self, seconds: float) -> None:
        """After this long; where that is slow, connections are opened ahead from now on."""
        if not self._alone and seconds > _SLOW_S:
            self._most = _AHEAD

    def one_by_one(self) -> bool:
        """Ends opening ahead, as too many may be why one is not served; whether it was done."""
        was, self._most, self._alone = self._most, 0, True
        self.close()
        return was > 0

    def close(self) -> None:
        """Closes the connections that were opened ahead."""
        while self._ahead:
            self._ahead.popleft().close()

    def _open(self, until: float) -> socket.socket:
        left = max(0.01, until - time.monotonic())
        return socket.create_connection(self._where.socket, timeout=left)


def talk(
    where: TlsAddress, connections: Connections, hello: bytes, *, until: float, each: float,
    left: int, enough: Enough,
) -> Heard:  # fmt: skip
    """What `where` replies to `hello`: bytes, how it ended, and words about that.

    TCP and what comes before TLS must have ended by `until`, the rest in `each` seconds more.
    """
    try:
        peer = connections.take(until, left)
    except ConnectionRefusedError:
        return b"", Ended.REFUSED, msg("the connection was refused")
    except ConnectionResetError as error:
        return b"", Ended.RESET, why(error)
    except OSError as error:
        return b"", Ended.UNREACHABLE, msg("no connection: {error}", error=why(error))
    with peer:
        begun = time.monotonic()
        failed = _begin(peer, where.starttls, until)
        connections.greeted(time.monotonic() - begun)
        if where.starttls:
            until = time.monotonic() + each
        return failed or _listen(peer, hello, until, enough)


def _begin(peer: socket.socket, protocol: str, until: float) -> Heard | None:
    """How it ended before the hello, or None when the hello is due."""
    try:
        begin(peer, protocol, until)
    except Declined as error:
        return b"", Ended.DECLINED, error.detail
    except NotServed as error:
        return b"", Ended.NOT_SERVED, error.detail
    except NotTls as error:
        return b"", Ended.NOT_TLS, error.detail
    except OSError as error:
        return b"", *_broken(error)
    return None


def _broken(error: OSError) -> tuple[Ended, Message | None]:
    """How a connection ended that was made, and words where there are some beyond that."""
    if isinstance(error, TimeoutError):
        return Ended.TIMED_OUT, error.detail if isinstance(error, HandshakeTimeout) else None
    if isinstance(error, PeerClosed):
        return Ended.CLOSED, error.detail
    if isinstance(error, ConnectionError):
        return Ended.RESET, why(error)
    return Ended.UNREACHABLE, why(error)


def _listen(peer: socket.socket, hello: bytes, until: float, enough: Enough) -> Heard:
    flight, reply, cap = Flight(), bytearray(), HELLO_CAP
    try:
        peer.sendall(hello)
        while len(reply) < cap:
            peer.settimeout(max(0.01, until - time.monotonic()))
            data = peer.recv(min(65536, cap - len(reply)))
            if not data:
                return bytes(reply), Ended.CLOSED, None
            reply += data
            flight.feed(data)
            done, cap = enough(flight)
            if done:
                return bytes(reply), Ended.ANSWERED, None
            if time.monotonic() >= until:
                return bytes(reply), Ended.TIMED_OUT, None
    except NotTls as error:
        return bytes(reply[:HELLO_CAP]), Ended.NOT_TLS, error.detail
    except OSError as error:
        return bytes(reply), *_broken(error)
    return bytes(reply), Ended.CAPPED, msg("more than {size} bytes", size=len(reply))
