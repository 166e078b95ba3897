"""TLS as bytes: writes a ClientHello, and reads the server's messages before encryption. PURE.

RFC 5246, RFC 8446, RFC 6101 (SSL 3.0). TLCP 1.1 (GB/T 38636-2020) is taken to use the framing of
TLS 1.1 with version 0x0101: recalled, not read, unverified.
"""

from __future__ import annotations

import enum
import ipaddress
import struct
from collections.abc import Sequence

from msgspec import Struct

from audit_core.api.sdk import Message, msg, verbatim
from audit_core.text.system_errors import os_error
from audit_tls.suites import SSL3, TLCP, TLS10, TLS11, TLS12, TLS13

_HANDSHAKE, _ALERT, _CCS, _DATA = 22, 21, 20, 23
_MAX_RECORD = (1 << 14) + 2048
_SERVER_HELLO, _CERTIFICATE, _KEY_EXCHANGE, _HELLO_DONE = 2, 11, 12, 14
_CERTIFICATE_STATUS = 22
_SCSV, _FALLBACK_SCSV = 0x00FF, 0x5600
MASTER_SECRET, RENEGOTIATION = 23, 0xFF01  # extensions (RFC 7627, RFC 5746)
_STATUS_REQUEST = 5

# IANA's TLS Supported Groups; those of WEAK_GROUPS are below 112 bits of strength.
GROUP_NAMES = {
    1: "sect163k1", 2: "sect163r1", 3: "sect163r2", 4: "sect193r1", 5: "sect193r2",
    6: "sect233k1", 7: "sect233r1", 8: "sect239k1", 9: "sect283k1", 10: "sect283r1",
    11: "sect409k1", 12: "sect409r1", 13: "sect571k1", 14: "sect571r1",
    15: "secp160k1", 16: "secp160r1", 17: "secp160r2", 18: "secp192k1",
    19: "secp192r1", 20: "secp224k1", 21: "secp224r1", 22: "secp256k1", 23: "secp256r1",
    24: "secp384r1", 25: "secp521r1", 26: "brainpoolP256r1", 27: "brainpoolP384r1",
    28: "brainpoolP512r1", 29: "x25519", 30: "x448", 31: "brainpoolP256r1tls13",
    32: "brainpoolP384r1tls13", 33: "brainpoolP512r1tls13", 41: "curveSM2", 256: "ffdhe2048",
    257: "ffdhe3072", 258: "ffdhe4096", 259: "ffdhe6144", 260: "ffdhe8192",
    4587: "SecP256r1MLKEM768", 4588: "X25519MLKEM768", 4589: "SecP384r1MLKEM1024",
}  # fmt: skip
WEAK_GROUPS = (*range(1, 6), *range(15, 20))
_PRIME_GROUPS = tuple(range(256, 261))
# Weak and rare last: a server that takes its client's order shows the best it has.
_CURVES = (
    29, 23, 24, 25, 30, 26, 27, 28, 41, 4588, 4587, 4589, 31, 32, 33, 22, 21, 20,
    *range(14, 5, -1), *reversed(WEAK_GROUPS),
)  # fmt: skip
# Old hashes at the end, so that a certificate signed with SHA-1 or MD5 is shown, not withheld.
_SIGNATURES = (
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080A, 0x080B,
    0x0401, 0x0501, 0x0601, 0x0708, 0x0303, 0x0301, 0x0402, 0x0302, 0x0203, 0x0201, 0x0202, 0x0101,
)  # fmt: skip
_BY_KIND = {
    "ECDSA": (0x0403, 0x0503, 0x0603, 0x081A, 0x081B, 0x081C, 0x0303, 0x0203),
    "EdDSA": (0x0807, 0x0808),
    "old signatures": (0x0201, 0x0203, 0x0202, 0x0101),
    "RSA": (0x0804, 0x0805, 0x0806, 0x0809, 0x080A, 0x080B, 0x0401, 0x0501, 0x0601, 0x0201),
}
# IANA's TLS Alerts.
_ALERTS = {
    0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow",
    40: "handshake_failure", 42: "bad_certificate", 47: "illegal_parameter", 48: "unknown_ca",
    49: "access_denied", 50: "decode_error", 51: "decrypt_error", 70: "protocol_version",
    71: "insufficient_security", 80: "internal_error", 86: "inappropriate_fallback",
    90: "user_canceled", 100: "no_renegotiation", 109: "missing_extension",
    110: "unsupported_extension", 112: "unrecognized_name", 115: "unknown_psk_identity",
    116: "certificate_required", 120: "no_application_protocol",
}  # fmt: skip
_RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")


