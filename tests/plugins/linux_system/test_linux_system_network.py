"""Time, services, sockets, packet filter."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from audit_core.model import (
    Absent,
    Answer,
    Judgement,
    Kind,
    ObjectType,
    ParseError,
    Reason,
    Target,
    Verdict,
)
from audit_linux.system import firewall, kernel, listeners, packets, services, timesync, units
from audit_linux.system import iptables as iptables_
from audit_linux.system import nft as nft_
from audit_linux.system import published as published_
from audit_linux.system.listeners import Listener
from audit_linux.system.processes import Process
from audit_linux.system.timesync import Sync
from audit_linux.system.units import Units

Make = Callable[..., Answer]
Read = Callable[[str], Answer]
MakeTarget = Callable[..., Target]
INIT = Process(pid=1, uid=0, name="init")


# --- time ---------------------------------------------------------------------------------------


def test_chrony_of_a_recording(recorded: Read) -> None:
    (sync,) = timesync.parse_timesync(recorded("timesync-chrony"))
    assert (sync.service, sync.synchronised, sync.source) == ("chrony", True, "127.0.0.1")
    assert sync.offset_s == pytest.approx(-1.378e-6)
    assert sync.age_s == pytest.approx(-0.13, abs=0.01)
    assert timesync.time_sync.judge((sync,), (INIT,)).verdict is Verdict.PASS


def test_no_service_answers_in_a_recording(recorded: Read) -> None:
    assert timesync.parse_timesync(recorded("timesync-none")) == ()


def _sections(chrony: str = "", ntpq: str = "", timedatectl: str = "", status: str = "") -> str:
    return (f"1795434704\n== chrony\n{chrony}\nrc=0\n== ntpq\n{ntpq}\nrc=0\n"
            f"== timedatectl\n{timedatectl}\nrc=0\n== timesync\n{status}\nrc=0\n")  # fmt: skip


UNSYNCHRONISED = ("00000000,,0,0.000000000,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,"
                  "1.000000000,1.000000000,0.0,Not synchronised")  # fmt: skip
# invented after ntpq 4.2.8 and systemd 252
NTPQ = (
    "     remote           refid      st t when poll reach   delay   offset  jitter\n"
    "==============================================================================\n"
    "+192.0.2.8       .GPS.            1 u   23   64  377    0.512    9.912   0.103\n"
    "{0}192.0.2.7       {1}            1 u   23   64  377    0.512    {2}   0.103"
)
STATUS = "       Server: 192.0.2.9 (ntp.example.com)\n      Offset: {0}\n       Delay: 1.1ms"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (_sections(chrony=UNSYNCHRONISED), [("chrony", False, None)]),
        # its own clock as the source
        (_sections(chrony="7F7F0101,,8" + ",0.0" * 10 + ",Normal"), [("chrony", False, None)]),
        (_sections(ntpq=NTPQ.format("*", ".GPS.", "12.5")), [("ntpd", True, 0.0125)]),
        (_sections(ntpq=NTPQ.format(" ", ".GPS.", "12.5")), [("ntpd", False, None)]),
        (_sections(ntpq=NTPQ.format("*", ".LOCL.", "0.0")), [("ntpd", False, None)]),
        (_sections(timedatectl="NTP=yes\nNTPSynchronized=yes"), [("systemd", True, None)]),
        (_sections(timedatectl="NTPSynchronized=yes", status=STATUS.format("-23.4ms")),
         [("systemd", True, -0.0234)]),
        (_sections(timedatectl="NTPSynchronized=yes", status=STATUS.format("+12us")),
         [("systemd", True, 12e-6)]),
        (_sections(timedatectl="NTPSynchronized=no"), [("systemd", False, None)]),
        # the daemon that sets the clock knows better than the kernel's flag
        (_sections(chrony=UNSYNCHRONISED, timedatectl="NTPSynchronized=yes"),
         [("chrony", False, None)]),
        (_sections(timedatectl="Unknown operation show."), []),
    ],
)  # fmt: skip
def test_time_services(
    text: str, expected: list[tuple[str, bool, float | None]], answer: Make
) -> None:
    syncs = timesync.parse_timesync(answer(text))
    told = [(s.service, s.synchronised) for s in syncs]
    assert told == [e[:2] for e in expected]
    for sync, (_, synchronised, offset) in zip(syncs, expected, strict=True):
        assert not synchronised or sync.offset_s == (offset and pytest.approx(offset))


@pytest.mark.parametrize("text", ["", "x\n", _sections()[:40], _sections() + "== chrony\n"])
def test_time_sections_must_be_whole(text: str, answer: Make) -> None:
    with pytest.raises(ParseError):
        timesync.parse_timesync(answer(text))


def _sync(**changes: Any) -> Sync:
    return Sync(**{"service": "chrony", "synchronised": True, "source": "192.0.2.1",
                   "offset_s": 0.2, "age_s": 60.0, **changes})  # fmt: skip


@pytest.mark.parametrize(
    ("syncs", "daemon", "knobs", "verdict"),
    [
        ((_sync(),), "chronyd", {}, Verdict.PASS),
        ((_sync(offset_s=-1.01),), "chronyd", {}, Verdict.FAIL),
        ((_sync(offset_s=1.0),), "chronyd", {}, Verdict.PASS),
        ((_sync(),), "chronyd", {"max_offset_s": 0.1}, Verdict.FAIL),
        ((_sync(age_s=86_401.0),), "chronyd", {}, Verdict.FAIL),
        ((_sync(offset_s=None, age_s=None),), "x", {}, Verdict.PASS),
        ((_sync(synchronised=False),), "chronyd", {}, Verdict.FAIL),
        ((), "chronyd", {}, Verdict.UNDETERMINED),
        # chronyd with cmdport 0 answers root only: another account hears the kernel's flag alone
        ((_sync(service="systemd", synchronised=False),), "chronyd", {}, Verdict.UNDETERMINED),
        ((_sync(service="systemd", synchronised=False),), "systemd-timesyn", {}, Verdict.FAIL),
        ((_sync(service="systemd", synchronised=False),), "bash", {}, Verdict.FAIL),
        # the kernel keeps its flag for hours after the service was stopped
        ((_sync(service="systemd", offset_s=None),), "bash", {}, Verdict.UNDETERMINED),
        ((_sync(service="systemd", offset_s=None),), "systemd-timesyn", {}, Verdict.PASS),
        ((), "bash", {}, Verdict.FAIL),
    ],
)
def test_time(
    syncs: tuple[Sync, ...], daemon: str, knobs: dict[str, float], verdict: Verdict
) -> None:
    processes = (INIT, Process(pid=8, uid=100, name=daemon))
    assert timesync.time_sync.judge(syncs, processes, **knobs).verdict is verdict


# --- services -----------------------------------------------------------------------------------


def test_without_systemd_units_are_not_present(recorded: Read) -> None:
    assert isinstance(units.parse_units(recorded("units-not-systemd")), Absent)


# invented after systemd 252
UNITS = """== units
cups.socket loaded active running CUPS Scheduler
ssh.service loaded active running OpenBSD Secure Shell server
systemd-journal-upload.service loaded activating auto-restart Journal Remote Upload Service
● vsftpd.service loaded failed failed vsftpd FTP server
ypbind.service not-found inactive dead ypbind.service

