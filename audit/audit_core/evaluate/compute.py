"""From a run's bundles to its results. A pure function of the bundles and the policy: no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct, structs

from audit_core import __version__, plan
from audit_core.api.plugins import Registry
from audit_core.evaluate import assess, judge
from audit_core.evaluate.group_facts import GroupFacts, Shared, crossing
from audit_core.evaluate.skipped import SkippedSteps, Step, step_name
from audit_core.model import (
    Absent,
    Check,
    Coverage,
    Finding,
    Known,
    Observation,
    Target,
    Tree,
    observation_digest,
)
from audit_core.model.results import SCHEMA, CheckInfo, Evidence, Results, RunStamp
from audit_core.policy.declared import build_check
from audit_core.policy.model import Profile
from audit_core.store.runs import Run, RunFile
from audit_core.text.translate import Translator


class Work(Struct, frozen=True, kw_only=True):
    """Everything an evaluation depends on, besides the bundles. `policy` maps ids to digests."""

    profile: Profile
    registry: Registry
    policy: dict[str, str]


def profile_checks(profile: Profile, registry: Registry) -> tuple[tuple[Check, ...], set[str]]:
    """The checks that `profile` binds or declares, by id, and the ids that no plugin offers."""
    found = {d.id: build_check(d, registry.facts) for d in profile.declared_checks}
    unknown = set()
    for binding in profile.bindings:
        if binding.check in registry.checks:
            found.setdefault(binding.check, registry.checks[binding.check])
        elif binding.check not in found:
            unknown.add(binding.check)
    return tuple(found[key] for key in sorted(found)), unknown


def _group_findings(
    group: plan.Group,
    facts: GroupFacts,
    checks: Sequence[Check],
    params: Mapping[str, Mapping[str, Any]],
    skipped: SkippedSteps,
    step: Step,
) -> Iterable[Finding]:
    for target in group.members:
        for check in checks:
            if check.kind != target.kind:
                continue
            said = skipped.of("check", check.id, target)
            if said is not None:
                yield judge.faulted(check, target, said)
                continue
            # First the facts, so that a parser that hangs is not taken for the check.
            inputs = facts.inputs(check.needs, target)
            step(step_name("check", check.id, target))
            yield judge.judge(check, target, inputs, _values(check, params))


def _shared(
    groups: Sequence[plan.Group],
    run: Run,
    checks: Sequence[Check],
    skipped: SkippedSteps,
    step: Step,
) -> Shared:
    """What the groups of `run` need of each other."""
    shared = Shared(tree=Tree(run.file.targets))
    wanted = crossing(checks)
    kinds = {fact.kind for fact in wanted}
    found: dict[tuple[str, str], Known | Absent] = {}
    for group in groups:
        if kinds.intersection(t.kind for t in group.members):
            bundle = run.bundle(group.root.id)
            facts = GroupFacts(group, bundle, skipped, step, shared, run.file.started)
            found |= facts.shared(wanted)
    return Shared(tree=shared.tree, facts=found)


def _values(check: Check, params: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {k.name: k.default for k in check.parameters} | dict(params.get(check.id, {}))


def compute(run: Run, work: Work, skipped: SkippedSteps, step: Step) -> Results:
    """The results of `run` under the profile of `work`. Equal inputs give equal results.

    `step` is told the name of each parser and check before it begins; what `skipped`
    names hung or died before and is a finding that names the fault instead.
    """
    file, profile = run.file, work.profile
    checks, unknown = profile_checks(profile, work.registry)
    findings: list[Finding] = []
    observations: list[Evidence] = []
    groups = plan.groups(file.targets, checks)
    shared = _shared(groups, run, checks, skipped, step)
    for group in groups:
        bundle = run.bundle(group.root.id)
        facts = GroupFacts(group, bundle, skipped, step, shared, file.started)
        findings += _group_findings(group, facts, checks, profile.params, skipped, step)
        if bundle is not None:
            observations += [_evidence(o) for o in bundle.observations.values()]
    findings += [judge.missing(i, t) for i in sorted(unknown) for t in _hosts(file)]
    findings = [_plain(f) for f in findings]
    bindings: dict[tuple[str, str], list[tuple[str, Coverage]]] = {}
    for b in profile.bindings:
        bindings.setdefault((b.catalog, b.clause), []).append((b.check, b.coverage))
    return Results(
        schema=SCHEMA,
        run=_stamp(run, file, work),
        title=profile.title,
        title_en=profile.title_en,
        targets=file.targets,
        clauses=profile.clauses,
        checks=tuple(
            CheckInfo(id=c.id, title=c.title, severity=c.severity, version=c.version)
            for c in checks
        ),
        findings=tuple(findings),
        conclusions=assess.assess(
            profile.clauses, file.targets, findings, bindings, profile.missing
        ),
        observations=tuple(observations),
    )


def _plain(finding: Finding) -> Finding:
    """`finding` with its parameters as plain data, sets sorted: JSON has no sets."""
    plain = {
        name: sorted(value) if isinstance(value, set | frozenset) else value
        for name, value in finding.params.items()
    }
    return structs.replace(finding, params=plain)


def _hosts(file: RunFile) -> list[Target]:
    return [t for t in file.targets if t.kind == "host"]


def _stamp(run: Run, file: RunFile, work: Work) -> RunStamp:
    seal = run.seal
    bundles = {} if seal is None else dict(seal.bundles)
    return RunStamp(
        id=run.id,
        started=file.started,
        ended=file.started if seal is None else seal.sealed,
        profile=work.profile.id,
        dengbao=__version__,
        plugins={p.name: p.version for p in work.registry.plugins},
        policy={**work.policy, work.profile.id: work.profile.sha256},
        complete=seal is not None,
        bundles=bundles,
        # A plugin that could not be loaded then cannot be loaded now either, as a rule.
        faults=tuple(dict.fromkeys((*file.faults, *_fault_lines(work.registry)))),
        system=file.system,
    )


def _fault_lines(registry: Registry) -> Iterable[str]:
    english = Translator("en")
    return (english.say(f.said) for f in registry.faults)


def _evidence(o: Observation) -> Evidence:
    return Evidence(
        digest=observation_digest(o),
        target=o.target,
        kind=o.evidence_kind,
        asked=o.asked,
        privilege=o.privilege,
        status=o.status.value,
        exit_code=o.exit_code,
        started=o.started,
        ended=o.ended,
        how=o.how,
        detail=o.detail,
        truncated=o.truncated,
        redactions=o.redactions,
        stdout_sha256=o.stdout_sha256,
        stderr_sha256=o.stderr_sha256,
        stdout_size=o.stdout_size,
        stderr_size=o.stderr_size,
    )
