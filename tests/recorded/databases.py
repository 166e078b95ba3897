"""Answers of database servers that cannot be installed here, judged again as a run of a profile."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from audit_core import evaluate
from audit_core.api import plugins
from audit_core.model import Reply, Request, SessionInfo, Status, Target, asked_of
from audit_core.plan import request_of
from audit_core.policy import load_policy
from audit_core.store.bundles import BundleWriter, Head, Stamp
from audit_core.store.runs import RUN_SCHEMA, Run, RunFile, Store
from core.whole import judged

_HOW = SessionInfo(connector="recording")
_PROFILE = "gbt22239-l3"


def _requests(registry: plugins.Registry, db: Target) -> Iterator[Request]:
    if platform := registry.kinds.platforms.get(db.kind):
        yield from platform.requests
    for fact in registry.facts.values():
        for provider in fact.providers if fact.kind == db.kind else ():
            for ask in (provider.ask, *provider.asks.values()):
                request = request_of(asked_of(ask), db) if ask is not None else None
                if isinstance(request, Request):
                    yield request


def _run(root: Path, db: Target, answers: list[dict[str, Any]], asked: dict[str, Request]) -> Run:
    file = RunFile(
        schema=RUN_SCHEMA, id="20261130T020000Z-000000", started="2026-11-30T02:00:00.000Z",
        profile=_PROFILE, profile_sha256="", inventory_sha256="", dengbao="", plugins={},
        targets=(db,),
    )  # fmt: skip
    run = Store(root).create(file)
    writer = BundleWriter(run.bundle_path(db.id), Head(run=file.id, target=db.id))
    for answer in answers:
        stamp = Stamp(round=1, started=answer["collected"], ended=answer["collected"], how=_HOW)
        reply = Reply(request=asked[answer["identity"]], status=Status(answer["status"]),
                      stdout=answer["stdout"].encode())  # fmt: skip
        writer.add(db.id, reply, stamp)
    writer.round_done(1, db.id, "recording")
    writer.finish()
    return run


def states(name: str) -> dict[str, dict[str, Any]]:
    """What `tests/recorded/NAME.json` holds of each state of the server."""
    text = (Path(__file__).parent / f"{name}.json").read_text()
    found: dict[str, dict[str, Any]] = json.loads(text)["states"]
    return found


def verdicts(
    name: str, kind: str, root: Path, settings: Mapping[str, Any]
) -> dict[str, dict[str, str]]:
    """The verdict of each check of `kind`, without its name, in each state of a recording."""
    db = Target(id="db", kind=kind, object_type="database", address="127.0.0.1",
                settings=dict(settings))  # fmt: skip
    registry = plugins.load()
    profile = load_policy(registry.policy_dirs).profile(_PROFILE, registry.checks)
    work = evaluate.Work(profile=profile, registry=registry, policy={})
    asked = {request.identity(): request for request in _requests(registry, db)}
    found = {}
    for state, held in states(name).items():
        results = judged(_run(root / state, db, held["answers"], asked), work)
        found[state] = {
            f.check.removeprefix(f"{kind}."): f.verdict.value
            for f in results.findings if f.check.startswith(f"{kind}.")
        }  # fmt: skip
    return found
