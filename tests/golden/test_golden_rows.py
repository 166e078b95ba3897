"""A row of an answer that cannot be read costs itself: what is certain stays, nothing passes.

Each answer of the recorded host is given a row of nonsense, besides its rows and in the place of
one of them, and what rests on it is judged again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from msgspec import structs

from audit_core import plan
from audit_core.api import plugins
from audit_core.evaluate import SkippedSteps, judge
from audit_core.evaluate.group_facts import GroupFacts, Shared
from audit_core.model import (
    Absent,
    Check,
    Command,
    Complete,
    Fact,
    Finding,
    FirstOf,
    Known,
    Modified,
    Need,
    Status,
    Tree,
    Verdict,
    all_facts,
)
from audit_core.store.bundles import Bundle

from .host import TARGETS, recorded

REGISTRY = plugins.load()
WEB = TARGETS[0]
CHECKS = tuple(c for c in REGISTRY.checks.values() if c.kind == WEB.kind)
(GROUP,) = plan.groups((WEB,), CHECKS)
BUNDLE = Bundle(recorded())
NONSENSE = b"\x01 nonsense"
# What ends a row: several answers are lists of paths, which may hold a newline.
ENDS = (b"\0", b"//", b"\n")
MOST = 12  # rows of one answer that are replaced

# Facts that such a row leaves without a value, because no other row of it is sure alone.
NO_ROWS = {
    "linux.block-devices": "one JSON document",
    "linux.installed-at": "one of three stamps",
    "linux.sshd-times": "the newest of the times",
    "linux.swaps": "where the links lead decides of each row",
    "linux.sysctl": "what one line says of an interface may excuse another",
    "nmap.listening": "the row may be the port that gave no answer",
    "patch.metadata": "the newest of the times",
    "patch.starters": "one state for each unit, in order",
}
# Checks that learn of the gap by another way than `complete`: the fact itself tells them.
TOLD = {"linux.sshd": "Sshd.unread", "linux.sysctl": "missing keys settle nothing"}


class Changed:
    """The recorded bundle with another output in the answer to one question."""

    faults: Mapping[tuple[str, str], object] = {}

    def __init__(self, key: tuple[str, str], stdout: bytes) -> None:
        digest = hashlib.sha256(stdout).hexdigest()
        seen = BUNDLE.observations[key]
        changed = structs.replace(seen, stdout_sha256=digest, stdout_size=len(stdout))
        self.observations = {**BUNDLE.observations, key: changed}
        self._put = {digest: stdout}

    def blob(self, sha256: str) -> bytes:
        return self._put[sha256] if sha256 in self._put else BUNDLE.blob(sha256)


def facts_of(bundle: Bundle | Changed) -> GroupFacts:
    shared = Shared(tree=Tree(TARGETS), platforms=REGISTRY.kinds.platforms)
    return GroupFacts(GROUP, bundle, SkippedSteps(), lambda step: None, shared, "")  # type: ignore[arg-type]


def judged(facts: GroupFacts, check: Check) -> Finding:
    params = {p.name: p.default for p in check.parameters}
    return judge.judge(check, WEB, facts.inputs(check.needs, WEB), params)


WHOLE = facts_of(BUNDLE)
BEFORE = {check.id: judged(WHOLE, check) for check in CHECKS}


def _rows(stdout: bytes) -> tuple[list[bytes], bytes] | None:
    """The rows of an answer that has several, and what ends each."""
    end = next((e for e in ENDS if stdout.count(e) > 1), None)
    return None if end is None else (stdout.removesuffix(end).split(end), end)


def changed_facts() -> Iterator[tuple[Fact, GroupFacts, bool]]:
    """Each fact that a row of nonsense stands in, and whether it took the place of another row."""
    for asked in GROUP.asked:
        if not isinstance(asked.request, Command):
            continue
        key = (WEB.id, asked.request.identity())
        seen = BUNDLE.observations.get(key)
        if seen is None or seen.status is not Status.ANSWERED:
            continue
        found = _rows(BUNDLE.blob(seen.stdout_sha256))
        if found is None or not isinstance(WHOLE.learn(REGISTRY.facts[asked.fact], WEB), Known):
            continue
        rows, end = found
        yield (
            REGISTRY.facts[asked.fact],
            facts_of(Changed(key, end.join([*rows, NONSENSE, b""]))),
            False,
        )
        for at in range(0, len(rows), -(-len(rows) // MOST)):
            put = [*rows[:at], NONSENSE, *rows[at + 1 :], b""]
            yield REGISTRY.facts[asked.fact], facts_of(Changed(key, end.join(put))), True


def _guarded(check: Check, fact: Fact) -> bool:
    """Whether `check` wants `fact` to be complete, or is told of gaps by the fact itself."""
    return fact.id in TOLD or any(_wants_complete(need, fact) for need in check.needs)


def _wants_complete(need: Need, fact: Fact) -> bool:
    if isinstance(need, Complete):
        return fact in all_facts((need,))
    return isinstance(need, Modified) and _wants_complete(need.of, fact)


def _stood_in(check: Check, fact: Fact, facts: GroupFacts) -> bool:
    """Whether another source of the same is complete, as what the server shows to every client."""
    return any(
        fact in first.facts
        and any(_is_whole(facts.learn(other, WEB)) for other in first.facts
                if isinstance(other, Fact) and other != fact)
        for need in check.needs if isinstance(first := _bare(need), FirstOf)
    )  # fmt: skip


def _bare(need: Need) -> Need:
    while isinstance(need, Modified):
        need = need.of
    return need


def _is_whole(got: Known | Absent) -> bool:
    return isinstance(got, Known) and not got.incomplete


def test_a_row_that_cannot_be_read_costs_itself() -> None:
    lost: set[str] = set()
    wrong = []
    for fact, facts, replaced in changed_facts():
        got = facts.learn(fact, WEB)
        if isinstance(got, Absent) and not replaced:  # a heading that is replaced is another matter
            lost.add(fact.id)
        if isinstance(got, Known) and not got.incomplete:
            continue  # nonsense is no nonsense to it, such as in a list of names
        for check in CHECKS:
            if fact not in all_facts(check.needs):
                continue
            before, after = BEFORE[check.id].verdict, judged(facts, check).verdict
            fails = before is Verdict.FAIL and isinstance(got, Known) and not replaced
            sure = fails and not _guarded(check, fact)
            never = set() if _stood_in(check, fact, facts) else {Verdict.PASS}
            if after not in {before, Verdict.UNDETERMINED} - never or (
                sure and after is not Verdict.FAIL
            ):
                wrong.append((check.id, fact.id, before, after, replaced))
    assert not wrong
    assert lost == set(NO_ROWS)
