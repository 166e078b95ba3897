"""For which objects the findings on other targets count. PURE.

A catalog says it of object types (`RollUpRule`): a host counts for the system that it belongs
to, an endpoint for the service that is offered there. Objects of the whole system that nobody
declared, and those of a type without such rules, count everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from audit_core.evaluate.tally import Tally, tallied
from audit_core.model import Finding, Target
from audit_core.model.names import RollUpRule, SystemObject

EVERYTHING = ""
"""In the place of an object: all that count what is found on any target."""

_COMMON = frozenset({"id", "object_type", "zone", "business_system", "owner", "tags"})

RolledUp = dict[str, dict[str, Tally]]
"""Tallies by check, for each object for which they count."""


def values_of(target: Target, key: str) -> frozenset[str]:
    """The values that `target` has under `key`, one of its own fields or a setting."""
    if not key:
        return frozenset()
    held = getattr(target, key) if key in _COMMON else target.settings.get(key)
    if held is None:
        return frozenset()
    return frozenset(map(str, held)) if isinstance(held, list | tuple) else frozenset({str(held)})


def _counts_everything(
    target: Target, rules: Sequence[RollUpRule], implied: Mapping[str, str]
) -> bool:
    """Whether all that is found counts for `target`, by the `rules` of its type.

    `implied` are the types of the objects that there always are, by id.
    """
    if any(not rule.own and not rule.of for rule in rules):
        return True
    is_implied = implied.get(target.id) == target.object_type
    return target.object_type in implied.values() and (not rules or is_implied)


def _keys(rule: RollUpRule, target: Target) -> Iterator[tuple[str, str]]:
    """Field and value of the targets whose findings count for `target` by `rule`."""
    yield from ((rule.theirs, value) for value in values_of(target, rule.own))
    yield from (("object_type", type) for type in rule.of)


class RollUps:
    """For which objects among `targets` the findings on other targets count."""

    def __init__(
        self,
        rules: Iterable[RollUpRule],
        targets: Sequence[Target],
        whole: Iterable[SystemObject],
    ) -> None:
        by_type: dict[str, list[RollUpRule]] = {}
        for rule in rules:
            by_type.setdefault(rule.object_type, []).append(rule)
        implied = {o.id: o.object_type for o in whole}
        self._everything: set[str] = set()
        self._by_value: dict[tuple[str, str], list[str]] = {}
        self._rolling = frozenset(by_type)
        for target in targets:
            mine = by_type.get(target.object_type, [])
            if _counts_everything(target, mine, implied):
                self._everything.add(target.id)
                continue
            for key in (key for rule in mine for key in _keys(rule, target)):
                self._by_value.setdefault(key, []).append(target.id)
        self._keys = frozenset(key for key, _ in self._by_value)

    def everything(self, object: Target) -> bool:
        """Whether all that is found counts for `object`."""
        return object.id in self._everything

    def takes_others(self, object: Target) -> bool:
        """Whether anything that is found elsewhere may count for `object`."""
        return object.id in self._everything or object.object_type in self._rolling

    def rolls_up(self, object: Target) -> bool:
        """Whether the catalog says what counts for objects of this type."""
        return object.object_type in self._rolling

    def of(self, target: Target) -> Iterator[str]:
        """The objects for which what is found on `target` counts, not those of everything."""
        for key in self._keys:
            for value in values_of(target, key):
                yield from self._by_value.get((key, value), ())

    def rolled_up(
        self, findings: Iterable[Finding], object: Target, members: Sequence[Target]
    ) -> RolledUp:
        """What `findings` on `object` and its parts count for, by object.

        They count for the object itself, too, where those of others do. `members` are all targets
        of its group: what is found on a database also counts where its host does.
        """
        listed = tuple(findings)
        found: RolledUp = {EVERYTHING: tallied(listed)} if self._everything else {}
        own = object.id
        by_object = {own: list(listed)} if object.object_type in self._rolling else {}
        for finding in listed if self._keys else ():
            for id in self._above(finding.target, members):
                if id != own:
                    by_object.setdefault(id, []).append(finding)
        return found | {id: tallied(some) for id, some in by_object.items()}

    def _above(self, target: str, members: Sequence[Target]) -> dict[str, None]:
        """The objects for which findings on that target, or on what it is part of, count."""
        above = (m for m in members if target == m.id or target.startswith(f"{m.id}/"))
        return dict.fromkeys(id for member in above for id in self.of(member))
