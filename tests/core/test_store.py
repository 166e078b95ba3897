"""Bundles and seals: nothing stored is lost, every alteration is detected."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from audit_core.model import Command, Reason, msg, observation_digest
from audit_core.model.errors import InputError, StoreError, UsageError
from audit_core.store import frames
from audit_core.store.bundles import Bundle, BundleWriter, Head
from audit_core.store.runs import Store, check_seal

from .fakes import HOST, STAMP, collected, new_run, reply

HEAD = Head(run="r", target="t")


def written(path: Path, count: int = 3) -> list[str]:
    writer = BundleWriter(path, HEAD)
    asked = (Command(argv=("x", str(n))) for n in range(count))
    digests = [
        observation_digest(writer.add("t", reply(request, stdout=b"v%d\n" % n), STAMP))
        for n, request in enumerate(asked)
    ]
    writer.round_done(2, "t", "test")
    writer.finish()
    return digests


def test_what_was_stored_is_read_back(tmp_path: Path) -> None:
    digests = written(tmp_path / "b")
    bundle = Bundle(tmp_path / "b")
    assert [observation_digest(o) for o in bundle.observations.values()] == digests
    assert [bundle.blob(o.stdout_sha256) for o in bundle.observations.values()] == [
        b"v0\n",
        b"v1\n",
        b"v2\n",
    ]
    assert bundle.complete
    assert bundle.head == HEAD


def test_a_bundle_cut_at_any_byte_keeps_every_whole_observation(tmp_path: Path) -> None:
    path = tmp_path / "b"
    digests = written(path)
    whole = path.read_bytes()
    seen = 0
    for cut in range(len(frames.MAGIC), len(whole)):
        path.write_bytes(whole[:cut])
        held = [observation_digest(o) for o in Bundle(path).observations.values()]
        assert held == digests[: len(held)]
        assert len(held) >= seen
        seen = len(held)
    assert seen == 3


def test_going_on_after_a_cut_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "b"
    digests = written(path)
    whole = path.read_bytes()
    for cut in range(0, len(whole), 37):
        path.write_bytes(whole[:cut])
        before = list(Bundle(path).observations) if cut >= len(frames.MAGIC) else []
        writer = BundleWriter(path, HEAD)
        writer.add("t", reply(Command(argv=("more",))), STAMP)
        writer.finish()
        after = Bundle(path)
        assert list(after.observations)[: len(before)] == before
        assert len(after.observations) == len(before) + 1
        assert after.head == HEAD
        assert after.complete
    assert digests
    torn = tmp_path / "b.torn"
    assert torn.exists()


def test_damage_in_the_middle_costs_no_byte_when_the_bundle_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "b"
    written(path)
    raw = path.read_bytes()
    broken = raw.replace(b"v1\n", b"vX\n")
    path.write_bytes(broken)
    BundleWriter(path, HEAD).finish()
    kept = path.read_bytes()
    torn = (tmp_path / "b.torn").read_bytes()
    assert broken.endswith(torn)
    assert kept.startswith(broken.removesuffix(torn))


def test_a_flipped_byte_is_never_read_as_evidence(tmp_path: Path) -> None:
    path = tmp_path / "b"
    digests = written(path)
    whole = path.read_bytes()
    for index in range(len(frames.MAGIC), len(whole), 11):
        broken = bytearray(whole)
        broken[index] ^= 1
        path.write_bytes(bytes(broken))
        bundle = Bundle(path)
        held = [observation_digest(o) for o in bundle.observations.values()]
        assert held == digests[: len(held)]


def test_bytes_altered_after_the_bundle_was_opened_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "b"
    written(path)
    bundle = Bundle(path)
    observation = next(iter(bundle.observations.values()))
    path.write_bytes(path.read_bytes().replace(b"v0\n", b"v9\n"))
    with pytest.raises(InputError, match="altered"):
        bundle.blob(observation.stdout_sha256)


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(InputError, match="not a bundle"):
        Bundle(tmp_path / "b")


def test_a_symlink_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"")
    (tmp_path / "b").symlink_to(tmp_path / "victim")
    with pytest.raises(StoreError):
        BundleWriter(tmp_path / "b", HEAD)
    assert (tmp_path / "victim").read_bytes() == b""


def test_a_full_disk_ends_with_a_clear_line_and_what_is_durable(tmp_path: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    appender = frames.Appender(tmp_path / "b")
    appender.append("blob", b"kept")
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, appender._fd)
    with pytest.raises(StoreError, match="No space left"):
        appender.append("blob", b"lost")
    os.close(full)
    assert [f.payload for f in frames.read(tmp_path / "b")] == [b"kept"]


@pytest.mark.parametrize("length", [b"3", b"99", b"999999999999"])
def test_a_length_that_is_not_there_ends_the_bundle(tmp_path: Path, length: bytes) -> None:
    whole = frames.MAGIC + frames.encode("head", b"{}")
    (tmp_path / "b").write_bytes(whole + b"blob " + length + b" " + b"0" * 64 + b"\nxx\n")
    assert [f.kind for f in frames.read(tmp_path / "b")] == ["head"]
    assert frames.whole_length(tmp_path / "b") == len(whole)


def test_a_fault_is_told_and_forgotten_once_something_was_answered(tmp_path: Path) -> None:
    writer = BundleWriter(tmp_path / "b", HEAD)
    writer.fault("t", Reason.UNREACHABLE, msg("refused"), msg("try again"), connector="test")
    assert Bundle(tmp_path / "b").fault is not None
    writer.add("t", reply(), STAMP)
    writer.close()
    assert Bundle(tmp_path / "b").fault is None


def test_seals_chain_and_see_every_change(tmp_path: Path) -> None:
    run = collected(tmp_path / "s", reply())
    assert check_seal(run) == ()
    later = new_run(tmp_path / "s", id="20260103T000000Z-000000")
    assert Store(tmp_path / "s").seal(later, "x").previous is not None
    bundle = run.bundle_path(HOST.id)
    raw = bundle.read_bytes()
    bundle.write_bytes(raw.replace(b"blue", b"grey"))
    assert [*map(str, check_seal(run))] == [f"bundles/{bundle.name}: altered"]
    bundle.unlink()
    assert [*map(str, check_seal(run))] == [f"bundles/{bundle.name}: missing"]
    bundle.write_bytes(raw)
    (run.folder / "bundles" / "extra").write_bytes(b"")
    assert [*map(str, check_seal(run))] == ["bundles/extra: not in the seal"]


def test_runs_are_found_by_id_prefix_and_latest(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(UsageError, match="no run yet"):
        store.find("latest")
    ids = ["20260102T030405Z-000abc", "20260102T030406Z-000abd"]
    for id in ids:
        new_run(tmp_path, id=id)
    assert store.find("latest").id == ids[1]
    assert store.find("20260102T030405").id == ids[0]
    with pytest.raises(UsageError, match="matches 2 runs"):
        store.find("2026")
    for name in ("", "../x", "zzz"):
        with pytest.raises(UsageError):
            store.find(name)


def test_two_processes_do_not_collect_into_one_run(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    with run.lock(), pytest.raises(StoreError, match="another process"), run.lock():
        pass
