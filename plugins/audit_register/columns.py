"""What a register is made of: its columns, and what each holds."""

from __future__ import annotations

import datetime
import enum
import unicodedata
from collections.abc import Iterable, Mapping

from msgspec import Struct, structs

from audit_core.api.sdk import Message, msg

CHINA = datetime.timezone(datetime.timedelta(hours=8))
"""The time of the institutions: that of all of China, without summer time."""


class Holds(enum.StrEnum):
    """What the cells of a column hold. A LIST is separated by commas, semicolons or blanks.

    A NUMBER is not negative. A PERCENT is from 0 to 100, and no fraction: 0.85 is not 85 %.
    """

    TEXT = "text"
    DATE = "date"
    TIME = "time"
    NUMBER = "number"
    PERCENT = "percent"
    YES_NO = "yes_no"
    LIST = "list"


class Mask(enum.StrEnum):
    """What is cut from a cell before anything is stored: all but an end of it."""

    NAME = "name"
    NUMBER = "number"


class Column(Struct, frozen=True, kw_only=True):
    """A column: its id, its heads in Chinese and English, and what it holds.

    `needed`: a file without this column is refused. `filled`: each row has a value. `choices` are
    the words that are taken, each with its Chinese. `own` is the head that the institution uses
    instead.
    """

    id: str
    zh: str
    en: str
    holds: Holds = Holds.TEXT
    needed: bool = True
    filled: bool = True
    mask: Mask | None = None
    choices: tuple[tuple[str, str], ...] = ()
    own: str = ""

    def title(self) -> Message:
        """The head, for the reader."""
        if self.own:
            return msg("{detail}", detail=self.own)
        return msg("{detail}", detail=self.en, detail_zh=self.zh)

    def named(self, head: str) -> bool:
        """Whether `head` is one of the heads, or the id; where there is one of its own, that."""
        if self.own:
            return fold(head) == fold(self.own)
        return fold(head) in (fold(self.id), fold(self.zh), fold(self.en))

    def choice(self, text: str) -> str | None:
        """The word for `text` among the choices; None where it is none of them."""
        folded = fold(text)
        return next((id for id, zh in self.choices if folded in (fold(id), fold(zh))), None)


class Register(Struct, frozen=True, kw_only=True):
    """A register: its id, its names, its columns; `key` are those that name a row."""

    id: str
    zh: str
    en: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The kind of target that it is."""
        return f"{self.id}_register"

    def column(self, id: str) -> Column:
        """The column of that id."""
        return next(column for column in self.columns if column.id == id)


def with_heads(register: Register, own: Mapping[str, str]) -> Register:
    """`register` with the heads of the institution, by the id of the column."""
    columns = tuple(structs.replace(c, own=own.get(c.id, "")) for c in register.columns)
    return structs.replace(register, columns=columns)


def same(text: str) -> str:
    """`text` as names and numbers are compared: without blanks, width of letters, and case."""
    return "".join(unicodedata.normalize("NFKC", text).split()).casefold()


def fold(head: str) -> str:
    """`head` as it is compared: without blanks, marks of what is required, and case."""
    return "".join(c for c in head.strip().casefold() if not c.isspace() and c not in "*＊_")


def missing(columns: Iterable[Column], heads: Iterable[str]) -> tuple[Column, ...]:
    """The needed ones of `columns` that none of `heads` names."""
    given = tuple(heads)
    return tuple(c for c in columns if c.needed and not any(c.named(head) for head in given))
