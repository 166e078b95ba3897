"""The organisation's own wording of clauses, from an xlsx, csv or yaml file.

A text is found by the id of its clause (`8.1.4.1a`) or by its unit (`L3-CES1-01`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from audit_core.model import msg
from audit_core.policy.input_errors import NOTHING, as_quoted, one_of
from audit_core.policy.strict_yaml import load_bytes, read_bytes
from audit_excel import small_xlsx
from audit_excel.fill_in import plain
from audit_excel.template_map import ReadMap, WordingFile
from audit_excel.xlsx import check_characters, refused

MAX_ROWS = 20_000
MAX_TEXT = 4_000

Row = tuple[str, Sequence[str]]
"""Where it stands, and its cells."""


def read_wording(given: ReadMap) -> dict[str, str]:
    """The texts by clause or unit, nothing where the map names no file; raises InputError."""
    wording = given.map.wording
    if wording is None:
        return {}
    path = given.path.parent / wording.file
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        _check_columns(given, wording, wanted=False)
        return _checked(path.name, _of_yaml(path))
    _check_columns(given, wording, wanted=True)
    if suffix == ".csv":
        return _checked(path.name, _of_table(_csv_rows(path), path.name, wording))
    if suffix == ".xlsx":
        return _checked(path.name, _of_table(_xlsx_rows(given, path, wording), path.name, wording))
    expected = msg("a file .xlsx, .csv or .yaml")
    return given.document.fail(("wording", "file"), expected, as_quoted(wording.file))


def _check_columns(given: ReadMap, wording: WordingFile, *, wanted: bool) -> None:
    for key, value in (("id", wording.id), ("text", wording.text)):
        if wanted and value is None:
            given.document.fail(("wording", key), msg("the title of a column"), NOTHING)
        if not wanted and value is not None:
            given.document.fail(
                ("wording", key), msg("no column for a yaml file"), as_quoted(value)
            )


def _of_yaml(path: Path) -> Iterator[tuple[str, str, str]]:
    document = load_bytes(read_bytes(path), str(path))
    for id, text in document.convert(dict[str, str]).items():
        yield f"{path.name}:{document.line((id,))}", id, text


def _of_table(
    rows: Iterator[Row], name: str, wording: WordingFile
) -> Iterator[tuple[str, str, str]]:
    where, titles = next(rows, (name, ()))
    at = []
    for title in (wording.id or "", wording.text or ""):
        found = [n for n, one in enumerate(titles) if one.strip() == title]
        if len(found) != 1:
            why = msg("the column {name} is there {count} times", name=title, count=len(found))
            raise refused(where, why)
        at.append(found[0])
    for where, row in rows:
        id, text = ((row[n].strip() if n < len(row) else "") for n in at)
        if id or text:
            yield where, id, text


def _csv_rows(path: Path) -> Iterator[Row]:
    raw = small_xlsx.read_bytes(path)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise refused(f"{path.name}:{line}", msg("it is not in UTF-8; save it as UTF-8")) from error
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in rows:
            yield f"{path.name}:{rows.line_num}", row
    except csv.Error as error:
        raise refused(f"{path.name}:{rows.line_num}", msg("it is not a CSV file")) from error


def _xlsx_rows(given: ReadMap, path: Path, wording: WordingFile) -> Iterator[Row]:
    read = small_xlsx.values(path, wording.sheet)
    if isinstance(read, list):
        place, got = ("wording", "sheet"), as_quoted(wording.sheet or "")
        given.document.fail(place, one_of(read), got)
    name, values = read
    by_row: dict[int, dict[int, str]] = {}
    for (row, column), value in values.items():
        by_row.setdefault(row, {})[column] = plain(str(value))
    for row, cells in by_row.items():
        yield f"{path.name}: {name}!{row}", [cells.get(n, "") for n in range(1, max(cells) + 1)]


def _checked(name: str, found: Iterator[tuple[str, str, str]]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for where, id, text in found:
        if not id or not text:
            raise refused(where, msg("clause or text is empty"))
        if texts.setdefault(id, text) != text:
            raise refused(where, msg("{id} has another text above", id=id[:40]))
        if len(text) > MAX_TEXT:
            raise refused(where, msg("the text has more than {count} characters", count=MAX_TEXT))
        check_characters(text, where)
        if len(texts) > MAX_ROWS:
            raise refused(where, msg("it has more than {count} texts", count=MAX_ROWS))
    if not texts:
        raise refused(name, msg("it has no texts"))
    return texts
