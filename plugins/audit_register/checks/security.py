"""Security products, the duty roster, scans and vulnerability work."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Annotated, Any

from msgspec import Struct

from audit_core.api.sdk import (
    COLLECTED_AT,
    Check,
    Down,
    Judgement,
    Known,
    Message,
    Others,
    Severity,
    Target,
    Up,
    Verdict,
    check,
    complete,
    each,
    few,
    msg,
    not_applicable,
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
    label,
    no_gap,
    outdated,
    rows_in,
    share,
    unrecorded,
)

PRODUCTS, DUTY, SCANS = (BY_REGISTER[id] for id in ("products", "duty", "scans"))
_NO_SIGNATURES, _SIGNATURES = msg("no date of signatures"), msg("signatures")
_INLINE = ("firewall", "ips", "waf")
_NETWORK = (*_INLINE, "traffic_analysis")
_ENDPOINT = msg("Install the agent where it is missing, and record the figures of the console")


def _of(table: Table, categories: Iterable[str]) -> list[Row]:
    wanted = set(categories)
    return [row for row in table.rows if row["category"] in wanted]


@check(
    "register.network-defence",
    needs=(PRODUCTS, COLLECTED_AT),
    severity=Severity.HIGH,
    version=2,
    remedy=msg("Deploy products that block and detect attacks, in blocking mode"),
)
def network_defence(
    table: Table, now: str, *, max_event_days: Annotated[int, Down] = 7
) -> Judgement:
    """Products against attacks are there, with an event in 7 days (ours), in blocking mode."""
    rows = _of(table, _NETWORK)
    there = {str(row["category"]) for row in rows}
    if "firewall" not in there:
        return unrecorded(msg("No firewall is in the register"))
    if not there & {"ips", "traffic_analysis"}:
        return unrecorded(msg("No intrusion detection is in the register"))
    if "waf" not in there:
        return unrecorded(msg("No web application firewall (WAF) is in the register"))
    wrong = each_row(
        table,
        _of(table, _INLINE),
        lambda row: None if row["mode"] == "block" else msg("not in blocking mode"),
    )
    today = day_of(now)
    wrong += each_row(table, rows, lambda row: _silent(row, today, max_event_days))
    unknown = each_row(table, rows, _no_event)
    if unknown and not wrong:
        return undetermined(*few(unknown, SHOWN))
    return judged(wrong, msg("{count} products: {names}", count=len(rows),
                             names=tuple(label(table, row) for row in rows)))  # fmt: skip


def _silent(row: Row, today: datetime.date, most: int) -> Message | None:
    if row["last_event"] is None:
        return None
    return outdated(row, "last_event", today, most, _NO_EVENT, msg("last event"))


def _no_event(row: Row) -> Message | None:
    return _NO_EVENT if row["last_event"] is None else None


_NO_EVENT = msg("no last event is recorded")


@check(
    "register.signatures-current",
    needs=(PRODUCTS, COLLECTED_AT),
    severity=Severity.HIGH,
    remedy=msg("Update the signatures, renew the licence"),
)
def signatures_current(
    table: Table, now: str, *, max_days: Annotated[int, Down] = 179
) -> Judgement:
    """Signatures and licences in the network are current (2025 guide: half a year)."""
    today, rows = day_of(now), _of(table, _NETWORK)

    def wrong(row: Row) -> Message | None:
        until = date_of(row, "licence_until")
        if until is not None and until < today:
            return msg("the licence ended on {date}", date=until.isoformat())
        if row["signatures"] is None and row["category"] == "firewall":
            return None
        return outdated(row, "signatures", today, max_days, _NO_SIGNATURES, _SIGNATURES)

    if not rows:
        return unrecorded(msg("No product of the network is in the register"))
    expected = msg("signatures at most {days} days old", days=max_days)
    summary = msg("{count} products, all current", count=len(rows))
    return judged(each_row(table, rows, wrong), summary, expected)


@check(
    "register.zones-defended",
    needs=(each("products_register", PRODUCTS), each("zone", "service.zone")),
    kind="products_register",
    severity=Severity.LOW,
    remedy=msg("Enter in which zone of the inventory each product stands"),
)
def zones_defended(registers: Registers, zones: Registers) -> Judgement:
    """The zones in which products of the network stand are those of the inventory."""
    rows = rows_in(registers)
    if rows is None:
        return undetermined(UNREAD)
    if not zones:
        return not_applicable(msg("No zone is declared"))
    there = {same(target.id): target.id for target, _ in zones}
    network = [row for row in rows if row["category"] in _NETWORK]
    named = {same(str(row["zone"])) for row in network if row["zone"]}
    strange = [
        msg("{product} stands in the zone {zone}, which is not in the inventory",
            product=str(row["product"]), zone=str(row["zone"]))
        for row in network
        if row["zone"] and same(str(row["zone"])) not in there
    ]  # fmt: skip
    bare = tuple(sorted(id for key, id in there.items() if key not in named))
    return judged(strange, msg("{count} zones have products; zones without: {zones}",
                               count=len(there.keys() & named), zones=bare or "-"))  # fmt: skip


def _covered(table: Table, categories: tuple[str, ...], percent: int) -> Judgement:
    rows = _of(table, categories)
    expected = msg("{percent} % covered", percent=percent)
    lacking = [c for c in categories if c not in {row["category"] for row in rows}]
    if lacking:
        words = dict(_CATEGORIES)
        return unrecorded(
            msg("Not in the register: {names}",
                names=tuple(msg("{detail}", detail=c, detail_zh=words[c]) for c in lacking)),
            expected,
        )  # fmt: skip

    def wrong(row: Row) -> Message | None:
        covered, total = row["covered"], row["total"]
        if covered is None or total is None:
            return msg("no figures")
        if not total:
            return msg("nothing is to be covered")
        if covered > total:
            return msg("{part} of {whole} covered: more than there are", part=f"{covered:g}",
                       whole=f"{total:g}")  # fmt: skip
        if covered * 100 >= percent * total:
            return None
        return msg("{part} of {whole} covered ({share} %)", part=f"{covered:g}",
                   whole=f"{total:g}", share=share(int(covered), int(total)))  # fmt: skip

    figures = tuple(
        msg("{product}: {part} of {whole}", product=label(table, row),
            part=f"{row['covered']:g}", whole=f"{row['total']:g}")
        for row in rows
        if row["covered"] is not None and row["total"] is not None
    )  # fmt: skip
    return judged(each_row(table, rows, wrong), msg("Covered: {figures}", figures=figures),
                  expected)  # fmt: skip


_CATEGORIES = {
    "host_antivirus": "主机防病毒", "hids": "主机入侵检测", "terminal_antivirus": "终端防病毒",
    "admission": "终端准入", "terminal_management": "终端管理",
}  # fmt: skip


@check("register.terminals-covered", needs=PRODUCTS, severity=Severity.HIGH, remedy=_ENDPOINT)
def terminals_covered(table: Table, *, min_percent: Annotated[int, Up] = 100) -> Judgement:
    """Admission, management and anti-virus cover the terminals (ours: all)."""
    return _covered(table, ("admission", "terminal_management", "terminal_antivirus"), min_percent)


@check("register.hosts-covered", needs=PRODUCTS, severity=Severity.HIGH, remedy=_ENDPOINT)
def hosts_covered(table: Table, *, min_percent: Annotated[int, Up] = 100) -> Judgement:
    """Anti-virus and intrusion detection cover the hosts (ours: all)."""
    return _covered(table, ("host_antivirus", "hids"), min_percent)


def _signatures(id: str, category: str) -> Check:
    @check(id, needs=(PRODUCTS, COLLECTED_AT), severity=Severity.HIGH,
           remedy=msg("Update the signatures"))  # fmt: skip
    def current(table: Table, now: str, *, max_days: Annotated[int, Down] = 30) -> Judgement:
        """The anti-virus signatures of the console are current (2025 guide: 30 days)."""
        today, rows = day_of(now), _of(table, (category,))
        expected = msg("signatures at most {days} days old", days=max_days)
        if not rows:
            return not_applicable(msg("No such product is in the register"))

        def wrong(row: Row) -> Message | None:
            return outdated(row, "signatures", today, max_days, _NO_SIGNATURES, _SIGNATURES)

        summary = msg("{count} products, all current", count=len(rows))
        return judged(each_row(table, rows, wrong), summary, expected)

    return current


terminal_signatures = _signatures("register.terminal-signatures", "terminal_antivirus")
host_signatures = _signatures("register.host-signatures", "host_antivirus")


@check(
    "register.fraud-engine-alive",
    needs=(PRODUCTS, COLLECTED_AT),
    severity=Severity.HIGH,
    remedy=msg("Find out why the anti-fraud system records nothing"),
)
def fraud_engine(table: Table, now: str, *, max_days: Annotated[int, Down] = 1) -> Judgement:
    """The anti-fraud system recorded an event within the period (ours: a day)."""
    today, rows = day_of(now), _of(table, ("anti_fraud",))
    if not rows:
        return unrecorded(msg("No anti-fraud system is in the register"))

    def wrong(row: Row) -> Message | None:
        return outdated(row, "last_event", today, max_days, msg("no event is recorded"),
                        msg("the last event"))  # fmt: skip

    expected = msg("an event at most {days} days ago", days=max_days)
    return judged(
        each_row(table, rows, wrong),
        msg("{count} systems, all with recent events", count=len(rows)),
        expected,
    )


def _moment(row: Row, column: str) -> datetime.datetime | None:
    text = row[column]
    return datetime.datetime.fromisoformat(text) if isinstance(text, str) else None


@check(
    "register.duty-without-gap",
    needs=(complete(DUTY), COLLECTED_AT),
    severity=Severity.HIGH,
    version=2,
    remedy=msg("Fill the gap in the roster"),
)
def duty_without_gap(
    table: Table, now: str,
    *, min_days: Annotated[int, Up] = 7, max_hours: Annotated[int, Down] = 24,
) -> Judgement:  # fmt: skip
    """Somebody is on duty at every hour (the clause) of the days before (7, shifts of 24 h: ours).

    A shift without a name covers nothing. The roster is in the time of the institution: the day of
    the audit is left out.
    """
    wrong = each_row(table, table.rows, _no_shift)
    if wrong:
        return judged(wrong, wrong[0])
    until = datetime.datetime.combine(day_of(now), datetime.time())
    begin = until - datetime.timedelta(days=min_days)
    shifts = [_span(row) for row in table.rows if row["staff_no"]]
    gaps = _gaps(shifts, begin, until)
    if gaps:
        return judged(gaps, gaps[0])
    longest = datetime.timedelta(hours=max_hours)
    long = [row for row in table.rows if row["staff_no"] and _length(row) > longest]
    if long and _gaps([s for s in shifts if s[1] - s[0] <= longest], begin, until):
        return undetermined(*few(each_row(table, long, _too_long), SHOWN))
    return passed(msg("{days} days without a gap, {count} shifts", days=min_days,
                      count=len(table.rows)))  # fmt: skip


_Span = tuple[datetime.datetime, datetime.datetime]


def _span(row: Row) -> _Span:
    start, end = _moment(row, "start"), _moment(row, "end")
    assert start is not None and end is not None  # noqa: S101, PT018 (_no_shift has seen it)
    return start, end


def _length(row: Row) -> datetime.timedelta:
    start, end = _span(row)
    return end - start


def _no_shift(row: Row) -> Message | None:
    """What is wrong with the times of a shift."""
    start, end = _moment(row, "start"), _moment(row, "end")
    if start is None or end is None:
        return msg("the shift has no beginning or no end")
    if end <= start:
        return msg("the shift ends before it begins; one over midnight ends on the next day")
    return None


def _too_long(row: Row) -> Message:
    hours = _length(row).total_seconds() / 3600
    return msg("a shift of {hours} hours: whether somebody was on duty is not known",
               hours=f"{hours:g}")  # fmt: skip


def _gaps(
    shifts: Iterable[_Span], begin: datetime.datetime, until: datetime.datetime
) -> list[Message]:
    """From when to when nobody is on duty."""
    found, at = [], begin
    for start, end in sorted(shifts):
        if start > at and at < until:
            found.append((at, min(start, until)))
        at = max(at, end)
    if at < until:
        found.append((at, until))
    form = "%Y-%m-%d %H:%M"
    return [msg("Nobody is on duty from {start} to {end}", start=start.strftime(form),
                end=end.strftime(form)) for start, end in found]  # fmt: skip


def _with_reports(table: Table, seen: _Reports, kind: str) -> list[str]:
    """The days of that kind in the register, and those of reports that reached what they cover."""
    days = [str(row["date"]) for row in table.rows if row["kind"] == kind and row["date"]]
    reported = [str(got.value.day) for target, got in seen.of(kind)
                if isinstance(got, Known) and got.value.head.rates
                and seen.reached(target, got.value) is True]  # fmt: skip
    return [*days, *filter(None, reported)]


class _Reports(Struct, frozen=True, kw_only=True):
    """Declared scan reports, and where the hosts and web entries are that they have to cover."""

    reports: Others
    places: Others

    def of(self, kind: str) -> Others:
        """The reports of that purpose."""
        return tuple((target, got) for target, got in self.reports
                     if target.settings.get("purpose", "scan") == kind)  # fmt: skip

    def reached(self, target: Target, report: Any) -> bool | None:
        """Whether all that the report has to cover was reached; None where that is not known."""
        covers = set(target.settings.get("covers") or ())
        wanted = [got.value.names for other, got in self.places if isinstance(got, Known)
                  and {other.id, got.value.zone} & covers]  # fmt: skip
        return all(names & report.reached for names in wanted) if wanted else None


def _unread(judgement: Judgement, seen: _Reports, kind: str) -> Judgement:
    """`judgement`, undetermined where a report that does not count may fill the gap."""
    if judgement.verdict is Verdict.PASS:
        return judgement
    unread = tuple(t.id for t, got in seen.of(kind) if not isinstance(got, Known))
    unknown = tuple(t.id for t, got in seen.of(kind)
                    if isinstance(got, Known) and seen.reached(t, got.value) is None)  # fmt: skip
    more = []
    if unread:
        more.append(msg("Scan reports that were not read: {names}", names=unread))
    if unknown:
        more.append(msg("Scan reports that do not count, as what they cover is not declared: "
                        "{names}", names=unknown))  # fmt: skip
    if not more:
        return judgement
    return undetermined(*judgement.detail, *more, expected=judgement.expected)


_SCAN_NEEDS = (
    complete(SCANS), each("scan_report", "scan.report"), each("host", "scan.place-of-host"),
    each("web", "scan.place-of-web"), COLLECTED_AT,
)  # fmt: skip


@check(
    "register.internet-scanned",
    needs=_SCAN_NEEDS,
    severity=Severity.MEDIUM,
    version=3,
    remedy=msg("Test the internet systems each quarter, and record it"),
)
def scanned(
    table: Table,
    reports: Others,
    hosts: Others,
    web: Others,
    now: str,
    *,
    max_days: Annotated[int, Down] = 92,
    times: Annotated[int, Up] = 4,
) -> Judgement:
    """Internet systems were tested each quarter (the clause), four times in a row (ours)."""
    seen = _Reports(reports=reports, places=(*hosts, *web))
    days = _with_reports(table, seen, "scan")
    found = no_gap(days, day_of(now), max_days, times, msg("Security tests"))
    return _unread(found, seen, "scan")


@check(
    "register.vulnerabilities-hunted",
    needs=_SCAN_NEEDS,
    severity=Severity.MEDIUM,
    version=3,
    remedy=msg("Look for vulnerabilities each half year, and record it"),
)
def hunted(
    table: Table,
    reports: Others,
    hosts: Others,
    web: Others,
    now: str,
    *,
    max_days: Annotated[int, Down] = 183,
    times: Annotated[int, Up] = 2,
) -> Judgement:
    """Vulnerabilities were looked for each half year (the clause), twice in a row (ours)."""
    seen = _Reports(reports=reports, places=(*hosts, *web))
    days = _with_reports(table, seen, "hunt")
    found = no_gap(days, day_of(now), max_days, times, msg("Vulnerability work"))
    return _unread(found, seen, "hunt")


CHECKS = (
    network_defence, signatures_current, zones_defended, terminals_covered, hosts_covered,
    terminal_signatures, host_signatures, fraud_engine, duty_without_gap, scanned, hunted,
)  # fmt: skip
