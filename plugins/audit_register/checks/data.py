"""Data owners and classes, interfaces, and agreements on data that leaves the institution."""

from __future__ import annotations

from typing import Annotated

from audit_core.api.sdk import (
    COLLECTED_AT,
    Down,
    Judgement,
    Message,
    Severity,
    Up,
    Verdict,
    check,
    each,
    failed,
    few,
    msg,
    not_applicable,
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
    outdated,
    rows_in,
    share,
)

DATA, INTERFACES, PARTNERS = (BY_REGISTER[id] for id in ("data", "interfaces", "partners"))
_EMPTY = msg("The register has no rows")


@check(
    "register.data-sets-listed",
    needs=(each("data_register", DATA), each("data_set", "service.data_set")),
    kind="data_register",
    severity=Severity.MEDIUM,
    remedy=msg("Enter each data set of the inventory in the register"),
)
def data_sets_listed(registers: Registers, data_sets: Registers) -> Judgement:
    """Each data set of the inventory is in the register."""
    rows = rows_in(registers)
    if rows is None:
        return undetermined(UNREAD)
    listed = {same(str(row["data"])) for row in rows}
    lacking = [target.id for target, _ in data_sets if same(target.id) not in listed]
    return judged(
        (msg("The data set {name} is not in the register", name=name) for name in lacking),
        msg("{count} data sets in the register, those of the inventory among them",
            count=len(rows)),
    )  # fmt: skip


@check(
    "register.metadata-managed",
    needs=DATA,
    severity=Severity.LOW,
    remedy=msg("Bring the data sets into the metadata system"),
)
def metadata_managed(table: Table, *, min_percent: Annotated[int, Up] = 100) -> Judgement:
    """The required share of data sets has managed metadata (ours: all)."""
    if not table.rows:
        return failed(_EMPTY)
    without = [row for row in table.rows if not row["metadata"]]
    managed = len(table.rows) - len(without)
    summary = msg("{part} of {whole} data sets ({share} %) are in the metadata system",
                  part=managed, whole=len(table.rows),
                  share=share(managed, len(table.rows)))  # fmt: skip
    expected = msg("at least {percent} %", percent=min_percent)
    if managed * 100 >= min_percent * len(table.rows):
        return judged((), summary, expected)
    wrong = each_row(table, without, lambda row: msg("not in the metadata system"))
    return judged([summary, *wrong], summary, expected)


@check(
    "register.data-purged",
    needs=(DATA, COLLECTED_AT),
    severity=Severity.MEDIUM,
    remedy=msg("Delete data past its retention period, and record the day"),
)
def data_purged(table: Table, now: str, *, max_days: Annotated[int, Down] = 365) -> Judgement:
    """Data past its retention period is deleted at least once in the period (ours: a year)."""
    today = day_of(now)

    def wrong(row: Row) -> Message | None:
        if row["retention_days"] is None:
            return msg("no retention period")
        return outdated(row, "purged", today, max_days, msg("never purged"), msg("purged"))

    expected = msg("a retention period, purged at most {days} days ago", days=max_days)
    summary = msg("{count} data sets, all purged", count=len(table.rows))
    return judged(each_row(table, table.rows, wrong), summary, expected)


@check(
    "register.interfaces-controlled",
    needs=INTERFACES,
    severity=Severity.HIGH,
    remedy=msg("Authenticate, encrypt, monitor and rate-limit each interface"),
)
def interfaces_controlled(table: Table) -> Judgement:
    """Each interface has authentication, encryption, monitoring and rate limits."""

    def wrong(row: Row) -> Message | None:
        lacking = [
            table.title(column)
            for column in ("encrypted", "monitored", "limited")
            if row[column] is False
        ]
        if row["authentication"] == "none":
            lacking.insert(0, table.title("authentication"))
        return msg("without {controls}", controls=tuple(lacking)) if lacking else None

    if not table.rows:
        return failed(_EMPTY)
    summary = msg("{count} interfaces, all four controls on each", count=len(table.rows))
    found = judged(each_row(table, table.rows, wrong), summary)
    unknown = [row for row in table.rows if any(row[column] is None for column in _CONTROLS)]
    if found.verdict is Verdict.FAIL or not unknown:
        return found
    return undetermined(*few(each_row(table, unknown, lambda row: _NOT_RECORDED), SHOWN))


_CONTROLS = ("authentication", "encrypted", "monitored", "limited")
_NOT_RECORDED = msg("not all four controls are recorded")


