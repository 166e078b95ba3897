"""What is done with a stored run: evaluating 1, 20 and 10,000 hosts, packing 500 hosts."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec
from msgspec import structs

from audit_core.api import plugins
from audit_core.api.forks import processors
from audit_core.connectors import now
from audit_core.model import Observation, Target
from audit_core.store import frames
from audit_core.store.bundles import Bundle, FaultFrame, Head, RoundFrame
from audit_core.store.results import ResultsFolder
from audit_core.store.runs import RUN_SCHEMA, Run, RunFile, Store
from benchmarks import ROOT, questions
from benchmarks.clients import BIN, Clients
from benchmarks.fleet import Recorded
from benchmarks.hosts import Repeats, Say
from benchmarks.processes import Job, Memory, in_parts, run
from benchmarks.servers import farm
from benchmarks.table import Row, limited
from golden import recordings

_AIM_MS = 30
_PACK_MS = 100
_AIM_MB = 500
_HOSTS = 500
_FEW = 20
_MANY, _MANY_S, _MANY_MB = 10_000, 300, 200
_RECORDED = "debian-12-hard"
_WHOLE = ("site", "network", "organisation")
_ALWAYS = tuple(Target(id=id, kind=id, object_type=id) for id in _WHOLE)


def evaluating(repeats: Repeats, say: Say) -> Iterator[Row]:
    """Judging what one real host answered."""
    with _real(say) as (bundle, whole, folder):
        yield from _evaluating(bundle, whole, folder, repeats, say)


def packing(_: Repeats, say: Say) -> Iterator[Row]:
    """Packing 500 hosts that differ, made of what one real host answered."""
    with _real(say) as (bundle, whole, folder):
        yield from _packing(bundle, whole, folder, say)


@contextlib.contextmanager
def _real(say: Say) -> Iterator[tuple[Bundle, questions.Questions, Path]]:
    say("one real run, to be stored")
    with farm(1) as hosts, tempfile.TemporaryDirectory() as name:
        whole = questions.asked(questions.WHOLE)
        bundle = Clients(hosts, whole, Path(name) / "real").run.bundle(hosts[0].id)
        assert bundle is not None
        yield bundle, whole, Path(name)


def cloned(bundle: Bundle, asked: questions.Questions, count: int, store: Store) -> Run:
    """A sealed run of `count` hosts that all gave the answers in `bundle`, at one site."""
    ids = [f"web{n:05d}" for n in range(count)]
    made = _begun(ids, asked, store)
    frames_ = tuple(frames.read(bundle.path))
    for id in ids:
        copied = b"".join(_frame(frame, made.id, id) for frame in frames_)
        made.bundle_path(id).write_bytes(frames.MAGIC + copied)
    store.seal(made, now())
    return made


def _begun(ids: Sequence[str], asked: questions.Questions, store: Store) -> Run:
    """A run of the hosts `ids` at one site, of which nothing is stored yet."""
    return store.create(RunFile(
        schema=RUN_SCHEMA, id=f"20261123T080000Z-{len(ids):06x}", started=now(),
        profile=asked.profile, profile_sha256=asked.work.profile.sha256, inventory_sha256="",
        dengbao="", plugins={}, targets=(*(questions.target(id) for id in ids), *_ALWAYS),
    ))  # fmt: skip


_OF_TARGET: dict[str, type[Observation] | type[RoundFrame] | type[FaultFrame]] = {
    "obs": Observation,
    "round": RoundFrame,
    "fault": FaultFrame,
}


def _frame(frame: frames.Frame, run: str, id: str) -> bytes:
    """`frame` as the host `id` would have left it."""
    payload = frame.payload
    if frame.kind == "head":
        payload = msgspec.json.encode(Head(run=run, target=id))
    elif frame.kind in _OF_TARGET:
        seen = msgspec.json.decode(payload, type=_OF_TARGET[frame.kind])
        payload = msgspec.json.encode(structs.replace(seen, target=id), order="sorted")
    return frames.encode(frame.kind, payload)


def fleet(folder: Path, count: int, store: Store) -> Run:
    """A sealed run of `count` hosts that differ as `benchmarks.fleet` says."""
    return _differing(_recorded(folder), questions.asked(questions.WHOLE), count, store)


def _differing(recorded: Recorded, asked: questions.Questions, count: int, store: Store) -> Run:
    ids = [f"web{n:05d}" for n in range(count)]
    made = _begun(ids, asked, store)

    def write(first: int, step: int) -> None:
        for number, id in islice(enumerate(ids), first, None, step):
            made.bundle_path(id).write_bytes(recorded.bundle(made.id, id, number))

    in_parts(write, processors())
    store.seal(made, now())
    return made


def _recorded(folder: Path) -> Recorded:
    """The answers of the hardened Debian 12 host that the tests use."""
    host = Target(id="hard", kind="host", object_type="server")
    path = folder / "recorded.bundle"
    recordings.bundle(path, recordings.questions(plugins.load(), _RECORDED, host), host)
    return Recorded(tuple(frames.read(path)))


def many(_: Repeats, say: Say) -> Iterator[Row]:
    """Evaluating 10,000 stored hosts that differ."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        say(f"writing {_MANY} bundles")
        store = Store(folder / "many")
        made = fleet(folder, _MANY, store)
        say("evaluating")
        argv = (str(BIN / "dengbao"), "evaluate", made.id, "--store", str(store.root))
        with Memory() as memory:
            cost = run([Job(argv=argv)], folder)
        assert cost.code < 64, f"dengbao evaluate ended with {cost.code}"
    what = f"`dengbao evaluate` of {_MANY} different stored hosts: "
    yield limited(f"{what}wall time", [cost.wall], _MANY_S, "s", 0)
    yield limited(f"{what}CPU of all processes / 2", [cost.cpu / 2], _MANY_S, "s", 0)
    yield limited(f"{what}peak memory of all its processes", [memory.peak_mb], _MANY_MB, "MB", 0)


