"""What the fields of a template hold: texts, numbers, or nothing. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from audit_core.model import Conclusion, Result, Target, msg
from audit_core.model.gradings import Grading, GradingKind
from audit_core.model.results import Clause
from audit_excel import overall
from audit_excel.parts import NAME
from audit_excel.record_text import record, to_bring
from audit_excel.template_map import CellField, ColumnField
from audit_excel.view import View, count

Value = tuple[str, ...] | float
"""The lines of a text, or a number."""

_SCOPES = {
    "general": msg("General requirements"),
    "cloud": msg("Cloud extension"),
    "mobile": msg("Mobile extension"),
    "iot": msg("IoT extension"),
    "ics": msg("Industrial control extension"),
}
_PARTLY = Result.PARTLY_CONFORMING


def cell_value(view: View, field: CellField, object: str = "") -> Value:
    """What `field` holds, of the run or of `object`."""
    match field:
        case CellField.CONCLUSIONS:
            return tuple(line for lines in overall.conclusions(view) for line in lines)
        case CellField.FACTS:
            return view.facts(object)
        case CellField.SESSIONS:
            return view.sessions_text(object)
        case CellField.COUNTS:
            return (view.tally(count(view.by_object.get(object, ()))),)
    texts = {
        CellField.TITLE: view.title,
        CellField.RUN: view.run.id,
        CellField.PROFILE: view.run.profile,
        CellField.STARTED: view.local_moment(view.run.started),
        CellField.ENDED: view.local_moment(view.run.ended),
        CellField.ALARM: view.alarm,
        CellField.DISCLAIMER: view.disclaimer,
        CellField.OBJECT: view.name(object),
        **_of_target(view, view.targets.get(object)),
    }
    return (texts[field],) if texts.get(field) else ()


def _of_target(view: View, target: Target | None) -> dict[CellField, str]:
    """What the inventory says of an object; nothing of one that it does not hold."""
    if target is None:
        return {}
    return {
        CellField.OBJECT_TYPE: view.object_type(target.object_type),
        CellField.ADDRESS: target.address or "",
        CellField.ZONE: target.zone or "",
        CellField.BUSINESS_SYSTEM: target.business_system or "",
        CellField.OWNER: target.owner or "",
    }


class Columns:
    """The values of columns, with the organisation's `wording` by clause or unit."""

    def __init__(self, view: View, wording: Mapping[str, str]) -> None:
        self._view, self._wording = view, wording
        gradings = [system.grading for system in view.results.index.system]
        self._gradings = {g.catalog: g for g in reversed(gradings)}  # the first is the default
        self._catalogs = {clause.catalog for clause in view.results.clauses}

    def value(self, field: ColumnField, conclusion: Conclusion, number: int) -> Value:
        """What `field` holds of `conclusion`, the row `number` of its table."""
        view = self._view
        clause, target = view.clause(conclusion), view.targets.get(conclusion.target)
        match field:
            case ColumnField.NUMBER:
                return float(number)
            case ColumnField.ITEM:
                return self._item(clause)
            case ColumnField.RECORD:
                return record(view, conclusion, book=NAME)
            case ColumnField.TO_PROVIDE:
                return tuple(to_bring(view, conclusion)) if conclusion.open_steps else ()
            case ColumnField.EVIDENCE:
                return view.evidence_lines(view.findings_of(conclusion))
            case ColumnField.SCORE:
                return self._score(conclusion)
            case ColumnField.WEIGHT:
                grading = self._gradings.get(clause.catalog)
                return grading.weights.get(clause.id, 1.0) if grading else ()
        texts = {
            ColumnField.EXTENSION: self._extension(clause),
            ColumnField.LAYER: view.layer(clause),
            ColumnField.CONTROL_POINT: view.control_point(clause),
            ColumnField.CLAUSE: clause.id,
            ColumnField.UNIT: clause.unit or "",
            ColumnField.CONFORMITY: view.conclusion(conclusion),
            ColumnField.OBJECT: view.name(conclusion.target),
            ColumnField.OBJECT_TYPE: view.object_type(target.object_type) if target else "",
            ColumnField.ADDRESS: (target.address or "") if target else "",
        }
        return (texts[field],) if texts[field] else ()

    def _extension(self, clause: Clause) -> str:
        """General requirements or an extension; with the catalog where the run has several."""
        known = _SCOPES.get(clause.scope)
        name = self._view.say(known) if known else clause.scope
        return f"{clause.catalog} {name}" if len(self._catalogs) > 1 else name

    def _item(self, clause: Clause) -> Value:
        own = self._wording.get(clause.id) or self._wording.get(clause.unit or "")
        if own is not None:
            return tuple(own.splitlines())
        zh = self._view.zh
        gist = (clause.gist if zh else clause.gist_en) or clause.gist
        # a template has no cover that could hold the note
        note = self._view.unverified(clause)
        return tuple(line for line in (gist, f"※ {note}" if note else "") if line)

    def _score(self, conclusion: Conclusion) -> Value:
        """The score of a settled conclusion (0 to 1); nothing where it is open or has none."""
        grading = self._gradings.get(conclusion.catalog)
        open = conclusion.pending or len(conclusion.range) > 1
        if grading is None or open or not _by_word(grading):
            return ()
        if conclusion.conclusion is _PARTLY:
            return grading.partial_weight
        scores = {Result.CONFORMING: 1.0, Result.NONCONFORMING: 0.0}
        score = scores.get(conclusion.conclusion)
        return () if score is None else score


def _by_word(grading: Grading) -> bool:
    """Whether the word of a clause on an object alone gives its score."""
    return not grading.penalties and grading.kind is not GradingKind.WEIGHTED
