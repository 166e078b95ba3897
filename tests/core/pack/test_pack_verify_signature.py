"""The signer of a pack, and signatures by unknown keys."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from audit_core.model.errors import InputError
from audit_core.pack import documents as d
from audit_core.pack import keys
from audit_core.pack.verify import verify
from core.pack.forging import detail, read, write
from core.pack.making import Pack


def test_a_key_that_came_along_does_not_say_who_made_it(pack: Pack) -> None:
    report = verify(pack().path)
    assert any("not who made it" in note.id for note in report.notes)


def test_a_known_key_says_who_made_it(pack: Pack, key: keys.SigningKey, tmp_path: Path) -> None:
    pub = tmp_path / "known.pem"
    pub.write_bytes(keys.public_pem(key.private.public_key()))
    for report in (
        verify(pack().path, trusted_key=pub),
        verify(pack().path, fingerprint=key.fingerprint),
        verify(pack().path, fingerprint=f"SHA256:{key.fingerprint.upper()}"),
    ):
        assert (report.problems, report.notes, report.trusted) == ((), (), True)


def test_a_pack_by_another_key_is_whole_and_not_trusted(
    pack: Pack, key: keys.SigningKey, other: keys.SigningKey, tmp_path: Path
) -> None:
    path = pack(key=other).path
    assert verify(path).problems == ()
    pub = tmp_path / "known.pem"
    pub.write_bytes(keys.public_pem(key.private.public_key()))
    for report in (
        verify(path, trusted_key=pub),
        verify(path, fingerprint=key.fingerprint),
    ):
        assert not report.whole
        assert report.signer is None
        assert not report.trusted


def test_the_key_beside_a_signature_must_be_the_one_that_signed(
    pack: Pack, key: keys.SigningKey, other: keys.SigningKey, tmp_path: Path
) -> None:
    found = read(pack().path)
    found[d.KEY] = keys.public_pem(other.private.public_key())
    rest = {n: hashlib.sha256(b).hexdigest() for n, b in found.items() if n != d.SUMS}
    found[d.SUMS] = b"".join(d.sums(sorted(rest.items())))
    path = write(tmp_path / "key.zip", found)
    assert "not by the key" in detail(verify(path))
    pub = tmp_path / "known.pem"
    pub.write_bytes(keys.public_pem(key.private.public_key()))
    assert "not the key that signed" in detail(verify(path, trusted_key=pub))


def test_a_signature_over_another_manifest_is_seen(
    pack: Pack, key: keys.SigningKey, tmp_path: Path
) -> None:
    found = read(pack().path)
    zh = read(pack("zh.zip", lang="zh").path)
    found[d.SIGNATURE] = zh[d.SIGNATURE]
    assert "not over this manifest" in detail(verify(write(tmp_path / "s.zip", found)))


@pytest.mark.parametrize(
    "raw",
    [b"", b"-----BEGIN PUBLIC KEY-----\n", bytes(range(99))],
    ids=["empty", "cut off", "noise"],
)
def test_a_trusted_key_that_is_none_is_broken_input(pack: Pack, tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "bad.pem").write_bytes(raw)
    with pytest.raises(InputError, match="not an Ed25519 public key"):
        verify(pack().path, trusted_key=tmp_path / "bad.pem")
