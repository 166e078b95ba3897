"""Complaints, surveys, evaluations, returns to the supervisor and corrective actions."""

from __future__ import annotations

import datetime
from typing import Annotated

from audit_core.api.sdk import (
    COLLECTED_AT,
    Check,
    Down,
    Judgement,
    Message,
    Severity,
    Up,
    check,
    complete,
    failed,
    msg,
)
from audit_register.columns import same
from audit_register.facts import BY_REGISTER, Row, Table
from audit_register.rules import (
    age,
    date_of,
    day_of,
    each_row,
    judged,
    lateness,
    newest,
    recent,
    share,
    unrecorded,
)

COMPLAINTS, SURVEYS, EVALUATIONS, RETURNS, ACTIONS = (
    BY_REGISTER[id] for id in ("complaints", "surveys", "evaluations", "returns", "actions")
)


@check(
    "register.complaints-answered",
    needs=(COMPLAINTS, COLLECTED_AT),
    severity=Severity.HIGH,
    version=2,
    remedy=msg("Answer the complaints that are late"),
)
def complaints_answered(
    table: Table,
    now: str,
    *,
    max_days: Annotated[int, Down] = 15,
    max_complex_days: Annotated[int, Down] = 60,
) -> Judgement:
    """Complaints are answered in time (rules of the supervisor: 15 days, complex ones 60)."""
    today = day_of(now)

    def late(row: Row) -> tuple[datetime.date, datetime.date, Message] | Message | None:
        received, answered = _received(row), _answered(row, today)
        if received is None:
            return msg("no day on which it was received")
        if received > today:
            return msg("received on {date}, which is to come", date=received.isoformat())
        if answered is not None and answered < received:
            return msg("answered before it was received")
        most = max_complex_days if row["complex"] else max_days
        done = answered or today
        days = (done - received).days
        text = msg("answered after {days} days, allowed are {most}", days=days, most=most)
        if answered is None:
            text = msg("open for {days} days, allowed are {most}", days=days, most=most)
        return received + datetime.timedelta(days=most), done, text

    whole = len(table.rows)
    answered = sum(_answered(row, today) is not None for row in table.rows)
    repeats = sum(row["repeat_of"] is not None for row in table.rows)
    summary = msg("{whole} complaints, {part} answered ({share} %), none late; {repeats} are "
                  "repeats ({repeated} %)", whole=whole, part=answered,
                  share=share(answered, whole), repeats=repeats,
                  repeated=share(repeats, whole) if whole else "0")  # fmt: skip
    expected = msg("within {days} days, complex ones {complex_days}", days=max_days,
                   complex_days=max_complex_days)  # fmt: skip
    return lateness(table, table.rows, late).judged(summary, expected)


def _received(row: Row) -> datetime.date | None:
    """From when a complaint is to be answered: one that was opened again, from then on."""
    return date_of(row, "reopened") or date_of(row, "received")


def _answered(row: Row, today: datetime.date) -> datetime.date | None:
    """When it was answered; None where it was not, or was opened again after that."""
    answered, reopened = date_of(row, "answered"), date_of(row, "reopened")
    if answered is None or answered > today or (reopened is not None and answered < reopened):
        return None
    return answered


@check(
    "register.complaints-complete",
    needs=COMPLAINTS,
    severity=Severity.MEDIUM,
    remedy=msg("Record cause, responsibility, measure and result of each answered complaint"),
)
def complaints_complete(table: Table) -> Judgement:
    """Source, cause, responsibility, measure and result of answered complaints are recorded."""

    numbers = {same(str(row["complaint"])) for row in table.rows}

    def lacking(row: Row) -> Message | None:
        original = row["repeat_of"]
        if original is not None and same(str(original)) not in numbers:
            return msg("it repeats {number}, which is not in the register", number=str(original))
        wanted = ("source", "cause", "responsible", "measure", "result")
        columns = [table.title(c) for c in wanted if row[c] is None] if row["answered"] else []
        return msg("{columns} are empty", columns=tuple(columns)) if columns else None

    done = sum(bool(row["answered"]) for row in table.rows)
    causes: dict[str, int] = {}
    for row in table.rows:
        if row["cause"]:
            causes[str(row["cause"])] = causes.get(str(row["cause"]), 0) + 1
    often = sorted(causes.items(), key=lambda one: -one[1])[:5]
    summary = msg("{count} answered complaints, all complete; causes: {causes}", count=done,
                  causes=tuple(f"{cause} ({n})" for cause, n in often))  # fmt: skip
    return judged(each_row(table, table.rows, lacking), summary)


