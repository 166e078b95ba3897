"""Public keys in the form of OpenSSH: type and length (RFC 4253, 5656, 8709)."""

from __future__ import annotations

import base64
import binascii
import struct

from msgspec import Struct


class PublicKey(Struct, frozen=True, kw_only=True):
    """One public key: its type, and its length in bits where the type does not fix it.

    `authority`: it signs the certificates that open an account, and opens none itself. `until`: the
    second since 1970 after which it surely opens nothing (expiry-time); None without one.
    """

    kind: str
    bits: int | None = None
    authority: bool = False
    until: int | None = None

    @property
    def text(self) -> str:
        """Type and length of the key for a reader: `ssh-rsa 2048`."""
        return self.kind if self.bits is None else f"{self.kind} {self.bits}"


def _strings(blob: bytes) -> list[bytes]:
    """The strings of the wire format, as far as they are whole."""
    found, at = [], 0
    while at + 4 <= len(blob):
        (size,) = struct.unpack_from(">I", blob, at)
        if at + 4 + size > len(blob):
            break
        found.append(blob[at + 4 : at + 4 + size])
        at += 4 + size
    return found


# Which of the strings is the number that gives the length.
_LENGTH = {"ssh-rsa": 2, "ssh-rsa-cert-v01@openssh.com": 3,
           "ssh-dss": 1, "ssh-dss-cert-v01@openssh.com": 2}  # fmt: skip
# How many strings make a key of this type, all of them (sshkey.c).
_PARTS = {
    "ssh-rsa": 3, "ssh-dss": 5, "ssh-ed25519": 2, "sk-ssh-ed25519@openssh.com": 3,
    "ecdsa-sha2-nistp256": 3, "ecdsa-sha2-nistp384": 3, "ecdsa-sha2-nistp521": 3,
    "sk-ecdsa-sha2-nistp256@openssh.com": 4, "webauthn-sk-ecdsa-sha2-nistp256@openssh.com": 4,
}  # fmt: skip
_RSA_MINIMUM = 1024  # SSH_RSA_MINIMUM_MODULUS_SIZE since OpenSSH 7.6; shorter ones are no keys
_ED25519_SIZE = 32


def public_key(kind: str, encoded: str) -> PublicKey | None:
    """The key that `encoded` (base64) holds; None where it is none, or of another type.

    As OpenSSH reads it: padding has to be right, and nothing may be missing or stand behind.
    """
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    parts = _strings(blob)
    wanted = _PARTS.get(kind)
    if base64.b64encode(blob).decode() != encoded or not parts:
        return None
    if parts[0] != kind.encode("utf-8", "surrogateescape"):
        return None
    if wanted is not None and (len(parts) != wanted or _size(parts) != len(blob)):
        return None
    return _measured(kind, parts)


def _size(parts: list[bytes]) -> int:
    return sum(4 + len(part) for part in parts)


def _measured(kind: str, parts: list[bytes]) -> PublicKey | None:
    at = _LENGTH.get(kind)
    if at is None:
        whole = not kind.endswith("ssh-ed25519") or len(parts[1]) == _ED25519_SIZE
        return PublicKey(kind=kind) if whole else None
    if len(parts) <= at:
        return None
    return PublicKey(kind=kind, bits=int.from_bytes(parts[at], "big").bit_length())


def weak(key: PublicKey, min_rsa: int) -> bool:
    """Whether the key is DSA, or RSA shorter than `min_rsa` bits."""
    if key.kind.startswith("ssh-dss"):
        return True
    return key.kind.startswith("ssh-rsa") and (key.bits or 0) < min_rsa
