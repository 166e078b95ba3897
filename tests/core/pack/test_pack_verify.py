"""Whatever is done to a pack is seen, nothing is written anywhere, and nothing crashes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import stat
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_core.errors import InputError
from audit_core.pack import documents as d
from audit_core.pack import keys, rests, signing
from audit_core.pack.archive import Archive, of_bytes
from audit_core.pack.report import MOST, Report
from audit_core.pack.verify import verify
from audit_core.results import encode
from core.pack.making import Pack

Members = dict[str, bytes]


def read(path: Path) -> Members:
    """Every member of the zip by name, in order."""
    with zipfile.ZipFile(path) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def write(path: Path, found: Members) -> Path:
    """The same members as dengbao would write them."""
    with path.open("w+b") as handle:
        archive = Archive(handle, "2026-11-23T10:15:00Z")
        for name, data in found.items():
            archive.add(name, of_bytes(data), len(data))
        archive.close()
    return path


def said(report: Report) -> str:
    """All problems as text."""
    return "\n".join(
        f"{p.where}: {p.said.id} {sorted(p.said.args.items())}" for p in report.problems
    )


def resigned(found: Members, key: keys.SigningKey) -> Members:
    """The members as a forger with a key of their own would put them together again."""
    manifest = json.loads(found[d.MANIFEST])
    files = []
    for name in (n for n in found if n not in d.TAIL):
        data = found[name]
        sm3 = hashlib.new("sm3", data).hexdigest() if d.HAS_SM3 else None
        sha256 = hashlib.sha256(data).hexdigest()
        files.append(d.File(name=name, size=len(data), sha256=sha256, sm3=sm3))
    pairs = [(f.name, f.sha256) for f in files]
    seal = dict(pairs).get(d.SEAL)
    manifest |= {
        "files": files,
        "root": d.root(pairs),
        "evidence_root": d.root(p for p in pairs if not d.exported(p[0])),
        "seal_sha256": seal,
    }
    raw = encode(manifest)
    predicate = signing.Predicate(
        run=manifest["run"], root=manifest["root"], dengbao=manifest["dengbao"]
    )
    made = {name: data for name, data in found.items() if name not in d.TAIL}
    made[d.MANIFEST] = raw
    made[d.SIGNATURE] = signing.sign(raw, predicate, key)
    made[d.KEY] = keys.public_pem(key.private.public_key())
    made[d.SUMS] = d.sums((n, hashlib.sha256(b).hexdigest()) for n, b in made.items())
    return made


@pytest.fixture
def other(tmp_path: Path) -> keys.SigningKey:
    """A key that is not the store's."""
    return keys.of_store(tmp_path / "other")


# --- the sound pack -----------------------------------------------------------------------------


def test_writing_a_pack_again_member_by_member_is_the_same_zip(pack: Pack, tmp_path: Path) -> None:
    path = pack().path
    assert write(tmp_path / "again.zip", read(path)).read_bytes() == path.read_bytes()


def test_forging_with_nothing_changed_is_the_same_pack(pack: Pack, key: keys.SigningKey) -> None:
    found = read(pack().path)
    assert resigned(found, key) == found


