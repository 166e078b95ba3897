"""Data quality: each declared rule against its threshold, figures of several databases compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Annotated

from msgspec import Struct

from audit_core.api.sdk import (
    TARGET,
    Absent,
    Down,
    Judgement,
    Known,
    Message,
    Severity,
    Target,
    check,
    each,
    fact,
    failed,
    listed,
    msg,
    passed,
    settings_of,
    undetermined,
)
from audit_data.declared_rules import About, DeclaredRule
from audit_data.kind import DataSetSettings
from audit_data.sample import percent
from audit_data.storage_form import Outcome, OutcomeText
from audit_database.data.rules import BY_ROW, Kind, Result, Rules, State, results


def _ask(target: Target) -> Rules | Message:
    settings = settings_of(target, DataSetSettings)
    if not settings.rules:
        return msg("No rule of data quality is declared (rules)")
    return Rules(database=settings.database, rules=tuple(rule.made() for rule in settings.rules))


RESULTS = fact(
    "data.rules", tuple[Result, ...], kind="database_data", ask=_ask, parse=results
)  # fmt: skip
FACTS = (RESULTS,)

_WHY = {
    State.MISSING: msg("the account sees no such table or column"),
    State.SEVERAL: msg("several schemas have the table: name one (schema)"),
    State.NOT_PERMITTED: msg("may not be read; it needs GRANT SELECT on the table"),
    State.HIDDEN_ROWS: msg("a view, or a table whose rows a policy may hide"),
    State.TOO_LARGE: msg("too large to be read as a whole, and no index begins with the column"),
    State.BUSY: msg("locked, or too slow"),
    State.FAILED: msg("the statement failed"),
}


class Applied(Struct, frozen=True, kw_only=True):
    """A declared rule and what it gave; `ahead_minutes` is what clocks may differ by."""

    declared: DeclaredRule
    result: Result
    ahead_minutes: int = 0

    def outcome(self) -> OutcomeText:
        """Whether the rule holds, and with what numbers."""
        outcome, text = self._judged()
        name = self.declared.title
        return OutcomeText(outcome=outcome, text=msg("{rule}: {why}", rule=name, why=text))

    def _judged(self) -> tuple[Outcome, Message]:
        if self.result.state is not State.APPLIED:
            why = _WHY[self.result.state]
            if self.result.why:
                why = msg("{why}: {error}", why=why, error=self.result.why)
            return Outcome.OPEN, why
        if self.declared.rule in BY_ROW:
            return self._by_row()
        return self._fresh() if self.declared.rule is Kind.FRESH else self._counted()

    def _by_row(self) -> tuple[Outcome, Message]:
        result, most = self.result, self.declared.at_most
        text = msg(
            "{bad} of {checked} values break the rule ({share} %), allowed are {most} %",
            bad=result.bad, checked=result.checked, share=percent(result.bad, result.checked),
            most=f"{100 * most:g}",
        )  # fmt: skip
        if result.specimen:
            text = msg("{text}; shape of the first: {specimen}", text=text,
                       specimen=result.specimen)  # fmt: skip
        if not result.whole:
            text = msg("{text}; a sample", text=text)
        if result.checked == 0:
            return Outcome.OPEN, msg("no values")
        if result.bad > most * result.checked:
            # one bad value in a sample is one in the table; a share of a sample is about that share
            return Outcome.BAD, text
        # where no value may break it, a sample does not show that none does
        return (Outcome.GOOD if result.whole or most > 0 else Outcome.OPEN), text

    def _counted(self) -> tuple[Outcome, Message]:
        bad, most = self.result.bad, self.declared.at_most
        text = msg("{bad} values break the rule, allowed are {most}", bad=bad, most=f"{most:g}")
        return (Outcome.BAD if bad > most else Outcome.GOOD), text

    def _fresh(self) -> tuple[Outcome, Message]:
        result, minutes = self.result, self.declared.minutes or 0
        if result.checked == 0:
            return Outcome.OPEN, msg("no values")
        if result.age_s is None or result.age_utc_s is None:
            return Outcome.OPEN, msg("the newest value is not a time")
        ages = (result.age_s, result.age_utc_s)
        text = msg("the newest value is {age} minutes old, at most {minutes}",
                   age=f"{ages[0] / 60:.0f}", minutes=minutes)  # fmt: skip
        late = [age > minutes * 60 for age in ages]
        if min(ages) < -60 * self.ahead_minutes:
            return Outcome.OPEN, msg("{text}; it lies in the future, or in another time zone",
                                     text=text)  # fmt: skip
        if all(late):
            return Outcome.BAD, text
        if any(late):
            return Outcome.OPEN, msg("{text}; in UTC {age} minutes: the column has no time zone",
                                     text=text, age=f"{ages[1] / 60:.0f}")  # fmt: skip
        return Outcome.GOOD, text


def _applied(
    target: Target, found: Sequence[Result], kinds: Iterable[Kind], about: About,
    ahead_minutes: int = 0,
) -> Iterator[OutcomeText]:  # fmt: skip
    """The outcome of each declared rule of these kinds; open where it has no result."""
    wanted = tuple(kinds)
    by_name = {result.name: result for result in found}
    for declared in settings_of(target, DataSetSettings).rules:
        mine = declared.rule in wanted or (
            declared.rule is Kind.SQL and declared.about is about
        )  # fmt: skip
        if mine and declared.title in by_name:
            result = by_name[declared.title]
            applied = Applied(declared=declared, result=result, ahead_minutes=ahead_minutes)
            yield applied.outcome()
        elif mine:
            text = msg("{rule}: {why}", rule=declared.title, why=msg("the answer lacks this rule"))
            yield OutcomeText(outcome=Outcome.OPEN, text=text)


def _judged(found: Iterable[OutcomeText]) -> Judgement:
    outcomes = list(found)
    if not outcomes:
        return undetermined(msg("No rule of this kind is declared (rules)"))
    bad = [each.text for each in outcomes if each.outcome is Outcome.BAD]
    still_open = [each.text for each in outcomes if each.outcome is Outcome.OPEN]
    good = [each.text for each in outcomes if each.outcome is Outcome.GOOD]
    if bad:
        return failed(*bad, *still_open, *good)
    return undetermined(*still_open, *good) if still_open else passed(*good)


_REMEDY = msg("Correct the rows, and reject such values at the source")


@check(
    "data.accurate", needs=(TARGET, RESULTS), severity=Severity.MEDIUM, version=2, remedy=_REMEDY
)  # fmt: skip
def accurate(target: Target, found: tuple[Result, ...]) -> Judgement:
    """Values have the declared format, the right check digit and a known code."""
    kinds = (Kind.FORMAT, Kind.CHECK, Kind.CODES)
    return _judged(_applied(target, found, kinds, About.ACCURACY))


@check(
    "data.filled", needs=(TARGET, RESULTS), severity=Severity.MEDIUM, version=2, remedy=_REMEDY
)  # fmt: skip
def filled_columns(target: Target, found: tuple[Result, ...]) -> Judgement:
    """Mandatory columns hold a value in every row."""
    return _judged(_applied(target, found, (Kind.FILLED,), About.COMPLETENESS))


@check(
    "data.linked", needs=(TARGET, RESULTS), severity=Severity.MEDIUM, version=2, remedy=_REMEDY
)  # fmt: skip
def linked(target: Target, found: tuple[Result, ...]) -> Judgement:
    """There are no orphaned rows, duplicate rows or gaps in sequences."""
    kinds = (Kind.REFERENCE, Kind.UNIQUE, Kind.GAPS)
    return _judged(_applied(target, found, kinds, About.COMPLETENESS))


@check(
    "data.fresh", needs=(TARGET, RESULTS), severity=Severity.MEDIUM, version=2,
    remedy=msg("Find out why the copy or the source lags"),
)  # fmt: skip
def fresh(
    target: Target, found: tuple[Result, ...], *, ahead_minutes: Annotated[int, Down] = 5
) -> Judgement:
    """The newest rows are as new as declared (clocks may differ by 5 minutes: ours)."""
    outcomes = _applied(target, found, (Kind.FRESH,), About.TIMELINESS, ahead_minutes)
    return _judged(outcomes)


@check(
    "data.current", needs=(TARGET, RESULTS), severity=Severity.MEDIUM, version=2,
    remedy=msg("Ask the customers for current documents, and limit what they may do until then"),
)  # fmt: skip
def current(target: Target, found: tuple[Result, ...]) -> Judgement:
    """Documents that have to be valid, such as identity cards, have not expired."""
    return _judged(_applied(target, found, (Kind.CURRENT,), About.TIMELINESS))


@check(
    "data.same-figures", needs=(TARGET, RESULTS, each("database_data", RESULTS)),
    severity=Severity.MEDIUM, version=2,
    remedy=msg("Reconcile the databases, and find out where they differ"),
)  # fmt: skip
def same_figures(
    target: Target,
    found: tuple[Result, ...],
    every: tuple[tuple[Target, Known | Absent], ...],
) -> Judgement:
    """Figures of several databases agree, such as their number of customers."""
    own = [rule for rule in settings_of(target, DataSetSettings).rules if rule.figure]
    compared = (_compared(rule, every) for rule in own)
    return _judged((*_applied(target, found, (), About.CONSISTENCY), *compared))


def _compared(rule: DeclaredRule, every: Iterable[tuple[Target, Known | Absent]]) -> OutcomeText:
    figures: list[tuple[str, Decimal]] = []
    unknown: list[str] = []
    for other, known in every:
        names = {
            each.title for each in settings_of(other, DataSetSettings).rules
            if each.figure == rule.figure
        }  # fmt: skip
        results = known.value if isinstance(known, Known) else ()
        here = [
            (other.id, Decimal(result.figure)) for result in results
            if result.name in names and result.figure is not None
        ]  # fmt: skip
        figures += here
        unknown += [other.id] * (len(names) > len(here))
    figures_text = listed(f"{place}: {figure:f}" for place, figure in figures)
    text = msg("{figure}: {figures}", figure=rule.figure or "", figures=figures_text)
    if len(figures) < 2:
        return OutcomeText(outcome=Outcome.OPEN, text=msg("{text}; it is known at one place only",
                                                   text=text))  # fmt: skip
    values = [figure for _, figure in figures]
    apart = max(values) - min(values) > Decimal(str(rule.tolerance))
    if unknown and not apart:
        why = msg("{text}; it is not known at {places}", text=text, places=listed(unknown))
        return OutcomeText(outcome=Outcome.OPEN, text=why)
    return OutcomeText(outcome=Outcome.BAD if apart else Outcome.GOOD, text=text)


CHECKS = (accurate, filled_columns, linked, fresh, current, same_figures)
