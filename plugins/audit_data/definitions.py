"""Whether one thing is defined alike in all databases."""

from __future__ import annotations

from audit_core.api.sdk import (
    TARGET,
    Absent,
    Judgement,
    Known,
    Message,
    Severity,
    Target,
    check,
    each,
    failed,
    listed,
    msg,
    not_applicable,
    passed,
    settings_of,
    undetermined,
)
from audit_data.kind import DataSetSettings
from audit_data.sample import SAMPLE
from audit_database.data.answer import Sampled

_TEXTS = ("char", "text", "string", "clob")
_WHOLE = ("int", "serial")


def family(type: str) -> str:
    """What a type of PostgreSQL or MySQL holds, whatever it is called: text, whole or its name."""
    name = type.lower().split("(")[0].strip()
    if any(word in name for word in _TEXTS):
        return "text"
    if any(word in name for word in _WHOLE):
        return "whole number"
    return {"decimal": "numeric", "double precision": "double"}.get(name, name)


def _defined(target: Target, sample: Sampled, element: str) -> set[tuple[str, str]]:
    """Where `element` is in a data set, and its family and length."""
    found = set()
    for declared in settings_of(target, DataSetSettings).columns:
        if declared.element == element:
            for column in sample.columns:
                if declared.ref.fits(column.schema, column.table, column.name):
                    length = "" if column.length is None else f" {column.length}"
                    found.add((f"{target.id} {column.full_name}", family(column.type) + length))
    return found


@check(
    "data.same-definitions", needs=(TARGET, each("database_data", SAMPLE)), kind="database_data",
    severity=Severity.MEDIUM, version=2,
    remedy=msg("Give the column one type and length in all databases, by the data standard"),
)  # fmt: skip
def same_definitions(target: Target, every: tuple[tuple[Target, Known | Absent], ...]) -> Judgement:
    """The same data element has one type and one length in all databases."""
    mine = {c.element for c in settings_of(target, DataSetSettings).columns if c.element}
    if not mine:
        return not_applicable(msg("No element is declared that other databases share"))
    different: list[Message] = []
    alone: list[str] = []
    unseen: list[str] = []
    for element in sorted(mine):
        found: set[tuple[str, str]] = set()
        for other, fact in every:
            here = _defined(other, fact.value, element) if isinstance(fact, Known) else set()
            found |= here
            if not here and _declares(other, element):
                unseen.append(f"{other.id}: {element}")
        if len({kind for _, kind in found}) > 1:
            places = listed(f"{place}: {kind}" for place, kind in found)
            different.append(msg("{element} differs: {places}", element=element, places=places))
        elif len(found) < 2:
            alone.append(element)
    return _alike(different, alone, unseen, sorted(mine))


def _declares(target: Target, element: str) -> bool:
    return any(c.element == element for c in settings_of(target, DataSetSettings).columns)


def _alike(
    different: list[Message], alone: list[str], unseen: list[str], every: list[str]
) -> Judgement:
    if different:
        return failed(*different)
    if unseen:
        return undetermined(msg("Declared, but not seen: {elements}", elements=listed(unseen)))
    if alone:
        return undetermined(msg("Seen at one place only: {elements}", elements=tuple(alone)))
    return passed(msg("Defined alike: {elements}", elements=tuple(every)))


CHECKS = (same_definitions,)
