"""The facts of one group of targets, each learned once. Pure but for the bytes of its bundle.

Groups are evaluated independently of each other. What `each(kind, fact)` needs of other groups is
computed before (`crossing` says what, `GroupFacts.shared` computes it for one group) and given to
every group as :class:`Shared`. Its values went through JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from audit_core import plan
from audit_core.evaluate import parse
from audit_core.evaluate.examined import Examined, KnownNames
from audit_core.evaluate.inputs import Given, Got, Inputs, Members, resolve_needs
from audit_core.evaluate.memo import NOTHING_KEPT, Memo
from audit_core.evaluate.skipped import SkippedSteps, Step, step_name
from audit_core.model import (
    Absent,
    Builtin,
    Check,
    Each,
    Fact,
    Message,
    Modified,
    Need,
    Observation,
    PlatformQuestions,
    Reason,
    Target,
    Tree,
    all_facts,
    facts_in,
    msg,
)
from audit_core.plan import answers
from audit_core.store.bundles import Bundle


class Shared(Struct, frozen=True, kw_only=True):
    """What the groups of a run share: all targets, and facts by (fact id, target id).

    `platforms` are the questions of the first round, by kind, for groups that do not bring them.
    """

    tree: Tree
    facts: Mapping[tuple[str, str], Got] = {}
    platforms: Mapping[str, PlatformQuestions] = {}
    names: KnownNames = msgspec.field(default_factory=KnownNames)
    questions: parse.KnownQuestions = msgspec.field(default_factory=parse.KnownQuestions)


def crossing(checks: Iterable[Check]) -> tuple[Fact, ...]:
    """The facts that `checks` need of targets anywhere in the run, each once, by id."""
    found: dict[str, Fact] = {}
    for check in checks:
        for needs in (check.needs, *(f.needs for f in all_facts(check.needs))):
            found |= {f.id: f for need in needs for f in _anywhere(need)}
    return tuple(found[id] for id in sorted(found))


def _anywhere(need: Need) -> list[Fact]:
    if isinstance(need, Modified):
        return _anywhere(need.of)
    return [f for f in facts_in(need) if isinstance(f, Fact)] if isinstance(need, Each) else []


class GroupFacts:
    """Facts of one group, learned once each.

    `begun` is the collection time where nothing of the group was observed, `memo` keeps what was
    made of equal answers of other groups.
    """

    def __init__(
        self,
        group: plan.Group,
        bundle: Bundle | None,
        skipped: SkippedSteps,
        step: Step,
        shared: Shared,
        begun: str,
        memo: Memo = NOTHING_KEPT,
    ) -> None:
        self._seen = observations_of(group, bundle)
        self._members = {t.id: t for t in group.members}
        self._skipped = skipped
        self._step = step
        self._shared = shared
        self._memo = memo
        self._facts: dict[tuple[str, str], Got] = {}
        self._given: dict[str, dict[int, Given]] = {t.id: {} for t in group.members}
        questions = group.platform or shared.platforms.get(group.root.kind)
        self._platform = answers.platform(self._seen, questions, group.root)
        self._looked_at = Examined(self._seen, self._platform, shared.names)
        # Of this group, not of the run: a run that was resumed asked some targets later.
        times = (o.started for o in self._seen.observations.values())
        self._collected_at = min(times, default="") or begun

    def inputs(self, needs: Iterable[Need], target: Target) -> Inputs:
        """The values of `needs` for `target`, also from its parents, parts and other targets."""
        return resolve_needs(needs, self._view(target))

    def _view(self, target: Target) -> _View:
        # Made for each use: kept here it would be part of a cycle, which frees memory late.
        return _View(self, target, self._given[target.id])

    def looked_at(self, needs: tuple[Need, ...], target: Target, inputs: Inputs) -> tuple[str, ...]:
        """What was looked at for `needs`, which gave `inputs`, in short."""
        return self._looked_at.names(needs, target, frozenset(inputs.sources))

    def shared(self, facts: Iterable[Fact]) -> dict[tuple[str, str], Got]:
        """Each of `facts` about every target of its kind in this group."""
        return {
            (fact.id, target.id): self.learn(fact, target)
            for fact in facts
            for target in self._members.values()
            if target.kind == fact.kind
        }

    def digest(self, observation: Observation) -> str:
        """The digest of an observation of this group, made once."""
        return self._seen.digest(observation)

    def known_of(self, target: Target) -> dict[str, Got]:
        """What was learned about `target` so far, by fact id, sorted."""
        found = {fact: got for (fact, about), got in self._facts.items() if about == target.id}
        return {id: found[id] for id in sorted(found)}

    def learn(self, fact: Fact, target: Target) -> Got:
        """`fact` about `target`, a member of this group."""
        key = (fact.id, target.id)
        if key not in self._facts:
            detail = self._skipped.of("fact", fact.id, target)
            got = self._learned(fact, target) if detail is None else _hung(detail)
            self._facts[key] = got
        return self._facts[key]

    def _learned(self, fact: Fact, target: Target) -> Got:
        def begin() -> None:
            self._step(step_name("fact", fact.id, target))

        if fact.make is not None:
            return parse.derive(fact, self._view(target), begin, self._memo)
        begin()
        seen, known = self._seen, self._shared.questions
        return parse.learn(fact, seen, target, self._platform, self._memo, begin, known)

    def builtin(self, which: Builtin, target: Target) -> Any:
        """The value of a builtin need of `target`."""
        values = {
            Builtin.TARGET: target,
            Builtin.COLLECTED_AT: self._collected_at,
            Builtin.PLATFORM: self._platform,
        }
        return values[which]

    def above(self, fact: Fact, target: Target) -> Got | None:
        """`fact` about the nearest target above `target` of its kind; None where there is none."""
        above = self._shared.tree.above(target, fact.kind)
        return None if above is None else self.learn(fact, above)

    def below(self, fact: Fact, target: Target) -> Members:
        """`fact` about each target of its kind that is a part of `target`."""
        below = self._shared.tree.below(target, fact.kind)
        return tuple((part, self.learn(fact, part)) for part in below)

    def everywhere(self, fact: Fact) -> Members:
        """`fact` about each target of its kind in the run, as computed before."""
        targets = self._shared.tree.of_kind(fact.kind)
        return tuple((t, self._shared.facts.get((fact.id, t.id), _NOT_SHARED)) for t in targets)


class _View:
    """What can be had from where `target` stands; an `inputs.View`."""

    def __init__(self, facts: GroupFacts, target: Target, given: dict[int, Given]) -> None:
        self._facts = facts
        self._target = target
        self.given = given

    def builtin(self, which: Builtin) -> Any:
        return self._facts.builtin(which, self._target)

    def fact(self, fact: Fact) -> Got:
        return self._facts.learn(fact, self._target)

    def above(self, fact: Fact) -> Got | None:
        return self._facts.above(fact, self._target)

    def below(self, fact: Fact) -> Members:
        return self._facts.below(fact, self._target)

    def everywhere(self, fact: Fact) -> Members:
        return self._facts.everywhere(fact)


def _hung(detail: Message) -> Absent:
    return Absent(reason=Reason.FAULT, detail=detail)


_NOT_SHARED = Absent(
    reason=Reason.NOT_COLLECTED, detail=msg("No facts are known about another target of this run")
)


def observations_of(group: plan.Group, bundle: Bundle | None) -> answers.Observations:
    """What `bundle` holds of `group`; nothing where there is no bundle."""
    if bundle is None:
        return answers.Observations(observations={}, blob=lambda sha256: b"")
    faults = {f.target: (f.reason, f.detail) for f in reversed(bundle.faults.values())}
    return answers.Observations(
        observations=bundle.observations,
        blob=bundle.blob,
        parents=group.parents,
        faults=faults,
    )