def alert_name(number: int) -> str:
    """The number of an alert, with its name where it has one."""
    name = _ALERTS.get(number)
    return f"{number} ({name})" if name else str(number)


class HandshakeError(Exception):
    """A handshake that failed; `detail` says how."""

    def __init__(self, detail: Message) -> None:
        super().__init__(str(detail))
        self.detail = detail


class NotTls(HandshakeError):
    """The peer sent bytes that no TLS server sends here; `detail` tells which."""


class HandshakeTimeout(HandshakeError, TimeoutError):
    """The peer did not answer before the deadline."""


class PeerClosed(HandshakeError, ConnectionResetError):
    """The peer closed the connection in the middle of it."""


def why(error: Exception) -> Message:
    """The error: our own text, the system's, or a library's, quoted."""
    if isinstance(error, HandshakeError):
        return error.detail
    if isinstance(error, OSError) and type(error).__module__ != "ssl":
        return os_error(error)
    return msg("{words}", words=verbatim(str(error)))


class ServerHello(Struct, frozen=True, kw_only=True):
    """What the server settled on. `group` is the key-exchange group of TLS 1.3, or None;
    `compression` the method, 0 for none; `extensions` their numbers."""

    version: int
    suite: int
    group: int | None = None
    retry: bool = False
    compression: int = 0
    extensions: frozenset[int] = frozenset()


# --- writing --------------------------------------------------------------------------------------


def _vector(width: int, body: bytes) -> bytes:
    return len(body).to_bytes(width, "big") + body


def _numbers(numbers: Sequence[int]) -> bytes:
    return b"".join(n.to_bytes(2, "big") for n in numbers)


def _extension(number: int, body: bytes) -> bytes:
    return struct.pack(">H", number) + _vector(2, body)


def is_name(server_name: str) -> bool:
    """Whether `server_name` is a name that may be sent as such, and no address."""
    try:
        ipaddress.ip_address(server_name)
    except ValueError:
        return bool(server_name)
    return False


class HelloSubset(enum.StrEnum):
    """What of a hello, beside its suites, is less than everything that may be offered."""

    NO = ""
    RSA = "RSA"  # signatures that only a certificate of this kind can make
    ECDSA = "ECDSA"
    EDDSA = "EdDSA"
    WEAK_CURVES = "weak curves"
    OLD_SIGNATURES = "old signatures"  # of the key exchange: SHA-1 and MD5 only
    COMPRESSION = "compression"  # nothing less, but DEFLATE as well
    FALLBACK = "fallback"  # nothing less, but the signal that a newer version failed (RFC 7507)
    STATUS = "status"  # nothing less, but an OCSP response is asked for (RFC 6066 8)
    OWN_PRIMES = "own primes"  # no groups of RFC 7919: the server shows the prime it was given


def _groups(narrow: HelloSubset) -> tuple[int, ...]:
    if narrow is HelloSubset.WEAK_CURVES:
        return WEAK_GROUPS
    return _CURVES if narrow is HelloSubset.OWN_PRIMES else (*_CURVES, *_PRIME_GROUPS)


def _extensions(version: int, server_name: str, key: bytes, narrow: HelloSubset) -> bytes:
    found = b""
    if is_name(server_name):  # RFC 6066: literal addresses are not permitted, nor a dot at the end
        host = b"\0" + _vector(2, server_name.rstrip(".").encode("ascii"))
        found += _extension(0, _vector(2, host))
    if version == TLCP:
        return found
    found += _extension(10, _vector(2, _numbers(_groups(narrow))))
    found += _extension(11, _vector(1, b"\0"))
    if version >= TLS12:
        signatures = _BY_KIND.get(narrow.value, _SIGNATURES)
        found += _extension(13, _vector(2, _numbers(signatures)))
    if version in (TLS10, TLS11, TLS12):
        found += _extension(MASTER_SECRET, b"")
    if narrow is HelloSubset.STATUS:
        found += _extension(_STATUS_REQUEST, b"\1\0\0\0\0")  # OCSP, of any responder
    if version == TLS13:
        found += _extension(43, _vector(1, struct.pack(">H", TLS13)))
        found += _extension(45, _vector(1, b"\1"))
        found += _extension(51, _vector(2, struct.pack(">H", 29) + _vector(2, key)))
    return found


