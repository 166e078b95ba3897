"""Whether the values of a declared column are stored as declared. Pure."""

from __future__ import annotations

import enum

from msgspec import Struct

from audit_core.api.sdk import Message, msg
from audit_data.certainty import Certainty, certainty
from audit_data.kind import DeclaredColumn, Grade, Protection, usual_grade
from audit_data.sample import KIND_NAMES, percent
from audit_database.data.answer import Column, Found
from audit_database.data.identify import Data
from audit_database.data.passwords import SALTED, WEAK


class Outcome(enum.StrEnum):
    """GOOD and BAD are certain; EMPTY: there is nothing to protect; OPEN: a person has to look."""

    GOOD = "good"
    BAD = "bad"
    EMPTY = "empty"
    OPEN = "open"


class OutcomeText(Struct, frozen=True, kw_only=True):
    """The outcome for one column, and what was seen."""

    outcome: Outcome
    text: Message


def _outcome(outcome: Outcome, column: Column, why: Message) -> OutcomeText:
    return OutcomeText(
        outcome=outcome, text=msg("{column}: {why}", column=column.full_name, why=why)
    )


def in_clear(declared: DeclaredColumn, column: Column) -> tuple[Data, Found] | None:
    """The kind of data that lies in `column` in clear for certain; None where none does."""
    kinds = [kind for kind in Data if certainty(column, kind) is Certainty.CERTAIN]
    wanted = [declared.data] if declared.data is not None and declared.data in column.found else []
    # of numbers without meaning, one in ten has the right check digit
    sure = [kind for kind in wanted if _is_no_chance(column.found[kind])]
    kinds = [*sure, *kinds]
    return (kinds[0], column.found[kinds[0]]) if kinds else None


def _is_no_chance(found: Found) -> bool:
    return found.shaped == 0 or found.hits * 2 > found.shaped


def stored(declared: DeclaredColumn, column: Column) -> OutcomeText:
    """Whether the values of `column` are kept as the inventory declares."""
    if not column.read:
        return _outcome(Outcome.OPEN, column, msg("not examined"))
    if declared.protection is Protection.PLAIN and declared.held_grade in (Grade.C2, Grade.C3):
        return _outcome(Outcome.BAD, column, msg("declared to be stored in clear, class {grade}",
                                              grade=str(declared.held_grade)))  # fmt: skip
    if column.values == 0:
        return _outcome(Outcome.EMPTY, column, msg("no values"))
    if declared.data is Data.PASSWORD:
        return password(column)
    clear = in_clear(declared, column)
    if declared.protection is Protection.PLAIN:
        clear = _above(declared, column)
    return _by_look(declared, column) if clear is None else _clear(declared, column, *clear)


def _above(declared: DeclaredColumn, column: Column) -> tuple[Data, Found] | None:
    """What lies for certain in a column that may be in clear, and is of a class that may not."""
    for kind in Data:
        other = kind is not declared.data and usual_grade(kind) is not Grade.C1
        if other and certainty(column, kind) is Certainty.CERTAIN:
            return kind, column.found[kind]
    return None


def _clear(declared: DeclaredColumn, column: Column, kind: Data, found: Found) -> OutcomeText:
    detail = msg(
        "{count} of {values} values ({share} %) are {kind} in clear, e.g. {specimen}",
        count=found.count, values=column.values, share=percent(found.count, column.values),
        kind=KIND_NAMES[kind], specimen=found.specimen,
    )  # fmt: skip
    if declared.protection is Protection.SYNTHETIC:
        return _outcome(Outcome.OPEN, column, msg("{detail}; declared as synthetic, which "
                                               "cannot be verified", detail=detail))  # fmt: skip
    return _outcome(Outcome.BAD, column, detail)


def _by_look(declared: DeclaredColumn, column: Column) -> OutcomeText:
    rest = column.values - column.opaque - column.masked - column.digests
    looks = msg(
        "of {values} values {opaque} look like ciphertext, {masked} are masked, {digests} may be "
        "short digests, {other} are neither",
        values=column.values, opaque=column.opaque, masked=column.masked,
        digests=column.digests, other=rest,
    )  # fmt: skip
    kept = {
        Protection.ENCRYPTED: column.opaque,
        Protection.MASKED: column.masked + column.opaque,
        Protection.HASHED: column.digests + column.opaque,
        Protection.PLAIN: column.values,
        Protection.SYNTHETIC: 0,
        None: column.opaque + column.masked,
    }[declared.protection]
    return _outcome(Outcome.GOOD if kept == column.values else Outcome.OPEN, column, looks)


def password(column: Column) -> OutcomeText:
    """Whether the passwords in `column` are salted hashes of a scheme that is made for them."""
    if not column.read:
        return _outcome(Outcome.OPEN, column, msg("not examined"))
    if not column.schemes:
        return _outcome(Outcome.EMPTY, column, msg("no values"))
    names = ", ".join(f"{name} {count}" for name, count in sorted(column.schemes.items()))
    detail = msg("passwords by scheme: {schemes}", schemes=names)
    if WEAK & set(column.schemes):
        return _outcome(Outcome.BAD, column, detail)
    if set(column.schemes) <= SALTED | {"masked"}:
        return _outcome(Outcome.GOOD, column, detail)
    if column.repeated and "digest" in column.schemes:
        detail = msg("{detail}; equal digests repeat, as without salt", detail=detail)
    return _outcome(Outcome.OPEN, column, detail)
