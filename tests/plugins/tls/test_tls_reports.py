"""TLS reports become facts by their bytes; the replies here are invented, byte by byte."""

from __future__ import annotations

import base64

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_core.model import Absent, ParseError, Reason
from audit_core.store.redact import redact
from audit_tls.certificates import Certificates, parse_certificates, parse_trust
from audit_tls.endpoint import Endpoint, Support, parse_endpoint
from audit_tls.report import Attempt, Ended, Report
from audit_tls.suites import (
    SSL3,
    TLCP,
    TLS10,
    TLS11,
    TLS12,
    TLS13,
    is_elliptic,
    is_finite_field,
    suites_of,
)
from audit_tls.wire import HelloSubset
from invented.tls import (
    DER,
    DHE,
    DHE_PSK,
    ECDHE_PSK,
    GOOD,
    NULL,
    SPOKEN,
    alert,
    answer,
    attempt,
    chain,
    endpoint,
    hello,
    message,
    record,
    report,
    support,
)


def test_weak_suite_seen() -> None:
    found = endpoint(SPOKEN, attempt(TLS12, hello(TLS12, NULL), suites=(NULL,)))
    (version,) = (v for v in found.versions if v.name == "TLS 1.2")
    assert version.weak == ("TLS_RSA_WITH_NULL_MD5",)
    assert version.forward is True


def test_tls13_and_its_group() -> None:
    found = endpoint(attempt(TLS13, hello(TLS13, 0x1301)))
    assert support(found, "TLS 1.3") is Support.YES
    assert found.groups == ("x25519",)


def test_prime_of_the_key_exchange() -> None:
    prime = (1 << 1023 | 1).to_bytes(128, "big")
    share = message(12, b"\0\x80" + prime)
    found = endpoint(attempt(TLS12, hello(TLS12, DHE) + record(22, share)))
    assert found.prime_bits == (1024,)


@pytest.mark.parametrize(
    ("suite", "hint", "groups", "primes"),
    [
        (DHE_PSK, b"\0\0", ("ffdh 2048",), (2048,)),
        (DHE_PSK, b"\0\3key", ("ffdh 2048",), (2048,)),
        (ECDHE_PSK, b"\0\3key", ("x25519",), ()),
    ],
)
def test_a_share_behind_a_hint(
    suite: int, hint: bytes, groups: tuple[str, ...], primes: tuple[int, ...]
) -> None:
    prime = (1 << 2047 | 1).to_bytes(256, "big")
    share = b"\1\0" + prime if suite == DHE_PSK else b"\3\0\x1d\x20" + bytes(32)
    reply = hello(TLS12, suite) + record(22, message(12, hint + share))
    found = endpoint(attempt(TLS12, reply))
    assert (found.groups, found.prime_bits) == (groups, primes)


PRIMES = tuple(s for s in suites_of(TLS12) if is_finite_field(s))
CURVES = tuple(s for s in suites_of(TLS12) if is_elliptic(s))
NO_PRIME = attempt(TLS12, alert(40), suites=PRIMES, narrow=HelloSubset.OWN_PRIMES)
NO_CURVE = attempt(TLS12, alert(40), suites=CURVES, narrow=HelloSubset.WEAK_CURVES)
SMALL = record(22, message(12, b"\0\x80" + (1 << 1023 | 1).to_bytes(128, "big")))
CURVE = record(22, message(12, b"\3\0\x17\x20" + bytes(32)))


