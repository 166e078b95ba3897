"""TLS reports become facts by their bytes; the replies here are invented, byte by byte."""

from __future__ import annotations

import base64
import datetime
import struct
import time
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from audit_core.model import (
    Absent,
    Answer,
    Kind,
    Message,
    ObjectType,
    ParseError,
    Probe,
    Reason,
    Target,
)
from audit_core.redact import redact
from audit_tls.certs import Certificate, matches, read_certificate
from audit_tls.facts import (
    Certificates,
    Endpoint,
    Support,
    ask,
    parse_certificates,
    parse_endpoint,
    parse_trust,
)
from audit_tls.report import SCHEMA, Attempt, Ended, Report
from audit_tls.suites import (
    SSL3,
    TLCP,
    TLS10,
    TLS11,
    TLS12,
    TLS13,
    exchange_of,
    in_offers,
    is_elliptic,
    is_finite_field,
    is_weak,
    suites_of,
)
from audit_tls.wire import Flight, Narrow, NotTls, client_hello, key_exchange

GOOD, DHE, NULL, DHE_PSK, ECDHE_PSK = 0xC02F, 0x009E, 0x0001, 0x00AA, 0xC037
WAYS = ("EC", "DH", "other")
KEY = ec.generate_private_key(ec.SECP256R1())


# --- invented replies -----------------------------------------------------------------------------


def record(kind: int, body: bytes, version: int = TLS12) -> bytes:
    return struct.pack(">BHH", kind, version, len(body)) + body


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def hello(version: int, suite: int) -> bytes:
    written, extensions = version, b""
    if version == TLS13:
        share = struct.pack(">HHHH", 51, 4, 29, 0)
        written, extensions = TLS12, struct.pack(">HHH", 43, 2, TLS13) + share
        extensions = len(extensions).to_bytes(2, "big") + extensions
    body = struct.pack(">H", written) + bytes(32) + b"\0" + struct.pack(">HB", suite, 0)
    return record(22, message(2, body + extensions))


def alert(code: int, level: int = 2) -> bytes:
    return record(21, bytes([level, code]))


def chain(*ders: bytes) -> bytes:
    listed = b"".join(len(d).to_bytes(3, "big") + d for d in ders)
    body = message(11, len(listed).to_bytes(3, "big") + listed)
    return b"".join(record(22, body[i : i + 16384]) for i in range(0, len(body), 16384))


def attempt(version: int, reply: bytes, ended: Ended = Ended.ANSWERED, **more: Any) -> Attempt:
    suites = more.get("suites", suites_of(version))
    offered = "".join(f"{s:04x}" for s in suites)
    narrow = more.get("narrow", Narrow.NO)
    return Attempt(version=version, offered=offered, ended=ended, reply=reply.hex(), narrow=narrow)


def answer(raw: bytes) -> Answer:
    target = Target(id="web1/tls:443", kind=Kind.ENDPOINT, object_type=ObjectType.SERVER)
    return Answer(
        stdout=raw, stderr=b"", exit_code=0, truncated=False,
        collected_at="2026-11-23T12:00:00+00:00", target=target,
    )  # fmt: skip


def report(*attempts: Attempt, server_name: str = "") -> Answer:
    whole = Report(
        schema=SCHEMA, address="127.0.0.1", port=443, server_name=server_name, attempts=attempts
    )
    return answer(msgspec.json.encode(whole))


def endpoint(*attempts: Attempt) -> Endpoint:
    found = parse_endpoint(report(*attempts))
    assert isinstance(found, Endpoint)
    return found


def support(found: Endpoint, name: str) -> Support:
    (version,) = (v for v in found.versions if v.name == name)
    return version.support


SPOKEN = attempt(TLS12, hello(TLS12, GOOD))


