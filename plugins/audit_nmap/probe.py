"""The prober: one nmap connect scan of one address from the collector."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

from audit_core.hooks import ProbeReply
from audit_core.model import Reason
from audit_nmap.ports import read_ports


def run(args: dict[str, Any], timeout_s: int, limit: int) -> ProbeReply:
    """nmap's XML as it came. `args`: address (a literal), ports (nmap's words), max_rate.

    stderr is the collector's own address on the way there.
    """
    try:
        address = ipaddress.ip_address(args["address"])
    except ValueError:
        return ProbeReply(reason=Reason.NOT_COLLECTED, detail="the address is not an IP address")
    ports, rate = str(args["ports"]), int(args["max_rate"])
    if read_ports(ports) is None or getattr(address, "scope_id", None):
        return ProbeReply(reason=Reason.NOT_COLLECTED, detail="not a range of ports or an address")
    reply = _scan(address, ports, rate, timeout_s)
    return ProbeReply(
        stdout=reply.stdout[:limit], stderr=_source(address), reason=reply.reason,
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


def _source(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bytes:
    """The address of the collector that a packet to `address` leaves from; empty where unknown."""
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))  # of a datagram socket: nothing is sent
            return str(probe.getsockname()[0]).encode()
    except OSError:
        return b""
