"""Which target is part of which. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from audit_core.model.targets import Target


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
