"""From a run's bundles to its results, in a child process that a watchdog guards.

Evaluation is a pure function of bundles and policy, so it can be begun again: a check or parser
that hangs or kills its process is left out the next time round and becomes a finding that names
the fault. The parent stays alive whatever a plugin does.
"""

from __future__ import annotations

import gc
import mmap
import os
import select
import signal
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from audit_core import __version__, assess, judge, parse, plan
from audit_core.errors import ConfigError, DengbaoError
from audit_core.i18n import Translator
from audit_core.model import (
    Absent,
    Builtin,
    Check,
    Coverage,
    Fact,
    Finding,
    Kind,
    Known,
    Observation,
    Probe,
    ReadFile,
    Reason,
    Target,
    msg,
    observation_digest,
)
from audit_core.plugins import Registry, facts_of
from audit_core.policy.declared import build_check
from audit_core.policy.model import Profile
from audit_core.results import SCHEMA, CheckInfo, Evidence, Results, RunStamp, encode
from audit_core.store.bundles import Bundle
from audit_core.store.runs import Run, RunFile

STEP_SECONDS = 10.0
_MOST_RESTARTS = 50
_STEP_BYTES = 512
_LOOKS = 8  # how often in STEP_SECONDS the parent looks whether the child moved
Step = Callable[[str], None]


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


class _Group:
    """Facts of one group, learned once each."""

    def __init__(self, group: plan.Group, bundle: Bundle | None, deny: frozenset[str], step: Step):
        self._seen = _seen(group, bundle)
        self._deny = deny
        self._step = step
        self._facts: dict[tuple[str, str], Known | Absent] = {}
        self.platform = parse.platform(self._seen, group.root)
        # Of this group, not of the run: a run that was resumed asked some targets later.
        self.collected_at = min((o.started for o in self._seen.observations.values()), default="")

    def lookup(self, target: Target) -> judge.Lookup:
        return lambda fact: self._learn(fact, target)

    def _learn(self, fact: Fact, target: Target) -> Known | Absent:
        key = (fact.id, target.id)
        if key not in self._facts:
            name = f"fact {fact.id}@{target.id}"
            if name in self._deny:
                said = msg("The parser of {fact} hung or died", fact=fact.id)
                self._facts[key] = Absent(reason=Reason.FAULT, said=said)
            else:
                self._step(name)
                self._facts[key] = parse.learn(fact, self._seen, target, self.platform)
        return self._facts[key]


def _seen(group: plan.Group, bundle: Bundle | None) -> parse.Seen:
    if bundle is None:
        return parse.Seen(observations={}, blob=lambda sha256: b"", fault=None)
    fault = bundle.fault
    return parse.Seen(
        observations=bundle.observations,
        blob=bundle.blob,
        fault=(fault.reason, fault.detail) if fault is not None else None,
    )


def _group_findings(
    group: plan.Group,
    bundle: Bundle | None,
    file: RunFile,
    checks: Sequence[Check],
    params: Mapping[str, Mapping[str, Any]],
    deny: frozenset[str],
    step: Step,
) -> Iterable[Finding]:
    facts = _Group(group, bundle, deny, step)
    for target in group.members:
        builtins = {
            Builtin.TARGET: target,
            Builtin.COLLECTED_AT: facts.collected_at or file.started,
            Builtin.PLATFORM: facts.platform,
        }
        for check in checks:
            if check.kind is not target.kind:
                continue
            name = f"check {check.id}@{target.id}"
            if name in deny:
                said = msg("The check {check} hung or died", check=check.id)
                yield judge.faulted(check, target, said)
                continue
            lookup = facts.lookup(target)
            for fact in facts_of(check):
                lookup(fact)  # first, so that a parser that hangs is not taken for the check
            step(name)
            yield judge.judge(check, target, lookup, builtins, _values(check, params))


def _values(check: Check, params: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {k.name: k.default for k in check.knobs} | dict(params.get(check.id, {}))


def compute(run: Run, work: Work, deny: frozenset[str], step: Step) -> Results:
    """The results of `run` under the profile of `work`. Equal inputs give equal results."""
    file, profile = run.file, work.profile
    checks, unknown = profile_checks(profile, work.registry)
    findings: list[Finding] = []
    observations: list[Evidence] = []
    for group in plan.groups(file.targets, checks):
        bundle = run.bundle(group.root.id)
        findings += _group_findings(group, bundle, file, checks, profile.params, deny, step)
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
    from msgspec import structs

    plain = {
        name: sorted(value) if isinstance(value, set | frozenset) else value
        for name, value in finding.params.items()
    }
    return structs.replace(finding, params=plain)


def _hosts(file: RunFile) -> list[Target]:
    return [t for t in file.targets if t.kind is Kind.HOST]


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
        faults=file.faults + tuple(_fault_lines(work.registry)),
        system=file.system,
    )


