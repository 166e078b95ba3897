"""Packs forged with another key and correct digests are detected."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from audit_core.model.results import encode
from audit_core.pack import documents as d
from audit_core.pack import evidence_links, keys
from audit_core.pack.archive import Archive, of_bytes
from audit_core.pack.verify import verify
from core.pack.forging import Members, detail, read, resigned, write
from core.pack.making import Pack


def _forged(pack: Pack, key: keys.SigningKey, path: Path, change: Callable[[Members], None]) -> str:
    found = read(pack().path)
    change(found)
    report = verify(write(path, resigned(found, key)))
    assert report.signer == key.fingerprint
    return detail(report)


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
    assert "The finding {finding} is based on {digest}, which is missing" in text
    assert "ssh.root-login@0" in text
    assert "is listed but missing" in text


def test_an_output_that_is_not_the_one_observed_is_seen(
    pack: Pack, other: keys.SigningKey, tmp_path: Path
) -> None:
    def change(found: Members) -> None:
        found[_first(found, "/stdout.txt")] = b"permitrootlogin yes\n"

    text = _forged(pack, other, tmp_path / "f.zip", change)
    assert "not the output that the observation names" in text
    assert "is based on {digest}, which is missing" in text


def test_an_output_that_was_taken_away_is_seen(
    pack: Pack, other: keys.SigningKey, tmp_path: Path
) -> None:
    def change(found: Members) -> None:
        del found[_first(found, "/stderr.txt")]

    assert "is based on {digest}" in _forged(pack, other, tmp_path / "f.zip", change)


def test_an_observation_that_was_rewritten_is_seen(
    pack: Pack, other: keys.SigningKey, tmp_path: Path
) -> None:
    def change(found: Members) -> None:
        name = _first(found, "/observation.json")
        found[name] = found[name].replace(b'"exit_code":0', b'"exit_code":1')

    text = _forged(pack, other, tmp_path / "f.zip", change)
    assert "is not in the directory named by its digest" in text
    assert "is based on {digest}" in text


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
        (d.RESULTS, b"00c0de", b"00c0d0", "different runs"),
        (d.RESULTS, b"results-index/1", b"results-index/9", "Expected the schema"),
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
        index = json.loads(found[d.RESULTS])
        entry = index["objects"][0]
        object = json.loads(found.pop(d.object_name(entry["sha256"])))
        object["findings"].pop(0)
        raw = encode(object)
        entry["sha256"] = hashlib.sha256(raw).hexdigest()
        found |= {d.object_name(entry["sha256"]): raw, d.RESULTS: encode(index)}

    text = _forged(pack, other, tmp_path / "f.zip", change)
    assert "The conclusion on {clause} is based on the finding {finding}, which is missing" in text


def test_results_of_an_object_that_are_not_those_of_the_index_are_seen(
    pack: Pack, other: keys.SigningKey, tmp_path: Path
) -> None:
    def change(found: Members) -> None:
        first, second, *_ = json.loads(found[d.RESULTS])["objects"]
        found[d.object_name(first["sha256"])] = found[d.object_name(second["sha256"])]
        del found[d.object_name(second["sha256"])]
        found[d.object_name("0" * 64)] = b"{}"

    text = _forged(pack, other, tmp_path / "f.zip", change)
    assert "It is not what the index of the results names" in text
    assert "The results of {object} are missing" in text
    assert "It is not in the index of the results" in text


def test_a_seal_that_was_taken_away_is_told(
    pack: Pack, other: keys.SigningKey, tmp_path: Path
) -> None:
    found = read(pack().path)
    del found[d.SEAL]
    assert "is missing" in detail(verify(write(tmp_path / "f.zip", found)))
    report = verify(write(tmp_path / "g.zip", resigned(found, other)))
    assert any("not sealed" in note.id for note in report.notes)


def test_other_times_in_the_zip_are_seen(pack: Pack, tmp_path: Path) -> None:
    path = tmp_path / "times.zip"
    with path.open("w+b") as handle:
        archive = Archive(handle, "2020-01-01T00:00:00Z")
        for name, data in read(pack().path).items():
            archive.add(name, of_bytes(data), len(data))
        archive.close()
    assert "times in the zip" in detail(verify(path))


def test_a_record_of_noise_is_a_message_and_no_crash() -> None:
    assert not isinstance(evidence_links.record(b"[" * 100_000), evidence_links.Record)
