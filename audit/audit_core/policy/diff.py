"""What differs between two profiles. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from audit_core.model import Check
from audit_core.policy.model import Override, Profile
from audit_core.policy.overrides import plain


class Part(enum.StrEnum):
    """What of a profile differs."""

    CLAUSE = "clause"
    CHECK = "check"
    PARAMETER = "parameter"
    OVERRIDE = "override"


class Difference(Struct, frozen=True, kw_only=True):
    """One difference: `name` has `left` in the first profile and `right` in the second.

    A side that has nothing of that name is empty.
    """

    part: Part
    name: str
    left: str
    right: str


class Setting(Struct, frozen=True, kw_only=True):
    """A parameter of a check for all targets; `set` says that a profile wrote it."""

    check: str
    parameter: str
    value: Any
    tightens: str | None
    set: bool


def settings(profile: Profile, checks: Mapping[str, Check]) -> tuple[Setting, ...]:
    """The parameters of every check that `profile` binds, by check and name."""
    bound = sorted({b.check for b in profile.bindings} & checks.keys())
    return tuple(
        Setting(
            check=id, parameter=p.name, tightens=p.tightens,
            value=plain(profile.params.get(id, {}).get(p.name, p.default)),
            set=p.name in profile.params.get(id, {}),
        )
        for id in bound
        for p in checks[id].parameters
    )  # fmt: skip


def differences(
    a: Profile, b: Profile, checks: Mapping[str, Check], lang: str = "zh"
) -> tuple[Difference, ...]:
    """What `a` and `b` differ in: clauses (in `lang`), checks of them, parameters, overrides."""
    return (
        *_part(Part.CLAUSE, _clauses(a, lang), _clauses(b, lang)),
        *_part(Part.CHECK, _bound(a), _bound(b)),
        *_part(Part.PARAMETER, _values(a, checks), _values(b, checks)),
        *_part(Part.OVERRIDE, _overrides(a), _overrides(b)),
    )


def _part(part: Part, left: Mapping[str, str], right: Mapping[str, str]) -> Iterator[Difference]:
    for name in dict.fromkeys((*left, *right)):
        if left.get(name) != right.get(name):
            yield Difference(
                part=part, name=name, left=left.get(name, ""), right=right.get(name, "")
            )


def _clauses(profile: Profile, lang: str) -> dict[str, str]:
    return {
        f"{c.catalog} {c.id}": c.gist if lang == "zh" or not c.gist_en else c.gist_en
        for c in profile.clauses
    }


def _bound(profile: Profile) -> dict[str, str]:
    roles = {}
    for b in profile.bindings:
        step = "" if b.step is None else f" {b.step}"
        roles[f"{b.catalog} {b.clause}{step} {b.check}"] = b.role.value
    return roles


def _values(profile: Profile, checks: Mapping[str, Check]) -> dict[str, str]:
    return {f"{s.check} {s.parameter}": cell_text(s.value) for s in settings(profile, checks)}


def _overrides(profile: Profile) -> dict[str, str]:
    return {name: value for o in profile.overrides for name, value in _override(o)}


def _override(override: Override) -> Iterator[tuple[str, str]]:
    for change in override.changes:
        name = f"{change.check} {change.parameter} ({where_text(override)})"
        yield name, cell_text(plain(change.after))


def where_text(override: Override) -> str:
    """The selection of an override as it is written, or `*` for all targets."""
    lists = ((n, getattr(override.where, n)) for n in override.where.__struct_fields__)
    return "; ".join(f"{name}: {', '.join(given)}" for name, given in lists if given) or "*"


def cell_text(value: Any) -> str:
    """A value in one cell."""
    many = isinstance(value, Iterable) and not isinstance(value, str)
    return ", ".join(map(str, value)) if many else str(value)
