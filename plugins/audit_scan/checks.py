"""Whether scans are made in time, cover what they have to, and what they find is fixed."""

from __future__ import annotations

import datetime
from collections import Counter
from typing import Annotated

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
    all_known,
    capped,
    capped_messages,
    check,
    each,
    failed,
    msg,
    not_applicable,
    passed,
    settings_of,
    undetermined,
)
from audit_scan.facts import HOST, REPORT, WEB, ScanResult
from audit_scan.kind import ScanSettings
from audit_scan.model import Rating, Vulnerability

_PORTS_ONLY = msg("A port scan is not a vulnerability scan")


def _purpose(target: Target) -> str:
    return settings_of(target, ScanSettings).purpose


def _days(first: str, last: str) -> int:
    return (datetime.date.fromisoformat(last) - datetime.date.fromisoformat(first)).days


def _alike(target: Target, reports: Others) -> list[tuple[Target, ScanResult]]:
    """The reports of the purpose of `target` that can be read and have a date, oldest first."""
    found = [
        (other, got.value) for other, got in reports
        if isinstance(got, Known) and got.value.day and got.value.head.rates
        and _purpose(other) == _purpose(target)
    ]  # fmt: skip
    return sorted(found, key=lambda pair: (pair[1].day, pair[0].id))


def _recorded(registers: Others, purpose: str) -> list[str] | None:
    """The days of the register of scans; None where there is none that was read in full."""
    tables = all_known(registers)
    if not tables:
        return None
    rows = (row for table in tables for row in table.rows)
    return [str(row["date"]) for row in rows if row["kind"] == purpose and row["date"]]


def _next(
    target: Target, report: ScanResult, reports: Others, registers: Others, now: str,
    limit: int, period: int,
) -> Judgement:  # fmt: skip
    """Whether the next scan of its kind, or today, is at most `limit` days after this one.

    A scan that is older than `period` days is not judged: a later one counts.
    """
    if not report.head.rates:
        return not_applicable(_PORTS_ONLY)
    own, today = report.day, now[:10]
    if not own or own > today:
        return undetermined(msg("The report has no date in the past"))
    recorded = _recorded(registers, _purpose(target))
    # a scan of other hosts is no next one
    days = [r.day for _, r in _alike(target, reports) if r.reached & report.reached]
    later = min((d for d in (*days, *(recorded or ())) if own < d <= today), default=None)
    if later is not None and _days(own, today) > period:
        return not_applicable(msg("The scan of {day} is before the period", day=own))
    expected = msg("at most {days} days until the next one", days=limit)
    gap = _days(own, later or today)
    if later is None:
        detail = msg("Scan of {day}; none since, {count} days", day=own, count=gap)
    else:
        detail = msg("Scan of {day}; the next one on {later}, {count} days", day=own, later=later,
                     count=gap)  # fmt: skip
    if gap <= limit:
        return passed(detail, expected=expected)
    if recorded is None:
        more = msg("No register of scans was read; it may list other scans")
        return undetermined(detail, more, expected=expected)
    return failed(detail, expected=expected)


_NEEDS = (
    TARGET, REPORT, each("scan_report", REPORT), each("scans_register", "register.scans"),
    COLLECTED_AT,
)  # fmt: skip


@check(
    "scan.scanned-in-time", needs=_NEEDS, kind="scan_report", severity=Severity.MEDIUM,
    remedy=msg("Scan each quarter, and declare the report or enter it in the register of scans"),
)  # fmt: skip
def scanned_in_time(
    target: Target, report: ScanResult, reports: Others, registers: Others, now: str,
    *, days: Annotated[int, Down] = 92, period_days: Annotated[int, Up] = 400,
) -> Judgement:  # fmt: skip
    """After each scan of 400 days (ours) the next one follows within a quarter (the clause)."""
    if _purpose(target) != "scan":
        return not_applicable(msg("The report is of a hunt for vulnerabilities"))
    return _next(target, report, reports, registers, now, days, period_days)


