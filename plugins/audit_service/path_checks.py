"""Whether what can be reached from hosts is what the zones allow."""

from __future__ import annotations

import ipaddress

from audit_core.api.sdk import (
    TARGET,
    Absent,
    Judgement,
    Known,
    Message,
    Severity,
    Target,
    check,
    each,
    failed,
    msg,
    not_applicable,
    passed,
    settings_of,
    undetermined,
)
from audit_service.declared import ZONE, Declared
from audit_service.kinds import Environment
from audit_service.paths import REACH, PathSettings, Reach

Zones = tuple[tuple[Target, Known | Absent], ...]
_NO_ZONE = msg("No zone with the networks of {address} is declared")
_NOT_PRODUCTION = frozenset({Environment.TEST, Environment.DEVELOPMENT})


def _zones(zones: Zones) -> dict[str, Declared]:
    return {target.id: got.value for target, got in zones if isinstance(got, Known)}


def _zone_of(address: str, zones: dict[str, Declared]) -> str:
    """The zone with the smallest network that holds `address`; empty where none does."""
    found = ipaddress.ip_address(address)
    holding = [
        (ipaddress.ip_network(network).prefixlen, id)
        for id, zone in zones.items()
        for network in zone.networks
        if found in ipaddress.ip_network(network)
    ]
    return max(holding)[1] if holding else ""


def _ends(target: Target, zones: dict[str, Declared]) -> tuple[str, str] | Message:
    """The zones that a path leads from and to; a message where one is not known."""
    there = settings_of(target, PathSettings).reach
    if not target.zone or target.zone not in zones:
        return msg("The zone of the host is not declared")
    to = _zone_of(there, zones)
    return (target.zone, to) if to else msg(
        "No zone with the networks of {address} is declared", address=there
    )  # fmt: skip


def _shown(target: Target, reach: Reach, ends: tuple[str, str]) -> Message:
    path = settings_of(target, PathSettings)
    words: dict[str, str | int] = {
        "source": ends[0], "to": ends[1], "address": path.reach, "port": path.port,
    }  # fmt: skip
    if reach.open:
        return msg("From zone {source} to zone {to}: {address} port {port} is open", **words)
    return msg("From zone {source} to zone {to}: {address} port {port} is closed", **words)


@check(
    "service.paths-declared",
    needs=(TARGET, REACH, each("zone", ZONE)),
    kind="path",
    severity=Severity.HIGH,
    remedy=msg("Close the path at the border of the zones, or declare it: reaches of the zone"),
)
def paths_declared(target: Target, reach: Reach, zones: Zones) -> Judgement:
    """What can be reached in another zone is among what the zone is declared to reach."""
    known = _zones(zones)
    ends = _ends(target, known)
    if isinstance(ends, Message):
        return undetermined(ends)
    if ends[0] == ends[1]:
        return not_applicable(msg("The path stays in the zone {zone}", zone=ends[0]))
    detail = _shown(target, reach, ends)
    port = settings_of(target, PathSettings).port
    allowed = port in known[ends[0]].reaches.get(ends[1], ())
    if reach.open and not allowed:
        return failed(detail, msg("Not among what the zone is declared to reach (reaches)"))
    return passed(detail)


@check(
    "service.test-apart",
    needs=(TARGET, REACH, each("zone", ZONE)),
    kind="path",
    severity=Severity.HIGH,
    remedy=msg("Close the path from test to production at the border of the zones"),
)
def test_apart(target: Target, reach: Reach, zones: Zones) -> Judgement:
    """Nothing in a production zone can be reached from a zone of test or development."""
    known = _zones(zones)
    ends = _ends(target, known)
    if isinstance(ends, Message):
        return undetermined(ends)
    here, there = (known[id].environment for id in ends)
    if not here or not there:
        return undetermined(msg("The environment of the zones is not declared (environment)"))
    if here not in _NOT_PRODUCTION or there != Environment.PRODUCTION:
        return not_applicable(msg("The path does not lead from test to production"))
    return (failed if reach.open else passed)(_shown(target, reach, ends))


CHECKS = (paths_declared, test_apart)
