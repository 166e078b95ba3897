"""Which worksheets a workbook has and where their rows stand, settled before any is written."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from audit_core.model.review import RecordProblem
from audit_excel.issues import Issue, issues
from audit_excel.names import SheetNames
from audit_excel.parts import NAME
from audit_excel.questions import QuestionEntry, wanted
from audit_excel.sheet import MAX_ROWS, Link, TableSheets, reserve
from audit_excel.view import View

SIDE_BY_SIDE = 1_000
"""Objects side by side on one worksheet of the matrix."""


class Plan(Struct, frozen=True, kw_only=True):
    """The worksheets, by what they hold, and the rows of every record."""

    cover: TableSheets
    overview: TableSheets
    matrix: tuple[TableSheets, ...]
    issues: TableSheets
    last_time: TableSheets | None
    missing: TableSheets
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


def _record_rows(view: View, objects: dict[str, TableSheets]) -> dict[tuple[str, str, str], Link]:
    return {
        (c.catalog, c.clause, c.target): objects[id].row(index)
        for id, conclusions in view.by_object.items()
        for index, c in enumerate(conclusions)
    }


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
    blocks = max(1, -(-len(view.by_object) // side_by_side))
    fixed: dict[str, Any] = {
        "cover": reserved(text("Cover")),
        "overview": reserved(text("Overview")),
        "issues": reserved(text("Issues"), len(found)),
        "last_time": reserved(text("Issues of last time"), len(before)) if before else None,
        "missing": reserved(text("To be provided"), len(asked)),
        "checks": reserved(text("Check results"), len(view.found)),
        "problems": reserved(text("Review of the records"), len(problems)) if problems else None,
        "assets": reserved(text("Assets"), len(view.targets)),
        "evidence": reserved(text("Evidence index"), len(view.observations)),
        "confirmation": reserved(text("Confirmation")),
    }
    matrix = tuple(reserved(text("Clause matrix"), len(view.used_clauses)) for _ in range(blocks))
    layers = {name: reserved(name, len(cs)) for name, cs in view.by_layer.items()}
    objects = {id: reserved(view.name(id), len(cs)) for id, cs in view.by_object.items()}
    return Plan(
        **fixed, matrix=matrix, layers=layers, objects=objects, issue_list=found, wanted=asked,
        problem_list=problems,
        record_rows=_record_rows(view, objects),
    )  # fmt: skip
