"""Whether what is declared of services and zones is whole and agrees with the other targets."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from audit_core.api.sdk import (
    TARGET,
    Judgement,
    Known,
    Message,
    Others,
    Severity,
    Target,
    capped,
    check,
    each,
    failed,
    few,
    msg,
    not_applicable,
    passed,
    settings_of,
    undetermined,
)
from audit_service import path_checks
from audit_service.declared import DATA_SET, ENDPOINT, HOST, SYSTEM, WEB, ZONE, Declared
from audit_service.kinds import ServiceSettings, ZoneSettings

_SHOWN = 10


def _missing(named: Iterable[str], there: Others) -> tuple[str, ...]:
    known = {target.id for target, _ in there}
    return tuple(name for name in named if name not in known)


@check(
    "service.described",
    needs=(
        TARGET,
        each("system", SYSTEM),
        each("endpoint", ENDPOINT),
        each("web", WEB),
        each("data_set", DATA_SET),
    ),
    kind="service",
    severity=Severity.MEDIUM,
    version=2,
    remedy=msg(
        "Declare owner, systems and entries (or no_entry with a reason) of the service in the "
        "inventory, and the targets that it names"
    ),
)
def described(
    target: Target, systems: Others, endpoints: Others, web: Others, data: Others
) -> Judgement:
    """A responsible department, a system and entries are declared for the service."""
    service = settings_of(target, ServiceSettings)
    if service.not_offered:
        return not_applicable(msg("Not offered: {reason}", reason=service.not_offered))
    wrong = tuple(_unknown(service, systems, (*endpoints, *web), data))
    if wrong:
        return failed(*wrong)
    lacking = tuple(_lacking(target, service))
    if lacking:
        return undetermined(*lacking)
    return passed(
        msg(
            "Responsible: {owner}; systems: {systems}; entries: {entries}",
            owner=target.owner or "",
            systems=capped(service.systems, sort=False),
            entries=capped(service.entries or (service.no_entry,), sort=False),
        )
    )


def _lacking(target: Target, service: ServiceSettings) -> Iterator[Message]:
    """What the service does not declare: whether it has it is not known."""
    if not target.owner:
        yield msg("No responsible department is declared (owner)")
    if not service.systems:
        yield msg("No business system is declared")
    if not service.entries and not service.no_entry:
        yield msg("Neither entries nor a reason for none are declared")


def _unknown(
    service: ServiceSettings, systems: Others, endpoints: Others, data: Others
) -> Iterator[Message]:
    for name in _missing(service.systems, systems):
        yield msg("The business system {name} is not in the inventory", name=name)
    for name in _missing(service.entries, endpoints):
        yield msg("The entry {name} is not in the inventory", name=name)
    for name in _missing(service.data_sets, data):
        yield msg("The data set {name} is not in the inventory", name=name)


_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _overlap(one: str, other: str) -> bool:
    first: _Network = ipaddress.ip_network(one)
    second: _Network = ipaddress.ip_network(other)
    return first.version == second.version and first.overlaps(second)


@check(
    "service.zone-networks",
    needs=(TARGET, each("zone", ZONE)),
    kind="zone",
    severity=Severity.MEDIUM,
    remedy=msg("Declare the networks of each zone, so that no address is in two zones"),
)
def zone_networks(target: Target, zones: Others) -> Judgement:
    """The zone has networks of its own, which no other zone has."""
    own = settings_of(target, ZoneSettings).networks
    if not own:
        return undetermined(msg("No network of the zone is declared"))
    shared = tuple(
        msg("{network} overlaps {other} of the zone {zone}", network=mine, other=theirs,
            zone=other.id)
        for other, got in zones
        if other.id != target.id and isinstance(got, Known)
        for mine in own
        for theirs in got.value.networks
        if _overlap(mine, theirs)
    )  # fmt: skip
    if shared:
        return failed(*few(shared, _SHOWN))
    return passed(msg("Networks of the zone: {networks}", networks=capped(own, sort=False)))


@check(
    "service.zone-members",
    needs=(TARGET, each("host", HOST)),
    kind="zone",
    severity=Severity.MEDIUM,
    version=2,
    remedy=msg("Move the host, or correct its zone or address in the inventory"),
)
def zone_members(target: Target, hosts: Others) -> Judgement:
    """The hosts that are declared in the zone are those with an address in its networks."""
    networks = tuple(map(ipaddress.ip_network, settings_of(target, ZoneSettings).networks))
    if not networks:
        return undetermined(msg("No network of the zone is declared"))
    wrong: list[Message] = []
    unknown: list[str] = []
    members = 0
    for host, got in hosts:
        if not isinstance(got, Known):
            continue
        declared: Declared = got.value
        inside = _inside(declared.address, networks)
        members += declared.zone == target.id
        if inside is None and declared.zone == target.id:
            unknown.append(host.id)
        elif inside and declared.zone != target.id:
            wrong.append(msg(
                "{host} has the address {address} in the zone, but is declared in {zone}",
                host=host.id, address=declared.address, zone=declared.zone or msg("no zone"),
            ))  # fmt: skip
        elif inside is False and declared.zone == target.id:
            wrong.append(msg("{host} has the address {address}, outside of the zone", host=host.id,
                             address=declared.address))  # fmt: skip
    if wrong:
        return failed(*few(wrong, _SHOWN))
    if unknown:
        return undetermined(msg("The addresses of {hosts} are not known",
                                hosts=capped(unknown, sort=False)))  # fmt: skip
    if not members:
        return not_applicable(msg("No host is declared in the zone, none has an address in it"))
    return passed(msg("{count} hosts, all with addresses in its networks", count=members))


def _inside(address: str, networks: Iterable[_Network]) -> bool | None:
    """Whether `address` is in one of `networks`; None where it is a name, or not known."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    return any(found in network for network in networks)


CHECKS = (described, zone_networks, zone_members, *path_checks.CHECKS)
