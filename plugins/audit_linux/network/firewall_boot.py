"""Whether the packet filter that is in force now is there again after the next boot."""

from __future__ import annotations

import re
from collections.abc import Iterator

from audit_core.api.sdk import (
    Absent,
    Severity,
    capped,
    check,
    failed,
    known,
    known_or_absent,
    msg,
    not_applicable,
    optional,
    passed,
    present,
    undetermined,
)
from audit_core.model import Judgement
from audit_linux.network.boot_rules import BOOT_RULES, BootRules
from audit_linux.network.boot_units import LOAD_NONE
from audit_linux.network.firewall import Input, chains_of, input_of
from audit_linux.network.iptables import IP6TABLES, IPTABLES
from audit_linux.network.netfilter_model import NONE, Ruleset
from audit_linux.network.nft import NFT
from audit_linux.network.port_forwards import LEGACY, LEGACY6, SAVED, SAVED6, Saved
from audit_linux.system.kernel import SYSCTL
from audit_linux.units import LINKS, UNITS, Units

# ferm, shorewall, CSF, agents that divide networks (Illumio, Guardicore, Calico, Cilium), nodes of
# Kubernetes, what sets the host up anew at boot, and what a site may call its own.
_LOADERS = re.compile(
    r"nft|tables|netfilter|firewall|ufw|ferm|shorewall|filter|fw(?!upd)|csf|lfd|illumio|guardicore"
    r"|gc-agent|calico|cilium|kubelet|k3s|rke2|puppet|salt-minion|chef-client|cfengine"
)


def _stem(unit: str) -> str:
    return unit.removesuffix(".service").removesuffix(".socket")


def _started(units: Units | None, links: frozenset[str]) -> frozenset[str] | None:
    """The names of what starts with the system, without `.service`; None where it is not known."""
    if units is None:
        return links or None
    return frozenset(map(_stem, units.enabled | units.generated))


def _others(rules: BootRules, started: frozenset[str], explained: bool) -> Iterator[str]:
    """What else may load a packet filter, and was not followed.

    `explained`: a loader that does not start would load such rules, so no program that is not known
    has to be the one that did.
    """
    rest = started - set(rules.loaders) - set(map(_stem, rules.unprivileged))
    named = {name for name in rest if _LOADERS.search(name)}
    unknown = {name for name in rest if not LOAD_NONE.fullmatch(name)}
    yield from sorted(named | (set() if explained else unknown) | _own(rules) & started)
    yield from rules.scripts


def _own(rules: BootRules) -> set[str]:
    """The units of the site that may load rules; one may stand in for that of a package."""
    return set(map(_stem, rules.units))


def _loading(rules: BootRules, started: frozenset[str]) -> list[str]:
    """The loaders that start, as their packages install them."""
    return sorted((started & set(rules.loaders)) - _own(rules))


def _refused(rules: BootRules, started: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    """The packets that the loaders that start refuse, and those that they may refuse."""
    found = [rules.loaders[name].rules for name in _loading(rules, started)]
    return NONE.union(*(one.refused for one in found)), NONE.union(*(one.maybe for one in found))


def _files(rules: BootRules, started: frozenset[str]) -> tuple[str, ...]:
    """The files of the loaders that start: `nftables: /etc/nftables.conf`."""
    return tuple(
        f"{name}: {', '.join(rules.loaders[name].of)}" for name in _loading(rules, started)
    )


@check(
    "linux.firewall-persistent",
    needs=(
        optional(NFT),
        optional(IPTABLES),
        known_or_absent(optional(IP6TABLES)),
        known_or_absent(SYSCTL),
        known_or_absent(optional(SAVED)),
        known_or_absent(optional(SAVED6)),
        known_or_absent(optional(LEGACY)),
        known_or_absent(optional(LEGACY6)),
        known_or_absent(BOOT_RULES),
        known_or_absent(optional(UNITS)),
        known_or_absent(LINKS),
    ),
    severity=Severity.MEDIUM,
    version=2,
    remedy=msg("Write the rules to the file that a unit loads at boot, enable the unit, and look "
               "at the rules after a reboot"),
)  # fmt: skip
def firewall_persistent(
    nft: Ruleset | None,
    iptables: Ruleset | None,
    ip6tables: Ruleset | Absent | None,
    sysctl: dict[str, str] | Absent,
    saved: Saved | Absent | None,
    saved6: Saved | Absent | None,
    legacy: Saved | Absent | None,
    legacy6: Saved | Absent | None,
    rules: BootRules | Absent,
    units: Units | Absent | None,
    links: frozenset[str] | Absent,
) -> Judgement:
    """The packet filter refuses incoming packets after the next boot as it does now."""
    only_ipv4 = isinstance(ip6tables, Absent) or isinstance(sysctl, Absent)
    tables = (iptables, ip6tables, chains_of(saved, saved6, legacy, legacy6))
    now = input_of(nft, tables, only_ipv4, known(sysctl) or {})
    started = _started(known(units), known(links) or frozenset())
    if isinstance(rules, Absent) or isinstance(units, Absent) or started is None:
        unknown = msg("What starts with the system is not known")
        return undetermined(rules.detail if isinstance(rules, Absent) else unknown)
    return _judged(rules, started, now)


def _judged(rules: BootRules, started: frozenset[str], now: Input) -> Judgement:
    """Where nothing refuses now, nothing can be lost at boot."""
    expected = msg("rules that refuse by default in a file that an enabled unit loads")
    packets = now.packets
    refused, maybe = _refused(rules, started)
    files = _files(rules, started)
    loaded = msg("Loaded at boot: {files}", files=capped(files)) if files else None
    if packets <= refused:
        return passed(*present(loaded), expected=expected)
    if not now.refused:
        return not_applicable(msg("The packet filter does not refuse by default now"))
    open_ = sorted({"IPv4" if packet.endswith("4") else "IPv6" for packet in packets - refused})
    lost = msg("These rules are in force now, and no unit that is enabled and was looked at loads "
               "rules that refuse {families}", families=tuple(open_))  # fmt: skip
    off = [one for name, one in rules.loaders.items() if name not in started and one.there]
    explained = packets <= NONE.union(*(one.rules.refused for one in off))
    others = tuple(_others(rules, started, explained))
    doubts = present(
        msg("May load a packet filter, and was not followed: {names}", names=capped(others))
        if others else None,
        msg("Not certain: a file of rules was not read, or follows conditions")
        if packets & maybe - refused else None,
    )  # fmt: skip
    if doubts:
        return undetermined(*present(loaded), lost, *doubts, expected=expected)
    return failed(*present(loaded), lost, expected=expected)


FACTS = (BOOT_RULES,)
CHECKS = (firewall_persistent,)
