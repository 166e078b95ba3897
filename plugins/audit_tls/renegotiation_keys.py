"""The keys of one connection of TLS 1.2, and records under them (RFC 5246 5, 6.2.3, 8.1)."""

from __future__ import annotations

import hmac
import os
from typing import Any, Self

from audit_core.api.sdk import msg
from audit_tls.suites import suite_name
from audit_tls.wire import NotTls, read_certificates

_SHA1_MAC, _SHA256_MAC, _SHA384_MAC = 20, 32, 48
_CURVES = {23: "SECP256R1", 24: "SECP384R1", 25: "SECP521R1"}
_X25519 = 29


def prf(suite: int, secret: bytes, label: bytes, seed: bytes, size: int) -> bytes:
    """`size` bytes of the pseudo-random function (RFC 5246 5)."""
    name = "sha384" if suite_name(suite).endswith("SHA384") else "sha256"
    seed, found, a = label + seed, b"", label + seed
    while len(found) < size:
        a = hmac.digest(secret, a, name)
        found += hmac.digest(secret, a + seed, name)
    return found[:size]


def agree(suite: int, share: bytes | None, certificate: bytes | None) -> tuple[bytes, bytes]:
    """The body of ClientKeyExchange, and the secret that both sides then have."""
    name = suite_name(suite)
    if name.startswith("TLS_RSA_"):
        return _by_rsa(certificate)
    if share is None:
        raise NotTls(msg("no share of the key exchange"))
    return _by_curve(share) if "ECDHE" in name else _by_prime(share)


def _by_rsa(certificate: bytes | None) -> tuple[bytes, bytes]:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    sent = read_certificates(certificate or b"")
    key = x509.load_der_x509_certificate(sent[0]).public_key() if sent else None
    if not isinstance(key, rsa.RSAPublicKey):
        raise NotTls(msg("no RSA key to agree with"))
    secret = b"\3\3" + os.urandom(46)
    sealed = key.encrypt(secret, padding.PKCS1v15())
    return len(sealed).to_bytes(2, "big") + sealed, secret


def _by_curve(share: bytes) -> tuple[bytes, bytes]:
    from cryptography.hazmat.primitives.asymmetric import ec, x25519
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    group, size = int.from_bytes(share[1:3], "big"), share[3] if len(share) > 3 else 0
    point = share[4 : 4 + size]
    if share[:1] != b"\3" or (group != _X25519 and group not in _CURVES):
        raise NotTls(msg("a group that this client cannot use"))
    if group == _X25519:
        own = x25519.X25519PrivateKey.generate()
        mine = own.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        secret = own.exchange(x25519.X25519PublicKey.from_public_bytes(point))
        return bytes([len(mine)]) + mine, secret
    curve = getattr(ec, _CURVES[group])()
    key = ec.generate_private_key(curve)
    secret = key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(curve, point))
    mine = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return bytes([len(mine)]) + mine, secret


_MOST_BYTES = 1024  # of a prime: 8192 bits


def _by_prime(share: bytes) -> tuple[bytes, bytes]:
    numbers, at = [], 0
    for _ in range(3):
        size = int.from_bytes(share[at : at + 2], "big")
        numbers.append(int.from_bytes(share[at + 2 : at + 2 + size], "big"))
        at += 2 + size
    prime, generator, theirs = numbers
    width = (prime.bit_length() + 7) // 8
    if not 64 <= width <= _MOST_BYTES or not 1 < theirs < prime - 1:
        raise NotTls(msg("a share that this client cannot use"))
    own = int.from_bytes(os.urandom(32), "big")
    mine = pow(generator, own, prime).to_bytes(width, "big")
    # leading zero bytes are left out (RFC 5246 8.1.2)
    secret = pow(theirs, own, prime).to_bytes(width, "big").lstrip(b"\0")
    return len(mine).to_bytes(2, "big") + mine, secret


