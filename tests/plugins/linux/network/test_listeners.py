"""Which ports are listened on, and whether they may be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from audit_core.api.testkit import whole
from audit_core.model import Absent, Answer, ParseError, Reason, Target, Verdict
from audit_linux.network import listeners
from audit_linux.network.listeners import Listener
from audit_linux.processes import Process

Make = Callable[..., Answer]
Read = Callable[[str], Answer]
MakeTarget = Callable[..., Target]
INIT = Process(pid=1, uid=0, name="init")


def test_sockets_of_a_recording(recorded: Read) -> None:
    found = whole(listeners.parse_ss(recorded("listeners-ss")))
    assert not isinstance(found, Absent)
    assert {i.number for i in found if not i.loopback} == {"111/udp", "22/tcp", "8080/tcp"}
    assert {i.number for i in found if i.loopback} == {"53/udp", "68/udp", "6379/tcp", "631/tcp"}


def test_sockets_where_ss_is_missing(recorded: Read) -> None:
    found = whole(listeners.parse_tables(recorded("listeners-proc")))
    assert {i.number for i in found if not i.loopback} == {"22/tcp", "8080/tcp", "111/udp"}
    assert {i.number for i in found if i.loopback} == {"6379/tcp", "631/tcp", "53/udp"}


def test_an_established_connection_does_not_listen(recorded: Read, answer: Make) -> None:
    text = recorded("listeners-proc").text.replace("0000 0A", "0000 01")
    found = whole(listeners.parse_tables(answer(text)))
    assert {i.number for i in found} == {"53/udp", "111/udp"}


def test_an_ss_that_lists_nothing_leaves_it_to_the_kernel_s_tables(answer: Make) -> None:
    for given in (answer(""), answer("", b"ss: invalid option -- 'H'\n", 255)):
        got = listeners.parse_ss(given)
        assert isinstance(got, Absent)
        assert got.reason is Reason.UNSUPPORTED


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
    (found,) = whole(listeners.parse_ss(answer(f"{line}\n")))
    assert (found.number, found.address, found.loopback) == (number, address, loopback)


def test_what_is_no_list_of_sockets_is_refused(answer: Make) -> None:
    for text in ("tcp LISTEN", "Netid State Recv-Q\n", "tcp LISTEN 0 1 0.0.0.0:70000 0.0.0.0:*\n"):
        with pytest.raises(ParseError):
            listeners.parse_ss(answer(text))
    for text in ("", "/proc/net/udp:  sl\n", "/proc/net/tcp:  0: zz\n", "tcp\n"):
        with pytest.raises(ParseError):
            listeners.parse_tables(answer(text))


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
