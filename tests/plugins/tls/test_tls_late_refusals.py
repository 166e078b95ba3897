"""A server of TLS 1.3 that finds out behind its hello that it has no certificate of a kind."""

from __future__ import annotations

import struct
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from audit_tls.attempt_results import accepted_suite, is_dropped, is_refusal
from audit_tls.certificates import Certificates, parse_certificates
from audit_tls.report import Attempt, Ended
from audit_tls.suites import TLS12, TLS13, authenticates_with, suites_of
from audit_tls.wire import HelloSubset
from invented.tls import attempt, certificate, chain, hello, report

# What OpenJDK 17.0.15 with an RSA certificate answers to a hello with signatures of ECDSA only: its
# hello, change_cipher_spec, extensions and an alert, both encrypted. Then it hangs up.
_JAVA = bytes.fromhex(
    "160303007a02000076030363bfcc2885e20d83074ea552e3b296cd547049eed35c3b26a7fde0df57caf68420704d7b5e"
    "acb2111cbcdae2492ac6f01b302203559bab260a5e7666e32d28472d130200002e002b0002030400330024001d0020"
    "07f00455c9ca941ebea38051276258c18b3f72ae83d1cc3f0973b9cf2c40112e140303000101170303"
    "0041c82332ff48e2b929b8c1108bb21310b63acce4a08ec4fe67a1981312cdc0457db2d7410f6364d329c122c2f5eef0"
    "b1a60d4ff301c71e911a38751c0a65037fce2e17030300239193639ffda99aaedea082909b420f97d7dd20645d9aa578"
    "6f0a8d8b2285c59b56be2c"
)
_HELLO = _JAVA[:127]


def _tried(
    reply: bytes, ended: Ended = Ended.CLOSED, narrow: HelloSubset = HelloSubset.ECDSA,
    version: int = TLS13,
) -> Attempt:  # fmt: skip
    return attempt(version, reply, ended, narrow=narrow, suites=suites_of(TLS13))


def test_no_certificate_behind_the_hello() -> None:
    for ended in (Ended.CLOSED, Ended.RESET):
        refused = _tried(_JAVA, ended)
        assert is_refusal(refused)
        assert accepted_suite(refused) is None
        assert not is_dropped(refused)


def test_what_says_nothing_of_a_certificate() -> None:
    sent = _JAVA + struct.pack(">BHH", 23, 0x0303, 900) + bytes(900)
    for taken in (
        _tried(sent), _tried(_JAVA, Ended.TIMED_OUT), _tried(_JAVA, Ended.ANSWERED),
        _tried(_JAVA, narrow=HelloSubset.NO), _tried(_HELLO),
    ):  # fmt: skip
        assert accepted_suite(taken) == 0x1302
        assert not is_refusal(taken)


def test_another_kind_of_certificate_than_was_asked_for() -> None:
    """Java 17 and Go 1.19 choose by the suite, and end behind their certificate."""
    ecdsa = tuple(s for s in suites_of(TLS12) if authenticates_with(s) == "ECDSA")
    refused = struct.pack(">BHHBB", 21, 0x0303, 2, 2, 40)

    def tried(reply: bytes, suites: tuple[int, ...], narrow: HelloSubset = HelloSubset.NO) -> Any:
        return attempt(TLS12, reply, Ended.ANSWERED, narrow=narrow, suites=suites)

    own = certificate(key=ec.generate_private_key(ec.SECP256R1()))
    flight = hello(TLS12, 0xC02B) + chain(own)
    others = tuple(s for s in suites_of(TLS12) if s not in ecdsa)
    known = tried(flight, ecdsa)
    for answer, unseen in ((flight, ()), (hello(TLS12, 0xC02B), ("EdDSA",)), (refused, ())):
        got = report(tried(refused, others), known, tried(answer, ecdsa, HelloSubset.EDDSA), known)
        found = parse_certificates(got)
        assert isinstance(found, Certificates)
        assert found.unseen == unseen