def test_verify_needs_no_plugin_and_no_library_of_one(pack: Pack) -> None:
    code = (
        "import sys; from pathlib import Path; from audit_core.pack.verify import verify;"
        "r = verify(Path(sys.argv[1])); assert r.whole, r;"
        "bad = {'paramiko', 'nmap', 'openpyxl', 'sqlite3'} & set(sys.modules);"
        "tops = {m.split('.')[0] for m in sys.modules};"
        "bad |= {m for m in tops if m.startswith('audit_') and m != 'audit_core'};"
        "sys.exit(str(bad) if bad else 0)"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(keys.__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", code, str(pack().path)], env=env, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


# --- one byte -----------------------------------------------------------------------------------


def test_one_byte_of_any_member_is_seen(pack: Pack, tmp_path: Path) -> None:
    found = read(pack().path)
    rng = random.Random(7)
    for name, data in found.items():
        for at in {0, len(data) // 2, len(data) - 1, rng.randrange(len(data))}:
            flipped = bytearray(data)
            flipped[at] ^= 1 << rng.randrange(8)
            path = write(tmp_path / "flipped.zip", {**found, name: bytes(flipped)})
            assert not verify(path).whole, (name, at)


def test_one_byte_of_the_file_is_seen(pack: Pack, tmp_path: Path) -> None:
    raw = bytearray(pack().path.read_bytes())
    found = read(tmp_path / "pack.zip")
    path = tmp_path / "flipped.zip"
    directory = raw.index(b"PK\x01\x02")
    strict = [*range(80), *range(directory, directory + 140), *range(len(raw) - 160, len(raw))]
    for at in strict + list(range(80, directory, 397)):
        raw[at] ^= 0x10
        path.write_bytes(raw)
        if verify(path).whole:
            # The last byte of deflated data has bits that mean nothing: then nothing has changed.
            assert at not in strict, at
            assert read(path) == found, at
        raw[at] ^= 0x10
    path.write_bytes(raw)
    assert verify(path).whole


def test_cut_anywhere_is_seen(pack: Pack, tmp_path: Path) -> None:
    raw = pack().path.read_bytes()
    path = tmp_path / "cut.zip"
    for size in [*range(60), *range(60, len(raw), 911), *range(len(raw) - 60, len(raw))]:
        path.write_bytes(raw[:size])
        assert not verify(path).whole, size


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=400), st.booleans())
def test_noise_never_crashes(tmp_path: Path, noise: bytes, zip_like: bool) -> None:
    path = tmp_path / "noise.zip"
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(noise), 0, 0)
    path.write_bytes(b"PK\x01\x02" * zip_like + noise + end * zip_like)
    assert not verify(path).whole


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=st.sampled_from([*sorted(d.TAIL), d.RESULTS, d.RUN, d.SEAL]), noise=st.binary())
def test_a_document_that_is_noise_never_crashes(
    pack: Pack, tmp_path: Path, name: str, noise: bytes
) -> None:
    found = read(pack().path)
    assert not verify(write(tmp_path / "noise.zip", {**found, name: noise})).whole


@pytest.mark.parametrize("name", [d.MANIFEST, d.RESULTS, d.RUN, d.SEAL, d.SIGNATURE])
@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 5000,
        b"NaN",
        b"1e999",
        b'"\\ud800"',
        b"{}",
        b"null",
        b'{"signatures": 7, "payload": [], "payloadType": {}}',
        b'{"signatures": [7], "payload": "!", "payloadType": "x"}',
        b'{"signatures": [{"sig": "", "keyid": {}}], "payload": "", "payloadType": "x"}',
    ],
)
def test_hostile_json_is_a_problem(pack: Pack, tmp_path: Path, name: str, raw: bytes) -> None:
    found = read(pack().path)
    assert name in said(verify(write(tmp_path / "json.zip", {**found, name: raw})))


# --- members added, lost, moved -----------------------------------------------------------------


def test_a_member_that_is_missing_is_named(pack: Pack, tmp_path: Path) -> None:
    found = read(pack().path)
    for name in found:
        left = {n: b for n, b in found.items() if n != name}
        assert name in said(verify(write(tmp_path / "less.zip", left))), name


def test_a_member_too_many_is_named(pack: Pack, tmp_path: Path) -> None:
    found = read(pack().path)
    for name in ("extra.txt", "evidence/00001-0000000000000000/stdout.txt", "evidence/x.txt"):
        report = verify(write(tmp_path / "more.zip", {**found, name: b"x"}))
        assert f"{name}: It is not in the manifest" in said(report)


def test_another_order_is_seen(pack: Pack, tmp_path: Path) -> None:
    found = read(pack().path)
    names = list(found)
    names[0], names[1] = names[1], names[0]
    report = verify(write(tmp_path / "order.zip", {n: found[n] for n in names}))
    assert "order of the manifest" in said(report)


def test_a_directory_in_another_order_is_seen(pack: Pack, tmp_path: Path) -> None:
    raw = pack().path.read_bytes()
    start = raw.index(b"PK\x01\x02")
    end = raw.rindex(b"PK\x05\x06")
    entries = [b"PK\x01\x02" + e for e in raw[start:end].split(b"PK\x01\x02")[1:]]
    entries[0], entries[1] = entries[1], entries[0]
    path = tmp_path / "order.zip"
    path.write_bytes(raw[:start] + b"".join(entries) + raw[end:])
    assert "out of order" in said(verify(path))


# --- hostile zips (rows 26 and 28) ----------------------------------------------------------------


