"""A run in a store is checked against its seal, its bundles, the chain and what rests on it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from audit_core.model.results import encode
from audit_core.pack.report import Report
from audit_core.pack.verify import verify
from audit_core.store.results import ResultsFolder
from audit_core.store.runs import Run, Store
from core.pack import making
from core.whole import Whole, stored


def detail(report: Report) -> str:
    """All problems as text."""
    return "\n".join(f"{p.where}: {p.detail.id} {p.detail.args}" for p in report.problems)


def bundle(run: Run) -> Path:
    """One bundle of the run."""
    return sorted((run.folder / "bundles").iterdir())[0]


def test_a_run_is_whole(run: tuple[Run, Whole]) -> None:
    report = verify(run[0])
    assert report.problems == ()
    assert report.subject == run[0].id
    assert any(line.args.get("count") == 10 for line in report.checked)
    assert any(line.args.get("findings") == 10 for line in report.checked)


@pytest.mark.parametrize("part", [0.001, 0.2, 0.5, 0.8, 0.9999])
def test_one_byte_of_a_bundle_is_seen(run: tuple[Run, Whole], part: float) -> None:
    path = bundle(run[0])
    raw = bytearray(path.read_bytes())
    raw[int(len(raw) * part)] ^= 1
    path.write_bytes(raw)
    text = detail(verify(run[0]))
    assert "altered" in text
    assert path.name in text


def test_a_torn_bundle_is_seen_although_resealed(store: Store, run: tuple[Run, Whole]) -> None:
    path = bundle(run[0])
    path.write_bytes(path.read_bytes()[:-300])
    store.seal(run[0], "2026-11-23T10:17:00Z")
    text = detail(verify(run[0]))
    assert "Its last frame is incomplete" in text
    assert "Its collection is incomplete" in text
    assert "which is missing" in text


def test_a_bundle_of_another_run_is_seen(store: Store, run: tuple[Run, Whole]) -> None:
    making.collect(store, "20261123T101501Z-000001", ["web1"])
    other = store.find("20261123T101501Z-000001")
    path = other.bundle_path("web1")
    path.write_bytes(run[0].bundle_path("web1").read_bytes())
    store.seal(other, "2026-11-23T10:17:00Z")
    assert "not of this run" in detail(verify(other))


def test_a_stamp_that_was_altered_is_seen(run: tuple[Run, Whole]) -> None:
    path = run[0].folder / "run.json"
    path.write_bytes(path.read_bytes().replace(b"gbt22239-l3", b"gbt22239-l2"))
    assert "run.json was altered" in detail(verify(run[0]))


def test_an_unsealed_run_is_told(store: Store) -> None:
    making.collect(store, making.RUN_ID)
    assert "not sealed" in detail(verify(store.find(making.RUN_ID)))


def test_results_that_rest_on_nothing_are_seen(run: tuple[Run, Whole]) -> None:
    finding = msgspec.structs.replace(run[1].findings[0], evidence=("sha256:" + "0" * 64,))
    forged = msgspec.structs.replace(run[1], findings=(finding, *run[1].findings[1:]))
    stored(forged, ResultsFolder(run[0].results_path("gbt22239-l3")))
    assert "is based on {digest}, which is missing" in detail(verify(run[0]))


@pytest.mark.parametrize("raw", [b"", b"{}", b"[" * 100_000, b"\xff"])
@pytest.mark.parametrize(
    "name", ["run.json", "seal.json", "results/gbt22239-l3/index.json", "bundle"]
)
def test_noise_never_crashes(run: tuple[Run, Whole], name: str, raw: bytes) -> None:
    path = bundle(run[0]) if name == "bundle" else run[0].folder / name
    path.write_bytes(raw)
    assert verify(run[0]).problems


def test_what_is_missing_never_crashes(run: tuple[Run, Whole]) -> None:
    for path in (run[0].folder / "bundles").iterdir():
        path.unlink()
    (run[0].folder / "bundles").rmdir()
    assert "bundles: Cannot be read" in detail(verify(run[0]))
    (run[0].folder / "run.json").unlink()
    assert "run.json: Cannot be read" in detail(verify(run[0]))


def _sealed(store: Store, id: str, sealed: str) -> Run:
    making.collect(store, id, ["web1"])
    run = store.find(id)
    store.seal(run, sealed)
    return run


def test_the_chain_of_seals_is_followed(store: Store) -> None:
    first = _sealed(store, "20261123T101500Z-000001", "2026-11-23T10:16:00Z")
    second = _sealed(store, "20261123T111500Z-000002", "2026-11-23T11:16:00Z")
    third = _sealed(store, "20261123T121500Z-000003", "2026-11-23T12:16:00Z")
    assert [verify(r).problems for r in (first, second, third)] == [(), (), ()]
    seal = second.folder / "seal.json"
    seal.write_bytes(seal.read_bytes().replace(b"11:16", b"11:17"))
    assert "altered or removed" in detail(verify(third))
    assert verify(first).problems == ()


def test_a_seal_that_leaves_out_an_earlier_one_is_seen(store: Store) -> None:
    _sealed(store, "20261123T101500Z-000001", "2026-11-23T10:16:00Z")
    second = _sealed(store, "20261123T111500Z-000002", "2026-11-23T11:16:00Z")
    seal = second.seal
    assert seal is not None
    forged = msgspec.structs.replace(seal, previous=None)
    (second.folder / "seal.json").write_bytes(encode(forged))
    assert "does not name" in detail(verify(second))


def test_a_run_that_was_finished_later_breaks_no_chain(store: Store) -> None:
    making.collect(store, "20261123T101500Z-000001", ["web1"])
    second = _sealed(store, "20261123T111500Z-000002", "2026-11-23T11:16:00Z")
    store.seal(store.find("20261123T101500Z-000001"), "2026-11-23T12:00:00Z")
    assert verify(second).problems == ()
