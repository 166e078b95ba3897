"""From the words of several to the word of one: objects to units, units to layers. PURE.

A range holds every word that is still possible. What is not applicable drops out beside something
that applies. Each word is in the folded range exactly where some choice from the ranges gives it,
so that a narrower range can only make the folded one narrower.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from audit_core.model import Result

N, P, C, NA = (
    Result.NONCONFORMING,
    Result.PARTLY_CONFORMING,
    Result.CONFORMING,
    Result.NOT_APPLICABLE,
)
ORDER = (N, P, C, NA)
"""The worst first; what does not apply is never worse than anything else."""

Range = tuple[Result, ...]


def worst_of(ranges: Iterable[Range]) -> Range:
    """The words that the worst of several can be; none for none."""
    found = set(ranges)
    best = min((max(map(ORDER.index, one)) for one in found), default=-1)
    return tuple(
        word
        for rank, word in enumerate(ORDER)
        if rank <= best and any(word in one for one in found)
    )


def mixed(ranges: Collection[Range]) -> Range:
    """符合 where all conform, 不符合 where none does, else 部分符合; as a range."""
    possible = {
        N: _only(ranges, N),
        P: _mixture(ranges),
        C: _only(ranges, C),
        NA: bool(ranges) and all(NA in one for one in ranges),
    }
    return tuple(word for word in ORDER if possible[word])


def _only(ranges: Collection[Range], word: Result) -> bool:
    """Whether all that apply can have `word`, and at least one does."""
    return any(word in one for one in ranges) and all(word in one or NA in one for one in ranges)


def _mixture(ranges: Collection[Range]) -> bool:
    if any(P in one for one in ranges):
        return True
    good = {number for number, one in enumerate(ranges) if C in one}
    bad = {number for number, one in enumerate(ranges) if N in one}
    # One and the same cannot be both at once.
    return bool(good and bad) and len(good | bad) > 1


def printed_word(words: Range, denied: bool) -> tuple[Result, bool]:
    """The word to print, and whether it is pending: as for a unit on one object."""
    if len(words) == 1:
        return words[0], False
    return (words[0], True) if denied and words else (Result.NOT_ASSESSED, False)
