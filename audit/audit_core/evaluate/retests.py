"""Conclusions as far as they count for the system, with what re-tests found fixed. PURE.

A conclusion that counts holds no texts and names no findings: it goes from the process that made it
to the one that adds all of them up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from audit_core.model import Conclusion, Result, StepResult, StepState, Verdict
from audit_core.model.attestations import AnswerState, AnswerVerdict, StepAnswer
from audit_core.model.results import ObjectResults

_MOST_KNOWN = 20_000

Fixed = frozenset[tuple[str, str, str]]
"""Catalog, clause and object (empty for all) of what a re-test found fixed."""


class Retests(Struct, frozen=True, kw_only=True):
    """What re-tests found fixed: clauses on objects, and checks wherever they failed."""

    clauses: Fixed = frozenset()
    checks: frozenset[str] = frozenset()


class Counted(Struct, frozen=True, kw_only=True):
    """A conclusion that counts; `fixed` says that a re-test found fixed what it denies.

    It does not name its object: so few of them differ, and many objects have each.
    """

    catalog: str
    clause: str
    conclusion: Result
    range: tuple[Result, ...]
    steps: tuple[StepResult, ...] = ()
    fixed: bool = False


def counted(object: ObjectResults, retests: Retests) -> tuple[Counted, ...]:
    """The conclusions on `object` as they count for the system, in their order."""
    found = (*object.findings, *object.cited) if retests.checks else ()
    failed = {f.id: f.check in retests.checks for f in found if f.verdict is Verdict.FAIL}
    return tuple(_counted(c, retests.clauses, failed) for c in object.conclusions)


def _counted(c: Conclusion, clauses: Fixed, failed: Mapping[str, bool]) -> Counted:
    return Counted(
        catalog=c.catalog,
        clause=c.clause,
        conclusion=c.conclusion,
        range=c.range,
        steps=tuple(StepResult(number=s.number, state=s.state, answer=s.answer) for s in c.steps),
        fixed=_is_fixed(c, clauses, failed),
    )


def packed(conclusions: Iterable[Counted]) -> tuple[msgspec.Raw, ...]:
    """Each of `conclusions` as JSON, for `Interned` of another process."""
    return tuple(msgspec.Raw(msgspec.json.encode(one)) for one in conclusions)


class Interned:
    """Reads conclusions that count, each that was seen before as the very same object."""

    def __init__(self) -> None:
        self._known: dict[bytes, Counted] = {}

    def read(self, raws: Iterable[msgspec.Raw]) -> tuple[Counted, ...]:
        """What `raws` hold as JSON."""
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        return tuple(map(self._read, map(bytes, raws)))

    def _read(self, raw: bytes) -> Counted:
        found = self._known.get(raw)
        if found is None:
            found = self._known[raw] = msgspec.json.decode(raw, type=Counted)
        return found


def _is_fixed(c: Conclusion, clauses: Fixed, failed: Mapping[str, bool]) -> bool:
    """Whether its clause was found fixed, or every step that is denied is so by checks that were.

    `failed` says of each failed finding whether its check was found fixed.
    """
    if any((c.catalog, c.clause, on) in clauses for on in (c.target, "")):
        return True
    denied = [step for step in c.steps if step.state is StepState.DENIED]
    return bool(denied) and all(_fixes(step, failed) for step in denied)


def _fixes(step: StepResult, failed: Mapping[str, bool]) -> bool:
    """Whether findings that were found fixed are all that denies `step`."""
    fixed = [failed[id] for id in step.findings if id in failed]
    return bool(fixed) and all(fixed) and not _denies(step.answer)


def _denies(answer: StepAnswer | None) -> bool:
    counts = answer is not None and answer.state is AnswerState.COUNTS
    return answer is not None and counts and answer.verdict is AnswerVerdict.DENIED
