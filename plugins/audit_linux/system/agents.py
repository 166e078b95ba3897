"""Agents of security products, known by their processes, packages, units and programs."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from audit_core.api.sdk import (
    Absent,
    Answer,
    Command,
    ParseError,
    capped,
    fact,
    failed,
    known,
    known_or_absent,
    msg,
    not_present,
    optional,
    passed,
    undetermined,
)
from audit_core.model import Judgement, Message, Target
from audit_linux.declared import declared
from audit_linux.find_errors import refused
from audit_linux.processes import Process, process_labels, running
from audit_linux.system.packages import PACKAGES
from audit_linux.system.products import PROGRAMS, Product
from audit_linux.units import UNITS, Units


def parse_programs(answer: Answer) -> frozenset[str] | Absent:
    """The programs of known products that are there; NOT_PRESENT when there is none."""
    denied = refused(answer.stderr)
    if denied is not None:
        return denied
    found = {path.decode("utf-8", "surrogateescape") for path in answer.stdout.split(b"\0") if path}
    if found - set(PROGRAMS):
        raise ParseError(msg("a path that was not requested"))
    return frozenset(found) or not_present(msg("No program of a known product is there"))


AGENT_PROGRAMS = fact(
    "linux.agent-programs",
    frozenset[str],
    kind="host",
    ask=Command(argv=("find", "-L", *PROGRAMS, "-maxdepth", "0", "-print0"), ok=(0, 1)),
    parse=parse_programs,
)


# What besides processes shows an agent, in the order in which `judged` is given it.
SHOWN_BY = (
    known_or_absent(PACKAGES),
    known_or_absent(optional(UNITS)),
    known_or_absent(optional(AGENT_PROGRAMS)),
)
Packages = frozenset[str] | Absent
Booted = Units | Absent | None
Programs = frozenset[str] | Absent | None

# What a security product that is not in the list may be called. The rest of a name may be anything.
_HINT = re.compile(
    r"agent|edr|hids|xdr|antivir|virus|malware|sentinel|defend|guard|protect|endpoint|shield"
    r"|(?:^|[-_])(?:av|epp|hss|cwpp|sec)(?:[-_.]|d?$)|secur"
)
# Programs of distributions, clouds and monitoring that have such a name.
_ORDINARY = re.compile(
    r"(?:ssh|gpg|qemu-guest|amazon-ssm|ssm|ovirt-guest|spice-vd|puppet|consul|telegraf|lxd|snmp)"
    r"[-_]?agentd?(?:@.*|-.*)?"
    r"|(?:polkit|systemd|zabbix|datadog|newrelic|google|aliyun|cloud|walinux|oracle-cloud|rhsm"
    r"|selinux|securetty|pgagent|xe-guest)(?:[-_.@].*|agent.*|)|waagent|wireguard.*|sshguard"
)


def _products(target: Target, products: tuple[Product, ...], setting: str) -> dict[str, str]:
    """The products by the names of their processes (cut), those that are declared among them."""
    every = {name: p.name for p in products for name in p.processes}
    mine = {name: name for name in declared(target, setting) or ()}
    return {name[:15]: product for name, product in (every | mine).items()}


def agents(
    target: Target, processes: tuple[Process, ...], products: tuple[Product, ...], setting: str
) -> tuple[Process, ...]:
    """The processes with the name of a known or declared agent that run under a system account."""
    return running(processes, _products(target, products, setting))


@functools.lru_cache(maxsize=4096)  # hosts share most of their units
def _base(unit: str) -> str:
    return unit.rpartition(".")[0].partition("@")[0] if "." in unit else unit


def installed(
    products: tuple[Product, ...], packages: Packages, units: Booted, programs: Programs
) -> tuple[str, ...]:
    """What of `products` is installed or starts at boot, as `NAME (package, unit or program)`."""
    names = known(packages) or frozenset()
    booted = known(units)
    started = booted.active | booted.enabled if booted else frozenset()
    bases = {_base(unit) for unit in started}
    there = known(programs) or frozenset()
    found = (
        (p.name, {*p.packages} & names | {*p.units} & bases | {*p.programs} & there)
        for p in products
    )
    return tuple(f"{name} ({', '.join(sorted(by))})" for name, by in found if by)


def unknown_agents(
    processes: tuple[Process, ...], units: Booted, others: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """Processes of the system and active units whose names may be those of a security product.

    `others` are names that are declared as something else.
    """
    booted = known(units)
    names = {p.name for p in processes if p.by_system}
    names |= {_base(unit) for unit in (booted.active if booted else ())}
    return tuple(sorted(n for n in names if n[:15] not in others and _may_be_one(n)))


@functools.lru_cache(maxsize=4096)  # hosts share most of their programs
def _may_be_one(name: str) -> bool:
    low = name.lower()
    return bool(_HINT.search(low)) and not _ORDINARY.fullmatch(low)


def judged(
    target: Target,
    processes: tuple[Process, ...],
    products: tuple[Product, ...],
    setting: str,
    packages: Packages,
    units: Booted,
    programs: Programs,
) -> Judgement:
    """PASS when an agent runs, with its name and owner; FAIL when nothing looks like one."""
    named = _products(target, products, setting)
    expected = msg("a known agent, or one declared in {setting}, running under a system account",
                   setting=setting)  # fmt: skip
    if running_names := running(processes, named):
        names = capped({named[p.name] for p in running_names})
        detail = msg("Found by process name: {processes}; products: {products}",
                     processes=capped(process_labels(running_names)), products=names)  # fmt: skip
        return passed(detail, expected=expected)
    none = msg("None of {count} processes has the name of a known or declared agent",
               count=len(processes))  # fmt: skip
    others = _declared_otherwise(target, setting)
    maybe = tuple(_maybe(processes, named, products, packages, units, programs, setting, others))
    return (
        undetermined(none, *maybe, expected=expected) if maybe else failed(none, expected=expected)
    )


_SETTINGS = ("malware_agents", "intrusion_agents")


def _declared_otherwise(target: Target, setting: str) -> frozenset[str]:
    """The names that are declared as the other kind of agent, where this kind is declared, too."""
    if declared(target, setting) is None:
        return frozenset()
    names = (name for other in _SETTINGS if other != setting
             for name in declared(target, other) or ())  # fmt: skip
    return frozenset(name[:15] for name in names)


def _maybe(
    processes: tuple[Process, ...],
    named: dict[str, str],
    products: tuple[Product, ...],
    packages: Packages,
    units: Booted,
    programs: Programs,
    setting: str,
    others: frozenset[str],
) -> Iterable[Message]:
    """What speaks for an agent all the same, or was not looked at."""
    if elsewhere := [p for p in processes if p.name in named]:
        yield msg("Only in a container or under a person's account: {processes}",
                  processes=capped(process_labels(elsewhere)))  # fmt: skip
    booted = known(units)
    active = {_base(unit) for unit in (booted.active if booted else ())}
    # A declared agent whose unit is active may run under another name.
    own = tuple(sorted(name for name in active if name[:15] in named))
    if there := installed(products, packages, units, programs) or own:
        yield msg("Installed, but none of its known processes runs: {products}",
                  products=capped(there))  # fmt: skip
    if unknown := unknown_agents(processes, units, others):
        yield msg("May be agents that are not in the list of products; declare them in {setting} "
                  "if they are: {names}", setting=setting, names=capped(unknown))  # fmt: skip
    for gap in (packages, units, programs):
        if isinstance(gap, Absent):
            yield gap.detail


FACTS = (AGENT_PROGRAMS,)
