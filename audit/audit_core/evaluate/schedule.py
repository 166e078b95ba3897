"""In which order objects are evaluated, and which steps are left out of each. Pure.

Objects are begun in order, by several workers at once, and their outcomes are taken in order. What
hung on five targets is left out on all that follow; an outcome that was made before this was known
is made again. So results do not depend on how many workers there are, nor on how fast each is.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from audit_core.evaluate.skipped import SAME, SkippedSteps, step_id

T = TypeVar("T")


Hung = Mapping[int, frozenset[str]]
"""The steps that hung, by the number of the object."""


class Schedule(Generic[T]):
    """The objects of those numbers; `T` is what is made of each.

    `before` is what hung on them already and is left out from the start.
    """

    def __init__(self, numbers: Sequence[int], before: Hung) -> None:
        self._numbers, self._before = numbers, before
        self._begun = self._taken = 0
        self._again: list[int] = []
        self._hung: frozenset[str] = frozenset()  # on the objects that were taken
        self._known: dict[int, frozenset[str]] = {}  # what of it was known when each was begun
        self._own = dict(before)
        self._made: dict[int, T] = {}

    @property
    def finished(self) -> bool:
        """Whether every outcome was taken."""
        return self._taken == len(self._numbers)

    def next(self) -> int | None:
        """The object to begin now; None where all are begun."""
        if self._again:
            return heapq.heappop(self._again)
        if self._begun == len(self._numbers):
            return None
        self._begun += 1
        return self._numbers[self._begun - 1]

    def skipped(self, number: int) -> SkippedSteps:
        """What is left out of the object of that number."""
        known = self._known.setdefault(number, self._hung)
        return SkippedSteps(known | self._own.get(number, frozenset()))

    def hung(self, number: int, step: str) -> None:
        """Starts the object again without `step`."""
        self._own[number] = self._own.get(number, frozenset()) | {step}
        heapq.heappush(self._again, number)

    def again(self, number: int) -> None:
        """Puts the object into the queue once more."""
        heapq.heappush(self._again, number)

    def made(self, number: int, outcome: T) -> Iterator[tuple[frozenset[str], T]]:
        """`outcome` is there; gives what can be taken now, in order, and what hung on each."""
        self._made[number] = outcome
        while not self.finished and self._numbers[self._taken] in self._made:
            number = self._numbers[self._taken]
            outcome = self._made.pop(number)
            known, own = self._known.pop(number), self._own.get(number, frozenset())
            if _differs(known, self._hung, own):
                self._own[number] = self._before.get(number, frozenset())
                heapq.heappush(self._again, number)
                return
            self._hung |= own
            self._taken += 1
            yield own, outcome


def _differs(known: frozenset[str], now: frozenset[str], own: frozenset[str]) -> bool:
    """Whether an object would have been evaluated otherwise, had `now` been known."""
    before, after, here = (Counter(map(step_id, steps)) for steps in (known, now, own))
    return any(
        (after[id] + here[id] >= SAME) if here[id] else (before[id] >= SAME) != (after[id] >= SAME)
        for id in after.keys() | here.keys()
        if before[id] != after[id]
    )
