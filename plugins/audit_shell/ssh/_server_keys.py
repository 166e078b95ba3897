"""What the server of an open session shows to every client: its lists, and its host keys."""

from __future__ import annotations

import base64
import socket
import time
from collections.abc import Mapping
from typing import Any

from audit_shell.key_exchange import StoredKeyExchange
from audit_shell.ssh import _library
from audit_shell.ssh._error_text import plain
from audit_shell.ssh._host_key import Unread, host_key
from audit_shell.ssh._link import Link

_LISTS = {
    "kex": "kex_algo_list", "host_keys": "server_key_algo_list",
    "ciphers_in": "client_encrypt_algo_list", "ciphers_out": "server_encrypt_algo_list",
    "macs_in": "client_mac_algo_list", "macs_out": "server_mac_algo_list",
    "compression_in": "client_compress_algo_list", "compression_out": "server_compress_algo_list",
}  # fmt: skip
# The one type in use whose name does not tell its length, and the algorithms that sign by it.
_RSA = "ssh-rsa"
_BY_RSA = ("rsa-sha2-512", "rsa-sha2-256", _RSA)
_EACH_S = 10.0
_PAUSES_S = (0.0, 1.0, 3.0)  # before each try of a server that may be busy
_BUSY = (b"Exceeded MaxStartups", b"Not allowed at this time")


def key_exchange(link: Link, until: float) -> StoredKeyExchange:
    """The lists of this connection, its host key if it proved one, and the RSA key if it has one.

    What the server sent after the login spares a connection of its own for the RSA key. A key that
    does not come by `until`, a moment of the monotonic clock, is `unread`.
    """
    lists = {ours: list(_library.offered(link.transport, name)) for ours, name in _LISTS.items()}
    own = _library.host_key(link.transport)
    keys = {} if own is None else {own.get_name(): own.asbytes()}
    unread: list[str] = []
    algorithm = next((name for name in _BY_RSA if name in lists["host_keys"]), None)
    if algorithm is not None and _RSA not in keys:
        blob = _rsa_key_sent(link) or _key(link, algorithm, lists, until)
        if blob is None:
            unread.append(algorithm)
        else:
            keys[_RSA] = blob
    return StoredKeyExchange(
        server=plain(link.transport.remote_version), lists=lists, unread=unread,
        through="" if link.parent is None else link.parent.access.place,
        keys={type: base64.b64encode(blob).decode() for type, blob in keys.items()},
    )  # fmt: skip


def _rsa_key_sent(link: Link) -> bytes | None:
    """The RSA key among those that the server sent after the login; the first is in use."""
    begin = len(_RSA).to_bytes(4) + _RSA.encode()
    return next((key for key in _library.host_keys(link.transport) if key.startswith(begin)), None)


def _key(link: Link, algorithm: str, lists: Mapping[str, list[str]], until: float) -> bytes | None:
    """The host key that signs by `algorithm`, None where it did not come.

    A busy server is asked again.
    """
    for pause in _PAUSES_S:
        left = until - time.monotonic() - pause
        if left <= 0:
            return None
        time.sleep(pause)
        try:
            return _asked(link, algorithm, list(lists.values()), min(left, _EACH_S))
        except Unread as error:
            if not error.banner.startswith(_BUSY):
                return None
        except Exception:  # noqa: BLE001 (a library's, or the system's: no key came)
            return None
    return None


def _asked(link: Link, algorithm: str, lists: list[list[str]], seconds: float) -> bytes:
    until = time.monotonic() + seconds
    sock = _connected(link, seconds)
    try:
        return host_key(sock, algorithm, lists, until)
    finally:
        sock.close()


def _connected(link: Link, seconds: float) -> Any:
    """A connection of its own to the same server, over the same host in between."""
    place = (link.access.host, link.access.port)
    if link.parent is None:
        return socket.create_connection(place, timeout=seconds)
    return link.parent.transport.open_channel(
        "direct-tcpip", place, ("127.0.0.1", 0), timeout=seconds
    )