def client_hello(
    version: int,
    suites: Sequence[int],
    server_name: str,
    random: bytes,
    *,
    narrow: HelloSubset = HelloSubset.NO,
    extended: bool = False,
    bare: bool = False,
    verify: bytes | None = None,
) -> bytes:
    """One record with a ClientHello that offers `suites` in exactly `version`.

    `random` is 96 bytes: the client's random, a session id and an X25519 share, which nobody holds
    the private key of, for no handshake is ever finished. `extended`: with extensions even in
    SSL 3.0, for servers that answer nobody without a name. `bare`: without any. `verify`:
    what the handshake before it ended with, in a renegotiation (RFC 5746 3.5).
    """
    assert len(random) == 96  # noqa: S101 (a slip of the caller, not of a peer)
    written = TLS12 if version == TLS13 else version
    body = struct.pack(">H", written) + random[:32]
    body += _vector(1, random[32:64] if version == TLS13 else b"")
    signal = version not in (TLS13, TLCP) and verify is None
    offered = [*suites, _SCSV] if signal else list(suites)
    if narrow is HelloSubset.FALLBACK:
        offered.append(_FALLBACK_SCSV)
    methods = b"\1\0" if narrow is HelloSubset.COMPRESSION else b"\0"
    body += _vector(2, _numbers(offered)) + _vector(1, methods)
    if (version != SSL3 or extended) and not bare:
        extensions = _extensions(version, server_name, random[64:96], narrow)
        if verify is not None:
            extensions += _extension(RENEGOTIATION, _vector(1, verify))
        body += _vector(2, extensions) if extensions else b""
    message = b"\1" + _vector(3, body)
    record = version if version in (SSL3, TLCP) else TLS10
    return struct.pack(">BH", _HANDSHAKE, record) + _vector(2, message)


# --- reading --------------------------------------------------------------------------------------


class Flight:
    """What a server has said so far; fed with bytes as they come, in linear time.

    `hello`, `alert` (level, description), `certificates` (DER, the server's own first),
    `key_exchange` (the body of ServerKeyExchange), `stapled` (an OCSP response) and `done` tell
    what is there; `sealed` counts the bytes that came encrypted behind the hello of TLS 1.3.
    """

    def __init__(self) -> None:
        self.hello: ServerHello | None = None
        self.alert: tuple[int, int] | None = None
        self.certificates: tuple[bytes, ...] = ()
        self.key_exchange: bytes | None = None
        self.stapled = False
        self.done = False
        self.sealed = 0
        self._raw = bytearray()
        self._handshake = bytearray()

    def feed(self, data: bytes) -> None:
        """Read `data`; raises NotTls for what cannot be the plaintext part of a handshake."""
        self._raw += data
        start = 0
        while not self.over and len(self._raw) - start >= 5:
            kind, version, size = struct.unpack_from(">BHH", self._raw, start)
            _check_record(kind, version, size)
            if len(self._raw) - start < 5 + size:
                break
            self._record(kind, bytes(self._raw[start + 5 : start + 5 + size]))
            start += 5 + size
        del self._raw[:start]
        if self.done:
            self._count()

    def _count(self) -> None:
        start = 0
        while len(self._raw) - start >= 5:
            kind, _, size = struct.unpack_from(">BHH", self._raw, start)
            if len(self._raw) - start < 5 + size:
                break
            self.sealed += size if kind == _DATA else 0
            start += 5 + size
        del self._raw[:start]

    @property
    def over(self) -> bool:
        """Whether nothing more that can be read will follow."""
        return self.alert is not None or self.done

    def _record(self, kind: int, body: bytes) -> None:
        if kind == _ALERT:
            if len(body) < 2:
                raise NotTls(msg("an alert of fewer than 2 bytes"))
            # a warning (unrecognized_name, RFC 6066) may stand before the hello
            if body[0] != 1 or body[1] == 0:
                self.alert = (body[0], body[1])
        elif kind == _HANDSHAKE:
            self._handshake += body
            self._messages()
        else:
            # what follows is encrypted (TLS 1.3), or has no place before a hello
            if self.hello is None:
                raise NotTls(msg("a record of type {kind} before the server's hello", kind=kind))
            self.done = True

    def _messages(self) -> None:
        start = 0
        while not self.done and len(self._handshake) - start >= 4:
            size = int.from_bytes(self._handshake[start + 1 : start + 4], "big")
            if len(self._handshake) - start < 4 + size:
                break
            body = bytes(self._handshake[start + 4 : start + 4 + size])
            self._message(self._handshake[start], body)
            start += 4 + size
        del self._handshake[:start]

    def _message(self, kind: int, body: bytes) -> None:
        if self.hello is None and kind != _SERVER_HELLO:
            raise NotTls(
                msg("a handshake message of type {kind} before the server's hello", kind=kind)
            )
        if kind == _SERVER_HELLO and self.hello is None:
            self.hello = read_hello(body)
            self.done = self.hello.version == TLS13
        elif kind == _CERTIFICATE:
            self.certificates = read_certificates(body)
        elif kind == _CERTIFICATE_STATUS:
            self.stapled = len(body) > 4 and body[0] == 1
        elif kind == _KEY_EXCHANGE:
            self.key_exchange = body
        elif kind == _HELLO_DONE:
            self.done = True