def _zip(build: Callable[[zipfile.ZipFile], None]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        build(archive)
    return buffer.getvalue()


def _one(name: str = "a.txt", data: bytes = b"hello", **changes: int) -> bytes:
    """A zip of one member whose directory entry and header are told alike, with fields changed."""

    def build(archive: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo(name, (2026, 11, 23, 10, 15, 0))
        info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o644) << 16
        for field, value in changes.items():
            setattr(info, field, value)
        archive.writestr(info, data)

    return _zip(build)


def _patched(raw: bytes, at_local: int, at_entry: int, value: bytes) -> bytes:
    changed = bytearray(raw)
    entry = raw.rindex(b"PK\x01\x02")
    changed[at_local : at_local + len(value)] = value
    changed[entry + at_entry : entry + at_entry + len(value)] = value
    return bytes(changed)


def _crc(raw: bytes) -> bytes:
    return _patched(raw, 14, 16, b"\x00\x01\x02\x03")


def _sizes(raw: bytes, size: int) -> bytes:
    return _patched(raw, 22, 24, struct.pack("<L", size))


def _overlapping() -> bytes:

    def build(archive: zipfile.ZipFile) -> None:
        for name in "ab":
            info = zipfile.ZipInfo(name, (2026, 11, 23, 10, 15, 0))
            info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            archive.writestr(info, b"x" * 99)

    raw = bytearray(_zip(build))
    second = raw.rindex(b"PK\x01\x02")
    raw[second + 42 : second + 46] = struct.pack("<L", 0)
    return bytes(raw)


def _lying64() -> bytes:
    raw = _one()
    end = raw.rindex(b"PK\x05\x06")
    start = raw.rindex(b"PK\x01\x02")
    big = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, 1 << 62, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    return raw[:end] + big + locator + raw[end:]


def _wide_entry() -> bytes:
    raw = bytearray(_one())
    entry, end = raw.rindex(b"PK\x01\x02"), raw.rindex(b"PK\x05\x06")
    extra = struct.pack("<2HQ", 1, 8, 1 << 60)
    raw[entry + 24 : entry + 28] = b"\xff" * 4
    raw[entry + 30 : entry + 32] = struct.pack("<H", len(extra))
    raw[end:end] = extra
    end += len(extra)
    raw[end + 12 : end + 16] = struct.pack("<L", end - entry)
    return bytes(raw)


def _deflated(data: bytes) -> bytes:
    return _one(data=data, compress_type=zipfile.ZIP_DEFLATED)


def _understated() -> bytes:
    """What unpacks to 64 MiB and says that it is 60 kB."""
    return _sizes(_deflated(bytes(64 << 20)), 60_000)


HOSTILE: list[tuple[str, bytes, str]] = [
    ("climbing", _one("../../x"), "name"),
    ("absolute", _one("/etc/cron.d/x"), "name"),
    ("drive", _one("C:\\x"), "name"),
    ("option", _one("-rf"), "name"),
    ("nul", _one("a_b").replace(b"a_b", b"a\0b"), "name"),
    ("escape", _one("a_b").replace(b"a_b", b"a\x1bb"), "name"),
    ("not ascii", _one("口令.txt"), "name"),
    ("dots", _one("evidence/../a"), "name"),
    ("long", _one("a" * 4096), "name"),
    ("empty name", _one(""), "name"),
    ("folder", _one("folder/", b""), "name"),
    ("symlink", _one(external_attr=(stat.S_IFLNK | 0o777) << 16), "plain file"),
    ("device", _one(external_attr=(stat.S_IFCHR | 0o644) << 16), "plain file"),
    ("fifo", _one(external_attr=(stat.S_IFIFO | 0o644) << 16), "plain file"),
    ("setuid", _one(external_attr=(stat.S_IFREG | 0o4755) << 16), "plain file"),
    ("made on DOS", _one(create_system=0), "more about it"),
    ("member comment", _one(comment=b"x"), "more about it"),  # type: ignore[arg-type]
    ("extra field", _one(extra=b"\x99\x99\x00\x00"), "more about it"),  # type: ignore[arg-type]
    ("encrypted", _patched(_one(), 6, 8, b"\x01\x00"), "encrypted"),
    ("strongly encrypted", _patched(_one(), 6, 8, b"\x41\x00"), "encrypted"),
    ("data descriptor", _patched(_one(), 6, 8, b"\x08\x00"), "does not use"),
    ("LZMA", _one(compress_type=zipfile.ZIP_LZMA), "does not use"),
    ("bzip2", _one(compress_type=zipfile.ZIP_BZIP2), "does not use"),
    ("wrong checksum", _crc(_one()), "wrong checksum"),
    ("header and directory differ", _one().replace(b"a.txt", b"b.txt", 1), "contradict"),
    ("longer than told", _sizes(_deflated(b"hello" * 9), 44), "longer than told"),
    ("shorter than told", _sizes(_deflated(b"hello" * 9), 46), "shorter than told"),
    ("understated bomb", _understated(), "longer than told"),
    ("bomb by ratio", _deflated(bytes(64 << 20)), "200"),
    ("42 MB told", _sizes(_deflated(b"x" * 100), 42_000_000), "200"),
    ("zip64 entry lies", _wide_entry(), "more about it"),
    ("zip64 end lies", _lying64(), "cut off or wrong"),
    ("overlap", _overlapping(), "overlaps"),
    ("in front of it all", b"#!/bin/sh\n" + _one(), "cut off or wrong"),
    ("behind it all", _one() + b"tail", "end record"),
    ("zip comment", _one()[:-2] + b"\x04\x00tail", "end record"),
    ("stored, sizes differ", _sizes(_one(), 6), "shorter than told"),
    ("not deflate", _patched(_deflated(b"x" * 50), 35, 0, b"\xff\xff"), ""),
    ("empty", b"", "end record"),
    ("no members", _zip(lambda z: None), "missing"),
    ("nothing but an end", struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, 0, 0, 0), "members"),
]


