"""Whether each register is kept: its rows are whole, each is there once, and owners exist."""

from __future__ import annotations

from audit_core.api.sdk import (
    Check,
    Judgement,
    Message,
    Others,
    Severity,
    check,
    each,
    failed,
    msg,
)
from audit_register.builtin_registers import BY_ID, REGISTERS
from audit_register.columns import Register
from audit_register.facts import BY_REGISTER, Row, Table
from audit_register.rules import empty, judged, label, rows_in

_OWNERS = ("owner", "staff_no", "chair")
STAFF_REGISTER = each("staff_register", BY_REGISTER["staff"])


def staff_of(registers: Others) -> dict[str, Row] | None:
    """Everybody in the registers of staff by number; None where one was not read in full."""
    rows = rows_in(registers) or ()
    return {str(row["staff_no"]): row for row in rows} or None


def problems(table: Table, staff: dict[str, Row] | None) -> list[Message]:
    """What is wrong in the rows of `table`, row by row."""
    register = BY_ID[table.register]
    there = {column for row in table.rows[:1] for column in row.cells}
    needed = [c.id for c in register.columns if c.filled and c.id in there]
    found = [
        empty(table, column, row) for row in table.rows for column in needed if row[column] is None
    ]
    return [*found, *_twice(register, table), *_nobody(register, table, staff)]


def _twice(register: Register, table: Table) -> list[Message]:
    first: dict[tuple[str, ...], int] = {}
    found = []
    for row in table.rows:
        key = tuple(str(row[column]) for column in register.key)
        at = first.setdefault(key, row.number)
        if at != row.number:
            found.append(msg("{row}: duplicate of row {first}",
                             row=label(table, row), first=at))  # fmt: skip
    return found


def _nobody(register: Register, table: Table, staff: dict[str, Row] | None) -> list[Message]:
    """Owners that are not in the register of staff, or have left."""
    if staff is None or register.id == "staff":
        return []
    columns = [c.id for c in register.columns if c.id in _OWNERS]
    found = []
    for row in table.rows:
        for column in columns:
            number = row[column]
            if number is None:
                continue
            person = staff.get(str(number))
            if person is None:
                found.append(msg("{row}: {column} {number} is not in the register of staff",
                                 row=label(table, row), column=table.title(column),
                                 number=str(number)))  # fmt: skip
            elif person["left"] is not None and register.id not in ("duty", "meetings"):
                found.append(msg("{row}: {column} {number} left on {date}",
                                 row=label(table, row), column=table.title(column),
                                 number=str(number), date=str(person["left"])))  # fmt: skip
    return found


def _kept(register: Register) -> Check:
    @check(
        f"register.{register.id}-kept",
        needs=(BY_REGISTER[register.id], STAFF_REGISTER),
        kind=register.kind,
        severity=Severity.MEDIUM,
        remedy=msg(
            "Complete the register: fill empty values, name current staff, remove duplicates"
        ),
    )
    def kept(table: Table, registers: Others) -> Judgement:
        """The register is complete: no empty values, no duplicates, owners are on the staff."""
        if not table.rows:
            return failed(msg("The register has no rows"))
        summary = msg("{file}: {count} rows, all complete", file=table.file, count=len(table.rows))
        return judged(problems(table, staff_of(registers)), summary)

    return kept


# A bank without complaints has an empty register of them.
CHECKS = tuple(map(_kept, (register for register in REGISTERS if register.id != "complaints")))