== files
cups.service enabled enabled
rpcbind.socket disabled enabled
xinetd.service masked enabled
vsftpd.service generated -

== end 0
"""


def test_units(answer: Make) -> None:
    found = units.parse_units(answer(UNITS))
    upload = "systemd-journal-upload.service"
    assert found == Units(active=frozenset({"cups.socket", "ssh.service", upload}),
                          failing=frozenset({upload}),
                          enabled=frozenset({"cups.service"}),
                          generated=frozenset({"vsftpd.service"}))  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["", UNITS[:300], "== units\n\n== files\n",
     UNITS.replace("== end 0", "== end 1"), UNITS.replace(" masked ", " what "),
     UNITS.replace("loaded active running CUPS Scheduler", "loaded")],
)  # fmt: skip
def test_units_must_be_whole(text: str, answer: Make) -> None:
    with pytest.raises(ParseError):
        units.parse_units(answer(text))


def test_start_links(recorded: Read, answer: Make) -> None:
    found = units.parse_links(recorded("start-links"))
    assert isinstance(found, frozenset)
    assert "ssh" in found
    assert units.parse_links(answer("")) == frozenset()
    with pytest.raises(ParseError):
        units.parse_links(answer("S01ssh"))


@pytest.mark.parametrize("line", [b"find: unrecognized: -printf\n", b"x: I/O error\n"])
def test_a_find_that_complains_lists_no_links(line: bytes, answer: Make) -> None:
    with pytest.raises(ParseError):
        units.parse_links(answer("", line, 1))


def test_closed_start_links_are_not_absent_ones(answer: Make) -> None:
    closed = answer("", b"find: '/etc/rc3.d': Permission denied\n", 1)
    missing = answer("", b"find: '/etc/rc.d/rc2.d': No such file or directory\n", 1)
    got = units.parse_links(closed)
    assert isinstance(got, Absent)
    assert got.reason is Reason.NOT_PERMITTED
    assert units.parse_links(missing) == frozenset()


def test_a_systemctl_that_ignores_the_question_lists_nothing(answer: Make) -> None:
    text = "== units\nRunning in chroot, ignoring command 'list-units'\n\n== files\n\n== end 0\n"
    with pytest.raises(ParseError):
        units.parse_units(answer(text))


@pytest.mark.parametrize(("name", "verdict"), [("telnet", Verdict.PASS), ("time", Verdict.PASS),
                                               ("in.telnetd", Verdict.FAIL)])  # fmt: skip
def test_a_client_is_no_service(name: str, verdict: Verdict, target: Callable[..., Target]) -> None:
    processes = (INIT, Process(pid=8, uid=1000, name=name))
    judged = services.risky_services.judge(target(), processes, NONE, frozenset())
    assert judged.verdict is verdict


NONE = Units(active=frozenset(), enabled=frozenset())


@pytest.mark.parametrize(
    ("process", "units_", "links", "needed", "verdict"),
    [
        ("sshd", NONE, (), (), Verdict.PASS),
        ("sshd", None, ("ssh",), (), Verdict.PASS),
        ("rpcbind", NONE, (), (), Verdict.FAIL),
        ("rpcbind", NONE, (), ("rpcbind",), Verdict.PASS),
        ("sshd", Units(active=frozenset({"telnet.socket"}), enabled=frozenset()), (), (),
         Verdict.FAIL),
        ("sshd", Units(active=frozenset({"tftp@1.service"}), enabled=frozenset()), (), (),
         Verdict.FAIL),
        ("sshd", Units(active=frozenset(), enabled=frozenset({"cups.service"})), (), (),
         Verdict.FAIL),
        ("sshd", Units(active=frozenset({"cups.path.service"}), enabled=frozenset()), (), (),
         Verdict.PASS),
        ("sshd", None, ("xinetd",), (), Verdict.FAIL),
        # systemd passes over links that a native unit replaces
        ("sshd", NONE, ("xinetd",), (), Verdict.PASS),
        ("sshd", Units(active=frozenset(), enabled=frozenset(),
                       generated=frozenset({"xinetd.service"})), ("xinetd",), (), Verdict.FAIL),
        ("sshd", Units(active=frozenset(), enabled=frozenset(),
                       generated=frozenset({"xinetd.service"})), (), (), Verdict.PASS),
    ],
)  # fmt: skip
def test_risky_services(
    process: str, units_: Units | None, links: tuple[str, ...], needed: tuple[str, ...],
    verdict: Verdict, target: MakeTarget,
) -> None:  # fmt: skip
    processes = (INIT, Process(pid=8, uid=0, name=process))
    host = target(needed_services=list(needed))
    judgement = services.risky_services.judge(host, processes, units_, frozenset(links))
    assert judgement.verdict is verdict


def test_without_systemd_the_finding_says_so(target: MakeTarget) -> None:
    judgement = services.risky_services.judge(target(), (INIT,), None, frozenset())
    assert any("rc links" in m.id for m in judgement.said)


# --- sockets ------------------------------------------------------------------------------------


def test_sockets_of_a_recording(recorded: Read) -> None:
    found = listeners.parse_listeners(recorded("listeners-ss"))
    assert {i.number for i in found if not i.loopback} == {"111/udp", "22/tcp", "8080/tcp"}
    assert {i.number for i in found if i.loopback} == {"53/udp", "68/udp", "6379/tcp", "631/tcp"}


# recorded on Debian 12, Linux 6, `cat /proc/net/…` in its own network namespace, 2026-11-23
PROC = """== proc
tcp
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 29441 1
   1: 0100007F:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 29443 1
