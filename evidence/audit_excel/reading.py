"""Reads a workbook back: which rows of its questions and issues a person changed.

Rows are known by their hidden cell, columns by their titles, wherever they stand. What cannot be
told with certainty is refused with sheet and cell: nothing is guessed.
"""

from __future__ import annotations

import datetime
import io
import re
import unicodedata
import warnings
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl
from msgspec import Struct
from msgspec.structs import replace
from openpyxl.utils import get_column_letter

from audit_core.model import Message, msg
from audit_core.model.errors import InputError
from audit_core.model.forms import Entry, Form, FormKind, FormRow
from audit_core.text.days import written_day
from audit_core.text.translate import Translator
from audit_excel import row_keys, xlsx
from audit_excel.fill_in import (
    GENERATED,
    PROPOSED,
    Field,
    RowMark,
    columns_of,
    digest_of,
    in_order,
    plain,
    question_keys,
    read_head,
    read_row,
    short_digest,
    step_field,
)
from audit_excel.xlsx import check_characters, refused

MAX_CELLS = 4_000_000
MAX_WIDTH = 200
MAX_TEXT = 4_000
MAX_STEPS = 20
"""Columns for steps that are looked for; no clause has more than six."""

_GAP = 5_000
"""So many empty rows end a table; what stands below is refused, not overlooked."""

_RECORD = msg("Result record")
_NO_EDITS = msg("the record was changed: it is made from checks and answers. Put what you add into "
                "the columns behind it")  # fmt: skip
_NO_HEAD = msg(
    "the head of its table is missing: keep the row with the titles, and its hidden cell"
)
_MOVED = msg("the text of dengbao in this row was changed, or moved without its hidden cell. Sort "
             "whole rows; put what you add into the columns to fill in")  # fmt: skip
_NO_KEY = msg("the row has no key: fill in the rows that dengbao wrote, or copy them whole")


def read(path: Path, raw: bytes) -> Form:
    """The rows that a person changed; raises InputError with the place of what is wrong."""
    xlsx.check(path.name, raw)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl tells of parts that it leaves out
            book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, keep_links=False)
    except Exception as error:
        raise refused(path.name, msg("it is not an intact .xlsx file")) from error
    xlsx.check_sheets(path.name, raw, book)
    return _Reader(path.name).form(book)


class _Head(Struct, frozen=True, kw_only=True):
    """The head of a table: which it is, and in which columns (from 0) its fields and keys stand.

    `record` is the column of the record of an item, `generated` those that dengbao writes, by
    their number.
    """

    kind: FormKind
    run: str
    lang: str
    key: int
    columns: Mapping[str, int]
    record: int = -1
    generated: Mapping[int, int] = {}


_RowsByKey = dict[tuple[FormKind, str], FormRow]


