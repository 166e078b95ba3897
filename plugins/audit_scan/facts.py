"""A scan report as a fact, and where the hosts of the inventory are."""

from __future__ import annotations

from msgspec import Struct

from audit_core.api.sdk import (
    TARGET,
    Answer,
    Message,
    Partial,
    Target,
    derive,
    fact,
    json_as,
    msg,
    partial,
    verbatim,
)
from audit_scan.model import Head, ScannedHost, Vulnerability
from audit_scan.request import ScanReport


class ScanResult(Struct, frozen=True, kw_only=True):
    """What a report says. `day` is when the scan ended (or began), `reached` all names of hosts."""

    head: Head
    reached: frozenset[str] = frozenset()
    hosts: int = 0
    open: tuple[Vulnerability, ...] = ()

    @property
    def day(self) -> str:
        """The day of the scan (UTC); empty where the report does not tell it."""
        return (self.head.ended or self.head.started)[:10]


_NOT_A_REPORT = msg("not what a scan report says")


def parse_report(answer: Answer) -> ScanResult | Partial:
    """The report; incomplete where the scan did not end, or the report holds a part of it."""
    head, *lines = answer.stdout.splitlines() or [b""]
    top = json_as(head, Head, _NOT_A_REPORT)
    hosts, found = set[str](), list[Vulnerability]()
    names = set[str]()
    for line in lines if not answer.truncated else lines[:-1]:
        if line.startswith(b'{"host":') and b'"rating":' in line:
            found.append(json_as(line, Vulnerability, _NOT_A_REPORT))
        else:
            host = json_as(line, ScannedHost, _NOT_A_REPORT)
            hosts.add(host.host)
            names |= {host.host.lower(), *map(str.lower, host.names)}
    result = ScanResult(head=top, reached=frozenset(names), hosts=len(hosts), open=tuple(found))
    return partial(result, _problems(top, result, answer))


def _problems(top: Head, result: ScanResult, answer: Answer) -> tuple[Message, ...]:
    reported = [msg("the report says: {problem}", problem=verbatim(one)) for one in top.problems]
    if not result.day:
        reported.append(msg("the report has no date"))
    if result.day > answer.collected_at[:10]:
        reported.append(msg("the report is of {day}, which was to come", day=result.day))
    if not result.hosts:
        reported.append(msg("no host was reached"))
    if answer.truncated:
        reported.append(msg("the report was cut"))
    return tuple(reported)


REPORT = fact(
    "scan.report", ScanResult, kind="scan_report", ask=ScanReport(), parse=parse_report
)  # fmt: skip


class Location(Struct, frozen=True, kw_only=True):
    """Where a target of the inventory is: its zone, its address and name in lower case."""

    zone: str
    names: frozenset[str]


def _place(target: Target) -> Location:
    names = (target.address, target.host_name)
    return Location(zone=target.zone or "", names=frozenset(n.lower() for n in names if n))


HOST, WEB = (
    derive(f"scan.place-of-{kind}", Location, needs=TARGET, make=_place, kind=kind)
    for kind in ("host", "web")
)
FACTS = (REPORT, HOST, WEB)
