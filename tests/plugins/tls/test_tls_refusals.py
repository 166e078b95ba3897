"""What turns a version or its suites down, and what settles nothing; the replies are invented."""

from __future__ import annotations

from typing import Any

import pytest

from audit_core.model import Absent, Reason, Verdict, as_is
from audit_tls.certificates import parse_certificates, parse_trust
from audit_tls.endpoint import Endpoint, Support, parse_endpoint
from audit_tls.report import Attempt, Ended
from audit_tls.speaks_tls import Spoken, parse_spoken
from audit_tls.suites import (
    SSL3,
    TLCP,
    TLS10,
    TLS11,
    TLS12,
    TLS13,
    common_without_secrecy,
    exchange_of,
    has_forward_secrecy,
    in_offers,
    is_weak,
    suite_name,
    suites_of,
)
from audit_tls.version_checks import offered
from audit_tls.wire import HelloSubset
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


def test_a_rejection_settles_nothing_where_an_accepted_version_is_rejected_too() -> None:
    refused, unsteady = attempt(TLS10, alert(70)), attempt(TLS12, alert(70))
    assert support(endpoint(SPOKEN, refused, SPOKEN), "TLS 1.0") is Support.NO
    for tried in ((refused, SPOKEN, unsteady), (unsteady, refused, SPOKEN)):
        assert support(endpoint(SPOKEN, *tried), "TLS 1.0") is Support.UNSETTLED


def test_what_is_lost_or_dropped_by_chance_says_nothing_against_an_alert() -> None:
    refused, lost = attempt(TLS10, alert(70)), attempt(TLS12, b"", Ended.RESET)
    assert support(endpoint(SPOKEN, refused, lost, SPOKEN), "TLS 1.0") is Support.NO
    unheard = attempt(TLS12, b"", Ended.TIMED_OUT)
    dropped = attempt(TLS10, b"", Ended.CLOSED)
    tried = (dropped, unheard, SPOKEN, dropped, unheard, dropped, SPOKEN, SPOKEN)
    assert support(endpoint(SPOKEN, *tried), "TLS 1.0") is Support.NO


def test_preference_needs_one_offer_of_suites_with_and_without_secrecy() -> None:
    forward = tuple(s for s in suites_of(TLS12) if has_forward_secrecy(s))
    plain = tuple(sorted(common_without_secrecy(TLS12)))
    alone = attempt(TLS12, hello(TLS12, forward[0]), suites=forward)
    for more, expected in (
        (attempt(TLS12, hello(TLS12, plain[0]), suites=plain), None),
        (attempt(TLS12, alert(40), suites=plain), ""),
        (attempt(TLS12, hello(TLS12, forward[0]), suites=(*forward, *plain)), ""),
        (attempt(TLS12, hello(TLS12, plain[0]), suites=(*forward, *plain)), suite_name(plain[0])),
    ):
        found = endpoint(alone, more, alone)
        assert [v.preferred for v in found.versions if v.name == "TLS 1.2"] == [expected]


def test_internal_errors_reject_a_version_only_if_every_offer_had_one() -> None:
    by_way = {w: tuple(s for s in suites_of(TLS10) if exchange_of(s) == w) for w in WAYS}
    apart = [attempt(TLS10, alert(80), suites=suites) for suites in by_way.values()]
    assert support(endpoint(SPOKEN, *apart, SPOKEN), "TLS 1.0") is Support.NO
    assert support(endpoint(SPOKEN, *apart), "TLS 1.0") is Support.UNSETTLED
    assert support(endpoint(SPOKEN, *apart[1:], SPOKEN), "TLS 1.0") is Support.UNSETTLED


def test_a_rejected_subset_rejects_no_version() -> None:
    for narrow in set(HelloSubset) - {HelloSubset.NO}:
        narrowed = attempt(TLS10, alert(40), narrow=narrow)
        assert support(endpoint(SPOKEN, narrowed, SPOKEN), "TLS 1.0") is Support.UNSETTLED


def test_what_settles_nothing_is_told() -> None:
    tried = (attempt(TLS10, b"", Ended.RESET), attempt(TLS10, alert(47)), attempt(TLS10, alert(47)))
    (version,) = (v for v in endpoint(SPOKEN, *tried).versions if v.name == "TLS 1.0")
    assert version.unsettling == ("reset", "alert 47")


@pytest.mark.parametrize("version", [SSL3, TLS10, TLS11, TLS12, TLS13, TLCP])
def test_offers_stay_below_the_size_that_servers_accept(version: int) -> None:
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
    reported = {
        "D": attempt(version, b"", Ended.CLOSED, suites=WEAK),
        "T": attempt(version, b"", Ended.TIMED_OUT, suites=WEAK),
        "X": attempt(TLS12, b"", Ended.CLOSED),
        "C": SPOKEN,
    }
    return endpoint(SPOKEN, *(reported[letter] for letter in letters))


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
def test_drops_reject_suites_only_where_no_limit_explains_them(letters: str, settled: bool) -> None:
    (found,) = (v for v in in_order(letters).versions if v.name == "TLS 1.2")
    assert (found.weak_settled, found.weak) == (settled, ())


