"""In which order objects are evaluated and what is left out of each, whatever the workers do."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from audit_core.evaluate.schedule import Schedule
from audit_core.evaluate.skipped import SAME, SkippedSteps

COUNT = 14
HANGS = {0: "a", 2: "a", 3: "b", 4: "a", 6: "a", 7: "b", 8: "a", 9: "a", 12: "b", 13: "a"}
"""Check `a` hangs on more objects than it is tried on, `b` on fewer."""

Taken = list[tuple[frozenset[str], tuple[int, frozenset[str]]]]


def _step(number: int, check: str) -> str:
    return f"check {check}@t{number}"


def _tried(check: str, number: int, skipped: SkippedSteps) -> bool:
    hung = sum(step.startswith(f"check {check}@") for step in skipped.steps)
    return _step(number, check) not in skipped and hung < SAME


def _evaluated(workers: int, choice: random.Random, before: Mapping[int, frozenset[str]]) -> Taken:
    """What is taken of each object: what hung on it and which checks were tried on it."""
    schedule: Schedule[tuple[int, frozenset[str]]] = Schedule(range(COUNT), dict(before))
    busy: list[int] = []
    taken: Taken = []
    while not schedule.finished:
        while len(busy) < workers and (number := schedule.next()) is not None:
            schedule.skipped(number)  # what is known when it is begun
            busy.append(number)
        number = busy.pop(choice.randrange(len(busy)))
        tried = frozenset(c for c in "ab" if _tried(c, number, schedule.skipped(number)))
        if HANGS.get(number) in tried:
            schedule.hung(number, _step(number, HANGS[number]))
            continue
        taken += schedule.made(number, (number, tried))
    return taken


@pytest.mark.parametrize("before", [{}, {5: frozenset({_step(5, "a")})}])
def test_results_do_not_depend_on_how_many_workers_there_are(
    before: Mapping[int, frozenset[str]],
) -> None:
    alone = _evaluated(1, random.Random(0), before)
    assert [number for _, (number, _) in alone] == list(range(COUNT))
    hung = {number for own, (number, _) in alone for step in own if " a@" in step}
    assert len(hung) == SAME
    for workers in (2, 3, COUNT):
        for seed in range(40):
            assert _evaluated(workers, random.Random(seed), before) == alone


def test_an_outcome_made_before_a_hang_was_known_is_made_again() -> None:
    schedule: Schedule[int] = Schedule(range(SAME + 1), {})
    assert [schedule.next() for _ in range(SAME + 1)] == list(range(SAME + 1))
    assert list(schedule.made(SAME, len(schedule.skipped(SAME).steps))) == []
    taken: list[int] = []
    for number in range(SAME):
        schedule.hung(number, _step(number, "a"))
    while (again := schedule.next()) is not None:
        taken += [known for _, known in schedule.made(again, len(schedule.skipped(again).steps))]
    assert schedule.finished
    assert taken[-1] == SAME  # it was made again, knowing all that hung


def test_what_is_begun_again_comes_before_what_was_never_begun() -> None:
    schedule: Schedule[str] = Schedule((4, 7, 9), {})
    assert (schedule.next(), schedule.next()) == (4, 7)
    schedule.again(7)
    schedule.again(4)
    assert [schedule.next() for _ in range(4)] == [4, 7, 9, None]