class _Reader:
    def __init__(self, name: str) -> None:
        self._name = name
        self._cells = 0
        self._run = ""
        self._rows_seen: _RowsByKey = {}
        self._parts_seen: _RowsByKey = {}
        self._translators: dict[str, Translator] = {}
        self._known: dict[str, dict[str, str]] = {}

    def form(self, book: Any) -> Form:
        """What stands in all tables of `book` that people fill in."""
        rows: list[FormRow] = []
        for sheet in book.worksheets:
            try:
                rows += self._sheet(sheet)
            except InputError:
                raise
            except Exception as error:
                raise refused(sheet.title, msg("the worksheet cannot be read")) from error
        if not self._run:
            raise refused(self._name, msg("no table of dengbao to fill in was found"))
        return Form(run=self._run, rows=tuple(rows))

    def _sheet(self, sheet: Any) -> Iterator[FormRow]:
        head: _Head | None = None
        for number, cells in self._rows(sheet):
            found = self._head(sheet.title, number, cells)
            if found is not None:
                head = found
                _refuse_merged(sheet, number)
            elif head is not None:
                yield from self._row(sheet.title, number, cells, head)
            elif any(isinstance(c.value, str) and read_row(c.value) for c in cells.values()):
                raise refused(f"{sheet.title}!{number}", _NO_HEAD)

    def _rows(self, sheet: Any) -> Iterator[tuple[int, dict[int, Any]]]:
        """The cells of each row that hold something, by column from 0."""
        last = 0
        for number, cells in xlsx.rows(sheet, MAX_WIDTH):
            self._cells += len(cells)
            if number - last > _GAP or self._cells > MAX_CELLS:
                raise refused(f"{sheet.title}!{number}", msg("it has too many rows or cells"))
            last = number
            yield number, cells

    # --- heads

    def _head(self, title: str, number: int, cells: Mapping[int, Any]) -> _Head | None:
        for column, cell in cells.items():
            head = read_head(cell.value) if isinstance(cell.value, str) else None
            if head is not None:
                kind, lang, run = head
                where = f"{title}!{get_column_letter(column + 1)}{number}"
                if self._run not in ("", run):
                    raise refused(where, msg("the tables are of different runs"))
                self._run = run
                return _Head(
                    kind=kind, run=run, lang=lang, key=column,
                    columns=self._columns(title, number, cells, kind, lang),
                    record=self._at(title, number, cells, _RECORD, lang)
                    if kind is FormKind.RECORD else -1,
                    generated=self._generated(title, number, cells, kind, lang),
                )  # fmt: skip
        return None

    def _generated(
        self, title: str, number: int, cells: Mapping[int, Any], kind: FormKind, lang: str
    ) -> dict[int, int]:
        """The columns that dengbao writes, those that are still there, by their number."""
        at = (self._at(title, number, cells, one, lang, optional=True) for one in GENERATED[kind])
        return {n: column for n, column in enumerate(at) if column >= 0}

    def _columns(
        self, title: str, number: int, cells: Mapping[int, Any], kind: FormKind, lang: str
    ) -> dict[str, int]:
        found = {}
        for id, title_, field in columns_of(kind, MAX_STEPS):
            at = self._at(title, number, cells, title_, lang, optional=field.per_step)
            if at >= 0:
                found[id] = at
        return found

    def _at(
        self,
        title: str,
        number: int,
        cells: Mapping[int, Any],
        column: Message,
        lang: str,
        *,
        optional: bool = False,
    ) -> int:
        """The column with that title; -1 where it is `optional` and not there."""
        name = self._say(column, lang)
        texts = ((n, cell.value) for n, cell in cells.items())
        at = [n for n, text in texts if isinstance(text, str) and plain(text) == name]
        if len(at) > 1 or not (at or optional):
            problem = msg("the column {name} is there {count} times", name=name, count=len(at))
            raise refused(f"{title}!{number}", problem)
        return at[0] if at else -1

    def _say(self, message: Message, lang: str) -> str:
        if lang not in self._translators:
            folder = Path(__file__).parent / "locale"
            self._translators[lang] = Translator(lang, {"audit_excel": folder})
        return self._translators[lang].say(message)

    def _record(self, row: FormRow, digests: Sequence[str], text: str) -> Iterator[FormRow]:
        """`row` where a person changed it; it stands on two sheets, and may be changed on one."""
        key = row_keys.record_of(row.key)
        if key is None or len(digests) != 2:
            raise refused(row.where, _NO_KEY)
        if digest_of([text]) != digests[1]:
            raise refused(row.where, _NO_EDITS)
        keyed = replace(row, key=key)
        if _digest(keyed) != digests[0] and not self._again(keyed, self._rows_seen):
            yield keyed

    # --- rows

    def _row(
        self, title: str, number: int, cells: Mapping[int, Any], head: _Head
    ) -> Iterator[FormRow]:
        key = cells.get(head.key)
        mark = read_row(key.value) if key is not None and isinstance(key.value, str) else None
        where = f"{title}!{number}"
        if mark is None:
            if key is not None or any(column in cells for column in head.columns.values()):
                raise refused(where, _NO_KEY)
            return
        fields = {id: field for id, _, field in columns_of(head.kind, MAX_STEPS)}
        entries = {
            id: self._entry(title, number, cells, column, fields[id])
            for id, column in head.columns.items()
        }
        row = FormRow(kind=head.kind, key=mark.key, where=where, entries=entries)
        _refuse_moved(title, number, cells, head, mark)
        if head.kind is FormKind.RECORD:
            yield from self._record(
                row,
                mark.filled,
                plain(str(cells[head.record].value)) if head.record in cells else "",
            )
            return
        if self._again(row, self._rows_seen):
            return
        if head.kind is FormKind.ISSUE:
            row = _without_proposals(row, mark.filled)
        for part in _changed(row, mark.filled):
            if not self._again(part, self._parts_seen):
                yield part

    def _again(self, row: FormRow, rows: _RowsByKey) -> bool:
        """Whether the same row was there before; raises InputError where it said otherwise."""
        first = rows.setdefault((row.kind, row.key), row)
        if first is row:
            return False
        if [e.value for e in first.entries.values()] != [e.value for e in row.entries.values()]:
            why = msg("the row appears twice with different content (first in {first})",
                      first=first.where)  # fmt: skip
            raise refused(row.where, why)
        return True

    def _entry(
        self, title: str, number: int, cells: Mapping[int, Any], column: int, field: Field
    ) -> Entry:
        where = f"{title}!{get_column_letter(column + 1)}{number}"
        cell = cells.get(column)
        text = "" if cell is None else _text(cell, where)
        if text and field.date:
            text = _day(text, where)
        if text and field.words:
            text = self._choice(text, where, field)
        return Entry(value=text, where=where)

    def _words(self, field: Field) -> dict[str, str]:
        """The code of each word of `field`, in either language."""
        if field.id not in self._known:
            self._known[field.id] = {
                _folded(self._say(word, lang)): code
                for lang in ("en", "zh")
                for code, word in field.words.items()
            }
        return self._known[field.id]

    def _choice(self, text: str, where: str, field: Field) -> str:
        """The code of the word `text`, in either language."""
        words = self._words(field)
        if _folded(text) not in words:
            shown = (
                self._say(word, lang) for lang in ("en", "zh") for word in field.words.values()
            )
            why = msg("{text} is not one of the values to choose from: {words}",
                      text=text[:80], words=tuple(shown))  # fmt: skip
            raise refused(where, why)
        return words[_folded(text)]


