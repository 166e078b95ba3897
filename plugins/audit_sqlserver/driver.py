"""python-tds with what it lacks against a server that lies. Runs in a worker process.

It verifies certificates with a library of its own, in which it accepts a common name and no
address; follows a server that sends it elsewhere; and logs in again after an error. Here TLS is
that of the standard library, another server is refused, and there is one login. [MS-TDS].
"""

from __future__ import annotations

import ssl
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytds
from pytds import tds_base
from pytds.row_strategies import list_row_strategy
from pytds.tds_base import PreLoginEnc, PreLoginToken
from pytds.tds_session import _TdsSession
from pytds.tds_socket import _TdsSocket

from audit_database.bounded import Bounded

MALFORMED = (
    AssertionError, AttributeError, LookupError, OverflowError, RuntimeError, TypeError,
    ValueError, struct.error, tds_base.InterfaceError,
)  # fmt: skip
"""What python-tds raises where a server does not speak the protocol, or ends the connection."""

_NO_ENCRYPTION = 2
_BLOCK = 4096
_BUFFER = 65536
_WAIT_S = 3  # for a statement to end that is broken off
_REST = 1 << 20


class NoTls(Exception):
    """The server offers no TLS."""


class TlsOnly(Exception):
    """The server takes no connection without TLS."""


class SentElsewhere(Exception):
    """The server names another one to log in to."""


class _Tls:
    """TLS over a transport, in the way that python-tds reads and writes."""

    def __init__(self, inner: Bounded, context: ssl.SSLContext, name: str) -> None:
        self._inner = inner
        self._came, self._goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._came, self._goes, server_hostname=name)

    def shake_hands(self, send: Callable[[bytes], None], receive: Callable[[], bytes]) -> None:
        """The handshake, whose records go through `send` and `receive`."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                send(self._goes.read())
                self._came.write(receive())
            else:
                return

    def sendall(self, data: bytes, flags: int = 0) -> None:
        self._tls.write(data)
        self._inner.sendall(self._goes.read())

    def recv(self, size: int, flags: int = 0) -> bytes:
        while True:
            try:
                return self._tls.read(size)
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLWantReadError:
                data = self._inner.recv(_BUFFER)
                if not data:
                    return b""
                self._came.write(data)

    def recv_into(self, buffer: memoryview, size: int = 0, flags: int = 0) -> int:
        found = self.recv(size or len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def settimeout(self, seconds: float | None) -> None:
        self._inner.settimeout(seconds)

    def gettimeout(self) -> float | None:
        found: float | None = self._inner.gettimeout()
        return found

    def close(self) -> None:
        self._inner.close()


class _Session(_TdsSession):  # type: ignore[misc]
    """What is said before the login. `tls` is None for a connection that is to be readable."""

    tls: ssl.SSLContext | None = None
    name = ""
    _transport: Any

    def parse_prelogin(self, octets: bytes, login: Any) -> None:
        asked = _encryption(octets)
        login.server_enc_flag = asked
        if self.tls is None:
            if asked in (PreLoginEnc.ENCRYPT_ON, PreLoginEnc.ENCRYPT_REQ):
                raise TlsOnly
            return
        if asked not in (PreLoginEnc.ENCRYPT_ON, PreLoginEnc.ENCRYPT_REQ):
            raise NoTls
        made = _Tls(self._transport, self.tls, self.name)
        made.shake_hands(self._send_prelogin, self._receive_prelogin)
        self._transport = self.conn.sock = made
        self._writer._transport = self._reader._transport = made

    def _send_prelogin(self, data: bytes) -> None:
        if data:
            self._writer.begin_packet(tds_base.PacketType.PRELOGIN)
            self._writer.write(data)
            self._writer.flush()

    def _receive_prelogin(self) -> bytes:
        self._reader.begin_response()
        found = b""
        while not self._reader.stream_finished():
            part = self._reader.recv(_BLOCK)
            if not part:
                break
            found += bytes(part)
        return found


def _encryption(octets: bytes) -> int:
    """What a server answers about encryption; that it knows none where it says nothing.

    ValueError or struct.error for what is no answer.
    """
    at = 0
    while octets[at] != PreLoginToken.TERMINATOR:
        token, offset, length = struct.unpack_from(">BHH", octets, at)
        if int(token) == int(PreLoginToken.ENCRYPTION) and length:
            return int(octets[offset])
        at += 5
    return _NO_ENCRYPTION


class Link:
    """One connection that is logged in once. `name` is what the certificate has to be for."""

    def __init__(
        self, socket: Bounded, user: str, password: str, tls: ssl.SSLContext | None, name: str
    ) -> None:
        self._socket = socket
        login = _login(user, password, tls is not None)
        self._tds = _TdsSocket(
            sock=socket, login=login, row_strategy=list_row_strategy, autocommit=True
        )
        self._session = _Session(
            tds=self._tds, transport=socket, tzinfo_factory=None, row_strategy=list_row_strategy,
            env=self._tds.env, bufsize=_BLOCK,
        )  # fmt: skip
        self._session.tls, self._session.name = tls, name
        self._tds._main_session = self._session

    def log_in(self, seconds: float, size: int) -> None:
        """Errors are those of python-tds, NoTls, TlsOnly, SentElsewhere, MALFORMED."""
        self._socket.allow(seconds, size)
        self._tds._login.server_name = self._session.name
        if self._tds.login() is not None:
            raise SentElsewhere

    def run(self, statement: str, seconds: float, size: int) -> None:
        """A statement without a result."""
        self._submit(statement, seconds, size)
        while self._session.next_set():
            pass

    def select(self, statement: str, seconds: float, size: int) -> list[str]:
        """The columns of the result of `statement`; its rows are those of `rows`."""
        self._submit(statement, seconds, size)
        result = self._session.res_info
        if result is None or not result.description:
            raise tds_base.InterfaceError("no columns where a result was to be")
        return [str(column[0]) for column in result.description]

    def rows(self) -> Iterator[list[Any]]:
        """The rows of the last result."""
        while self._session.res_info and (row := self._session.fetchone()) is not None:
            yield row

    def end(self) -> None:
        """Breaks off what is under way; errors where the server does not follow."""
        self._socket.allow(_WAIT_S, _REST)
        self._session.cancel_if_pending()
        self.run("IF @@TRANCOUNT > 0 ROLLBACK", _WAIT_S, _REST)

    @property
    def product(self) -> str:
        """The name and version of the server, as it tells them with the login."""
        number = self._tds.product_version
        major, minor, build = number >> 24 & 0xFF, number >> 16 & 0xFF, number & 0xFFFF
        return f"{self._tds.product_name.strip(chr(0))} {major}.{minor}.{build}"

    def close(self) -> None:
        """Ends the connection."""
        self._socket.close()

    def _submit(self, statement: str, seconds: float, size: int) -> None:
        self._socket.allow(seconds, size)
        self._session.submit_plain_query(statement)
        self._session.begin_response()
        self._session.find_result_or_done()


def _login(user: str, password: str, tls: bool) -> Any:
    login = tds_base._TdsLogin()
    login.client_host_name = login.library = login.app_name = "dengbao"
    login.user_name, login.password = user, password
    login.enc_flag = PreLoginEnc.ENCRYPT_ON if tls else PreLoginEnc.ENCRYPT_NOT_SUP
    login.option_flag2 = tds_base.TDS_ODBC_ON
    login.client_tz = pytds.tz.local
    login.blocksize = _BLOCK
    login.bytes_to_unicode = True
    return login
