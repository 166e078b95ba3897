"""From the observations of a group, and from other facts, to typed facts. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any

import msgspec
from msgspec import Struct, structs

from audit_core.evaluate.inputs import (
    INCOMPLETE,
    Gap,
    Inputs,
    View,
    about,
    capped,
    fold,
    resolve_needs,
)
from audit_core.evaluate.memo import NOTHING_KEPT, Memo, Work
from audit_core.evaluate.read_fields import (
    ReadFields,
    watched_answer,
    watched_inputs,
    watched_target,
)
from audit_core.model import (
    Absent,
    Answers,
    Ask,
    Fact,
    Known,
    Message,
    ParseError,
    Partial,
    Platform,
    Provider,
    Reason,
    Request,
    Target,
    asked_of,
    json_safe,
    msg,
)
from audit_core.model.requests import short_of, stored
from audit_core.plan import holds, request_of
from audit_core.plan.answers import Observations, answer

Begin = Callable[[], None]


def learn(
    fact: Fact,
    observations: Observations,
    target: Target,
    platform: Platform,
    memo: Memo = NOTHING_KEPT,
    begin: Begin = lambda: None,
    known: KnownQuestions | None = None,
) -> Known | Absent:
    """`fact` about `target`: the first provider for this platform that is not unsupported.

    `begin` is called before a parser is.
    """
    fitting = [p for p in fact.providers if holds(p, platform)]
    last: Known | Absent | None = None
    for provider in fitting:
        questions = (known or KnownQuestions()).of(provider, target)
        last = _Provided(fact, provider, questions, observations, target).learned(memo, begin)
        if isinstance(last, Known) or last.reason is not Reason.UNSUPPORTED:
            return last
    if last is not None:
        return last
    fault = observations.fault(target)
    if fault is not None:
        return Absent(reason=fault[0], detail=fault[1])
    detail = msg(
        "The fact {fact} is not available on this platform ({platform})",
        fact=fact.id,
        platform=tuple(f"{name} {value}" for name, value in platform.values.items()),
    )
    return Absent(reason=Reason.UNSUPPORTED, detail=detail)


def derive(fact: Fact, view: View, begin: Begin, memo: Memo = NOTHING_KEPT) -> Known | Absent:
    """A derived `fact` made of its needs; `begin` is called when they are there."""
    assert fact.make is not None  # noqa: S101 (a fact is asked or made: `derive` sees to it)
    inputs = resolve_needs(fact.needs, view)
    make, maker = fact.make, ("made", fact.id)

    def made(looks: ReadFields | None) -> Known | Absent:
        return _made(inputs, make, watched_inputs(inputs.values, looks), lambda: fact.id)

    work = Work(maker=maker, key=memo.key(maker, inputs), make=made, used=inputs.objects)
    found: Known | Absent = memo.recalled(work, begin)
    return structs.replace(found, evidence=inputs.evidence)


class _Questions(Struct, frozen=True, kw_only=True):
    """What a provider asks of a target. `requests` are those that it can ask, `keys` what tells
    them apart where they depend on the target; `whole` where it can ask all.
    """

    requests: tuple[Request, ...]
    identities: tuple[str, ...]
    keys: tuple[bytes | None, ...]
    whole: bool


def _questions_of(provider: Provider, target: Target) -> _Questions:
    asks = provider.every_ask
    asked = [(ask, request_of(ask, target)) for ask in asks]
    requests = [(ask, one) for ask, one in asked if isinstance(one, Request)]
    return _Questions(
        requests=tuple(one for _, one in requests),
        identities=tuple(one.identity() for _, one in requests),
        keys=tuple(
            None if ask is one else msgspec.json.encode(stored(one)) for ask, one in requests
        ),
        whole=len(requests) == len(asked),
    )


class KnownQuestions:
    """What providers ask that ask the same of every target, each made once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Provider, _Questions | None]] = {}

    def of(self, provider: Provider, target: Target) -> _Questions:
        """What `provider` asks of `target`."""
        known = self._known.get(id(provider))
        if known is None:
            fixed = all(isinstance(ask, Request) for ask in provider.every_ask)
            known = (provider, _questions_of(provider, target) if fixed else None)
            self._known[id(provider)] = known  # with the provider, so that its id stays its own
        return known[1] or _questions_of(provider, target)


