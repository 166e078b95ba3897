"""Whether this host can be administered over the network in an encrypted way only."""

from __future__ import annotations

from collections.abc import Callable

from audit_core.model import Target, Verdict
from audit_linux.network.listeners import Listener
from audit_linux.network.remote_admin import remote_admin_encrypted
from audit_linux.processes import Process
from audit_linux.ssh.sshd import Servers, Sshd
from audit_linux.ssh.sshd_files import SshdFiles

MakeTarget = Callable[..., Target]
PASS, UNDETERMINED = Verdict.PASS, Verdict.UNDETERMINED
INIT = Process(pid=1, uid=0, name="init")
DOCKED = Process(pid=9, uid=0, name="nginx", contained=True)
SSHD = Sshd(values={"port": ("22",), "listenaddress": ("0.0.0.0:22", "[::]:2022")})


def socket(number: str, process: str = "", address: str = "*") -> Listener:
    port, protocol = number.split("/")
    return Listener(protocol=protocol, address=address, port=int(port), process=process)


def verdict(
    target: Target, *sockets: Listener, other_servers: tuple[str, ...] = (),
    processes: tuple[Process, ...] = (INIT,),
) -> Verdict:  # fmt: skip
    programs = Servers(distribution=True, others=other_servers)
    found = remote_admin_encrypted.judge(
        programs, SSHD, SshdFiles(), *[None] * 4, target, sockets, processes
    )
    return found.verdict


def test_ssh_alone_is_encrypted(target: MakeTarget) -> None:
    bare = target()
    for sockets in (
        [], [socket("22/tcp")], [socket("22/tcp", "sshd"), socket("2022/tcp", "systemd")],
        [socket("22/tcp"), socket("123/udp", "chronyd"), socket("6379/tcp", address="127.0.0.1")],
    ):  # fmt: skip
        assert verdict(bare, *sockets) is PASS, sockets


def test_what_may_serve_administration_too_leaves_it_open(target: MakeTarget) -> None:
    for sockets in (
        [socket("443/tcp", "nginx")], [socket("5901/tcp")], [socket("23/tcp")],
        [socket("2222/tcp", "sshd")], [socket("22/tcp", "python3")], [socket("22/udp")],
        [socket("161/udp", "snmpd")],
    ):  # fmt: skip
        assert verdict(target(), *sockets) is UNDETERMINED, sockets


def test_declared_service_ports_serve_no_administration(target: MakeTarget) -> None:
    web = target(service_ports=("443/tcp", "8000-8010"))
    assert verdict(web, socket("443/tcp"), socket("8004/tcp")) is PASS
    assert verdict(web, socket("443/tcp"), socket("8011/tcp")) is UNDETERMINED


def test_what_is_not_seen_is_no_pass(target: MakeTarget) -> None:
    assert verdict(target(), processes=(INIT, DOCKED)) is UNDETERMINED
    assert verdict(target(), other_servers=("/usr/local/sbin/sshd",)) is UNDETERMINED
