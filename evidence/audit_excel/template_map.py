"""The map of a template: what goes into which cell and column. A YAML file, strictly read.

It names fields (`CellField`, `ColumnField`); nothing in it is evaluated. Sheets and cells are
looked for when the template is opened (`template.py`).
"""

from __future__ import annotations

import enum
import re
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from audit_core.model import msg
from audit_core.model.schemas import Valid, YamlPath
from audit_core.policy.input_errors import NOTHING, as_quoted
from audit_core.policy.strict_yaml import Document, load_bytes, read_bytes

LAST_ROW = 1_048_576
_CELL = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_OUTPUT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}\.xlsx")
OWN_NAME = re.compile(r"workbook(-[0-9]+)?\.xlsx", re.IGNORECASE)


class CellField(enum.StrEnum):
    """What a single cell may hold: of the run, or, in the sheet of an object, of that object."""

    TITLE = "title"
    RUN = "run"
    PROFILE = "profile"
    STARTED = "started"
    ENDED = "ended"
    ALARM = "alarm"
    DISCLAIMER = "disclaimer"
    CONCLUSIONS = "conclusions"
    OBJECT = "object"
    OBJECT_TYPE = "object_type"
    ADDRESS = "address"
    ZONE = "zone"
    BUSINESS_SYSTEM = "business_system"
    OWNER = "owner"
    FACTS = "facts"
    SESSIONS = "sessions"
    COUNTS = "counts"


OF_OBJECT = frozenset(
    {CellField.OBJECT, CellField.OBJECT_TYPE, CellField.ADDRESS, CellField.ZONE,
     CellField.BUSINESS_SYSTEM, CellField.OWNER, CellField.FACTS, CellField.SESSIONS,
     CellField.COUNTS}
)  # fmt: skip


class ColumnField(enum.StrEnum):
    """What a column may hold of each conclusion, a clause on an object."""

    NUMBER = "number"
    EXTENSION = "extension"
    LAYER = "layer"
    CONTROL_POINT = "control_point"
    CLAUSE = "clause"
    UNIT = "unit"
    ITEM = "item"
    RECORD = "record"
    CONFORMITY = "conformity"
    SCORE = "score"
    WEIGHT = "weight"
    OBJECT = "object"
    OBJECT_TYPE = "object_type"
    ADDRESS = "address"
    EVIDENCE = "evidence"
    TO_PROVIDE = "to_provide"


def is_cell(text: str) -> bool:
    """Whether `text` names one cell of a worksheet, such as `B4`."""
    hit = _CELL.fullmatch(text)
    column = 0
    for letter in hit[1] if hit else "":
        column = column * 26 + ord(letter) - 64
    return hit is not None and column <= 16_384 and int(hit[2]) <= LAST_ROW


def _is_output(text: str) -> bool:
    return _OUTPUT.fullmatch(text) is not None and OWN_NAME.fullmatch(text) is None


CellName = Annotated[str, Valid(holds=is_cell, expected=msg("a cell such as B4"))]
RowNumber = Annotated[
    int, Valid(holds=lambda row: 0 < row < LAST_ROW, expected=msg("the number of a row"))
]
Output = Annotated[
    str,
    Valid(
        holds=_is_output,
        expected=msg(
            "a name of ASCII letters and digits such as records.xlsx, and not workbook.xlsx"
        ),
    ),
]


class MappedCell(Struct, frozen=True, kw_only=True):
    """A single cell of a sheet that is there once."""

    sheet: Annotated[str, Meta(description="Name of the sheet.")]
    cell: Annotated[CellName, Meta(description="The cell, such as B4.")]
    field: Annotated[CellField, Meta(description="What is written into it.")]


class ObjectCell(Struct, frozen=True, kw_only=True):
    """A single cell of the sheet of an object."""

    cell: Annotated[CellName, Meta(description="The cell, such as B4.")]
    field: Annotated[CellField, Meta(description="What is written into it.")]


class MappedTable(Struct, frozen=True, kw_only=True):
    """A table with a row for each conclusion on any object."""

    sheet: Annotated[str, Meta(description="Name of the sheet.")]
    header: Annotated[RowNumber, Meta(description="The row with the titles of the columns.")]
    columns: Annotated[
        dict[str, ColumnField], Meta(description="Title of a column: what it holds.")
    ]
    row: Annotated[
        RowNumber | None, Meta(description="The model row (default: the one below the titles).")
    ] = None


class ObjectSheets(MappedTable, frozen=True, kw_only=True):
    """A model sheet, copied once for each object, with a row for each conclusion on it."""

    sheet: Annotated[str, Meta(description="Name of the model sheet.")]
    cells: Annotated[tuple[ObjectCell, ...], Meta(description="Single cells of each sheet.")] = ()


class WordingFile(Struct, frozen=True, kw_only=True):
    """Where the organisation's own wording of the clauses stands.

    A `.yaml` file maps clause or unit to text; `.csv` and `.xlsx` have a row of titles first.
    """

    file: Annotated[str, Meta(description="xlsx, csv or yaml file; relative to the map.")]
    id: Annotated[
        str | None, Meta(description="Title of the column with clause or unit; not for yaml.")
    ] = None
    text: Annotated[
        str | None, Meta(description="Title of the column with the wording; not for yaml.")
    ] = None
    sheet: Annotated[
        str | None, Meta(description="Sheet of an xlsx file (default: the first).")
    ] = None


class TemplateMap(Struct, frozen=True, kw_only=True):
    """What is written where in a template."""

    output: Annotated[Output, Meta(description="Name of the filled workbook in the pack.")] = (
        "filled.xlsx"
    )
    cells: Annotated[tuple[MappedCell, ...], Meta(description="Single cells.")] = ()
    tables: Annotated[tuple[MappedTable, ...], Meta(description="Tables over all objects.")] = ()
    objects: Annotated[
        ObjectSheets | None, Meta(description="The model sheet that each object gets a copy of.")
    ] = None
    wording: Annotated[
        WordingFile | None, Meta(description="The organisation's own wording of the clauses.")
    ] = None


class ReadMap(Struct, frozen=True, kw_only=True):
    """A map that was read, with the file that its errors name."""

    path: Path
    document: Document
    map: TemplateMap


def read_map(path: Path) -> ReadMap:
    """The map in the file at `path`; raises InputError with file, line and place."""
    document = load_bytes(read_bytes(path), str(path))
    found = document.convert(TemplateMap)
    if not (found.cells or found.tables or found.objects):
        document.fail((), msg("cells, tables or objects"), NOTHING)
    for at, cell in enumerate(found.cells):
        if cell.field in OF_OBJECT:
            expected = msg("a field of the run: fields of an object belong under objects")
            document.fail(("cells", at, "field"), expected, as_quoted(cell.field.value))
    for at, table in enumerate(found.tables):
        _check_rows(document, ("tables", at), table)
    if found.objects is not None:
        _check_rows(document, ("objects",), found.objects)
    return ReadMap(path=path, document=document, map=found)


def _check_rows(document: Document, place: YamlPath, table: MappedTable | ObjectSheets) -> None:
    if not table.columns:
        document.fail((*place, "columns"), msg("at least one"), msg("none"))
    if table.row is not None and table.row <= table.header:
        expected = msg("a row below the titles in row {row}", row=table.header)
        document.fail((*place, "row"), expected, as_quoted(str(table.row)))
