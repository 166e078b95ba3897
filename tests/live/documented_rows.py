"""Verdicts on rows in the form that a vendor documents, for products that cannot run here.

Nothing here was recorded: the rows are made from documents. What is shown is that questions,
parsers and checks fit each other, that an account with fewer rights gets no verdict, and that every
result has its mark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from audit_core.api.plugins import load
from audit_core.evaluate import Work
from audit_core.model import Finding, Reply, Request, Status, Target, Verdict, all_facts, msg
from audit_core.plan import request_of
from audit_core.policy import load_policy
from audit_core.store.runs import Store
from audit_database.query import EVERY, Query
from audit_database.rows import encoded_columns, encoded_database, encoded_row
from core.fakes import ORG, SITE, STAMP, new_run
from core.whole import judged

Rows = Sequence[Mapping[str, Any]]
Answers = Mapping[str, Rows | Status]
"""What a server answers, by the label of the question; what is not there is refused."""


def _reply(query: Query, answer: Rows | Status) -> Reply:
    if isinstance(answer, Status):
        needed = msg("it needs: {grants}", grants="; ".join(query.grants))
        return Reply(request=query, status=answer, detail=needed)
    names = [*answer[0]] if answer else ["none"]
    lines = [encoded_columns(names), *(encoded_row([*row.values()]) for row in answer)]
    if query.database == EVERY:
        lines = [encoded_database("app"), *lines]
    for name in names if answer else ():
        assert f"{name}" in query.sql, (name, query.sql)
    return Reply(request=query, stdout=b"".join(lines))


def verdicts(
    kind: str, cases: Mapping[str, Answers], folder: Path, settings: Mapping[str, Any]
) -> dict[str, dict[str, Finding]]:
    """The findings of each case by the name of the check, without that of its plugin."""
    registry = load()
    profile = load_policy(registry.policy_dirs).profile("gbt22239-l3", registry.checks)
    targets = [
        Target(id=id, kind=kind, object_type="database", settings=dict(settings)) for id in cases
    ]
    run = new_run(folder, (*targets, SITE, ORG))
    for target in targets:
        writer = run.writer(target.id)
        for query in questions(kind, target):
            writer.add(
                target.id,
                _reply(query, cases[target.id].get(query.label, Status.NOT_PERMITTED)),
                STAMP,
            )
        writer.round_done(2, target.id, "test")
        writer.finish()
    Store(folder).seal(run, "2026-01-02T03:05:00.000Z")
    found = judged(run, Work(profile=profile, registry=registry, policy={})).findings
    return {
        id: {f.check.partition(".")[2]: f for f in found if f.target == id} for id in cases
    }  # fmt: skip


def questions(kind: str, target: Target) -> list[Query]:
    """Every question that the facts of `kind` ask."""
    facts = all_facts(f for f in load().facts.values() if f.kind == kind)
    asks = [ask for fact in facts for p in fact.providers for ask in p.every_ask]
    found: dict[Request, None] = {}
    for ask in asks:
        request = request_of(ask, target)
        if isinstance(request, Query):
            found[request] = None
    return [query for query in found if isinstance(query, Query)]


def words(findings: Mapping[str, Finding]) -> dict[str, str]:
    """The verdicts alone."""
    return {name: found.verdict.value for name, found in findings.items()}


def assert_marked(cases: Mapping[str, Mapping[str, Finding]]) -> None:
    """Each finding says that it is unverified, and a refusal names what is needed."""
    for findings in cases.values():
        for found in findings.values():
            assert "not tried on a real server" in str(found.unverified), found.check
            assert found.verdict is not Verdict.FAIL or found.remedy is not None
