"""Staff, leavers and their accounts."""

from __future__ import annotations

from typing import Annotated

from audit_core.api.sdk import (
    COLLECTED_AT,
    Down,
    Judgement,
    Message,
    Severity,
    Subset,
    check,
    complete,
    failed,
    msg,
    not_applicable,
    passed,
    undetermined,
)
from audit_register.checks.upkeep import STAFF_REGISTER, Staff, staff_of
from audit_register.facts import BY_REGISTER, Row, Table
from audit_register.rules import age, date_of, day_of, each_row, judged, recent

STAFF = BY_REGISTER["staff"]
_NO_STAFF = msg("No register of staff is declared")
_UNREAD = msg("A register of staff could not be read")


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


@check(
    "register.leavers-have-no-account",
    needs=("linux.login-accounts", STAFF_REGISTER, COLLECTED_AT),
    kind="host",
    severity=Severity.HIGH,
    remedy=msg("Disable the accounts of people who have left"),
)
def leavers(accounts: tuple[str, ...], registers: Staff, now: str) -> Judgement:
    """Nobody who has left has an account on the host that can be logged in to."""
    if not registers:
        return not_applicable(_NO_STAFF)
    staff = staff_of(registers)
    if staff is None:
        return undetermined(_UNREAD)
    today = day_of(now)
    gone = {
        account: row
        for row in staff.values()
        if (left := date_of(row, "left")) is not None and left <= today
        for account in row["accounts"] or ()
    }
    still = [account for account in accounts if account in gone]
    if still:
        return failed(
            *(
                msg("{account} belongs to {number}, who left on {date}", account=account,
                    number=str(gone[account]["staff_no"]), date=str(gone[account]["left"]))
                for account in still[:10]
            )
        )  # fmt: skip
    return passed(
        msg("{count} accounts can be logged in to, none of somebody who left", count=len(accounts))
    )


@check(
    "register.accounts-have-owner",
    needs=("linux.login-accounts", STAFF_REGISTER),
    kind="host",
    severity=Severity.MEDIUM,
    remedy=msg("Enter each account in the register of staff, or remove it"),
)
def owned(
    accounts: tuple[str, ...],
    registers: Staff,
    *,
    services: Annotated[frozenset[str], Subset] = frozenset({"root"}),
) -> Judgement:
    """Each account that can be logged in to belongs to one person in the register of staff."""
    if not registers:
        return not_applicable(_NO_STAFF)
    staff = staff_of(registers)
    if staff is None:
        return undetermined(_UNREAD)
    owners: dict[str, list[str]] = {}
    for number, row in staff.items():
        for account in row["accounts"] or ():
            owners.setdefault(account, []).append(number)
    concerned = [account for account in accounts if account not in services]
    wrong = [
        msg("{account} has no owner in the register of staff", account=account)
        if account not in owners
        else msg("{account} is shared by {numbers}", account=account,
                 numbers=tuple(owners[account]))
        for account in concerned
        if len(owners.get(account, ())) != 1
    ]  # fmt: skip
    return judged(wrong, msg("{count} accounts, each with an owner", count=len(concerned)))


CHECKS = (signed, trained, rights_reviewed, leavers, owned)
