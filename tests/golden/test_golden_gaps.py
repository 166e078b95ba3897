"""Invariant 3 on findings of a recorded host: a lost observation decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec
import pytest
from msgspec import structs

from audit_core import plan
from audit_core.api import plugins
from audit_core.evaluate import SkippedSteps, judge
from audit_core.evaluate.fact_values import read_back, stored
from audit_core.evaluate.group_facts import GroupFacts, Shared
from audit_core.model import (
    Check,
    Finding,
    Known,
    Message,
    Observation,
    Request,
    Status,
    Tree,
    Verdict,
    all_facts,
)
from audit_core.model.results import FactValue
from audit_core.store.bundles import Bundle, FaultFrame

from .host import TARGETS, recorded

CHECKS = tuple(plugins.load().checks.values())
WEB = TARGETS[0]
Observations = Mapping[tuple[str, str], Observation]


class Recorded:
    """The bundle of the recorded host with other observations."""

    faults: ClassVar[dict[tuple[str, str], FaultFrame]] = {}

    def __init__(self, observations: Observations, put: bytes = b"") -> None:
        self.observations = observations
        self._put = put

    def blob(self, sha256: str) -> bytes:
        raw = BUNDLE.blob(sha256)
        return raw.replace(b"e", self._put) if self._put else raw


BUNDLE = Bundle(recorded())


def facts_of(bundle: Recorded) -> GroupFacts:
    (group,) = plan.groups((WEB,), CHECKS)
    shared = Shared(tree=Tree(TARGETS))
    return GroupFacts(group, bundle, SkippedSteps(), lambda step: None, shared, "")  # type: ignore[arg-type]


def judged(observations: Observations, checks: Sequence[Check]) -> dict[str, Finding]:
    facts = facts_of(Recorded(observations))
    return {
        c.id: judge.judge(
            c, WEB, facts.inputs(c.needs, WEB), {p.name: p.default for p in c.parameters}
        )
        for c in checks
        if c.kind == WEB.kind
    }


def _identity(request: Request | Message) -> str:
    return "" if isinstance(request, Message) else request.identity()


def test_a_lost_or_refused_answer_only_makes_findings_undetermined() -> None:
    seen = BUNDLE.observations
    whole = judged(seen, CHECKS)
    assert {f.verdict for f in whole.values()} >= {Verdict.PASS, Verdict.FAIL}
    [group] = plan.groups((WEB,), CHECKS)
    platform = {q.request.identity() for q in plan.discovery_round(group)}
    wrong = []
    for key, observation in seen.items():
        checks = CHECKS
        if observation.identity not in platform:  # on which any check may rest
            facts = {a.fact for a in group.asked if _identity(a.request) == observation.identity}
            checks = tuple(c for c in CHECKS if facts & {f.id for f in all_facts(c.needs)})
        refused = structs.replace(observation, status=Status.NOT_PERMITTED, exit_code=None)
        for changed in ({k: o for k, o in seen.items() if k != key}, {**seen, key: refused}):
            for id, finding in judged(changed, checks).items():
                if finding.verdict not in (whole[id].verdict, Verdict.UNDETERMINED):
                    wrong.append((id, whole[id].verdict, finding.verdict, observation.asked))
    assert not wrong


def test_a_lost_key_exchange_concerns_what_rests_on_it_only() -> None:
    (ask,) = (f for f in plugins.load().facts.values() if f.id == "shell.ssh-key-exchange")
    identities = {_identity(asked) for p in ask.providers for asked in p.every_ask}  # type: ignore[arg-type]
    seen = BUNDLE.observations
    whole = judged(seen, CHECKS)
    lost = judged({k: o for k, o in seen.items() if o.identity not in identities}, CHECKS)
    assert {id.removeprefix("linux.") for id in whole if whole[id].verdict != lost[id].verdict} == {
        "sshd-ciphers", "sshd-macs", "sshd-kex", "sshd-host-keys", "second-factor",
    }  # fmt: skip


@pytest.mark.parametrize("put", [b"", b"\xff", b"\xed\xa0\x80"])
def test_values_of_facts_can_be_stored(put: bytes) -> None:
    facts = facts_of(Recorded(BUNDLE.observations, put))
    known = 0
    for fact in plugins.load().facts.values():
        if fact.kind == WEB.kind:
            got = facts.learn(fact, WEB)
            if isinstance(got, Known):
                known += 1
                value = stored(fact.id, WEB.id, got)
                again = msgspec.json.decode(msgspec.json.encode(value), type=FactValue)
                back = read_back(again, fact)
                assert isinstance(back, Known), (fact.id, back)
                assert put or back == got, fact.id
    assert known > (10 if put else 40)
