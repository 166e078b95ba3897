"""Bounds of scores and words: the exact extremes of everything that is still possible."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from audit_core.evaluate.folding import ORDER, Range, mixed, worst_of
from audit_core.evaluate.scores import Score, mean, worst
from audit_core.model import Result

N, P, C, NA = ORDER
ranges = st.sets(st.sampled_from(ORDER), min_size=1).map(
    lambda words: tuple(w for w in ORDER if w in words)
)


def choices(given: list[Range]) -> set[tuple[Result, ...]]:
    return set(itertools.product(*given))


def worst_word(words: tuple[Result, ...]) -> Result:
    return min(words, key=ORDER.index)


def mixed_word(words: tuple[Result, ...]) -> Result:
    applying = {w for w in words if w is not NA}
    return NA if not applying else applying.pop() if len(applying) == 1 else P


@settings(max_examples=60, deadline=None)
@given(st.lists(ranges, min_size=1, max_size=4))
def test_folded_ranges_hold_exactly_the_words_that_some_choice_gives(found: list[Range]) -> None:
    assert set(worst_of(found)) == {worst_word(words) for words in choices(found)}
    assert set(mixed(found)) == {mixed_word(words) for words in choices(found)}


score = st.tuples(st.integers(0, 4), st.integers(0, 4), st.booleans()).map(
    lambda s: Score(min(s[:2]) / 4, max(s[:2]) / 4, s[2])
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3).map(float), score), min_size=1, max_size=5))
def test_a_mean_has_the_bounds_of_all_that_may_drop_out_or_not(
    found: list[tuple[float, Score]],
) -> None:
    means = []
    for kept in itertools.product(*[(True, False) if s.may_drop else (True,) for _, s in found]):
        inside = [pair for pair, keep in zip(found, kept, strict=True) if keep]
        if inside:
            weights = sum(w for w, _ in inside)
            means.append(sum(w * s.lo for w, s in inside) / weights)
            means.append(sum(w * s.hi for w, s in inside) / weights)
    got = mean(found)
    assert got is not None
    assert abs(got.lo - min(means)) < 1e-9
    assert abs(got.hi - max(means)) < 1e-9


def test_the_worst_of_scores() -> None:
    # One may drop out: then the other one decides. 0.25 at worst, 0.5 at best.
    assert worst([Score(0.25, 0.25, may_drop=True), Score(0.5, 0.5)]) == Score(0.25, 0.5)
    assert worst([Score(0.0, 0.5, may_drop=True)]) == Score(0.0, 0.5, may_drop=True)
    assert worst([]) is None
