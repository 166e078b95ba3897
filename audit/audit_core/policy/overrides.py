"""Parameters for some targets, and which of several values of a parameter is the stricter one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from audit_core.model import Check, Target
from audit_core.model.overrides import Change, OverrideInfo
from audit_core.policy.model import Override, ParameterChange, Profile


def change_of(direction: str | None, before: Any, after: Any) -> Change:
    """What `after` in place of `before` does; an equal value tightens."""
    if tightens(direction, before, after):
        return Change.TIGHTENS
    return Change.CHANGES if direction is None else Change.LOOSENS


def tightens(direction: str | None, before: Any, after: Any) -> bool:
    """Whether `after` asks at least as much as `before`; without a direction only equality does.

    None stands for no demand, so that anything tightens it.
    """
    if before == after or (before is None and direction is not None):
        return True
    if after is None or direction is None:
        return False
    if direction == "subset":
        return set(after) <= set(before)
    if direction == "superset":
        return set(after) >= set(before)
    return bool(after >= before if direction == "up" else after <= before)


def stricter(direction: str | None, held: Any, new: Any) -> Any:
    """What asks as much as both; `new` where the parameter has no direction."""
    if direction is None or tightens(direction, held, new):
        return new
    if tightens(direction, new, held):
        return held
    if direction == "subset":
        return type(held)(item for item in held if item in new)
    return type(held)((*held, *(item for item in new if item not in held)))


def values_on(profile: Profile, check: Check, target: Target) -> dict[str, Any]:
    """The parameters of `check` on `target`: defaults, those of the profile, those of overrides.

    Of several overrides that tighten the strictest holds; one that loosens with an approver holds
    over what stands before it.
    """
    found = {k.name: k.default for k in check.parameters} | dict(profile.params.get(check.id, {}))
    for override in profile.overrides:
        mine = [c for c in override.changes if c.check == check.id]
        if mine and override.where.holds(target):
            for change in mine:
                found[change.parameter] = _applied(change, found[change.parameter])
    return found


def _applied(change: ParameterChange, held: Any) -> Any:
    if change.change is Change.TIGHTENS:
        return stricter(change.tightens, held, change.after)
    return change.after


def override_infos(profile: Profile, targets: Iterable[Target]) -> tuple[OverrideInfo, ...]:
    """Every parameter that `profile` overrides, with those of `targets` that it is for."""
    there = tuple(targets)
    return tuple(
        OverrideInfo(
            check=c.check, parameter=c.parameter, change=c.change, before=plain(c.before),
            after=plain(c.after), targets=_met(o, there), reason=o.reason, approver=o.approver,
        )
        for o in profile.overrides
        for c in o.changes
    )  # fmt: skip


def _met(override: Override, targets: Iterable[Target]) -> tuple[str, ...]:
    return tuple(t.id for t in targets if override.where.holds(t))


def plain(value: Any) -> Any:
    """`value` as JSON has it: sets as sorted lists."""
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    return list(value) if isinstance(value, tuple) else value
