"""The checks of open ports. A port without an answer never counts as closed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from audit_core.api.sdk import (
    TARGET,
    Absent,
    Judgement,
    Message,
    Severity,
    Superset,
    Target,
    check,
    failed,
    known,
    known_or_absent,
    msg,
    passed,
    undetermined,
)
from audit_nmap.facts import PORTS, Ports
from audit_nmap.listening import LISTENING
from audit_nmap.ports import HIGH_RISK, PRINTERS, USUAL, ranges, read_ports, without_udp


def _listed(ports: Iterable[int]) -> str:
    return ranges(ports) or "-"


def _scanned(ports: Ports) -> Message:
    return msg(
        "Scanned from {source}: TCP ports {ports} of {address} ({count} ports; printer ports"
        " {printers} are never scanned)",
        source=ports.source or "?", ports=_listed(ports.scanned), address=ports.address,
        count=len(ports.scanned), printers=_listed(PRINTERS),
    )  # fmt: skip


def _open(ports: Ports) -> Message:
    if not ports.open:
        return msg("No open port among the {count} that answered", count=len(ports.closed))
    return msg("Open TCP ports: {ports}", ports=_listed(ports.open))


def _silent(ports: Iterable[int]) -> Message:
    numbers = frozenset(ports)
    return msg(
        "{count} ports gave no answer, so whether they are open is not known: {ports}",
        count=len(numbers), ports=_listed(numbers),
    )  # fmt: skip


def _inside(ports: Ports, listening: frozenset[int] | Absent) -> frozenset[int] | None:
    """The ports on which the host says that it listens; None where that is not about this address.

    It is where a port that answers is among them: otherwise another machine may have answered.
    """
    inside = known(listening)
    return inside if inside is not None and ports.open & inside else None


def _unsettled(
    ports: Ports, among: frozenset[int], inside: frozenset[int] | None
) -> frozenset[int]:
    """Of `among`, the scanned ports that others may find open.

    Where the host tells on which ports it listens, it is these: a packet filter may drop or reset
    connections of this collector only. Else it is those that gave no answer.
    """
    silent = among & ports.silent
    return silent if inside is None else (silent | among & ports.closed) & inside


def _joined(ports: Ports, inside: frozenset[int] | None) -> tuple[Message, ...]:
    """What the host and the scan tell of each other."""
    if inside is None:
        return ()
    quiet, beyond = ports.silent - inside, ports.open - inside
    found = []
    if quiet:
        found.append(msg("{count} ports gave no answer, and the host does not listen on them",
                         count=len(quiet)))  # fmt: skip
    if beyond:
        found.append(msg("These answered, but the host does not listen on them (a container or "
                         "another machine behind this address): {ports}",
                         ports=_listed(beyond)))  # fmt: skip
    return tuple(found)


def _filtered(ports: frozenset[int], inside: frozenset[int] | None) -> Message:
    if inside is None:
        return _silent(ports)
    return msg("The host listens on these, and they were not open here: {ports}; a packet filter "
               "may close them for this collector only", ports=_listed(ports))  # fmt: skip


_MANY = 100  # of so many ports no host has nearly all open


def _shut_out(ports: Ports, listening: frozenset[int] | Absent, target: Target) -> Judgement | None:
    """That nothing is open where something should be: hosts ban who opens many connections."""
    declared = read_ports(without_udp(target.settings.get("allowed_ports") or ())) or frozenset()
    wanted = ports.unconfirmed | ports.scanned & ((known(listening) or frozenset()) | declared)
    if ports.open or not wanted:
        return None
    detail = msg("No port is open, though the host listens on these, they are declared, or they "
                 "were open at first: {ports}. The host may have shut the collector out",
                 ports=_listed(wanted))  # fmt: skip
    return undetermined(detail, *_second_look(ports), _scanned(ports))


def _unusable(ports: Ports, listening: frozenset[int] | Absent, target: Target) -> Judgement | None:
    """Why the scan as a whole is not conclusive, or None."""
    if ports.from_itself:
        return _not_from_outside(ports)
    if not ports.open | ports.closed:
        return undetermined(_silent(ports.silent), *_second_look(ports), _scanned(ports))
    if len(ports.open) >= max(_MANY, 0.9 * len(ports.scanned)):
        detail = msg("A device on the way or the host's firewall accepts connections to nearly "
                     "every port ({count} of {scanned}), so which services are behind them is "
                     "not known",
                   count=len(ports.open), scanned=len(ports.scanned))  # fmt: skip
        return undetermined(detail, _scanned(ports))
    return _shut_out(ports, listening, target)


_SLOW = msg(
    "nmap timed out on the host, which answers slowly or drops packets: only high-risk and "
    "declared ports were tried, one by one. Declare the ports to scan in scan_ports"
)


def _second_look(ports: Ports) -> tuple[Message, ...]:
    """Where a second connection contradicted the scan."""
    found = [_SLOW] if ports.timed_out else []
    if ports.unconfirmed:
        found.append(msg("These answered the scan but not the second check: {ports}",
                         ports=_listed(ports.unconfirmed)))  # fmt: skip
    if ports.contradicted:
        found.append(msg("The scan reported these as closed and a second check found them "
                         "open, so no port reported as closed is counted as closed: {ports}",
                         ports=_listed(ports.contradicted)))  # fmt: skip
    if ports.late:
        found.append(msg("These answered only after the scan had given up: {ports}",
                         ports=_listed(ports.late)))  # fmt: skip
    if ports.limited:
        found.append(msg("Connections at the rate of the scan are limited on the way, so no "
                         "port reported as closed is counted as closed"))  # fmt: skip
    return tuple(found)


def _not_from_outside(ports: Ports) -> Judgement:
    """What listens on loopback is not exposed, and no firewall stands before it: no verdict."""
    detail = msg("The collector scanned its own machine, which does not show what others can reach:"
               " scan from another machine")  # fmt: skip
    return undetermined(detail, _open(ports), _scanned(ports))


_REMEDY = msg("Stop the services that are not needed, or close their ports in the host's firewall")


@check(
    "nmap.allowed-ports", needs=(PORTS, known_or_absent(LISTENING), TARGET),
    severity=Severity.MEDIUM, version=8, remedy=_REMEDY,
)  # fmt: skip
def allowed_ports(
    ports: Ports,
    listening: frozenset[int] | Absent,
    target: Target,
    *,
    high_risk: Annotated[frozenset[str], Superset] = HIGH_RISK,
) -> Judgement:
    """The ports that answer the collector are among those declared as needed."""
    if (unusable := _unusable(ports, listening, target)) is not None:
        return unusable
    written = target.settings.get("allowed_ports")
    if written is None:
        return _undeclared(ports, high_risk)
    allowed = read_ports(without_udp(written))
    if allowed is None:
        detail = msg("allowed_ports is not a list of TCP ports such as 22/tcp or 8000-8010/tcp")
        return undetermined(detail, _open(ports), _scanned(ports))
    wanted = msg("open ports only among {ports}", ports=_listed(allowed))
    beyond = ports.open - allowed
    if beyond:
        detail = msg("Open and not declared: {ports}", ports=_listed(beyond))
        return failed(detail, _open(ports), *_second_look(ports), _scanned(ports), expected=wanted)
    if ports.timed_out:
        return undetermined(*_second_look(ports), _open(ports), _scanned(ports), expected=wanted)
    inside = _inside(ports, listening)
    details = (_open(ports), *_joined(ports, inside))
    why = (
        [_filtered(maybe, inside)]
        if (maybe := _unsettled(ports, ports.scanned - allowed, inside))
        else []
    )
    if unseen := (inside or frozenset()) - ports.scanned - allowed:
        why.append(msg("The host listens on these, which are not declared and were not scanned: "
                       "{ports}. Declare scan_ports, or bind them to loopback",
                       ports=_listed(unseen)))  # fmt: skip
    if inside is None and (left_out := USUAL - ports.scanned - allowed):
        why.append(msg("These usual ports were not scanned, and on which ports the host listens is "
                       "not known: {ports}", ports=_listed(left_out)))  # fmt: skip
    if why:
        more = (*why, *_second_look(ports), _scanned(ports))
        return undetermined(*details, *more, expected=wanted)
    return passed(*details, _scanned(ports), expected=wanted)


def _undeclared(ports: Ports, high_risk: frozenset[str]) -> Judgement:
    wanted = msg("allowed_ports declared in the inventory, and no other port open")
    bad = ports.open & (read_ports(tuple(high_risk)) or frozenset())
    if bad:
        detail = msg("High-risk ports are open and not declared: {ports}", ports=_listed(bad))
        more = (_open(ports), *_second_look(ports), _scanned(ports))
        return failed(detail, *more, expected=wanted)
    detail = msg("allowed_ports is not declared, so there is nothing to compare with")
    return undetermined(detail, _open(ports), _scanned(ports), expected=wanted)


@check(
    "nmap.no-high-risk-ports", needs=(PORTS, known_or_absent(LISTENING), TARGET),
    severity=Severity.HIGH, version=7, remedy=_REMEDY,
)  # fmt: skip
def no_high_risk_ports(
    ports: Ports,
    listening: frozenset[int] | Absent,
    target: Target,
    *,
    high_risk: Annotated[frozenset[str], Superset] = HIGH_RISK,
) -> Judgement:
    """No high-risk port answers the collector."""
    if (unusable := _unusable(ports, listening, target)) is not None:
        return unusable
    listed = read_ports(tuple(high_risk)) if high_risk else frozenset[int]()
    if listed is None:
        return undetermined(msg("high_risk is not a list of TCP ports such as 23/tcp"))
    wanted = msg("none of {ports} open", ports=_listed(listed))
    bad = ports.open & listed
    if bad:
        detail = msg("High-risk ports are open: {ports}", ports=_listed(bad))
        return failed(detail, *_second_look(ports), _scanned(ports), expected=wanted)
    inside = _inside(ports, listening)
    details = _joined(ports, inside)
    if maybe := _unsettled(ports, listed, inside):
        why = (*details, *_second_look(ports), _scanned(ports))
        return undetermined(_filtered(maybe, inside), *why, expected=wanted)
    unseen = listed - ports.scanned
    if unseen := unseen if inside is None else unseen & inside:
        detail = msg("High-risk ports outside the scanned range: {ports}", ports=_listed(unseen))
        return undetermined(detail, _open(ports), *details, _scanned(ports), expected=wanted)
    if listed & ports.closed != listed:
        detail = msg("High-risk ports that answered as closed, or on which the host does not "
                     "listen: {ports}", ports=_listed(listed))  # fmt: skip
        return passed(detail, *details, _scanned(ports), expected=wanted)
    detail = msg("High-risk ports answered as closed: {ports}", ports=_listed(listed))
    return passed(detail, _open(ports), _scanned(ports), expected=wanted)


CHECKS = (allowed_ports, no_high_risk_ports)
