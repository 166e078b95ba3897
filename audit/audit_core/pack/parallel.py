"""Fills an archive with several processes: compressing and hashing is most of what a pack takes.

Each process fills a part of its own, and the parts are put together in order. So the bytes do not
depend on how many there are.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, NoReturn, TypeVar

import msgspec

from audit_core.api.forks import forked, processors
from audit_core.pack.archive import Archive

T = TypeVar("T")
Add = Callable[[Archive, T], None]
MarkSpan = tuple[int, int]
"""Between which marks of the list of an archive files stand."""

_MOST_EACH = 16
"""Items that a process takes at once: what 16 hosts answered is about 6 MB in the zip."""

_FEWEST_EACH = 2
"""A process costs some 15 ms, a host some 40."""


def add_each(archive: Archive, items: Sequence[T], add: Add[T]) -> list[MarkSpan]:
    """`add` was called for each of `items`, their files stand in order; where those of each stand.

    What a process could not do is done again here, and raises here what it raised there.
    """
    places: list[MarkSpan] = []
    for share in _shares(items, processors()):
        places += _added(archive, share, add)
    return places


def _shares(items: Sequence[T], processes: int) -> Iterator[list[Sequence[T]]]:
    """`items` in order, in rounds, each with what every process takes of it."""
    for at in range(0, len(items), processes * _MOST_EACH):
        round = items[at : at + processes * _MOST_EACH]
        each = max(_FEWEST_EACH, -(-len(round) // processes))
        yield [round[n : n + each] for n in range(0, len(round), each)]


def _added(archive: Archive, shares: Sequence[Sequence[T]], add: Add[T]) -> Iterator[MarkSpan]:
    archive.settle()
    parts = [_Part(archive.part(), share, add) for share in shares[1:]]
    try:
        for item in shares[0]:
            yield _place(archive, item, add)
        for part, share in zip(parts, shares[1:], strict=True):
            if part.ended_well():
                yield from part.taken(archive)
            else:
                yield from [_place(archive, item, add) for item in share]
    finally:
        for part in parts:
            part.close()


def _place(archive: Archive, item: T, add: Add[T]) -> MarkSpan:
    begun = archive.mark()
    add(archive, item)
    return begun, archive.mark()


class _Part(Generic[T]):
    """A process that fills `archive` with what `add` adds for each of `items`."""

    def __init__(self, archive: Archive, items: Sequence[T], add: Add[T]) -> None:
        self._archive = archive
        self._marks = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the part)
        self._pid = forked()
        if self._pid == 0:
            self._fill(items, add)

    def _fill(self, items: Sequence[T], add: Add[T]) -> NoReturn:
        try:
            places = [_place(self._archive, item, add) for item in items]
            self._archive.settle()
            self._marks.write(msgspec.json.encode(places))
            self._marks.flush()
            os._exit(0)
        finally:
            os._exit(1)

    def ended_well(self) -> bool:
        """Whether the process did everything."""
        pid, self._pid = self._pid, 0
        return os.waitpid(pid, 0)[1] == 0

    def taken(self, archive: Archive) -> Iterator[MarkSpan]:
        """Where the files of each item stand in `archive`, which has them now."""
        begun = archive.mark()
        archive.take(self._archive)
        self._marks.seek(0)
        for first, end in msgspec.json.decode(self._marks.read(), type=list[MarkSpan]):
            yield begun + first, begun + end

    def close(self) -> None:
        """The process is gone, and with it its files."""
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        self._marks.close()
        self._archive.discard()
