"""Results as one value, to be made up and compared in tests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct

from audit_core import evaluate
from audit_core.model import Conclusion, Finding, Result, Target, Verdict
from audit_core.model.names import Named, SystemObject
from audit_core.model.results import (
    INDEX_SCHEMA,
    OBJECT_SCHEMA,
    CheckInfo,
    Clause,
    Evidence,
    KindInfo,
    ObjectEntry,
    ObjectResults,
    Results,
    ResultsIndex,
    RunStamp,
    TargetState,
    TargetStatus,
    encode,
    total,
)
from audit_core.store.results import ResultsFolder
from audit_core.store.runs import Run

T = TypeVar("T")
Add = Any


class Whole(Struct, frozen=True, kw_only=True):
    """All that results hold, in memory."""

    run: RunStamp
    title: str
    title_en: str
    targets: tuple[Target, ...]
    clauses: tuple[Clause, ...]
    checks: tuple[CheckInfo, ...]
    findings: tuple[Finding, ...]
    conclusions: tuple[Conclusion, ...]
    observations: tuple[Evidence, ...]
    kinds: tuple[KindInfo, ...] = ()
    evidence_kinds: tuple[KindInfo, ...] = ()
    object_types: tuple[Named, ...] = ()
    system_objects: tuple[SystemObject, ...] = ()
    statuses: tuple[TargetStatus, ...] = ()
    """Of every target; where empty, every target was reached."""


def whole(results: Results) -> Whole:
    """`results` as one value."""
    return Whole(
        run=results.run,
        title=results.title,
        title_en=results.title_en,
        targets=results.targets,
        clauses=results.clauses,
        checks=results.checks,
        findings=tuple(results.findings),
        conclusions=tuple(results.conclusions),
        observations=tuple(results.observations),
        kinds=results.index.kinds,
        evidence_kinds=results.index.evidence_kinds,
        object_types=results.index.object_types,
        system_objects=results.index.system_objects,
        statuses=tuple(results.statuses),
    )


def read(folder: Path) -> Whole:
    """The one set of results that is stored under the folder of a run, or of its results."""
    (index,) = folder.rglob("index.json")
    found = ResultsFolder(index.parent).stored()
    assert found is not None
    return whole(found)


def judged(run: Run, work: evaluate.Work, **more: Any) -> Whole:
    """What evaluating `run` gives."""
    return whole(evaluate.evaluate(run, work, **more))


def in_memory(value: Whole) -> Results:
    """`value` as results that stand in no file."""
    files: dict[str, bytes] = {}

    def add(object: ObjectResults) -> tuple[str, int]:
        raw = encode(object)
        digest = hashlib.sha256(raw).hexdigest()
        files[digest] = raw
        return digest, len(raw)

    return Results(_index(value, add), lambda entry: files[entry.sha256])


def stored(value: Whole, folder: ResultsFolder) -> Results:
    """`value` as evaluation would store it."""
    folder.begin()
    return folder.finish(_index(value, folder.add))


def _index(value: Whole, add: Add) -> ResultsIndex:
    return ResultsIndex(
        schema=INDEX_SCHEMA,
        run=value.run,
        title=value.title,
        title_en=value.title_en,
        targets=value.targets,
        clauses=value.clauses,
        checks=value.checks,
        objects=tuple(_entry(value, one, *add(one)) for one in _objects(value)),
        kinds=value.kinds,
        evidence_kinds=value.evidence_kinds,
        object_types=value.object_types,
        system_objects=value.system_objects,
    )


def _objects(value: Whole) -> Iterable[ObjectResults]:
    by_id = {t.id: t for t in value.targets}

    def home(id: str) -> str:
        target = by_id.get(id)
        return home(target.parent) if target and target.parent else id

    named = [t.id for t in value.targets]
    named += [f.target for f in value.findings] + [c.target for c in value.conclusions]
    named += [o.target for o in value.observations]
    known = {f.id: f for f in value.findings}
    reached = (TargetStatus(target=t.id, state=TargetState.REACHED) for t in value.targets)
    statuses = value.statuses or tuple(reached)
    for object in dict.fromkeys(map(home, named)):
        own = tuple(f for f in value.findings if home(f.target) == object)
        concluded = tuple(c for c in value.conclusions if c.target == object)
        ids = {id for c in concluded for id in c.findings} & known.keys() - {f.id for f in own}
        yield ObjectResults(
            schema=OBJECT_SCHEMA,
            object=object,
            findings=own,
            cited=tuple(known[id] for id in sorted(ids)),
            conclusions=concluded,
            observations=tuple(o for o in value.observations if home(o.target) == object),
            targets=tuple(s for s in statuses if home(s.target) == object),
        )


def _entry(value: Whole, one: ObjectResults, digest: str, size: int) -> ObjectEntry:
    layer = {(c.catalog, c.id): c.layer for c in value.clauses}
    conclusions: dict[str, dict[str, int]] = {}
    for c in one.conclusions:
        counts = conclusions.setdefault(layer.get((c.catalog, c.clause), ""), {})
        counts[Result(c.conclusion)] = counts.get(c.conclusion, 0) + 1
    return ObjectEntry(
        object=one.object,
        sha256=digest,
        size=size,
        verdicts=total({f.verdict: 1} for f in one.findings),
        failed=total({f.severity: 1} for f in one.findings if f.verdict is Verdict.FAIL),
        undetermined=total({f.why: 1} for f in one.findings if f.verdict is Verdict.UNDETERMINED),
        conclusions=conclusions,
        observations=len(one.observations),
        targets=one.targets,
        whole=one.object in {object.id for object in value.system_objects},
    )