@pytest.mark.parametrize(
    ("attempts", "unsettled"),
    [
        ((NO_PRIME, NO_CURVE, SPOKEN), ()),
        ((NO_PRIME, NO_CURVE), ("TLS 1.2 (DHE)", "TLS 1.2 (ECDHE)")),
        ((NO_CURVE, SPOKEN), ("TLS 1.2 (DHE)",)),
        ((NO_PRIME, SPOKEN), ("TLS 1.2 (ECDHE)",)),
        ((attempt(TLS12, alert(40), suites=PRIMES), NO_CURVE, SPOKEN), ("TLS 1.2 (DHE)",)),
        ((attempt(TLS12, hello(TLS12, DHE) + SMALL, narrow=HelloSubset.OWN_PRIMES), NO_CURVE,
          SPOKEN),
         ()),
        ((attempt(TLS12, hello(TLS12, DHE), narrow=HelloSubset.OWN_PRIMES), NO_CURVE,
          SPOKEN),
         ("TLS 1.2 (DHE)",)),
        ((NO_PRIME, attempt(TLS12, hello(TLS12, GOOD) + CURVE, narrow=HelloSubset.WEAK_CURVES),
          SPOKEN),
         ()),
    ],
)  # fmt: skip
def test_whether_weak_groups_are_settled(
    attempts: tuple[Attempt, ...], unsettled: tuple[str, ...]
) -> None:
    assert endpoint(SPOKEN, *attempts).unsettled == unsettled


def test_every_handshake_turned_down_is_not_looked_at() -> None:
    versions = (TLS12, TLS13, TLS10, TLS11, SSL3, TLCP)
    found = parse_endpoint(report(*(attempt(v, alert(40)) for v in versions)))
    assert isinstance(found, Absent)
    assert found.reason is Reason.NOT_COLLECTED


def test_no_certificate_and_no_verification() -> None:
    for parse in (parse_certificates, parse_trust):
        found = parse(report(SPOKEN))
        assert isinstance(found, Absent)
        assert found.reason is Reason.NOT_COLLECTED


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"null", b"{}", b"[" * 100_000, b'{"schema":"x"}',
        report(attempt(0x7777, b"", suites=(GOOD,))).stdout,
        msgspec.json.encode(Report(schema="other", address="", port=1, server_name="",
                                   attempts=())),
        report(SPOKEN).stdout.replace(b'"offered":"', b'"offered":"zzzz', 1),
        report(SPOKEN).stdout.replace(b'"offered":"', b'"offered":"0', 1),
        report(SPOKEN).stdout.replace(b'"reply":"', b'"reply":"0', 1),
        report(SPOKEN).stdout.replace(b'"reply":"16', b'"reply":"x6', 1),
        report(SPOKEN).stdout.replace(b'"reply":"16', b'"reply":"1 6 ', 1),
        report(SPOKEN).stdout.replace(b'"trusts":[]', b'"trusts":[{"outcome":"trusted",'
                                      b'"chain":["z"]}]'),
    ],
)  # fmt: skip
def test_no_report(raw: bytes) -> None:
    for parse in (parse_endpoint, parse_certificates, parse_trust):
        with pytest.raises(ParseError):
            parse(answer(raw))


@given(st.binary(max_size=400))
def test_any_bytes_as_report(raw: bytes) -> None:
    with pytest.raises(ParseError):
        parse_endpoint(answer(raw))


@given(st.binary(max_size=200), st.sampled_from(Ended), st.sampled_from((TLS12, TLS13, SSL3)))
def test_any_bytes_as_reply(reply: bytes, ended: Ended, version: int) -> None:
    reported = report(attempt(version, reply, ended))
    for parse in (parse_endpoint, parse_certificates, parse_trust):
        assert isinstance(parse(reported), Endpoint | Certificates | Absent)


@given(st.integers(0, 3000), st.binary(min_size=1, max_size=4))
def test_any_damage_to_a_flight(at: int, new: bytes) -> None:
    whole = hello(TLS12, DHE) + chain(DER, DER) + record(22, message(12, bytes(300)))
    at %= len(whole)
    broken = whole[:at] + new + whole[at + len(new) :]
    reported = report(attempt(TLS12, broken), server_name="a.example")
    assert isinstance(parse_endpoint(reported), Endpoint | Absent)
    assert isinstance(parse_certificates(reported), Certificates | Absent)


def test_no_report_looks_like_a_secret() -> None:
    """What is cut before it is stored could not be read again: hex holds nothing to cut."""
    reply = base64.b64decode("AKIA" + "A" * 28)
    assert redact(base64.b64encode(reply)).rules == ("access-key",)
    assert redact(report(attempt(TLS12, reply)).stdout).rules == ()
