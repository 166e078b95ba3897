"""What is done with a stored run: evaluating it, and packing 500 hosts × 211 items."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from audit_core.connectors import now
from audit_core.model import (
    Observation,
    ReadFiles,
    Reply,
    Request,
    Target,
)
from audit_core.model.files import decode_files
from audit_core.store.bundles import Bundle, BundleWriter, Stamp
from audit_core.store.results import ResultsFolder
from audit_core.store.runs import RUN_SCHEMA, Run, RunFile, Store
from benchmarks import ROOT, questions
from benchmarks.clients import BIN, Clients
from benchmarks.hosts import Repeats, Say
from benchmarks.processes import Job, Memory, run
from benchmarks.servers import farm
from benchmarks.table import Row, limited

_AIM_MS = 30
_AIM_MB = 500
_HOSTS = 500
_FEW = 20
_WHOLE = ("site", "network", "organisation")
_ALWAYS = tuple(Target(id=id, kind=id, object_type=id) for id in _WHOLE)


def evaluating(repeats: Repeats, say: Say) -> Iterator[Row]:
    """Judging what one real host answered."""
    with _real(say) as (bundle, whole, folder):
        yield from _evaluating(bundle, whole, folder, repeats, say)


def packing(_: Repeats, say: Say) -> Iterator[Row]:
    """Packing 500 hosts that answered as one real host did."""
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


_Answer = tuple[Reply, Stamp]


def cloned(bundle: Bundle, asked: questions.Questions, count: int, store: Store) -> Run:
    """A sealed run of `count` hosts that all gave the answers in `bundle`, at one site."""
    ids = [f"web{n:04d}" for n in range(count)]
    work, started = asked.work, now()
    made = store.create(RunFile(
        schema=RUN_SCHEMA, id=f"20261123T080000Z-{count:06x}", started=started,
        profile=asked.profile, profile_sha256=work.profile.sha256, inventory_sha256="",
        dengbao="", plugins={}, targets=(*(questions.target(id) for id in ids), *_ALWAYS),
    ))  # fmt: skip
    types = _types(asked)
    replies = [_reply(bundle, seen, types) for seen in bundle.observations.values()]
    for id in ids:
        _write(made.writer(id), id, replies)
    store.seal(made, now())
    return made


def _write(writer: BundleWriter, id: str, replies: list[_Answer]) -> None:
    for reply in replies:
        writer.add(id, *reply)
    writer.round_done(1, id, "cloned")
    writer.finish()


def _reply(bundle: Bundle, o: Observation, types: dict[str, type[Request]]) -> _Answer:
    request = msgspec.convert(o.request, types[o.request["type"]])
    stamp = Stamp(round=o.round, started=o.started, ended=o.ended, how=o.how)
    stdout = bundle.blob(o.stdout_sha256)
    reply = Reply(
        request=request, status=o.status, exit_code=o.exit_code, stdout=stdout,
        stderr=bundle.blob(o.stderr_sha256), truncated=o.truncated, detail=o.detail,
        files=decode_files(stdout) if isinstance(request, ReadFiles) else None,
    )  # fmt: skip
    return reply, stamp


def _types(asked: questions.Questions) -> dict[str, type[Request]]:
    accepted = [t for c in asked.registry.connectors.values() for t in c.accepts]
    return {str(t.__struct_config__.tag): t for t in accepted}


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
    told: dict[str, list[float]] = json.loads((folder / "0.out").read_text())
    return told


def _packing(bundle: Bundle, asked: questions.Questions, folder: Path, say: Say) -> Iterator[Row]:
    say(f"writing {_HOSTS} bundles")
    store = Store(folder / "large")
    made = cloned(bundle, asked, _HOSTS, store)
    pack = folder / "large.zip"
    say("packing")
    argv = (str(BIN / "dengbao"), "pack", made.id, "--store", str(store.root), "-o", str(pack))
    with Memory() as memory:
        cost = run([Job(argv=argv)], folder)
    assert cost.code == 0, f"dengbao pack ended with {cost.code}"
    results = ResultsFolder(made.results_path(asked.profile)).stored()
    assert results is not None
    what = (
        f"`dengbao pack` of {_HOSTS} hosts x {len(results.clauses)} items, "
        f"{sum(e.observations for e in results.entries)} observations: "
    )
    size = pack.stat().st_size / (1 << 20)
    yield limited(
        f"{what}peak memory of the largest process", [memory.largest_mb], _AIM_MB, "MB", 0
    )
    yield limited(f"{what}peak memory of all its processes", [memory.peak_mb], _AIM_MB, "MB", 0)
    yield Row(what=f"{what}time, size", ours=f"{cost.wall:.0f} s, {size:.0f} MB")
