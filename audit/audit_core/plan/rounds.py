"""Determines the requests of a run for each target, before anything runs. PURE."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from audit_core.model import (
    Ask,
    Check,
    Fact,
    Message,
    Platform,
    PlatformQuestions,
    Provider,
    Request,
    Target,
    merged,
    root_of,
)
from audit_core.plan.needed_facts import wanted


class PlannedRequest(Struct, frozen=True, kw_only=True):
    """One provider of one fact about one target, with the request it puts or why it puts none."""

    fact: str
    target: str
    request: Request | Message
    when: dict[str, tuple[str, ...]]
    platforms: Mapping[str, PlatformQuestions] = {}


class Question(Struct, frozen=True, kw_only=True):
    """A request about one target."""

    target: str
    request: Request


class Group(Struct, frozen=True, kw_only=True):
    """A target that is reached by itself, its parts, and everything asked about them."""

    root: Target
    members: tuple[Target, ...]
    asked: tuple[PlannedRequest, ...]

    @property
    def parents(self) -> dict[str, str]:
        """What each part of the group is part of, by id."""
        return {m.id: m.parent for m in self.members if m.parent is not None}

    @property
    def platform(self) -> PlatformQuestions | None:
        """What the first round asks; None where nothing is asked of the root that needs it."""
        for asked in self.asked:
            known = asked.platforms.get(self.root.kind)
            if known is not None and isinstance(asked.request, known.asked_with):
                return known
        return None


def request_of(ask: Ask, target: Target) -> Request | Message:
    """What `ask` asks of `target`, or the message that says what to declare."""
    return ask if isinstance(ask, Request) else ask(target)


def holds(provider: Provider, platform: Platform) -> bool:
    """Whether every guard of `provider` holds on `platform`; unknown never holds."""
    if not provider.when:  # as of most
        return True
    return all(platform[name] in values for name, values in provider.when.items())


def groups(targets: Sequence[Target], checks: Sequence[Check]) -> tuple[Group, ...]:
    """Everything that `checks` need about `targets`, grouped by the target that is reached."""
    by_id = {t.id: t for t in targets}
    members: dict[str, list[Target]] = {}
    for target in targets:
        members.setdefault(root_of(target, by_id).id, []).append(target)
    facts = wanted(targets, checks)
    return tuple(
        Group(root=by_id[root], members=tuple(m), asked=_asked(m, facts))
        for root, m in members.items()
    )


def _asked(
    members: Sequence[Target], facts: Mapping[str, tuple[Fact, ...]]
) -> tuple[PlannedRequest, ...]:
    return tuple(
        PlannedRequest(
            fact=fact.id,
            target=member.id,
            request=request_of(ask, member),
            when=provider.when,
            platforms=provider.platforms,
        )
        for member in members
        for fact in facts.get(member.id, ())
        for provider in fact.providers
        for ask in provider.every_ask
    )


def _discovery(group: Group) -> tuple[Request, ...]:
    """What is asked first."""
    return () if group.platform is None else group.platform.requests


def discovery_round(group: Group) -> tuple[Question, ...]:
    """The questions of the first round, which settle the platform of the root."""
    every = _merged(group)
    asked = (every[request.identity()] for request in _discovery(group))
    return tuple(Question(target=group.root.id, request=request) for request in asked)


def main_round(group: Group, platform: Platform) -> tuple[Question, ...]:
    """The questions of the main round, each once, for the providers whose guards hold."""

    def guarded(asked: PlannedRequest) -> bool:
        return all(platform[n] in values for n, values in asked.when.items())

    return _questions(group, guarded)


def questions(group: Group) -> tuple[Question, ...]:
    """Every question that may be put to `group` on any platform, each once, discovery first."""
    first = discovery_round(group)
    asked = {(q.target, q.request.identity()) for q in first}
    rest = _questions(group, lambda asked: True)
    return (*first, *(q for q in rest if (q.target, q.request.identity()) not in asked))


def _questions(group: Group, wanted: Callable[[PlannedRequest], bool]) -> tuple[Question, ...]:
    # As in `everything`: the grants allow the request with the longest timeout.
    every = _merged(group)
    found: dict[tuple[str, str], Question] = {}
    for asked in group.asked:
        if not isinstance(asked.request, Message) and wanted(asked):
            identity = asked.request.identity()
            question = Question(target=asked.target, request=every[identity])
            found.setdefault((asked.target, identity), question)
    return tuple(found.values())


def everything(group: Group) -> tuple[Request, ...]:
    """Every request that may run for `group` on any platform, each once, discovery first."""
    return tuple(_merged(group).values())


def _merged(group: Group) -> dict[str, Request]:
    asked = (a.request for a in group.asked if not isinstance(a.request, Message))
    return merged((*_discovery(group), *asked))
