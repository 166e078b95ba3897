"""What turns a version or its suites down, and what settles nothing; the replies are invented."""

from __future__ import annotations

from typing import Any

import pytest

from audit_core.model import Absent, Reason, as_is
from audit_tls.facts import Endpoint, Support, parse_certificates, parse_endpoint, parse_trust
from audit_tls.report import Attempt, Ended
from audit_tls.suites import (
    SSL3,
    TLCP,
    TLS10,
    TLS11,
    TLS12,
    TLS13,
    exchange_of,
    in_offers,
    is_weak,
    suites_of,
)
from audit_tls.wire import Narrow
from invented.tls import GOOD, NULL, SPOKEN, WAYS, alert, attempt, endpoint, hello, report, support


def same(reply: bytes, ended: Ended, times: int, *, control: bool) -> tuple[Attempt, ...]:
    tried = tuple(attempt(TLS10, reply, ended) for _ in range(times))
    return (SPOKEN, *tried, *((SPOKEN,) if control else ()))


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        (same(alert(70), Ended.ANSWERED, 1, control=True), Support.NO),
        (same(alert(40), Ended.ANSWERED, 1, control=True), Support.NO),
        (same(alert(71), Ended.ANSWERED, 1, control=True), Support.NO),
        (same(alert(70), Ended.ANSWERED, 1, control=False), Support.UNSETTLED),
        (same(alert(40), Ended.ANSWERED, 2, control=False), Support.UNSETTLED),
        (same(alert(0, level=1), Ended.ANSWERED, 2, control=True), Support.UNSETTLED),
        (same(alert(10), Ended.ANSWERED, 2, control=True), Support.UNSETTLED),
        (same(alert(47), Ended.ANSWERED, 2, control=True), Support.UNSETTLED),
        (same(alert(49), Ended.ANSWERED, 2, control=True), Support.UNSETTLED),
        (same(alert(50), Ended.ANSWERED, 2, control=True), Support.UNSETTLED),
        (same(alert(112), Ended.ANSWERED, 2, control=True), Support.UNSETTLED),
        (same(alert(120), Ended.ANSWERED, 2, control=True), Support.UNSETTLED),
        (same(hello(SSL3, NULL), Ended.ANSWERED, 1, control=False), Support.NO),
        (same(hello(TLS10, 0x002F), Ended.ANSWERED, 1, control=False), Support.YES),
        (same(hello(TLS10, 0x002F), Ended.TIMED_OUT, 1, control=False), Support.YES),
        (same(hello(TLS12, GOOD), Ended.ANSWERED, 1, control=True), Support.UNSETTLED),
        (same(hello(TLS10, 0x1301), Ended.ANSWERED, 1, control=True), Support.UNSETTLED),
        (same(alert(80), Ended.ANSWERED, 1, control=True), Support.UNSETTLED),
        (same(alert(80), Ended.ANSWERED, 2, control=False), Support.UNSETTLED),
        (same(alert(80), Ended.ANSWERED, 2, control=True), Support.UNSETTLED),
        (same(b"", Ended.CLOSED, 1, control=True), Support.UNSETTLED),
        (same(b"", Ended.CLOSED, 2, control=False), Support.UNSETTLED),
        (same(b"", Ended.CLOSED, 2, control=True), Support.UNSETTLED),
        (same(b"", Ended.RESET, 2, control=True), Support.UNSETTLED),
        (same(b"\x16\x03", Ended.CLOSED, 2, control=True), Support.UNSETTLED),
        (same(b"", Ended.TIMED_OUT, 2, control=True), Support.UNSETTLED),
        (same(b"", Ended.REFUSED, 2, control=True), Support.UNSETTLED),
        (same(b"HTTP/1.1 400", Ended.NOT_TLS, 2, control=True), Support.UNSETTLED),
        (same(b"", Ended.CLOSED, 0, control=False), Support.UNSETTLED),
    ],
)
def test_support(attempts: tuple[Attempt, ...], expected: Support) -> None:
    assert support(endpoint(*attempts), "TLS 1.0") is expected


def test_a_refusal_says_nothing_where_what_is_taken_is_refused_too() -> None:
    refused, unsteady = attempt(TLS10, alert(70)), attempt(TLS12, alert(70))
    assert support(endpoint(SPOKEN, refused, SPOKEN), "TLS 1.0") is Support.NO
    for tried in ((refused, SPOKEN, unsteady), (unsteady, refused, SPOKEN)):
        assert support(endpoint(SPOKEN, *tried), "TLS 1.0") is Support.UNSETTLED


