"""A kind for each register, and the connector that reads their files."""

from __future__ import annotations

from typing import ClassVar

from audit_core.api.hooks import Connector
from audit_core.api.sdk import AccessSchema, Kind, msg
from audit_core.model.schemas import LocalFile
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


def _kind(register: Register) -> Kind:
    return Kind(
        id=register.kind,
        title=msg("{detail}", detail=register.en, detail_zh=register.zh),
        object_types=("register",),
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