@pytest.mark.parametrize(("raw", "expected"), [h[1:] for h in HOSTILE], ids=[h[0] for h in HOSTILE])
def test_a_hostile_zip_is_a_problem_and_touches_nothing(
    raw: bytes, expected: str, tmp_path: Path
) -> None:
    path = tmp_path / "box" / "deep" / "hostile.zip"
    path.parent.mkdir(parents=True)
    path.write_bytes(raw)
    before = sorted(tmp_path.rglob("*"))
    report = verify(path)
    assert expected in said(report)
    assert not report.whole
    assert sorted(tmp_path.rglob("*")) == before


def test_a_member_that_stands_twice_is_seen(pack: Pack, tmp_path: Path) -> None:
    found = read(pack().path)
    path = tmp_path / "twice.zip"
    with path.open("w+b") as handle:
        archive = Archive(handle, "2026-11-23T10:15:00Z")
        for name, data in found.items():
            archive.add(name, of_bytes(data), len(data))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.add(d.RESULTS, of_bytes(b"{}"), 2)
        archive.close()
    assert f"{d.RESULTS}: It stands in the zip twice" in said(verify(path))


def test_a_thousand_problems_are_enough(tmp_path: Path) -> None:
    found = {f"f {n}": b"" for n in range(MOST + 500)}
    report = verify(write(tmp_path / "many.zip", found))
    assert len(report.problems) == MOST + 1
    assert "more problems" in report.problems[-1].said.id


def test_a_file_that_cannot_be_opened_is_broken_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        verify(tmp_path / "missing.zip")
    with pytest.raises(InputError, match="cannot read"):
        verify(tmp_path)


# --- signatures -----------------------------------------------------------------------------------


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
    found[d.SUMS] = d.sums(rest.items())
    path = write(tmp_path / "key.zip", found)
    assert "not by the key" in said(verify(path))
    pub = tmp_path / "known.pem"
    pub.write_bytes(keys.public_pem(key.private.public_key()))
    assert "not the key that signed" in said(verify(path, trusted_key=pub))


def test_a_signature_over_another_manifest_is_seen(
    pack: Pack, key: keys.SigningKey, tmp_path: Path
) -> None:
    found = read(pack().path)
    zh = read(pack("zh.zip", lang="zh").path)
    found[d.SIGNATURE] = zh[d.SIGNATURE]
    assert "not over this manifest" in said(verify(write(tmp_path / "s.zip", found)))


@pytest.mark.parametrize("raw", [b"", b"-----BEGIN PUBLIC KEY-----\n", os.urandom(99)])
def test_a_trusted_key_that_is_none_is_broken_input(pack: Pack, tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "bad.pem").write_bytes(raw)
    with pytest.raises(InputError, match="not an Ed25519 public key"):
        verify(pack().path, trusted_key=tmp_path / "bad.pem")


# --- a forger with a key of their own -------------------------------------------------------------
# The signature holds; what is inside contradicts itself.


def _forged(pack: Pack, key: keys.SigningKey, path: Path, change: Callable[[Members], None]) -> str:
    found = read(pack().path)
    change(found)
    report = verify(write(path, resigned(found, key)))
    assert report.signer == key.fingerprint
    return said(report)


def _first(found: Members, ending: str) -> str:
    return next(n for n in found if n.endswith(ending))


def test_a_finding_without_its_observation_is_seen(
    pack: Pack, other: keys.SigningKey, tmp_path: Path
) -> None:
    def change(found: Members) -> None:
        folder = _first(found, "/stdout.txt").rpartition("/")[0]
        for name in [n for n in found if n.startswith(folder)]:
            del found[name]

    text = _forged(pack, other, tmp_path / "f.zip", change)
    assert "The finding {finding} rests on {digest}, which is not there" in text
    assert "ssh.root-login@0" in text
    assert "is listed and not there" in text


