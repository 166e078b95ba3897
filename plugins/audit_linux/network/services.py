"""Which services run or start at boot that a server should not have."""

from __future__ import annotations

from typing import Annotated

from audit_core.api.sdk import (
    TARGET,
    Absent,
    Severity,
    Superset,
    capped,
    check,
    expect,
    known,
    known_or_absent,
    msg,
    optional,
    present,
    undetermined,
)
from audit_core.model import Judgement, Message, Target
from audit_linux.declared import declared
from audit_linux.processes import PROCESSES, Process, process_labels
from audit_linux.units import LINKS, UNITS, Units

# Names of units, start-up links and processes alike. Plain-text logins, trivial file transfer,
# shares, name services and desktop helpers (CIS Debian 12 and RHEL 9, section 2).
RISKY = frozenset({
    "telnet", "telnetd", "in.telnetd", "inetutils-telnetd", "rsh", "rlogin", "rexec", "in.rshd",
    "in.rlogind", "in.rexecd", "rshd", "rlogind", "xinetd", "inetd", "inetutils-inetd",
    "openbsd-inetd", "tftp", "tftpd", "in.tftpd", "tftpd-hpa", "atftpd", "vsftpd", "proftpd",
    "pure-ftpd", "ftpd", "rpcbind", "portmap", "nfs-server", "nfs-kernel-server", "nfsd", "smb",
    "smbd", "nmb", "nmbd", "samba", "samba-ad-dc", "avahi-daemon", "cups", "cupsd", "cups-browsed",
    "ypserv", "ypbind", "rwhod", "fingerd", "in.fingerd", "finger", "talk", "ntalk", "ntalkd",
    "rsync-inetd", "chargen", "daytime", "discard", "echo", "time", "uucp", "bluetooth",
})  # fmt: skip


# As processes these are also what a user calls: clients, and plain tools such as time(1).
_ALSO_COMMANDS = frozenset({
    "telnet", "rsh", "rlogin", "rexec", "tftp", "finger", "talk", "ntalk", "echo", "time",
    "chargen", "daytime", "discard", "smb", "uucp",
})  # fmt: skip


def _base(unit: str) -> str:
    return unit.rpartition(".")[0].partition("@")[0] if "." in unit else unit


def _found(units: frozenset[str], denied: frozenset[str]) -> list[str]:
    return [unit for unit in units if unit in denied or _base(unit) in denied]


def _running(processes: tuple[Process, ...], wanted: frozenset[str]) -> list[str]:
    short = {name[:15] for name in wanted - _ALSO_COMMANDS}
    return process_labels(p for p in processes if p.name in short)


def _started(
    units: Units | Absent | None, links: frozenset[str], wanted: frozenset[str]
) -> list[str]:
    """What starts at boot, by units and by start-up links.

    systemd makes units of the scripts itself and passes over those that a native unit replaces.
    """
    if units is None:
        return _found(links, wanted)
    booted = known(units)
    if booted is None:
        return []
    scripts = {_base(unit) for unit in booted.generated}
    return [*_found(booted.enabled, wanted), *_found(links & scripts, wanted)]


def _detail(
    processes: tuple[Process, ...] | Absent,
    units: Units | Absent | None,
    running: list[str],
    active: list[str],
    started: list[str],
) -> tuple[Message, ...]:
    """What was found in the lists that could be read."""
    ran = msg("Running processes: {names}", names=capped(running))
    runs = msg("Active units: {names}", names=capped(active))
    boots = msg("Enabled at boot: {names}", names=capped(started))
    links = msg("systemd is not process 1 here: judged by processes and rc links")
    return present(
        None if isinstance(processes, Absent) else ran,
        runs if isinstance(units, Units) else None,
        None if isinstance(units, Absent) else boots,
        links if units is None else None,
    )


@check(
    "linux.risky-services",
    needs=(
        TARGET,
        known_or_absent(PROCESSES),
        known_or_absent(optional(UNITS)),
        known_or_absent(LINKS),
    ),
    severity=Severity.HIGH,
    version=3,
    remedy=msg("Disable and stop them (systemctl disable --now NAME), or declare needed_services"),
)
def risky_services(
    target: Target,
    processes: tuple[Process, ...] | Absent,
    units: Units | Absent | None,
    links: frozenset[str] | Absent,
    *,
    denied: Annotated[frozenset[str], Superset] = RISKY,
) -> Judgement:
    """No high-risk network service is running or starts at boot."""
    wanted = denied - set(declared(target, "needed_services") or ())
    running = _running(known(processes) or (), wanted)
    booted = known(units)
    active = _found(booted.active, wanted) if booted else []
    started = _started(units, known(links) or frozenset(), wanted)
    detail = _detail(processes, units, running, active, started)
    if not detail:
        return undetermined(msg("Neither processes nor units could be read"))
    expected = msg("none of {count} names, or declared in needed_services", count=len(wanted))
    return expect(not (running or active or started), detail=detail, expected=expected)


CHECKS = (risky_services,)