@check(
    "register.survey-made",
    needs=(complete(SURVEYS), COLLECTED_AT),
    severity=Severity.MEDIUM,
    remedy=msg("Survey the customers about staff, process and quality"),
)
def survey_made(
    table: Table,
    now: str,
    *,
    max_days: Annotated[int, Down] = 365,
    min_sample: Annotated[int, Up] = 30,
) -> Judgement:
    """Customers, 30 or more (ours), were asked in the year (ours) on staff, process, quality."""
    today = day_of(now)
    judgement = recent(table.rows, "date", today, max_days, msg("Survey of customers"))
    last = newest(table.rows, "date", today)
    if last is None:
        return judgement
    wrong = []
    lacking = tuple(table.title(c) for c in ("staff", "process", "quality") if not last[c])
    if lacking:
        wrong.append(msg("The survey does not cover: {columns}", columns=lacking))
    if (last["sample"] or 0) < min_sample:
        wrong.append(msg("The sample of {count} is below {least}", count=f"{last['sample'] or 0:g}",
                         least=min_sample))  # fmt: skip
    return failed(*judgement.detail, *wrong, expected=judgement.expected) if wrong else judgement


def _evaluated(id: str, kind: str, what: Message, days: int) -> Check:
    @check(id, needs=(complete(EVALUATIONS), COLLECTED_AT), severity=Severity.MEDIUM,
           remedy=msg("Have the service evaluated, and record the report"))  # fmt: skip
    def evaluated(table: Table, now: str, *, max_days: Annotated[int, Down] = days) -> Judgement:
        """The evaluation was made within the period (ours)."""
        rows = [row for row in table.rows if row["kind"] == kind]
        return recent(rows, "date", day_of(now), max_days, what)

    return evaluated


self_evaluated = _evaluated("register.self-evaluated", "self", msg("Self-evaluation"), 365)
third_party = _evaluated("register.third-party-evaluated", "third_party",
                         msg("Evaluation by a third party"), 1096)  # fmt: skip
internal = _evaluated("register.internally-checked", "internal_check", msg("Internal check"), 92)


@check(
    "register.returns-in-time",
    needs=(RETURNS, COLLECTED_AT),
    severity=Severity.MEDIUM,
    version=2,
    remedy=msg("Submit what is due, and keep the receipt"),
)
def returns_in_time(table: Table, now: str) -> Judgement:
    """Returns to the supervisor were submitted in time, with a receipt."""
    today = day_of(now)

    def late(row: Row) -> tuple[datetime.date, datetime.date, Message] | Message | None:
        due, sent = date_of(row, "due"), date_of(row, "submitted")
        if due is None:
            return msg("no day on which it is due")
        if sent is None or sent > today:
            open_ = msg("due on {due}, not submitted", due=due.isoformat())
            return (due, today, open_) if due < today else None
        if sent <= due and not row["receipt"]:
            return msg("no receipt")
        text = msg("due on {due}, submitted on {sent}", due=due.isoformat(), sent=sent.isoformat())
        return due, sent, text

    if not table.rows:
        return failed(msg("The register has no rows"))
    summary = msg("{count} returns, none late", count=len(table.rows))
    return lateness(table, table.rows, late, moves=True).judged(summary)


