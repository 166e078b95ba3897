"""Replaces ids of facts by the facts when plugins are loaded, and rejects invalid links."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from itertools import chain
from typing import Any

from msgspec import structs

from audit_core.model import (
    Builtin,
    Check,
    Each,
    EachPart,
    Fact,
    FirstOf,
    Message,
    Modified,
    Need,
    OfParent,
    PlatformQuestions,
    Provider,
    all_facts,
    msg,
)


class LinkError(Exception):
    """A check or fact needs something that does not exist; `detail` says what."""

    def __init__(self, detail: Message) -> None:
        super().__init__(str(detail))
        self.detail = detail


class Linker:
    """Links checks and facts to the facts that `facts` holds by id."""

    def __init__(
        self, facts: Mapping[str, Fact], platforms: Mapping[str, PlatformQuestions]
    ) -> None:
        self._facts = facts
        self._platforms = platforms
        self._linked: dict[str, Fact] = {}
        self._needed: dict[tuple[Any, ...], Need] = {}
        self._open: list[str] = []

    def check(self, check: Check) -> Check:
        """`check` with facts for needs, or LinkError."""
        needs = self._needs(check.needs, check.kind)
        same = all(map(operator.is_, needs, check.needs))
        return check if same else structs.replace(check, needs=needs)

    def fact(self, fact: Fact) -> Fact:
        """`fact` with facts for needs, or LinkError: it may not need itself."""
        if fact.id in self._open:
            around = (*self._open[self._open.index(fact.id) :], fact.id)
            raise LinkError(msg("facts need each other: {facts}", facts=" → ".join(around)))
        if fact.id not in self._linked:
            self._open.append(fact.id)
            try:
                needs = self._needs(fact.needs, fact.kind)
            finally:
                self._open.pop()
            providers = tuple(self._provider(p, fact.kind) for p in fact.providers)
            self._linked[fact.id] = structs.replace(fact, needs=needs, providers=providers)
        return self._linked[fact.id]

    def _provider(self, provider: Provider, kind: str) -> Provider:
        """`provider` with what the first round asks; LinkError for a guard that nobody settles."""
        own = self._platforms.get(kind)
        every = self._platforms.values() if own is None else (own,)
        known = {name for platform in every for name in platform.names}
        for name in provider.when:
            if known and name not in known:
                raise LinkError(
                    msg(
                        "no first round determines {name}, only {known}",
                        name=name,
                        known=tuple(sorted(known)),
                    )
                )
        return structs.replace(provider, platforms=self._platforms)

    def _needs(self, needs: tuple[Need, ...], kind: str) -> tuple[Need, ...]:
        return tuple(self._once(self._need(need, kind)) for need in needs)

    def _once(self, need: Need) -> Need:
        """The same object for equal needs: evaluation resolves each object once on a target."""
        if isinstance(need, Fact | str | Builtin):
            return need
        parts = (getattr(need, name) for name in need.__struct_fields__)
        ids = (map(id, part) if isinstance(part, tuple) else (id(part),) for part in parts)
        return self._needed.setdefault((type(need), *chain.from_iterable(ids)), need)

    def _need(self, need: Need, kind: str) -> Need:
        if isinstance(need, Fact | str):
            return self._of_kind(need, kind)
        if isinstance(need, Modified):
            return structs.replace(need, of=self._once(self._need(need.of, kind)))
        if isinstance(need, FirstOf):
            return FirstOf(facts=tuple(self._of_kind(fact, kind) for fact in need.facts))
        if isinstance(need, OfParent | EachPart):
            return structs.replace(need, fact=self._named(need.fact))
        return self._each(need) if isinstance(need, Each) else need

    def _each(self, need: Each) -> Each:
        fact = self._of_kind(need.fact, need.kind)
        if any(isinstance(_bare(n), Each) for f in all_facts((fact,)) for n in f.needs):
            # It is computed before the facts of other groups are known.
            raise LinkError(
                msg("{fact} needs other targets itself and cannot stand in each()", fact=fact.id)
            )
        return structs.replace(need, fact=fact)

    def _of_kind(self, fact: Fact | str, kind: str) -> Fact:
        found = self._named(fact)
        if found.kind != kind:
            raise LinkError(
                msg(
                    "{fact} is a fact about a {own}, not about a {kind}",
                    fact=found.id,
                    own=found.kind,
                    kind=kind,
                )
            )
        return found

    def _named(self, fact: Fact | str) -> Fact:
        if isinstance(fact, Fact):
            fact = fact.id
        if fact not in self._facts:
            raise LinkError(msg("no plugin offers the fact {fact}", fact=fact))
        return self.fact(self._facts[fact])


def _bare(need: Need) -> Need:
    return _bare(need.of) if isinstance(need, Modified) else need
