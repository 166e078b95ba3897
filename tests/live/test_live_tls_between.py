"""Limits and devices between the prober and a real server never change a verdict."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import time
from collections.abc import Callable, Iterator

import pytest

from audit_core.model import Verdict
from audit_tls import hellos, questions
from audit_tls.attempt_results import accepted_suite
from audit_tls.outcomes import taken_in
from audit_tls.questions import Asker
from audit_tls.report import Ended, Outcome, Stopped, TlsAddress
from audit_tls.suites import TLS10, TLS11, TLS12
from live.tls_servers import Material, Rule, between, judge, peer, relay, s_server, verdicts

pytestmark = pytest.mark.live

P, F, U = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return Material(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def bad(material: Material) -> Iterator[int]:
    """A server that speaks TLS 1.0 and 1.1, takes 3DES-like old suites and has a weak key."""
    cipher = (
        "AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256:ADH-AES128-SHA:@SECLEVEL=0"
    )
    with s_server(material, material.expired, "-cipher", cipher, "-serverpref") as port:
        yield port


@pytest.fixture(scope="module")
def seen(bad: int) -> dict[str, Verdict]:
    """What is seen of the server with nothing between."""
    found = verdicts(judge(bad))
    assert {id for id, v in found.items() if v is F} == {
        "no-old-versions", "no-weak-suites", "certificate-valid", "key-strength",
        "certificate-trusted", "key-exchange-signature", "forward-secrecy",
    }  # fmt: skip
    return found


# --- what may come in place of an answer ----------------------------------------------------------


def alert(number: int) -> bytes:
    return struct.pack(">BHHBB", 21, 0x0303, 2, 2, number)


def close(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def version_of(hello: bytes) -> int:
    """The version a hello offers, RFC 8446 4.2.1 or the one in its body."""
    return 0x0304 if b"\0\x2b\0\3\2\3\4" in hello else int.from_bytes(hello[9:11], "big")


def suites_in(hello: bytes) -> int:
    at = 43 + 1 + hello[43]
    return int.from_bytes(hello[at : at + 2], "big") // 2


Act = bytes | Callable[[socket.socket], None]
WAYS: dict[str, Act] = {
    "closed": close, "reset": reset, "handshake_failure": alert(40), "internal_error": alert(80),
    "protocol_version": alert(70), "access_denied": alert(49), "illegal_parameter": alert(47),
    "close_notify": struct.pack(">BHHBB", 21, 0x0303, 2, 1, 0),
}  # fmt: skip
SAYS_NOTHING = ("access_denied", "illegal_parameter")


def other(found: dict[str, Verdict], seen: dict[str, Verdict]) -> set[str]:
    """The checks that are settled, and otherwise than when nothing is between."""
    return {id for id, v in found.items() if v not in (U, seen[id])}


# of what hangs on versions that nobody heard of; a weak suite that was seen fails all the same
OPEN = {"no-old-versions": U, "fallback-signal": U}


@pytest.mark.parametrize("way", ["closed", "reset", "close_notify"])
def test_old_versions_that_are_dropped(way: str, bad: int, seen: dict[str, Verdict]) -> None:
    """As Windows does: dropped each time, between handshakes that are accepted."""
    rule: Rule = lambda _, hello: WAYS[way] if version_of(hello) < 0x0303 else None  # noqa: E731
    with between(bad, rule) as port:
        judged = judge(port)
    assert verdicts(judged) == seen | {"no-old-versions": P}
    reported = {d.id for d in judged["tls.no-old-versions"].detail}
    assert any("each time" in id for id in reported)


@pytest.mark.parametrize("way", SAYS_NOTHING)
def test_a_device_that_drops_old_versions(way: str, bad: int, seen: dict[str, Verdict]) -> None:
    """What drops is not the server: whether it speaks them to others did not come out."""
    rule: Rule = lambda _, hello: WAYS[way] if version_of(hello) < 0x0303 else None  # noqa: E731
    with between(bad, rule) as port:
        found = verdicts(judge(port))
    assert found == seen | OPEN


def test_a_device_that_swallows_old_versions(bad: int, seen: dict[str, Verdict]) -> None:
    """Three silences in a row are no reason to give up on what is spoken."""

    def rule(number: int, hello: bytes) -> Callable[[socket.socket], None] | None:
        return (lambda _: None) if version_of(hello) < 0x0303 else None

    with between(bad, rule) as port:
        found = verdicts(judge(port, silences=True))
    assert found == seen | OPEN


@pytest.mark.parametrize("most", [64, 127])
def test_a_server_that_rejects_large_hellos(most: int, bad: int, seen: dict[str, Verdict]) -> None:
    rule: Rule = lambda _, hello: alert(40) if suites_in(hello) > most else None  # noqa: E731
    with between(bad, rule) as port:
        assert verdicts(judge(port)) == seen


@pytest.mark.parametrize("way", ["closed", "reset"])
def test_connections_that_are_lost_now_and_then(
    way: str, bad: int, seen: dict[str, Verdict]
) -> None:
    """One in ten, by chance: what was lost is asked again."""
    chance = random.Random(way)
    rule: Rule = lambda _, __: WAYS[way] if chance.random() < 0.1 else None  # noqa: E731
    with between(bad, rule) as port:
        assert verdicts(judge(port)) == seen


def test_answers_that_never_come_now_and_then(
    bad: int, seen: dict[str, Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hellos, "_EACH_S", 0.3)
    monkeypatch.setattr(hellos, "_FIRST_S", 0.3)
    chance = random.Random(3)
    rule: Rule = lambda _, __: (lambda _: None) if chance.random() < 0.1 else None  # noqa: E731
    with between(bad, rule) as port:
        report = Asker(TlsAddress(address="127.0.0.1", port=port, name="localhost"), 240, 120)
        found = report.report()
    assert found.stopped is Stopped.NO
    assert all(taken_in(found, version) for version in (TLS10, TLS11, TLS12))
    assert all(t.outcome is Outcome.UNTRUSTED and t.chain for t in found.trusts)


def _sample(pytestconfig: pytest.Config, values: tuple[int, ...], way: str) -> tuple[int, ...]:
    """All of `values` with --all; else every second of them, of the ways in turn."""
    if pytestconfig.getoption("all"):
        return values
    return values[[*WAYS].index(way) % 2 :: 2]


@pytest.mark.parametrize("way", WAYS)
def test_a_limit_after_some_connections(
    way: str, bad: int, seen: dict[str, Verdict], pytestconfig: pytest.Config
) -> None:
    for most in _sample(pytestconfig, (1, 3, 8, 20), way):
        rule: Rule = lambda n, _, most=most: WAYS[way] if n >= most else None  # type: ignore[misc]  # noqa: E731
        with between(bad, rule) as port:
            assert not other(verdicts(judge(port)), seen), most


@pytest.mark.parametrize("every", [2, 3])
@pytest.mark.parametrize("way", ["closed", "access_denied", "handshake_failure", "internal_error"])
def test_a_limit_that_lets_some_through(
    way: str, every: int, bad: int, seen: dict[str, Verdict], pytestconfig: pytest.Config
) -> None:
    """Were a drop a refusal, a limit at half the pace would turn down each other version."""
    for open_ in _sample(pytestconfig, (every % 2, (every + 1) % 2), way):
        rule: Rule = lambda n, _, o=open_: WAYS[way] if (n % every != 0) == o else None  # type: ignore[misc]  # noqa: E731
        with between(bad, rule) as port:
            assert not other(verdicts(judge(port)), seen)


def test_a_limit_on_connections_at_a_time_is_waited_for(
    bad: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four connections in 0.4 s, and the rest is reset: all is asked anew, slowly enough."""
    monkeypatch.setattr(questions, "_LIMIT_S", 0.5)
    monkeypatch.setattr(hellos, "_GAP_S", 0.15)
    begun: list[float] = []

    def rule(_: int, __: bytes) -> Callable[[socket.socket], None] | None:
        begun.append(time.monotonic())
        return reset if sum(begun[-1] - at < 0.4 for at in begun) > 4 else None

    with between(bad, rule) as port:
        report = Asker(TlsAddress(address="127.0.0.1", port=port), 240, 120).report()
    assert report.stopped is Stopped.NO
    assert {a.ended for a in report.attempts if accepted_suite(a) is not None} == {Ended.ANSWERED}
    assert all(taken_in(report, version) for version in (TLS10, TLS11, TLS12))
    assert not any(a.ended is Ended.RESET for a in report.attempts)


