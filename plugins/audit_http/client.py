"""requests, held to one address, a deadline and a number of bytes. Runs in a worker process.

requests bounds each read, not a whole answer: a server that sends a byte every few seconds would
be listened to for ever. So a timer shuts the connection down at the deadline. Nothing is taken
from the environment (proxies, netrc, certificates), no cookie is sent back, no redirect followed,
and no answer is unpacked by the library.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import certifi
import requests
import urllib3
from msgspec import Struct
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager

from audit_http.model import Ended

_READ = 16384
# Debian and SUSE; RHEL and Kylin; Alpine. The first that is there holds.
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem",
)  # fmt: skip
_TROUBLES = (
    requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError,
    ValueError, LookupError, zlib.error,
)  # fmt: skip


class Got(Struct, frozen=True, kw_only=True):
    """An answer, or how it ended without one. `whole` is false where the body was cut."""

    ended: Ended
    seconds: float
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    whole: bool = True
    error: str = ""


class Client:
    """Sends single requests to one address, whatever host the URL names."""

    def __init__(self, address: str, authorities: str | None) -> None:
        self._address = address
        self._authorities = authorities or _own_authorities()

    def send(
        self, method: str, url: str, headers: Mapping[str, str], *, seconds: float, cap: int
    ) -> Got:
        """The answer, of its body at most `cap` bytes, unpacked; it ends after `seconds`."""
        with _Line(self._address, seconds) as line:
            try:
                got = self._sent(line, method, url, headers, cap)
            except _TROUBLES as error:
                got = Got(ended=_ended(error, line), seconds=line.seconds, error=_words(error))
            if line.over and got.ended is not Ended.TIMED_OUT:
                return Got(ended=Ended.TIMED_OUT, seconds=line.seconds)
            return got

    def reach(self, port: int, seconds: float) -> Got:
        """Whether a connection to `port` can be made: ANSWERED with status 0, or why not."""
        with _Line(self._address, seconds) as line:
            try:
                line.dial(port).close()
            except OSError as error:
                return Got(ended=_ended(error, line), seconds=line.seconds, error=_words(error))
            return Got(ended=Ended.ANSWERED, seconds=line.seconds)

    def _sent(
        self, line: _Line, method: str, url: str, headers: Mapping[str, str], cap: int
    ) -> Got:
        with requests.Session() as session:
            session.trust_env = False
            session.headers.clear()
            session.mount("https://", _Adapter(line.dial))
            session.mount("http://", _Adapter(line.dial))
            response = session.request(
                method, url, headers={"Accept-Encoding": "identity", **headers}, stream=True,
                allow_redirects=False, timeout=line.left, verify=self._authorities,
            )  # fmt: skip
            with contextlib.closing(response):
                raw: Any = response.raw
                body, whole = _body(raw, cap)
                body, whole = _unpacked(body, raw.headers.get("content-encoding"), cap, whole)
                return Got(
                    ended=Ended.ANSWERED, seconds=line.seconds, status=response.status_code,
                    headers=tuple((k.lower(), v) for k, v in raw.headers.items()), body=body,
                    whole=whole,
                )  # fmt: skip


def _body(raw: Any, cap: int) -> tuple[bytes, bool]:
    """The body as it is sent, and whether it ended within `cap` bytes."""
    found = bytearray()
    while part := raw.read(min(_READ, cap + 1 - len(found)), decode_content=False):
        found += part
        if len(found) > cap:
            return bytes(found[:cap]), False
    return bytes(found), True


def _unpacked(body: bytes, coding: str | None, cap: int, whole: bool) -> tuple[bytes, bool]:
    """The text that was packed without being asked for; at most `cap` bytes are unpacked."""
    if (coding or "").strip().lower() not in ("gzip", "x-gzip", "deflate"):
        return body, whole
    unpacker = zlib.decompressobj(47)
    found = unpacker.decompress(body, cap)
    return found, whole and unpacker.eof and not unpacker.unconsumed_tail


class _Line:
    """The one connection of a request, which is shut down when its time is over."""

    def __init__(self, address: str, seconds: float) -> None:
        self._address = address
        self._began = time.monotonic()
        self._until = self._began + seconds
        self._timer = threading.Timer(seconds, self._shut)
        self._timer.daemon = True
        self._socket: socket.socket | None = None
        self.failed: OSError | None = None
        self.over = False

    def __enter__(self) -> _Line:
        self._timer.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()
        self._timer.join()
        if self._socket is not None:
            self._socket.close()

    @property
    def seconds(self) -> float:
        """The seconds since it began."""
        return time.monotonic() - self._began

    @property
    def left(self) -> float:
        """The seconds that are left, above 0."""
        return max(self._until - time.monotonic(), 0.001)

    def dial(self, port: int) -> socket.socket:
        """A connection to `port` of the address; OSError where there is none."""
        try:
            made = socket.create_connection((self._address, port), self.left)
        except OSError as error:
            self.failed = error
            raise
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = made.dup()  # TLS takes the other one over
        return made

    def _shut(self) -> None:
        self.over = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


class _Adapter(HTTPAdapter):
    """Connects by `dial(port)`, whatever host a URL names."""

    def __init__(self, dial: Callable[[int], socket.socket]) -> None:
        self._dial = dial
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        """Makes the pool of requests with connections of our own."""
        manager = PoolManager(num_pools=1, maxsize=1)
        manager.pool_classes_by_scheme = {
            "http": _dialling(HTTPConnectionPool, HTTPConnection, self._dial),
            "https": _dialling(HTTPSConnectionPool, HTTPSConnection, self._dial),
        }
        self.poolmanager = manager


def _dialling(pool: Any, connection: Any, dial: Callable[[int], socket.socket]) -> Any:
    def made(self: Any) -> socket.socket:
        return dial(self.port)

    dialled = type("Dialled", (connection,), {"_new_conn": made})
    return type("Pool", (pool,), {"ConnectionCls": dialled})


def _own_authorities() -> str:
    """The file with the certificate authorities of this machine, else those of requests."""
    usual = (os.environ.get("SSL_CERT_FILE"), ssl.get_default_verify_paths().cafile, *_BUNDLES)
    found = next((path for path in usual if path and Path(path).is_file()), None)
    return found or certifi.where()


def _chain(error: BaseException | None) -> list[BaseException]:
    """`error` and what it was raised from, or holds."""
    found: list[BaseException] = []
    waiting: list[Any] = [error]
    while waiting and len(found) < 20:
        one = waiting.pop()
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [*one.args, one.__cause__, one.__context__, getattr(one, "reason", None)]
    return found


_KINDS: tuple[tuple[type[BaseException], Ended], ...] = (
    (ssl.SSLCertVerificationError, Ended.NOT_VERIFIED),
    (TimeoutError, Ended.TIMED_OUT),
    (requests.Timeout, Ended.TIMED_OUT),
    (ssl.SSLError, Ended.NO_TLS),
    (http.client.RemoteDisconnected, Ended.CLOSED),
    (http.client.IncompleteRead, Ended.CLOSED),
    (ConnectionError, Ended.CLOSED),
)


def _ended(error: Exception, line: _Line) -> Ended:
    if line.over:
        return Ended.TIMED_OUT
    if line.failed is not None:
        if isinstance(line.failed, ConnectionRefusedError):
            return Ended.REFUSED
        timed_out = isinstance(line.failed, TimeoutError)
        return Ended.TIMED_OUT if timed_out else Ended.UNREACHABLE
    chain = _chain(error)
    for kind, ended in _KINDS:
        if any(isinstance(one, kind) for one in chain):
            return ended
    return Ended.NOT_HTTP


def _words(error: Exception) -> str:
    """The innermost error, which says most."""
    return str(_chain(error)[-1])[:300]