def test_an_output_that_is_not_the_one_observed_is_seen(
    pack: Pack, other: keys.SigningKey, tmp_path: Path
) -> None:
    def change(found: Members) -> None:
        found[_first(found, "/stdout.txt")] = b"permitrootlogin yes\n"

    text = _forged(pack, other, tmp_path / "f.zip", change)
    assert "not the output that the observation names" in text
    assert "rests on {digest}, which is not there" in text


def test_an_output_that_was_taken_away_is_seen(
    pack: Pack, other: keys.SigningKey, tmp_path: Path
) -> None:
    def change(found: Members) -> None:
        del found[_first(found, "/stderr.txt")]

    assert "rests on {digest}" in _forged(pack, other, tmp_path / "f.zip", change)


def test_an_observation_that_was_rewritten_is_seen(
    pack: Pack, other: keys.SigningKey, tmp_path: Path
) -> None:
    def change(found: Members) -> None:
        name = _first(found, "/observation.json")
        found[name] = found[name].replace(b'"exit_code":0', b'"exit_code":1')

    text = _forged(pack, other, tmp_path / "f.zip", change)
    assert "does not stand in the folder of its digest" in text
    assert "rests on {digest}" in text


def test_a_file_of_no_observation_is_seen(
    pack: Pack, other: keys.SigningKey, tmp_path: Path
) -> None:
    def change(found: Members) -> None:
        folder = _first(found, "/stdout.txt").rpartition("/")[0]
        items = list(found.items())
        found.clear()
        found.update({f"{folder}/notes.txt": b"x", **dict(items)})

    assert "belongs to no observation" in _forged(pack, other, tmp_path / "f.zip", change)


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        (d.RUN, b'"profile": "gbt22239-l3"', b'"profile": "gbt22239-l2"', "that the seal names"),
        (d.RUN, b"00c0de", b"00c0d0", "different runs"),
        (d.SEAL, b'"previous": null', b'"previous": "00"', "not the one in the pack"),
        (d.SEAL, b'.bundle": "', b'.bundle": "0', "not those of the seal"),
        (d.RESULTS, b"ssh.root-login@3", b"ssh.root-login@x", ""),
        (d.RESULTS, b"00c0de", b"00c0d0", "different runs"),
        (d.RESULTS, b"results/1", b"results/9", "Expected the schema"),
        (d.RUN, b"run/1", b"run/9", "Expected the schema"),
        (d.SEAL, b'"previous": null', b'"previous": null, "previous": null', "a field twice"),
    ],
)
def test_documents_that_contradict_each_other_are_seen(
    pack: Pack,
    other: keys.SigningKey,
    tmp_path: Path,
    name: str,
    old: bytes,
    new: bytes,
    expected: str,
) -> None:
    def change(found: Members) -> None:
        assert old in found[name]
        found[name] = found[name].replace(old, new, 1)

    text = _forged(pack, other, tmp_path / "f.zip", change)
    assert text
    assert expected in text


def test_a_conclusion_on_a_finding_that_is_gone_is_seen(
    pack: Pack, other: keys.SigningKey, tmp_path: Path
) -> None:
    def change(found: Members) -> None:
        results = json.loads(found[d.RESULTS])
        results["findings"].pop(0)
        found[d.RESULTS] = encode(results)

    text = _forged(pack, other, tmp_path / "f.zip", change)
    assert "The conclusion on {clause} rests on the finding {finding}, which is not there" in text


def test_a_seal_that_was_taken_away_is_told(
    pack: Pack, other: keys.SigningKey, tmp_path: Path
) -> None:
    found = read(pack().path)
    del found[d.SEAL]
    assert "is missing" in said(verify(write(tmp_path / "f.zip", found)))
    report = verify(write(tmp_path / "g.zip", resigned(found, other)))
    assert any("not sealed" in note.id for note in report.notes)


def test_other_times_in_the_zip_are_seen(pack: Pack, tmp_path: Path) -> None:
    path = tmp_path / "times.zip"
    with path.open("w+b") as handle:
        archive = Archive(handle, "2020-01-01T00:00:00Z")
        for name, data in read(pack().path).items():
            archive.add(name, of_bytes(data), len(data))
        archive.close()
    assert "times in the zip" in said(verify(path))


def test_a_record_of_noise_is_a_message_and_no_crash() -> None:
    assert not isinstance(rests.record(b"[" * 100_000), rests.Record)