# --- what is a refusal ----------------------------------------------------------------------------


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
    declined = Attempt(version=TLS12, offered="", ended=Ended.DECLINED, detail="502 no")
    for attempts, reason in (
        ((declined, declined), Reason.NOT_PRESENT),
        ((declined, attempt(TLS12, alert(40))), Reason.NOT_COLLECTED),
    ):
        found = parse(report(*attempts))
        assert isinstance(found, Absent)
        assert found.reason is reason


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
NO_PRIME = attempt(TLS12, alert(40), suites=PRIMES, narrow=Narrow.OWN_PRIMES)
NO_CURVE = attempt(TLS12, alert(40), suites=CURVES, narrow=Narrow.WEAK_CURVES)
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
        ((attempt(TLS12, hello(TLS12, DHE) + SMALL, narrow=Narrow.OWN_PRIMES), NO_CURVE, SPOKEN),
         ()),
        ((attempt(TLS12, hello(TLS12, DHE), narrow=Narrow.OWN_PRIMES), NO_CURVE, SPOKEN),
         ("TLS 1.2 (DHE)",)),
        ((NO_PRIME, attempt(TLS12, hello(TLS12, GOOD) + CURVE, narrow=Narrow.WEAK_CURVES), SPOKEN),
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
    told = report(attempt(version, reply, ended))
    for parse in (parse_endpoint, parse_certificates, parse_trust):
        assert isinstance(parse(told), Endpoint | Certificates | Absent)


@given(st.integers(0, 3000), st.binary(min_size=1, max_size=4))
def test_any_damage_to_a_flight(at: int, new: bytes) -> None:
    whole = hello(TLS12, DHE) + chain(DER, DER) + record(22, message(12, bytes(300)))
    at %= len(whole)
    broken = whole[:at] + new + whole[at + len(new) :]
    told = report(attempt(TLS12, broken), server_name="a.example")
    assert isinstance(parse_endpoint(told), Endpoint | Absent)
    assert isinstance(parse_certificates(told), Certificates | Absent)


# --- bytes of the protocol ------------------------------------------------------------------------


def test_flight_is_the_same_however_it_is_cut() -> None:
    whole = hello(TLS12, DHE) + chain(b"abc", b"d") + record(22, message(14, b""))
    at_once, by_byte = Flight(), Flight()
    at_once.feed(whole)
    for i in range(len(whole)):
        by_byte.feed(whole[i : i + 1])
    for flight in (at_once, by_byte):
        assert flight.hello is not None
        assert (flight.hello.suite, flight.certificates, flight.done) == (DHE, (b"abc", b"d"), True)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 400 Bad Request\r\n", b"SSH-2.0-OpenSSH_9.2", bytes(5), b"\xff" * 5,
        b"\x16\x03\x03\xff\xff", b"\x16\x03\x03\0\0", record(20, b"\1"), record(23, b"x"),
        record(21, b"\2"), record(22, message(11, b"")), record(22, message(2, b"\3\3")),
    ],
)  # fmt: skip
def test_what_no_server_says(raw: bytes) -> None:
    with pytest.raises(NotTls):
        Flight().feed(raw)


def test_endless_flight_is_read_in_linear_time() -> None:
    flight, started = Flight(), time.process_time()
    flight.feed(hello(TLS12, GOOD))
    one = record(22, b"\x0b")
    flight.feed(one + record(22, b"\xff\xff\xff"))
    for _ in range(100_000):
        flight.feed(record(22, b"x"))
    assert time.process_time() - started < 10  # 0.2 s were measured
    assert flight.certificates == ()


def test_warning_before_the_hello() -> None:
    flight = Flight()
    flight.feed(alert(112, level=1) + hello(TLS12, GOOD))
    assert flight.hello is not None
    assert flight.alert is None


def test_hello_has_its_name_and_suites() -> None:
    sent = client_hello(TLS12, (GOOD, NULL), "a.example", bytes(96))
    assert b"a.example" in sent
    assert struct.pack(">HHHH", 6, GOOD, NULL, 0x00FF) in sent
    assert b"127.0.0.1" not in client_hello(TLS12, (GOOD,), "127.0.0.1", bytes(96))
    assert client_hello(SSL3, (NULL,), "a.example", bytes(96)).endswith(b"\1\0")
    assert b"a.example" in client_hello(SSL3, (NULL,), "a.example", bytes(96), extended=True)
    assert b"a.example." not in client_hello(TLS12, (GOOD,), "a.example.", bytes(96))


def test_key_exchange_that_cannot_be_read() -> None:
    assert key_exchange(b"", finite_field=False, hint=False) is None
    assert key_exchange(b"\xff\xff", finite_field=True, hint=False) is None
    assert key_exchange(b"\0\1", finite_field=True, hint=True) is None
    curve = key_exchange(b"\x03\x00\x13", finite_field=False, hint=False)
    assert curve is not None
    assert curve.group == "secp192r1"


# --- certificates ---------------------------------------------------------------------------------


def certificate(
    *,
    key: Any = KEY,
    cn: str = "a.example",
    names: tuple[str, ...] = ("a.example",),
    end: int = 2027,
) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)])
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(end, 12, 31, 23, 59, 59, tzinfo=datetime.UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
        .sign(key, algorithm)
    )
    return made.public_bytes(serialization.Encoding.DER)


DER = certificate()


def test_plain_certificate() -> None:
    found = read_certificate(DER)
    assert found == Certificate(
        sha256=found.sha256, subject="CN=a.example", issuer="CN=a.example", names=("a.example",),
        not_before="2026-01-01T00:00:00+00:00", not_after="2027-12-31T23:59:59+00:00",
        key="EC secp256r1", key_bits=256, hash="sha256", self_signed=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("key", "name", "bits", "hash_"),
    [
        (rsa.generate_private_key(65537, 1024), "RSA", 1024, "sha256"),
        (ed25519.Ed25519PrivateKey.generate(), "Ed25519", 256, "intrinsic"),
    ],
)
def test_keys(key: Any, name: str, bits: int, hash_: str) -> None:
    found = read_certificate(certificate(key=key))
    assert (found.key, found.key_bits, found.hash) == (name, bits, hash_)


