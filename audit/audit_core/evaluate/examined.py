"""What a finding looked at, in short: files, commands, interfaces. PURE.

A derived fact is named by the first of its needs: that is what it is about, the others help to read
it. Of `first_of` it is the fact that was used.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterable, Iterator

from audit_core.model import (
    Each,
    EachPart,
    Fact,
    Message,
    Modified,
    Need,
    OfParent,
    Platform,
    Request,
    Status,
    Target,
    facts_in,
)
from audit_core.model.facts import Provider
from audit_core.model.requests import place_of
from audit_core.plan import holds, request_of
from audit_core.plan.answers import Observations

_MOST_KNOWN = 20_000
Sources = frozenset[str]

MOST = 3
"""Places that a finding names."""


class KnownNames:
    """What was looked at on other targets, by what was asked and answered there."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._names: dict[Hashable, tuple[str, ...]] = {}
        self._needs: dict[int, tuple[tuple[Need, ...], int | None]] = {}

    def number_of(self, needs: tuple[Need, ...]) -> int | None:
        """A number of `needs`; None where what is asked for them depends on the target."""
        known = self._needs.get(id(needs))
        if known is None:  # kept with the needs, so that their id stays their own
            known = (needs, len(self._needs) if _same_everywhere(needs) else None)
            self._needs[id(needs)] = known
        return known[1]

    def number(self, sign: Hashable) -> int:
        """The same for an equal sign, as long as it is kept: signs are long."""
        if len(self._names) > _MOST_KNOWN:
            self._names.clear()
            self._numbers.clear()
        return self._numbers.setdefault(sign, len(self._numbers))

    def names(self, key: Hashable, make: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
        """What is kept under `key`, else what `make` gives, kept from here on."""
        found = self._names.get(key)
        if found is None:
            found = self._names[key] = make()
        return found


class Examined:
    """Names what was looked at; `sources` are the facts that were used of several."""

    def __init__(
        self, observations: Observations, platform: Platform, known: KnownNames | None = None
    ) -> None:
        self._observations, self._platform = observations, platform
        self._places: dict[tuple[str, str, Sources], str] = {}
        self._known = known
        sign = None if known is None else _sign(observations, platform)
        self._number = None if known is None or sign is None else known.number(sign)

    def names(self, needs: tuple[Need, ...], target: Target, sources: Sources) -> tuple[str, ...]:
        """One place for each of `needs` that something was asked for, the first `MOST`."""
        if self._known is None or self._number is None:
            return self._names(needs, target, sources)
        number = self._known.number_of(needs)
        if number is None:
            return self._names(needs, target, sources)
        key = (self._number, target.kind, number, sources)
        return self._known.names(key, lambda: self._names(needs, target, sources))

    def _names(self, needs: Iterable[Need], target: Target, sources: Sources) -> tuple[str, ...]:
        found = dict.fromkeys(
            name for need in needs if (name := self._of_need(need, target, sources))
        )
        return tuple(found)[:MOST]

    def _of_need(self, need: Need, target: Target, sources: Sources) -> str:
        facts = _facts(need)
        if sources and len(facts) > 1:  # of `first_of` the one that was used first
            facts = tuple(sorted(facts, key=lambda f: f.id not in sources))
        for fact in facts:
            if place := self._of(fact, target, sources):
                return place
        return ""

    def _of(self, fact: Fact, target: Target, sources: Sources) -> str:
        key = (fact.id, target.id, sources)
        if key not in self._places:
            if fact.make is None:
                self._places[key] = self._asked(fact, target)
            else:
                of_needs = (self._of_need(need, target, sources) for need in fact.needs)
                self._places[key] = next(filter(None, of_needs), "")
        return self._places[key]

    def _asked(self, fact: Fact, target: Target) -> str:
        """What was asked for `fact`: what was answered before what was not."""
        rows = [
            (observation.status is not Status.ANSWERED, place_of(request))
            for provider in fact.providers
            if holds(provider, self._platform)
            for request in _requests(provider, target)
            if not request.aside
            if (observation := self._observations.find(request, target)) is not None
        ]
        return min(rows, key=lambda pair: pair[0])[1] if rows else ""


def _sign(observations: Observations, platform: Platform) -> Hashable | None:
    """What was asked and answered: equal for targets of which equal things were looked at.

    None where several targets were asked.
    """
    seen = observations.observations
    if observations.parents or len({target for target, _ in seen}) > 1:
        return None
    asked = tuple((id, o.status is Status.ANSWERED) for (_, id), o in seen.items())
    return asked, tuple(platform.values.items())


@functools.lru_cache(maxsize=4096)
def _same_everywhere(needs: tuple[Need, ...]) -> bool:
    """Whether what is asked for `needs` does not depend on the target."""
    return all(_is_static(fact) for need in needs for fact in _facts(need))


def _is_static(fact: Fact) -> bool:
    asks = (ask for provider in fact.providers for ask in provider.every_ask)
    return all(isinstance(ask, Request) for ask in asks) and _same_everywhere(fact.needs)


def _requests(provider: Provider, target: Target) -> Iterator[Request]:
    for ask in provider.every_ask:
        request = request_of(ask, target)
        if not isinstance(request, Message):
            yield request


@functools.lru_cache(maxsize=4096)
def _facts(need: Need) -> tuple[Fact, ...]:
    """The facts of `need` about the target itself; several only of `first_of`."""
    inner = need
    while isinstance(inner, Modified):
        inner = inner.of
    if isinstance(inner, Each | EachPart | OfParent):
        return ()
    return tuple(f for f in facts_in(inner) if isinstance(f, Fact))