def test_trouble_of_the_server_counts_only_where_it_had_no_choice() -> None:
    by_way = {w: tuple(s for s in suites_of(TLS10) if exchange_of(s) == w) for w in WAYS}
    apart = [attempt(TLS10, alert(80), suites=suites) for suites in by_way.values()]
    assert support(endpoint(SPOKEN, *apart, SPOKEN), "TLS 1.0") is Support.NO
    assert support(endpoint(SPOKEN, *apart), "TLS 1.0") is Support.UNSETTLED
    assert support(endpoint(SPOKEN, *apart[1:], SPOKEN), "TLS 1.0") is Support.UNSETTLED


def test_a_narrow_offer_turns_down_nothing_else() -> None:
    for narrow in set(Narrow) - {Narrow.NO}:
        narrowed = attempt(TLS10, alert(40), narrow=narrow)
        assert support(endpoint(SPOKEN, narrowed, SPOKEN), "TLS 1.0") is Support.UNSETTLED


def test_what_settles_nothing_is_told() -> None:
    tried = (attempt(TLS10, b"", Ended.RESET), attempt(TLS10, alert(47)), attempt(TLS10, alert(47)))
    (version,) = (v for v in endpoint(SPOKEN, *tried).versions if v.name == "TLS 1.0")
    assert version.unsettling == ("closed", "alert 47")


@pytest.mark.parametrize("version", [SSL3, TLS10, TLS11, TLS12, TLS13, TLCP])
def test_offers_are_those_that_servers_bear(version: int) -> None:
    offers = in_offers(suites_of(version))
    assert sorted(s for offer in offers for s in offer) == sorted(suites_of(version))
    assert len(offers[0]) < 64  # with the signalling suite no more than 64
    assert all(len(offer) < 127 for offer in offers)


def test_a_refusal_of_some_suites_is_no_refusal_of_the_version() -> None:
    some = attempt(TLS10, alert(40), suites=(GOOD, NULL))
    assert support(endpoint(SPOKEN, some, SPOKEN), "TLS 1.0") is Support.UNSETTLED


def test_weak_suites_are_settled_only_when_each_was_answered() -> None:
    weak = tuple(s for s in suites_of(TLS12) if is_weak(s))
    refused = attempt(TLS12, alert(40), suites=weak)
    partly = attempt(TLS12, alert(40), suites=weak[1:])
    slow = attempt(TLS12, b"", Ended.TIMED_OUT, suites=weak)
    for last, settled in ((refused, True), (partly, False), (slow, False)):
        found = endpoint(SPOKEN, last, SPOKEN)
        (version,) = (v for v in found.versions if v.name == "TLS 1.2")
        assert (version.weak_settled, version.weak) == (settled, ())


WEAK = tuple(s for s in suites_of(TLS12) if is_weak(s))


def in_order(letters: str, version: int = TLS12) -> Endpoint:
    """D: weak suites dropped, T: in time, X: what was taken is dropped, C: it is taken again."""
    told = {
        "D": attempt(version, b"", Ended.CLOSED, suites=WEAK),
        "T": attempt(version, b"", Ended.TIMED_OUT, suites=WEAK),
        "X": attempt(TLS12, b"", Ended.CLOSED),
        "C": SPOKEN,
    }
    return endpoint(SPOKEN, *(told[letter] for letter in letters))


@pytest.mark.parametrize(
    ("letters", "settled"),
    [
        ("DCDDCC", True), ("DCDDDCC", True), ("CDCDDCCC", True),
        ("D", False), ("DC", False), ("DDCC", False), ("DCDC", False), ("DCDCDCDC", False),
        ("DCDDC", False), ("DCDDD", False), ("DDCDCC", False), ("DTDDCC", False),
        ("DCDTCC", False), ("DCDDCCX", False), ("XDCDDCC", False), ("DXDDCC", False),
        ("DDDDDD", False),
    ],
)  # fmt: skip
def test_drops_turn_down_suites_only_where_no_limit_can_be_why(letters: str, settled: bool) -> None:
    (found,) = (v for v in in_order(letters).versions if v.name == "TLS 1.2")
    assert (found.weak_settled, found.weak) == (settled, ())


def test_drops_never_turn_down_a_version() -> None:
    everything = attempt(TLS10, b"", Ended.CLOSED)
    tried = (everything, SPOKEN, everything, everything, SPOKEN, SPOKEN)
    assert support(endpoint(SPOKEN, *tried), "TLS 1.0") is Support.UNSETTLED


@pytest.mark.parametrize("parse", [parse_endpoint, parse_certificates, parse_trust])
def test_a_server_that_declines_starttls(parse: Any) -> None:
    declined = Attempt(version=TLS12, offered="", ended=Ended.DECLINED, detail=as_is("502 no"))
    for attempts, reason in (
        ((declined, declined), Reason.NOT_PRESENT),
        ((declined, attempt(TLS12, alert(40))), Reason.NOT_COLLECTED),
    ):
        found = parse(report(*attempts))
        assert isinstance(found, Absent)
        assert found.reason is reason