def _folded(word: str) -> str:
    """`word` without the difference of full-width and capital letters."""
    return unicodedata.normalize("NFKC", word).casefold()


def _refuse_moved(
    title: str, number: int, cells: Mapping[int, Any], head: _Head, mark: RowMark
) -> None:
    """Raises InputError where a cell that dengbao wrote is not the one of the key of its row."""
    for n, column in head.generated.items():
        held = plain(str(cells[column].value)) if column in cells else ""
        if n < len(mark.generated) and short_digest(held) != mark.generated[n]:
            raise refused(f"{title}!{get_column_letter(column + 1)}{number}", _MOVED)


def _without_proposals(row: FormRow, digests: Sequence[str]) -> FormRow:
    """`row` of an issue without what was only proposed: nobody wrote it."""
    entries = dict(row.entries)
    for name, digest in zip(PROPOSED, digests[1:], strict=False):
        if digest_of([entries[name].value]) == digest:
            entries[name] = replace(entries[name], value="")
    return replace(row, entries=entries)


def _changed(row: FormRow, digests: Sequence[str]) -> Iterator[FormRow]:
    """`row` where it is not as it was written; of a row of questions, one for each such step."""
    if row.kind is not FormKind.QUESTION:
        if _digest(row) != digests[0]:
            yield row
        return
    steps = question_keys(row.key)
    if len(steps) != len(digests):
        raise refused(row.where, _NO_KEY)
    _refuse_other_steps(row, {step_field("answer", step) for step, _ in steps})
    parts = [_part(row, step, key) for step, key in steps]
    blank = digest_of(in_order(row.kind, {}))
    pairs = list(zip(parts, digests, strict=True))
    changed = [part for part, digest in pairs if _digest(part) != digest]
    # A step that nobody answered stays open, but words without any answer are not passed over.
    written = [p for p, digest in pairs if p in changed and (p["answer"] or digest != blank)]
    yield from written if written or any(p["answer"] for p in parts) else changed[:1]


def _refuse_other_steps(row: FormRow, asked: Container[str]) -> None:
    for id, entry in row.entries.items():
        if id.startswith(step_field("answer", "")) and id not in asked and entry.value:
            raise refused(entry.where, msg("the row does not ask for this step"))


def _part(row: FormRow, step: str, key: str) -> FormRow:
    """What `row` says of one of its steps."""
    id = step_field("answer", step)
    if id not in row.entries:
        raise refused(row.where, msg("the column of step {number} is missing", number=step))
    shared = {n: e for n, e in row.entries.items() if not n.startswith(step_field("answer", ""))}
    return replace(row, key=key, entries={"answer": row.entries[id], **shared})


def _digest(row: FormRow) -> str:
    return digest_of(in_order(row.kind, {n: e.value for n, e in row.entries.items()}))


def _text(cell: Any, where: str) -> str:
    """The text of a cell; a formula or an error value is none."""
    value, kind = cell.value, cell.data_type
    if kind == "f":
        raise refused(where, msg("a formula is not accepted; enter its value"))
    if kind == "e":
        raise refused(where, msg("{value} is an error value", value=str(value)[:40]))
    if isinstance(value, datetime.datetime | datetime.date):
        return value.strftime("%Y-%m-%d") if value.year >= 1000 else str(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = plain(str(value))
    if len(text) > MAX_TEXT:
        raise refused(where, msg("the text has more than {count} characters", count=MAX_TEXT))
    check_characters(text, where)
    return text


def _day(text: str, where: str) -> str:
    day = written_day(text)
    if day is None:
        raise refused(where, msg("{text} is not a day like 2026-11-29", text=text[:40]))
    return day


_MERGED = re.compile(rb'<(?:[A-Za-z0-9]+:)?mergeCell [^>]*?ref="([A-Z]+[0-9]+:[A-Z]+([0-9]+))"')
_TAIL = 300


def _refuse_merged(sheet: Any, head: int) -> None:
    """Merged cells below the head hide to which row a value belongs."""
    # Read-only worksheets of openpyxl tell no merged cells.
    with sheet._get_source() as source:
        before = b""
        while piece := source.read(1 << 20):
            for hit in _MERGED.finditer(before + piece):
                if int(hit[2]) > head:
                    where = f"{sheet.title}!{hit[1].decode()}"
                    raise refused(where, msg("merged cells are not accepted here"))
            before = piece[-_TAIL:]