def _check_record(kind: int, version: int, size: int) -> None:
    major = version >> 8
    # GnuTLS 3.7 writes DTLS's version into the alert that no version will do
    known = major == 3 or version == TLCP or (kind == _ALERT and major == 0xFE)
    if kind not in (_HANDSHAKE, _ALERT, _CCS, _DATA) or not known:
        raise NotTls(
            msg(
                "not a TLS record: type {kind}, version 0x{version}",
                kind=kind,
                version=f"{version:04X}",
            )
        )
    if size > _MAX_RECORD or size == 0:
        raise NotTls(msg("a record of {size} bytes", size=size))


class _Reader:
    def __init__(self, body: bytes) -> None:
        self._body, self._at = body, 0

    def take(self, size: int) -> bytes:
        found = self._body[self._at : self._at + size]
        if len(found) != size:
            raise NotTls(msg("a message that ends too early"))
        self._at += size
        return found

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "big")

    def vector(self, width: int) -> bytes:
        return self.take(self.number(width))

    @property
    def left(self) -> int:
        return len(self._body) - self._at


def read_hello(body: bytes) -> ServerHello:
    """The body of a ServerHello; raises NotTls where it is none."""
    read = _Reader(body)
    version, random = read.number(2), read.take(32)
    read.vector(1)
    suite = read.number(2)
    compression = read.number(1)
    extensions = _Reader(read.vector(2)) if read.left else _Reader(b"")
    group, kinds = None, set()
    while extensions.left:
        kind, value = extensions.number(2), extensions.vector(2)
        kinds.add(kind)
        if kind == 43 and len(value) == 2:
            version = int.from_bytes(value, "big")
        if kind == 51 and len(value) >= 2:
            group = int.from_bytes(value[:2], "big")
    return ServerHello(
        version=version, suite=suite, group=group, retry=random == _RETRY_RANDOM,
        compression=compression, extensions=frozenset(kinds),
    )  # fmt: skip


def read_certificates(body: bytes) -> tuple[bytes, ...]:
    """The certificates (DER) in the body of a Certificate message; NotTls where it is none."""
    read = _Reader(_Reader(body).vector(3))
    found = []
    while read.left:
        found.append(read.vector(3))
    return tuple(found)


class KeyExchange(Struct, frozen=True, kw_only=True):
    """The server's share: `group` by name, and the bits of the prime for a prime field.

    `signature` is the number of its algorithm in TLS 1.2, before which none is written.
    """

    group: str
    prime_bits: int | None = None
    signature: int | None = None


def key_exchange(body: bytes, *, finite_field: bool, hint: bool) -> KeyExchange | None:
    """What a ServerKeyExchange of a DHE or ECDHE suite says, or None where it cannot be read.

    `hint`: the suite has a pre-shared key, so that a hint which key stands before the share.
    """
    read = _Reader(body)
    try:
        if hint:
            read.vector(2)
        if finite_field:
            bits = int.from_bytes(read.vector(2), "big").bit_length()
            signed = _signed(read, 2, 2)
            return KeyExchange(group=f"ffdh {bits}", prime_bits=bits, signature=signed)
        if read.number(1) != 3:  # named_curve, RFC 8422 5.4
            return KeyExchange(group="explicit curve")
        number = read.number(2)
        signed = _signed(read, 1)
        return KeyExchange(group=GROUP_NAMES.get(number, f"group {number}"), signature=signed)
    except NotTls:
        return None


def _signed(read: _Reader, *shares: int) -> int | None:
    """The algorithm behind vectors of these widths, or None where nothing is behind them."""
    try:
        for width in shares:
            read.vector(width)
        return read.number(2)
    except NotTls:
        return None