class Protection:
    """The keys that protect the records of one direction, and their count."""

    def __init__(self, suite: int, mac: bytes, key: bytes, iv: bytes) -> None:
        self._name, self._mac, self._key, self._iv = suite_name(suite), mac, key, iv
        self._count = 0

    @classmethod
    def both(cls, suite: int, master: bytes, randoms: tuple[bytes, bytes]) -> tuple[Self, Self]:
        """What the client writes, and what the server writes."""
        mac, key, iv = _sizes(suite_name(suite))
        block = prf(suite, master, b"key expansion", randoms[1] + randoms[0], 2 * (mac + key + iv))
        parts, at = [], 0
        for size in (mac, mac, key, key, iv, iv):
            parts.append(block[at : at + size])
            at += size
        return cls(suite, *parts[::2]), cls(suite, *parts[1::2])

    def seal(self, kind: int, plain: bytes) -> bytes:
        """The encrypted record, with its header, that carries `plain`."""
        body = self._sealed(kind, plain)
        self._count += 1
        return bytes([kind]) + b"\3\3" + len(body).to_bytes(2, "big") + body

    def open(self, kind: int, body: bytes) -> bytes:
        """What stands in a record of the other side; ValueError or NotTls where it is another's."""
        from cryptography.exceptions import InvalidTag

        try:
            plain = self._opened(kind, body)
        except InvalidTag:
            raise NotTls(msg("a record that cannot be decrypted")) from None
        self._count += 1
        return plain

    def _head(self, kind: int, size: int) -> bytes:
        return self._count.to_bytes(8, "big") + bytes([kind]) + b"\3\3" + size.to_bytes(2, "big")

    def _nonce(self, explicit: bytes) -> bytes:
        if "CHACHA" not in self._name:
            return self._iv + explicit
        count = self._count.to_bytes(12, "big")
        return bytes(a ^ b for a, b in zip(self._iv, count, strict=True))

    def _aead(self) -> Any:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

        return (ChaCha20Poly1305 if "CHACHA" in self._name else AESGCM)(self._key)

    def _sealed(self, kind: int, plain: bytes) -> bytes:
        if "CBC" in self._name:
            return self._cbc_sealed(kind, plain)
        explicit = b"" if "CHACHA" in self._name else self._count.to_bytes(8, "big")
        head = self._head(kind, len(plain))
        return explicit + bytes(self._aead().encrypt(self._nonce(explicit), plain, head))

    def _opened(self, kind: int, body: bytes) -> bytes:
        if "CBC" in self._name:
            return self._cbc_opened(body)
        explicit = b"" if "CHACHA" in self._name else body[:8]
        sealed = body[len(explicit) :]
        head = self._head(kind, len(sealed) - 16)
        return bytes(self._aead().decrypt(self._nonce(explicit), sealed, head))

    def _cbc(self, iv: bytes) -> Any:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        return Cipher(algorithms.AES(self._key), modes.CBC(iv))

    def _cbc_sealed(self, kind: int, plain: bytes) -> bytes:
        hash_ = {20: "sha1", 32: "sha256", 48: "sha384"}[len(self._mac)]
        signed = plain + hmac.digest(self._mac, self._head(kind, len(plain)) + plain, hash_)
        pad = 15 - len(signed) % 16
        iv = os.urandom(16)
        writer = self._cbc(iv).encryptor()
        return iv + bytes(writer.update(signed + bytes([pad]) * (pad + 1)) + writer.finalize())

    def _cbc_opened(self, body: bytes) -> bytes:
        """Without its MAC being tried: nothing rests on more than the kind of message."""
        reader = self._cbc(body[:16]).decryptor()
        plain = bytes(reader.update(body[16:]) + reader.finalize())
        return plain[: len(plain) - 1 - plain[-1] - len(self._mac)] if plain else b""


def _sizes(name: str) -> tuple[int, int, int]:
    """The bytes of the MAC key, the key and the fixed part of the nonce."""
    key = 16 if "AES_128" in name else 32
    if "CHACHA" in name:
        return 0, 32, 12
    if "GCM" in name:
        return 0, key, 4
    macs = {"SHA": _SHA1_MAC, "SHA256": _SHA256_MAC, "SHA384": _SHA384_MAC}
    return macs[name.rpartition("_")[2]], key, 0
