"""What people filled in in a document of a pack, as an importer reads it. Pure.

An importer knows a file format and tells only rows that a person changed; the core turns them into
answers and re-test results.
"""

from __future__ import annotations

import enum

from msgspec import Struct


class FormKind(enum.StrEnum):
    """What a row is about: a question, an issue that was found, or the record of an item."""

    QUESTION = "question"
    ISSUE = "issue"
    RECORD = "record"


PENDING = "pending:"
"""Before a result, where the word of a record says that answers may still better it."""


class Entry(Struct, frozen=True, kw_only=True):
    """A value in a row, and its place in the document, such as `Issues!K7`."""

    value: str
    where: str


class FormRow(Struct, frozen=True, kw_only=True):
    """A row that a person changed: `key` identifies its subject, `entries` are its values by field.

    Fields of a question are `answer` (a verdict of an answer), `text`, `by`, `date`, `evidence`.
    Its key is the id of the question. Fields of an issue are `responsible`, `due`, `status`,
    `retest`, `risk`, `note`, `harm`, `advice`. Its key is `check:ID`, or `clause:CATALOG/CLAUSE`
    where no single check found it. Fields of a record are `conformity` (a result, after `pending:`
    where it is marked so) and those of a question but `answer`; its key is `CATALOG/CLAUSE@OBJECT`.
    Days are ISO 8601. What is empty was left empty, or emptied.
    """

    kind: FormKind
    key: str
    where: str
    entries: dict[str, Entry]

    def __getitem__(self, field: str) -> str:
        return self.entries[field].value if field in self.entries else ""

    def place(self, field: str) -> str:
        """The place of `field` in the document; that of the row where it has no such field."""
        return self.entries[field].where if field in self.entries else self.where


class Form(Struct, frozen=True, kw_only=True):
    """The rows of a document that a person changed, and the run that it was made for."""

    run: str
    rows: tuple[FormRow, ...]
