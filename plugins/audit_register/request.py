"""The questions for the rows of a register: of a file, or of a statement in a database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from audit_core.model import Message, Request, msg
from audit_database.query import Query
from audit_register.builtin_registers import BY_ID
from audit_register.reading.row_reader import lines_of_query

ROWS_MAX = 50_000


class RegisterRows(Request, frozen=True, kw_only=True, tag="register"):
    """The rows of the file that the inventory names, with the columns of `register`.

    An answer of more than `rows` rows is refused: a register of that size is a database.
    """

    evidence_kind: ClassVar[str] = "register"
    evidence_title: ClassVar[Message] = msg("register")
    bounds: ClassVar[tuple[str, ...]] = (*Request.bounds, "rows")
    waiting: ClassVar[frozenset[str]] = Request.waiting | {*bounds}

    register: str
    rows: int = ROWS_MAX
    limit: int = 16 << 20
    timeout_s: int = 120

    def describe(self) -> str:
        """The kind of register that is read."""
        return f"register {self.register}"

    def short(self) -> Message:
        """What is read."""
        return self.as_message()

    def as_message(self) -> Message:
        """What is read, for a record sheet."""
        return msg("rows of the register {register}", register=self.register)


class RegisterQuery(Query, frozen=True, kw_only=True, tag="register-query"):
    """The rows of a declared read-only statement, with the columns of a register.

    Personal data is cut where the rows arrive: what is stored is as of a file. `rows`
    is one more than a register may have: that many are refused.
    """

    evidence_kind: ClassVar[str] = "register"

    register: str
    rows: int = ROWS_MAX + 1
    limit: int = 16 << 20
    timeout_s: int = 60

    def as_message(self) -> Message:
        """What is read, for a record sheet."""
        return msg("rows of the register {register} by SQL: {statement}", register=self.register,
                   statement=self.describe())  # fmt: skip

    def lines(self, columns: Sequence[str], rows: Iterator[Sequence[Any]]) -> Iterator[bytes]:
        """The answer: the columns, each row as a file has it, then what is wrong."""
        return lines_of_query(BY_ID[self.register], self.database, columns, rows, self.rows - 1)