def _overdue(id: str, sources: tuple[str, ...]) -> Check:
    @check(id, needs=(ACTIONS, COLLECTED_AT), severity=Severity.HIGH, version=2,
           remedy=msg("Close what is overdue, and find out why"))  # fmt: skip
    def overdue(table: Table, now: str, *, max_days: Annotated[int, Up] = 365) -> Judgement:
        """Issues are closed in time: none is overdue, none of a year (ours) was closed late."""
        today = day_of(now)
        rows = [r for r in table.rows if not sources or r["source"] in sources]

        def late(row: Row) -> tuple[datetime.date, datetime.date, Message] | Message | None:
            due, closed = date_of(row, "due"), date_of(row, "closed")
            if due is None:
                return msg("no day on which it is due")
            if closed is None or closed > today:
                return due, today, msg("due on {due}, still open", due=due.isoformat())
            if (today - closed).days > max_days:
                return None
            return due, closed, msg("due on {due}, closed on {closed}", due=due.isoformat(),
                                    closed=closed.isoformat())  # fmt: skip

        open_ = sum((day := date_of(row, "closed")) is None or day > today for row in rows)
        summary = msg("{count} issues, {open} open, none overdue", count=len(rows), open=open_)
        return lateness(table, rows, late).judged(summary)

    return overdue


actions_in_time = _overdue("register.actions-in-time", ())
assessment_actions = _overdue("register.assessment-actions-in-time", ("assessment",))
scan_actions = _overdue("register.scan-actions-in-time", ("scan",))
regulator_actions = _overdue("register.regulator-actions-in-time", ("regulator",))


@check(
    "register.actions-complete",
    needs=ACTIONS,
    severity=Severity.MEDIUM,
    version=2,
    remedy=msg("Record cause and measure of each issue, and re-test what is closed"),
)
def actions_complete(table: Table) -> Judgement:
    """Each closed issue has a cause, a measure and a re-test."""

    def lacking(row: Row) -> Message | None:
        closed, retested = date_of(row, "closed"), date_of(row, "retested")
        if closed is None:
            return None
        columns = tuple(table.title(c) for c in ("cause", "measure", "retested") if not row[c])
        if columns:
            return msg("{columns} are empty", columns=columns)
        found = date_of(row, "found")
        if found is not None and (closed < found or (retested is not None and retested < found)):
            return msg("closed or re-tested before it was found")
        if retested is not None and retested < closed:
            return msg("re-tested before it was closed")
        return None

    closed = sum(row["closed"] is not None for row in table.rows)
    summary = msg("{count} closed issues, all with cause, measure and re-test", count=closed)
    return judged(each_row(table, table.rows, lacking), summary)


@check(
    "register.improvement-sources",
    needs=(ACTIONS, COLLECTED_AT),
    severity=Severity.LOW,
    remedy=msg("Take measures from surveys, self-evaluations and third parties"),
)
def improvement_sources(
    table: Table, now: str, *, max_days: Annotated[int, Down] = 365
) -> Judgement:
    """Measures of the period (ours: a year) come from surveys, self-evaluations, third parties."""
    today = day_of(now)
    sources = {
        str(row["source"])
        for row in table.rows
        if (days := age(row, "found", today)) is not None and 0 <= days <= max_days
    }
    words = dict(ACTIONS_SOURCES)
    lacking = tuple(
        msg("{detail}", detail=word.replace("_", " "), detail_zh=words[word])
        for word in ("survey", "self", "third_party")
        if word not in sources
    )
    if lacking:
        return unrecorded(msg("No measure comes from: {sources}", sources=lacking))
    return judged((), msg("Measures come from {count} kinds of sources", count=len(sources)))


ACTIONS_SOURCES = {"survey": "满意度调查", "self": "自我评价", "third_party": "第三方评价"}

CHECKS = (
    complaints_answered, complaints_complete, survey_made, self_evaluated, third_party, internal,
    returns_in_time, actions_in_time, assessment_actions, scan_actions, regulator_actions,
    actions_complete, improvement_sources,
)  # fmt: skip
