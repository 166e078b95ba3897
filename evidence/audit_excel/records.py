"""Clause matrix (条款矩阵) and the record sheets per object and per layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from audit_core.model import Conclusion, Result, msg
from audit_core.model.forms import PENDING, FormKind
from audit_excel import row_keys
from audit_excel.cells import cell_of_lines
from audit_excel.fill_in import head_mark, in_order, plain, row_mark
from audit_excel.form_cells import fill_cells, fill_columns
from audit_excel.plan import MatrixBlock, Plan
from audit_excel.record_text import failed_lines, finding_lines, record
from audit_excel.sheet import (
    FIRST_ROW,
    HEAD_ROW,
    Book,
    Cell,
    Column,
    Record,
    Row,
    Sheet,
    table,
)
from audit_excel.styles import MAX_POINTS, height_of
from audit_excel.view import View, count

RECORD_WIDTH = 96
SURELY_FITS = (8, 1_000)
"""So few lines with so few characters need not be measured: no row is too low for them."""

MOST_EVIDENCE = 20
"""Lines of evidence that a row is always high enough for."""

MATRIX_WIDTHS = (12, 14, 30)
"""Layer, control point and item."""
OBJECTS_WIDTH = 132
"""What the objects of a page have together; more objects run over several pages."""


def object_width(view: View) -> int:
    """The width of each object's column: no word of a conclusion is broken in it."""
    words = (word for result in Result for word in view.result(result).split())
    return max(11, *(len(word) + 2 for word in words))


def matrix(book: Book, view: View, plan: Plan) -> None:
    """Clauses against objects, one coloured word each; several sheets for many objects."""
    for block in plan.matrix:
        _matrix(book, view, block)