def test_a_server_that_answers_nobody_without_its_name(bad: int, seen: dict[str, Verdict]) -> None:
    rule: Rule = lambda _, hello: None if b"localhost" in hello else alert(112)  # noqa: E731
    with between(bad, rule) as port:
        assert verdicts(judge(port)) == seen
        assert set(verdicts(judge(port, server_name="")).values()) == {U}


def test_servers_behind_one_address_that_are_set_up_in_different_ways(material: Material) -> None:
    """A balancer hands each connection to the next of them."""
    signed = ("-sigalgs", "ECDSA+SHA256:ECDSA+SHA1")
    strict = ("-no_tls1", "-no_tls1_1", "-cipher", "ECDHE+AESGCM", *signed)
    older = ("-cipher", "ECDHE:@SECLEVEL=0", *signed)
    open_ = ("-no_tls1", "-no_tls1_1", "-cipher", "ECDHE+AESGCM:aNULL:@SECLEVEL=0", *signed)
    for options, check in (
        ((strict, strict, older), "no-old-versions"),
        ((strict, open_), "no-weak-suites"),
    ):
        with contextlib.ExitStack() as stack:
            ports = [stack.enter_context(s_server(material, material.good, *o)) for o in options]

            def next_of(connection: socket.socket, number: int, ports: list[int] = ports) -> None:
                relay(connection, ports[number % len(ports)])

            found = verdicts(judge(stack.enter_context(peer(next_of))))
        assert found[check] is F, options