@check(
    "scan.hunted-in-time", needs=_NEEDS, kind="scan_report", severity=Severity.MEDIUM,
    remedy=msg("Hunt for vulnerabilities each half year, and declare the report"),
)  # fmt: skip
def hunted_in_time(
    target: Target, report: ScanResult, reports: Others, registers: Others, now: str,
    *, days: Annotated[int, Down] = 183, period_days: Annotated[int, Up] = 400,
) -> Judgement:  # fmt: skip
    """After each hunt of 400 days (ours) the next one follows within half a year (the clause)."""
    if _purpose(target) != "hunt":
        return not_applicable(msg("The report is of a full scan"))
    return _next(target, report, reports, registers, now, days, period_days)


def _newest(target: Target, reports: Others) -> str:
    """The id of the newest report that covers the same; that of `target` where it is."""
    covers = set(settings_of(target, ScanSettings).covers)
    same = [(o, r) for o, r in _alike(target, reports)
            if set(settings_of(o, ScanSettings).covers) == covers]  # fmt: skip
    return same[-1][0].id if same else target.id


@check(
    "scan.hosts-covered", kind="scan_report", severity=Severity.MEDIUM,
    needs=(TARGET, REPORT, each("scan_report", REPORT), each("host", HOST), each("web", WEB)),
    remedy=msg("Scan the hosts that are missing, or correct their address, zone or covers"),
)  # fmt: skip
def hosts_covered(
    target: Target, report: ScanResult, reports: Others, hosts: Others, web: Others
) -> Judgement:
    """The newest scan reached every host and web entry that it has to cover."""
    covers = set(settings_of(target, ScanSettings).covers)
    newest = _newest(target, reports)
    if newest != target.id:
        return not_applicable(msg("{report} is newer", report=newest))
    if not covers:
        return undetermined(msg("Declare covers: the zones, hosts and web entries to be scanned"))
    places = [(t, got.value) for t, got in (*hosts, *web) if isinstance(got, Known)]
    wanted = [(t, place) for t, place in places if {t.id, place.zone} & covers]
    if not wanted:
        return undetermined(msg("No host and no web entry is declared in {covers}",
                                covers=capped(covers)))  # fmt: skip
    missing = [t.id for t, place in wanted if not place.names & report.reached]
    detail = msg("{count} of {all} were reached on {day}", count=len(wanted) - len(missing),
                 all=len(wanted), day=report.day)  # fmt: skip
    if missing:
        return failed(detail, msg("Not reached: {hosts}", hosts=capped(missing)))
    return passed(detail)


def _is_accepted(one: Vulnerability, target: Target, today: str) -> bool:
    return any(
        a.finding == one.id and a.host in ("", one.host) and a.until >= today
        for a in settings_of(target, ScanSettings).accepted
    )


def _first_seen(one: Vulnerability, day: str, before: list[ScanResult]) -> str:
    """The day of the oldest report since which the finding was in each that reached the host."""
    for report in reversed(before):
        if any(other.key == one.key for other in report.open):
            day = report.day
        elif one.host.lower() in report.reached:
            break
    return day


def _not_again(report: ScanResult, before: list[ScanResult]) -> list[Vulnerability]:
    """What earlier reports found on hosts that no later one reached."""
    reached, found = set(report.reached), list[Vulnerability]()
    for other in reversed(before):
        found += [one for one in other.open if one.host.lower() not in reached]
        reached |= other.reached
    return found


def _described(one: Vulnerability, first: str) -> Message:
    return msg("{host} {port}: {title} ({id}, {rating}), open since {day}", host=one.host,
               port=one.port, title=one.title, id=one.id, rating=one.rating.value,
               day=first)  # fmt: skip


@check(
    "scan.findings-fixed", kind="scan_report", severity=Severity.HIGH,
    needs=(TARGET, REPORT, each("scan_report", REPORT), COLLECTED_AT),
    remedy=msg("Fix the findings and scan again; or accept them with reason and date (accepted)"),
)  # fmt: skip
def findings_fixed(
    target: Target, report: ScanResult, reports: Others, now: str,
    *, high_days: Annotated[int, Down] = 30, medium_days: Annotated[int, Down] = 90,
) -> Judgement:  # fmt: skip
    """What the newest scan found is not open for longer than it may; the days are our proposal."""
    newest, today = _newest(target, reports), now[:10]
    if newest != target.id:
        return not_applicable(msg("{report} is newer", report=newest))
    if not report.day:
        return undetermined(msg("The report has no date"))
    before = [r for _, r in _alike(target, reports) if r.day < report.day]
    late, unsure = list[Message](), list[Message]()
    left = [one for one in report.open if not _is_accepted(one, target, today)]
    for one in left:
        first = _first_seen(one, report.day, before)
        limit = medium_days if one.rating is Rating.MEDIUM else high_days
        is_late = _is_late(one, report.day, first, today, limit)
        if is_late is not False:
            (late if is_late else unsure).append(_described(one, first))
    gone = [one for one in _not_again(report, before) if not _is_accepted(one, target, today)]
    unsure += [_described(one, _first_seen(one, report.day, before)) for one in gone]
    expected = msg("critical and high: {high} days, medium: {medium} days", high=high_days,
                   medium=medium_days)  # fmt: skip
    return _fixed(report, left, late, unsure, expected)


