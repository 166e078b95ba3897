"""Which files belong to one generation of a backup, and which to one series. Pure."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from msgspec import Struct, structs

from audit_backup import dates, names
from audit_backup.model import BackupFile, Content
from audit_core.api.sdk import DAY

_LEAST_GAP = 1800.0  # seconds between two generations where no objective is declared


class Generation(Struct, frozen=True, kw_only=True):
    """The files of one backup run; `at` is the time of the newest."""

    at: float
    files: tuple[BackupFile, ...]

    @property
    def size(self) -> int:
        """The bytes of all parts."""
        return sum(f.size for f in self.files)


def generations(files: Iterable[BackupFile], rpo_hours: float | None) -> tuple[Generation, ...]:
    """The files grouped into generations of the backup, newest first.

    Dumps of one night are the parts of one generation: a quarter of the objective keeps them
    together and keeps nightly ones apart. Copies that were made at once are told apart by the days
    in their names.
    """
    newest_first = sorted(files, key=lambda f: (-f.at, f.name))
    by_time = _by_time(newest_first, rpo_hours)
    by_day = _by_day(newest_first)
    return by_day if len(by_day) > len(by_time) else by_time


def _by_time(files: list[BackupFile], rpo_hours: float | None) -> tuple[Generation, ...]:
    least = _LEAST_GAP if rpo_hours is None else min(rpo_hours * 900, DAY / 2)
    groups: list[list[BackupFile]] = []
    for file in files:
        if not groups or groups[-1][0].at - file.at >= least:
            groups.append([])
        groups[-1].append(file)
    return tuple(Generation(at=g[0].at, files=tuple(g)) for g in groups)


def _by_day(files: list[BackupFile]) -> tuple[Generation, ...]:
    """By the last day in each name, and files without a day by none; newest day first."""
    groups: dict[date, list[BackupFile]] = {}
    for file in files:
        if day := max(dates.days(file.name), default=None):
            groups.setdefault(day, []).append(file)
    if sum(map(len, groups.values())) < len(files):
        return ()
    return tuple(
        Generation(at=groups[d][0].at, files=tuple(groups[d])) for d in sorted(groups)[::-1]
    )


def key_of(file: BackupFile) -> str:
    """The series of a file. The files of a snapshot are compared as a whole."""
    return "@" if names.snapshot(file.name) else names.series(file.name)


def exact_key_of(file: BackupFile) -> str:
    """The series by the name without days only: numbers may tell databases apart."""
    return "@" if names.snapshot(file.name) else dates.undated(file.name)


def family_of(file: BackupFile) -> str:
    """The series of a file, which its full backups and increments have in common."""
    return "@" if names.snapshot(file.name) else names.family(file.name)


def sizes(generation: Generation, *, exact: bool) -> Counter[str]:
    """The bytes of each series in one generation; increments are left out."""
    found: Counter[str] = Counter()
    for file in generation.files:
        if not names.is_increment(file.name):
            found[exact_key_of(file) if exact else key_of(file)] += file.size
    return found


def overdue(files: Iterable[BackupFile], now: float, allowed: float) -> tuple[str, ...]:
    """The newest file of each series that was made regularly until lately, and is no more.

    Seconds. Regularly is three times; lately is within ten of its usual intervals.
    """
    times: dict[str, list[BackupFile]] = {}
    for file in files:
        times.setdefault(exact_key_of(file), []).append(file)
    found = []
    for group in times.values():
        gaps = [a.at - b.at for a, b in itertools.pairwise(group) if a.at > b.at]
        if len(gaps) < 2:
            continue
        usual, age = statistics.median(gaps), now - group[0].at
        if max(allowed, 2 * usual) < age <= 10 * usual:
            found.append(group[0].name)
    return tuple(found)


_REGULAR = 3  # generations in a row in which a series has to be


def regular_and_gone(runs: Sequence[Generation]) -> tuple[str, ...]:
    """A file of each series that is in all of the last generations, but not in the newest.

    An increment and a full backup stand for each other.
    """
    newest, *earlier = runs[: _REGULAR + 1]
    if len(earlier) < _REGULAR:
        return ()
    here = {family_of(f) for f in newest.files}
    usual = set.intersection(*({family_of(f) for f in run.files} for run in earlier))
    gone = {family_of(f): f.name for f in earlier[0].files if family_of(f) in usual - here}
    return tuple(gone[key] for key in sorted(gone))


def without_full(files: Iterable[BackupFile]) -> tuple[str, ...]:
    """The increments whose full backup is not among `files`.

    Where some have one of their own name, each needs one; a log of changes needs any.
    """
    files = tuple(files)
    full = {family_of(f) for f in files if not names.is_increment(f.name)}
    steps = [f for f in files if names.is_step(f.name)]
    if not full:
        return tuple(f.name for f in files)
    if not any(family_of(f) in full for f in steps):
        return ()
    return tuple(f.name for f in steps if family_of(f) not in full)


def with_full(runs: Sequence[Generation]) -> tuple[Generation, ...]:
    """The generations with a full backup: the sizes of increments tell nothing."""
    return tuple(r for r in runs if not all(names.is_increment(f.name) for f in r.files))


def complete(runs: Iterable[Generation], *, steps: bool) -> tuple[Generation, ...]:
    """`runs` without logs of changes, and without increments unless `steps`."""
    kept = ((r, tuple(f for f in r.files if _stands_alone(f.name, steps))) for r in runs)
    return tuple(structs.replace(run, files=files) for run, files in kept if files)


def _stands_alone(name: str, steps: bool) -> bool:
    return not names.is_increment(name) or (steps and names.is_step(name))


def _kind_of(file: BackupFile) -> str:
    return "@" if names.snapshot(file.name) else names.kind(file.name)


def most_of_a_kind(runs: Iterable[Generation]) -> int:
    """In how many generations that kind of file is which is in most of them."""
    kinds = (kind for run in runs for kind in {_kind_of(f) for f in run.files})
    return max(Counter(kinds).values(), default=0)


def same_as_before(files: Iterable[BackupFile]) -> tuple[str, ...]:
    """The directories of the newest snapshot without a new file, where that is unusual.

    It is where none has one, or where the directory had new files in each of the snapshots before.
    Only hard links count: rsnapshot makes them, also where the copy fails.
    """
    tops: dict[str, dict[str, set[str]]] = {}
    for file in files:  # newest first
        if top := names.snapshot(file.name):
            part = file.name.removeprefix(f"{top}/").partition("/")[0]
            tops.setdefault(top, {}).setdefault(part, set()).add(file.inode)
    if len(tops) < 2:
        return ()
    newest, *earlier = tops.values()
    same = {part for part in newest if _is_same(part, newest, earlier[0])}
    if same < set(newest):
        same = {part for part in same if _changed_before(part, earlier)}
    top = next(iter(tops))
    return tuple(f"{top}/{part}" for part in sorted(same))


def _is_same(part: str, newer: Mapping[str, set[str]], older: Mapping[str, set[str]]) -> bool:
    return part in newer and newer[part] <= older.get(part, set())


def _changed_before(part: str, earlier: Sequence[Mapping[str, set[str]]]) -> bool:
    """Whether the directory changed in three snapshots in a row until it did no more."""
    same = [_is_same(part, newer, older) for newer, older in itertools.pairwise(earlier)]
    changing = list(itertools.dropwhile(bool, same))[:_REGULAR]
    return len(changing) == _REGULAR and not any(changing)


def always_empty(runs: Sequence[Generation]) -> frozenset[str]:
    """The series whose files were all without content, in one generation at least."""
    every = [f for run in runs for f in run.files]
    held = {exact_key_of(f) for f in every if f.content is not Content.EMPTY}
    return frozenset({exact_key_of(f) for f in every} - held)


def distinct(generations: Iterable[Generation], prints: Mapping[str, object]) -> int:
    """How many generations differ in content, by the prints of their files; none is their own."""
    return len({frozenset(prints.get(f.name, f.name) for f in g.files) for g in generations})
