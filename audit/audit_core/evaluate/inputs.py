"""The inputs of checks, derived facts and parsers. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from audit_core.evaluate.read_fields import shared_part
from audit_core.model import (
    Absent,
    Builtin,
    Complete,
    Each,
    EachPart,
    Fact,
    FirstOf,
    Known,
    KnownOrAbsent,
    Message,
    Need,
    OfParent,
    Optional_,
    Platform,
    Reason,
    Target,
    msg,
)

Got = Known | Absent
Members = tuple[tuple[Target, Got], ...]
INCOMPLETE = "incomplete"
_MOST_GAPS = 10


class View(Protocol):
    """The facts that one target can use: its own, and those of parents, parts and other targets.

    `given` is what needs gave so far, by their `id`: many checks share the same.
    """

    given: dict[int, Given]

    def builtin(self, which: Builtin) -> Any:
        """The value of a builtin need."""

    def fact(self, fact: Fact) -> Got:
        """`fact` about the target itself."""

    def above(self, fact: Fact) -> Got | None:
        """`fact` about the nearest target above of its kind; None where there is none."""

    def below(self, fact: Fact) -> Members:
        """`fact` about every target below of its kind."""

    def everywhere(self, fact: Fact) -> Members:
        """`fact` about every target of its kind in the run."""


class Gap(Struct, frozen=True, kw_only=True):
    """A need that was not met completely; `why` is a code."""

    why: str
    detail: Message


class Inputs(Struct, frozen=True, kw_only=True):
    """One value for each need, unless an absence in `stops` forbids to look at them.

    `gaps` tells what is missing of the values. `evidence` are digests, sorted; `sources` the ids
    of the facts that `first_of` chose. All but the evidence follows from `objects`, taken as these
    very objects, and from `signs`, by their value.
    """

    values: tuple[Any, ...]
    stops: tuple[Absent, ...]
    gaps: tuple[Gap, ...]
    evidence: tuple[str, ...]
    sources: tuple[str, ...] = ()
    objects: tuple[Any, ...] = ()
    signs: tuple[Hashable, ...] = ()

    @property
    def stop(self) -> Absent | None:
        """The absence that decides: one that could not be observed, if any."""
        return next((s for s in self.stops if s.unknown), next(iter(self.stops), None))


class Given(Struct, frozen=True, kw_only=True):
    """What one need gives to the inputs."""

    value: Any
    stop: Absent | None = None
    gaps: tuple[Gap, ...] = ()
    evidence: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    objects: tuple[Any, ...] = ()
    sign: Hashable = None


def resolve_needs(needs: Iterable[Need], view: View) -> Inputs:
    """What `needs` give, looked at through `view`."""
    return _joined([_given(need, view) for need in needs])


def _given(need: Need, view: View) -> Given:
    given = view.given.get(id(need))
    if given is None:  # a need lives as long as its check
        given = view.given[id(need)] = _as_given(need, _got(need, view))
    return given


def fold(pairs: Iterable[tuple[Any, Got]]) -> Inputs:
    """The inputs from pairs of a need and its value."""
    return _joined([_as_given(need, got) for need, got in pairs])


def _as_given(need: Any, got: Got) -> Given:
    if isinstance(got, Absent):
        return _of_absence(need, got)
    if isinstance(need, Builtin):
        return Given(value=got.value, sign=_sign(got.value))
    return Given(
        value=got.value,
        gaps=tuple([Gap(why=INCOMPLETE, detail=detail) for detail in got.incomplete]),
        evidence=got.evidence,
        sources=got.sources,
        objects=(got.value, got.incomplete),
        sign=got.sources,
    )


def _of_absence(need: Any, got: Absent) -> Given:
    value, stop = _without(need, got)
    gap = (Gap(why=got.reason.value, detail=got.detail),) if isinstance(value, Absent) else ()
    return Given(
        value=value,
        stop=stop,
        gaps=gap,
        evidence=got.evidence,
        objects=(got.detail,),
        sign=got.reason,
    )


def _joined(given: list[Given]) -> Inputs:
    gaps = [gap for one in given for gap in one.gaps]
    sources = [id for one in given for id in one.sources]
    evidence: set[str] = set()
    return Inputs(
        values=tuple([one.value for one in given]),
        stops=tuple([one.stop for one in given if one.stop is not None]),
        gaps=capped(gaps) if gaps else (),
        evidence=tuple(sorted(evidence.union(*[one.evidence for one in given]))),
        sources=tuple(dict.fromkeys(sources)),
        objects=tuple([object for one in given for object in one.objects]),
        signs=tuple([one.sign for one in given]),
    )


def _sign(value: Any) -> Hashable:
    """What stands for the value of a builtin need: a target without what is its own alone."""
    if isinstance(value, Target):
        return msgspec.json.encode(shared_part(value), order="deterministic")
    if isinstance(value, Platform):
        return tuple(sorted(value.values.items()))
    found: Hashable = value
    return found


def about(what: str | Message, detail: Message | str) -> Message:
    """`detail` with what it is about before it; alone where it nests too deeply for that."""
    try:
        return msg("{asked}: {error}", asked=what, error=detail)
    except ValueError:
        return detail if isinstance(detail, Message) else msg("{asked}", asked=what)


def capped(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """Each gap once; of many the first, and how many more there are."""
    once: list[Gap] = []
    for gap in gaps:
        once += [] if any(gap.detail == other.detail for other in once[:_MOST_GAPS]) else [gap]
    more = len(once) - _MOST_GAPS
    if more <= 0:
        return tuple(once)
    rest = Gap(why=once[0].why, detail=msg("{count} more that could not be read", count=more))
    return (*once[:_MOST_GAPS], rest)


def _without(need: Any, got: Absent) -> tuple[Any, Absent | None]:
    """What stands for the value of a need that is absent, or the absence that stops the check."""
    lenient = need.of if isinstance(need, KnownOrAbsent) else need
    if isinstance(lenient, Optional_) and not got.unknown:
        return None, None
    return (got, None) if isinstance(need, KnownOrAbsent) else (None, got)


def _got(need: Need, view: View) -> Got:
    if isinstance(need, Fact):  # nearly all are
        return view.fact(need)
    if isinstance(need, Builtin):
        return Known(value=view.builtin(need))
    if isinstance(need, Complete):
        return _whole(_got(need.of, view))
    if isinstance(need, Optional_ | KnownOrAbsent):
        return _got(need.of, view)
    if isinstance(need, FirstOf):
        return _first(need, view)
    if isinstance(need, EachPart):
        return _members(view.below(_linked(need.fact)))
    if isinstance(need, Each):
        return _members(view.everywhere(_linked(need.fact)))
    if isinstance(need, OfParent):
        return _above(_linked(need.fact), view)
    return view.fact(_linked(need))


def _whole(got: Got) -> Got:
    """`got`, or that it is incomplete as an absence."""
    if isinstance(got, Absent) or not got.incomplete:
        return got
    return Absent(reason=Reason.UNPARSABLE, detail=got.incomplete[0], evidence=got.evidence)


def _linked(fact: Fact | str) -> Fact:
    if isinstance(fact, str):  # loading has put a fact in the place of every id
        raise TypeError(f"the fact {fact} was not loaded")
    return fact


def _above(fact: Fact, view: View) -> Got:
    got = view.above(fact)
    if got is not None:
        return got
    detail = msg("The inventory declares no {kind} that it is part of", kind=str(fact.kind))
    return Absent(reason=Reason.NOT_COLLECTED, detail=detail)


def _first(need: FirstOf, view: View) -> Got:
    """The first known fact, a complete one before others; else what outweighs the absences."""
    facts = [_linked(f) for f in need.facts]
    tried: list[tuple[Fact, Got]] = []
    for fact in facts:
        tried.append((fact, view.fact(fact)))
        if isinstance(tried[-1][1], Known) and not tried[-1][1].incomplete:
            break
    evidence = tuple(sorted({digest for _, got in tried for digest in got.evidence}))
    known = [(f, g) for f, g in tried if isinstance(g, Known)]
    for fact, got in sorted(known, key=lambda pair: bool(pair[1].incomplete)):
        return Known(
            value=got.value,
            evidence=evidence,
            incomplete=got.incomplete,
            sources=(*got.sources, fact.id),
        )
    absences = [g for _, g in tried if isinstance(g, Absent)]
    stop = next((a for a in absences if a.unknown), absences[0])
    return Absent(reason=stop.reason, detail=stop.detail, evidence=evidence)


def _members(members: Members) -> Known:
    """The members as one value, incomplete where one of them could not be looked at."""
    return Known(
        value=members,
        evidence=tuple(sorted({digest for _, got in members for digest in got.evidence})),
        incomplete=tuple(m for target, got in members for m in _gaps_on(target, got)),
    )


def _gaps_on(target: Target, got: Got) -> tuple[Message, ...]:
    """What could not be looked at on `target`, with its name."""
    detail = got.incomplete if isinstance(got, Known) else (got.detail,) * got.unknown
    return tuple(about(target.id, one) for one in detail)
