"""The facts of one group of targets, each learned once. Pure but for the bytes of its bundle."""

from __future__ import annotations

from audit_core import plan
from audit_core.evaluate import judge, parse
from audit_core.evaluate.skipped import SkippedSteps, Step, step_name
from audit_core.model import Absent, Fact, Known, Reason, Target
from audit_core.plan import answers
from audit_core.store.bundles import Bundle


class GroupFacts:
    """Facts of one group, learned once each."""

    def __init__(self, group: plan.Group, bundle: Bundle | None, skipped: SkippedSteps, step: Step):
        self._seen = observations_of(group, bundle)
        self._skipped = skipped
        self._step = step
        self._facts: dict[tuple[str, str], Known | Absent] = {}
        self.platform = answers.platform(self._seen, group.root)
        # Of this group, not of the run: a run that was resumed asked some targets later.
        self.collected_at = min((o.started for o in self._seen.observations.values()), default="")

    def lookup(self, target: Target) -> judge.Lookup:
        return lambda fact: self._learn(fact, target)

    def _learn(self, fact: Fact, target: Target) -> Known | Absent:
        key = (fact.id, target.id)
        if key not in self._facts:
            said = self._skipped.of("fact", fact.id, target)
            if said is not None:
                self._facts[key] = Absent(reason=Reason.FAULT, said=said)
            else:
                self._step(step_name("fact", fact.id, target))
                self._facts[key] = parse.learn(fact, self._seen, target, self.platform)
        return self._facts[key]


def observations_of(group: plan.Group, bundle: Bundle | None) -> answers.Observations:
    """What `bundle` holds of `group`; nothing where there is no bundle."""
    if bundle is None:
        return answers.Observations(observations={}, blob=lambda sha256: b"", fault=None)
    fault = bundle.fault
    return answers.Observations(
        observations=bundle.observations,
        blob=bundle.blob,
        parents=group.parents,
        fault=(fault.reason, fault.why) if fault is not None else None,
    )
