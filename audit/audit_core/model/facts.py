"""Typed values computed from observations, and how they are asked for. Pure."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from audit_core.model.messages import Message
from audit_core.model.observations import Answer
from audit_core.model.requests import Reason, Request
from audit_core.model.targets import Target


class Known(Struct, frozen=True, kw_only=True):
    """A typed value, and the digests of the observations that it rests on.

    `incomplete` says what is missing of the value, such as a row that could not be read: a check
    that sees it may fail but never pass. `sources` are the ids of the facts that `first_of` chose.
    """

    value: Any
    evidence: tuple[str, ...] = ()
    incomplete: tuple[Message, ...] = ()
    sources: tuple[str, ...] = ()


class Absent(Struct, frozen=True, kw_only=True):
    """No value, and why. `detail` is for the reader; `evidence` is what was seen all the same."""

    reason: Reason
    detail: Message
    evidence: tuple[str, ...] = ()

    @property
    def unknown(self) -> bool:
        """Whether the target was not observed, so that the absence says nothing about it."""
        return self.reason is not Reason.NOT_PRESENT


class Partial(Struct, frozen=True, kw_only=True):
    """What a parser returns where it read only a part; `problems` says what it could not read."""

    value: Any
    problems: tuple[Message, ...]


class Platform(Struct, frozen=True, kw_only=True):
    """What the first round settled about a target, by name; `unknown` where it could not."""

    values: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "unknown")

    def but(self, **values: str) -> Platform:
        """This platform with other `values`."""
        return Platform(values={**self.values, **values})


class Optional_(Struct, frozen=True, kw_only=True):
    """None where `of` is NOT_PRESENT; other absences stay absences."""

    of: Any


class KnownOrAbsent(Struct, frozen=True, kw_only=True):
    """The value of `of`, or its Absent, which makes the rest incomplete.

    With an `Optional_` in it, None where the thing is NOT_PRESENT, and nothing is incomplete.
    """

    of: Any


class Complete(Struct, frozen=True, kw_only=True):
    """The need `of`: its value where it is complete, else an Absent."""

    of: Any


Modified = Optional_ | KnownOrAbsent | Complete
Ask = Request | Callable[[Target], "Request | Message"]
NamedAsk = Ask | Optional_ | KnownOrAbsent


def asked_of(ask: NamedAsk) -> Ask:
    """`ask` without `optional` and `known_or_absent`."""
    return asked_of(ask.of) if isinstance(ask, Optional_ | KnownOrAbsent) else ask


class Answers(Struct, frozen=True, kw_only=True):
    """The answers to a provider's several requests, by name.

    An answer is an `Answer`; None for an `optional` request whose thing is not present;
    an :class:`Absent` for a `known_or_absent` request that has no answer.
    """

    target: Target
    named: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.named[name]


Parser = Callable[[Any], Any]


class PlatformQuestions(Struct, frozen=True, kw_only=True):
    """What the first round asks about a target of a kind, to choose the providers of its facts.

    `read` makes the values of `names` out of the answers that came; it is pure. The requests are
    put where anything is asked of the target by a request of one of the types in `asked_with`.
    """

    names: tuple[str, ...]
    requests: tuple[Request, ...]
    asked_with: tuple[type[Request], ...]
    read: Callable[[Mapping[Request, Answer]], Platform]


class Provider(Struct, frozen=True, kw_only=True):
    """One way to learn a fact: what to ask and how to read the answer, guarded by platform.

    With `ask` the parser is given the `Answer`, with `asks` the :class:`Answers` by name.
    An ask may be a function of the target; it returns a Message when nothing can be asked because
    the inventory does not declare what is needed (the fact is then NOT_COLLECTED, the message
    says what to declare). `when` maps a name of the platform to the values it holds for.
    `platforms` are what the kinds ask in the first round, by kind: loading puts them there.
    """

    parse: Parser
    ask: Ask | None = None
    asks: dict[str, NamedAsk] = {}
    when: dict[str, tuple[str, ...]] = {}
    platforms: Mapping[str, PlatformQuestions] = {}

    @property
    def every_ask(self) -> tuple[Ask, ...]:
        """Everything that is asked, without names, `optional` and `known_or_absent`."""
        named = tuple(asked_of(ask) for ask in self.asks.values())
        return named if self.ask is None else (self.ask, *named)


class Fact(Struct, frozen=True, kw_only=True):
    """Something to know about a target of `kind`.

    It is asked by `providers`, in order of preference, or derived: `make` is then given one value
    for each of `needs`.
    """

    id: str
    type: Any
    kind: str
    providers: tuple[Provider, ...] = ()
    needs: tuple[Need, ...] = ()
    make: Callable[..., Any] | None = None

    def __hash__(self) -> int:
        return hash(self.id)


class FirstOf(Struct, frozen=True, kw_only=True):
    """The first known fact of several with the same meaning."""

    facts: tuple[Fact | str, ...]


class OfParent(Struct, frozen=True, kw_only=True):
    """A fact about the nearest target above that is of the fact's kind."""

    fact: Fact | str


class EachPart(Struct, frozen=True, kw_only=True):
    """A fact about every target below that is of the fact's kind, as (target, Known | Absent)."""

    fact: Fact | str


class Each(Struct, frozen=True, kw_only=True):
    """A fact about every target of `kind` in the run, as (target, Known | Absent)."""

    kind: str
    fact: Fact | str


class Builtin(enum.Enum):
    """Needs that the engine fills without asking the target."""

    TARGET = "target"
    COLLECTED_AT = "collected_at"
    PLATFORM = "platform"


# A text is the id of a fact that another plugin may offer; loading puts the fact in its place.
Source = Fact | str | FirstOf | OfParent
Need = Source | Modified | EachPart | Each | Builtin


def facts_in(need: Need) -> tuple[Fact | str, ...]:
    """The facts that `need` names itself, not those that they are derived from."""
    if isinstance(need, Fact | str):
        return (need,)
    if isinstance(need, Modified):
        return facts_in(need.of)
    if isinstance(need, FirstOf):
        return need.facts
    return (need.fact,) if isinstance(need, OfParent | EachPart | Each) else ()


def all_facts(needs: Iterable[Need]) -> Iterator[Fact]:
    """Every fact that `needs` rest on, derivations included, each object once, inputs first."""
    yield from _walk(needs, set())


def _walk(needs: Iterable[Need], seen: set[int]) -> Iterator[Fact]:
    for need in needs:
        for fact in facts_in(need):
            if isinstance(fact, Fact) and id(fact) not in seen:
                seen.add(id(fact))
                yield from _walk(fact.needs, seen)
                yield fact
