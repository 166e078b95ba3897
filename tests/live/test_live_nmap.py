"""The port scan on real listeners of this machine, by the real nmap."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator

import pytest

import audit_nmap
from audit_core.collect import ask_prober
from audit_core.model import Answer, Kind, ObjectType, Probe, Reason, Target, Value, Verdict
from audit_nmap.checks import allowed_ports, no_high_risk_ports
from audit_nmap.facts import Ports, ask, parse_ports

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
        id="here", kind=Kind.HOST, object_type=ObjectType.SERVER, address=address,
        settings={"scan_ports": list(ports), **settings},
    )  # fmt: skip
    probe = ask(target)
    assert isinstance(probe, Probe)
    (prober,) = audit_nmap.dengbao_probers()
    assert str(probe.args["ports"]) in prober.describe(probe)
    reply = ask_prober(prober, probe)  # in a child process, as in a run
    assert (reply.reason, reply.truncated) == (None, False)
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
    for judged in (allowed_ports.judge(found, target), no_high_risk_ports.judge(found)):
        assert judged.verdict is Verdict.UNDETERMINED
        assert "own machine" in judged.said[0].id


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
    (prober,) = audit_nmap.dengbao_probers()
    args: dict[str, Value] = {"address": "127.0.0.1", "ports": "1-65535", "max_rate": 10}
    reply = ask_prober(prober, Probe(prober="ports", args=args, timeout_s=2))
    assert reply.reason is Reason.TIMED_OUT or b'timedout="true"' in reply.stdout
