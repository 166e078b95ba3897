"""The connector: one nmap connect scan of one address from the collector, and a second look.

nmap's connect scan can be wrong both ways. Where a firewall rejects with ICMP at a limited rate,
nmap 7.93 on Linux tells ports as open that nobody listens on; and a limit on new connections that
resets what goes beyond makes open ports look closed. So every open port, and the closed ones that
matter most, are connected to once more, slowly. A host that answers late looks silent to nmap: of
the ports that matter most the silent ones are waited for as well.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import msgspec

from audit_core.api.sessions import OneByOne
from audit_core.model import (
    Absent,
    ConnectionContext,
    Message,
    ParseError,
    Reply,
    Request,
    Session,
    SessionInfo,
    Status,
    msg,
    verbatim,
)
from audit_nmap.ports import ranges, read_ports
from audit_nmap.request import PortScan
from audit_nmap.scan import SecondCheck, read_scan

_MOST = 200  # open ports: where there are more, a device accepts every connection
_PACE_S = 0.1  # limits on new connections commonly allow 20 a second
_WAIT_S = 3.0
_LATE_S = 8.0  # a first packet that was lost is sent again after 1, 3 and 7 s
_AT_ONCE_S = 0.9  # less than what a lost first packet takes to be sent again
_FEW = 8  # more than a limit of 20 a second lets through in the moment since the scan
_MARGIN_S = 5.0


def open(context: ConnectionContext) -> Session:
    """A session that scans ports; nobody logs in."""
    return OneByOne(scanned, SessionInfo(connector="ports"))


def scanned(request: Request) -> Reply:
    """nmap's XML as it came; stderr is the second look, as JSON."""
    assert isinstance(request, PortScan)  # noqa: S101 (nothing else is accepted)
    until = time.monotonic() + request.timeout_s - _MARGIN_S
    try:
        address = ipaddress.ip_address(request.address)
    except ValueError:
        return _not_asked(request, msg("the address is not an IP address"))
    if read_ports(request.ports) is None or getattr(address, "scope_id", None):
        return _not_asked(request, msg("not a range of ports or an address"))
    reply = _scan(address, request)
    again = read_ports(request.again) or frozenset()
    wanted = _wanted(reply.stdout, str(address), request.ports, again)
    second = _second_look(address, wanted, until)
    return msgspec.structs.replace(reply, stderr=msgspec.json.encode(second))


def _not_asked(request: PortScan, why: Message) -> Reply:
    return Reply(request=request, status=Status.UNSUPPORTED, detail=why)


def arguments(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, rate: int, host_s: int
) -> str:
    """nmap's options: whole connections, no ping, no names, no versions, no scripts."""
    six = " -6" if address.version == 6 else ""
    return f"-sT -Pn -n{six} --reason --max-rate {rate} --max-retries 2 --host-timeout {host_s}s"


def _scan(address: ipaddress.IPv4Address | ipaddress.IPv6Address, request: PortScan) -> Reply:
    try:
        import nmap
    except ImportError:
        why = msg("python-nmap is not installed: {command}", command="pip install 'dengbao[net]'")
        return _not_asked(request, why)
    try:
        scanner = nmap.PortScanner()
    except nmap.PortScannerError:
        return _not_asked(request, msg("nmap is not installed"))
    options = arguments(address, request.max_rate, max(1, int(request.timeout_s * 0.8)))
    seconds = max(1, int(request.timeout_s * 0.9))
    status, detail = Status.ANSWERED, None
    try:
        scanner.scan(str(address), ports=request.ports, arguments=options, timeout=seconds)
    except nmap.PortScannerTimeout:
        detail = msg("nmap did not end in {seconds} s", seconds=seconds)
        return Reply(request=request, status=Status.TIMED_OUT, detail=detail)
    except nmap.PortScannerError as error:
        status, detail = Status.MALFORMED, msg("nmap failed: {error}", error=verbatim(str(error)))
    return Reply(
        request=request, status=status, exit_code=0, stdout=_output(scanner), detail=detail
    )


def _output(scanner: Any) -> bytes:
    raw = scanner.get_nmap_last_output()
    return raw.encode() if isinstance(raw, str) else bytes(raw)


Ports = frozenset[int]


class _PortsByState(NamedTuple):
    """The open, closed and silent ports to look at once more."""

    open: Ports = frozenset()
    closed: Ports = frozenset()
    silent: Ports = frozenset()


def _wanted(raw: bytes, address: str, ports: str, again: Ports) -> _PortsByState:
    """What is looked at once more; nothing where the scan cannot be read."""
    try:
        found = read_scan(raw, address, ports)
    except ParseError:
        return _PortsByState()
    if isinstance(found, Absent) or len(found.open) > _MOST:
        return _PortsByState()
    return _PortsByState(found.open, found.closed & again, found.silent & again)


def _second_look(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, wanted: _PortsByState, until: float
) -> SecondCheck:
    missed = _missed_at_once(str(address), sorted(wanted.open, reverse=True)[:2], until)
    answered: dict[bool, list[int]] = {True: [], False: []}
    for port in sorted(wanted.open | wanted.closed):
        left = until - time.monotonic()
        if left <= 0:
            break
        time.sleep(min(left, _PACE_S))
        answered[_answers(str(address), port, min(left, _WAIT_S))].append(port)
    late = _late(str(address), sorted(wanted.silent), until)
    return SecondCheck(
        source=_source(address), answered=ranges([*answered[True], *late]),
        unanswered=ranges(answered[False]), limited=not missed.isdisjoint(answered[True]),
    )  # fmt: skip


def _late(address: str, ports: Sequence[int], until: float) -> list[int]:
    """Those of `ports` that answer after all, when they are waited for at the same time."""
    if not ports:
        return []

    def one(at: int, port: int) -> bool:
        time.sleep(max(0.0, min(at * _PACE_S, until - time.monotonic())))
        return _answers(address, port, min(_LATE_S, until - time.monotonic()))

    with ThreadPoolExecutor(len(ports)) as pool:
        found = list(pool.map(one, range(len(ports)), ports))
    return [port for port, answers in zip(ports, found, strict=True) if answers]


def _missed_at_once(address: str, ports: Sequence[int], until: float) -> Ports:
    """Those of `ports` that miss one of a few connections, begun as fast as the scan's were."""
    wait = min(_AT_ONCE_S, until - time.monotonic())
    return frozenset(
        port for port in ports if not all(_answers(address, port, wait) for _ in range(_FEW))
    )


def _answers(address: str, port: int, seconds: float) -> bool:
    try:
        socket.create_connection((address, port), timeout=max(0.01, seconds)).close()
    except OSError:
        return False
    return True


def _source(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """The address of the collector that a packet to `address` leaves from; empty where unknown."""
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))  # of a datagram socket: nothing is sent
            return str(probe.getsockname()[0])
    except OSError:
        return ""
