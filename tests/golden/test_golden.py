"""A real recorded host, evaluated again: the verdicts equal the stored ones."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from audit_core import evaluate, plan
from audit_core.api import plugins
from audit_core.api.testkit import replay
from audit_core.collect import Collector
from audit_core.policy import load_policy
from audit_core.store.bundles import Bundle
from audit_core.store.runs import RUN_SCHEMA, Run, RunFile, Store
from core.whole import Whole, judged

from . import recordings
from .host import NAME, TARGETS, asked, recorded

EXPECTED = Path(__file__).parent / f"{NAME}.json"


@pytest.fixture(scope="module")
def work() -> evaluate.Work:
    registry = plugins.load()
    profile = load_policy(registry.policy_dirs).profile("gbt22239-l3", registry.checks)
    return evaluate.Work(profile=profile, registry=registry, policy={})


def test_recordings_answer_what_is_asked_today() -> None:
    assert recordings.left_over(asked()) == []


def run_of(root: Path) -> Run:
    file = RunFile(
        schema=RUN_SCHEMA,
        id="20261128T220000Z-000000",
        started="2026-11-28T22:00:00.000Z",
        profile="gbt22239-l3",
        profile_sha256="",
        inventory_sha256="",
        dengbao="",
        plugins={},
        targets=TARGETS,
    )
    return Store(root).create(file)


def _verdicts(results: Whole) -> list[list[str]]:
    return sorted([f.check, f.target, f.verdict.value, f.why] for f in results.findings)


def test_the_recorded_host_is_judged_as_before(tmp_path: Path, work: evaluate.Work) -> None:
    run = run_of(tmp_path)
    shutil.copy(recorded(), run.bundle_path("web1"))
    results = judged(run, work)
    conclusions = [
        [
            c.clause,
            c.target,
            c.conclusion.value + (" (pending)" if c.pending else ""),
            c.coverage.value,
            " ".join(f"{s.number}:{s.state.value}" for s in c.steps),
            " ".join(c.range),
        ]
        for c in results.conclusions
        if c.target == "web1"
    ]
    seen = {"findings": _verdicts(results), "conclusions": conclusions}
    if os.environ.get("UPDATE_GOLDEN"):
        EXPECTED.write_text(json.dumps(seen, indent=0) + "\n")
    expected = json.loads(EXPECTED.read_text())
    assert seen == expected, "make golden writes it anew; the commit says why it differs"


def test_replaying_the_host_gives_what_asking_it_gave(tmp_path: Path, work: evaluate.Work) -> None:
    before = run_of(tmp_path / "a")
    shutil.copy(recorded(), before.bundle_path("web1"))
    replayed = run_of(tmp_path / "b")
    checks, _ = evaluate.profile_checks(work.profile, work.registry)
    Collector(replayed, replay(Bundle(recorded()))).collect(plan.groups(TARGETS, checks))
    for live, reported in zip(
        _verdicts(judged(before, work)), _verdicts(judged(replayed, work)), strict=True
    ):
        if live[-1] == "not_collected" and reported[-1] == "unreachable":
            live[-1] = reported[-1]  # it has no recording: a replay does not answer
        assert reported == live
