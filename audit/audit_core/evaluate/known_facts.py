"""Values of facts about the targets of a stored run, for what is proposed from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from audit_core import plan
from audit_core.evaluate.compute import Work, profile_checks
from audit_core.evaluate.group_facts import GroupFacts, Shared
from audit_core.evaluate.skipped import SkippedSteps
from audit_core.model import Fact, Known, Target, Tree
from audit_core.store.runs import Run


def known_facts(run: Run, work: Work) -> Callable[[Fact, Target], Any]:
    """Gives the value of a fact about a target of `run`; None where it is not known."""
    checks, _ = profile_checks(work.profile, work.registry)
    by_target: dict[str, tuple[GroupFacts, dict[str, Target]]] = {}
    shared = Shared(tree=Tree(run.file.targets))
    for group in plan.groups(run.file.targets, checks):
        bundle = run.bundle(group.root.id)
        facts = GroupFacts(group, bundle, SkippedSteps(), _ignored, shared, run.file.started)
        members = {member.id: member for member in group.members}
        by_target |= dict.fromkeys(members, (facts, members))

    def value(fact: Fact, target: Target) -> Any:
        if target.id not in by_target:
            return None
        facts, members = by_target[target.id]
        got = facts.learn(fact, members[target.id])
        return got.value if isinstance(got, Known) else None

    return value


def _ignored(step: str) -> None:
    """Nobody watches."""