def _matrix(book: Book, view: View, block: MatrixBlock) -> None:
    ids, clauses = block.objects, iter(block.clauses)
    found = {(c.catalog, c.clause, c.target): c for id in ids for c in view.by_object[id]}
    width = object_width(view)
    for name in block.sheets.names:
        widths = (*MATRIX_WIDTHS, *[width] * len(ids))
        sheet = Sheet(book, name, widths, tab="2F75B5", keyed=True)
        sheet.freeze(FIRST_ROW, 4)
        if len(ids) > OBJECTS_WIDTH // width:
            sheet.wide_on_paper(3, OBJECTS_WIDTH // width)
        sheet.wide(Cell(view.text("Clause matrix"), "title"), columns=3)
        sheet.wide(Cell(view.text("Empty: the item does not concern this type of object"), "note"),
                   columns=3)  # fmt: skip
        heads = (view.text("Layer"), view.text("Control point"), view.text("Item"))
        sheet.row([Cell(head, "head") for head in (*heads, *map(view.name, ids))], key="key")
        for _, clause in zip(range(block.sheets.rows_each), clauses, strict=False):
            key = (clause.catalog, clause.id)
            cells = [_mark(view, found.get((*key, id))) for id in ids]
            about = (view.layer(clause), view.control_point(clause), Cell(view.item(clause)))
            sheet.row([*about, *cells], key=row_keys.of_clause(clause))
        sheet.filter(HEAD_ROW)


def _mark(view: View, conclusion: Conclusion | None) -> Cell:
    # No link: LibreOffice would print it in its own blue, unreadable on red.
    if conclusion is None:
        return Cell("", "centre")
    return Cell(view.conclusion(conclusion), conclusion.conclusion.value)


def _columns(view: View, *, with_object: bool) -> list[Column]:
    text = view.text
    conformity, *others = fill_columns(view, FormKind.RECORD)
    columns = [
        Column(text("No."), 6),
        Column(text("Control point"), 16),
        Column(text("Item"), 30),
        Column(text("Object"), 18),
        Column(text("Result record"), RECORD_WIDTH),
        conformity,
        Column(text("Evidence"), 17),
        *others,
    ]
    return columns if with_object else columns[:3] + columns[4:]


def _fitting(view: View, lines: tuple[str, ...]) -> tuple[str, ...]:
    """`lines` of evidence as far as the highest row has room, and how many they are else."""
    if len(lines) <= MOST_EVIDENCE:
        return lines
    rest = msg("{count} more, by check in the check results", count=len(lines) - MOST_EVIDENCE)
    return (*lines[:MOST_EVIDENCE], view.say(rest))


def _evidence_cell(view: View, plan: Plan, conclusion: Conclusion) -> Cell:
    findings = view.findings_of(conclusion)
    lines, numbers = view.evidence_lines(findings), view.evidence_numbers(findings)
    if not lines:
        return Cell("—", "centre")
    # LibreOffice shows a linked cell on one line and cuts it: a list of runs is no link.
    if not numbers or len(lines) > 1:
        return Cell(_fitting(view, lines), "centre")
    return Cell(lines, "link_centre", plan.evidence.row(view.evidence_row(min(numbers))))


def _record(book: Book, view: View, conclusion: Conclusion) -> tuple[str, ...]:
    """The record; where no row is high enough for it, it leaves out what did not fail, and says so.

    What a person has to bring stands at its end: it must not fall off the page.
    """
    lines = record(view, conclusion)
    if len(lines) <= SURELY_FITS[0] and sum(map(len, lines)) <= SURELY_FITS[1]:
        return lines
    shown = (cell_of_lines((line,)).text for line in lines)
    needed = [book.styles.lines(line, "record", RECORD_WIDTH) for line in shown]
    if height_of(sum(needed)) < MAX_POINTS:
        return lines
    line_count, keep = len(finding_lines(view, conclusion)), max(failed_lines(view, conclusion), 1)
    cut = line_count
    while cut > keep and height_of(sum(needed) + 1) >= MAX_POINTS:
        cut -= 1
        needed.pop(cut)
    if cut >= line_count:
        return lines
    rest = msg("{count} more lines, none of a failed check, are in the check results",
               count=line_count - cut)  # fmt: skip
    return (*lines[:cut], view.say(rest), *lines[line_count:])


def _rows(
    book: Book, view: View, plan: Plan, conclusions: Sequence[Conclusion], *, with_object: bool
) -> Iterator[Row]:
    for number, conclusion in enumerate(conclusions, 1):
        clause = view.clause(conclusion)
        record = plan.record_rows[conclusion.catalog, conclusion.clause, conclusion.target]
        object = [Cell(view.name(conclusion.target), "link", record)] if with_object else []
        key = row_keys.of_conclusion(conclusion)
        if key not in book.records:
            book.records[key] = _made(book, view, plan, conclusion, key)
        made = book.records[key]
        cells: list[Cell | str | int] = [
            Cell(number, "centre"),
            view.control_point(clause),
            Cell(view.item(clause)),
            *object,
            made.text,
            Cell(view.conclusion(conclusion), conclusion.conclusion.value),
            made.evidence,
            *fill_cells(view, FormKind.RECORD, {})[1:],
        ]
        yield Row(made.key, cells)


def _made(book: Book, view: View, plan: Plan, conclusion: Conclusion, key: str) -> Record:
    """The record of `conclusion`, made once for the sheets of its object and of its layer."""
    lines = _record(book, view, conclusion)
    shown = plain(cell_of_lines(lines).text)
    return Record(
        text=Cell(lines, "record"),
        evidence=_evidence_cell(view, plan, conclusion),
        key=row_mark(key, _as_written(conclusion), (shown,)),
    )


def _as_written(conclusion: Conclusion) -> Sequence[str]:
    """What stands in the columns of a record that people may change."""
    word = conclusion.conclusion.value
    code = PENDING + word if conclusion.pending else word
    return in_order(FormKind.RECORD, {"conformity": code})


PRINTED = 7
"""Columns of a record that are printed, one more where it names its object.

What people fill in is in the record once it has been taken back.
"""


def _cut_note(view: View) -> str:
    return view.text("Long lists are shortened in the records; the check results have them in full")


def object_sheets(book: Book, view: View, plan: Plan) -> None:
    """One record sheet per object, but for those of the whole system."""
    for id, conclusions in view.sheet_of_object.items():
        info = [view.about(id), *view.facts(id), *view.sessions_text(id),
                view.tally(count(conclusions)), _cut_note(view), view.disclaimer]  # fmt: skip
        table(
            book, plan.objects[id],
            title=view.say(msg("Result records: {object}", object=view.name(id))),
            info=info,
            columns=_columns(view, with_object=False),
            rows=_rows(book, view, plan, conclusions, with_object=False),
            frozen=3,
            tab="70AD47",
            key=head_mark(FormKind.RECORD, view.run.id, view.source.lang),
            printed=PRINTED - 1,
        )  # fmt: skip


def layer_sheets(book: Book, view: View, plan: Plan) -> None:
    """One record sheet per layer for the objects of the whole system: a record stands once."""
    for name, conclusions in view.sheet_of_layer.items():
        table(
            book, plan.layers[name],
            title=view.say(msg("Result records of layer: {layer}", layer=name)),
            info=[view.tally(count(conclusions)), _cut_note(view), view.disclaimer],
            columns=_columns(view, with_object=True),
            rows=_rows(book, view, plan, conclusions, with_object=True),
            frozen=4,
            tab="2F75B5",
            key=head_mark(FormKind.RECORD, view.run.id, view.source.lang),
            printed=PRINTED,
        )  # fmt: skip
