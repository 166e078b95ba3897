"""Staff: what they signed and learned, and the reviews of their rights."""

from __future__ import annotations

from typing import Annotated

from audit_core.api.sdk import (
    COLLECTED_AT,
    Down,
    Judgement,
    Message,
    Severity,
    check,
    complete,
    failed,
    msg,
)
from audit_register.facts import BY_REGISTER, Row, Table
from audit_register.rules import age, date_of, day_of, each_row, judged, recent

STAFF = BY_REGISTER["staff"]


def _there(table: Table, now: str) -> list[Row]:
    """Who has not left."""
    today = day_of(now)
    return [row for row in table.rows if (left := date_of(row, "left")) is None or left > today]


@check(
    "register.confidentiality-signed",
    needs=(STAFF, COLLECTED_AT),
    severity=Severity.MEDIUM,
    remedy=msg("Have everybody sign the agreement, and record the day"),
)
def signed(table: Table, now: str) -> Judgement:
    """Everybody has signed the agreement of confidentiality."""
    people = _there(table, now)
    wrong = each_row(table, people, lambda row: None if row["signed"] else msg("nothing is signed"))
    return judged(wrong, msg("{count} people, all have signed", count=len(people)))


@check(
    "register.staff-trained",
    needs=(STAFF, COLLECTED_AT),
    severity=Severity.LOW,
    remedy=msg("Train those who were not trained within the period, and record the day"),
)
def trained(table: Table, now: str, *, max_days: Annotated[int, Down] = 365) -> Judgement:
    """Everybody was trained within the period (JR/T 0071.2: at least once a year)."""
    today, people = day_of(now), _there(table, now)

    def late(row: Row) -> Message | None:
        days = age(row, "trained", today)
        if days is None:
            return msg("never trained")
        return msg("trained {days} days ago", days=days) if days > max_days else None

    expected = msg("training at most {days} days ago", days=max_days)
    summary = msg("{count} people, all trained", count=len(people))
    return judged(each_row(table, people, late), summary, expected)


REVIEWS = BY_REGISTER["reviews"]


@check(
    "register.rights-reviewed",
    needs=(complete(REVIEWS), COLLECTED_AT),
    severity=Severity.MEDIUM,
    remedy=msg("Review the access rights of each system, and record it"),
)
def rights_reviewed(table: Table, now: str, *, max_days: Annotated[int, Down] = 183) -> Judgement:
    """The access rights of each system were reviewed within the period (ours: half a year)."""
    today = day_of(now)
    systems = sorted({str(row["system"]) for row in table.rows})
    if not systems:
        return failed(msg("The register has no rows"))
    judgements = [
        recent([r for r in table.rows if str(r["system"]) == system], "date", today, max_days,
               msg("Review of rights in {system}", system=system))
        for system in systems
    ]  # fmt: skip
    late = [j.detail[0] for j in judgements if j.verdict != "pass"]
    summary = msg("Rights were reviewed in {systems}", systems=tuple(systems))
    return judged(late, summary, msg("at most {days} days ago", days=max_days))


CHECKS = (signed, trained, rights_reviewed)
