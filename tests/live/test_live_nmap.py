"""The port scan on real listeners of this machine, by the real nmap."""

from __future__ import annotations

import os
import re
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from audit_core.api.sdk import Absent, Reason, msg
from audit_core.model import Answer, Status, Target, Verdict
from audit_nmap import probe as prober
from audit_nmap.checks import allowed_ports, no_high_risk_ports
from audit_nmap.facts import Ports, ask, parse_ports
from audit_nmap.offers import CONNECTORS
from audit_nmap.ports import ranges
from audit_nmap.request import PortScan
from audit_nmap.scan import SecondCheck
from core.fakes import ask_isolated

pytestmark = pytest.mark.live


@pytest.fixture(autouse=True)
def nmap_is_here() -> None:
    if shutil.which("nmap") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("nmap is not installed, and in CI nothing is skipped")
        pytest.skip("nmap is not installed")


@pytest.fixture
def listeners() -> Iterator[tuple[int, int, int]]:
    """Two ports with a listener and one that is bound without: it refuses."""
    sockets = [socket.socket() for _ in range(3)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    for one in sockets[:2]:
        one.listen()
    first, second, third = (s.getsockname()[1] for s in sockets)
    yield first, second, third
    for one in sockets:
        one.close()


def scan(address: str, ports: tuple[int, ...], **settings: object) -> tuple[Target, Ports]:
    target = Target(
        id="here", kind="host", object_type="server", address=address,
        settings={"scan_ports": list(ports), **settings},
    )  # fmt: skip
    probe = ask(target)
    assert isinstance(probe, PortScan)
    assert probe.ports in probe.describe()
    reply = ask_isolated(CONNECTORS[0], probe)  # in a child process, as in a run
    assert (reply.status, reply.truncated) == (Status.ANSWERED, False)
    answer = Answer(
        stdout=reply.stdout, stderr=reply.stderr, exit_code=0, truncated=False,
        collected_at="2026-11-23T12:00:00+00:00", target=target,
    )  # fmt: skip
    found = parse_ports(answer)
    assert isinstance(found, Ports)
    return target, found


def test_open_and_closed_ports(listeners: tuple[int, int, int]) -> None:
    first, second, third = listeners
    _, found = scan("127.0.0.1", listeners)
    assert found.open == {first, second}
    assert found.closed == {third}
    assert (found.silent, found.source) == (frozenset(), "127.0.0.1")


def test_a_scan_of_ones_own_machine_settles_nothing(listeners: tuple[int, int, int]) -> None:
    target, found = scan("127.0.0.1", listeners, allowed_ports=[])
    unread = Absent(reason=Reason.NOT_PERMITTED, detail=msg("closed"))
    for judged in (
        allowed_ports.judge(found, unread, target), no_high_risk_ports.judge(found, unread, target)
    ):  # fmt: skip
        assert judged.verdict is Verdict.UNDETERMINED
        assert "own machine" in judged.detail[0].id


def test_over_ipv6() -> None:
    with socket.socket(socket.AF_INET6) as listener:
        try:
            listener.bind(("::1", 0))
        except OSError as error:
            if os.environ.get("CI") == "true":
                pytest.fail(f"no IPv6 on loopback: {error}")
            pytest.skip(f"no IPv6 on loopback: {error}")
        listener.listen()
        port = listener.getsockname()[1]
        _, found = scan("::1", (port,))
    assert found.open == {port}


def test_many_ports_are_summed_up() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        span = tuple(range(max(1024, port - 150), min(65535, port + 150)))
        _, found = scan("127.0.0.1", span)
    assert port in found.open
    assert found.scanned == set(span)


def test_a_scan_that_takes_too_long_is_timed_out() -> None:
    asked = PortScan(address="127.0.0.1", ports="1-65535", again="", max_rate=10, timeout_s=2)
    reply = ask_isolated(CONNECTORS[0], asked)
    assert reply.status is Status.TIMED_OUT or b'timedout="true"' in reply.stdout


# --- a scan that was wrong ------------------------------------------------------------------------
#
# What nmap told wrongly was seen between two network namespaces on Debian 12 with nmap 7.93: a
# firewall that rejects with ICMP (`iptables -j REJECT`) made ports open that nobody listened on,
# and one that resets beyond 20 connections a second (`-m limit`, `--reject-with tcp-reset`) made
# open ones closed. Here a program of the test tells such scans, and the second look is real.


def telling(folder: Path, states: dict[int, str]) -> None:
    """A program `nmap` in `folder` that tells these states, in the words of the real one."""
    ports = "".join(
        f'<port protocol="tcp" portid="{p}"><state state="{state}" reason="x"/></port>'
        for p, state in states.items()
    )
    xml = (
        f'<nmaprun scanner="nmap" args="x" version="7.93"><scaninfo type="connect" protocol="tcp"'
        f' numservices="{len(states)}" services="{ranges(states)}"/><host><status state="up"'
        f' reason="user-set"/><address addr="127.0.0.1" addrtype="ipv4"/><ports>{ports}</ports>'
        f'</host><runstats><finished time="1" timestr="x" elapsed="1" exit="success" summary="x"/>'
        f'<hosts up="1" down="0" total="1"/></runstats></nmaprun>'
    )
    (folder / "told.xml").write_text(xml)
    script = "#!/bin/sh\n[ $1 = -V ] && echo 'Nmap version 7.93 ( https://nmap.org )' || "
    (folder / "nmap").write_text(f"{script}cat {folder}/told.xml\n")
    (folder / "nmap").chmod(0o755)


@pytest.fixture
def wrongly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[int, str]], None]:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return lambda states: telling(tmp_path, states)


