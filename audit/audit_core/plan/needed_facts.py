"""Determines the facts that checks need about each target. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from audit_core.model import (
    Check,
    Each,
    EachPart,
    Fact,
    Modified,
    Need,
    OfParent,
    Target,
    Tree,
    all_facts,
    facts_in,
)


def wanted(targets: Sequence[Target], checks: Sequence[Check]) -> dict[str, tuple[Fact, ...]]:
    """The facts that are asked about each target, by target id, in a stable order.

    Needs are followed through derived facts, to parents, parts and other targets.
    """
    needs: dict[str, list[Need]] = {}
    for check in checks:
        needs.setdefault(check.kind, []).extend(check.needs)
    walk = _Walk(Tree(targets))
    for target in targets:
        walk.needs(needs.get(target.kind, ()), target)
    return {
        target: tuple(facts[id] for id in sorted(facts)) for target, facts in walk.asked.items()
    }


def checks_by_fact(checks: Iterable[Check]) -> dict[str, tuple[str, ...]]:
    """The ids of the checks that rest on each fact, by the id of the fact, sorted."""
    found: dict[str, set[str]] = {}
    for check in checks:
        for fact in all_facts(check.needs):
            found.setdefault(fact.id, set()).add(check.id)
    return {id: tuple(sorted(ids)) for id, ids in found.items()}


class _Walk:
    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._everywhere: set[str] = set()
        self._seen: set[tuple[str, str]] = set()
        self.asked: dict[str, dict[str, Fact]] = {}

    def needs(self, needs: Iterable[Need], target: Target) -> None:
        for need in needs:
            for fact in facts_in(need):
                if isinstance(fact, Fact):
                    for about in self._about(need, fact, target):
                        self._fact(fact, about)

    def _fact(self, fact: Fact, target: Target) -> None:
        if (fact.id, target.id) in self._seen:
            return
        self._seen.add((fact.id, target.id))
        if fact.providers:
            self.asked.setdefault(target.id, {})[fact.id] = fact
        self.needs(fact.needs, target)

    def _about(self, need: Need, fact: Fact, target: Target) -> Iterable[Target]:
        """The targets about which `need` wants `fact`, seen from `target`."""
        if isinstance(need, Modified):
            return self._about(need.of, fact, target)
        if isinstance(need, OfParent):
            above = self._tree.above(target, fact.kind)
            return () if above is None else (above,)
        if isinstance(need, EachPart):
            return self._tree.below(target, fact.kind)
        return self._all(fact) if isinstance(need, Each) else (target,)

    def _all(self, fact: Fact) -> Iterable[Target]:
        if fact.id in self._everywhere:  # once is enough, however many targets need it
            return ()
        self._everywhere.add(fact.id)
        return self._tree.of_kind(fact.kind)