SECP256R1 = bytes.fromhex("06082a8648ce3d030107")


def test_curve_that_the_library_does_not_know() -> None:
    sm2 = read_certificate(DER.replace(SECP256R1, bytes.fromhex("06082a811ccf5501822d")))
    assert (sm2.key, sm2.key_bits) == ("SM2", 256)
    odd = read_certificate(DER.replace(SECP256R1, bytes.fromhex("06082a811ccf55018101")))
    assert (odd.key, odd.key_bits) == ("EC 1.2.156.10197.1.129", None)


def test_year_9999() -> None:
    assert read_certificate(certificate(end=9999)).not_after == "9999-12-31T23:59:59+00:00"


def test_negative_serial() -> None:
    found = read_certificate(DER.replace(b"\x02\x01\x01\x30", b"\x02\x01\xff\x30"))
    assert found.subject == "CN=a.example"
    assert found.problems == ()


def test_nul_in_the_name() -> None:
    found = read_certificate(certificate(cn="a.example\0.b", names=("a.example\0.b",)))
    assert found.subject is not None
    assert not matches(found, "a.example")
    assert matches(found, "a.example\0.b")


def test_names_of_one_megabyte() -> None:
    names = tuple(f"host-{i:08d}.example" for i in range(50_000))
    der = certificate(names=names)
    assert len(der) > 1 << 20
    told = report(attempt(TLS12, hello(TLS12, GOOD) + chain(der)), server_name=names[-1])
    started = time.process_time()
    found = parse_certificates(told)
    assert time.process_time() - started < 10  # 0.2 s were measured
    assert isinstance(found, Certificates)
    assert len(found.own[0].names) == 50_000
    assert found.unnamed == ()


def test_more_certificates_than_are_read() -> None:
    ders = tuple(DER[:-1] + bytes([i]) for i in range(40))
    found = parse_certificates(report(attempt(TLS12, hello(TLS12, GOOD) + chain(*ders))))
    assert isinstance(found, Certificates)
    assert (len(found.own), len(found.issuers), found.unread) == (1, 20, 19)


@given(st.integers(0, len(DER) - 1), st.binary(min_size=1, max_size=6))
def test_any_damage_to_a_certificate(at: int, new: bytes) -> None:
    found = read_certificate(DER[:at] + new + DER[at + len(new) :])
    assert found.problems or found.subject is not None


@given(st.binary(max_size=300))
def test_any_bytes_as_certificate(raw: bytes) -> None:
    assert read_certificate(raw).problems


@pytest.mark.parametrize(
    ("names", "server_name", "expected"),
    [
        (("a.example",), "a.example", True),
        (("A.Example",), "a.EXAMPLE.", True),
        (("*.example.cn",), "a.example.cn", True),
        (("*.example.cn",), "a.b.example.cn", False),
        (("*.example.cn",), "example.cn", False),
        (("*.cn",), "example.cn", False),
        (("*",), "example", False),
        (("a*.example.cn",), "ab.example.cn", False),
        (("*.*.cn",), "a.b.cn", False),
        ((), "a.example", False),
        (("127.0.0.1",), "127.0.0.1", False),
    ],
)
def test_names(names: tuple[str, ...], server_name: str, expected: bool) -> None:
    assert matches(Certificate(sha256="", names=names), server_name) is expected


def test_addresses() -> None:
    held = Certificate(sha256="", addresses=("10.0.0.1", "::1"))
    assert matches(held, "10.0.0.1")
    assert matches(held, "0:0::1")
    assert not matches(held, "10.0.0.2")


# --- asking ---------------------------------------------------------------------------------------


def target(address: str | None = "10.0.0.1", **settings: object) -> Target:
    return Target(
        id="web1/tls:443", kind=Kind.ENDPOINT, object_type=ObjectType.SERVER, address=address,
        settings=settings,
    )  # fmt: skip


@pytest.mark.parametrize("port", [443, "8443"])
def test_ask(port: object) -> None:
    asked = ask(target(port=port, server_name="a.example"))
    assert isinstance(asked, Probe)
    assert asked.args == {
        "address": "10.0.0.1", "port": int(str(port)), "server_name": "a.example",
        "max_connections": 160, "starttls": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        target(None), target("web1"), target("-x"), target(port="x"), target(port=0),
        target(port=65536), target(starttls="mysql"), target(server_name="口令"),
        target(server_name="a b"), target(server_name="a" * 300),
    ],
)  # fmt: skip
def test_ask_for_a_declaration(wrong: Target) -> None:
    assert isinstance(ask(wrong), Message)


def test_no_report_looks_like_a_secret() -> None:
    """What is cut before it is stored could not be read again: hex holds nothing to cut."""
    reply = base64.b64decode("AKIA" + "A" * 28)
    assert redact(base64.b64encode(reply)).rules == ("access-key",)
    assert redact(report(attempt(TLS12, reply)).stdout).rules == ()
