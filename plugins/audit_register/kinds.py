"""A kind for each register, and the connector that reads their files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from audit_core.api.hooks import Connector
from audit_core.api.sdk import AccessSchema, Kind, Refusal, Schema, msg
from audit_core.model.schemas import LocalFile
from audit_database.access import DatabaseName
from audit_database.statement import Statement, TableName
from audit_register.builtin_registers import REGISTERS
from audit_register.columns import Register
from audit_register.request import RegisterRows


class RegisterAccess(AccessSchema, frozen=True, kw_only=True):
    """The file of a register, relative to the inventory: .csv, .xlsx, .yaml; perhaps its sheet.

    `columns` are the heads of the institution's own, by the id of the column.
    """

    reaches_here: ClassVar[bool] = True

    file: LocalFile
    sheet: str = ""
    columns: dict[str, str] | None = None


class RegisterSettings(Schema, frozen=True, kw_only=True):
    """The SELECT statement of a register that is written at the server of its database.

    Its columns are named as those of the register, by id or title. `reads` are the tables and views
    that it reads, which the account needs.
    """

    query: Statement | None = None
    database: DatabaseName | None = None
    reads: tuple[TableName, ...] = ()

    def refusals(self) -> Iterable[Refusal]:
        """Query, database and reads belong together."""
        given = {"query": self.query, "database": self.database, "reads": self.reads}
        lacking = [name for name, value in given.items() if not value]
        if len(lacking) in (1, 2):
            yield Refusal(place=(lacking[0],), expected=msg("query, database and reads together"),
                          got=msg("nothing"))  # fmt: skip


def _kind(register: Register) -> Kind:
    return Kind(
        id=register.kind,
        title=msg("{detail}", detail=register.en, detail_zh=register.zh),
        object_types=("register",),
        object_type="register",
        settings=RegisterSettings,
        parents=("postgresql", "mysql"),
        part_key=register.kind,
        alone=True,
        needs_access=True,
        access="register",
        example={},
    )


KINDS = tuple(map(_kind, REGISTERS))
CONNECTORS = (
    Connector(
        name="register",
        kinds=tuple(kind.id for kind in KINDS),
        accepts=(RegisterRows,),
        access=RegisterAccess,
        open="audit_register.session:open",
        isolated=True,
    ),
)
