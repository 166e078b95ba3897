"""A real recorded host, judged again: the verdicts stay what they were unless somebody says so."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from audit_core import evaluate, plan
from audit_core.api import plugins
from audit_core.api.testkit import ReplayTransport
from audit_core.collect import Collector, Route
from audit_core.model import Target
from audit_core.policy import load_policy
from audit_core.store.bundles import Bundle
from audit_core.store.runs import RUN_SCHEMA, Run, RunFile, Store
from core.whole import Whole, judged

HERE = Path(__file__).parent
RECORDED = HERE / "debian-12.bundle"
EXPECTED = HERE / "debian-12.json"
TARGETS = (
    Target(
        id="web1",
        kind="host",
        object_type="server",
        address="127.0.0.1",
        settings={"allowed_ports": ("22/tcp", "2212/tcp")},
    ),
    Target(id="site", kind="site", object_type="site"),
    Target(id="network", kind="network", object_type="network"),
    Target(id="organisation", kind="organisation", object_type="organisation"),
)


@pytest.fixture(scope="module")
def work() -> evaluate.Work:
    registry = plugins.load()
    profile = load_policy(registry.policy_dirs).profile("gbt22239-l3", registry.checks)
    return evaluate.Work(profile=profile, registry=registry, policy={})


def _run(root: Path) -> Run:
    file = RunFile(
        schema=RUN_SCHEMA,
        id="20261123T121836Z-000000",
        started="2026-11-23T12:18:36.000Z",
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
    run = _run(tmp_path)
    shutil.copy(RECORDED, run.bundle_path("web1"))
    results = judged(run, work)
    conclusions = [
        [c.clause, c.target, c.conclusion.value, c.coverage.value]
        for c in results.conclusions
        if c.target == "web1"
    ]
    seen = {"findings": _verdicts(results), "conclusions": conclusions}
    if os.environ.get("UPDATE_GOLDEN"):
        EXPECTED.write_text(json.dumps(seen, indent=0) + "\n")
    assert seen == json.loads(EXPECTED.read_text())


def test_replaying_the_host_gives_what_asking_it_gave(tmp_path: Path, work: evaluate.Work) -> None:
    recorded = _run(tmp_path / "a")
    shutil.copy(RECORDED, recorded.bundle_path("web1"))
    replayed = _run(tmp_path / "b")
    checks, _ = evaluate.profile_checks(work.profile, work.registry)
    route = Route(transport=ReplayTransport(Bundle(RECORDED)), credential="replay")
    Collector(replayed, {"web1": route}, {}).collect(plan.groups(TARGETS, checks))
    want, got = judged(recorded, work), judged(replayed, work)
    shell = {f.id for f in got.findings if not f.check.startswith("nmap.")}
    assert shell
    assert [f for f in _verdicts(got) if f"{f[0]}@{f[1]}" in shell] == [
        f for f in _verdicts(want) if f"{f[0]}@{f[1]}" in shell
    ]
