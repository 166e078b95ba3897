"""From the observations of a group, and from other facts, to typed facts. Pure."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from msgspec import structs

from audit_core.evaluate.inputs import (
    INCOMPLETE,
    Gap,
    Inputs,
    View,
    about,
    capped,
    fold,
    gather,
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
    Target,
    asked_of,
    json_safe,
    msg,
)
from audit_core.model.requests import short_of
from audit_core.plan import holds, request_of
from audit_core.plan.answers import Observations, answer


def learn(
    fact: Fact, observations: Observations, target: Target, platform: Platform
) -> Known | Absent:
    """`fact` about `target`: the first provider for this platform that is not unsupported."""
    fitting = [p for p in fact.providers if holds(p, platform)]
    last: Known | Absent | None = None
    for provider in fitting:
        last = _one(fact, provider, observations, target)
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


def derive(fact: Fact, view: View, begin: Callable[[], None]) -> Known | Absent:
    """A derived `fact` made of its needs; `begin` is called when they are there."""
    assert fact.make is not None  # noqa: S101 (a fact is asked or made: `derive` sees to it)
    inputs = gather(fact.needs, view)
    begin()
    return _made(inputs, fact.make, inputs.values, lambda: fact.id)


def _one(
    fact: Fact, provider: Provider, observations: Observations, target: Target
) -> Known | Absent:
    """What `provider` makes of the answers to its requests."""
    if provider.ask is not None:
        inputs = fold([(provider.ask, _asked(provider.ask, observations, target))])
        name = partial(_name, provider.ask, target)
        return _made(inputs, provider.parse, inputs.values, name)
    asks = provider.asks
    inputs = fold((ask, _asked(asked_of(ask), observations, target)) for ask in asks.values())
    answers = Answers(target=target, named=dict(zip(asks, inputs.values, strict=True)))
    return _made(inputs, provider.parse, (answers,), lambda: fact.id)


def _name(ask: Ask, target: Target) -> str:
    request = request_of(ask, target)
    return "" if isinstance(request, Message) else short_of(request)


def _asked(ask: Ask, observations: Observations, target: Target) -> Known | Absent:
    """The answer to one request, or why there is none."""
    request = request_of(ask, target)
    if isinstance(request, Message):
        return Absent(reason=Reason.NOT_COLLECTED, detail=request)
    observation = observations.find(request, target)
    if observation is not None:
        got = answer(request, observation, observations, target)
        evidence = (observations.digest(observation),)
        if isinstance(got, Absent):
            return structs.replace(got, evidence=evidence)
        return Known(value=got, evidence=evidence)
    fault = observations.fault(target)
    if fault is not None:
        return Absent(reason=fault[0], detail=fault[1])
    detail = msg("{asked}: not requested in this run", asked=short_of(request))
    return Absent(reason=Reason.NOT_COLLECTED, detail=detail)


def _made(
    inputs: Inputs, make: Callable[..., Any], values: tuple[Any, ...], name: Callable[[], str]
) -> Known | Absent:
    """What `make` returns for `values`; one that raises costs only this fact.

    `name` gives what its problems are about.
    """
    if inputs.stop is not None:
        return structs.replace(inputs.stop, evidence=inputs.evidence)
    try:
        return _result(_read(make, values, name), inputs, name)
    except Exception as error:  # noqa: BLE001 (a plugin's fault is a value, not the end of a run)
        detail = msg("The parser failed with {error}", error=type(error).__name__)
        return Absent(reason=Reason.FAULT, detail=detail, evidence=inputs.evidence)


def _read(make: Callable[..., Any], values: tuple[Any, ...], name: Callable[[], str]) -> Any:
    try:
        return make(*values)
    except ParseError as error:
        return Absent(reason=Reason.UNPARSABLE, detail=about(name(), error.detail))


def _result(value: Any, inputs: Inputs, name: Callable[[], str]) -> Known | Absent:
    """`value` as a fact; raises what its messages raise where they cannot be stored."""
    gaps = inputs.gaps
    if isinstance(value, Partial):
        told = (about(name(), json_safe(detail)) for detail in value.problems)
        gaps = capped((*gaps, *(Gap(why=INCOMPLETE, detail=detail) for detail in told)))
        value = value.value
    if isinstance(value, Absent):
        return _absence(
            structs.replace(value, detail=json_safe(value.detail)), gaps, inputs.evidence
        )
    return Known(
        value=value,
        evidence=inputs.evidence,
        incomplete=tuple(gap.detail for gap in gaps),
        sources=inputs.sources,
    )


def _absence(value: Absent, gaps: tuple[Gap, ...], evidence: tuple[str, ...]) -> Absent:
    """`value`, but what was not seen in full is never not present."""
    if value.unknown or not gaps:
        return Absent(reason=value.reason, detail=value.detail, evidence=evidence)
    why = gaps[0].why
    reason = Reason.UNPARSABLE if why == INCOMPLETE else Reason(why)
    return Absent(reason=reason, detail=gaps[0].detail, evidence=evidence)
