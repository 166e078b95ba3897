"""Rules of data quality as an inventory declares them."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from typing import Annotated

from audit_core.api.sdk import Message, Positive, Schema, Valid, msg
from audit_database.data.identify import Data
from audit_database.data.rules import Kind, Rule
from audit_database.statement import Statement


class About(enum.StrEnum):
    """Which side of quality a statement of the operator is about."""

    ACCURACY = "accuracy"
    COMPLETENESS = "completeness"
    CONSISTENCY = "consistency"
    TIMELINESS = "timeliness"


def _is_name(name: str) -> bool:
    return name.isprintable() and 0 < len(name) <= 128


def _is_pattern(text: str) -> bool:
    try:
        return len(text) <= 200 and bool(re.compile(text))
    except re.error:
        return False


Name = Annotated[str, Valid(holds=_is_name, expected=msg("a name of the database"))]
Pattern = Annotated[str, Valid(holds=_is_pattern, expected=msg("a regular expression"))]

_NEEDS = {
    Kind.FORMAT: ("table", "column", "pattern"), Kind.CHECK: ("table", "column", "data"),
    Kind.CODES: ("table", "column", "codes"), Kind.COUNT: ("table", "figure"),
    Kind.SUM: ("table", "column", "figure"), Kind.FRESH: ("table", "column", "minutes"),
    Kind.REFERENCE: ("table", "column", "of_table", "of_column"), Kind.SQL: ("sql", "about"),
}  # fmt: skip
_USUAL = ("table", "column")
_CHECKED = (
    Data.ID_CARD, Data.BANK_CARD, Data.CREDIT_CODE, Data.PHONE, Data.EMAIL,
)  # fmt: skip


class DeclaredRule(Schema, frozen=True, kw_only=True):
    """One rule; see `audit_database.data.rules.Rule` for the kinds.

    `at_most` is the share of values that may break it (0: none), of UNIQUE, GAPS, REFERENCE and SQL
    their number. `figure` is the name under which COUNT and SUM of several databases are compared,
    `tolerance` by how much they may differ. `minutes` is how old the newest value may be.
    """

    rule: Kind
    name: Name | None = None
    table: Name | None = None
    column: Name | None = None
    schema: Name | None = None
    at_most: float = 0.0
    data: Data | None = None
    pattern: Pattern | None = None
    codes: tuple[str, ...] = ()
    of_table: Name | None = None
    of_column: Name | None = None
    of_schema: Name | None = None
    minutes: Positive | None = None
    figure: Name | None = None
    tolerance: float = 0.0
    sql: Statement | None = None
    about: About | None = None

    def missing(self) -> Iterator[str]:
        """The settings that this kind of rule needs."""
        for name in _NEEDS.get(self.rule, _USUAL):
            if not getattr(self, name):
                yield name

    def wrong(self) -> Message | None:
        """What else is expected of it."""
        if self.at_most < 0 or self.tolerance < 0:
            return msg("a number from 0")
        if self.rule is Kind.CHECK and self.data not in _CHECKED:
            return msg("data that has a check: {kinds}", kinds=tuple(str(d) for d in _CHECKED))
        return None

    @property
    def title(self) -> str:
        """The given name, else the kind with its place."""
        place = ".".join(filter(None, (self.schema, self.table, self.column)))
        return self.name or f"{self.rule} {self.figure or place}"

    def made(self) -> Rule:
        """What the session is asked."""
        return Rule(
            name=self.title, kind=self.rule, table=self.table or "", column=self.column or "",
            schema=self.schema, data=self.data, pattern=self.pattern or "", codes=self.codes,
            of_table=self.of_table or "", of_column=self.of_column or "",
            of_schema=self.of_schema, sql=self.sql or "",
        )  # fmt: skip
