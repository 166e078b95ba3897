"""A pack is complete, verifiable with sha256sum alone, and reproducible."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import stat
import subprocess
import time
import tracemalloc
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import pytest

from audit_core.api.hooks import Exporter
from audit_core.model import msg
from audit_core.model.errors import InputError, StoreError, ToolMissing
from audit_core.model.results import PackSource
from audit_core.pack import archive as archive_module
from audit_core.pack import documents as d
from audit_core.pack.archive import Archive, of_bytes
from audit_core.pack.evidence import folder, hex_of
from audit_core.pack.verify import verify
from audit_core.pack.zips import Zip
from audit_core.store.runs import Run, Store
from core.pack import making
from core.pack.making import Pack
from core.whole import Whole, in_memory


def members(path: Path) -> dict[str, bytes]:
    """Every member of the zip by name."""
    with zipfile.ZipFile(path) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def test_a_pack_is_whole(pack: Pack) -> None:
    packed = pack()
    report = verify(packed.path)
    assert report.problems == ()
    assert report.whole
    assert report.signer == packed.fingerprint
    assert not report.trusted
    assert packed.size == packed.path.stat().st_size
    assert packed.files == len(members(packed.path))


def test_every_observation_is_there_as_plain_files(run: tuple[Run, Whole], pack: Pack) -> None:
    found = members(pack().path)
    for number, seen in enumerate(run[1].observations, 1):
        folder = f"evidence/{number:05}-{seen.digest[7:23]}"
        record = found[f"{folder}/observation.json"]
        assert "sha256:" + hashlib.sha256(record).hexdigest() == seen.digest
        assert (f"{folder}/stdout.txt" in found) == bool(seen.stdout_size)
        assert (f"{folder}/stderr.txt" in found) == bool(seen.stderr_size)
        if seen.stdout_size:
            out = found[f"{folder}/stdout.txt"]
            assert hashlib.sha256(out).hexdigest() == seen.stdout_sha256
    assert making.NASTY in found.values()


def test_no_byte_of_a_target_is_in_a_name(pack: Pack) -> None:
    with zipfile.ZipFile(pack().path) as archive:
        for info in archive.infolist():
            assert d.NAME.fullmatch(info.filename)
            assert "passwd" not in info.filename
            assert "db" not in info.filename.partition("/")[2][22:] or d.OBJECT_NAME.match(
                info.filename
            )
            assert info.extra == b""
            assert info.external_attr == (stat.S_IFREG | 0o644) << 16
            assert info.date_time == (2026, 11, 23, 10, 15, 0)


def test_sha256sum_alone_checks_every_file(pack: Pack, tmp_path: Path) -> None:
    there = tmp_path / "unpacked"
    with zipfile.ZipFile(pack().path) as archive:
        archive.extractall(there)
        names = set(archive.namelist())
    listed = {line[66:] for line in (there / d.SUMS).read_text().splitlines()}
    assert listed == names - {d.SUMS}
    done = subprocess.run(
        ["sha256sum", "-c", "--strict", "--quiet", d.SUMS], cwd=there, check=False
    )
    assert done.returncode == 0
    (there / "results" / "index.json").write_bytes(b"{}")
    done = subprocess.run(
        ["sha256sum", "-c", "--status", d.SUMS], cwd=there, check=False, capture_output=True
    )
    assert done.returncode == 1


def test_the_manifest_says_what_stands_in_the_zip(pack: Pack, run: tuple[Run, Whole]) -> None:
    found = members(pack().path)
    manifest = json.loads(found[d.MANIFEST])
    assert [f["name"] for f in manifest["files"]] + list(d.TAIL) == list(found)
    for file in manifest["files"]:
        assert file["sha256"] == hashlib.sha256(found[file["name"]]).hexdigest()
        if d.HAS_SM3:
            assert file["sm3"] == hashlib.new("sm3", found[file["name"]]).hexdigest()
    assert manifest["run"] == run[0].id
    assert manifest["seal_sha256"] == hashlib.sha256(found[d.SEAL]).hexdigest()


def test_the_signature_is_a_dsse_envelope_over_an_in_toto_statement(pack: Pack) -> None:
    import base64

    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    found = members(pack().path)
    envelope = json.loads(found[d.SIGNATURE])
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"].encode()
    assert kind == b"application/vnd.in-toto+json"
    # Pre-authentication encoding, as the DSSE specification 1.0.2 writes it.
    pae = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    key = load_pem_public_key(found[d.KEY])
    key.verify(base64.b64decode(envelope["signatures"][0]["sig"]), pae)  # type: ignore[union-attr,call-arg]
    statement = json.loads(payload)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    digest = hashlib.sha256(found[d.MANIFEST]).hexdigest()
    assert statement["subject"] == [{"name": "manifest.json", "digest": {"sha256": digest}}]


def test_the_workbook_is_told_digests_and_a_root_that_verify_can_make_again(pack: Pack) -> None:
    found = members(pack().path)
    lines = found["workbook.txt"].decode().splitlines()
    manifest = json.loads(found[d.MANIFEST])
    assert lines[0] == manifest["evidence_root"] != manifest["root"]
    reported = [n for n in found if n not in (*d.TAIL, "workbook.txt")]
    assert sorted(line.split()[0] for line in lines[3 : 3 + len(reported)]) == sorted(reported)
    md5 = hashlib.md5(found["results/index.json"], usedforsecurity=False).hexdigest()
    assert any(md5 in line and line.startswith("results/index.json") for line in lines)
    for line in lines:
        if line.startswith("evidence/") and "[" not in line:
            assert line in found


def test_the_same_run_is_the_same_bytes(
    pack: Pack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = pack("first.zip").path.read_bytes()
    other = tmp_path / "elsewhere"
    other.mkdir()
    monkeypatch.setenv("TMPDIR", str(other))
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    before = os.umask(0o077)
    try:
        time.sleep(2.1)  # a zip tells times in steps of 2 s
        second = pack("second.zip").path.read_bytes()
    finally:
        os.umask(before)
        monkeypatch.delenv("TZ")
        time.tzset()
    assert first == second


def test_an_older_pack_survives_what_fails(
    pack: Pack, tmp_path: Path, run: tuple[Run, Whole]
) -> None:
    first = pack().path.read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(StoreError, match="cannot write"):
            pack()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (tmp_path / "pack.zip").read_bytes() == first
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize("out", ["missing/pack.zip", "."])
def test_a_place_that_cannot_be_written_is_a_store_error(pack: Pack, out: str) -> None:
    with pytest.raises(StoreError, match="cannot write"):
        pack(out)


def test_a_pack_is_for_its_owner_alone(pack: Pack) -> None:
    assert stat.S_IMODE(pack().path.stat().st_mode) == 0o600


def test_what_was_altered_after_sealing_is_not_signed(run: tuple[Run, Whole], pack: Pack) -> None:
    path = next((run[0].folder / "bundles").iterdir())
    raw = bytearray(path.read_bytes())
    raw[-200] ^= 1
    path.write_bytes(raw)
    with pytest.raises(InputError, match="not as it was sealed"):
        pack()


def test_results_of_another_run_are_not_packed(run: tuple[Run, Whole], pack: Pack) -> None:
    run[0].id = "20261123T101500Z-ffffff"
    with pytest.raises(InputError, match="are of run"):
        pack()


def test_evidence_that_is_not_stored_stops_the_pack(
    run: tuple[Run, Whole], pack: Pack, tmp_path: Path
) -> None:
    (run[0].folder / "seal.json").unlink()
    next((run[0].folder / "bundles").iterdir()).unlink()
    with pytest.raises(InputError, match="no bundle of this run holds"):
        pack()
    assert not (tmp_path / "pack.zip").exists()


def test_a_run_that_is_not_sealed_is_packed_and_says_so(run: tuple[Run, Whole], pack: Pack) -> None:
    (run[0].folder / "seal.json").unlink()
    report = verify(pack().path)
    assert report.problems == ()
    assert any("not sealed" in note.id for note in report.notes)


def _raising(error: Exception) -> Exporter:
    def write(source: PackSource, folder: Path) -> Iterator[Path]:
        raise error

    return Exporter(name="bad", write=write)


def _naming(name: str) -> Exporter:
    def write(source: PackSource, folder: Path) -> Iterable[Path]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        return [path]

    return Exporter(name="bad", write=write)


def _linking(source: PackSource, folder: Path) -> Iterable[Path]:
    (folder / "shadow.txt").symlink_to("/etc/shadow")
    return [folder / "shadow.txt"]


@pytest.mark.parametrize(
    "bad",
    [
        _raising(ValueError("boom")),
        _raising(MemoryError()),
        _naming("results/x.json"),
        _naming("RUN.JSON"),
        _naming("evidence/x"),
        _naming("a b.xlsx"),
        _naming("SHA256SUMS"),
        _naming("../outside.txt"),
        Exporter(name="bad", write=_linking),
    ],
)
def test_an_exporter_that_fails_costs_only_its_own_files(pack: Pack, bad: Exporter) -> None:
    good = Exporter(name="listing", write=making.listing)
    packed = pack(exporters={"bad": bad, "listing": good})
    assert len(packed.faults) == 1
    assert packed.faults[0].args["name"] == "bad"
    found = members(packed.path)
    assert "workbook.txt" in found
    assert json.loads(found[d.MANIFEST])["faults"] == ["bad"]
    assert verify(packed.path).problems == ()


def test_a_missing_library_is_told_as_such(pack: Pack, tmp_path: Path) -> None:
    with pytest.raises(ToolMissing):
        pack(exporters={"bad": _raising(ToolMissing(msg("openpyxl is not installed")))})
    assert not (tmp_path / "pack.zip").exists()


def test_repetitive_output_is_not_taken_for_a_zip_bomb(pack: Pack) -> None:
    packed = pack()
    with zipfile.ZipFile(packed.path) as archive:
        stored = [i for i in archive.infolist() if i.compress_type == zipfile.ZIP_STORED]
    assert {info.file_size for info in stored} == {200_000}
    assert verify(packed.path).problems == ()


@pytest.mark.parametrize("digest", ["", "sha256:", "md5:" + "0" * 64, "sha256:../" + "0" * 61])
def test_an_invalid_digest_never_becomes_a_path(run: tuple[Run, Whole], digest: str) -> None:
    with pytest.raises(InputError, match="not a digest"):
        hex_of(digest)
    seen = msgspec.structs.replace(run[1].observations[0], digest=digest)
    with pytest.raises(InputError, match="not a digest"):
        folder(1, seen, 5)


def test_packing_does_not_hold_the_evidence_in_memory(
    store: Store, key: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from audit_core.pack.keys import SigningKey
    from audit_core.pack.writer import write_pack
    from audit_core.text.translate import Translator

    assert isinstance(key, SigningKey)
    monkeypatch.setattr(archive_module, "KEPT", 1 << 20)
    run, results = _large(store)
    tracemalloc.start()
    try:
        write_pack(
            run,
            in_memory(results),
            exporters={},
            lang="en",
            translator=Translator("en"),
            out=tmp_path / "large.zip",
            key=key,
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (tmp_path / "large.zip").stat().st_size > 10 << 20
    assert peak < 6 << 20
    assert verify(tmp_path / "large.zip").problems == ()


def test_contents_that_are_kept_make_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alike = [b"same" * 1000, b"", os.urandom(100), b"same" * 1000, b"\0" * (1 << 17)]
    found = []
    for room, known in ((1 << 20, False), (1 << 20, True), (0, True)):
        monkeypatch.setattr(archive_module, "KEPT", room)
        path = tmp_path / f"{room}{known}.zip"
        with path.open("w+b") as handle:
            archive = Archive(handle, "2026-11-23T10:15:00Z")
            for number, data in enumerate(alike * 2):
                sha256 = hashlib.sha256(data).hexdigest() if known else ""
                archive.add_bytes(f"f{number}", data, sha256)
            listed = list(archive.listed())
            archive.close()
        assert list(members(path).values()) == alike * 2
        found.append((path.read_bytes(), listed))
    assert found[0] == found[1] == found[2]


def _large(store: Store) -> tuple[Run, Whole]:
    id = "20261123T101501Z-000001"
    making.collect(store, id, ())
    run = store.find(id)
    seen = []
    for host in range(10):
        writer = run.writer(f"h{host}")
        reply = msgspec.structs.replace(making.REPLIES[0], stdout=os.urandom(1 << 20))
        seen.append(writer.add(f"h{host}", reply, making.STAMP))
        writer.finish()
    store.seal(run, "2026-11-23T10:16:00Z")
    return run, making.results_of(run, seen)


@pytest.mark.parametrize(("count", "wide"), [(65_535, False), (65_536, True)])
def test_more_members_than_16_bits_count(tmp_path: Path, count: int, wide: bool) -> None:
    path = tmp_path / "many.zip"
    with path.open("w+b") as handle:
        archive = Archive(handle, "2026-11-23T10:15:00Z")
        for number in range(count):
            archive.add(f"f{number:06}", of_bytes(b""), 0)
        archive.close()
        found = Zip(handle)
    assert found.problems == []
    assert len(found.members) == count
    assert (b"PK\x06\x06" in path.read_bytes()[-200:]) is wide


def test_members_beyond_what_32_bits_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The limit is lowered: 2 GiB take too long to write in a test.
    monkeypatch.setattr("audit_core.pack.zip_format.WIDE", 5000)
    with (tmp_path / "wide.zip").open("w+b") as handle:
        archive = Archive(handle, "2026-11-23T10:15:00Z")
        sizes = (10, 4762, 4763, 6000, 0, 10)
        for number, size in enumerate(sizes):
            archive.add(f"f{number}", of_bytes(os.urandom(size)), size)
        archive.close()
        found = Zip(handle)
        assert found.problems == []
        assert [found.fault(n) for n in range(len(sizes))] == [None] * len(sizes)
        assert [sum(map(len, found.read(m))) for m in found.members] == list(sizes)
        with zipfile.ZipFile(handle) as another:
            assert another.testzip() is None
            assert [member.file_size for member in another.infolist()] == list(sizes)


def test_a_size_that_does_not_hold_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "t.zip").open("w+b") as handle:
        archive = Archive(handle, "2026-11-23T10:15:00Z")
        with pytest.raises(ValueError, match="a: 1 bytes, not 2"):
            archive.add("a", of_bytes(b"x"), 2)
        archive.close()


@pytest.mark.parametrize(
    "started", ["", "never", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00"]
)
def test_a_run_of_any_time_can_be_packed(tmp_path: Path, started: str) -> None:
    with (tmp_path / "t.zip").open("w+b") as handle:
        archive = Archive(handle, started)
        archive.add("a", of_bytes(b"x"), 1)
        archive.close()
    with zipfile.ZipFile(tmp_path / "t.zip") as again:
        assert again.getinfo("a").date_time == (1980, 1, 1, 0, 0, 0)


def test_an_exporters_message_is_not_a_template(pack: Pack) -> None:
    packed = pack(exporters={"bad": _raising(ValueError("{name}{0.__class__}"))})
    assert (
        packed.faults[0].id == msg("Exporter {name} failed, its files are not included: {error}").id
    )
    assert str(packed.faults[0]).endswith(": ValueError: “{name}{0.__class__}”")
