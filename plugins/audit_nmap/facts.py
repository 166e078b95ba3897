"""The fact of reachable ports: the scan, confirmed by a second check."""

from __future__ import annotations

import ipaddress

import msgspec
from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answer,
    Message,
    ParseError,
    Target,
    fact,
    msg,
    verbatim,
)
from audit_nmap.listening import LISTENING
from audit_nmap.ports import DEFAULT_RANGE, HIGH_RISK, PRINTERS, ranges, read_ports, without_udp
from audit_nmap.request import PortScan
from audit_nmap.scan import Scan, SecondCheck, read_scan

_MAX_RATE = 300  # connections begun per second
_MOST_DECLARED = 50


class Ports(Struct, frozen=True, kw_only=True):
    """What a scan from `source` found at `address`. Every scanned port is in exactly one set.

    `silent`: no answer that tells open from closed (filtered, dropped, lost, unreachable), or one
    that a second look did not bear out. `unconfirmed`: those of them that the scan reported as
    open. `late`: open ports that were silent to the scan. `contradicted`: open ports that the scan
    reported as closed. `limited`: an open port was not open at the pace of the scan. Either way
    a port counts as closed only by the second look. `timed_out`: nmap gave up on the host, and only
    the ports of the second look were tried.
    """

    address: str
    source: str
    open: frozenset[int]
    closed: frozenset[int]
    silent: frozenset[int]
    unconfirmed: frozenset[int] = frozenset()
    contradicted: frozenset[int] = frozenset()
    late: frozenset[int] = frozenset()
    limited: bool = False
    timed_out: bool = False

    @property
    def from_itself(self) -> bool:
        """Whether the collector is the host: then no firewall and no other interface was seen."""
        return self.source == self.address or ipaddress.ip_address(self.address).is_loopback

    @property
    def scanned(self) -> frozenset[int]:
        """The ports that were tried, whatever they answered."""
        return self.open | self.closed | self.silent


def ask(target: Target) -> PortScan | Message:
    """The scan of `target`, or what the inventory has to declare."""
    try:
        address = str(ipaddress.ip_address(target.address or ""))
    except ValueError:
        return msg("Declare address, the IP address of {target} to scan", target=target.id)
    written = target.settings.get("scan_ports", DEFAULT_RANGE)
    wanted = read_ports(written)
    if not wanted:
        return msg(
            "Declare scan_ports of {target} as TCP ports such as 1-1024,3306: {written}",
            target=target.id, written=str(written)[:200],
        )  # fmt: skip
    ports = wanted - PRINTERS
    if not ports:
        return msg("scan_ports of {target} holds printer ports only", target=target.id)
    # a silent port costs up to three tries
    return PortScan(
        address=address, ports=ranges(ports), max_rate=_MAX_RATE,
        again=ranges(ports & _again(target)), timeout_s=150 + 4 * len(ports) // _MAX_RATE,
    )  # fmt: skip


def _again(target: Target) -> frozenset[int]:
    """The ports that matter most: checked twice, also when reported closed."""
    declared = read_ports(without_udp(target.settings.get("allowed_ports", ()))) or frozenset()
    high = read_ports(tuple(HIGH_RISK)) or frozenset()
    return high | frozenset(sorted(declared)[:_MOST_DECLARED])


# --- reading --------------------------------------------------------------------------------------


def parse_ports(answer: Answer) -> Ports | Absent:
    """The ports of the one host of a finished scan of exactly what was asked."""
    asked = ask(answer.target)
    if isinstance(asked, Message):
        raise ParseError(msg("no request was sent to this target"))
    address = asked.address
    found = read_scan(answer.stdout, address, asked.ports)
    if isinstance(found, Absent):
        return found
    ports = _after_second_scan(address, found, _second_look(answer.stderr))
    if not found.timed_out:
        return ports
    tried = read_ports(asked.again) if asked.again else None
    return msgspec.structs.replace(
        ports, silent=ports.silent & (tried or frozenset()), timed_out=True
    )


def _second_look(raw: bytes) -> SecondCheck:
    try:
        return msgspec.json.decode(raw, type=SecondCheck)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(msg("not a second check: {error}", error=verbatim(str(error)))) from error


def _after_second_scan(address: str, scan: Scan, second: SecondCheck) -> Ports:
    """What stands after the second look: its word counts where the two differ."""
    answered, unanswered = _numbers(second.answered), _numbers(second.unanswered)
    unconfirmed = scan.open & unanswered
    contradicted = scan.closed & answered
    doubted = bool(contradicted) or second.limited
    closed = scan.closed & unanswered if doubted else scan.closed
    late = scan.silent & answered
    open_ = (scan.open - unconfirmed) | contradicted | late
    return Ports(
        address=address, source=second.source, open=open_, closed=closed,
        silent=scan.scanned - open_ - closed, unconfirmed=unconfirmed, contradicted=contradicted,
        late=late, limited=second.limited,
    )  # fmt: skip


def _numbers(text: str) -> frozenset[int]:
    found = read_ports(text) if text else frozenset[int]()
    if found is None:
        raise ParseError(msg("a second check of something other than ports"))
    return found


PORTS = fact("nmap.ports", Ports, kind="host", ask=ask, parse=parse_ports)

FACTS = (PORTS, LISTENING)
