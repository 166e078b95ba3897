"""Fills an organisation's own workbook: single cells, tables, a sheet for each object.

What the template holds stays, formulas too. What is written is text or a number, never a formula.
A table grows downwards from its model row, below which nothing may stand; a model sheet is copied.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from pathlib import Path
from typing import Any

from msgspec import Struct
from openpyxl.cell.cell import MergedCell
from openpyxl.formula.translate import Translator
from openpyxl.utils import coordinate_to_tuple, get_column_letter
from openpyxl.worksheet.formula import ArrayFormula, DataTableFormula
from openpyxl.writer.excel import ExcelWriter

from audit_core.model import Conclusion, Message, msg
from audit_core.model.errors import InputError
from audit_core.model.results import ObjectEntry, PackSource
from audit_core.policy.input_errors import YamlPath, as_quoted, one_of
from audit_excel import small_xlsx
from audit_excel.cells import cell_of_lines
from audit_excel.names import SheetNames, quoted
from audit_excel.parts import Part
from audit_excel.same_zip import SameZip, stamp
from audit_excel.template_fields import Columns, Value, cell_value
from audit_excel.template_map import (
    LAST_ROW,
    MappedTable,
    ObjectSheets,
    ReadMap,
    read_map,
)
from audit_excel.view import View
from audit_excel.wording import read_wording
from audit_excel.xlsx import refused

MAX_WRITTEN = 400_000
"""Cells that are written: openpyxl holds them all in memory."""


class Grid(Struct, frozen=True, kw_only=True):
    """Where a table stands: its model row and its columns (from 1) with what they hold."""

    header: int
    row: int
    fields: Mapping[int, Any]


class Template:
    """A template and its map that fit each other."""

    def __init__(self, path: Path, map_path: Path) -> None:
        self.given = read_map(map_path)
        self.wording = read_wording(self.given)
        self.path = path
        _, lost = self.open()
        self.notes: tuple[Message, ...] = tuple(
            msg("{file}: not kept in the filled workbook: {what}", file=path.name, what=one)
            for one in lost
        )

    def open(self) -> tuple[Any, tuple[str, ...]]:
        """The workbook, checked against the map, and what of it is not kept."""
        book, lost = small_xlsx.load(self.path)
        _Check(book, self.path.name, self.given).all()
        return book, lost

    def write(self, source: PackSource, folder: Path) -> Iterable[Path]:
        """The filled workbook of `source` in `folder`."""
        book, _ = self.open()
        filling = _Filling(book, self, source)
        filling.fill()
        path = folder / self.given.map.output
        stamp(book, source.results.run.ended)
        with SameZip(path, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
            # Workbook.save would stamp the current time.
            ExcelWriter(book, archive).write_data()
        return (path,)


# --- places -------------------------------------------------------------------------------------


class _Check:
    """Whether every sheet, cell and column of the map is in the template, and may be filled."""

    def __init__(self, book: Any, name: str, given: ReadMap) -> None:
        self._book, self._name, self._given = book, name, given

    def all(self) -> None:
        map_ = self._given.map
        for at, cell in enumerate(map_.cells):
            sheet = self._sheet(cell.sheet, ("cells", at, "sheet"))
            self._cell(sheet, cell.cell, ("cells", at, "cell"))
        for at, table in enumerate(map_.tables):
            self._table(table, ("tables", at))
        if map_.objects is not None:
            self._objects(map_.objects)
        self._apart()

    def _sheet(self, name: str, place: YamlPath) -> Any:
        names = [sheet.title for sheet in self._book.worksheets]
        if name not in names:
            self._given.document.fail(place, one_of(names), as_quoted(name))
        return self._book[name]

    def _cell(self, sheet: Any, cell: str, place: YamlPath) -> None:
        row, column = coordinate_to_tuple(cell)
        found = sheet._cells.get((row, column))
        if isinstance(found, MergedCell):
            first = next(str(r).partition(":")[0] for r in sheet.merged_cells.ranges if cell in r)
            expected = msg("the first cell of a merged range ({first})", first=first)
            self._given.document.fail(place, expected, as_quoted(cell))
        if found is not None and _is_formula(found.value):
            self._given.document.fail(place, msg("a cell without a formula"), as_quoted(cell))

    def _table(self, table: MappedTable, place: YamlPath) -> None:
        sheet = self._sheet(table.sheet, (*place, "sheet"))
        found = grid(sheet, table, self._given, place)
        for (row, column), cell in sheet._cells.items():
            where = f"{self._name}: {sheet.title}!{get_column_letter(column)}{row}"
            if row < found.row or (cell.value is None and not isinstance(cell, MergedCell)):
                continue
            if isinstance(cell, MergedCell):
                raise refused(where, msg("merged cells are not accepted in or below a model row"))
            if row > found.row:
                problem = msg("there are cells below the model row {row}, where the table grows",
                           row=found.row)  # fmt: skip
                raise refused(where, problem)
            if column in found.fields and _is_formula(cell.value):
                raise refused(where, msg("a column that is filled contains a formula"))
            if isinstance(cell.value, ArrayFormula | DataTableFormula):
                raise refused(where, msg("an array formula cannot be repeated in each row"))

    def _objects(self, sheets: ObjectSheets) -> None:
        self._table(sheets, ("objects",))
        sheet = self._book[sheets.sheet]
        for at, cell in enumerate(sheets.cells):
            self._cell(sheet, cell.cell, ("objects", "cells", at, "cell"))
        if sheet.tables:
            where = f"{self._name}: {sheet.title}!{next(iter(sheet.tables.values())).ref}"
            raise refused(where, msg("a model sheet may not hold an Excel table"))
        names = (f"{sheets.sheet}!".casefold(), f"{quoted(sheets.sheet)}!".casefold())
        for where, formula in self._formulas(but=sheets.sheet):
            if any(name in formula.casefold() for name in names):
                raise refused(where, msg("it refers to the model sheet, which will be gone"))

    def _formulas(self, but: str) -> Iterator[tuple[str, str]]:
        for name, defined in self._book.defined_names.items():
            yield f"{self._name}: {name}", str(defined.attr_text)
        for sheet in self._book.worksheets:
            if sheet.title == but:
                continue
            for (row, column), cell in sheet._cells.items():
                if _is_formula(cell.value):
                    text = getattr(cell.value, "text", cell.value)
                    yield f"{self._name}: {sheet.title}!{get_column_letter(column)}{row}", str(text)

    def _apart(self) -> None:
        """One table a sheet, and none on the model sheet."""
        map_, used = self._given.map, set[str]()
        if map_.objects is not None:
            used.add(map_.objects.sheet)
        for at, table in enumerate(map_.tables):
            if table.sheet in used:
                expected = msg("a sheet with one table only")
                self._given.document.fail(("tables", at, "sheet"), expected, as_quoted(table.sheet))
            used.add(table.sheet)
        for at, cell in enumerate(map_.cells):
            if map_.objects is not None and cell.sheet == map_.objects.sheet:
                expected = msg("a sheet that is there once: cells of it belong under objects")
                self._given.document.fail(("cells", at, "sheet"), expected, as_quoted(cell.sheet))


def grid(sheet: Any, table: MappedTable, given: ReadMap, place: YamlPath) -> Grid:
    """Where the columns of `table` stand; raises InputError for a title that is not there once."""
    titles = [
        (" ".join(str(cell.value).split()), column)
        for (row, column), cell in sheet._cells.items()
        if row == table.header and cell.value is not None
    ]
    fields: dict[int, Any] = {}
    for title, field in table.columns.items():
        at = [column for text, column in titles if text == " ".join(title.split())]
        if len(at) != 1:
            expected = msg("a title that appears once in row {row} of {sheet}",
                           row=table.header, sheet=sheet.title)  # fmt: skip
            given.document.fail((*place, "columns", title), expected, as_quoted(title))
        fields[at[0]] = field
    return Grid(header=table.header, row=table.row or table.header + 1, fields=fields)


def _is_formula(value: Any) -> bool:
    if isinstance(value, ArrayFormula | DataTableFormula):
        return True
    return isinstance(value, str) and value.startswith("=") and len(value) > 1


# --- filling ------------------------------------------------------------------------------------


class _Filling:
    def __init__(self, book: Any, template: Template, source: PackSource) -> None:
        self._book, self._template, self._source = book, template, source
        self._map, self._given = template.given.map, template.given
        self._left = MAX_WRITTEN

    def fill(self) -> None:
        """Fills everything; one object after the other is in memory."""
        self._check_wording()
        whole, before = self._view((), ()), 0
        for cell in self._map.cells:
            self._put(self._book[cell.sheet], cell.cell, cell_value(whole, cell.field))
        tables = [_Rows(self, self._book[t.sheet], self._grid(t)) for t in self._map.tables]
        sheets = self._map.objects
        model = self._book[sheets.sheet] if sheets is not None else None
        names = _names(self._book, model)
        for entry in self._source.results.entries:
            view = self._view((entry,), (before,))
            before += entry.observations
            columns = Columns(view, self._template.wording)
            conclusions = view.by_object.get(entry.object, [])
            for rows in tables:
                rows.add(columns, conclusions)
            if sheets is not None and conclusions:
                self._object(sheets, model, names, view, columns, entry.object)
        for rows in tables:
            rows.close()
        if model is not None and len(self._book.worksheets) > 1:
            self._book.remove(model)

    def _check_wording(self) -> None:
        own = self._template.wording
        clauses = self._source.results.clauses
        if own and not any(c.id in own or (c.unit or "") in own for c in clauses):
            wording = self._map.wording
            raise refused(
                wording.file if wording else "",
                msg("none of its texts is of a clause or unit of the run"),
            )

    def _view(self, entries: tuple[ObjectEntry, ...], before: tuple[int, ...]) -> View:
        part = Part(name=self._map.output, entries=entries, before=before)
        return View(self._source, part, {})

    def _grid(self, table: MappedTable) -> Grid:
        return grid(self._book[table.sheet], table, self._given, ())

    def _object(
        self, sheets: ObjectSheets, model: Any, names: SheetNames, view: View, columns: Columns,
        object: str,
    ) -> None:  # fmt: skip
        sheet = _copied(self._book, model, names.take(view.name(object)))
        for cell in sheets.cells:
            self._put(sheet, cell.cell, cell_value(view, cell.field, object))
        rows = _Rows(self, sheet, self._grid(sheets))
        rows.add(columns, view.by_object[object])
        rows.close()

    def _put(self, sheet: Any, cell: str, value: Value) -> None:
        row, column = coordinate_to_tuple(cell)
        self.write(sheet.cell(row, column), value)

    def write(self, cell: Any, value: Value) -> None:
        """Puts text or a number into `cell`; text is never taken for a formula or an error."""
        self._left -= 1
        if self._left < 0:
            problem = msg("more than {count} cells would be filled: pack fewer objects or columns",
                       count=MAX_WRITTEN)  # fmt: skip
            raise InputError(problem)
        if isinstance(value, float):
            cell.value = int(value) if value.is_integer() else value
            return
        shown = cell_of_lines(value)
        cell.value = None
        if not shown.text:
            return
        cell._value, cell.data_type = shown.text, "s"
        if shown.quoted:
            cell.quotePrefix = True
        if len(value) > 1:
            cell.alignment = _wrapped(cell.alignment)


def _wrapped(alignment: Any) -> Any:
    made = copy(alignment)
    made.wrap_text = True
    return made


class _Rows:
    """A table while its rows are written below each other, each like the model row."""

    def __init__(self, filling: _Filling, sheet: Any, grid: Grid) -> None:
        self._filling, self._sheet, self._grid = filling, sheet, grid
        self._model = {
            column: (copy(cell._style), cell.value)
            for (row, column), cell in sheet._cells.items()
            if row == grid.row
        }
        for column in self._model:
            sheet.cell(grid.row, column).value = None
        for column in grid.fields:
            self._model.setdefault(column, (None, None))
        self._next = grid.row

    def add(self, columns: Columns, conclusions: Iterable[Conclusion]) -> None:
        """A row for each of `conclusions`."""
        for conclusion in conclusions:
            row = self._next
            if row > LAST_ROW:
                raise InputError(
                    msg("{sheet}: more rows than a sheet has", sheet=self._sheet.title)
                )
            self._next += 1
            for column, (style, value) in self._model.items():
                cell = self._sheet.cell(row, column)
                if style is not None:
                    cell._style = copy(style)
                field = self._grid.fields.get(column)
                if field is None:
                    cell.value = self._own(value, cell)
                else:
                    number = row - self._grid.row + 1
                    self._filling.write(cell, columns.value(field, conclusion, number))

    def _own(self, value: Any, cell: Any) -> Any:
        """What the organisation wrote in its model row; a formula moves along."""
        if not _is_formula(value):
            return value
        origin = f"{cell.column_letter}{self._grid.row}"
        return Translator(value, origin=origin).translate_formula(cell.coordinate)

    def close(self) -> None:
        """Lists to pick from, filters, tables and colours of the model row hold for all rows."""
        sheet, grid, last = self._sheet, self._grid, max(self._next - 1, self._grid.row)
        for rule in sheet.data_validations.dataValidation:
            for column in self._model:
                if f"{get_column_letter(column)}{grid.row}" in rule.sqref:
                    letter = get_column_letter(column)
                    rule.add(f"{letter}{grid.row}:{letter}{last}")
        if sheet.auto_filter.ref:
            sheet.auto_filter.ref = _down(sheet.auto_filter.ref, grid, last)
        for table in sheet.tables.values():
            table.ref = _down(table.ref, grid, last)
            if table.autoFilter is not None:
                table.autoFilter.ref = table.ref
        if grid.row in sheet.row_dimensions and last > grid.row:
            # As high as the model row no long record could be read.
            sheet.row_dimensions[grid.row].height = None


def _down(ref: str, grid: Grid, last: int) -> str:
    """`ref`, down to row `last` where it has the titles of the table at its top."""
    first, _, end = ref.replace("$", "").partition(":")
    if not end or coordinate_to_tuple(first)[0] != grid.header:
        return ref
    return f"{first}:{get_column_letter(coordinate_to_tuple(end)[1])}{last}"


# --- sheets -------------------------------------------------------------------------------------


def _names(book: Any, model: Any) -> SheetNames:
    """Names for the sheets of objects that no other sheet has."""
    names = SheetNames()
    for sheet in book.worksheets:
        if sheet is not model:
            names.take(sheet.title)
    return names


def _copied(book: Any, model: Any, name: str) -> Any:
    """A copy of the sheet `model` called `name`, behind those made before."""
    made = book.copy_worksheet(model)
    made.title = name
    for rule in model.data_validations.dataValidation:
        made.data_validations.append(copy(rule))
    for group in model.conditional_formatting:
        for rule in group.rules:
            made.conditional_formatting.add(str(group.sqref), copy(rule))
    made.freeze_panes = model.freeze_panes
    made.auto_filter = copy(model.auto_filter)
    if model.print_title_rows:
        made.print_title_rows = model.print_title_rows
    for part in ("oddHeader", "oddFooter"):
        setattr(made, part, copy(getattr(model, part)))
    book.move_sheet(made, book.index(model) - book.index(made))
    return made
