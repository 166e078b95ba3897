"""How results become a conclusion on the system: `gradings.yaml`, `high-risk-rules.csv` and
`weights.csv` of a catalog, and what a profile sets otherwise."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct, structs

from audit_core.model import Message, as_is, msg
from audit_core.model.errors import InputError
from audit_core.model.gradings import Aggregation, Grading, GradingKind, HighRiskRule
from audit_core.policy.input_errors import YamlPath, as_quoted, nearest, one_of, quoted, wrong_id
from audit_core.policy.steps import Row
from audit_core.policy.strict_yaml import Document

RISK_COLUMNS = (
    "rule", "title", "title_en", "level", "condition", "clauses", "mitigable", "scenarios_without",
    "major", "confidence", "major_confidence",
)  # fmt: skip
WEIGHT_COLUMNS = ("clause", "weight", "confidence")
_WEIGHT = re.compile(r"(?:0|[1-9][0-9]{0,3})(?:\.[0-9]{1,3})?")
_YES = {"yes": True, "no": False}


class GradingsFile(Struct, frozen=True, kw_only=True):
    """The file `gradings.yaml`; the first one is the default."""

    gradings: tuple[Grading, ...]


class GradingSettings(Struct, frozen=True, kw_only=True):
    """What a profile sets of a grading; what is left out stays as the catalog has it."""

    id: str
    partial_weight: float | None = None
    aggregation: Aggregation | None = None
    coverage: float | None = None


def read_gradings(
    document: Document, catalog: str, layers: Collection[str], weights: Mapping[str, float]
) -> tuple[Grading, ...]:
    """The gradings of a catalog; raises InputError with file, line and path."""
    found = document.convert(GradingsFile).gradings
    for index, grading in enumerate(found):
        place: YamlPath = ("gradings", index)
        wrong = wrong_id(grading.id)
        if wrong is not None:
            document.fail((*place, "id"), wrong, as_quoted(grading.id))
        if any(grading.id == other.id for other in found[:index]):
            document.fail((*place, "id"), msg("each id once"), as_quoted(grading.id))
        check_shares(document, place, grading.partial_weight, grading.coverage)
        _check_grades(document, place, grading)
        _check_layers(document, place, grading, layers)
    weighted = GradingKind.WEIGHTED
    return tuple(
        structs.replace(g, catalog=catalog, weights=dict(weights) if g.kind is weighted else {})
        for g in found
    )


def check_shares(
    document: Document, place: YamlPath, partial: float | None, coverage: float | None
) -> None:
    """Refuses a weight or a coverage that is no share."""
    for key, value in (("partial_weight", partial), ("coverage", coverage)):
        if value is not None and not 0 <= value <= 1:
            document.fail((*place, key), msg("a number from 0 to 1"), as_is(f"{value:g}"))


def _check_grades(document: Document, place: YamlPath, grading: Grading) -> None:
    limits = [g.above for g in grading.grades]
    if limits and limits[-1] is not None:
        at = (*place, "grades", len(limits) - 1, "above")
        document.fail(at, msg("no limit for the last grade"), as_is(f"{limits[-1]:g}"))
    for number, (one, other) in enumerate(itertools.pairwise(limits)):
        if one is None or (other is not None and other > one):
            at = (*place, "grades", number, "above")
            document.fail(at, msg("limits that fall from grade to grade"), as_is(str(one)))


def _check_layers(
    document: Document, place: YamlPath, grading: Grading, layers: Collection[str]
) -> None:
    named: list[tuple[YamlPath, str]] = [
        (("groups", n, "layers", at), layer)
        for n, group in enumerate(grading.groups)
        for at, layer in enumerate(group.layers)
    ]
    named += [(("layer_weights", layer), layer) for layer in grading.layer_weights]
    for at, layer in named:
        if layer not in layers:
            document.fail((*place, *at), one_of(layers), as_quoted(layer), nearest(layer, layers))


def read_weights(rows: Iterable[Row], clauses: Collection[str]) -> dict[str, float]:
    """The weights by clause; raises InputError."""
    found = {}
    for row in rows:
        _known(row, row["clause"], clauses)
        if not _WEIGHT.fullmatch(row["weight"]):
            _refuse(row, "weight", msg("a number"), row["weight"])
        found[row["clause"]] = float(row["weight"])
    return found


def read_rules(
    rows: Iterable[Row], catalog: str, clauses: Collection[str]
) -> tuple[HighRiskRule, ...]:
    """The high-risk rules; raises InputError with file, line and column."""
    found: dict[str, HighRiskRule] = {}
    for row in rows:
        if wrong_id(row["rule"]) is not None or row["rule"] in found:
            _refuse(row, "rule", msg("each rule once"), row["rule"])
        found[row["rule"]] = _rule(row, catalog, clauses)
    return tuple(found.values())


def _rule(row: Row, catalog: str, clauses: Collection[str]) -> HighRiskRule:
    named = tuple(row["clauses"].split())
    for clause in named:
        _known(row, clause, clauses)
    if row["level"] not in ("", "2", "3", "4"):
        _refuse(row, "level", msg("a level, or nothing"), row["level"])
    major = row["major_confidence"] if row["major"] else ""
    return HighRiskRule(
        id=row["rule"],
        catalog=catalog,
        title=row["title"],
        title_en=row["title_en"],
        level=int(row["level"]) if row["level"] else None,
        condition=row["condition"],
        clauses=named,
        mitigable=_yes(row, "mitigable"),
        scenarios_without=_yes(row, "scenarios_without"),
        major=row["major"],
        confidence=row["confidence"] if row["confidence"] != "read" else major or "read",
    )


def _yes(row: Row, column: str) -> bool:
    if row[column] not in _YES:
        _refuse(row, column, one_of(_YES), row[column])
    return _YES[row[column]]


def _known(row: Row, clause: str, clauses: Collection[str]) -> None:
    if clause not in clauses:
        _refuse(row, "clause", msg("a clause of this catalog"), clause)


def _refuse(row: Row, column: str, expected: Message, got: str) -> None:
    raise InputError(
        msg("{where}: {column}: expected {expected}, got {word}",
            where=row.where, column=column, expected=expected, word=quoted(got))
    )  # fmt: skip


def with_settings(
    gradings: Sequence[Grading], settings: Iterable[GradingSettings]
) -> tuple[Grading, ...]:
    """`gradings` as a profile sets them."""
    found = list(gradings)
    for one in settings:
        found = [_set(held, one) if held.id == one.id else held for held in found]
    return tuple(found)


def _set(held: Grading, one: GradingSettings) -> Grading:
    return structs.replace(
        held,
        partial_weight=held.partial_weight if one.partial_weight is None else one.partial_weight,
        aggregation=one.aggregation or held.aggregation,
        coverage=held.coverage if one.coverage is None else one.coverage,
    )


def check_settings(
    document: Document, gradings: Sequence[Grading], settings: Sequence[GradingSettings]
) -> None:
    """Refuses settings of a grading that the profile does not have, and shares that are none."""
    known = tuple(g.id for g in gradings)
    for index, one in enumerate(settings):
        place: YamlPath = ("gradings", index)
        if one.id not in known:
            document.fail((*place, "id"), one_of(known), as_quoted(one.id), nearest(one.id, known))
        check_shares(document, place, one.partial_weight, one.coverage)
