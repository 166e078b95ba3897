"""Reads earlier runs from a store on this machine. Runs in a worker process.

Only stamps, seals and indexes of results are read, no evidence. Nothing is written or locked.
"""

from __future__ import annotations

import enum
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from audit_core.api.declared_files import OutOfTime, file_session
from audit_core.api.sessions import OneByOne, cut_reply
from audit_core.model import ConnectionContext, Message, Reply, Status, msg
from audit_core.model.errors import InputError, StoreError
from audit_core.model.overall import SystemConclusion
from audit_core.model.results import INDEX_SCHEMA, ObjectEntry, RunStamp, TargetState
from audit_core.model.targets import Target
from audit_core.store.runs import Run, RunFile, Seal, Store, file_digest
from audit_core.text.system_errors import os_error
from audit_scan.history.model import Concluded, EarlierRun, EarlierTarget, StoreHead
from audit_scan.history.request import RunHistory
from audit_scan.kind import StoreAccess

INDEX_MAX = 256 << 20
"""Bytes of an index of results."""
KINDS = ("host", "web")
"""The kinds of targets that are listed."""


class _As(enum.Enum):
    """As what a run of the store counts."""

    LISTED = enum.auto()
    OLDER = enum.auto()
    OTHER = enum.auto()
    DOUBTFUL = enum.auto()


class _Index(Struct, frozen=True, kw_only=True):
    """The part of `ResultsIndex` that is read."""

    schema: str
    run: RunStamp
    targets: tuple[Target, ...]
    objects: tuple[ObjectEntry, ...]
    system: tuple[SystemConclusion, ...] = ()


def open(context: ConnectionContext) -> OneByOne:
    """A session that reads the store of the target; nobody logs in."""
    access: StoreAccess = context.access
    return file_session("run-store", RunHistory, partial(answered, store=Path(access.store)))


def answered(request: RunHistory, store: Path) -> Reply:
    """The earlier runs in `store`, the newest first."""
    try:
        next((store / "runs").iterdir(), None)
        stdout = _listed(request, Store(store))
    except (FileNotFoundError, NotADirectoryError):
        why = msg("{file} is no store of runs", file=str(store))
        return Reply(request=request, status=Status.UNREACHABLE, detail=why)
    except (OSError, StoreError) as error:
        words: Message = os_error(error) if isinstance(error, OSError) else error.detail
        why = msg("{file}: {error}", file=str(store), error=words)
        return Reply(request=request, status=Status.NOT_PERMITTED, detail=why)
    except OutOfTime:
        return Reply(request=request, status=Status.TIMED_OUT)
    return cut_reply(request, stdout)


def _listed(request: RunHistory, store: Store) -> bytes:
    deadline = time.monotonic() + request.timeout_s
    counts: Counter[_As] = Counter()
    rows: list[bytes] = []
    doubtful: set[str] = set()
    for id in reversed(store.ids()):
        if time.monotonic() >= deadline:
            raise OutOfTime
        run = Run(store.root / "runs" / id)
        found = _read(run, request.system)
        if isinstance(found, tuple):
            counts[_As.LISTED if counts[_As.LISTED] < request.runs else _As.OLDER] += 1
            if not counts[_As.OLDER]:
                rows += [msgspec.json.encode(one) for one in _as_evaluated(run, *found)]
        elif found is _As.DOUBTFUL:
            doubtful.add(f"{id[:4]}-{id[4:6]}-{id[6:8]}")
        else:
            counts[found] += 1
    head = StoreHead(read=counts[_As.LISTED], others=counts[_As.OTHER], older=counts[_As.OLDER],
                     doubtful=tuple(sorted(doubtful)))  # fmt: skip
    return b"".join(line + b"\n" for line in (msgspec.json.encode(head), *rows))


def _read(run: Run, system: str) -> tuple[RunFile, Seal] | _As:
    """The stamp and the seal of a run of `system`, or as what it counts."""
    try:
        stamp, seal = run.file, run.seal
        if stamp.system != system:
            return _As.OTHER
        # the run that asks is not sealed yet
        if seal is None or seal.run != run.id or stamp.id != run.id:
            return _As.DOUBTFUL
        same = file_digest(run.folder / "run.json") == seal.run_sha256
    except (InputError, OSError, UnicodeDecodeError):
        return _As.DOUBTFUL
    return (stamp, seal) if same else _As.DOUBTFUL


def _as_evaluated(run: Run, stamp: RunFile, seal: Seal) -> Iterator[EarlierRun]:
    """The run under each profile that it was evaluated under; once without, where under none."""
    found = [index for folder in _folders(run) if (index := _index(folder, run, seal)) is not None]
    for index in found:
        yield _evaluated(stamp, seal, index)
    if not found:
        profile = Path(stamp.profile).name
        yield EarlierRun(run=run.id, started=stamp.started, ended=seal.sealed, profile=profile)


def _folders(run: Run) -> tuple[Path, ...]:
    try:
        return run.results_folders()
    except OSError:
        return ()


def _index(folder: Path, run: Run, seal: Seal) -> _Index | None:
    """The index in `folder`; None where it cannot be read or is of other evidence."""
    path = folder / "index.json"
    try:
        if path.stat().st_size > INDEX_MAX:
            return None
        index = msgspec.json.decode(path.read_bytes(), type=_Index)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    same = index.schema == INDEX_SCHEMA and index.run.id == run.id
    return index if same and index.run.bundles == seal.bundles else None


def _evaluated(stamp: RunFile, seal: Seal, index: _Index) -> EarlierRun:
    statuses = {s.target: s for entry in index.objects for s in entry.targets}
    whole = bool(statuses) and all(s.carried_out for s in statuses.values())
    listed = (t for t in stamp.targets if t.kind in KINDS)
    return EarlierRun(
        run=stamp.id, started=stamp.started, ended=seal.sealed, profile=index.run.profile,
        evaluated=True, complete=whole and not stamp.only,
        targets=tuple(_seen(t, statuses) for t in listed),
        conclusions=tuple(_concluded(index.system)),
    )  # fmt: skip


def _seen(target: Target, statuses: dict[str, Any]) -> EarlierTarget:
    status = statuses.get(target.id)
    names = tuple(name.lower() for name in (target.address, target.host_name) if name)
    reached = status is not None and status.state is TargetState.REACHED
    return EarlierTarget(id=target.id, kind=target.kind, names=names, reached=reached)


def _concluded(system: tuple[SystemConclusion, ...]) -> Iterator[Concluded]:
    known: set[str] = set()
    for one in system:
        grading = one.grading
        if grading.catalog not in known:  # the first of a catalog is its default
            known.add(grading.catalog)
            name = next((g.en for g in grading.grades if g.id == one.word), "")
            yield Concluded(catalog=grading.catalog, word=one.word, name=name, pending=one.pending)