@check(
    "scan.none-critical", kind="scan_report", severity=Severity.HIGH,
    needs=(TARGET, REPORT, each("scan_report", REPORT), COLLECTED_AT),
    remedy=msg("Close what is critical at once, take it from the internet, and scan again"),
)  # fmt: skip
def none_critical(
    target: Target, report: ScanResult, reports: Others, now: str,
    *, max_days: Annotated[int, Down] = 92,
) -> Judgement:  # fmt: skip
    """The newest scan, of a quarter (the clause), found nothing critical open (2025 guide).

    An accepted finding is open, too: what was accepted can be used by others.
    """
    newest, today = _newest(target, reports), now[:10]
    if newest != target.id:
        return not_applicable(msg("{report} is newer", report=newest))
    if not report.head.rates:
        return not_applicable(_PORTS_ONLY)
    critical = [one for one in report.open if one.rating is Rating.CRITICAL]
    summary = msg("Scan of {day}: {hosts} hosts, {count} critical findings open",
                  day=report.day or "-", hosts=report.hosts, count=len(critical))  # fmt: skip
    if critical:
        return failed(summary, *capped_shown([_described(one, report.day) for one in critical]))
    unsure = _uncertain(target, report, reports)
    if unsure:
        more = msg("Not rated, or not looked at again since: scan again")
        listed = capped_shown([_described(one, report.day) for one in unsure])
        return undetermined(summary, more, *listed)
    if not report.hosts or not report.day or _days(report.day, today) > max_days:
        return undetermined(summary, msg("Too old, or of no host: scan again"))
    return passed(summary)


def _uncertain(target: Target, report: ScanResult, reports: Others) -> list[Vulnerability]:
    """What may be critical and open: without a rating, or on hosts that were not reached again."""
    before = [r for _, r in _alike(target, reports) if r.day < report.day]
    gone = _not_again(report, before)
    return [
        *(one for one in report.open if one.rating is Rating.UNRATED),
        *(one for one in gone if one.rating is Rating.CRITICAL),
    ]


def _is_late(one: Vulnerability, day: str, first: str, today: str, limit: int) -> bool | None:
    """Whether a finding of `day`, open since `first`, is late; None where it may be fixed since."""
    if one.rating is Rating.UNRATED:
        return None
    if _days(first, day) > limit:
        return True
    return None if _days(first, today) > limit else False


def _fixed(
    report: ScanResult, left: list[Vulnerability], late: list[Message], unsure: list[Message],
    expected: Message,
) -> Judgement:  # fmt: skip
    counted = Counter(one.rating.value for one in left)
    counts = ", ".join(f"{rating.value} {counted[rating.value]}" for rating in Rating)
    summary = msg("Scan of {day}: {hosts} hosts; open: {counts}; accepted: {accepted}",
                  day=report.day, hosts=report.hosts, counts=counts,
                  accepted=len(report.open) - len(left))  # fmt: skip
    if late:
        return failed(summary, *capped_shown(late), expected=expected)
    if unsure:
        more = msg("Not rated, or not looked at again since: scan again")
        return undetermined(summary, more, *capped_shown(unsure), expected=expected)
    if not report.head.rates:
        return not_applicable(_PORTS_ONLY)
    return passed(summary, expected=expected)


def capped_shown(problems: list[Message]) -> tuple[Message, ...]:
    """The problems as one message, the first 20 of them."""
    return (msg("{problems}", problems=capped_messages(problems)),)


CHECKS = (scanned_in_time, hunted_in_time, hosts_covered, findings_fixed, none_critical)
