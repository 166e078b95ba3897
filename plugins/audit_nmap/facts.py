"""The fact of the reachable ports, read from nmap's XML, or not at all."""

from __future__ import annotations

import ipaddress
from typing import Any

from msgspec import Struct

from audit_core.model import Value
from audit_core.sdk import Absent, Answer, Message, ParseError, Probe, Reason, Target, fact, msg
from audit_nmap.ports import DEFAULT_RANGE, PRINTERS, ranges, read_ports

_MAX_RATE = 300  # connections begun per second


class Ports(Struct, frozen=True, kw_only=True):
    """What a scan from `source` found at `address`. Every scanned port is in exactly one set.

    `silent`: no answer that tells open from closed (filtered, dropped, lost, unreachable).
    """

    address: str
    source: str
    open: frozenset[int]
    closed: frozenset[int]
    silent: frozenset[int]

    @property
    def from_itself(self) -> bool:
        """Whether the collector is the host: then no firewall and no other interface was seen."""
        return self.source == self.address or ipaddress.ip_address(self.address).is_loopback

    @property
    def scanned(self) -> frozenset[int]:
        """All ports that were tried."""
        return self.open | self.closed | self.silent


def ask(target: Target) -> Probe | Message:
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
    args: dict[str, Value] = {"address": address, "ports": ranges(ports), "max_rate": _MAX_RATE}
    # a silent port costs up to three tries
    return Probe(prober="ports", args=args, timeout_s=120 + 4 * len(ports) // _MAX_RATE)


# --- reading --------------------------------------------------------------------------------------


def _root(raw: bytes) -> Any:
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError as XmlError
    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(raw)
    except (XmlError, DefusedXmlException, ValueError, LookupError, RecursionError) as error:
        raise ParseError(f"not a whole XML document: {error}") from error
    if root.tag != "nmaprun" or root.get("scanner") != "nmap":
        raise ParseError("not a document of nmap")
    if sum(1 for _ in root.iter("nmaprun")) != 1:
        raise ParseError("more than one document of nmap")
    return root


def _only(parent: Any, tag: str) -> Any:
    found = parent.findall(tag)
    if len(found) != 1:
        raise ParseError(f"{len(found)} elements {tag}, expected one")
    return found[0]


def _ports_of(text: str | None, what: str) -> frozenset[int]:
    found = read_ports(text) if text else None
    if found is None:
        raise ParseError(f"{what}: not a list of ports")
    return found


def _count(element: Any) -> int:
    text = element.get("count", "")
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise ParseError(f"{element.tag}: not a count")
    return int(text)


_STATES = {"open": "open", "closed": "closed"}


def _collect(host: Any, scanned: frozenset[int]) -> dict[str, frozenset[int]]:
    """Every scanned port by what is known of it; raises ParseError unless each is told once."""
    found: dict[str, set[int]] = {"open": set(), "closed": set(), "silent": set()}
    table, told = _only(host, "ports"), 0
    for port in table.findall("port"):
        if port.get("protocol") != "tcp":
            raise ParseError("a port that is not TCP")
        numbers = _ports_of(port.get("portid"), "portid")
        state = str(_only(port, "state").get("state"))
        found[_STATES.get(state, "silent")] |= numbers
        told += len(numbers)
    extras = table.findall("extraports")
    rest = scanned.difference(*found.values())
    for extra in extras:
        numbers = _extra(extra, rest if len(extras) == 1 else None)
        found[_STATES.get(str(extra.get("state")), "silent")] |= numbers
        told += len(numbers)
    everything = frozenset[int]().union(*found.values())
    if everything != scanned or told != len(scanned):
        raise ParseError("the ports told are not the ports scanned")
    return {state: frozenset(ports) for state, ports in found.items()}


def _extra(extra: Any, rest: frozenset[int] | None) -> frozenset[int]:
    """The ports of an `extraports`: as listed by its reasons, or all the rest if it is alone."""
    listed = [r.get("ports") for r in extra.findall("extrareasons")]
    if listed and all(listed):
        numbers = frozenset[int]().union(*(_ports_of(t, "extrareasons") for t in listed))
    elif rest is not None:
        numbers = rest
    else:
        raise ParseError("extraports do not say which ports")
    if len(numbers) != _count(extra):
        raise ParseError("extraports do not add up")
    return numbers


def _finished(root: Any) -> Any:
    stats = _only(root, "runstats")
    end = _only(stats, "finished")
    if end.get("exit") != "success":
        raise ParseError(f"nmap ended with {end.get('exit')}: {end.get('errormsg')}")
    return _only(stats, "hosts")


def _address(host: Any) -> str:
    found = [a.get("addr") for a in host.findall("address") if a.get("addrtype") != "mac"]
    if len(found) != 1:
        raise ParseError("not one address")
    return str(found[0])


def parse_ports(answer: Answer) -> Ports | Absent:
    """The ports of the one host of a finished scan of exactly what was asked."""
    asked = ask(answer.target)
    if isinstance(asked, Message):
        raise ParseError("nothing was asked of this target")
    root = _root(answer.stdout)
    hosts = _finished(root)
    if not root.findall("host") and hosts.get("up") == "0":
        return Absent(reason=Reason.UNREACHABLE, said=msg("nmap reports the host as down"))
    host = _only(root, "host")
    if host.get("timedout") == "true":
        return Absent(reason=Reason.TIMED_OUT, said=msg("nmap gave up on the host in time"))
    if _only(host, "status").get("state") != "up":
        return Absent(reason=Reason.UNREACHABLE, said=msg("nmap reports the host as down"))
    info = _only(root, "scaninfo")
    scanned = _ports_of(info.get("services"), "services")
    if _address(host) != asked.args["address"] or ranges(scanned) != asked.args["ports"]:
        raise ParseError("nmap scanned something else than was asked")
    if info.get("type") != "connect" or info.get("protocol") != "tcp":
        raise ParseError("not a TCP connect scan")
    found = _collect(host, scanned)
    source = answer.stderr.decode("ascii", "replace")
    return Ports(address=_address(host), source=source, **found)


PORTS = fact("nmap.ports", Ports, ask=ask, parse=parse_ports)

FACTS = (PORTS,)
