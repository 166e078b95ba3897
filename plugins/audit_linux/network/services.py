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
)
from audit_core.model import Judgement, Target
from audit_linux.declared import declared
from audit_linux.processes import PROCESSES, Process
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
    """No risky network service runs or starts at boot."""
    wanted = denied - set(declared(target, "needed_services") or ())
    short = {name[:15] for name in wanted - _ALSO_COMMANDS}
    seen = [
        f"{p.name} (pid {p.pid}, uid {p.uid})" for p in known(processes) or () if p.name in short
    ]
    booted = known(units) or Units(active=frozenset(), enabled=frozenset())
    active, enabled = _found(booted.active, wanted), _found(booted.enabled, wanted)
    # systemd makes units of the scripts itself and passes over those that a native unit replaces.
    there = known(links) or frozenset()
    scripts = there if units is None else {_base(unit) for unit in booted.generated}
    linked = _found(there & scripts, wanted)
    said = present(
        msg("Running processes: {names}", names=capped(seen) or ("-",))
        if known(processes) is not None
        else None,
        msg("Active units: {names}", names=capped(active) or ("-",)) if known(units) else None,
        msg("Enabled at boot: {names}", names=capped([*enabled, *linked]) or ("-",))
        if not isinstance(units, Absent)
        else None,
        msg("systemd is not process 1 here: judged by processes and rc links")
        if units is None
        else None,
    )
    expected = msg("none of {count} names, or declared in needed_services", count=len(wanted))
    return expect(not (seen or active or enabled or linked), said=said, expected=expected)


CHECKS = (risky_services,)
