"""The question for the rows of a register."""

from __future__ import annotations

from typing import ClassVar

from audit_core.model import Message, Request, msg


class RegisterRows(Request, frozen=True, kw_only=True, tag="register"):
    """The rows of the file that the inventory names, with the columns of `register`.

    An answer of more than `rows` rows is refused: a register of that size is a database.
    """

    evidence_kind: ClassVar[str] = "register"
    evidence_title: ClassVar[Message] = msg("register")
    bounds: ClassVar[tuple[str, ...]] = (*Request.bounds, "rows")
    waiting: ClassVar[frozenset[str]] = Request.waiting | {*bounds}

    register: str
    rows: int = 50_000
    limit: int = 16 << 20
    timeout_s: int = 120

    def describe(self) -> str:
        """The kind of register that is read."""
        return f"register {self.register}"

    def place(self) -> str:
        """Nothing: the target is the file."""
        return ""

    def as_message(self) -> Message:
        """What is read, for a record sheet."""
        return msg("rows of the register {register}", register=self.register)