@check(
    "register.interfaces-available",
    needs=INTERFACES,
    severity=Severity.MEDIUM,
    remedy=msg("Find out what broke the interface"),
)
def interfaces_available(table: Table, *, min_percent: Annotated[float, Up] = 99.9) -> Judgement:
    """Each interface had the required availability over 30 days (ours: 99.9 %)."""

    def wrong(row: Row) -> Message | None:
        if row["availability"] is None:
            return msg("no figure")
        low = row["availability"] < min_percent
        return msg("available {percent} %", percent=f"{row['availability']:g}") if low else None

    if not table.rows:
        return failed(_EMPTY)
    expected = msg("at least {percent} %", percent=f"{min_percent:g}")
    summary = msg("{count} interfaces, all available", count=len(table.rows))
    return judged(each_row(table, table.rows, wrong), summary, expected)


@check(
    "register.interfaces-listed",
    needs=(
        each("interfaces_register", INTERFACES),
        each("endpoint", "service.endpoint"),
        each("web", "service.web"),
    ),
    kind="interfaces_register",
    severity=Severity.MEDIUM,
    version=2,
    remedy=msg("Register the interfaces behind each endpoint (column entry)"),
)
def interfaces_listed(registers: Registers, endpoints: Registers, web: Registers) -> Judgement:
    """Each endpoint of the inventory has an interface in the register, and each entry exists."""
    there = {target.id for target, _ in endpoints}
    known = there | {target.id for target, _ in web}
    rows = rows_in(registers)
    if rows is None:
        return undetermined(UNREAD)
    by_entry = {same(str(row["entry"])): str(row["entry"]) for row in rows if row["entry"]}
    known_too = {same(id) for id in known}
    wrong = [
        *(msg("The endpoint {name} has no interface in the register", name=name)
          for name in sorted(there) if same(name) not in by_entry),
        *(msg("The entry {name} is no endpoint and no web entry of the inventory", name=name)
          for key, name in sorted(by_entry.items()) if key not in known_too),
    ]  # fmt: skip
    return judged(wrong, msg("{count} endpoints, each with its interfaces", count=len(there)))


@check(
    "register.agreements-valid",
    needs=(PARTNERS, COLLECTED_AT),
    severity=Severity.HIGH,
    remedy=msg("Renew the agreement, or end the exchange"),
)
def agreements_valid(table: Table, now: str) -> Judgement:
    """Each partner has an agreement of confidentiality and one of security that are in force."""
    today = day_of(now)

    def wrong(row: Row) -> Message | None:
        for column in ("confidentiality_until", "security_until"):
            until = date_of(row, column)
            if until is None:
                return msg("{column} is empty", column=table.title(column))
            if until < today:
                return msg("{column}: expired on {date}", column=table.title(column),
                           date=until.isoformat())  # fmt: skip
        return None

    if not table.rows:
        return not_applicable(msg("No partner is in the register"))
    summary = msg("{count} partners, both agreements in force with each", count=len(table.rows))
    return judged(each_row(table, table.rows, wrong), summary)


@check(
    "register.agreements-clauses",
    needs=PARTNERS,
    severity=Severity.MEDIUM,
    remedy=msg("Agree on the fields and on who is liable for a breach"),
)
def agreements_clauses(table: Table) -> Judgement:
    """Each agreement names the fields, and who is liable for a breach."""

    def wrong(row: Row) -> Message | None:
        if not row["fields"]:
            return msg("no fields are agreed")
        return None if row["liability"] else msg("no liability for a breach is agreed")

    if not table.rows:
        return not_applicable(msg("No partner is in the register"))
    summary = msg("{count} partners, fields and liability agreed with each", count=len(table.rows))
    return judged(each_row(table, table.rows, wrong), summary)


@check(
    "register.partners-assessed",
    needs=(PARTNERS, COLLECTED_AT),
    severity=Severity.MEDIUM,
    version=2,
    remedy=msg("Assess the impact before personal data is given out"),
)
def partners_assessed(table: Table, now: str) -> Judgement:
    """The impact was assessed for each partner."""
    if not table.rows:
        return not_applicable(msg("No partner is in the register"))
    today = day_of(now)

    def lacking(row: Row) -> Message | None:
        day = date_of(row, "assessed")
        return msg("not assessed") if day is None or day > today else None

    wrong = each_row(table, table.rows, lacking)
    return judged(wrong, msg("{count} partners, all assessed", count=len(table.rows)))


CHECKS = (
    data_sets_listed, metadata_managed, data_purged, interfaces_controlled, interfaces_available,
    interfaces_listed, agreements_valid, agreements_clauses, partners_assessed,
)  # fmt: skip
