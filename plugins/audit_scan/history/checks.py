"""Whether earlier runs of the store were made in time, by the day of the collection.

That a run is missing proves nothing unless the store is declared to hold all (`complete_since`).
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Annotated

from msgspec import Struct

from audit_core.api.sdk import (
    COLLECTED_AT,
    TARGET,
    Down,
    Judgement,
    Known,
    Message,
    Others,
    Severity,
    Target,
    Up,
    capped,
    check,
    complete,
    each,
    failed,
    few,
    msg,
    passed,
    settings_of,
    undetermined,
    verbatim,
)
from audit_scan.facts import HOST, REPORT, WEB, Location
from audit_scan.history.facts import HISTORY, History
from audit_scan.history.gaps import Gap, longest
from audit_scan.history.model import Concluded, EarlierRun, EarlierTarget
from audit_scan.kind import HistorySettings, ScanSettings

_WORDS = {
    "conforming": msg("conforming"),
    "basically_conforming": msg("basically conforming"),
    "nonconforming": msg("nonconforming"),
}


class _Period(Struct, frozen=True, kw_only=True):
    """The days from `first` to `today`."""

    first: str
    today: str

    def has(self, day: str) -> bool:
        """Whether `day` is one of them."""
        return self.first <= day <= self.today


def _period(now: str, days: int) -> _Period:
    today = datetime.date.fromisoformat(now[:10])
    return _Period(
        first=(today - datetime.timedelta(days=days)).isoformat(), today=today.isoformat()
    )


def _doubts(
    target: Target, history: History, period: _Period, elsewhere: Others
) -> tuple[Message, ...]:
    """Why a missing run proves nothing; empty where it does."""
    since = settings_of(target, HistorySettings).complete_since
    found = list[Message]()
    if since is None or since > period.first:
        found.append(msg("It is not declared that the store holds all runs of the period: "
                         "complete_since"))  # fmt: skip
    if elsewhere:
        names = capped([t.id for t, _ in elsewhere])
        found.append(msg("There are records beside the store, which may have others: {names}",
                         names=names))  # fmt: skip
    return (*found, *_unread_runs(history, period))


def _unread_runs(history: History, period: _Period) -> Iterator[Message]:
    """The runs of the period that were not read, or say nothing."""
    if not history.runs and history.head.others:
        yield msg("The {count} runs in the store are of systems of another name: compare "
                  "system with the name in their inventories",
                  count=history.head.others)  # fmt: skip
    doubtful = [d for d in history.head.doubtful if period.first <= d < period.today]
    if doubtful:
        yield msg("Runs that did not end, or cannot be read, began on {days}: resume them",
                  days=capped(doubtful))  # fmt: skip
    if history.head.older and all(_within(r, period) for r in history.runs):
        yield msg("The store has {count} more runs of the period, which were not read",
                  count=history.head.older)  # fmt: skip
    blind = [r.run for r in history.runs if not r.evaluated and _within(r, period)]
    if blind:
        yield msg("Runs without results, make them with dengbao evaluate: {runs}",
                  runs=capped(blind))  # fmt: skip


def _within(run: EarlierRun, period: _Period) -> bool:
    """Whether a part of the run may have been made in the period: one that was resumed is long."""
    return run.day <= period.today and run.ended[:10] >= period.first


def _covered(covers: set[str], targets: Others) -> list[tuple[Target, Location]]:
    """Those of `targets` that are named, or lie in a zone that is."""
    places = [(t, got.value) for t, got in targets if isinstance(got, Known)]
    return [(t, place) for t, place in places if {t.id, place.zone} & covers]


def _is(seen: EarlierTarget, target: Target, place: Location) -> bool:
    """Whether it is certainly `target`."""
    alike = bool(place.names.intersection(seen.names)) or not (place.names or seen.names)
    return (seen.id, seen.kind) == (target.id, target.kind) and alike


def _may_be(seen: EarlierTarget, target: Target, place: Location) -> bool:
    return seen.id == target.id or bool(place.names.intersection(seen.names))


def _last(target: Target, place: Location, runs: tuple[EarlierRun, ...], today: str) -> str:
    """The day of the newest run that reached `target`, all of it; empty for none."""
    days = (r.day for r in runs if any(s.reached and _is(s, target, place) for s in r.targets))
    return max((day for day in days if day <= today), default="")


def _is_late(target: Target, place: Location, history: History, period: _Period) -> bool:
    """Whether it was there before the period, and no run that may be of it reached it since."""
    if not history.runs:
        return True
    was = any(
        _is(s, target, place) for r in history.runs if r.day < period.first for s in r.targets
    )
    since = any(
        s.reached and _may_be(s, target, place) for r in history.runs if _within(r, period)
        for s in r.targets
    )  # fmt: skip
    return was and not since


def _target_with_date(target: Target, last: str) -> str:
    return f"{target.id} ({last})" if last else target.id


@check(
    "runs.reached-in-time", kind="run_history", severity=Severity.MEDIUM,
    needs=(
        TARGET, complete(HISTORY), each("host", HOST), each("web", WEB),
        each("scan_report", REPORT), each("scans_register", "register.scans"), COLLECTED_AT,
    ),
    remedy=msg("Run dengbao each quarter on all hosts and web entries that it has to reach, and "
               "finish the run"),
)  # fmt: skip
def reached_in_time(
    target: Target, history: History, hosts: Others, web: Others, reports: Others,
    registers: Others, now: str, *, days: Annotated[int, Down] = 92,
) -> Judgement:  # fmt: skip
    """Earlier runs of the store reached each host and web entry within a quarter (the clause)."""
    covers, period = set(settings_of(target, HistorySettings).covers), _period(now, days)
    if not covers:
        return undetermined(msg("Declare covers: the zones, hosts and web entries to be scanned"))
    wanted = _covered(covers, (*hosts, *web))
    if not wanted:
        return undetermined(msg("No host and no web entry is declared in {covers}",
                                covers=capped(covers)))  # fmt: skip
    last = {t.id: _last(t, place, history.runs, period.today) for t, place in wanted}
    missing = [(t, place) for t, place in wanted if not period.has(last[t.id])]
    detail = msg("{count} of {all} were reached by earlier runs since {day}",
                 count=len(wanted) - len(missing), all=len(wanted), day=period.first)  # fmt: skip
    expected = msg("at most {days} days until the next run", days=days)
    if not missing:
        return passed(detail, expected=expected)
    doubts = _doubts(target, history, period, (*reports, *registers))
    late = [t for t, place in missing if _is_late(t, place, history, period)]
    if late and not doubts:
        names = capped([_target_with_date(t, last[t.id]) for t in late])
        return failed(detail, msg("Not reached since, with the day of the last time: {names}",
                                  names=names), expected=expected)  # fmt: skip
    names = capped([_target_with_date(t, last[t.id]) for t, _ in missing])
    open_ = msg("No run is known that reached them since: {names}", names=names)
    return undetermined(detail, open_, *doubts, expected=expected)


def _days_elsewhere(target: Location, reports: Others, registers: Others) -> set[str]:
    """The days of reports that reached it, and of scans in registers."""
    found = {
        got.value.day
        for t, got in reports
        if isinstance(got, Known) and got.value.head.rates and target.names & got.value.reached
        and settings_of(t, ScanSettings).purpose == "scan"
    }  # fmt: skip
    tables = [got.value for _, got in registers if isinstance(got, Known)]
    rows = (row for table in tables for row in table.rows)
    return {d for d in found if d} | {
        str(row["date"]) for row in rows if row["kind"] == "scan" and row["date"]
    }


def _gaps(
    target: Target, place: Location, history: History, more: set[str], today: str, times: int
) -> tuple[Gap | None, Gap | None]:
    """The longest gap by what certainly reached `target`, and by what may have."""
    sure, maybe = set(more), set(more)
    for run in history.runs:
        if any(s.reached and _is(s, target, place) for s in run.targets):
            sure.add(run.day)
        if any(s.reached and _may_be(s, target, place) for s in run.targets):
            maybe |= {run.day, run.ended[:10]}
    return longest(sure, today, times), longest(maybe, today, times)


@check(
    "runs.scans-without-gap", kind="run_history", severity=Severity.MEDIUM,
    needs=(
        TARGET, complete(HISTORY), each("host", HOST), each("web", WEB),
        each("scan_report", REPORT), each("scans_register", "register.scans"), COLLECTED_AT,
    ),
    remedy=msg("Run dengbao each quarter on all hosts and web entries that it has to reach, and "
               "finish the run"),
)  # fmt: skip
def scans_without_gap(
    target: Target, history: History, hosts: Others, web: Others, reports: Others,
    registers: Others, now: str, *, days: Annotated[int, Down] = 92,
    times: Annotated[int, Up] = 4,
) -> Judgement:  # fmt: skip
    """Between the last four (ours) scans of each host or entry is at most a quarter (clause)."""
    covers, today = set(settings_of(target, HistorySettings).covers), now[:10]
    wanted = _covered(covers, (*hosts, *web))
    if not wanted:
        return undetermined(msg("No host and no web entry is declared in {covers}",
                                covers=capped(covers)))  # fmt: skip
    unread = [(t, got) for t, got in (*reports, *registers) if not isinstance(got, Known)
              or got.incomplete]  # fmt: skip
    late, open_ = list[Message](), list[Message]()
    for t, place in wanted:
        more = _days_elsewhere(place, reports, registers)
        sure, maybe = _gaps(t, place, history, more, today, times)
        if sure is not None and sure.days <= days and sure.seen == times:
            continue
        if maybe is not None and maybe.days > days:
            period = _Period(first=maybe.first, today=today)
            doubts = _doubts(target, history, period, tuple(unread))
            (open_ if doubts else late).append(_gap_text(t, maybe))
        else:
            open_.append(_few_text(t, sure))
    expected = msg("{times} scans in a row, at most {days} days apart", times=times, days=days)
    return _by_gaps(len(wanted), late, open_, expected)


def _gap_text(target: Target, gap: Gap) -> Message:
    return msg("{target}: {days} days from {first} to {last}", target=target.id, days=gap.days,
               first=gap.first, last=gap.last)  # fmt: skip


def _few_text(target: Target, gap: Gap | None) -> Message:
    return msg("{target}: only {count} scans are known", target=target.id,
               count=0 if gap is None else gap.seen)  # fmt: skip


def _by_gaps(count: int, late: list[Message], open_: list[Message], expected: Message) -> Judgement:
    if late:
        return failed(*few(late, 10), expected=expected)
    if open_:
        return undetermined(*few(open_, 10), expected=expected)
    return passed(msg("{count} hosts and web entries, all scanned without a longer gap",
                      count=count), expected=expected)  # fmt: skip


def _assessments(
    history: History, period: _Period, catalogs: frozenset[str]
) -> list[tuple[EarlierRun, Concluded]]:
    runs = (run for run in history.runs if run.day <= period.today)
    return [(run, c) for run in runs for c in run.conclusions if c.catalog in catalogs]


def _described(run: EarlierRun, concluded: Concluded) -> Message:
    word = _WORDS.get(concluded.word, msg("{text}", text=verbatim(concluded.name)))
    if concluded.pending:
        word = msg("{word}, not final", word=word)
    return msg("Run {run} of {day}, profile {profile}, carried out in full: {word}", run=run.run,
               day=run.day, profile=run.profile, word=word)  # fmt: skip


def _unfinished(run: EarlierRun) -> Message:
    if not run.complete:
        return msg("Run {run} of {day}, profile {profile}, was not carried out in full",
                   run=run.run, day=run.day, profile=run.profile)  # fmt: skip
    return msg("Run {run} of {day}, profile {profile}, has no conclusion on the system yet: too "
               "much is open", run=run.run, day=run.day, profile=run.profile)  # fmt: skip


@check(
    "runs.assessed-in-time", kind="run_history", severity=Severity.MEDIUM,
    needs=(
        TARGET, complete(HISTORY), each("assessments_register", "register.assessments"),
        COLLECTED_AT,
    ),
    remedy=msg("Assess the system by its level each year, answer what is open, and keep the run"),
)  # fmt: skip
def assessed_in_time(
    target: Target, history: History, registers: Others, now: str,
    *, days: Annotated[int, Down] = 365,
    catalogs: frozenset[str] = frozenset({"gbt22239-2019"}),
) -> Judgement:  # fmt: skip
    """The last assessment in the store is at most a year old (the clause), with a conclusion."""
    period = _period(now, days)
    found = _assessments(history, period, catalogs)
    done = max(((r, c) for r, c in found if r.complete and c.word),
               key=lambda pair: pair[0].started, default=None)  # fmt: skip
    expected = msg("at most {days} days old", days=days)
    detail = (msg("No run in the store assessed the system in full with a conclusion"),)
    if done is not None:
        detail = (_described(*done),)
        if period.has(done[0].day):
            return passed(*detail, expected=expected)
    begun = [_unfinished(r) for r, c in found
             if _within(r, period) and not (r.complete and c.word)]  # fmt: skip
    resumed = done is not None and _within(done[0], period)
    doubts = _doubts(target, history, period, registers)
    if begun or doubts or resumed:
        return undetermined(*detail, *few(begun, 3), *doubts, expected=expected)
    return failed(*detail, expected=expected)


CHECKS = (reached_in_time, scans_without_gap, assessed_in_time)