class _Provided:
    """What one provider of a fact makes of the answers to its requests."""

    def __init__(
        self,
        fact: Fact,
        provider: Provider,
        questions: _Questions,
        observations: Observations,
        target: Target,
    ) -> None:
        self._fact, self._provider, self._questions = fact, provider, questions
        self._observations, self._target = observations, target
        self._seen = [observations.identified(one, target) for one in questions.identities]

    def learned(self, memo: Memo, begin: Begin) -> Known | Absent:
        """The fact, read or recalled."""
        maker = ("read", self._fact.id, id(self._provider))
        key = (maker, *self._contents()) if self._questions.whole and memo.may(maker) else None
        there = [one for one in self._seen if one is not None]
        found: Known | Absent | None = memo.kept(key)
        if found is None:
            size = sum(one.stdout_size for one in there)
            found = memo.recalled(Work(maker=maker, key=key, make=self._read, size=size), begin)
        evidence = tuple(sorted({self._observations.digest(one) for one in there}))
        return structs.replace(found, evidence=evidence)

    def _contents(self) -> Iterator[Hashable]:
        """What is asked, where it depends on the target, and all that came of it."""
        asked = self._questions
        for request, key, observation in zip(asked.requests, asked.keys, self._seen, strict=True):
            yield key
            yield self._observations.content(request, observation, self._target)

    def _read(self, looks: ReadFields | None) -> Known | Absent:
        """What the parser makes of the answers, without evidence; of stand-ins for `looks`."""
        provider = self._provider
        asks = {"": provider.ask} if provider.ask is not None else provider.asks
        inputs = fold((ask, self._asked(asked_of(ask), looks)) for ask in asks.values())
        values = inputs.values
        if provider.ask is None:
            named = dict(zip(asks, values, strict=True))
            target = self._target if looks is None else watched_target(self._target, looks)
            values = (Answers(target=target, named=named),)
        return _made(inputs, provider.parse, values, self._name)

    def _name(self) -> str | Message:
        if self._provider.ask is None:
            return self._fact.id
        request = request_of(self._provider.ask, self._target)
        return "" if isinstance(request, Message) else short_of(request)

    def _asked(self, ask: Ask, looks: ReadFields | None) -> Known | Absent:
        """The answer to one request, or why there is none, without evidence."""
        request = request_of(ask, self._target)
        if isinstance(request, Message):
            return Absent(reason=Reason.NOT_COLLECTED, detail=request)
        observation = self._observations.find(request, self._target)
        if observation is None:
            return self._not_asked(request)
        got = answer(request, observation, self._observations, self._target)
        if isinstance(got, Absent):
            return got
        return Known(value=got if looks is None else watched_answer(got, looks, request.has_times))

    def _not_asked(self, request: Request) -> Absent:
        fault = self._observations.fault(self._target)
        if fault is not None:
            return Absent(reason=fault[0], detail=fault[1])
        detail = msg("{asked}: not requested in this run", asked=short_of(request))
        return Absent(reason=Reason.NOT_COLLECTED, detail=detail)


def _made(
    inputs: Inputs,
    make: Callable[..., Any],
    values: tuple[Any, ...],
    name: Callable[[], str | Message],
) -> Known | Absent:
    """What `make` returns for `values`, without evidence; one that raises costs only this fact.

    `name` gives what its problems are about.
    """
    if inputs.stop is not None:
        return structs.replace(inputs.stop, evidence=())
    try:
        return _result(_read(make, values, name), inputs, name)
    except Exception as error:  # noqa: BLE001 (a plugin's fault is a value, not the end of a run)
        detail = msg("The parser failed with {error}", error=type(error).__name__)
        return Absent(reason=Reason.FAULT, detail=detail)


def _read(
    make: Callable[..., Any], values: tuple[Any, ...], name: Callable[[], str | Message]
) -> Any:
    try:
        return make(*values)
    except ParseError as error:
        return Absent(reason=Reason.UNPARSABLE, detail=about(name(), error.detail))


def _result(value: Any, inputs: Inputs, name: Callable[[], str | Message]) -> Known | Absent:
    """`value` as a fact; raises what its messages raise where they cannot be stored."""
    gaps = inputs.gaps
    if isinstance(value, Partial):
        problems = (about(name(), json_safe(detail)) for detail in value.problems)
        gaps = capped((*gaps, *(Gap(why=INCOMPLETE, detail=detail) for detail in problems)))
        value = value.value
    if isinstance(value, Absent):
        return _absence(structs.replace(value, detail=json_safe(value.detail)), gaps)
    return Known(
        value=value,
        incomplete=tuple(gap.detail for gap in gaps),
        sources=inputs.sources,
    )


def _absence(value: Absent, gaps: tuple[Gap, ...]) -> Absent:
    """`value`, but what was not seen in full is never not present."""
    if value.unknown or not gaps:
        return Absent(reason=value.reason, detail=value.detail)
    why = gaps[0].why
    reason = Reason.UNPARSABLE if why == INCOMPLETE else Reason(why)
    return Absent(reason=reason, detail=gaps[0].detail)
