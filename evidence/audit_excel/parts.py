"""Which objects stand in which workbook: no program opens one of 500 hosts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from audit_core.model import Target
from audit_core.model.results import Evidence, ObjectEntry, Results

MAX_OBJECTS = 40
"""Objects in one workbook. LibreOffice takes about 0.3 s of CPU for each of them to open it."""

WITHOUT_SHEET = 3
"""As many times more objects are in one workbook where most of them have no sheet."""

NAME = "workbook.xlsx"


class Part(Struct, frozen=True, kw_only=True):
    """One workbook: its name, its objects, and before each how many observations there are.

    `system` is the business system of its objects, empty where they are of none or of several.
    `only` says that there is no other workbook.
    """

    name: str
    entries: tuple[ObjectEntry, ...]
    before: tuple[int, ...]
    system: str = ""
    only: bool = True

    def numbered(
        self, observations: Iterable[Sequence[Evidence]]
    ) -> tuple[tuple[int, Evidence], ...]:
        """The observations of each object with their numbers in the run, from 1."""
        return tuple(
            (first + n, item)
            for first, of_one in zip(self.before, observations, strict=True)
            for n, item in enumerate(of_one, 1)
        )


def parts(results: Results, most: int = MAX_OBJECTS) -> tuple[Part, ...]:
    """The workbooks of `results`: one, or one for the whole and one for each few objects.

    The first holds the objects of the whole system. The others follow business systems.
    """
    before = _before(results.entries)
    # Objects without conclusions have no sheet of their own.
    with_sheet = sum(bool(entry.conclusions) for entry in results.entries)
    if with_sheet <= most and len(results.entries) <= most * WITHOUT_SHEET:
        return (_part(NAME, results.entries, before),)
    systems = {t.id: t.business_system or "" for t in results.targets}
    by_system: dict[str, list[ObjectEntry]] = {}
    for entry in results.entries:
        if not entry.whole:
            by_system.setdefault(systems.get(entry.object, ""), []).append(entry)
    pieces = [
        (system, found[at : at + most])
        for system, found in by_system.items()
        for at in range(0, len(found), most)
    ]
    width = max(2, len(str(len(pieces))))
    whole = [entry for entry in results.entries if entry.whole]
    return (
        _part(NAME, whole, before, only=False),
        *(
            _part(f"workbook-{n:0{width}}.xlsx", found, before, system=system, only=False)
            for n, (system, found) in enumerate(pieces, 1)
        ),
    )


def _before(entries: Sequence[ObjectEntry]) -> dict[str, int]:
    before, count = {}, 0
    for entry in entries:
        before[entry.object] = count
        count += entry.observations
    return before


def _part(
    name: str,
    entries: Sequence[ObjectEntry],
    before: dict[str, int],
    *,
    system: str = "",
    only: bool = True,
) -> Part:
    first = tuple(before[entry.object] for entry in entries)
    return Part(name=name, entries=tuple(entries), before=first, system=system, only=only)


def members(results: Results, part: Part) -> dict[str, Target]:
    """The objects in `part` and what is concluded with them, by id, in the order of the targets."""
    objects = {entry.object for entry in part.entries}
    return {t.id: t for t in results.targets if results.object_of.get(t.id, t.id) in objects}
