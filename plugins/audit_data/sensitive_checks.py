"""Sensitive data: stored as declared, found where nothing is declared, and where none may be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from audit_core.api.sdk import (
    TARGET,
    Judgement,
    Message,
    Severity,
    Target,
    check,
    failed,
    few,
    msg,
    not_applicable,
    passed,
    settings_of,
    undetermined,
)
from audit_data.certainty import Certainty
from audit_data.kind import DataSetSettings, Environment, Protection
from audit_data.sample import (
    SAMPLE,
    Held,
    declared_in,
    gaps,
    held,
    open_because,
    sampled_tables,
)
from audit_data.storage_form import Outcome, OutcomeText, password, stored
from audit_database.data import names
from audit_database.data.answer import Column, Sampled, Table
from audit_database.data.identify import Data

PERSONAL = (
    Data.ID_CARD, Data.BANK_CARD, Data.PHONE, Data.NAME, Data.ADDRESS, Data.EMAIL, Data.TRACK,
    Data.CVN,
)  # fmt: skip
_MOST = 30


def _settings(target: Target) -> DataSetSettings:
    return settings_of(target, DataSetSettings)


def _texts(found: Iterable[OutcomeText | Held]) -> tuple[Message, ...]:
    texts = (each.text if isinstance(each, OutcomeText) else each.as_message for each in found)
    return few(texts, _MOST)


def _judged(found: Sequence[OutcomeText], sample: Sampled, *more: Message) -> Judgement:
    """Fails on what is certain; a pass needs every column, and that all tables were looked at."""
    bad = [each for each in found if each.outcome is Outcome.BAD]
    if bad:
        return failed(*_texts(bad), sampled_tables(sample))
    doubts = [each for each in found if each.outcome is Outcome.OPEN]
    if doubts or more:
        return undetermined(*_texts(doubts), *more, sampled_tables(sample))
    return passed(*_texts(found), sampled_tables(sample))


@check(
    "data.protected", needs=(TARGET, SAMPLE), severity=Severity.HIGH, version=3,
    remedy=msg("Encrypt, mask or hash what is stored in clear, old rows included"),
)  # fmt: skip
def protected(target: Target, found: Sampled) -> Judgement:
    """Sensitive columns of production data are stored as declared, and class C3 never in clear."""
    settings = _settings(target)
    if settings.environment is not Environment.PRODUCTION:
        return not_applicable(msg("Not production data"))
    pairs, missing = declared_in(settings, found)
    outcomes = [stored(declared, column) for declared, column in pairs]
    more = [
        msg("Declared, but not there or not seen: {column}", column=f"{m.table}.{m.column}")
        for m in missing
    ]
    if not outcomes and not more:
        more.append(msg("No sensitive column is declared"))
    elif outcomes and all(each.outcome is Outcome.EMPTY for each in outcomes):
        more.append(msg("No declared column holds values"))
    refs = [declared.ref for declared, _ in pairs]
    tables = [t for t in found.tables if any(
        p.table == t.name and p.schema in (None, t.schema) for p in refs
    )]  # fmt: skip
    return _judged(outcomes, found, *more, *gaps(found, tables))


def _undeclared(settings: DataSetSettings, found: Sampled) -> list[Column]:
    refs = [column.ref for column in settings.columns if column.sensitive]
    return [
        column for column in found.columns
        if not any(ref.fits(column.schema, column.table, column.name) for ref in refs)
    ]  # fmt: skip


def _by_certainty(found: Iterable[Held], sample: Sampled, clean: Message) -> Judgement:
    every = list(found)
    sure = [each for each in every if each.certainty is Certainty.CERTAIN]
    if sure:
        return failed(*_texts(sure), sampled_tables(sample))
    if every:
        return undetermined(msg("A person has to check whether these are real"), *_texts(every),
                            *gaps(sample))  # fmt: skip
    return open_because(sample) or passed(clean, sampled_tables(sample))


@check(
    "data.undeclared", needs=(TARGET, SAMPLE), severity=Severity.HIGH, version=2,
    remedy=msg("Declare these columns with class and protection, or remove the data"),
)  # fmt: skip
def undeclared(target: Target, found: Sampled) -> Judgement:
    """No column of production data holds personal data without being declared."""
    settings = _settings(target)
    if settings.environment is not Environment.PRODUCTION:
        return not_applicable(msg("Not production data"))
    logs = _log_tables(settings, found)
    columns = [c for c in _undeclared(settings, found) if not _in(c, logs)]
    return _by_certainty(held(columns, PERSONAL), found,
                         msg("No personal data outside of the declared columns"))  # fmt: skip


@check(
    "data.no-real-values", needs=(TARGET, SAMPLE), severity=Severity.HIGH, version=2,
    remedy=msg("Replace the data by masked or generated ones before they leave production"),
)  # fmt: skip
def no_real_values(target: Target, found: Sampled) -> Judgement:
    """Development and test data hold no values that look like real personal data."""
    settings = _settings(target)
    if settings.environment is Environment.PRODUCTION:
        return not_applicable(msg("Production data"))
    made_up = [c.ref for c in settings.columns if c.protection is Protection.SYNTHETIC]
    every = list(held(found.columns, PERSONAL))
    telling = [
        each for each in every
        if each.kind in (Data.ID_CARD, Data.BANK_CARD, Data.TRACK)
        and each.certainty is Certainty.CERTAIN
        and not any(p.fits(each.column.schema, each.column.table, each.column.name)
                    for p in made_up)
    ]  # fmt: skip
    if telling:
        return failed(*_texts(telling), sampled_tables(found))
    if every:
        # no check digit tells names and phone numbers of persons from invented ones
        return undetermined(msg("A person has to check whether these are real"), *_texts(every),
                            *gaps(found))  # fmt: skip
    return open_because(found) or passed(
        msg("No value looks like real personal data"), sampled_tables(found)
    )


@check(
    "data.passwords", needs=SAMPLE, severity=Severity.HIGH, version=2,
    remedy=msg("Keep passwords as bcrypt, scrypt, argon2 or PBKDF2 with a salt for each"),
)  # fmt: skip
def kept_passwords(found: Sampled) -> Judgement:
    """Passwords in tables are salted hashes of a scheme that is made for passwords."""
    outcomes = [
        each for column in found.columns if column.schemes or _may_hold_passwords(column)
        if (each := password(column)).outcome is not Outcome.EMPTY
    ]  # fmt: skip
    if outcomes:
        return _judged(outcomes, found, *gaps(found))
    return open_because(found) or not_applicable(
        msg("No column has a name that suggests passwords"), sampled_tables(found)
    )


def _may_hold_passwords(column: Column) -> bool:
    return not column.read and "password" in names.held_by(column.says)


@check(
    "data.forbidden", needs=SAMPLE, severity=Severity.HIGH, version=2,
    remedy=msg("Delete magnetic stripe data and card verification numbers everywhere"),
)  # fmt: skip
def forbidden(found: Sampled) -> Judgement:
    """Neither magnetic stripe data nor card verification numbers are stored."""
    bad = list(held(found.columns, (Data.TRACK, Data.CVN)))
    if bad:
        return failed(*_texts(bad), sampled_tables(found))
    named = [
        msg("{column} has such a name, and holds values that are not readable", column=c.full_name)
        for c in found.columns if c.values and {"track", "cvn"} & names.held_by(c.says)
    ]  # fmt: skip
    return open_because(found, *named) or passed(msg("None was found"), sampled_tables(found))


def _log_tables(settings: DataSetSettings, found: Sampled) -> list[Table]:
    return [t for t in found.tables if t.log or t.name in settings.log_tables]


def _in(column: Column, tables: Iterable[Table]) -> bool:
    return any((column.schema, column.table) == (t.schema, t.name) for t in tables)


@check(
    "data.logs", needs=(TARGET, SAMPLE), severity=Severity.HIGH, version=2,
    remedy=msg("Mask numbers before they are logged, and delete or mask what is there"),
)  # fmt: skip
def logs(target: Target, found: Sampled) -> Judgement:
    """Tables that are logs hold no personal data in clear."""
    settings = _settings(target)
    tables = _log_tables(settings, found)
    absent = sorted(set(settings.log_tables) - {table.name for table in tables})
    if absent:
        return undetermined(msg("Declared, but not there or not seen: {column}",
                                column=", ".join(absent)))  # fmt: skip
    if not tables:
        return open_because(found) or not_applicable(msg("No table has the name of a log"))
    columns = [column for column in found.columns if _in(column, tables)]
    sample = Sampled(overview=found.overview, tables=tuple(tables), columns=tuple(columns))
    return _by_certainty(held(columns, PERSONAL), sample, msg(
        "No personal data in {tables}", tables=tuple(sorted(t.full_name for t in tables))
    ))  # fmt: skip


CHECKS = (protected, undeclared, no_real_values, kept_passwords, forbidden, logs)