@pytest.mark.parametrize(
    ("reply", "ended", "reported"),
    [(b"", Ended.CLOSED, "closed"), (b"", Ended.RESET, "reset"),
     (alert(0, level=1), Ended.ANSWERED, "closed"), (b"", Ended.TIMED_OUT, "")],
)  # fmt: skip
def test_drops_turn_down_a_version_in_the_same_order_only(
    reply: bytes, ended: Ended, reported: str
) -> None:
    drop = attempt(TLS10, reply, ended)
    found = endpoint(SPOKEN, drop, SPOKEN, drop, drop, SPOKEN, SPOKEN)
    (version,) = (v for v in found.versions if v.name == "TLS 1.0")
    assert (version.support, version.dropped) == (
        Support.NO if reported else Support.UNSETTLED,
        reported,
    )
    for tried in ((drop, drop, SPOKEN, SPOKEN), (drop, SPOKEN) * 4, (drop,) * 6):
        assert support(endpoint(SPOKEN, *tried), "TLS 1.0") is Support.UNSETTLED
    part = attempt(TLS10, reply, ended, suites=suites_of(TLS10)[1:])
    found = endpoint(SPOKEN, part, SPOKEN, part, part, SPOKEN, SPOKEN)
    assert support(found, "TLS 1.0") is Support.UNSETTLED


def test_a_suite_that_was_not_offered_turns_nothing_down_and_is_told() -> None:
    asked = tuple(s for s in suites_of(TLS12) if is_weak(s) and s != NULL)
    odd = attempt(TLS12, hello(TLS12, NULL), suites=asked)
    (version,) = (v for v in endpoint(SPOKEN, odd, SPOKEN).versions if v.name == "TLS 1.2")
    assert (version.weak, version.weak_settled) == (("TLS_RSA_WITH_NULL_MD5",), False)
    assert version.unsettling == ("suite 0001",)
    assert NULL not in {s for s in suites_of(TLS12) if suite_name(s) in version.accepted}


def test_a_hello_that_falls_back_shows_the_older_version() -> None:
    fallen = attempt(TLS11, hello(TLS10, 0x002F))
    found = endpoint(SPOKEN, fallen, SPOKEN)
    assert support(found, "TLS 1.0") is Support.YES
    assert support(found, "TLS 1.1") is Support.NO


def spoken(*attempts: Attempt) -> Spoken:
    return parse_spoken(report(*attempts))


def test_only_what_encrypts_and_authenticates_protects() -> None:
    assert spoken(SPOKEN).protects is True
    for suite in (0x0001, 0x0003, 0x0034, 0xC006, 0xC019):  # NULL, EXPORT, anonymous
        taken = attempt(TLS12, hello(TLS12, suite), suites=(suite,))
        rest = tuple(s for s in suites_of(TLS12) if s != suite)
        turned = [attempt(v, alert(70)) for v in (SSL3, TLS10, TLS11, TLS13, TLCP)]
        none = attempt(TLS12, alert(40), suites=rest)
        assert spoken(taken).protects is None
        assert spoken(taken, none, *turned, taken).protects is False


def plain(words: bytes, times: int = 3) -> tuple[Attempt, ...]:
    return (attempt(TLS12, words, Ended.NOT_TLS),) * times


def test_what_answers_in_place_of_tls() -> None:
    http = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    cases = {
        http: Verdict.FAIL,
        b"<html><head>": Verdict.FAIL,
        b"-ERR unknown command\r\n": Verdict.FAIL,
        b"\xff\xfd\x18\xff\xfd\x20": Verdict.FAIL,
        mysql(0xF7FF): Verdict.FAIL,
        mysql(0xFFFF): Verdict.UNDETERMINED,
        b"220 mail ESMTP\r\n": Verdict.UNDETERMINED,
        b"SSH-2.0-OpenSSH_9.2\r\n": Verdict.UNDETERMINED,
    }
    for words, verdict in cases.items():
        assert offered.judge(spoken(*plain(words))).verdict is verdict, words
        missing = parse_endpoint(report(*plain(words)))
        assert isinstance(missing, Absent)
        assert missing.reason is Reason.NOT_PRESENT
    for mixed in ((*plain(http), SPOKEN), plain(http, 1), (*plain(http, 1), *plain(b"junk"))):
        assert offered.judge(spoken(*mixed)).verdict is Verdict.UNDETERMINED


def mysql(flags: int) -> bytes:
    """The greeting of Protocol::HandshakeV10, with the lower capability flags."""
    body = b"\x0a8.0.36\0" + bytes(4) + b"12345678\0" + flags.to_bytes(2, "little") + bytes(30)
    return len(body).to_bytes(3, "little") + b"\0" + body


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