def _evaluating(
    bundle: Bundle, asked: questions.Questions, folder: Path, repeats: Repeats, say: Say
) -> Iterator[Row]:
    say("evaluating")
    one = _evaluated(1, 3 * repeats.pairs, bundle, asked, folder)
    few = _evaluated(_FEW, repeats.pairs, bundle, asked, folder)
    per_host = [wall / _FEW for wall in few["wall"]]
    what = "evaluating a stored host"
    yield limited(f"{what}: wall time", one["wall"], _AIM_MS, "ms", 0)
    yield limited(f"{what}: CPU, watchdog included", one["cpu"], _AIM_MS, "ms", 0)
    yield limited(f"{what}: CPU without the watchdog", one["inside"], _AIM_MS, "ms", 0)
    yield limited(f"{what}: wall time per host of a run of {_FEW}", per_host, _AIM_MS, "ms", 0)


def _evaluated(
    hosts: int, times: int, bundle: Bundle, asked: questions.Questions, folder: Path
) -> dict[str, list[float]]:
    store = Store(folder / f"stored-{hosts}")
    made = cloned(bundle, asked, hosts, store)
    argv = (str(store.root), made.id, asked.profile, str(times))
    job = Job(argv=(sys.executable, "-m", "benchmarks.evaluating", *argv))
    cost = run([job], folder, {"PYTHONPATH": str(ROOT)})
    assert cost.code == 0, f"evaluating ended with {cost.code}"
    reported: dict[str, list[float]] = json.loads((folder / "0.out").read_text())
    return reported


def _packing(bundle: Bundle, asked: questions.Questions, folder: Path, say: Say) -> Iterator[Row]:
    say(f"writing {_HOSTS} bundles")
    store = Store(folder / "large")
    made = _differing(Recorded(tuple(frames.read(bundle.path))), asked, _HOSTS, store)
    pack = folder / "large.zip"
    say("packing")
    argv = (str(BIN / "dengbao"), "pack", made.id, "--store", str(store.root), "-o", str(pack))
    with Memory() as memory:
        cost = run([Job(argv=argv)], folder)
    assert cost.code == 0, f"dengbao pack ended with {cost.code}"
    results = ResultsFolder(made.results_path(asked.profile)).stored()
    assert results is not None
    what = (
        f"`dengbao pack`, evaluation included, of {_HOSTS} different hosts x "
        f"{len(results.clauses)} items, "
        f"{sum(e.observations for e in results.entries)} observations: "
    )
    size = pack.stat().st_size / (1 << 20)
    yield limited(
        f"{what}peak memory of the largest process", [memory.largest_mb], _AIM_MB, "MB", 0
    )
    yield limited(f"{what}peak memory of all its processes", [memory.peak_mb], _AIM_MB, "MB", 0)
    per_host = 1000 * cost.wall / _HOSTS
    yield limited(f"{what}time per host", [per_host], _PACK_MS, "ms", 0)
    halves = 1000 * cost.cpu / 2 / _HOSTS
    yield limited(f"{what}CPU of all processes / 2, per host", [halves], _PACK_MS, "ms", 0)
    yield Row(what=f"{what}time, size", ours=f"{cost.wall:.0f} s, {size:.0f} MB")
