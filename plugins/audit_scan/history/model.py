"""What a store of runs says of earlier runs of one system. Pure."""

from __future__ import annotations

from msgspec import Struct


class EarlierTarget(Struct, frozen=True, kw_only=True):
    """A target of an earlier run: its id, its address and name, and whether all of it answered."""

    id: str
    kind: str
    names: tuple[str, ...] = ()
    reached: bool = False


class Concluded(Struct, frozen=True, kw_only=True):
    """The conclusion on the system by the first grading of a catalog.

    `word` is the id of a grade, empty where too much was open for any. `pending`: it is the worst
    of several that were possible.
    """

    catalog: str
    word: str = ""
    name: str = ""
    pending: bool = False


class EarlierRun(Struct, frozen=True, kw_only=True):
    """A run that was collected to its end, as evaluated under one profile.

    `evaluated`: its results are there and rest on what its seal names; without them nothing says
    what it reached. `complete`: every target of its inventory was chosen, reached and answered.
    """

    run: str
    started: str
    ended: str
    profile: str
    evaluated: bool = False
    complete: bool = False
    targets: tuple[EarlierTarget, ...] = ()
    conclusions: tuple[Concluded, ...] = ()

    @property
    def day(self) -> str:
        """The day of the collection (UTC)."""
        return self.started[:10]


class StoreHead(Struct, frozen=True, kw_only=True):
    """How many runs of the system were read, and what else the store holds.

    `others` are runs of other systems, `older` those of the system beyond the most that are read.
    `doubtful` are the days on which runs began that did not end (the one that asks is one of
    them), or whose stamp or seal is broken.
    """

    read: int
    others: int = 0
    older: int = 0
    doubtful: tuple[str, ...] = ()