tcp6
  sl  local_address                         remote_address                        st tx_queue
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 0:0 00:0 0
   1: 00000000000000000000000001000000:0277 00000000000000000000000000000000:0000 0A 0:0 00:0 0
udp
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
13830: 3500007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 29446 2
13888: 00000000:006F 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 29444 2
"""


def test_sockets_where_ss_is_missing(answer: Make) -> None:
    found = listeners.parse_listeners(answer(PROC))
    assert {i.number for i in found if not i.loopback} == {"22/tcp", "8080/tcp", "111/udp"}
    assert {i.number for i in found if i.loopback} == {"6379/tcp", "631/tcp", "53/udp"}


def test_an_established_connection_does_not_listen(answer: Make) -> None:
    found = listeners.parse_listeners(answer(PROC.replace("0000 0A", "0000 01")))
    assert {i.number for i in found} == {"53/udp", "111/udp"}


@pytest.mark.parametrize(
    ("line", "number", "address", "loopback"),
    [
        ("tcp   LISTEN 0      4096   [::]:22   [::]:*", "22/tcp", "::", False),
        ("tcp   LISTEN 0      4096   *:22   *:*", "22/tcp", "*", False),
        ("udp   UNCONN 0  0  0.0.0.0%eth0:68  0.0.0.0:*", "68/udp", "0.0.0.0%eth0", False),
        ("udp   UNCONN 0  0  [fe80::1]%eth0:546  [::]:*", "546/udp", "fe80::1%eth0", False),
        ("tcp   LISTEN 0  9  [::ffff:127.0.0.1]:80  *:*", "80/tcp", "::ffff:127.0.0.1", True),
        ("tcp   LISTEN 0  9  127.9.9.9:80  0.0.0.0:*", "80/tcp", "127.9.9.9", True),
        ("tcp   LISTEN 0  9  127.evil:80  0.0.0.0:*", "80/tcp", "127.evil", False),
    ],
)
def test_ss_lines(line: str, number: str, address: str, loopback: bool, answer: Make) -> None:
    (found,) = listeners.parse_listeners(answer(f"== ss\n{line}\n"))
    assert (found.number, found.address, found.loopback) == (number, address, loopback)


@pytest.mark.parametrize(
    "text", ["", "tcp LISTEN", "== ss\nNetid State Recv-Q\n", "== proc\n",
             "== proc\ntcp\n  0: zz\n", "== ss\ntcp LISTEN 0 1 0.0.0.0:70000 0.0.0.0:*\n"],
)  # fmt: skip
def test_what_is_no_list_of_sockets_is_refused(text: str, answer: Make) -> None:
    with pytest.raises(ParseError):
        listeners.parse_listeners(answer(text))


def _on(*numbers: str, address: str = "0.0.0.0") -> tuple[Listener, ...]:
    pairs = [n.split("/") for n in numbers]
    return tuple(Listener(protocol=p, address=address, port=int(n)) for n, p in pairs)


@pytest.mark.parametrize(
    ("sockets", "allowed", "verdict"),
    [
        (_on("22/tcp"), ["22/tcp"], Verdict.PASS),
        (_on("22/tcp", "80/tcp"), ["22/tcp"], Verdict.FAIL),
        (_on("22/udp"), ["22/tcp"], Verdict.FAIL),
        (_on("8000/tcp", "8010/tcp"), ["8000-8010/tcp"], Verdict.PASS),
        (_on("8011/tcp"), ["8000-8010/tcp"], Verdict.FAIL),
        (_on("80/tcp", address="127.0.0.1"), [], Verdict.PASS),
        (_on("80/tcp"), [], Verdict.FAIL),
        (_on("80/tcp"), None, Verdict.UNDETERMINED),
        (_on("80/tcp"), ["80"], Verdict.PASS),
        (_on("80/udp"), ["80"], Verdict.FAIL),
        (_on("80/tcp"), ["http"], Verdict.UNDETERMINED),
        (_on("80/tcp"), ["90-80/tcp"], Verdict.UNDETERMINED),
        (_on("80/tcp"), ["0-99999/tcp"], Verdict.UNDETERMINED),
        ((), None, Verdict.UNDETERMINED),
    ],
)
def test_allowed(
    sockets: tuple[Listener, ...], allowed: list[str] | None, verdict: Verdict, target: MakeTarget
) -> None:
    host = target() if allowed is None else target(allowed_ports=allowed)
    assert listeners.listening_allowed.judge(host, sockets, (INIT,)).verdict is verdict


def test_an_allow_list_that_is_text_is_a_fault(target: MakeTarget) -> None:
    with pytest.raises(TypeError, match="allowed_ports"):
        listeners.listening_allowed.judge(target(allowed_ports="22/tcp"), (), (INIT,))


@pytest.mark.parametrize(
    ("sockets", "verdict"),
    [
        (_on("22/tcp"), Verdict.PASS),
        (_on("23/tcp"), Verdict.FAIL),
        (_on("6379/tcp", address="::"), Verdict.FAIL),
        (_on("6379/tcp", address="127.0.0.1"), Verdict.PASS),
        (_on("514/udp"), Verdict.PASS),
        (_on("514/tcp"), Verdict.FAIL),
        (_on("873/tcp"), Verdict.UNDETERMINED),
        (_on("873/tcp", "445/tcp"), Verdict.FAIL),
        ((), Verdict.PASS),
    ],
)
def test_high_risk(sockets: tuple[Listener, ...], verdict: Verdict) -> None:
    assert listeners.listening_high_risk.judge(sockets, (INIT,)).verdict is verdict


@pytest.mark.parametrize(
    ("ports", "verdict"),
    [
        ({"137-139/tcp"}, Verdict.FAIL),
        ({"8080/tcp"}, Verdict.PASS),
        ({"smb"}, Verdict.UNDETERMINED),
    ],
)
def test_high_risk_ports_are_policy(ports: set[str], verdict: Verdict) -> None:
    judgement = listeners.listening_high_risk.judge(_on("138/tcp"), (INIT,), ports=frozenset(ports))
    assert judgement.verdict is verdict


CONTAINED = Process(pid=40, uid=0, name="nginx", contained=True)


@pytest.mark.parametrize(
    ("processes", "verdict"),
    [
        ((CONTAINED,), Verdict.UNDETERMINED),
        ((CONTAINED, Process(pid=41, uid=0, name="docker-proxy")), Verdict.PASS),
        ((Process(pid=42, uid=0, name="dockerd"),), Verdict.PASS),
    ],
)
def test_ports_of_containers_may_show_no_socket(
    processes: tuple[Process, ...], verdict: Verdict, target: MakeTarget
) -> None:
    host = target(allowed_ports=["22/tcp"])
    every = (INIT, *processes)
    assert listeners.listening_allowed.judge(host, _on("22/tcp"), every).verdict is verdict
    assert listeners.listening_high_risk.judge(_on("22/tcp"), every).verdict is verdict


# --- packet filter ------------------------------------------------------------------------------

SITE = Target(
    id="web1", kind=Kind.HOST, object_type=ObjectType.SERVER,
    settings={"allowed_ports": ("22/tcp", "8080/tcp", "5000-5002/udp", 8443)},
)  # fmt: skip
BARE = Target(id="web2", kind=Kind.HOST, object_type=ObjectType.SERVER)
Ports = tuple[published_.Published, ...]


def _judged(
    nft: packets.Ruleset | None,
    iptables: packets.Ruleset | Absent | None,
    ip6tables: packets.Ruleset | Absent | None,
    sysctl: dict[str, str],
    listed: Ports | None = (),
    saved: Ports | None = (),
    target: Target = BARE,
) -> Judgement:
    return firewall.firewall_input.judge(
        nft, iptables, ip6tables, sysctl, listed, saved, None, target
    )


DOCKER = ("nft-docker", "iptables-docker", "iptables-save-docker")


@pytest.mark.parametrize(
    ("nft", "iptables", "save", "ports"),
    [
        (*DOCKER, ("8080/tcp -> 172.17.0.2:80",)),
        (None, "iptables-docker", "iptables-save-docker", ("8080/tcp -> 172.17.0.2:80",)),
        ("nft-docker-native", None, None, ("5000-5002/udp -> 172.17.0.4",
                                           "8080/tcp -> 172.17.0.2:80",
                                           "8443/tcp -> fd00::2:443")),
    ],
)  # fmt: skip
def test_ports_that_docker_publishes_are_no_matter_of_the_input_chain(
    nft: str | None, iptables: str | None, save: str | None, ports: tuple[str, ...],
    recorded: Read,
) -> None:  # fmt: skip
    given = (
        nft_.parse_nft(recorded(nft)) if nft else None,
        iptables_.parse_iptables4(recorded(iptables)) if iptables else None,
        None,
        OFF,
    )
    handed = (
        published_.parse_listed(recorded(nft)) if nft else None,
        published_.parse_saved(recorded(save)) if save else None,
    )
    bare = _judged(*given, *handed, BARE)
    assert bare.verdict is Verdict.UNDETERMINED
    assert bare.said[1].args["ports"] == ports
    assert bare.said[2].args["ports"] == ports
    allowed = _judged(*given, *handed, SITE)
    assert allowed.verdict is Verdict.PASS
    assert allowed.said[1].args["ports"] == ports
    unseen = _judged(*given, None, None, SITE)
    assert unseen.verdict is Verdict.UNDETERMINED


def test_nft_alone_tells_the_ports_that_iptables_handed_on(recorded: Read) -> None:
    told = published_.parse_listed(recorded("nft-docker"))
    assert [p.text for p in told] == ["8080/tcp"]


_LONG = ",".join(f"{port}:{port + 9}" for port in range(10000, 10700, 100))


def _dnat(rule: str, make: Make, table: str = "nat") -> list[str]:
    return [p.text for p in published_.parse_saved(make(f"*{table}\n{rule}\nCOMMIT\n"))]


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        # Podman's netavark, kube-proxy and firewalld in the words of iptables-save
        ("-A NETAVARK-DN-1 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.88.0.5:80",
         ["8080/tcp -> 10.88.0.5:80"]),
        ('-A KUBE-SEP-X -p tcp -m comment --comment "a/b:c" -m tcp -j DNAT --to-destination '
         "10.244.0.3:53", ["*/tcp -> 10.244.0.3:53"]),
        ("-A PREROUTING -p tcp -m multiport --dports 80,8000:8010 -j DNAT --to-destination "
         "10.0.0.2", ["80,8000-8010/tcp -> 10.0.0.2"]),
        ("-A PREROUTING -p tcp -m tcp ! --dport 22 -j DNAT --to-destination 10.0.0.2",
         ["*/tcp -> 10.0.0.2"]),
        ("-A X ! -d 127.0.0.1/32 -p tcp -m tcp --dport 1 -j DNAT --to-destination 10.0.0.2",
         ["1/tcp -> 10.0.0.2"]),
        ("-A PREROUTING -j DNAT --to-destination 10.0.0.2", ["*/* -> 10.0.0.2"]),
        # a list of ports is told whole or not at all: a cut one would name other ports
        (f"-A X -p tcp -m multiport --dports {_LONG} -j DNAT --to-destination 10.0.0.2",
         [f"{_LONG.replace(':', '-')}/tcp -> 10.0.0.2"]),
        (f"-A X -p tcp -m multiport --dports {_LONG * 9} -j DNAT --to-destination 10.0.0.2",
         ["*/tcp -> 10.0.0.2"]),
        ("-A X -d 127.0.0.1/32 -p tcp -m tcp --dport 1 -j DNAT --to-destination 10.0.0.2", []),
        ("-A X -d ::1/128 -p tcp -m tcp --dport 1 -j DNAT --to-destination [fd00::1]:1", []),
        ("-A X -i lo -p tcp -m tcp --dport 1 -j DNAT --to-destination 10.0.0.2", []),
        ("-A OUTPUT -p tcp -m tcp --dport 1 -j DNAT --to-destination 10.0.0.2", []),
        ("-A PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080", []),
    ],
)  # fmt: skip
def test_dnat_in_the_words_of_iptables(rule: str, text: list[str], answer: Make) -> None:
    assert _dnat(rule, answer) == text
    assert _dnat(rule, answer, "mangle") == []


def test_saved_rules_that_are_not_whole_are_not_read(answer: Make) -> None:
    for text in ("*nat\n", "*nat\nwhat\nCOMMIT\n", "iptables-save: no\n"):
        with pytest.raises(ParseError):
            published_.parse_saved(answer(text))
    legacy = b"# Warning: iptables-legacy tables present, use iptables-legacy-save to see them\n"
    with pytest.raises(ParseError):
        published_.parse_saved(answer("", legacy))
    assert published_.parse_saved(answer("")) == ()


@pytest.mark.parametrize(
    ("protocol", "ports", "within"),
    [
        ("tcp", "8080", True), ("udp", "8080", False), ("tcp", "22,8080", True),
        ("tcp", "8080-8081", False), ("udp", "5001-5002", True), ("tcp", "", False),
        ("", "8080", False), ("tcp", "8443", True), ("tcp", "http", False),
    ],
)  # fmt: skip
def test_published_ports_that_the_inventory_allows(protocol: str, ports: str, within: bool) -> None:
    assert listeners.within_declared(SITE, protocol, ports) is within
    assert not listeners.within_declared(BARE, protocol, ports)


def test_a_rule_of_nft_that_maps_ports_is_told_without_them(answer: Make) -> None:
    place = {"family": "ip", "table": "nat"}
    to = {"map": {"key": PORT, "data": "@ports"}}
    chain = {"chain": {**place, "name": "pre", "hook": "prerouting", "policy": "accept"}}
    rule = {"rule": {**place, "chain": "pre", "expr": [_is(L4, "tcp"), {"dnat": {"addr": to}}]}}
    text = json.dumps({"nftables": [chain, rule]})
    assert [p.text for p in published_.parse_listed(answer(text))] == ["*/tcp"]
    off = {"table": {"family": "ip", "name": "nat", "flags": "dormant"}}
    asleep = json.dumps({"nftables": [off, chain, rule]})
    assert published_.parse_listed(answer(asleep)) == ()
    with pytest.raises(ParseError):
        published_.parse_listed(answer('{"nftables": [{"rule": {"expr": 1}}]}'))


ON = {"net.ipv6.conf.all.disable_ipv6": "0"}
OFF = {"net.ipv6.conf.all.disable_ipv6": "1"}


@pytest.mark.parametrize(
    ("nft", "iptables", "ip6tables", "sysctl", "verdict"),
    [
        ("nft-drop", None, None, ON, Verdict.PASS),
        ("nft-empty", None, None, ON, Verdict.FAIL),
        ("nft-empty", "iptables-drop", None, ON, Verdict.FAIL),
        ("nft-empty", "iptables-drop", "ip6tables-accept", ON, Verdict.FAIL),
        ("nft-empty", "iptables-drop", "ip6tables-accept", OFF, Verdict.PASS),
        ("nft-empty", "iptables-drop", None, {}, Verdict.PASS),
        ("nft-of-iptables", "iptables-drop", None, OFF, Verdict.PASS),
        (None, "iptables-ufw", "ip6tables-ufw", ON, Verdict.PASS),
        ("nft-ufw", "iptables-ufw", "ip6tables-ufw", ON, Verdict.PASS),
        # iptables is not there to tell what its rules mean
        ("nft-ufw", None, None, ON, Verdict.UNDETERMINED),
        (None, None, None, ON, Verdict.FAIL),
    ],
)
def test_firewall_of_recordings(
    nft: str | None, iptables: str | None, ip6tables: str | None, sysctl: dict[str, str],
    verdict: Verdict, recorded: Read,
) -> None:  # fmt: skip
    judgement = _judged(
        nft_.parse_nft(recorded(nft)) if nft else None,
        iptables_.parse_iptables4(recorded(iptables)) if iptables else None,
        iptables_.parse_iptables6(recorded(ip6tables)) if ip6tables else None,
        sysctl,
    )
    assert judgement.verdict is verdict


@pytest.mark.parametrize(
    ("rules", "verdict"),
    [
        ("-P INPUT DROP", Verdict.PASS),
        ("-P INPUT ACCEPT", Verdict.FAIL),
        ("-P INPUT ACCEPT\n-A INPUT -p tcp --dport 23 -j DROP", Verdict.FAIL),
        ("-P INPUT ACCEPT\n-A INPUT -j DROP", Verdict.PASS),
        ("-P INPUT DROP\n-A INPUT -j ACCEPT", Verdict.FAIL),
        ('-P INPUT DROP\n-A INPUT -m comment --comment "a b" -j ACCEPT', Verdict.FAIL),
        ("-P INPUT DROP\n-A INPUT -j LOG\n-A INPUT -j x\n-N x\n-A x -j ACCEPT", Verdict.FAIL),
        ("-P INPUT ACCEPT\n-N x\n-A INPUT -j x\n-A x -j RETURN\n-A x -j DROP", Verdict.FAIL),
        ("-P INPUT ACCEPT\n-N x\n-A INPUT -g x\n-A INPUT -j DROP\n-A x -p tcp -j DROP",
         Verdict.FAIL),
        ("-P INPUT DROP\n-N x\n-A INPUT -j x\n-A x -j x", Verdict.FAIL),
        # as iptables 1.8.9 prints them: conditions that every new connection meets
        ("-P INPUT DROP\n-A INPUT -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT", Verdict.FAIL),
        ("-P INPUT DROP\n-A INPUT -m state --state NEW -j ACCEPT", Verdict.FAIL),
        ("-P INPUT DROP\n-A INPUT -m state --state ESTABLISHED -j ACCEPT", Verdict.PASS),
        ("-P INPUT DROP\n-A INPUT -p tcp -j ACCEPT", Verdict.FAIL),
        ("-P INPUT DROP\n-A INPUT -p udp -m udp --sport 1024:65535 -j ACCEPT", Verdict.FAIL),
        ("-P INPUT DROP\n-A INPUT -p tcp -m tcp --dport 1:65535 -j ACCEPT", Verdict.FAIL),
        ("-P INPUT DROP\n-A INPUT -p tcp -m multiport --dports 22,1024:65535 -j ACCEPT",
         Verdict.FAIL),
        ("-P INPUT DROP\n-A INPUT -p tcp -m multiport --dports 22,80:90 -j ACCEPT", Verdict.PASS),
        ("-P INPUT DROP\n-A INPUT -p tcp -m tcp ! --dport 23 -j ACCEPT", Verdict.FAIL),
        ("-P INPUT DROP\n-A INPUT -m addrtype --dst-type LOCAL -j ACCEPT", Verdict.FAIL),
        ("-P INPUT DROP\n-A INPUT -m limit --limit 5/sec -j ACCEPT", Verdict.FAIL),
        ("-P INPUT ACCEPT\n-A INPUT -m limit --limit 5/sec -j DROP", Verdict.FAIL),
        ("-P INPUT DROP\n-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT",
         Verdict.FAIL),
        ("-P INPUT DROP\n-A INPUT -s 10.0.0.0/8 -j ACCEPT", Verdict.PASS),
        ("-P INPUT DROP\n-A INPUT -m recent --rcheck -j ACCEPT", Verdict.PASS),
        ("-P INPUT ACCEPT\n-A INPUT -p tcp -j DROP\n-A INPUT -p udp -j DROP", Verdict.PASS),
        ("-P INPUT ACCEPT\n-A INPUT -p tcp -j DROP", Verdict.FAIL),
    ],
)  # fmt: skip
def test_iptables_rules(rules: str, verdict: Verdict, answer: Make) -> None:
    ruleset = iptables_.parse_iptables4(answer(rules + "\n"))
    judgement = _judged(None, ruleset, None, OFF)
    assert judgement.verdict is verdict


def test_a_table_that_nft_keeps_is_not_present_to_iptables(answer: Make) -> None:
    said = b"iptables v1.8.9 (nf_tables): table `filter' is incompatible, use 'nft' tool.\n"
    assert isinstance(iptables_.parse_iptables4(answer("", said, 1)), Absent)
    with pytest.raises(ParseError):
        iptables_.parse_iptables4(answer("", b"Permission denied (you must be root)", 1))


def _nft(*expr: dict[str, Any], policy: str = "accept", hook: str = "input") -> str:
    place = {"family": "inet", "table": "t"}
    chain = {"chain": {**place, "name": "c", "hook": hook, "policy": policy}}
    rule = {"rule": {**place, "chain": "c", "expr": list(expr)}}
    return json.dumps({"nftables": [chain, rule]})


MATCH = {"match": {"op": "==", "left": {"meta": {"key": "iif"}}, "right": "lo"}}


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (_nft({"counter": {}}, {"drop": None}), Verdict.PASS),
        (_nft({"reject": {"type": "icmpx"}}), Verdict.PASS),
        (_nft(MATCH, {"drop": None}), Verdict.FAIL),
        (_nft({"vmap": {}}, {"drop": None}), Verdict.FAIL),
        (_nft({"limit": {}}, {"drop": None}), Verdict.FAIL),
        (_nft({"accept": None}, policy="drop"), Verdict.FAIL),
        (_nft(MATCH, {"drop": None}, policy=""), Verdict.FAIL),
        (_nft({"mangle": {}}, {"accept": None}, policy="drop"), Verdict.FAIL),
        (_nft(MATCH, {"accept": None}, policy="drop"), Verdict.PASS),
        (_nft(MATCH, {"accept": None}, policy="drop", hook="forward"), Verdict.FAIL),
    ],
)
def test_nft_rules(text: str, verdict: Verdict, answer: Make) -> None:
    ruleset = nft_.parse_nft(answer(text))
    assert _judged(ruleset, None, None, ON).verdict is verdict


# nft 1.0.6, `nft -j list ruleset` in a network namespace of its own, Debian 12, 2026-11-23:
# the left sides; tables and rules are put together here
def _is(left: dict[str, Any], right: Any, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": left, "right": right}}


CT = {"ct": {"key": "state"}}
L4 = {"meta": {"key": "l4proto"}}
NF = {"meta": {"key": "nfproto"}}
IN = {"meta": {"key": "iifname"}}
PORT = {"payload": {"protocol": "tcp", "field": "dport"}}
FROM = {"payload": {"protocol": "ip", "field": "saddr"}}
ACCEPT = {"accept": None}
DROP = {"drop": None}


@pytest.mark.parametrize(
    ("expr", "verdict"),
    [
        ((_is(CT, ["established", "new"], "in"), ACCEPT), Verdict.FAIL),
        ((_is(CT, ["established", "related"], "in"), ACCEPT), Verdict.PASS),
        ((_is(CT, "invalid", "!="), ACCEPT), Verdict.FAIL),
        ((_is(L4, {"set": ["tcp", "udp"]}), ACCEPT), Verdict.FAIL),
        ((_is(L4, "icmp"), ACCEPT), Verdict.PASS),
        ((_is(NF, "ipv6"), ACCEPT), Verdict.FAIL),
        ((_is(FROM, {"prefix": {"addr": "0.0.0.0", "len": 0}}), ACCEPT), Verdict.FAIL),
        ((_is(FROM, {"prefix": {"addr": "10.0.0.0", "len": 8}}), ACCEPT), Verdict.PASS),
        ((_is(PORT, {"range": [1, 65535]}), ACCEPT), Verdict.FAIL),
        ((_is(PORT, {"set": [22, {"range": [1024, 65535]}]}), ACCEPT), Verdict.FAIL),
        ((_is(PORT, {"set": [22, {"range": [60000, 61000]}]}), ACCEPT), Verdict.PASS),
        ((_is(PORT, 23, "!="), ACCEPT), Verdict.FAIL),
        ((_is({"fib": {"result": "type", "flags": ["daddr"]}}, "local"), ACCEPT), Verdict.FAIL),
        ((_is({"meta": {"key": "pkttype"}}, "host"), ACCEPT), Verdict.FAIL),
        ((_is({"payload": {"protocol": "tcp", "field": "flags"}}, "syn", "in"), ACCEPT),
         Verdict.FAIL),
        (({"limit": {"rate": 5, "per": "second"}}, ACCEPT), Verdict.FAIL),
        ((_is(IN, "eth9", "!="), ACCEPT), Verdict.FAIL),
        ((_is(IN, {"set": ["eth2", "eth3"]}), ACCEPT), Verdict.UNDETERMINED),
        (({"vmap": {"key": CT, "data": {"set": [["established", ACCEPT], ["new", ACCEPT]]}}},),
         Verdict.FAIL),
        (({"vmap": {"key": CT, "data": {"set": [["established", ACCEPT], ["new", DROP]]}}},),
         Verdict.PASS),
        (({"vmap": {"key": IN, "data": {"set": [["lo", ACCEPT], ["eth5", ACCEPT]]}}},),
         Verdict.UNDETERMINED),
    ],
)  # fmt: skip
def test_nft_rules_that_every_new_connection_meets(
    expr: tuple[dict[str, Any], ...], verdict: Verdict, answer: Make
) -> None:
    ruleset = nft_.parse_nft(answer(_nft(*expr, policy="drop")))
    assert _judged(ruleset, None, None, ON).verdict is verdict


def test_an_interface_in_a_trusted_zone_of_firewalld_settles_nothing(answer: Make) -> None:
    # invented after firewalld 1.2: zones are chains, the last rule is the default zone
    place = {"family": "inet", "table": "firewalld"}
    heads = [{"chain": {**place, "name": "filter_INPUT", "hook": "input", "policy": "drop"}},
             {"chain": {**place, "name": "trusted"}}]  # fmt: skip
    rules = [
        ("filter_INPUT", [_is(CT, ["established", "related"], "in"), ACCEPT]),
        ("filter_INPUT", [_is(IN, "eth0"), {"goto": {"target": "trusted"}}]),
        ("trusted", [ACCEPT]),
    ]
    made = [{"rule": {**place, "chain": chain, "expr": expr}} for chain, expr in rules]
    ruleset = nft_.parse_nft(answer(json.dumps({"nftables": [*heads, *made]})))
    judgement = _judged(ruleset, None, None, ON)
    assert judgement.verdict is Verdict.UNDETERMINED
    assert judgement.said[1].args["interfaces"] == ("eth0",)


# nft 1.0.6 on Debian 12 says "ip", 2026-11-23; later ones say what it is
@pytest.mark.parametrize("flags", ["ip", "dormant", ["dormant"]])
def test_a_dormant_table_filters_nothing(flags: str | list[str], answer: Make) -> None:
    document = json.loads(_nft(DROP, policy="drop"))
    document["nftables"].insert(0, {"table": {"family": "inet", "name": "t", "flags": flags}})
    ruleset = nft_.parse_nft(answer(json.dumps(document)))
    assert _judged(ruleset, None, None, ON).verdict is Verdict.FAIL


def test_a_ruleset_of_too_many_base_chains_is_not_read(answer: Make) -> None:
    chains = [
        {"chain": {"family": "inet", "table": "t", "name": f"c{i}", "hook": "input"}}
        for i in range(201)
    ]
    with pytest.raises(ParseError):
        nft_.parse_nft(answer(json.dumps({"nftables": chains})))


def test_what_iptables_shows_counts_where_nft_shows_words_only(answer: Make) -> None:
    # iptables-nft 1.8.9 with `-m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT`
    place = {"family": "ip", "table": "filter"}
    chain = {"chain": {**place, "name": "INPUT", "hook": "input", "policy": "drop"}}
    opaque = {"xt": {"type": "match", "name": "conntrack"}}
    rule = {"rule": {**place, "chain": "INPUT", "expr": [opaque, {"counter": {}}, ACCEPT]}}
    listed = nft_.parse_nft(answer(json.dumps({"nftables": [chain, rule]})))
    open_ = iptables_.parse_iptables4(
        answer("-P INPUT DROP\n-A INPUT -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT\n")
    )
    closed = iptables_.parse_iptables4(answer("-P INPUT DROP\n"))
    assert _judged(listed, open_, None, OFF).verdict is Verdict.FAIL
    assert _judged(listed, closed, None, OFF).verdict is Verdict.PASS
    assert _judged(listed, None, None, OFF).verdict is Verdict.UNDETERMINED


def test_rules_of_iptables_legacy_are_not_overlooked(answer: Make) -> None:
    warning = b"# Warning: iptables-legacy tables present, use iptables-legacy to see them\n"
    ruleset = iptables_.parse_iptables4(answer("-P INPUT ACCEPT\n", warning))
    assert _judged((), ruleset, None, OFF).verdict is Verdict.UNDETERMINED


@pytest.mark.parametrize(
    ("own", "verdict"),
    [({"eth0": "1"}, Verdict.PASS), ({"eth0": "0"}, Verdict.FAIL), ({"lo": "0"}, Verdict.PASS)],
)
def test_ipv6_that_is_on_on_one_interface_is_on(
    own: dict[str, str], verdict: Verdict, answer: Make
) -> None:
    values = OFF | {f"net/ipv6/conf/{name}/disable_ipv6": v for name, v in own.items()}
    ruleset = iptables_.parse_iptables4(answer("-P INPUT DROP\n"))
    assert _judged(None, ruleset, None, values).verdict is verdict
    assert kernel.ipv6_off(values) is (verdict is Verdict.PASS)


ETH = {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "eth0"}}


@pytest.mark.parametrize(
    ("text", "wide"),
    [
        (_nft(ETH, {"accept": None}, policy="drop"), ("eth0",)),
        (_nft(ETH, MATCH, {"accept": None}, policy="drop"), None),
        (_nft(ETH, {"drop": None}, policy="drop"), None),
    ],
)
def test_accepting_a_whole_interface_settles_nothing(
    text: str, wide: tuple[str, ...] | None, answer: Make
) -> None:
    judgement = _judged(nft_.parse_nft(answer(text)), None, None, ON)
    assert judgement.verdict is (Verdict.UNDETERMINED if wide else Verdict.PASS)
    assert not wide or judgement.said[1].args["interfaces"] == wide


@pytest.mark.parametrize(
    ("rules", "verdict"),
    [
        ("-P INPUT DROP\n-A INPUT -i eth0 -j ACCEPT", Verdict.UNDETERMINED),
        ("-P INPUT DROP\n-N x\n-A INPUT -p tcp -j x\n-A x -i eth0 -j ACCEPT",
         Verdict.UNDETERMINED),
        ("-P INPUT DROP\n-A FORWARD -i eth0 -j ACCEPT", Verdict.PASS),
        ("-P INPUT DROP\n-A INPUT -i lo -j ACCEPT", Verdict.PASS),
        ("-P INPUT DROP\n-A INPUT -i eth0 -p tcp -j ACCEPT", Verdict.UNDETERMINED),
        ("-P INPUT DROP\n-A INPUT -i eth0 -p tcp --dport 22 -j ACCEPT", Verdict.PASS),
        ("-P INPUT DROP\n-A INPUT ! -i lo -j ACCEPT", Verdict.FAIL),
        ("-P INPUT ACCEPT\n-A INPUT ! -i eth1 -j DROP", Verdict.UNDETERMINED),
        ("-P INPUT DROP\n-N t\n-A INPUT -i eth+ -g t\n-A t -j ACCEPT", Verdict.UNDETERMINED),
        ("-P INPUT DROP\n-N t\n-A INPUT -i eth0 -g t\n-A t -p icmp -j ACCEPT", Verdict.PASS),
        ("-P INPUT ACCEPT\n-A INPUT -i eth0 -j ACCEPT", Verdict.FAIL),
    ],
)  # fmt: skip
def test_iptables_accepts_a_whole_interface(rules: str, verdict: Verdict, answer: Make) -> None:
    ruleset = iptables_.parse_iptables4(answer(rules + "\n"))
    assert _judged(None, ruleset, None, OFF).verdict is verdict


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"nftables": [1]}', '{"nftables": "x"}',
                                  '{"nftables": [{"chain": {"family": 1}}]}',
                                  '{"nftables": [{"rule": {"expr": 5}}]}'])  # fmt: skip
def test_what_is_no_ruleset_is_refused(text: str, answer: Make) -> None:
    with pytest.raises(ParseError):
        nft_.parse_nft(answer(text))


def test_a_listener_is_told_without_words_of_one_language() -> None:
    listener = Listener(protocol="tcp", address="0.0.0.0", port=22, process="sshd")
    assert listener.text == "22/tcp 0.0.0.0 (sshd)"
