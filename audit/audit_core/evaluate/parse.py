"""From the observations of a group to typed facts about its targets. Pure."""

from __future__ import annotations

from audit_core.model import (
    Absent,
    Fact,
    Known,
    Message,
    Observation,
    ParseError,
    Platform,
    Provider,
    Reason,
    Request,
    Target,
    msg,
    observation_digest,
)
from audit_core.plan import holds, request_of
from audit_core.plan.answers import Observations, absent, answer


def read(
    provider: Provider,
    request: Request,
    observation: Observation,
    seen: Observations,
    target: Target,
) -> Known | Absent:
    """What `provider` makes of one observation; a parser that raises costs only this fact."""
    got = answer(request, observation, seen, target)
    if isinstance(got, Absent):
        return got
    evidence = (observation_digest(observation),)
    try:
        value = provider.parse(got)
    except ParseError as error:
        said = msg("{asked}: {error}", asked=observation.asked, error=str(error)[:500])
        return absent(Reason.UNPARSABLE, said, observation)
    except Exception as error:  # noqa: BLE001 (a plugin's fault is a value, not the end of a run)
        said = msg("The parser failed with {error}", error=type(error).__name__)
        return absent(Reason.FAULT, said, observation)
    if isinstance(value, Absent):
        return Absent(reason=value.reason, said=value.said, evidence=evidence)
    return Known(value=value, evidence=evidence)


def _one(provider: Provider, seen: Observations, target: Target) -> Known | Absent:
    request = request_of(provider, target)
    if isinstance(request, Message):
        return Absent(reason=Reason.NOT_COLLECTED, said=request)
    observation = seen.find(request, target)
    if observation is not None:
        return read(provider, request, observation, seen, target)
    if seen.fault is not None:
        reason, said = seen.fault
        return Absent(reason=reason, said=said)
    said = msg("{asked}: not asked in this run", asked=request.describe())
    return Absent(reason=Reason.NOT_COLLECTED, said=said)


def learn(fact: Fact, seen: Observations, target: Target, platform: Platform) -> Known | Absent:
    """`fact` about `target`: the first provider for this platform that is not unsupported."""
    fitting = [p for p in fact.providers if holds(p, platform)]
    last: Known | Absent | None = None
    for provider in fitting:
        last = _one(provider, seen, target)
        if isinstance(last, Known) or last.reason is not Reason.UNSUPPORTED:
            return last
    if last is not None:
        return last
    if seen.fault is not None:
        reason, said = seen.fault
        return Absent(reason=reason, said=said)
    said = msg(
        "No way to learn {fact} on this platform (system {os}, packages {packages}, init {init})",
        fact=fact.id,
        os=platform.os_id,
        packages=platform.package_manager,
        init=platform.init,
    )
    return Absent(reason=Reason.UNSUPPORTED, said=said)
