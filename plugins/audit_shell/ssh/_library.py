"""paramiko as it is used here: imported late, silent, and bounded in what it reads."""

from __future__ import annotations

import contextlib
import functools
import logging
import struct
import sys
import threading
from collections.abc import Iterator, Mapping
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

from audit_core.model import msg
from audit_core.model.errors import ToolMissing

if TYPE_CHECKING:
    import paramiko

_READ = 64 << 10
_LOOK_S = 1.0  # how often a thread that waits for the server looks whether it is to end
_PACKET_MAX = 256 << 10  # as OpenSSH: PACKET_MAX_SIZE; the library itself would read 4 GiB
_BANNER_MAX = 16 << 10
_FIRST_MAX = 64
_HOST_KEYS = b"hostkeys-00@openssh.com"
_IMPORTING = threading.Lock()


@functools.cache
def library() -> ModuleType:
    """paramiko, with its log silenced: a target must not write to our terminal through it."""
    try:
        with _without("invoke"):
            import paramiko
    except ImportError as error:
        command = "pip install 'dengbao[ssh]'"
        detail = msg("SSH needs paramiko: {command}", command=command)
        raise ToolMissing(detail, command=command) from error
    log = logging.getLogger("paramiko")
    log.addHandler(logging.NullHandler())
    log.propagate = False
    log.setLevel(logging.CRITICAL + 1)
    return paramiko


@contextlib.contextmanager
def _without(name: str) -> Iterator[None]:
    """In the block `import NAME` fails, unless it was imported before.

    The library takes `invoke` when it is there, for a part that is not used here, and with it
    unittest and asyncio: half of the 0.2 s and 6 of the 39 MB that its import costs.
    """
    with _IMPORTING:
        unwanted = name not in sys.modules
        if unwanted:
            sys.modules[name] = None  # type: ignore[assignment]  # as the import system has it
        try:
            yield
        finally:
            if unwanted:
                del sys.modules[name]


def transport(sock: Any) -> paramiko.Transport:
    """A client on `sock`, for which `ask_for` must be called before it starts."""
    ahead: Any = _ReadAhead(sock)
    made: paramiko.Transport = _client()(ahead, packetizer_class=_packetizer())
    return made


class _ReadAhead:
    """A socket that is read in large pieces: the library asks for each packet in two or three."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._held, self._at = b"", 0

    def recv(self, most: int) -> bytes:
        """At most `most` bytes of what came; as of a socket, empty at the end of the stream."""
        if self._at == len(self._held):
            self._held, self._at = self._sock.recv(_READ), 0
        data: bytes = self._held[self._at : self._at + most]
        self._at += len(data)
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def ask_for(transport: paramiko.Transport, host_key_types: tuple[str, ...]) -> None:
    """`transport` takes host keys of these types only, the first ones rather."""
    transport.host_key_types = host_key_types  # type: ignore[attr-defined]


def offered(transport: paramiko.Transport, list: str) -> tuple[str, ...]:
    """What the server named in one of the lists of its first packet; empty before that came."""
    lists: Mapping[str, Any] = transport.offers  # type: ignore[attr-defined]
    return tuple(lists.get(list, ()))


def host_key(transport: paramiko.Transport) -> paramiko.PKey | None:
    """The key that the server proved to hold, also of a connection that has ended; None without."""
    return transport.host_key


def host_keys(transport: paramiko.Transport) -> tuple[bytes, ...]:
    """All host keys of the server, as it reported them after the login; empty where it did not.

    OpenSSH does so since 6.8 (PROTOCOL, 2.5), with what it sends first of all to a new login.
    """
    keys: tuple[bytes, ...] = transport.host_keys  # type: ignore[attr-defined]
    return keys


def first_bytes(transport: paramiko.Transport) -> bytes:
    """The first bytes that the server sent, at most 64, whatever it is."""
    banner: bytes = transport.packetizer.first_bytes  # type: ignore[attr-defined]
    return banner


def host_key_types() -> tuple[str, ...]:
    """The host key algorithms that the library speaks, best first, those of certificates last."""
    plain: tuple[str, ...] = library().Transport._preferred_keys
    return plain + tuple(f"{name}-cert-v01@openssh.com" for name in plain)


@functools.cache
def _client() -> type[paramiko.Transport]:
    ours, theirs = "curve25519-sha256", "curve25519-sha256@libssh.org"  # RFC 8731: the same
    names = library().Transport._preferred_kex
    engines = library().Transport._kex_info
    ciphers = library().Transport._preferred_ciphers

    class Client(library().Transport):  # type: ignore[misc]
        # The library knows the method by its older name only, and some servers by the newer one.
        _preferred_kex = names if ours in names else (ours, *names)
        _kex_info = engines if ours in engines else {**engines, ours: engines[theirs]}
        # The library compares a MAC byte by byte in Python, which is half of what a packet costs.
        _preferred_ciphers = tuple(sorted(ciphers, key=lambda name: "gcm" not in name))
        _active_check_timeout = _LOOK_S
        host_key_types: tuple[str, ...] = ()
        offers: Mapping[str, Any] = MappingProxyType({})

        @property
        def preferred_keys(self) -> tuple[str, ...]:
            # The library would put certificates last, whatever is asked for.
            return self.host_key_types

        def _really_parse_kex_init(self, m: Any, ignore_first_byte: bool = False) -> Any:
            named = super()._really_parse_kex_init(m, ignore_first_byte)
            if not ignore_first_byte:  # else it is our own packet
                self.offers = named
            return named

        host_keys: tuple[bytes, ...] = ()

        def _parse_global_request(self, m: Any) -> Any:
            self.host_keys = _sent_keys(m.get_remainder()) or self.host_keys
            return super()._parse_global_request(m)

    return Client


def _sent_keys(request: bytes) -> tuple[bytes, ...]:
    """The keys in the global request that tells them; none in another, or in a broken one."""
    head = struct.pack(">I", len(_HOST_KEYS)) + _HOST_KEYS
    at, keys = len(head) + 1, list[bytes]()  # after the name: whether a reply is wanted
    if not request.startswith(head):
        return ()
    while at < len(request):
        size = int.from_bytes(request[at : at + 4])
        key = request[at + 4 : at + 4 + size]
        if len(request) - at < 4 or len(key) < size:
            return ()
        keys.append(key)
        at += 4 + size
    return tuple(keys)


@functools.cache
def _packetizer() -> type[paramiko.packet.Packetizer]:
    """The library's packet reader, bounded: it would take any length that the server names."""
    paramiko = library()

    class Bounded(paramiko.packet.Packetizer):  # type: ignore[misc,name-defined]
        banner = 0
        first_bytes = b""
        completed = False

        def read_all(self, n: int, check_rekey: bool = False) -> bytes:
            if n > _PACKET_MAX:
                raise paramiko.SSHException("a packet larger than SSH allows")
            data: bytes = super().read_all(n, check_rekey)
            return data

        def complete_handshake(self) -> None:
            if not self.completed:  # called for each packet
                super().complete_handshake()
                self.completed = True

        def _read_timeout(self, timeout: float) -> bytes:
            data: bytes = super()._read_timeout(timeout)
            self.banner += len(data)
            self.first_bytes = (self.first_bytes + data)[:_FIRST_MAX]
            if self.banner > _BANNER_MAX:
                raise paramiko.SSHException(f": more than {_BANNER_MAX} bytes without one")
            return data

    return Bounded
