"""Keys are created once and kept private; anything but an Ed25519 key is rejected."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit_core.model.errors import ConfigError, InputError, StoreError
from audit_core.pack import keys


def _pem(private: Ed25519PrivateKey | ec.EllipticCurvePrivateKey, password: bytes = b"") -> bytes:
    how = s.BestAvailableEncryption(password) if password else s.NoEncryption()
    return private.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, how)


def test_a_store_makes_its_key_once(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        first = keys.of_store(tmp_path / "store")
    finally:
        os.umask(before)
    path = tmp_path / "store" / "keys" / "ed25519.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert keys.of_store(tmp_path / "store").fingerprint == first.fingerprint
    raw = first.private.public_key().public_bytes_raw()
    assert first.fingerprint == hashlib.sha256(raw).hexdigest()
    assert [p.name for p in path.parent.iterdir()] == ["ed25519.pem"]


def test_many_at_once_agree_on_one_key(tmp_path: Path) -> None:
    seen: list[str] = []
    threads = [
        threading.Thread(target=lambda: seen.append(keys.of_store(tmp_path).fingerprint))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len(set(seen)) == 1


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    keys.of_store(tmp_path)
    (tmp_path / "keys" / "ed25519.pem").chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        keys.of_store(tmp_path)


def test_a_store_that_cannot_be_written_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file")
    with pytest.raises(StoreError, match="cannot write"):
        keys.of_store(tmp_path)


def test_a_key_is_never_shown(tmp_path: Path) -> None:
    key = keys.of_store(tmp_path)
    assert repr(key) == f"SigningKey({key.fingerprint})"


def test_a_users_key_is_read(tmp_path: Path) -> None:
    private = Ed25519PrivateKey.generate()
    (tmp_path / "plain.pem").write_bytes(_pem(private))
    (tmp_path / "locked.pem").write_bytes(_pem(private, b"open sesame"))
    expected = keys.fingerprint(private.public_key())
    assert keys.load(tmp_path / "plain.pem").fingerprint == expected
    assert keys.load(tmp_path / "locked.pem", b"open sesame").fingerprint == expected


def test_what_is_no_key_is_refused_by_name(tmp_path: Path) -> None:
    private = Ed25519PrivateKey.generate()
    (tmp_path / "plain.pem").write_bytes(_pem(private))
    (tmp_path / "locked.pem").write_bytes(_pem(private, b"open sesame"))
    (tmp_path / "curve.pem").write_bytes(_pem(ec.generate_private_key(ec.SECP256R1())))
    (tmp_path / "noise.pem").write_bytes(os.urandom(100))
    (tmp_path / "public.pem").write_bytes(keys.public_pem(private.public_key()))
    for name, passphrase, expected in (
        ("plain.pem", b"x", "is not encrypted"),
        ("locked.pem", None, "give its passphrase"),
        ("locked.pem", b"wrong", "wrong passphrase"),
        ("curve.pem", None, "expected an Ed25519 key"),
        ("noise.pem", None, "not a PEM private key"),
        ("public.pem", None, "not a PEM private key"),
        ("missing.pem", None, "cannot read the key"),
    ):
        with pytest.raises(InputError, match=expected) as caught:
            keys.load(tmp_path / name, passphrase)
        assert name in str(caught.value)
    with pytest.raises(InputError, match="not an Ed25519 public key"):
        keys.load_public(tmp_path / "plain.pem")
