"""SSL 2.0, and servers that prefer suites without forward secrecy."""

from __future__ import annotations

import msgspec

from audit_core.model import Verdict
from audit_tls.endpoint import Endpoint, Support, parse_endpoint
from audit_tls.outcomes import report_of
from audit_tls.report import Attempt, Ended, Stopped
from audit_tls.ssl2 import SSL2, client_hello
from audit_tls.suites import SSL3, TLS10, TLS11, TLS12
from audit_tls.version_checks import no_old_versions
from invented.tls import DHE, GOOD, SPOKEN, alert, answer, attempt, endpoint, hello, report

# How the server of scapy 2.8.0 (TLSServerAutomaton) answers; its certificate follows.
SCAPY = "832d040001000202fd00150010308202f9308201e1a0030201020214079f44e6"
OPENSSL = "15030100020246"  # what s_server of OpenSSL 3.0 answers: protocol_version
NO_OLD = (*(attempt(v, alert(70)) for v in (SSL3, TLS10, TLS11)), SPOKEN)


def asked(ssl2: Attempt | None, stopped: Stopped = Stopped.NO) -> Endpoint:
    reported = report_of(report(SPOKEN, *NO_OLD))
    more = msgspec.structs.replace(reported, ssl2=ssl2, stopped=stopped)
    found = parse_endpoint(answer(msgspec.json.encode(more)))
    assert isinstance(found, Endpoint)
    return found


def second(reply: str, ended: Ended) -> Attempt:
    return Attempt(version=SSL2, offered="", ended=ended, reply=reply)


def test_ssl2() -> None:
    yes, no, unsettled = Verdict.FAIL, Verdict.PASS, Verdict.UNDETERMINED
    for reply, ended, verdict in (
        (SCAPY, Ended.NOT_TLS, yes),
        (SCAPY, Ended.TIMED_OUT, yes),
        (OPENSSL, Ended.ANSWERED, no),
        ("", Ended.RESET, no),
        ("", Ended.TIMED_OUT, unsettled),
        ("80030000030002", Ended.NOT_TLS, no),  # an error in place of a hello
        ("", Ended.REFUSED, unsettled),
    ):
        assert no_old_versions.judge(asked(second(reply, ended))).verdict is verdict, reply


def test_ssl2_that_was_not_asked() -> None:
    assert no_old_versions.judge(asked(None)).verdict is Verdict.PASS  # by an earlier prober
    ended = asked(None, Stopped.DEADLINE)
    assert no_old_versions.judge(ended).verdict is Verdict.UNDETERMINED


def test_the_hello_of_ssl2() -> None:
    record = client_hello(bytes(range(16)))
    assert record[:2] == (0x8000 | len(record) - 2).to_bytes(2, "big")
    assert record[2:11] == bytes.fromhex("01 0002 0015 0000 0010")


def test_a_server_that_prefers_static_keys() -> None:
    static = 0x009C

    def preferred(*offer: int, also: int = GOOD) -> str | None:
        took = attempt(TLS12, hello(TLS12, static), suites=offer)
        found = endpoint(took, attempt(TLS12, hello(TLS12, also), suites=(also,)))
        return next(v.preferred for v in found.versions if v.name == "TLS 1.2")

    assert preferred(GOOD, static) == "TLS_RSA_WITH_AES_128_GCM_SHA256"
    assert preferred(static, GOOD) is None  # the order was the client's
    assert preferred(GOOD, static, also=DHE) is None  # the better one is not accepted
    assert Support.YES in {v.support for v in endpoint(SPOKEN).versions}
