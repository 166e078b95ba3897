"""Which worksheets a workbook has and where their rows stand, settled before any is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from audit_core.model import Conclusion, msg
from audit_core.model.results import Clause
from audit_core.model.review import RecordProblem
from audit_excel.issues import Issue, issues
from audit_excel.names import SheetNames
from audit_excel.parts import NAME
from audit_excel.questions import QuestionEntry, wanted
from audit_excel.sheet import MAX_ROWS, Link, TableSheets, reserve
from audit_excel.view import View

SIDE_BY_SIDE = 1_000
"""Objects side by side on one worksheet of the matrix."""

MOST_WHOLE = 12
"""Objects of the whole system in one matrix; of more, most cells would be empty: one a layer."""


def related(view: View) -> tuple[Clause, ...]:
    """The clauses whose evidence is compared with that of other standards.

    All of a catalog with a crosswalk, in the first workbook; none elsewhere.
    """
    if view.part.name != NAME:
        return ()
    crossed = {clause.catalog for clause in view.results.clauses if clause.related}
    return tuple(clause for clause in view.results.clauses if clause.catalog in crossed)


class MatrixBlock(Struct, frozen=True, kw_only=True):
    """Objects side by side, and the clauses that concern one of them."""

    objects: tuple[str, ...]
    clauses: tuple[Clause, ...]
    sheets: TableSheets


class Plan(Struct, frozen=True, kw_only=True):
    """The worksheets, by what they hold, and the rows of every record."""

    cover: TableSheets
    overview: TableSheets
    matrix: tuple[MatrixBlock, ...]
    issues: TableSheets
    last_time: TableSheets | None
    missing: TableSheets
    shared: TableSheets | None
    checks: TableSheets
    problems: TableSheets | None
    assets: TableSheets
    evidence: TableSheets
    confirmation: TableSheets
    layers: dict[str, TableSheets]
    objects: dict[str, TableSheets]
    issue_list: tuple[Issue, ...]
    wanted: tuple[QuestionEntry, ...]
    problem_list: tuple[RecordProblem, ...]
    record_rows: dict[tuple[str, str, str], Link]


def _record_rows(
    *sheets: tuple[Mapping[str, TableSheets], Mapping[str, Sequence[Conclusion]]],
) -> dict[tuple[str, str, str], Link]:
    """Where the record of each conclusion stands: it has one row in one sheet."""
    return {
        (c.catalog, c.clause, c.target): reserved[name].row(index)
        for reserved, listed in sheets
        for name, conclusions in listed.items()
        for index, c in enumerate(conclusions)
    }


def _matrix(
    view: View, side_by_side: int, reserved: Callable[[str, int], TableSheets]
) -> tuple[MatrixBlock, ...]:
    """Objects of the whole system stand apart: their items and those of others are not the same."""
    own = [id for id in view.by_object if id not in view.whole]
    whole = [id for id in view.by_object if id in view.whole]
    pieces = [own[at : at + side_by_side] for at in range(0, len(own), side_by_side)]
    blocks = [
        *((view.text("Clause matrix"), tuple(ids), tuple(view.used_clauses)) for ids in pieces),
        *(_whole_blocks(view, whole) if whole else ()),
    ] or [(view.text("Clause matrix"), (), tuple(view.used_clauses))]
    made = []
    for number, (title, ids, among) in enumerate(blocks):
        clauses = _clauses_of(view, ids, among, others=number == 0 or not pieces)
        sheets = reserved(title, len(clauses))
        made.append(MatrixBlock(objects=ids, clauses=clauses, sheets=sheets))
    return tuple(made)


def _whole_blocks(
    view: View, whole: Sequence[str]
) -> Iterator[tuple[str, tuple[str, ...], tuple[Clause, ...]]]:
    """Titles, objects and clauses of the matrices of the whole system."""
    if len(whole) <= MOST_WHOLE:
        yield view.text("Matrix of the whole system"), tuple(whole), tuple(view.used_clauses)
        return
    by_layer: dict[str, list[Clause]] = {}
    for clause in view.used_clauses:
        by_layer.setdefault(view.layer(clause), []).append(clause)
    for layer, clauses in by_layer.items():
        keys = {(clause.catalog, clause.id) for clause in clauses}
        concerned = (
            id for id in whole if any((c.catalog, c.clause) in keys for c in view.by_object[id])
        )
        yield view.say(msg("Matrix {layer}", layer=layer)), tuple(concerned), tuple(clauses)


def _clauses_of(
    view: View, ids: Sequence[str], among: Sequence[Clause], *, others: bool
) -> tuple[Clause, ...]:
    """Those `among` that concern one of `ids`, with `others` also those that concern no object."""
    wanted = {(c.catalog, c.clause) for id in ids for c in view.by_object[id]}
    known = {(c.catalog, c.clause) for c in view.conclusions}
    return tuple(
        clause
        for clause in among
        if (key := (clause.catalog, clause.id)) in wanted or (others and key not in known)
    )


def _problems(view: View) -> tuple[RecordProblem, ...]:
    """What is to be rejected in the records, each once."""
    found = {
        (p.kind, p.target, p.catalog, p.clause, view.say(p.detail)): p
        for p in view.source.problems()
    }
    return tuple(found.values())


def make_plan(view: View, *, rows_each: int = MAX_ROWS, side_by_side: int = SIDE_BY_SIDE) -> Plan:
    """The plan of the workbook of `view`; fixed names are taken before names of targets."""
    names, text = SheetNames(), view.text

    def reserved(title: str, rows: int = 0) -> TableSheets:
        return reserve(names, title, rows, rows_each)

    found = tuple(issues(view))
    asked = wanted(view)
    main = view.part.name == NAME
    problems = _problems(view) if main else ()
    before = view.source.last_time if main else ()
    crossed = related(view)
    fixed: dict[str, Any] = {
        "cover": reserved(text("Cover")),
        "overview": reserved(text("Overview")),
        "issues": reserved(text("Issues"), len(found)),
        "last_time": reserved(text("Issues of last time"), len(before)) if before else None,
        "missing": reserved(text("To be provided"), len(asked)),
        "shared": reserved(text("Shared evidence"), len(crossed)) if crossed else None,
        "checks": reserved(text("Check results"), len(view.found)),
        "problems": reserved(text("Review of the records"), len(problems)) if problems else None,
        "assets": reserved(text("Assets"), len(view.targets)),
        "evidence": reserved(text("Evidence index"), len(view.observations)),
        "confirmation": reserved(text("Confirmation")),
    }
    matrix = _matrix(view, side_by_side, reserved)
    layers = {name: reserved(name, len(cs)) for name, cs in view.sheet_of_layer.items()}
    objects = {id: reserved(view.name(id), len(cs)) for id, cs in view.sheet_of_object.items()}
    return Plan(
        **fixed, matrix=matrix, layers=layers, objects=objects, issue_list=found, wanted=asked,
        problem_list=problems,
        record_rows=_record_rows(
            (layers, view.sheet_of_layer), (objects, view.sheet_of_object)
        ),
    )  # fmt: skip
