"""nmap's XML, read only when it is whole, of one host, and of what was asked. PURE."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from audit_core.api.sdk import Absent, ParseError, Reason, integer, msg, verbatim
from audit_nmap.ports import ranges, read_ports


class Scan(Struct, frozen=True, kw_only=True):
    """What nmap reported: every scanned port in one set; `silent` is neither open nor closed.

    `timed_out`: nmap gave up on the host and reports no port of it; all are `silent` then.
    """

    open: frozenset[int]
    closed: frozenset[int]
    silent: frozenset[int]
    timed_out: bool = False

    @property
    def scanned(self) -> frozenset[int]:
        """The ports that were tried, whatever they answered."""
        return self.open | self.closed | self.silent


class SecondCheck(Struct, frozen=True, kw_only=True):
    """The ports that took a plain connection after the scan, and those that did not, in nmap's
    words. `limited`: an open port did not take every one of a few connections at the pace of the
    scan. `source` is the collector's own address on the way there, empty where unknown."""

    source: str
    answered: str = ""
    unanswered: str = ""
    limited: bool = False


def _root(raw: bytes) -> Any:
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError as XmlError
    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(raw)
    except (XmlError, DefusedXmlException, ValueError, LookupError, RecursionError) as error:
        raise ParseError(
            msg("not a whole XML document: {error}", error=verbatim(str(error)))
        ) from error
    if root.tag != "nmaprun" or root.get("scanner") != "nmap":
        raise ParseError(msg("not a document of nmap"))
    if sum(1 for _ in root.iter("nmaprun")) != 1:
        raise ParseError(msg("more than one document of nmap"))
    return root


def _only(parent: Any, tag: str) -> Any:
    found = parent.findall(tag)
    if len(found) != 1:
        raise ParseError(msg("{count} elements {name}, expected one", count=len(found), name=tag))
    return found[0]


def _ports_of(text: str | None, what: str) -> frozenset[int]:
    found = read_ports(text) if text else None
    if found is None:
        raise ParseError(msg("{what}: not a list of ports", what=what))
    return found


def _count(element: Any) -> int:
    count = integer(element.get("count", ""))
    if count is None or not 0 <= count < 100_000:
        raise ParseError(msg("{what}: not a count", what=str(element.tag)))
    return count


_STATES = {"open": "open", "closed": "closed"}


def _collect(host: Any, scanned: frozenset[int]) -> Scan:
    """Every scanned port by what is known of it; raises ParseError unless each is reported once."""
    found: dict[str, set[int]] = {"open": set(), "closed": set(), "silent": set()}
    table, count = _only(host, "ports"), 0
    for port in table.findall("port"):
        if port.get("protocol") != "tcp":
            raise ParseError(msg("a port that is not TCP"))
        numbers = _ports_of(port.get("portid"), "portid")
        state = str(_only(port, "state").get("state"))
        found[_STATES.get(state, "silent")] |= numbers
        count += len(numbers)
    extras = table.findall("extraports")
    rest = scanned.difference(*found.values())
    for extra in extras:
        numbers = _extra(extra, rest if len(extras) == 1 else None)
        found[_STATES.get(str(extra.get("state")), "silent")] |= numbers
        count += len(numbers)
    everything = frozenset[int]().union(*found.values())
    if everything != scanned or count != len(scanned):
        raise ParseError(msg("the reported ports are not the ports scanned"))
    return Scan(
        open=frozenset(found["open"]), closed=frozenset(found["closed"]),
        silent=frozenset(found["silent"]),
    )  # fmt: skip


def _extra(extra: Any, rest: frozenset[int] | None) -> frozenset[int]:
    """The ports of an `extraports`: as listed by its reasons, or all the rest if it is alone."""
    listed = [r.get("ports") for r in extra.findall("extrareasons")]
    if listed and all(listed):
        numbers = frozenset[int]().union(*(_ports_of(t, "extrareasons") for t in listed))
    elif rest is not None:
        numbers = rest
    else:
        raise ParseError(msg("extraports do not say which ports"))
    if len(numbers) != _count(extra):
        raise ParseError(msg("extraports do not add up"))
    return numbers


def _finished(root: Any) -> Any:
    stats = _only(root, "runstats")
    end = _only(stats, "finished")
    if end.get("exit") != "success":
        raise ParseError(
            msg(
                "nmap ended with {exit}: {error}",
                exit=verbatim(str(end.get("exit"))),
                error=verbatim(str(end.get("errormsg"))),
            )
        )
    return _only(stats, "hosts")


def _address(host: Any) -> str:
    found = [a.get("addr") for a in host.findall("address") if a.get("addrtype") != "mac"]
    if len(found) != 1:
        raise ParseError(msg("not one address"))
    return str(found[0])


def read_scan(raw: bytes, address: str, ports: str) -> Scan | Absent:
    """The ports of `address`, the one host of a finished scan of exactly `ports`; or ParseError."""
    root = _root(raw)
    hosts = _finished(root)
    if not root.findall("host") and hosts.get("up") == "0":
        return Absent(reason=Reason.UNREACHABLE, detail=msg("nmap reports the host as down"))
    host = _only(root, "host")
    if _only(host, "status").get("state") != "up":
        return Absent(reason=Reason.UNREACHABLE, detail=msg("nmap reports the host as down"))
    info = _only(root, "scaninfo")
    scanned = _ports_of(info.get("services"), "services")
    if _address(host) != address or ranges(scanned) != ports:
        raise ParseError(msg("nmap did not scan what was requested"))
    if info.get("type") != "connect" or info.get("protocol") != "tcp":
        raise ParseError(msg("not a TCP connect scan"))
    if host.get("timedout") == "true":
        none = frozenset[int]()
        return Scan(open=none, closed=none, silent=scanned, timed_out=True)
    return _collect(host, scanned)
