"""Every change of the bytes or members of a pack is detected, and nothing crashes."""

from __future__ import annotations

import json
import os
import random
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_core.pack import documents as d
from audit_core.pack import keys
from audit_core.pack.verify import verify
from core.pack.forging import detail, read, resigned, write
from core.pack.making import Pack


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


def test_one_byte_of_any_member_is_seen(pack: Pack, tmp_path: Path) -> None:
    found = read(pack().path)
    rng = random.Random(7)
    for name, data in found.items():
        for at in {0, len(data) // 2, len(data) - 1, rng.randrange(len(data))}:
            flipped = bytearray(data)
            flipped[at] ^= 1 << rng.randrange(8)
            path = write(tmp_path / "flipped.zip", {**found, name: bytes(flipped)})
            assert not verify(path).whole, (name, at)


def test_one_byte_of_the_file_is_seen(
    pack: Pack, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    step, each = (97, 1) if pytestconfig.getoption("all") else (997, 3)
    raw = bytearray(pack().path.read_bytes())
    found = read(tmp_path / "pack.zip")
    path = tmp_path / "flipped.zip"
    directory = raw.index(b"PK\x01\x02")
    strict = [*range(80), *range(directory, directory + 140), *range(len(raw) - 160, len(raw))]
    for at in strict[::each] + list(range(80, directory, step)):
        raw[at] ^= 0x10
        path.write_bytes(raw)
        if verify(path).whole:
            # The last byte of deflated data has bits that mean nothing: then nothing has changed.
            assert at not in strict, at
            assert read(path) == found, at
        raw[at] ^= 0x10
    path.write_bytes(raw)
    assert verify(path).whole


def test_cut_anywhere_is_seen(pack: Pack, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    raw = pack().path.read_bytes()
    path = tmp_path / "cut.zip"
    each = 1 if pytestconfig.getoption("all") else 3
    ends = [*range(60), *range(len(raw) - 60, len(raw))]
    for size in [*ends[::each], *range(60, len(raw), 911)]:
        path.write_bytes(raw[:size])
        assert not verify(path).whole, size


@given(st.binary(max_size=400), st.booleans())
def test_noise_never_crashes(tmp_path: Path, noise: bytes, zip_like: bool) -> None:
    path = tmp_path / "noise.zip"
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(noise), 0, 0)
    path.write_bytes(b"PK\x01\x02" * zip_like + noise + end * zip_like)
    assert not verify(path).whole


@settings(max_examples=60)
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
    assert name in detail(verify(write(tmp_path / "json.zip", {**found, name: raw})))


def test_a_member_that_is_missing_is_named(pack: Pack, tmp_path: Path) -> None:
    found = read(pack().path)
    for name in found:
        left = {n: b for n, b in found.items() if n != name}
        assert name in detail(verify(write(tmp_path / "less.zip", left))), name


def test_what_cannot_be_read_does_not_tell_that_a_run_was_cut_off(
    pack: Pack, tmp_path: Path
) -> None:
    found = read(pack().path)
    left = {n: b for n, b in found.items() if n not in (d.MANIFEST, d.SEAL)}
    notes = verify(write(tmp_path / "bare.zip", left)).notes
    assert "collection of the run is incomplete" not in " ".join(m.id for m in notes)


def test_a_member_too_many_is_named(pack: Pack, tmp_path: Path) -> None:
    found = read(pack().path)
    for name in ("extra.txt", "evidence/00001-0000000000000000/stdout.txt", "evidence/x.txt"):
        report = verify(write(tmp_path / "more.zip", {**found, name: b"x"}))
        assert f"{name}: It is not in the manifest" in detail(report)


def test_another_order_is_seen(pack: Pack, tmp_path: Path) -> None:
    found = read(pack().path)
    names = list(found)
    names[0], names[1] = names[1], names[0]
    report = verify(write(tmp_path / "order.zip", {n: found[n] for n in names}))
    assert "order of the manifest" in detail(report)


def test_a_directory_in_another_order_is_seen(pack: Pack, tmp_path: Path) -> None:
    raw = pack().path.read_bytes()
    start = raw.index(b"PK\x01\x02")
    end = raw.rindex(b"PK\x05\x06")
    entries = [b"PK\x01\x02" + e for e in raw[start:end].split(b"PK\x01\x02")[1:]]
    entries[0], entries[1] = entries[1], entries[0]
    path = tmp_path / "order.zip"
    path.write_bytes(raw[:start] + b"".join(entries) + raw[end:])
    assert "out of order" in detail(verify(path))


def test_the_root_digest_of_the_signed_sheet_is_told(pack: Pack) -> None:
    packed = pack()
    root = json.loads(read(packed.path)[d.MANIFEST])["evidence_root"]
    reported = [m.args["root"] for m in verify(packed.path).checked if "root" in m.args]
    assert reported == [packed.root, root]
    assert root != packed.root
