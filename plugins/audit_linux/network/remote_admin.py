"""Whether this host can be administered over the network in an encrypted way only."""

from __future__ import annotations

import re

from audit_core.api.sdk import (
    TARGET,
    Absent,
    Severity,
    capped,
    known,
    known_or_absent,
    msg,
    passed,
    undetermined,
)
from audit_core.model import Judgement, Target
from audit_linux.network.listeners import (
    FORWARDS_UNSEEN,
    LISTENERS,
    Listener,
    forwards_unseen,
    within_declared,
)
from audit_linux.processes import PROCESSES, Process
from audit_linux.ssh.sshd import Sshd
from audit_linux.ssh.sshd_server import Server, sshd_check

# DHCP clients and time synchronisation: sockets over which nobody administers a host.
_NO_ADMINISTRATION = frozenset({"68/udp", "123/udp", "323/udp", "546/udp"})
_NO_SERVER = undetermined(
    msg("No SSH server is installed: how this host is administered remotely cannot be seen here")
)


def ssh_ports(sshd: Sshd) -> frozenset[str]:
    """`22/tcp` for each port of the effective configuration."""
    addresses = (*sshd.values.get("port", ()), *sshd.values.get("listenaddress", ()))
    ends = [re.search(r"(?:^|:)(\d{1,5})$", value, re.ASCII) for value in addresses]
    return frozenset(f"{end[1]}/tcp" for end in ends if end)


def _by_ssh(item: Listener, ports: frozenset[str]) -> bool:
    """systemd holds the socket where sshd is started per connection."""
    return item.number in ports and item.process in ("", "sshd", "systemd")


def _for_users(target: Target, item: Listener) -> bool:
    return within_declared(target, item.protocol, str(item.port), setting="service_ports")


@sshd_check(
    "linux.remote-admin-encrypted",
    severity=Severity.HIGH,
    remedy=msg("Stop the other services, or declare in service_ports the ports over which nobody "
               "administers this host"),
    also=(TARGET, LISTENERS, known_or_absent(PROCESSES)),
    when_absent=_NO_SERVER,
)  # fmt: skip
def remote_admin_encrypted(
    server: Server,
    target: Target,
    listeners: tuple[Listener, ...],
    processes: tuple[Process, ...] | Absent,
) -> Judgement:
    """Nothing but SSH is open through which this host could be administered remotely."""
    ports = ssh_ports(server.sshd)
    exposed = [i for i in listeners if not i.loopback and i.number not in _NO_ADMINISTRATION]
    others = [i for i in exposed if not (_by_ssh(i, ports) or _for_users(target, i))]
    expected = msg("SSH only, and the ports in service_ports")
    if others:
        detail = msg("Open, and whether it serves administration is not known: {sockets}",
                     sockets=capped(i.text for i in others))  # fmt: skip
        return undetermined(detail, expected=expected)
    detail = msg("Open: {sockets}", sockets=capped(i.text for i in exposed))
    if not exposed:
        detail = msg("No socket is reachable from outside")
    if forwards_unseen(known(processes) or ()):
        return undetermined(detail, FORWARDS_UNSEEN, expected=expected)
    return server.settled(passed(detail, expected=expected))


CHECKS = (remote_admin_encrypted,)
