"""Evaluates one object from the bundles and the policy, independent of clock and order."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct, structs

from audit_core import __version__, plan
from audit_core.api.plugins import Registry
from audit_core.attest.answers_in_force import AnswersInForce
from audit_core.attest.judgements import (
    fixed_by_retest,
    fixed_checks,
    newest_retests,
    risks_in_force,
)
from audit_core.evaluate import assess, judge
from audit_core.evaluate.fact_values import json_value, packed, stored, unpacked
from audit_core.evaluate.group_facts import GroupFacts, Shared, crossing
from audit_core.evaluate.memo import Memo
from audit_core.evaluate.overall import Overalls, SystemInputs
from audit_core.evaluate.retests import Counted, Retests, counted
from audit_core.evaluate.roll_ups import EVERYTHING, RolledUp, RollUps
from audit_core.evaluate.skipped import SkippedSteps, Step, step_name
from audit_core.evaluate.tally import Tallies, Totals
from audit_core.evaluate.target_status import target_statuses
from audit_core.evaluate.waiver_review import WaiverReview
from audit_core.inventory.suggest import proposing
from audit_core.model import (
    AboutLine,
    Check,
    Finding,
    Known,
    Message,
    Object,
    Observation,
    Privilege,
    Role,
    Status,
    Target,
    Tree,
    Verdict,
    json_safe,
    object_of,
    objects_in,
)
from audit_core.model.attestations import AnswerSet
from audit_core.model.overall import WaiverResult
from audit_core.model.results import (
    INDEX_SCHEMA,
    OBJECT_SCHEMA,
    CheckInfo,
    Evidence,
    FactValue,
    KindInfo,
    ObjectEntry,
    ObjectResults,
    Results,
    ResultsIndex,
    RunStamp,
)
from audit_core.policy.declared import build_check
from audit_core.policy.model import Profile
from audit_core.policy.overrides import override_infos, plain, values_on
from audit_core.store.answers import AnswersFolder
from audit_core.store.bundles import Bundle
from audit_core.store.runs import Run, RunFile


class Work(Struct, frozen=True, kw_only=True):
    """Everything an evaluation depends on, besides the bundles.

    `policy` maps ids to digests, `code` is the digest of the code; evaluating only stores it.
    """

    profile: Profile
    registry: Registry
    policy: dict[str, str]
    code: str = ""


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


class Evaluator:
    """Evaluates the objects of one run, one by one. Equal inputs give equal results.

    Objects that are reached together, a host and the databases on it, are one group and evaluated
    together; `number` is that of a group. `step` gets the name of each parser, check and phase
    before it begins; steps in `skipped` hung or crashed before and become a finding that names the
    fault.
    """

    def __init__(self, run: Run, work: Work) -> None:
        self._run, self._file, self._work = run, run.file, work
        self._checks, self._unknown = profile_checks(work.profile, work.registry)
        self._groups = plan.groups(self._file.targets, ())
        self._bindings = assess.by_clause(work.profile.bindings)
        self._roll_ups = RollUps(
            work.profile.roll_ups, self._file.targets, work.profile.system_objects
        )
        self._by_id = {target.id: target for target in self._file.targets}
        self._only_parts = work.registry.kinds.only_parts
        kinds = {target.kind for target in self._file.targets}
        # Every group is looked at twice for them: not for checks of nothing in this run.
        self._crossing = crossing(check for check in self._checks if check.kind in kinds)
        tree, platforms = Tree(self._file.targets), work.registry.kinds.platforms
        self._shared = Shared(tree=tree, platforms=platforms)
        self._overridden = {c.check for o in work.profile.overrides for c in o.changes}
        self._known_params: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
        self._proposing = proposing(work.registry)
        self._memo = Memo()
        self._concluded = assess.Concluded()
        self._sealed = run.seal is not None
        self._statements, self._judged = _statements_of(run)
        self._standing = AnswersInForce(self._statements.answers, self._judged)
        self._retests = _retests(self._statements, self._file.started[:10])
        self.roots = tuple(group.root for group in self._groups)
        self._objects = tuple(objects_in(g.members, self._only_parts) for g in self._groups)
        self.objects = tuple(object.root.id for group in self._objects for object in group)

    def takes_others(self, found: ObjectResults) -> bool:
        """Whether the conclusions on the object of `found` rest on findings on others."""
        return self._roll_ups.takes_others(self._by_id[found.object])

    def rolled_up(self, number: int, found: ObjectResults) -> RolledUp:
        """For which objects the findings in `found` count, which is of that group."""
        members = self._groups[number].members
        return self._roll_ups.rolled_up(found.findings, self._by_id[found.object], members)

    def rolled_up_for(self, object: str, totals: Mapping[str, Totals]) -> Tallies:
        """What `totals` of all objects hold for that one."""
        every = self._roll_ups.everything(self._by_id[object])
        found = totals.get(EVERYTHING if every else object)
        return {} if found is None else found.tallies()

    def object_of(self, finding: str) -> str:
        """The object that the finding of that id is on, or on a part of."""
        return object_of(self._by_id[finding.partition("@")[2]], self._by_id, self._only_parts).id

    def shared_by(self) -> tuple[int, ...]:
        """The groups of which something has to be learned before any is evaluated."""
        kinds = {fact.kind for fact in self._crossing}
        return tuple(
            number
            for number, group in enumerate(self._groups)
            if kinds.intersection(member.kind for member in group.members)
        )

    def share(self, number: int, skipped: SkippedSteps, step: Step) -> bytes:
        """What others need of that group, for `with_shared`."""
        facts, _ = self._facts(self._groups[number], skipped, step)
        found = facts.shared(self._crossing)
        step(step_name("share", "", self.roots[number]))
        return packed(found)

    def with_shared(self, packs: Iterable[bytes]) -> None:
        """What `share` gave of all groups is known from here on."""
        self._shared = structs.replace(self._shared, facts=unpacked(packs, self._crossing))

    def evaluate_group(
        self, number: int, skipped: SkippedSteps, step: Step
    ) -> tuple[ObjectResults, ...]:
        """What is found on each object of the group of that number, without conclusions."""
        group, objects = self._groups[number], self._objects[number]
        facts, bundle = self._facts(group, skipped, step)
        # All checks first: those of one object learn facts about others, too.
        found = [tuple(self._findings(object, facts, skipped, step)) for object in objects]
        step(step_name("evidence", "", group.root))
        statuses = target_statuses(group, bundle, sealed=self._sealed)
        observations = () if bundle is None else tuple(bundle.observations.values())
        home = {member.id: object.root.id for object in objects for member in object.members}
        return tuple(
            ObjectResults(
                schema=OBJECT_SCHEMA,
                object=id,
                findings=findings,
                conclusions=(),
                observations=tuple(
                    _evidence(o, facts.digest(o))
                    for o in observations
                    if home.get(o.target, group.root.id) == id
                ),
                facts=tuple(self._fact_values(object, facts, step)),
                targets=tuple(status for status in statuses if home[status.target] == id),
                about=tuple(self._descriptions(object.root, facts, skipped, step)),
            )
            for object, findings in zip(objects, found, strict=True)
            for id in (object.root.id,)
        )

    def _descriptions(
        self, target: Target, facts: GroupFacts, skipped: SkippedSteps, step: Step
    ) -> Iterable[AboutLine]:
        """What plugins tell of an object; a description that fails costs only itself."""
        for id, offered in sorted(self._work.registry.descriptions.items()):
            if offered.kind != target.kind or skipped.of("fact", id, target) is not None:
                continue
            inputs = facts.inputs(offered.needs, target)
            step(step_name("fact", id, target))
            if inputs.stop is not None:
                continue
            with suppress(Exception):  # a plugin's fault is not the end of a run
                yield from [
                    AboutLine(title=json_safe(one.title), value=json_safe(one.value))
                    for one in offered.make(*inputs.values)
                ]

    def _fact_values(self, object: Object, facts: GroupFacts, step: Step) -> Iterable[FactValue]:
        """What was learned of each member, and what parts are proposed from, as far as known."""
        for target in object.members:
            asked = facts.known_of(target)
            more = {f.id: facts.learn(f, target) for f in self._proposing.get(target.kind, ())}
            inputs = asked | {id: got for id, got in more.items() if isinstance(got, Known)}
            for id in sorted(inputs):
                step(step_name("fact", id, target))
                yield stored(id, target.id, inputs[id], self._as_json)

    def _as_json(self, value: Any) -> msgspec.Raw:
        return self._memo.json(value, json_value)

    def _facts(
        self, group: plan.Group, skipped: SkippedSteps, step: Step
    ) -> tuple[GroupFacts, Bundle | None]:
        step(step_name("bundle", "", group.root))
        bundle = self._run.bundle(group.root.id)
        begun, memo = self._file.started, self._memo
        return GroupFacts(group, bundle, skipped, step, self._shared, begun, memo), bundle

    def conclude(self, found: ObjectResults, tallies: Tallies) -> ObjectResults:
        """`found` with the conclusions that `tallies` lead to."""
        profile, target = self._work.profile, self._by_id[found.object]
        rolls_up = self._roll_ups.rolls_up(target)
        made = assess.assess(
            profile.clauses, target, tallies, self._bindings, self._standing,
            rolls_up=rolls_up, concluded=self._concluded,
        )  # fmt: skip
        return structs.replace(found, conclusions=made)

    def _findings(
        self, object: Object, facts: GroupFacts, skipped: SkippedSteps, step: Step
    ) -> Iterable[Finding]:
        for target in object.members:
            for check in self._checks:
                if check.kind != target.kind:
                    continue
                detail = skipped.of("check", check.id, target)
                if detail is not None:
                    yield self._marked(judge.faulted(check, target, detail), target)
                    continue
                # The facts first, so that a hanging parser is not attributed to the check.
                inputs = facts.inputs(check.needs, target)
                begin = partial(step, step_name("check", check.id, target))
                params, shown = self._params(check, target)
                found = judge.judge(check, target, inputs, params, self._memo, begin)
                looked_at = facts.looked_at(check.needs, target, inputs)
                params = shown if found.params else {}
                found = structs.replace(found, looked_at=looked_at, params=params)
                yield self._marked(found, target)
        if not self._roll_ups.everything(object.root):
            yield from (judge.unknown_check(id, object.root) for id in sorted(self._unknown))

    def _marked(self, found: Finding, target: Target) -> Finding:
        """`found`, with what was never tried on a real system of this kind."""
        kind = self._work.registry.kinds.by_id.get(target.kind)  # its plugin may be gone
        if kind is None or kind.unverified is None:
            return found
        return structs.replace(found, unverified=kind.unverified)

    def _params(self, check: Check, target: Target) -> tuple[dict[str, Any], dict[str, Any]]:
        """The parameters of `check` on `target`, and as plain data with sets sorted, as JSON."""
        profile = self._work.profile
        found = self._known_params.get(check.id)
        if found is None:
            values = values_on(profile, check, target)
            found = values, {name: plain(value) for name, value in values.items()}
            if check.id not in self._overridden:
                self._known_params[check.id] = found
        return found

    def entry(self, found: ObjectResults, digest: str, size: int, *, whole: bool) -> ObjectEntry:
        """What the index says of the object of `found`."""
        layer = {(c.catalog, c.id): c.layer for c in self._work.profile.clauses}
        by_layer: dict[str, Counter[str]] = {}
        for c in found.conclusions:
            by_layer.setdefault(layer[c.catalog, c.clause], Counter())[c.conclusion.value] += 1
        blind = [f for f in found.findings if f.verdict is Verdict.UNDETERMINED]
        failed = [f for f in found.findings if f.verdict is Verdict.FAIL]
        return ObjectEntry(
            object=found.object,
            sha256=digest,
            size=size,
            whole=whole,
            targets=found.targets,
            verdicts=Counter(f.verdict.value for f in found.findings),
            failed=Counter(f.severity.value for f in failed),
            undetermined=Counter(f.why for f in blind),
            conclusions={name: dict(counts) for name, counts in by_layer.items()},
            observations=len(found.observations),
            pending=sum(c.pending for c in found.conclusions),
            root_refused=sum(map(_refused_root, found.observations)),
        )

    def index(self, objects: Sequence[ObjectEntry]) -> ResultsIndex:
        """The index of the results of all objects."""
        profile = self._work.profile
        return ResultsIndex(
            schema=INDEX_SCHEMA,
            run=stamp(self._run, self._work),
            title=profile.title,
            title_en=profile.title_en,
            targets=self._file.targets,
            clauses=profile.clauses,
            checks=tuple(
                CheckInfo(id=c.id, title=c.title, severity=c.severity, version=c.version)
                for c in self._checks
            ),
            objects=tuple(objects),
            kinds=tuple(self._kinds()),
            evidence_kinds=tuple(self._evidence_kinds()),
            object_types=profile.object_types,
            system_objects=profile.system_objects,
            issue_notes=self._statements.issue_notes,
            retests=newest_retests(self._statements.retests, self._file.started[:10]),
            overrides=override_infos(profile, self._file.targets),
        )

    def overall(self) -> Overalls:
        """What each grading will say of the system, once all conclusions are added."""
        profile = self._work.profile
        matter = SystemInputs(
            clauses=profile.clauses,
            targets=self._file.targets,
            rules=profile.risk_rules,
            judged=risks_in_force(self._statements.risks, self._judged),
        )
        return Overalls(profile.gradings, matter)

    def counted(self, found: ObjectResults) -> tuple[Counted, ...]:
        """The conclusions in `found` as `overall` takes them."""
        return counted(found, self._retests)

    def waived(self, results: Results) -> tuple[WaiverResult, ...]:
        """What became of each waiver; nothing is read where there are none."""
        if not self._statements.waivers:
            return ()
        profile = self._work.profile
        mitigable = {r.id: r.mitigable for r in profile.risk_rules}
        strict = {
            (c.catalog, c.id)
            for c in profile.clauses
            if not all(mitigable.get(rule, True) for rule in c.high_risk_rule.split())
        }
        clauses_of: dict[str, set[tuple[str, str]]] = {}
        for binding in profile.bindings:
            if binding.role is not Role.SUPPORTS:
                key = (binding.catalog, binding.clause)
                clauses_of.setdefault(binding.check, set()).add(key)
        found = WaiverReview(self._statements.waivers, self._by_id, strict, clauses_of, self._now())
        for conclusion in results.conclusions:
            found.conclusion(conclusion)
        for finding in results.findings if found.wants_findings else ():
            found.finding(finding)
        return found.results()

    def _now(self) -> datetime.datetime:
        """The time of the collection, or the end of a later day on which answers are judged."""
        started = self._file.started
        later = self._judged > started[:10]
        return datetime.datetime.fromisoformat(f"{self._judged}T23:59:59Z" if later else started)

    def _kinds(self) -> Iterable[KindInfo]:
        """The kinds of the targets, by id."""
        known = self._work.registry.kinds.by_id
        used = {target.kind for target in self._file.targets}
        kinds = (known[id] for id in sorted(used & known.keys()))
        return (KindInfo(id=k.id, title=k.title, unverified=k.unverified) for k in kinds)

    def _evidence_kinds(self) -> Iterable[KindInfo]:
        """The kinds of evidence that connectors yield, by id."""
        titles = self._work.registry.evidence_titles
        return (KindInfo(id=id, title=title) for id, title in sorted(titles.items()))


def _statements_of(run: Run) -> tuple[AnswerSet, str]:
    """What people answered about `run`, and the day on which it is judged."""
    folder = AnswersFolder(run)
    in_use = folder.in_use()
    return folder.load(in_use.answers), in_use.judged


def _retests(statements: AnswerSet, collected: str) -> Retests:
    """What re-tests after the day `collected` found fixed."""
    return Retests(
        clauses=fixed_by_retest(statements.retests, collected, statements.issue_notes),
        checks=fixed_checks(statements.issue_notes, collected),
    )


def _refused_root(evidence: Evidence) -> bool:
    return (evidence.status, evidence.privilege) == (Status.NOT_PERMITTED, Privilege.ROOT)


def stamp(run: Run, work: Work) -> RunStamp:
    """The run and the versions that the results depend on."""
    file, seal, in_use = run.file, run.seal, AnswersFolder(run).in_use()
    bundles = {} if seal is None else dict(seal.bundles)
    return RunStamp(
        id=run.id,
        started=file.started,
        ended=file.started if seal is None else seal.sealed,
        profile=work.profile.id,
        dengbao=__version__,
        plugins={p.name: p.version for p in work.registry.plugins},
        policy={**work.policy, work.profile.id: work.profile.sha256},
        sealed=seal is not None,
        bundles=bundles,
        # A plugin that could not be loaded then cannot be loaded now either, as a rule.
        faults=_faults(file, work.registry),
        system=file.system,
        code=work.code,
        answers=in_use.answers,
        judged=in_use.judged,
    )


def _faults(file: RunFile, registry: Registry) -> tuple[Message, ...]:
    now = (f.detail for f in registry.faults)
    return (*file.faults, *(detail for detail in now if detail not in file.faults))


def _evidence(o: Observation, digest: str) -> Evidence:
    return Evidence(
        digest=digest,
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