def test_told_open_and_nobody_listens(
    listeners: tuple[int, int, int], wrongly: Callable[[dict[int, str]], None]
) -> None:
    first, second, third = listeners
    wrongly({first: "open", second: "closed", third: "open"})
    _, found = scan("127.0.0.1", listeners)
    assert (set(found.open), set(found.unconfirmed)) == ({first}, {third})
    assert (set(found.closed), set(found.silent), found.limited) == ({second}, {third}, False)


def test_told_closed_and_somebody_listens(
    listeners: tuple[int, int, int], wrongly: Callable[[dict[int, str]], None]
) -> None:
    first, second, third = listeners
    wrongly({first: "open", second: "closed", third: "closed"})
    _, found = scan("127.0.0.1", listeners, allowed_ports=[second])
    assert (set(found.open), set(found.contradicted)) == ({first, second}, {second})
    assert (set(found.closed), set(found.silent)) == (set(), {third})  # closed no longer counts


def test_a_host_on_which_nmap_gives_up(
    listeners: tuple[int, int, int], wrongly: Callable[[dict[int, str]], None], tmp_path: Path
) -> None:
    """As nmap 7.93 tells of a host behind a filter after --host-timeout: no port at all."""
    first, _, third = listeners
    wrongly(dict.fromkeys(listeners, "open"))
    xml = (tmp_path / "told.xml").read_text()
    whole = re.sub(r"<ports>.*</ports>", "", xml).replace("<host>", '<host timedout="true">')
    (tmp_path / "told.xml").write_text(whole)
    target, found = scan("127.0.0.1", listeners, allowed_ports=[first, third])
    assert (set(found.open), set(found.silent), found.timed_out) == ({first}, {third}, True)
    elsewhere = msgspec.structs.replace(found, source="127.0.0.9", address="192.0.2.8")
    silent = Absent(reason=Reason.NOT_PERMITTED, detail=msg("closed"))
    for declared, verdict in (([first], Verdict.UNDETERMINED), ([third], Verdict.FAIL)):
        other = msgspec.structs.replace(target, settings={"allowed_ports": declared})
        assert allowed_ports.judge(elsewhere, silent, other).verdict is verdict
    risky = frozenset({str(first)})
    assert (
        no_high_risk_ports.judge(elsewhere, silent, target, high_risk=risky).verdict is Verdict.FAIL
    )


def test_open_but_not_at_the_pace_of_the_scan(
    listeners: tuple[int, int, int], wrongly: Callable[[dict[int, str]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """One connection of the quick ones is lost, as a limit on the way would lose it."""
    first, second, third = listeners
    wrongly({first: "open", second: "closed", third: "closed"})
    calls, really = iter(range(1000)), prober._answers
    monkeypatch.setattr(prober, "_answers", lambda *at: next(calls) != 3 and really(*at))
    asked = PortScan(
        address="127.0.0.1", ports=ranges(listeners), again=str(third), max_rate=9, timeout_s=60
    )
    reply = prober.scanned(asked)
    second_look = msgspec.json.decode(reply.stderr, type=SecondCheck)
    assert (second_look.answered, second_look.unanswered) == (str(first), str(third))
    assert second_look.limited


def test_a_port_that_answers_late_is_open(wrongly: Callable[[dict[int, str]], None]) -> None:
    """A server whose queue is full drops what comes, until it takes connections again."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as busy, socket.socket() as waiting:
        port = busy.getsockname()[1]
        waiting.connect(("127.0.0.1", port))
        timer = threading.Timer(1.5, lambda: busy.accept()[0].close())
        wrongly({port: "filtered", 6379: "closed"})
        timer.start()
        _, found = scan("127.0.0.1", (port, 6379), allowed_ports=[f"{port}/tcp"])
        timer.join()
    assert (set(found.open), set(found.late), set(found.closed)) == ({port}, {port}, {6379})
