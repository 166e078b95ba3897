"""From facts to findings: one for every check on every target of its kind. PURE."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import structs

from audit_core.evaluate.inputs import Gap, Inputs
from audit_core.evaluate.memo import NOTHING_KEPT, Memo, Work
from audit_core.evaluate.read_fields import ReadFields, watched_inputs
from audit_core.model import (
    Absent,
    Check,
    Finding,
    Judgement,
    Message,
    Reason,
    Severity,
    Target,
    Verdict,
    json_safe,
    msg,
)


def _finding(
    check: Check,
    target: Target,
    judgement: Judgement,
    *,
    why: str = "",
    inputs: Inputs | None = None,
    params: Mapping[str, Any] | None = None,
) -> Finding:
    return Finding(
        id=f"{check.id}@{target.id}",
        check=check.id,
        check_version=check.version,
        target=target.id,
        verdict=judgement.verdict,
        severity=check.severity,
        why=why,
        detail=judgement.detail,
        expected=judgement.expected,
        evidence=() if inputs is None else inputs.evidence,
        sources=() if inputs is None else inputs.sources,
        params=dict(params or {}),
        remedy=check.remedy if judgement.verdict is Verdict.FAIL else None,
    )


def _could_not_look(absent: Absent) -> Judgement:
    return Judgement(verdict=Verdict.UNDETERMINED, detail=(absent.detail,))


def judge(
    check: Check,
    target: Target,
    inputs: Inputs,
    params: Mapping[str, Any],
    memo: Memo = NOTHING_KEPT,
    begin: Callable[[], None] = lambda: None,
) -> Finding:
    """The finding of `check` on `target`, given `inputs` for its needs.

    A fact that could not be had reaches the check only where it says `known_or_absent`. With such
    a gap, or with an incomplete fact, a check fails or is undetermined whatever it returns.
    `begin` is called before the check is.
    """

    def made(looks: ReadFields | None) -> Finding:
        if looks is None:
            return _sound(check, target, inputs, params)
        values = watched_inputs(inputs.values, looks)
        return _sound(check, target, structs.replace(inputs, values=values), params)

    maker = ("judged", check.id)
    key = memo.key(maker, inputs, params)
    work = Work(maker=maker, key=key, make=made, used=inputs.objects)
    found: Finding = memo.recalled(work, begin)
    if found.why == Reason.FAULT.value:
        return found
    return structs.replace(
        found, id=f"{check.id}@{target.id}", target=target.id, evidence=inputs.evidence
    )


def _sound(check: Check, target: Target, inputs: Inputs, params: Mapping[str, Any]) -> Finding:
    found = _judged(check, target, inputs, params)
    try:
        return _storable(found)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
        # An error here affects this finding only; when writing it would affect all of them.
        return faulted(check, target, msg("The check failed with {error}", error=_named(error)))


def _named(error: Exception) -> str:
    return type(error).__name__


def _storable(finding: Finding) -> Finding:
    """`finding` as it will be read back; raises what its encoding raises."""
    expected = finding.expected
    shortened = structs.replace(
        finding,
        id="",
        target="",
        detail=tuple([json_safe(m) for m in finding.detail]),
        expected=None if expected is None else json_safe(expected),
        evidence=(),
        params={},
    )
    return structs.replace(
        _read_back(msgspec.json.encode(shortened)),
        id=finding.id,
        target=finding.target,
        evidence=finding.evidence,
        params=finding.params,
    )


@functools.lru_cache(maxsize=512)  # a check often finds on one host what it found on another
def _read_back(raw: bytes) -> Finding:
    return msgspec.json.decode(raw, type=Finding)


def _judged(check: Check, target: Target, inputs: Inputs, params: Mapping[str, Any]) -> Finding:
    if inputs.stop is not None:
        return _stopped(check, target, inputs, inputs.stop, params)
    judgement = _called(check, inputs.values, params)
    why = _why(judgement)
    if inputs.gaps and why != Reason.FAULT.value:
        judgement = _with_gaps(judgement, inputs.gaps)
        why = inputs.gaps[0].why if judgement.verdict is Verdict.UNDETERMINED else why
    return _finding(check, target, judgement, why=why, inputs=inputs, params=params)


def _with_gaps(judgement: Judgement, gaps: tuple[Gap, ...]) -> Judgement:
    """`judgement` of a check with gaps: a fail stays, a pass becomes undetermined."""
    details = tuple(gap.detail for gap in gaps)
    if judgement.verdict is Verdict.FAIL:
        return structs.replace(judgement, detail=(*judgement.detail, *details))
    return structs.replace(
        judgement, verdict=Verdict.UNDETERMINED, detail=(*details, *judgement.detail)
    )


def _why(judgement: Judgement) -> str:
    faulty = any(m.id == _FAULT for m in judgement.detail)
    if judgement.verdict is Verdict.UNDETERMINED:
        return Reason.FAULT.value if faulty else "inconclusive"
    return "reason_given" if judgement.verdict is Verdict.NOT_APPLICABLE else ""


def _stopped(
    check: Check, target: Target, inputs: Inputs, stop: Absent, params: Mapping[str, Any]
) -> Finding:
    judgement, why = _could_not_look(stop), stop.reason.value
    if not stop.unknown and check.when_absent is not None:
        given = check.when_absent
        judgement = structs.replace(given, detail=(*given.detail, stop.detail))
        if inputs.gaps:
            judgement = _with_gaps(judgement, inputs.gaps)
            why = inputs.gaps[0].why
    return _finding(check, target, judgement, why=why, inputs=inputs, params=params)


_FAULT = "The check failed with {error}"


def _called(check: Check, values: tuple[Any, ...], params: Mapping[str, Any]) -> Judgement:
    try:
        judgement = check.judge(*values, **params)
        if not judgement.detail:
            raise TypeError("a check returns a Judgement that says what was seen")
    except Exception as error:  # noqa: BLE001 (a plugin's fault is a value, not the end of a run)
        detail = msg("The check failed with {error}", error=_named(error))
        return Judgement(verdict=Verdict.UNDETERMINED, detail=(detail,))
    return judgement


def faulted(check: Check, target: Target, detail: Message) -> Finding:
    """The finding of a check that hung or died: undetermined, with the fault named."""
    judgement = Judgement(verdict=Verdict.UNDETERMINED, detail=(detail,))
    return _finding(check, target, judgement, why=Reason.FAULT.value)


def unknown_check(check_id: str, target: Target) -> Finding:
    """The finding of a check that policy names and no plugin offers: undetermined, visible."""
    detail = msg("No installed plugin offers the check {check}", check=check_id)
    return Finding(
        id=f"{check_id}@{target.id}",
        check=check_id,
        check_version=0,
        target=target.id,
        verdict=Verdict.UNDETERMINED,
        severity=Severity.MEDIUM,
        why=Reason.UNSUPPORTED.value,
        detail=(detail,),
        expected=None,
        evidence=(),
    )
