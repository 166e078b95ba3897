"""The TLS prober against real OpenSSL servers, and against peers that are none."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from audit_core.model import (
    Absent,
    Answer,
    Reply,
    Status,
    Verdict,
)
from audit_tls.ask_endpoint import ask
from audit_tls.certificates import Certificates, parse_certificates
from audit_tls.endpoint import Endpoint, parse_endpoint
from audit_tls.facts import FACTS
from audit_tls.probe import asked
from audit_tls.renegotiation import renegotiate, usable
from audit_tls.report import TlsAddress
from audit_tls.request import TlsHellos
from audit_tls.suites import TLS12, authenticates_with, suite_name, suites_of
from live.patience import PATIENCE_S
from live.tls_servers import CHECKS, Material, answer, judge, make, peer, s_server, verdicts

pytestmark = pytest.mark.live

P, F, U = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return Material(tmp_path_factory.mktemp("tls"))


Serve = Callable[..., int]


@pytest.fixture
def serve(material: Material) -> Iterator[Serve]:
    """Starts `openssl s_server` with a certificate and options; returns its port."""
    with contextlib.ExitStack() as running:
        yield lambda cert, *options: running.enter_context(s_server(material, cert, *options))


# s_server ends a connection where its input has ended, as it has here
ALL_PASS = {check.id.removeprefix("tls."): P for check in CHECKS} | {"client-renegotiation": U}


# --- real servers ---------------------------------------------------------------------------------

# without -sigalgs OpenSSL signs with SHA-1 at security level 0, which the tests need elsewhere
SIGNED = ("-sigalgs", "ECDSA+SHA256:ECDSA+SHA384:RSA-PSS+SHA256:RSA+SHA256")
MODERN = ("-no_tls1", "-no_tls1_1", "-cipher", "ECDHE+AESGCM", *SIGNED)


def test_a_good_server_passes_everything(
    serve: Serve, material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(material.ca))
    assert verdicts(judge(serve(material.good, *MODERN))) == ALL_PASS


def test_only_tls13(serve: Serve, material: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(material.ca))
    port = serve(material.good, "-tls1_3", "-cert_chain", str(material.ca))
    assert verdicts(judge(port)) == ALL_PASS | {"client-renegotiation": P}  # 1.3 has none
    found = parse_certificates(answer(make(port)))
    assert isinstance(found, Certificates)
    assert (len(found.own), len(found.issuers)) == (1, 1)


def test_an_authority_that_this_machine_does_not_know(serve: Serve, material: Material) -> None:
    port = serve(material.good, *MODERN)
    assert verdicts(judge(port)) == ALL_PASS | {"certificate-trusted": F}
    assert verdicts(judge(port, trust="private")) == ALL_PASS | {
        "certificate-trusted": U, "certificate-lifetime": Verdict.NOT_APPLICABLE,
    }  # fmt: skip


def test_another_name(serve: Serve, material: Material) -> None:
    port = serve(material.good, *MODERN)
    assert verdicts(judge(port, server_name="bank.example"))["certificate-name"] is F
    assert verdicts(judge(port, server_name="127.0.0.1"))["certificate-name"] is P
    assert verdicts(judge(port, server_name=""))["certificate-name"] is U


def test_a_bad_server_fails(serve: Serve, material: Material) -> None:
    port = serve(material.expired, "-cipher", "ALL:@SECLEVEL=0", "-dhparam", str(material.prime))
    judged = judge(port)
    assert verdicts(judged) == {
        "offered": P, "no-old-versions": F, "no-weak-suites": F, "forward-secrecy": P,
        "certificate-valid": F, "key-strength": F, "signature-hash": P, "certificate-name": P,
        "certificate-trusted": F, "chain-order": P, "certificate-revocable": P,
        "certificate-lifetime": P, "no-compression": P, "secure-renegotiation": P,
        "client-renegotiation": U, "extended-master-secret": P, "fallback-signal": P,
        "key-exchange-signature": F,
    }  # fmt: skip
    assert judged["tls.no-old-versions"].detail[0].args["versions"] == ("TLS 1.0", "TLS 1.1")
    reported = {m.id for m in judged["tls.key-strength"].detail}
    assert "The key exchange uses a prime of {bits} bits" in reported
    assert "Certificate {label} has a key {key} of {bits} bits" in reported


def test_a_certificate_signed_with_sha1(serve: Serve, material: Material) -> None:
    judged = judge(serve(material.sha1, "-cipher", "ALL:@SECLEVEL=0"))
    assert judged["tls.signature-hash"].verdict is F
    assert "sha1" in str(judged["tls.signature-hash"].detail[0])


def test_only_tls10(serve: Serve, material: Material) -> None:
    judged = judge(serve(material.sha1, "-tls1", "-cipher", "kRSA:@SECLEVEL=0"))
    assert judged["tls.no-old-versions"].detail[0].args["versions"] == ("TLS 1.0",)
    assert judged["tls.forward-secrecy"].verdict is F


def test_null_encryption(serve: Serve, material: Material) -> None:
    judged = judge(serve(material.sha1, "-tls1_2", "-cipher", "eNULL:@SECLEVEL=0"))
    weak = judged["tls.no-weak-suites"]
    assert weak.verdict is F
    assert "TLS_RSA_WITH_NULL_SHA256" in weak.detail[0].args["suites"]  # type: ignore[operator]


def test_suites_are_those_that_openssl_was_given(serve: Serve, material: Material) -> None:
    cipher = "AES128-SHA:ECDHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305:@SECLEVEL=0"
    found = parse_endpoint(answer(make(serve(material.sha1, "-tls1_2", "-cipher", cipher))))
    assert isinstance(found, Endpoint)
    (accepted,) = (v.accepted for v in found.versions if v.accepted)
    assert accepted == (
        "TLS_RSA_WITH_AES_128_CBC_SHA",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    )


def test_both_certificates_of_a_server_are_seen(serve: Serve, material: Material) -> None:
    weak = str(material.sha1)
    port = serve(material.good, "-tls1_2", "-dcert", weak, "-dkey", weak,
                 "-cipher", "ALL:@SECLEVEL=0")  # fmt: skip
    found = parse_certificates(answer(make(port)))
    assert isinstance(found, Certificates)
    assert {c.key for c in found.own} == {"EC secp256r1", "RSA"}


def test_connections_are_bounded(serve: Serve, material: Material) -> None:
    port = serve(material.sha1, "-cipher", "ALL:@SECLEVEL=0")
    args: dict[str, Any] = {
        "address": "127.0.0.1",
        "port": port,
        "server_name": "",
        "max_connections": 9,
        "starttls": "",
    }
    reply = asked(TlsHellos(**args, timeout_s=int(PATIENCE_S), limit=8 << 20))
    assert reply.stdout.count(b'"offered"') == 9
    assert b'"stopped":"connections"' in reply.stdout


# --- peers that do not speak TLS ------------------------------------------------------------------


def mute(connection: socket.socket, number: int) -> None:
    connection.recv(65536)


def drip(connection: socket.socket, number: int) -> None:
    for byte in b"\x16\x03\x03\x40\x00" + bytes(1000):
        connection.sendall(bytes([byte]))
        time.sleep(0.2)


def garbage(connection: socket.socket, number: int) -> None:
    while True:
        connection.sendall(b"A" * 65536)


def giant_record(connection: socket.socket, number: int) -> None:
    connection.sendall(b"\x16\x03\x03\xff\xff" + bytes(70_000))


def endless_records(connection: socket.socket, number: int) -> None:
    connection.recv(65536)
    connection.sendall(struct.pack(">BHH", 22, 0x0303, 4) + b"\x02\xff\xff\xff")
    while True:
        connection.sendall((struct.pack(">BHH", 22, 0x0303, 1000) + bytes(1000)) * 60)


def plain_http(connection: socket.socket, number: int) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def hang_up(connection: socket.socket, number: int) -> None:
    connection.recv(65536)
    connection.shutdown(socket.SHUT_RDWR)


def reset(connection: socket.socket, number: int) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def probe(port: int, timeout_s: float = PATIENCE_S) -> Reply:
    """What is told of the port, within its time and what a busy machine may add to it."""
    args: dict[str, Any] = {
        "address": "127.0.0.1",
        "port": port,
        "server_name": "",
        "max_connections": 40,
        "starttls": "",
    }
    started = time.monotonic()
    reply = asked(TlsHellos(**args, timeout_s=int(timeout_s), limit=8 << 20))
    assert time.monotonic() - started < timeout_s + PATIENCE_S / 2
    return reply


@pytest.mark.parametrize(
    ("talk", "reason", "word"),
    [
        (garbage, Status.MALFORMED, "does not speak TLS"),
        (giant_record, Status.MALFORMED, "65535 bytes"),
        (endless_records, Status.MALFORMED, "more than"),
        (plain_http, Status.ANSWERED, ""),
        (hang_up, Status.UNREACHABLE, "closed without"),
        (reset, Status.UNREACHABLE, "reset without"),
    ],
    ids=lambda x: getattr(x, "__name__", None),
)
def test_peers_that_do_not_speak_tls(
    talk: Callable[[socket.socket, int], None], reason: Status, word: str
) -> None:
    with peer(talk) as port:
        reply = probe(port)
    assert (reply.status, word in str(reply.detail)) == (reason, True), reply.detail
    assert len(reply.stdout) < 8 << 20


@pytest.mark.parametrize("talk", [mute, drip], ids=["mute", "drip"])
def test_peers_that_take_their_time(talk: Callable[[socket.socket, int], None]) -> None:
    with peer(talk) as port:
        reply = probe(port, timeout_s=4)
    assert (reply.status, "no usable answer" in str(reply.detail)) == (Status.TIMED_OUT, True)
    assert len(reply.stdout) < 1 << 20


def test_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        reply = probe(bound.getsockname()[1])
    assert (reply.status, "refused" in str(reply.detail)) == (Status.UNREACHABLE, True)


@pytest.mark.parametrize("address", ["localhost", "-x", "", "127.0.0.1 "])
def test_names_are_not_looked_up(address: str) -> None:
    args: dict[str, Any] = {
        "address": address,
        "port": 443,
        "server_name": "",
        "max_connections": 40,
        "starttls": "",
    }
    assert asked(TlsHellos(**args, timeout_s=4, limit=1 << 20)).status is Status.UNSUPPORTED


HELLO = struct.pack(">BHHBBHH32xBHB", 22, 0x0303, 42, 2, 0, 38, 0x0303, 0, 0xC02F, 0)


def test_a_server_that_falls_silent_never_passes() -> None:
    def talk(connection: socket.socket, number: int) -> None:
        connection.recv(65536)
        if number == 0:
            connection.sendall(HELLO)

    def heard(timeout_s: float) -> Reply:
        with peer(talk) as port:
            return probe(port, timeout_s)

    # A busy machine may not have heard the hello in the shorter time.
    reply = next(r for r in map(heard, (4, 20)) if r.status is Status.ANSWERED)
    reported = Answer(
        stdout=reply.stdout, stderr=b"", exit_code=0, truncated=False,
        collected_at="2026-11-23T12:00:00+00:00", target=make(443),
    )  # fmt: skip
    found = parse_endpoint(reported)
    assert isinstance(found, Endpoint)
    by_id = {c.id: c for c in CHECKS}
    for id in ("tls.no-old-versions", "tls.no-weak-suites"):
        assert by_id[id].judge(found).verdict is U
    assert isinstance(parse_certificates(reported), Absent)


def test_facts_share_one_request() -> None:
    asked = {f.providers[0].ask for f in FACTS}
    assert asked == {ask}


def test_whether_a_client_can_begin_again(material: Material, subtests: Any) -> None:
    options = ("-tls1_2", "-www", "-cipher", "ALL:@SECLEVEL=0")
    for option, second in (("-client_renegotiation", "begun"), ("-no_renegotiation", "refused")):
        with s_server(material, material.sha1, *options, option) as port:
            where = TlsAddress(address="127.0.0.1", port=port, name="localhost")
            for suite in usable(suites_of(TLS12)) if second == "begun" else (0xC02F,):
                if authenticates_with(suite) != "RSA":
                    continue
                with subtests.test(suite_name(suite)):
                    seen = renegotiate(where, time.monotonic() + PATIENCE_S, (suite,))
                    assert seen.second == second
