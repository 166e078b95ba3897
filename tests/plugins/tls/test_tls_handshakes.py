"""How handshakes before TLS 1.3 are protected; the replies are invented, byte by byte."""

from __future__ import annotations

import struct

from audit_core.model import Verdict
from audit_tls.handshake_checks import (
    HANDSHAKE_CHECKS,
    extended_master_secret,
    fallback_signal,
    key_exchange_signature,
    no_compression,
    secure_renegotiation,
)
from audit_tls.handshakes import Handshakes, parse_handshakes
from audit_tls.report import Attempt
from audit_tls.suites import SSL3, TLCP, TLS10, TLS11, TLS12, TLS13
from audit_tls.wire import MASTER_SECRET, RENEGOTIATION, Flight, HelloSubset, client_hello
from invented.tls import GOOD, alert, attempt, hello, message, record, report

P, F, U = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
ONLY = (GOOD,)


def reported(
    *extensions: int, version: int = TLS12, suite: int = GOOD, compression: int = 0
) -> bytes:
    body = struct.pack(">H", version) + bytes(32) + b"\0" + struct.pack(">HB", suite, compression)
    held = b"".join(struct.pack(">HH", e, 0) for e in extensions)
    return record(22, message(2, body + (struct.pack(">H", len(held)) + held if held else b"")))


def signed(number: int) -> bytes:
    share = b"\3\0\x17\x01x" + number.to_bytes(2, "big") + b"\0\1s"
    return reported() + record(22, message(12, share))


def seen(*attempts: Attempt) -> Handshakes:
    found = parse_handshakes(report(*attempts))
    assert isinstance(found, Handshakes)
    return found


def narrow(reply: bytes, how: HelloSubset, version: int = TLS12) -> Attempt:
    return attempt(version, reply, narrow=how, suites=ONLY)


PLAIN = attempt(TLS12, reported(MASTER_SECRET, RENEGOTIATION), suites=ONLY)
NO_OLD = tuple(attempt(v, alert(70)) for v in (SSL3, TLS10, TLS11))
TEN = attempt(TLS10, reported(version=TLS10, suite=0x2F), suites=(0x2F,))


def test_what_the_hello_shows() -> None:
    good, bare = seen(PLAIN), seen(attempt(TLS12, reported(), suites=ONLY))
    for check in (secure_renegotiation, extended_master_secret):
        assert check.judge(good).verdict is P
        assert check.judge(bare).verdict is F
        assert check.judge(seen(PLAIN, attempt(TLS12, reported(), suites=ONLY))).verdict is U
    for replies, verdict in (
        ((PLAIN,), U),
        ((PLAIN, narrow(reported(), HelloSubset.COMPRESSION)), P),
        ((PLAIN, narrow(reported(compression=1), HelloSubset.COMPRESSION)), F),
        ((PLAIN, narrow(alert(47), HelloSubset.COMPRESSION), PLAIN), U),
    ):
        assert no_compression.judge(seen(*replies)).verdict is verdict


def test_the_fallback_signal() -> None:
    for replies, verdict in (
        ((PLAIN, *NO_OLD, PLAIN), P),
        ((PLAIN, *NO_OLD[1:], PLAIN), U),
        ((PLAIN, TEN, narrow(alert(86), HelloSubset.FALLBACK, TLS10)), P),
        ((PLAIN, TEN, narrow(reported(version=TLS10), HelloSubset.FALLBACK, TLS10)), F),
        ((PLAIN, TEN), U),
    ):
        assert fallback_signal.judge(seen(*replies)).verdict is verdict


def test_the_signature_of_the_key_exchange() -> None:
    refused = narrow(alert(40), HelloSubset.OLD_SIGNATURES)
    for replies, verdict in (
        ((PLAIN,), U),
        ((PLAIN, refused), U),
        ((PLAIN, refused, PLAIN), P),
        ((PLAIN, narrow(signed(0x0201), HelloSubset.OLD_SIGNATURES)), F),
        ((PLAIN, narrow(signed(0x0403), HelloSubset.OLD_SIGNATURES)), P),
        ((attempt(TLS12, signed(0x0203), suites=ONLY),), F),
    ):
        assert key_exchange_signature.judge(seen(*replies)).verdict is verdict


def test_tls13_alone_and_what_is_not_known() -> None:
    new = attempt(TLS13, hello(TLS13, 0x1301))
    alone = seen(new, *NO_OLD, attempt(TLS12, alert(70)), new)
    for check in (no_compression, secure_renegotiation, extended_master_secret, fallback_signal,
                  key_exchange_signature):  # fmt: skip
        assert check.judge(alone).verdict is P
        assert check.judge(seen(new)).verdict is U


def test_tlcp_alone_passes_nothing() -> None:
    tlcp = attempt(TLCP, reported(version=TLCP, suite=0xE013), suites=(0xE013,))
    nothing = tuple(attempt(v, alert(70)) for v in (SSL3, TLS10, TLS11, TLS12, TLS13))
    found = seen(tlcp, *nothing)
    assert found.tlcp
    assert found.older is None
    for check in HANDSHAKE_CHECKS:
        assert check.judge(found).verdict is U


def test_what_is_offered() -> None:
    sent = client_hello(TLS12, (GOOD,), "", bytes(96), narrow=HelloSubset.FALLBACK)
    assert struct.pack(">HHHH", 6, GOOD, 0x00FF, 0x5600) in sent
    sent = client_hello(TLS12, (GOOD,), "", bytes(96), narrow=HelloSubset.COMPRESSION)
    assert struct.pack(">HHHBBB", 4, GOOD, 0x00FF, 2, 1, 0) in sent
    assert struct.pack(">HH", MASTER_SECRET, 0) in sent


def test_an_alert_in_a_record_of_dtls() -> None:
    """As GnuTLS 3.7.9 (gnutls-serv, Debian 12) answers a version that it does not accept."""
    flight = Flight()
    flight.feed(b"\x15\xfe\xfd\0\2\2F")
    assert flight.alert == (2, 70)
