"""A scan report as a fact, and where the hosts of the inventory are."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec import Struct

from audit_core.api.sdk import (
    TARGET,
    Answer,
    Message,
    ParseError,
    Partial,
    Target,
    derive,
    fact,
    msg,
    partial,
    verbatim,
)
from audit_scan.model import Head, ScannedHost, Vulnerability
from audit_scan.request import ScanReport

T = TypeVar("T", bound=Struct)


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


def _decoded(line: bytes, type_: type[T]) -> T:
    try:
        return msgspec.json.decode(line, type=type_)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ParseError(msg("not what a scan report says")) from error


def parse_report(answer: Answer) -> ScanResult | Partial:
    """The report; incomplete where the scan did not end, or the report holds a part of it."""
    head, *lines = answer.stdout.splitlines() or [b""]
    top = _decoded(head, Head)
    hosts, found = set[str](), list[Vulnerability]()
    names = set[str]()
    for line in lines if not answer.truncated else lines[:-1]:
        if line.startswith(b'{"host":') and b'"rating":' in line:
            found.append(_decoded(line, Vulnerability))
        else:
            host = _decoded(line, ScannedHost)
            hosts.add(host.host)
            names |= {host.host.lower(), *map(str.lower, host.names)}
    result = ScanResult(head=top, reached=frozenset(names), hosts=len(hosts), open=tuple(found))
    return partial(result, _problems(top, result, answer))


def _problems(top: Head, result: ScanResult, answer: Answer) -> tuple[Message, ...]:
    reported = [msg("the report says: {problem}", problem=verbatim(one)) for one in top.problems]
    if not result.day:
        reported.append(msg("the report has no date"))
    if not result.hosts:
        reported.append(msg("no host was reached"))
    if answer.truncated:
        reported.append(msg("the report was cut"))
    return tuple(reported)


REPORT = fact(
    "scan.report", ScanResult, kind="scan_report", ask=ScanReport(), parse=parse_report
)  # fmt: skip


class Place(Struct, frozen=True, kw_only=True):
    """Where a target of the inventory is: its zone, its address and name in lower case."""

    zone: str
    names: frozenset[str]


def _place(target: Target) -> Place:
    names = (target.address, target.host_name)
    return Place(zone=target.zone or "", names=frozenset(n.lower() for n in names if n))


HOST, WEB = (
    derive(f"scan.place-of-{kind}", Place, needs=TARGET, make=_place, kind=kind)
    for kind in ("host", "web")
)
FACTS = (REPORT, HOST, WEB)
