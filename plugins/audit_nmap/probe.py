"""The prober: one nmap connect scan of one address from the collector, and a second look.

nmap's connect scan can be wrong both ways. Where a firewall rejects with ICMP at a limited rate,
nmap 7.93 on Linux tells ports as open that nobody listens on; and a limit on new connections that
resets what goes beyond makes open ports look closed. So every open port, and the closed ones that
matter most, are connected to once more, slowly.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from audit_core.api.hooks import ProbeReply
from audit_core.model import Absent, ParseError, Reason
from audit_nmap.ports import ranges, read_ports
from audit_nmap.scan import SecondLook, read_scan

_MOST = 200  # open ports: where there are more, something accepts whatever is asked
_PACE_S = 0.1  # limits on new connections commonly allow 20 a second
_WAIT_S = 3.0
_AT_ONCE_S = 0.9  # less than what a lost first packet takes to be sent again
_FEW = 8  # more than a limit of 20 a second lets through in the moment since the scan
_MARGIN_S = 5.0


def run(args: dict[str, Any], timeout_s: int, limit: int) -> ProbeReply:
    """nmap's XML as it came. `args`: address (a literal), ports and again (nmap's words), max_rate.

    stderr is the second look, as JSON.
    """
    until = time.monotonic() + timeout_s - _MARGIN_S
    try:
        address = ipaddress.ip_address(args["address"])
    except ValueError:
        return ProbeReply(reason=Reason.NOT_COLLECTED, detail="the address is not an IP address")
    ports, rate = str(args["ports"]), int(args["max_rate"])
    if read_ports(ports) is None or getattr(address, "scope_id", None):
        return ProbeReply(reason=Reason.NOT_COLLECTED, detail="not a range of ports or an address")
    reply = _scan(address, ports, rate, timeout_s)
    again = read_ports(str(args["again"])) or frozenset()
    second = _second_look(address, *_wanted(reply.stdout, str(address), ports, again), until)
    return ProbeReply(
        stdout=reply.stdout[:limit], stderr=msgspec.json.encode(second), reason=reply.reason,
        detail=reply.detail, truncated=len(reply.stdout) > limit,
    )  # fmt: skip


def arguments(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, rate: int, host_s: int
) -> str:
    """nmap's options: whole connections, no ping, no names, no versions, no scripts."""
    six = " -6" if address.version == 6 else ""
    return f"-sT -Pn -n{six} --reason --max-rate {rate} --max-retries 2 --host-timeout {host_s}s"


def _scan(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, ports: str, rate: int, timeout_s: int
) -> ProbeReply:
    try:
        import nmap
    except ImportError:
        return ProbeReply(reason=Reason.UNSUPPORTED, detail="python-nmap is not installed: pip"
                          " install 'dengbao[net]'")  # fmt: skip
    try:
        scanner = nmap.PortScanner()
    except nmap.PortScannerError:
        return ProbeReply(reason=Reason.UNSUPPORTED, detail="nmap is not installed")
    options = arguments(address, rate, max(1, int(timeout_s * 0.8)))
    seconds = max(1, int(timeout_s * 0.9))
    try:
        scanner.scan(hosts=str(address), ports=ports, arguments=options, timeout=seconds)
    except nmap.PortScannerTimeout:
        return ProbeReply(reason=Reason.TIMED_OUT, detail=f"nmap did not end in {seconds} s")
    except nmap.PortScannerError as error:
        detail = f"nmap failed: {str(error)[:300]}"
        return ProbeReply(stdout=_output(scanner), reason=Reason.UNPARSABLE, detail=detail)
    return ProbeReply(stdout=_output(scanner))


def _output(scanner: Any) -> bytes:
    raw = scanner.get_nmap_last_output()
    return raw.encode() if isinstance(raw, str) else bytes(raw)


Ports = frozenset[int]


def _wanted(raw: bytes, address: str, ports: str, again: Ports) -> tuple[Ports, Ports]:
    """The open and the closed ports to look at once more; none where the scan cannot be read."""
    try:
        found = read_scan(raw, address, ports)
    except ParseError:
        return frozenset(), frozenset()
    if isinstance(found, Absent) or len(found.open) > _MOST:
        return frozenset(), frozenset()
    return found.open, found.closed & again


def _second_look(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, open_: Ports, closed: Ports,
    until: float,
) -> SecondLook:  # fmt: skip
    missed = _missed_at_once(str(address), sorted(open_, reverse=True)[:2], until)
    answered: dict[bool, list[int]] = {True: [], False: []}
    for port in sorted(open_ | closed):
        left = until - time.monotonic()
        if left <= 0:
            break
        time.sleep(min(left, _PACE_S))
        answered[_answers(str(address), port, min(left, _WAIT_S))].append(port)
    return SecondLook(
        source=_source(address), answered=ranges(answered[True]),
        unanswered=ranges(answered[False]), limited=not missed.isdisjoint(answered[True]),
    )  # fmt: skip


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