def _fault_lines(registry: Registry) -> Iterable[str]:
    english = Translator("en")
    return (english.say(f.said) for f in registry.faults)


def _evidence(o: Observation) -> Evidence:
    request = o.request
    kind = "file" if isinstance(request, ReadFile) else "command"
    return Evidence(
        digest=observation_digest(o),
        target=o.target,
        kind="probe" if isinstance(request, Probe) else kind,
        asked=parse.asked_text(request),
        privilege="user" if isinstance(request, Probe) else request.privilege.value,
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


# --- the watchdog -------------------------------------------------------------------------------


def evaluate(run: Run, work: Work, *, step_seconds: float = STEP_SECONDS) -> bytes:
    """The results of `run` as canonical JSON; raises what broken input raises."""
    deny: frozenset[str] = frozenset()
    for _ in range(_MOST_RESTARTS):
        outcome = _attempt(run, work, deny, step_seconds)
        if isinstance(outcome, bytes):
            return outcome
        if not outcome or outcome in deny:
            raise ConfigError(
                msg(
                    "{name}: evaluation died ({step})",
                    name=str(run.id),
                    step=str(outcome or "before its first step"),
                )
            )
        deny |= {outcome}
    raise ConfigError(
        msg(
            "{name}: more than {most_restarts} checks hang or die; see plugin list",
            name=str(run.id),
            most_restarts=str(_MOST_RESTARTS),
        )
    )


class _Steps:
    """The step that the child is at, in memory that parent and child share.

    Not a pipe: each of the 130 steps of a host would wake the parent.
    """

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, _STEP_BYTES)
        self._count = 0

    def enter(self, name: str) -> None:
        """The step `name` begins."""
        self._count += 1
        text = name.encode("utf-8", "backslashreplace")
        self._page[:] = (b"%d %s" % (self._count, text))[:_STEP_BYTES].ljust(_STEP_BYTES, b"\0")

    def seen(self) -> bytes:
        """Bytes that differ from step to step."""
        return self._page[:]

    def last(self) -> str:
        """The name of the step begun last, or empty."""
        return self._page[:].rstrip(b"\0").partition(b" ")[2].decode("utf-8", "replace")

    def close(self) -> None:
        """The memory is given back."""
        self._page.close()


def _attempt(run: Run, work: Work, deny: frozenset[str], step_seconds: float) -> bytes | str:
    """The results, or the step at which the child hung or died."""
    result_r, result_w = os.pipe()
    steps = _Steps()
    with warnings.catch_warnings():
        # No other thread of ours runs here; what a library left asleep holds no lock we take.
        warnings.simplefilter("ignore", DeprecationWarning)
        gc.freeze()
        pid = os.fork()
    if pid == 0:
        os.close(result_r)
        _child(run, work, deny, steps.enter, result_w)
    os.close(result_w)
    try:
        return _outcome(_watch(pid, result_r, steps, step_seconds), steps.last())
    finally:
        os.close(result_r)
        steps.close()


def _child(run: Run, work: Work, deny: frozenset[str], step: Step, result_w: int) -> None:
    code = 70
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        code = _send(result_w, run, work, deny, step)
    finally:
        os._exit(code)


def _send(result_w: int, run: Run, work: Work, deny: frozenset[str], step: Step) -> int:
    try:
        data, mark = encode(compute(run, work, deny, step)), b"R"
    except DengbaoError as error:
        text = f"{error.exit_code} {error}"
        data, mark = text.encode("utf-8", "backslashreplace"), b"E"
    with os.fdopen(result_w, "wb") as out:
        out.write(data)
        out.write(mark)
    return 0


def _watch(pid: int, result_r: int, steps: _Steps, step_seconds: float) -> bytearray:
    """What the child sends; it is killed when it neither sends nor enters a step for so long."""
    data, seen = bytearray(), b""
    moved = time.monotonic()
    while True:
        ready, _, _ = select.select([result_r], [], [], step_seconds / _LOOKS)
        if ready:
            chunk = os.read(result_r, 1 << 16)
            if not chunk:
                break
            data += chunk
        if ready or steps.seen() != seen:
            seen, moved = steps.seen(), time.monotonic()
        elif time.monotonic() - moved > step_seconds:
            os.kill(pid, signal.SIGKILL)
            break
    os.waitpid(pid, 0)
    return data


def _outcome(data: bytearray, last: str) -> bytes | str:
    mark = bytes(data[-1:])
    del data[-1:]
    if mark == b"R":
        return bytes(data)
    if mark == b"E":
        raise _again(data.decode())
    return last


def _again(text: str) -> DengbaoError:
    from audit_core import errors

    code, _, line = text.partition(" ")
    classes = (errors.UsageError, errors.InputError, errors.StoreError, errors.ConfigError)
    made = next((c for c in classes if str(c.exit_code) == code), ConfigError)
    return made(line)
