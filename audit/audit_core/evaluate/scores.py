"""Scores as bounds, and what can become of several of them. PURE.

A score is what a clause, on one object or over all, counts: from `lo` to `hi`, and perhaps nothing
at all where it may turn out not to apply (`may_drop`). A mean is taken over what applies. Each
bound is the exact extreme over everything that is still possible, so that bounds can only become
narrower when something becomes known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct


class Score(Struct, frozen=True):
    """From `lo` to `hi`; `may_drop`: perhaps it does not apply, and then does not count."""

    lo: float
    hi: float
    may_drop: bool = False


Weighted = tuple[float, Score]


def worst(scores: Iterable[Score]) -> Score | None:
    """The least of those that apply; None for none."""
    found = tuple(scores)
    if not found:
        return None
    sure = [s.hi for s in found if not s.may_drop]
    return Score(
        min(s.lo for s in found),
        min(sure) if sure else max(s.hi for s in found),
        not sure,
    )


def mean(scores: Iterable[Weighted]) -> Score | None:
    """The mean, with weights, of those that apply; None for none."""
    found = tuple((weight, s) for weight, s in scores if weight > 0)
    if not found:
        return None
    return Score(
        _least([(weight, s.lo, s.may_drop) for weight, s in found]),
        -_least([(weight, -s.hi, s.may_drop) for weight, s in found]),
        all(s.may_drop for _, s in found),
    )


def _least(items: Sequence[tuple[float, float, bool]]) -> float:
    """The least mean of `(weight, value, may be left out)`.

    Something below the mean lowers it and nothing else does: so the lowest are taken first.
    """
    total = sum(weight * value for weight, value, free in items if not free)
    weights = sum(weight for weight, _, free in items if not free)
    for weight, value in sorted(((w, v) for w, v, free in items if free), key=lambda i: i[1]):
        if weights and value * weights >= total:
            break
        total, weights = total + weight * value, weights + weight
    return total / weights


def lack(own: Sequence[Score], others: Sequence[Score], *, most: bool) -> float:
    """The greatest (`most`) or least share that `own` lack of full scores, of all that apply.

    `own` and `others` together are what applies; the greatest is bounded for `own` alone.
    """
    free = sum(s.may_drop for s in others)
    count = len(others) - (free if most else 0)
    lacks = [(1 - (s.lo if most else s.hi), s.may_drop) for s in own]
    total = sum(value for value, free in lacks if not free)
    count += sum(not free for _, free in lacks)
    for value in sorted((v for v, free in lacks if free), reverse=most):
        better = value * count > total if most else value * count < total
        if count and not better:
            break
        total, count = total + value, count + 1
    return total / count if count else 0.0
