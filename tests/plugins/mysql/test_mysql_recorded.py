"""MySQL 9.7 as recorded: it cannot be installed beside MariaDB, so its answers are kept.

`tests/recorded/mysql_9_7.json` says which package answered, and when. Each state was asked with the
account that `plan --grants` prints; `plain` is an account without rights.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audit_core import evaluate
from audit_core.api import plugins
from audit_core.model import Reply, Request, SessionInfo, Status, Target, asked_of
from audit_core.plan import request_of
from audit_core.policy import load_policy
from audit_core.store.bundles import BundleWriter, Head, Stamp
from audit_core.store.runs import RUN_SCHEMA, Run, RunFile, Store
from core.whole import judged

RECORDED = Path(__file__).parents[2] / "recorded" / "mysql_9_7.json"
DB = Target(id="db", kind="mysql", object_type="database", address="127.0.0.1",
            settings={"administrators": ("dba",)})  # fmt: skip
_HOW = SessionInfo(connector="recording")


def _requests(registry: plugins.Registry) -> Iterator[Request]:
    yield from registry.kinds.platforms["mysql"].requests
    for fact in registry.facts.values():
        for provider in fact.providers if fact.kind == "mysql" else ():
            for ask in (provider.ask, *provider.asks.values()):
                request = request_of(asked_of(ask), DB) if ask is not None else None
                if isinstance(request, Request):
                    yield request


def _run(root: Path, answers: list[dict[str, Any]], asked: dict[str, Request]) -> Run:
    file = RunFile(
        schema=RUN_SCHEMA, id="20261130T020000Z-000000", started="2026-11-30T02:00:00.000Z",
        profile="gbt22239-l3", profile_sha256="", inventory_sha256="", dengbao="", plugins={},
        targets=(DB,),
    )  # fmt: skip
    run = Store(root).create(file)
    writer = BundleWriter(run.bundle_path("db"), Head(run=file.id, target="db"))
    for answer in answers:
        stamp = Stamp(round=1, started=answer["collected"], ended=answer["collected"], how=_HOW)
        reply = Reply(request=asked[answer["identity"]], status=Status(answer["status"]),
                      stdout=answer["stdout"].encode())  # fmt: skip
        writer.add("db", reply, stamp)
    writer.round_done(1, "db", "recording")
    writer.finish()
    return run


def test_a_recorded_server(tmp_path: Path, subtests: pytest.Subtests) -> None:
    registry = plugins.load()
    profile = load_policy(registry.policy_dirs).profile("gbt22239-l3", registry.checks)
    work = evaluate.Work(profile=profile, registry=registry, policy={})
    asked = {request.identity(): request for request in _requests(registry)}
    found = {}
    for name, state in json.loads(RECORDED.read_text())["states"].items():
        results = judged(_run(tmp_path / name, state["answers"], asked), work)
        found[name] = {
            f.check.removeprefix("mysql."): f.verdict.value
            for f in results.findings if f.check.startswith("mysql.")
        }  # fmt: skip
        with subtests.test(name):
            assert found[name] == state["verdicts"]
    rights = ("powers", "wide-rights", "system-tables", "grant-option", "audit-holders",
              "empty-passwords", "password-policy", "password-lifetime", "lockout")  # fmt: skip
    for check in rights:
        states = [found[name][check] for name in ("good", "bad", "plain")]
        assert states == ["pass", "fail", "undetermined"], check
