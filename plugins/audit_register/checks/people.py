"""Staff: what they signed and learned, and the reviews of their rights."""

from __future__ import annotations

from typing import Annotated

from audit_core.api.sdk import (
    COLLECTED_AT,
    Down,
    Judgement,
    Message,
    Others,
    Severity,
    check,
    each,
    failed,
    msg,
    undetermined,
)
from audit_register.columns import same
from audit_register.facts import BY_REGISTER, Row, Table
from audit_register.rules import (
    UNREAD,
    date_of,
    day_of,
    each_row,
    judged,
    outdated,
    recent,
    rows_in,
)

STAFF = BY_REGISTER["staff"]


def _there(table: Table, now: str) -> list[Row]:
    """Who has not left."""
    today = day_of(now)
    return [row for row in table.rows if (left := date_of(row, "left")) is None or left >= today]


@check(
    "register.confidentiality-signed",
    needs=(STAFF, COLLECTED_AT),
    severity=Severity.MEDIUM,
    remedy=msg("Have everybody sign the agreement, and record the day"),
)
def signed(table: Table, now: str) -> Judgement:
    """Everybody has signed the agreement of confidentiality."""
    people = _there(table, now)
    today = day_of(now)

    def lacking(row: Row) -> Message | None:
        day = date_of(row, "signed")
        return msg("nothing is signed") if day is None or day > today else None

    wrong = each_row(table, people, lacking)
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
        return outdated(row, "trained", today, max_days, msg("never trained"), msg("trained"))

    expected = msg("training at most {days} days ago", days=max_days)
    summary = msg("{count} people, all trained", count=len(people))
    return judged(each_row(table, people, late), summary, expected)


REVIEWS = BY_REGISTER["reviews"]


@check(
    "register.rights-reviewed",
    needs=(each("reviews_register", REVIEWS), each("system", "service.system"), COLLECTED_AT),
    kind="reviews_register",
    severity=Severity.MEDIUM,
    version=2,
    remedy=msg("Review the access rights of each system, and record it"),
)
def rights_reviewed(
    registers: Others, declared: Others, now: str, *, max_days: Annotated[int, Down] = 183
) -> Judgement:
    """The access rights of each system were reviewed within the period (ours: half a year)."""
    today, rows = day_of(now), rows_in(registers)
    if rows is None:
        return undetermined(UNREAD)
    names = [*(str(row["system"]) for row in rows), *(target.id for target, _ in declared)]
    systems = list({same(name): name for name in names}.values())
    if not systems:
        return failed(msg("The register has no rows"))
    judgements = [
        recent([r for r in rows if same(str(r["system"])) == same(system)], "date", today, max_days,
               msg("Review of rights in {system}", system=system))
        for system in systems
    ]  # fmt: skip
    late = [j.detail[0] for j in judgements if j.verdict != "pass"]
    summary = msg("Rights were reviewed in {systems}", systems=tuple(systems))
    return judged(late, summary, msg("at most {days} days ago", days=max_days))


CHECKS = (signed, trained, rights_reviewed)
