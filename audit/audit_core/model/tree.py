"""Which target is part of which, and which of them are objects of their own. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping

from msgspec import Struct

from audit_core.model.targets import Target


def ancestors(target: Target, by_id: Mapping[str, Target]) -> Iterator[Target]:
    """What `target` is a part of, the nearest first."""
    while target.parent is not None:
        target = by_id[target.parent]
        yield target


def root_of(target: Target, by_id: Mapping[str, Target]) -> Target:
    """The target through which `target` is reached: its topmost parent, or itself."""
    while target.parent is not None:
        target = by_id[target.parent]
    return target


def object_of(target: Target, by_id: Mapping[str, Target], only_parts: Container[str]) -> Target:
    """The object (测评对象) that `target` is concluded with: itself, or one that it is a part of.

    A part of a kind in `only_parts`, such as a TLS endpoint or a backup set, belongs to the object
    above it. Other kinds may also stand by themselves, such as a database server: a part of such a
    kind is an object, unless its object type is that of the object above it.
    """
    if target.parent is None:
        return target
    above = object_of(by_id[target.parent], by_id, only_parts)
    belongs = target.kind in only_parts or target.object_type == above.object_type
    return above if belongs else target


class Object(Struct, frozen=True, kw_only=True):
    """An object of an assessment (测评对象) and all targets concluded with it, itself first."""

    root: Target
    members: tuple[Target, ...]


def objects_in(targets: Iterable[Target], only_parts: Container[str]) -> tuple[Object, ...]:
    """The objects that `targets`, which hold every parent, make up, in their order."""
    by_id = {target.id: target for target in targets}
    members: dict[str, list[Target]] = {}
    for target in by_id.values():
        members.setdefault(object_of(target, by_id, only_parts).id, []).append(target)
    return tuple(Object(root=by_id[id], members=tuple(m)) for id, m in members.items())


class Tree:
    """The targets of a run by id, by kind and by parent."""

    def __init__(self, targets: Iterable[Target]) -> None:
        self._by_id = {t.id: t for t in targets}
        self._parts: dict[str, list[Target]] = {}
        self._kinds: dict[str, list[Target]] = {}
        for target in self._by_id.values():
            self._kinds.setdefault(target.kind, []).append(target)
            if target.parent is not None:
                self._parts.setdefault(target.parent, []).append(target)

    def above(self, target: Target, kind: str) -> Target | None:
        """The nearest target of `kind` that `target` is a part of."""
        while target.parent is not None:
            target = self._by_id[target.parent]
            if target.kind == kind:
                return target
        return None

    def below(self, target: Target, kind: str) -> tuple[Target, ...]:
        """Every target of `kind` that is a part of `target`, directly or not."""
        found: list[Target] = []
        for part in self._parts.get(target.id, ()):
            found += [part] if part.kind == kind else []
            found += self.below(part, kind)
        return tuple(found)

    def of_kind(self, kind: str) -> tuple[Target, ...]:
        """Every target of `kind`, in the order of the inventory."""
        return tuple(self._kinds.get(kind, ()))
