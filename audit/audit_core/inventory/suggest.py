"""Which parts facts about targets suggest, that the inventory does not declare yet. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from audit_core.api.plugins import Registry
from audit_core.inventory.model import Access
from audit_core.model import AccessSchema, Fact, Kind, Message, Part, Propose, Target

ValueOf = Callable[[Fact, Target], Any]
"""The value of a fact about a target of a run; None where it is not known."""


Accesses = Mapping[str, Access]
"""How to reach targets, by their ids."""


class _Address(Struct, frozen=True, kw_only=True):
    machines: frozenset[str | None]
    port: int | None


class Suggestion(Struct, frozen=True, kw_only=True):
    """A part of `target` that may be declared, and why. `id` is what its id would be."""

    target: str
    kind: str
    id: str
    key: str
    written: dict[str, Any]
    why: Message


def proposing(registry: Registry) -> dict[str, tuple[Fact, ...]]:
    """The facts that parts are proposed from, by the kind of target they are about."""
    found: dict[str, dict[str, Fact]] = {}
    for propose in (p for kind in registry.kinds.by_id.values() for p in kind.propose):
        for need in propose.needs:
            fact = registry.facts.get(need if isinstance(need, str) else need.id)
            if fact is not None:
                found.setdefault(fact.kind, {})[fact.id] = fact
    return {kind: tuple(facts.values()) for kind, facts in found.items()}


def suggestions(
    targets: Iterable[Target], registry: Registry, value_of: ValueOf, access: Accesses | None = None
) -> tuple[Suggestion, ...]:
    """The parts that the kinds of `registry` propose for `targets`, in the order of the targets.

    A part is not proposed where a part of the same kind is declared with the same id, or with the
    same values of the settings that identify its kind. Nor where a target of that kind, a part or
    not, is reached on the same machine at the port where the part was seen; without its `access`,
    a target of that kind on the same machine counts as that.
    """
    every = tuple(targets)
    declared: dict[str, list[Target]] = {}
    for target in every:
        declared.setdefault(target.parent or "", []).append(target)
    places = {target.id: _place(target, access or {}) for target in every}
    return tuple(
        found
        for target in every
        for kind in registry.kinds.by_id.values()
        for found in _proposed(
            kind, target, declared.get(target.id, []), registry, value_of,
            _ports(kind, target, every, places),
        )
    )  # fmt: skip


def _place(target: Target, access: Accesses) -> _Address:
    names, port = {target.address, target.host_name}, None
    mine = access.get(target.id)
    if mine is not None and isinstance(mine.settings, AccessSchema):
        machine, port = mine.settings.leads_to()
        names = (names - {getattr(mine.settings, "address", None)}) | {machine}
    return _Address(machines=frozenset(names - {None}), port=port)


def _ports(
    kind: Kind, target: Target, every: Iterable[Target], places: Mapping[str, _Address]
) -> frozenset[int | None]:
    """Where targets of `kind` on the machine of `target` are reached; None for one not known."""
    machines = places[target.id].machines
    return frozenset(
        places[other.id].port for other in every
        if other.kind == kind.id
        and (other.parent == target.id or places[other.id].machines & machines)
    )  # fmt: skip


def _proposed(
    kind: Kind, target: Target, parts: list[Target], registry: Registry, value_of: ValueOf,
    ports: frozenset[int | None],
) -> Iterator[Suggestion]:  # fmt: skip
    taken = {part.id for part in parts}
    known = {_identity(kind, p.settings) for p in parts if p.kind == kind.id}
    for propose in kind.propose:
        if propose.parent != target.kind:
            continue
        for part in _made(propose, target, registry, value_of):
            name = kind.part_name(part.id, part.settings)
            identity = _identity(kind, part.settings)
            if name is None or f"{target.id}/{name}" in taken or identity in known:
                continue
            if part.port is not None and ports & {part.port, None}:
                continue
            taken.add(f"{target.id}/{name}")
            known.add(identity)
            yield Suggestion(
                target=target.id, kind=kind.id, id=f"{target.id}/{name}", key=kind.part_key,
                written=_written(part), why=part.why,
            )  # fmt: skip


def _made(
    propose: Propose, target: Target, registry: Registry, value_of: ValueOf
) -> Iterable[Part]:
    values = [_value(need, target, registry, value_of) for need in propose.needs]
    return () if all(value is None for value in values) else propose.make(target, *values)


def _value(need: Fact | str, target: Target, registry: Registry, value_of: ValueOf) -> Any:
    fact = registry.facts.get(need if isinstance(need, str) else need.id)
    return None if fact is None or fact.kind != target.kind else value_of(fact, target)


def _identity(kind: Kind, settings: Mapping[str, Any]) -> tuple[Any, ...]:
    # Without such settings only the id tells parts of this kind apart.
    if not kind.identity:
        return (object(),)
    return tuple(settings.get(name) for name in kind.identity)


def _written(part: Part) -> dict[str, Any]:
    beside = {"id": part.id, "address": part.address, "object_type": part.object_type}
    return {**{k: v for k, v in beside.items() if v is not None}, **part.settings}
