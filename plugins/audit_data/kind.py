"""The kind of target that is a set of data in a database."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from audit_core.api.sdk import Kind, Refusal, Schema, Valid, msg
from audit_data.declared_rules import DeclaredRule, Name
from audit_database.access import DatabaseName
from audit_database.data.identify import Data
from audit_database.data.requests import ColumnRef


class Environment(enum.StrEnum):
    """What the data are for."""

    PRODUCTION = "production"
    TEST = "test"
    DEVELOPMENT = "development"


class Grade(enum.StrEnum):
    """The classes of personal financial data of JR/T 0171-2020; C3 harms most."""

    C1 = "C1"
    C2 = "C2"
    C3 = "C3"


class Protection(enum.StrEnum):
    """How the values of a column are stored, as declared.

    `SYNTHETIC`: they are made up, and belong to nobody.
    """

    PLAIN = "plain"
    MASKED = "masked"
    ENCRYPTED = "encrypted"
    HASHED = "hashed"
    SYNTHETIC = "synthetic"


# Recalled from JR/T 0171-2020; a unified social credit code is of a company.
_GRADES = {
    Data.PASSWORD: Grade.C3, Data.TRACK: Grade.C3, Data.CVN: Grade.C3, Data.CREDIT_CODE: Grade.C1,
}  # fmt: skip


def usual_grade(data: Data) -> Grade:
    """The class of a kind of data where the inventory declares none."""
    return _GRADES.get(data, Grade.C2)


Rows = Annotated[
    int, Valid(holds=lambda n: 10 <= n <= 5000, expected=msg("a whole number from 10 to 5000"))
]


class DeclaredColumn(Schema, frozen=True, kw_only=True):
    """A column with sensitive data: of which kind and class, and how it is stored.

    Without a `schema` it is in any that has the table. Columns with the same `element` hold the
    same thing in different databases, such as the number of a customer.
    """

    table: Name
    column: Name
    schema: Name | None = None
    data: Data | None = None
    grade: Grade | None = None
    protection: Protection | None = None
    element: Name | None = None

    @property
    def ref(self) -> ColumnRef:
        """The place of the column, for a reader."""
        return ColumnRef(table=self.table, column=self.column, data=self.data, schema=self.schema)

    @property
    def sensitive(self) -> bool:
        """Whether anything but an element is declared."""
        return not (self.data is None and self.grade is None and self.protection is None)

    @property
    def held_grade(self) -> Grade | None:
        """The declared class, else that of the kind of data."""
        if self.grade is None and self.data is not None:
            return usual_grade(self.data)
        return self.grade


class DataSetSettings(Schema, frozen=True, kw_only=True):
    """The data in one database of a server.

    `schemas` limits what is looked at; all are where none is named. `rows` are taken of each table.
    `log_tables` are logs by other names than log. `rules` are those of data quality.
    """

    database: DatabaseName
    environment: Environment
    schemas: tuple[Name, ...] = ()
    columns: tuple[DeclaredColumn, ...] = ()
    log_tables: tuple[Name, ...] = ()
    rows: Rows = 500
    rules: tuple[DeclaredRule, ...] = ()

    def refusals(self) -> Iterable[Refusal]:
        """A column or a rule declared twice, and a rule that lacks something."""
        yield from self._column_refusals()
        titles = set()
        for index, rule in enumerate(self.rules):
            place = ("rules", index)
            for name in rule.missing():
                yield Refusal(place=(*place, name), expected=msg("a value"), got=msg("nothing"))
            if (wrong := rule.wrong()) is not None:
                yield Refusal(place=place, expected=wrong)
            if rule.title in titles:
                yield Refusal(place=place, expected=msg("rules with different names (name)"),
                              got=msg("it again"))  # fmt: skip
            titles.add(rule.title)

    def _column_refusals(self) -> Iterable[Refusal]:
        seen = set()
        for index, each in enumerate(self.columns):
            key = (each.schema, each.table, each.column)
            if key in seen:
                expected = msg("each column once")
                yield Refusal(place=("columns", index), expected=expected, got=msg("it again"))
            seen.add(key)


def _named(id: str | None, settings: Mapping[str, Any]) -> str | None:
    return f"data:{id}" if id is not None else f"data:{settings['database']}"


DATA_SET = Kind(
    id="database_data",
    title=msg("Data in a database"),
    object_types=(
        "business_data", "personal_information", "authentication_data", "audit_data",
        "configuration_data",
    ),
    object_type="business_data",
    settings=DataSetSettings,
    example={"database": "core", "environment": "production"},
    parents=("postgresql", "mysql"),
    part_key="data",
    part_name=_named,
    needs_access=True,
)  # fmt: skip

KINDS = (DATA_SET,)
