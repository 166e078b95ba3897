"""Policies, meetings, assessments, certificates and drills."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Annotated

from audit_core.api.sdk import (
    COLLECTED_AT,
    Check,
    Down,
    Judgement,
    Message,
    Severity,
    Verdict,
    check,
    complete,
    each,
    failed,
    few,
    msg,
    passed,
    undetermined,
)
from audit_register.columns import same
from audit_register.facts import BY_REGISTER, Row, Table
from audit_register.rules import (
    SHOWN,
    UNREAD,
    Registers,
    date_of,
    day_of,
    each_row,
    judged,
    newest,
    outdated,
    recent,
    rows_in,
    unrecorded,
    with_answer,
)

POLICIES, MEETINGS, ASSESSMENTS, DRILLS = (
    BY_REGISTER[id] for id in ("policies", "meetings", "assessments", "drills")
)
_REVIEW = msg("Review the policies that are due, and record it")
_MEET = msg("Hold the meeting, and keep its minutes")
_ASSESS = msg("Have it assessed, and record number and date")
_DRILL = msg("Hold the drill, and record how it went")


def _of(table: Table, column: str, word: str) -> list[Row]:
    return [row for row in table.rows if row[column] == word]


def _policies(table: Table, rows: list[Row], now: str, most: int) -> Judgement:
    today = day_of(now)

    def late(row: Row) -> Message | None:
        return outdated(row, "reviewed", today, most, msg("never reviewed"), msg("reviewed"))

    expected = msg("reviewed at most {days} days ago", days=most)
    if not rows:
        return unrecorded(msg("No such policy is in the register"), expected)
    wrong = each_row(table, rows, late)
    return judged(wrong, msg("{count} policies, all reviewed", count=len(rows)), expected)


@check("register.policies-reviewed", needs=(POLICIES, COLLECTED_AT), severity=Severity.MEDIUM,
       remedy=_REVIEW)  # fmt: skip
def policies_reviewed(table: Table, now: str, *, max_days: Annotated[int, Down] = 365) -> Judgement:
    """The policies of security were reviewed within the period (ours: a year)."""
    return _policies(table, _of(table, "topic", "security"), now, max_days)


@check("register.data-policies-reviewed", needs=(POLICIES, COLLECTED_AT),
       severity=Severity.MEDIUM, remedy=_REVIEW)  # fmt: skip
def data_policies(table: Table, now: str, *, max_days: Annotated[int, Down] = 365) -> Judgement:
    """The policies of data governance were reviewed within the period (ours: a year)."""
    return _policies(table, _of(table, "topic", "data"), now, max_days)


@check("register.obligations-reviewed", needs=(POLICIES, COLLECTED_AT),
       severity=Severity.MEDIUM, remedy=_REVIEW)  # fmt: skip
def obligations(table: Table, now: str, *, max_days: Annotated[int, Down] = 183) -> Judgement:
    """The list of laws and supervisory papers was reviewed in the period (ours: half a year)."""
    return _policies(table, _of(table, "topic", "compliance"), now, max_days)


@check("register.recovery-plan-reviewed", needs=(POLICIES, COLLECTED_AT),
       severity=Severity.MEDIUM, remedy=_REVIEW)  # fmt: skip
def recovery_plan(table: Table, now: str, *, max_days: Annotated[int, Down] = 365) -> Judgement:
    """The recovery plan was reviewed within the period (ours: a year)."""
    return _policies(table, _of(table, "topic", "recovery"), now, max_days)


def _meeting(id: str, body: str, what: Message) -> Check:
    @check(id, needs=(complete(MEETINGS), COLLECTED_AT), severity=Severity.MEDIUM, remedy=_MEET)
    def met(table: Table, now: str, *, max_days: Annotated[int, Down] = 365) -> Judgement:
        """The body met within the period, and minutes were kept (ours: a year)."""
        today, rows = day_of(now), _of(table, "body", body)
        judgement = recent(rows, "date", today, max_days, what)
        last = newest(rows, "date", today)
        if last is None:
            return judgement
        return with_answer(judgement, last["minutes"], msg("No minutes were kept"),
                           msg("Whether minutes were kept is not recorded"))  # fmt: skip

    return met


leading_group = _meeting("register.leading-group-met", "leading_group",
                         msg("Meeting of the leading group"))  # fmt: skip
data_committee = _meeting("register.data-committee-met", "data_governance",
                          msg("Meeting of the committee of data governance"))  # fmt: skip
management_review = _meeting("register.management-review-held", "management_review",
                             msg("Management review"))  # fmt: skip


@check(
    "register.systems-assessed",
    needs=(
        each("assessments_register", ASSESSMENTS),
        each("system", "service.system"),
        COLLECTED_AT,
    ),
    kind="assessments_register",
    severity=Severity.HIGH,
    version=2,
    remedy=_ASSESS,
)
def systems_assessed(
    registers: Registers,
    systems: Registers,
    now: str,
    *,
    max_days: Annotated[int, Down] = 365,
) -> Judgement:
    """Each system was assessed for classified protection within the year that the clause asks."""
    today, every = day_of(now), rows_in(registers)
    if every is None:
        return undetermined(UNREAD)
    rows = [row for row in every if row["kind"] == "classified_protection"]
    names = _systems(rows, systems)
    if not names:
        return unrecorded(msg("No assessment is in the register"))
    late = []
    for name in names:
        what = msg("Assessment of {system}", system=name)
        one = recent(_of_system(rows, name), "date", today, max_days, what)
        late += list(one.detail[:1]) if one.verdict != "pass" else []
        late += _below_filing(every, name, today)
    summary = msg("{systems} were assessed within {days} days", systems=tuple(names),
                  days=max_days)  # fmt: skip
    return judged(late, summary, msg("at most {days} days ago", days=max_days))


def _systems(rows: Sequence[Row], systems: Registers) -> list[str]:
    """The systems of the rows and of the inventory, each once."""
    every = [*(str(row["system"]) for row in rows), *(target.id for target, _ in systems)]
    return list({same(name): name for name in every}.values())


def _of_system(rows: Sequence[Row], name: str) -> list[Row]:
    return [row for row in rows if same(str(row["system"])) == same(name)]


def _below_filing(rows: Sequence[Row], name: str, today: datetime.date) -> list[Message]:
    """That the newest assessment of a system was at a lower level than its newest filing."""
    own = _of_system(rows, name)
    kinds = ("classified_protection", "filing")
    last = [newest([r for r in own if r["kind"] == kind], "date", today) for kind in kinds]
    at, filed = (None if row is None else row["level"] for row in last)
    if at is None or filed is None or at >= filed:
        return []
    return [msg("{system} was assessed at level {at}, but is filed at level {filed}", system=name,
                at=int(at), filed=int(filed))]  # fmt: skip


@check("register.certificates-valid", needs=(ASSESSMENTS, COLLECTED_AT), severity=Severity.HIGH,
       remedy=msg("Renew the filing or the licence"))  # fmt: skip
def certificates_valid(
    table: Table, now: str, *, filing_days: Annotated[int, Down] = 1096
) -> Judgement:
    """Filings and licences are in force (a filing for three years: letter 1846 of 2025)."""
    today = day_of(now)
    filings = _of(table, "kind", "filing")

    def wrong(row: Row) -> Message | None:
        until = date_of(row, "valid_until")
        if until is not None and until < today:
            return msg("valid until {date} only", date=until.isoformat())
        if row["kind"] != "filing":
            return None
        return outdated(row, "date", today, filing_days, msg("no day of the filing"), msg("filed"))

    if not filings:
        return unrecorded(msg("No filing is in the register"))
    rows = [*filings, *_of(table, "kind", "licence")]
    return judged(each_row(table, rows, wrong), msg("{count} filings and licences, all in force",
                                                    count=len(rows)))  # fmt: skip


def _last(rows: list[Row], today: datetime.date, max_days: int, what: Message) -> Judgement:
    """Whether the newest of `rows` is recent, and states no high risk."""
    judgement = recent(rows, "date", today, max_days, what)
    last = newest(rows, "date", today)
    if last is not None and (last["high_risks"] or 0) > 0:
        risks = msg("It states {count} high risks", count=int(last["high_risks"]))
        return failed(*judgement.detail, risks, expected=judgement.expected)
    return judgement


def _assessed(id: str, kind: str, what: Message) -> Check:
    @check(
        id, needs=(complete(ASSESSMENTS), COLLECTED_AT), severity=Severity.MEDIUM, remedy=_ASSESS
    )
    def assessed(table: Table, now: str, *, max_days: Annotated[int, Down] = 365) -> Judgement:
        """The assessment is at most a year old (ours), and states no high risk."""
        return _last(_of(table, "kind", kind), day_of(now), max_days, what)

    return assessed


@check(
    "register.cryptography-assessed",
    needs=(
        each("assessments_register", ASSESSMENTS),
        each("system", "service.system"),
        COLLECTED_AT,
    ),
    kind="assessments_register",
    severity=Severity.MEDIUM,
    version=2,
    remedy=_ASSESS,
)
def cryptography(
    registers: Registers,
    systems: Registers,
    now: str,
    *,
    max_days: Annotated[int, Down] = 365,
) -> Judgement:
    """The cryptography of each system was assessed within a year (ours), without high risks.

    Whether a system without an assessment needs one is not known: the law asks it of some only.
    """
    today, every = day_of(now), rows_in(registers)
    if every is None:
        return undetermined(UNREAD)
    rows = [row for row in every if row["kind"] == "cryptography"]
    names = _systems(rows, systems)
    if not names:
        return unrecorded(msg("No assessment is in the register"))
    found = [_last(_of_system(rows, name), today, max_days,
                   msg("Assessment of the cryptography of {system}", system=name))
             for name in names]  # fmt: skip
    wrong, unknown = (
        [detail for one in found if one.verdict is verdict for detail in one.detail]
        for verdict in (Verdict.FAIL, Verdict.UNDETERMINED)
    )
    expected = msg("at most {days} days ago", days=max_days)
    if unknown and not wrong:
        return undetermined(*few(unknown, SHOWN), expected=expected)
    summary = msg("{systems} were assessed within {days} days", systems=tuple(names),
                  days=max_days)  # fmt: skip
    return judged(wrong, summary, expected)


compliance = _assessed("register.compliance-reviewed", "compliance", msg("Compliance review"))
personal = _assessed("register.personal-information-assessed", "personal_information",
                     msg("Assessment or audit of personal information"))  # fmt: skip
financial = _assessed("register.financial-information-reviewed", "financial_information",
                      msg("Review of personal financial information"))  # fmt: skip


@check("register.restore-drilled",
       needs=(complete(DRILLS), each("system", "service.system"), COLLECTED_AT),
       kind="drills_register", severity=Severity.HIGH, version=2, remedy=_DRILL)  # fmt: skip
def restore_drilled(
    table: Table, systems: Registers, now: str, *, max_days: Annotated[int, Down] = 365
) -> Judgement:
    """A restore was tried within the year (JR/T 0071.2), worked and kept to the RTO."""
    today, there = day_of(now), {same(target.id) for target, _ in systems}
    # a drill of a system that the inventory does not have says nothing of those that it has
    rows = [row for row in _of(table, "kind", "restore")
            if not there or same(str(row["system"])) in there]  # fmt: skip
    judgement = recent(rows, "date", today, max_days, msg("Restore drill"))
    last = newest(rows, "date", today)
    if last is None:
        return judgement
    judgement = with_answer(judgement, last["passed"], msg("It did not succeed"),
                            msg("Whether it succeeded is not recorded"))  # fmt: skip
    took, rto = last["minutes"], last["rto_minutes"]
    if took is None or rto is None:
        return with_answer(judgement, None, UNREAD,
                           msg("How long it took, or the RTO, is not recorded"))  # fmt: skip
    over = msg("It took {took} minutes, the RTO is {rto}", took=f"{took:g}", rto=f"{rto:g}")
    return with_answer(judgement, took <= rto, over, UNREAD)


@check("register.emergency-drilled", needs=(complete(DRILLS), COLLECTED_AT),
       severity=Severity.MEDIUM, remedy=_DRILL)  # fmt: skip
def emergency_drilled(table: Table, now: str, *, max_days: Annotated[int, Down] = 365) -> Judgement:
    """An emergency and an attack were drilled within the period (ours: a year)."""
    today = day_of(now)
    judgements = [
        recent(_of(table, "kind", kind), "date", today, max_days, what)
        for kind, what in (("emergency", msg("Emergency drill")), ("attack", msg("Attack drill")))
    ]
    details = [detail for each in judgements for detail in each.detail]
    late = [detail for each in judgements if each.verdict == "fail" for detail in each.detail]
    expected = msg("at most {days} days ago", days=max_days)
    if late:
        return failed(*late, expected=expected)
    if any(each.verdict != "pass" for each in judgements):
        return undetermined(*details, expected=expected)
    return passed(*details, expected=expected)


CHECKS = (
    policies_reviewed, data_policies, obligations, recovery_plan, leading_group, data_committee,
    management_review, systems_assessed, certificates_valid, cryptography, compliance, personal,
    financial, restore_drilled, emergency_drilled,
)  # fmt: skip
