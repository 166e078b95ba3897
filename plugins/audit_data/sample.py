"""What was counted in the tables of a data set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from audit_core.api.sdk import Judgement, Message, Target, fact, listed, msg, settings_of
from audit_core.api.sdk import undetermined as undetermined_
from audit_data.certainty import Certainty, certainty
from audit_data.kind import DataSetSettings, DeclaredColumn
from audit_database.data.answer import Column, Sampled, State, Table, sampled
from audit_database.data.identify import Data
from audit_database.data.requests import Sample


def _ask(target: Target) -> Sample:
    settings = settings_of(target, DataSetSettings)
    return Sample(
        database=settings.database, schemas=settings.schemas, rows=settings.rows,
        declared=tuple(column.ref for column in settings.columns),
    )  # fmt: skip


SAMPLE = fact("data.sample", Sampled, kind="database_data", ask=_ask, parse=sampled)
FACTS = (SAMPLE,)

_GAPS = {
    State.NOT_PERMITTED: msg("may not be read; it needs GRANT SELECT on"),
    State.PARTLY: msg("some columns may not be read or are too many; it needs GRANT SELECT on"),
    State.HIDDEN_ROWS: msg("row-level security may hide rows of"),
    State.MIXED: msg("parts of it lie on another server, which is not asked"),
    State.SPARSE: msg("the sample returned no row of"),
    State.BUSY: msg("locked, or too slow"),
    State.FAILED: msg("could not be read"),
    State.LEFT_OUT: msg("left out at the limits of a sample"),
}


class Held(Struct, frozen=True, kw_only=True):
    """Data of a kind in a column, and how certain it is."""

    column: Column
    kind: Data
    certainty: Certainty

    @property
    def as_message(self) -> Message:
        """The column, the kind, how many of how many values, and a masked specimen."""
        found = self.column.found[self.kind]
        return msg(
            "{column}: {kind}, {count} of {values} values ({share} %), e.g. {specimen}",
            column=self.column.full_name, kind=KIND_NAMES[self.kind], count=found.count,
            values=self.column.values, share=percent(found.count, self.column.values),
            specimen=found.specimen,
        )  # fmt: skip


KIND_NAMES = {
    Data.ID_CARD: msg("identity card numbers"),
    Data.BANK_CARD: msg("bank card numbers"),
    Data.PHONE: msg("mobile phone numbers"),
    Data.NAME: msg("names of persons"),
    Data.ADDRESS: msg("addresses"),
    Data.EMAIL: msg("e-mail addresses"),
    Data.CREDIT_CODE: msg("unified social credit codes"),
    Data.PASSWORD: msg("passwords"),
    Data.TRACK: msg("magnetic stripe data"),
    Data.CVN: msg("card verification numbers"),
}


def percent(part: int, whole: int) -> str:
    """`part` of `whole` in percent, with one digit after the point; never 0.0 or 100.0 if not all.

    Empty where there is nothing.
    """
    if not whole:
        return "-"
    share = round(1000 * part / whole)
    if part not in (0, whole):
        share = min(max(share, 1), 999)
    return f"{share / 10:.1f}"


def held(columns: Iterable[Column], kinds: Iterable[Data]) -> Iterator[Held]:
    """Each of `kinds` in each of `columns` that is more than chance."""
    wanted = tuple(kinds)
    for column in columns:
        for kind in wanted:
            sure = certainty(column, kind)
            if sure is not None:
                yield Held(column=column, kind=kind, certainty=sure)


def gaps(found: Sampled, tables: Iterable[Table] | None = None) -> tuple[Message, ...]:
    """Why a pass cannot rest on this sample of `tables` (all by default); empty where it can."""
    by_state: dict[State, list[str]] = {}
    for table in found.tables if tables is None else tables:
        if table.state in _GAPS:
            by_state.setdefault(table.state, []).append(table.full_name)
    details = [
        msg("Not examined: {why}: {tables}", why=_GAPS[state], tables=listed(names))
        for state, names in by_state.items()
    ]
    if tables is not None:
        return tuple(details)
    if not found.overview.whole:
        details.append(msg("The account may not see all tables of the database"))
    if found.overview.tables == 0:
        details.append(msg("There is no table in {database}", database=found.overview.database))
    return tuple(details)


def sampled_tables(found: Sampled) -> Message:
    """How much a verdict rests on, for the record."""
    read = [table for table in found.tables if table.rows]
    empty = sum(table.state is State.EMPTY for table in found.tables)
    views = sum(table.state in (State.VIEW, State.FOREIGN) for table in found.tables)
    return msg(
        "Sample: {rows} rows of {tables} tables; {empty} empty, {views} views and foreign tables "
        "not executed",
        rows=sum(table.rows for table in read), tables=len(read), empty=empty, views=views,
    )  # fmt: skip


def open_because(found: Sampled, *more: Message) -> Judgement | None:
    """Undetermined with `more` and the gaps of the sample, else None."""
    missing = gaps(found)
    if not missing and not more:
        return None
    return undetermined_(*more, *missing, sampled_tables(found))


def declared_in(
    settings: DataSetSettings, found: Sampled
) -> tuple[list[tuple[DeclaredColumn, Column]], list[DeclaredColumn]]:
    """Each sensitive declared column with what was counted in it, and those that are not there."""
    pairs, missing = [], []
    for declared in settings.columns:
        if not declared.sensitive:
            continue
        mine = [c for c in found.columns if declared.ref.fits(c.schema, c.table, c.name)]
        pairs += [(declared, column) for column in mine]
        if not mine:
            missing.append(declared)
    return pairs, missing
