"""Ed25519 keys: the key of a store, a key of the user, the key in a pack."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from audit_core.model import msg
from audit_core.model.errors import ConfigError, InputError, StoreError
from audit_core.store.frames import sync_folder
from audit_core.text.system_errors import os_error

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

_MAX = 64 << 10
_NAME = "ed25519.pem"


class SigningKey(Struct, frozen=True, kw_only=True):
    """A key that signs. `fingerprint` is the SHA-256 (hex) of the raw public key."""

    private: Ed25519PrivateKey
    fingerprint: str

    def __repr__(self) -> str:
        return f"SigningKey({self.fingerprint})"


def fingerprint(public: Ed25519PublicKey) -> str:
    """The SHA-256 (hex) of the 32 raw bytes of `public`."""
    return hashlib.sha256(public.public_bytes_raw()).hexdigest()


def public_pem(public: Ed25519PublicKey) -> bytes:
    """The public key in PEM form (SubjectPublicKeyInfo, RFC 7468)."""
    from cryptography.hazmat.primitives import serialization as s

    return public.public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)


def _signing(private: Ed25519PrivateKey) -> SigningKey:
    return SigningKey(private=private, fingerprint=fingerprint(private.public_key()))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as handle:
            return handle.read(_MAX)
    except OSError as error:
        raise InputError(
            msg(
                "{path}: cannot read the key: {error}",
                path=str(path),
                error=os_error(error),
            )
        ) from error


def load(path: Path, passphrase: bytes | None = None) -> SigningKey:
    """The private key in `path` (PEM, PKCS#8, Ed25519); raises InputError for anything else."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        private = load_pem_private_key(_read(path), passphrase)
    except TypeError as error:
        # cryptography says TypeError both for a missing and for a superfluous passphrase.
        if passphrase is None:
            detail = msg("{path}: the key is encrypted: give its passphrase", path=str(path))
        else:
            detail = msg("{path}: the key is not encrypted", path=str(path))
        raise InputError(detail) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        detail = msg("{path}: not a PEM private key, or the wrong passphrase", path=str(path))
        raise InputError(detail) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise InputError(
            msg(
                "{path}: expected an Ed25519 key, found {name}",
                path=str(path),
                name=str(type(private).__name__),
            )
        )
    return _signing(private)


def parse_public(raw: bytes) -> Ed25519PublicKey | None:
    """The Ed25519 public key in the PEM `raw`, or None where it is none."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        public = load_pem_public_key(raw)
    except (ValueError, UnsupportedAlgorithm):
        return None
    return public if isinstance(public, Ed25519PublicKey) else None


def load_public(path: Path) -> Ed25519PublicKey:
    """The Ed25519 public key in `path` (PEM); raises InputError for anything else."""
    public = parse_public(_read(path))
    if public is None:
        raise InputError(msg("{path}: not an Ed25519 public key in PEM", path=str(path)))
    return public


def of_store(root: Path) -> SigningKey:
    """The key of the store at `root`, made on first use; raises StoreError or ConfigError."""
    path = root / "keys" / _NAME
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        mode = path.stat().st_mode & 0o077
    except OSError as error:
        raise StoreError(
            msg("{path}: cannot write: {error}", path=str(path), error=os_error(error))
        ) from error
    if mode:
        raise ConfigError(
            msg(
                "{path}: the signing key is accessible to other users; run chmod 600",
                path=str(path),
            )
        )
    return load(path)


def passing() -> SigningKey:
    """A signing key for one pack only, which is stored nowhere."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return _signing(Ed25519PrivateKey.generate())


def _make(path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    pem = Ed25519PrivateKey.generate().private_bytes(
        s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()
    )
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(fd, "wb") as handle:
            handle.write(pem)
            handle.flush()
            os.fsync(handle.fileno())
        # The link fails where another process was faster: then the key of that process is used.
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
