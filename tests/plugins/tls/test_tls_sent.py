"""The server's own certificates and their issuers, in any order in which they are sent."""

from __future__ import annotations

import datetime
import hashlib
import itertools
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from audit_core.model import Judgement, Target, Verdict
from audit_tls.certificate_checks import (
    certificate_lifetime,
    certificate_name,
    certificate_revocable,
    certificate_valid,
    chain_order,
    key_strength,
)
from audit_tls.certificate_parser import Certificate
from audit_tls.certificates import Certificates, parse_certificates
from audit_tls.endpoint import parse_endpoint
from audit_tls.report import Outcome, Report, Trust
from audit_tls.sent_certificates import is_in_order, leads_on, own_of
from audit_tls.suites import TLCP, TLS12, TLS13
from invented.tls import GOOD, SPOKEN, answer, attempt, chain, hello, report

P, F, U = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
AT = "2026-11-23T12:00:00+00:00"
KEYS = {n: ec.generate_private_key(ec.SECP256R1()) for n in ("root", "one", "two", "www", "enc")}
SECP256R1 = bytes.fromhex("06082a8648ce3d030107")
SM2 = bytes.fromhex("06082a811ccf5501822d")  # as long as the other: the DER stays whole
SIGN, ENCRYPT, ISSUE = (0,), (2, 3, 4), (0, 5, 6)


def made(subject: str, issuer: str, *, uses: tuple[int, ...] | None = None, **more: Any) -> bytes:
    """A certificate, invented, with an SM2 key by its name; a bare `uses` has no key usage."""
    ca = more.get("ca", subject not in ("www", "enc"))
    begins = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    ends = begins + datetime.timedelta(days=more.get("days", 700))
    name, by = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n)]) for n in (subject, issuer))
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(by)
        .public_key(KEYS[more.get("key", subject)].public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if uses is not None:
        flags = [i in uses for i in range(9)]
        built = built.add_extension(x509.KeyUsage(*flags), critical=True)
    if not ca:
        names = x509.SubjectAlternativeName([x509.DNSName("a.example")])
        built = built.add_extension(names, critical=False)
    if "crl" in more:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier("http://c/")], *[None] * 3)
        built = built.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    der = built.sign(KEYS[issuer], hashes.SHA256()).public_bytes(Encoding.DER)
    return der.replace(SECP256R1, SM2) if more.get("sm2") else der


def received(version: int, suite: int, *ders: bytes) -> Certificates:
    reported = attempt(version, hello(version, suite) + chain(*ders))
    found = parse_certificates(report(reported, SPOKEN, server_name="a.example"))
    assert isinstance(found, Certificates)
    return found


def test_the_two_of_tlcp_are_found_by_use_in_any_order() -> None:
    for uses in ((SIGN, ENCRYPT, ISSUE), (None, None, None)):
        sign = made("www", "two", uses=uses[0], sm2=True)
        encrypt = made("www", "two", uses=uses[1], sm2=True, key="enc")
        two, one = (made(*n, uses=uses[2], sm2=True) for n in (("two", "one"), ("one", "root")))
        for sent in itertools.permutations((sign, encrypt, two, one)):
            found = received(TLCP, 0xE013, *sent)
            assert {c.subject for c in found.own} == {"CN=www"}
            assert len(found.own) == 2
            assert certificate_name.judge(found).verdict is not F
            ordered = tuple(sent) in ((sign, encrypt, two, one),) or (
                uses[0] is None and tuple(sent) == (encrypt, sign, two, one)
            )
            assert (chain_order.judge(found).verdict is F) is not ordered, sent


def test_a_missing_encryption_certificate_is_reported() -> None:
    found = received(TLCP, 0xE013, made("www", "two", uses=SIGN, sm2=True), made("two", "one"))
    assert "TLCP" in found.unseen
    assert certificate_valid.judge(found, AT).verdict is U


def test_kinds_of_certificates_that_tls_13_alone_leaves_open() -> None:
    reported = report(attempt(TLS13, hello(TLS13, 0x1301)), server_name="a.example")
    sent = Trust(outcome=Outcome.TRUSTED, chain=(made("www", "one").hex(),))
    whole = msgspec.json.decode(reported.stdout, type=Report)
    found = parse_certificates(
        answer(msgspec.json.encode(msgspec.structs.replace(whole, trusts=(sent,))))
    )
    assert isinstance(found, Certificates)
    assert found.unseen == ("RSA", "EdDSA")  # none has DSS there


def cert(subject: str, issuer: str, **more: Any) -> Certificate:
    plain: dict[str, Any] = {
        "sha256": f"{subject}<{issuer}", "subject": subject, "issuer": issuer,
        "not_before": "2026-01-01T00:00:00+00:00", "not_after": "2027-01-01T00:00:00+00:00",
        "key": "RSA", "key_bits": 2048, "hash": "sha256", "self_signed": subject == issuer,
        "ca": subject != "www",
    }  # fmt: skip
    return Certificate(**(plain | more))


WWW, ONE, ROOT = cert("www", "one"), cert("one", "root"), cert("root", "root")
CROSS, OTHER = cert("root", "old"), cert("other", "other")


def test_the_server_certificate_is_found_in_any_order() -> None:
    for count in (1, 2, 3):
        for sent in itertools.permutations((WWW, ONE, ROOT)[:count]):
            assert own_of(sent, two=False) == (WWW,)
            assert {c.subject for c in leads_on((WWW,), sent)} == {"one", "root"} & {
                c.subject for c in sent
            }
            assert is_in_order(sent, (WWW,)) is (sent == (WWW, ONE, ROOT)[:count])
    for sent in ((WWW, ONE, ROOT, CROSS), (WWW, ONE, CROSS, ROOT), (WWW, OTHER, ONE)):
        assert is_in_order(sent, own_of(sent, two=False))
    alone = cert("www", "www", ca=True)
    assert own_of((alone, OTHER), two=False) == (alone,)
    assert own_of((), two=False) == ()
    renewed = cert("one", "root", key_id="aa", sha256="renewed")
    assert leads_on((cert("www", "one", authority_id="bb"),), (renewed,)) == ()
    circle = (cert("one", "two"), cert("two", "one"))
    assert len(leads_on((WWW,), circle)) == 2


def held(*path: Certificate, own: Certificate = WWW, **more: Any) -> Certificates:
    return Certificates(server_name="a.example", own=(own,), issuers=path, path=path, **more)


def test_dates_and_keys_of_those_that_lead_on_are_judged() -> None:
    seen = parse_endpoint(report(SPOKEN))
    ended = cert("one", "root", not_after="2026-11-22T00:00:00+00:00", sha256="ended")
    soon = cert("one", "root", not_after="2026-12-01T00:00:00+00:00", sha256="soon")
    cases: dict[str, tuple[Certificates, Verdict]] = {
        "good": (held(ONE, ROOT), P), "ended": (held(ended), F), "soon": (held(soon), F),
        "renewed": (held(ended, ONE), P), "cross": (held(ONE, ROOT, cert(
            "root", "old", not_after="2025-01-01T00:00:00+00:00")), P),
        "unread": (held(ONE, unread=1), U), "no dates": (held(cert("one", "root",
                                                                    not_after=None)), U),
    }  # fmt: skip
    for name, (found, verdict) in cases.items():
        assert certificate_valid.judge(found, AT).verdict is verdict, name
    weak = held(cert("one", "root", key_bits=1024))
    assert key_strength.judge(weak, seen).verdict is F


def test_only_what_openssl_went_through_is_judged_where_it_trusts_the_chain() -> None:
    ders = made("www", "one"), made("one", "root"), made("root", "two", days=1)
    reported = attempt(TLS12, hello(TLS12, GOOD) + chain(*ders))
    through = tuple(hashlib.sha256(der).hexdigest() for der in ders[:2])
    for path, valid in (((), F), (through, P)):
        trust = Trust(outcome=Outcome.TRUSTED, chain=tuple(d.hex() for d in ders), path=path)
        whole = msgspec.structs.replace(
            msgspec.json.decode(report(reported, server_name="a.example").stdout, type=Report),
            trusts=(trust,),
        )
        found = parse_certificates(answer(msgspec.json.encode(whole)))
        assert isinstance(found, Certificates)
        assert len(found.path) == (1 if path else 2)
        found = msgspec.structs.replace(found, unseen=())
        assert certificate_valid.judge(found, AT).verdict is valid


def test_revocation_and_lifetime() -> None:
    crl = {"revocation": ("crl",)}
    short = {"not_before": "2026-11-20T00:00:00+00:00", "not_after": "2026-11-26T23:59:59+00:00"}
    for found, verdict in (
        (held(cert("one", "root", **crl), ROOT, own=cert("www", "one", **crl)), P),
        (held(ONE, own=cert("www", "one", **crl)), F),
        (held(), F),
        (held(own=cert("www", "one", **short)), P),
        (held(own=cert("www", "one", revocation=None)), U),
    ):
        assert certificate_revocable.judge(found).verdict is verdict

    def lasts(begins: str, ends: str, trust: str | None) -> Judgement:
        target = Target(
            id="e", kind="endpoint", object_type="server",
            settings={"trust": trust} if trust else {},
        )  # fmt: skip
        own = cert("www", "one", not_before=f"{begins}+00:00", not_after=f"{ends}+00:00")
        return certificate_lifetime.judge(held(own=own), target)

    for begins, ends, verdict in (
        ("2026-03-14T00:00:00", "2027-04-15T23:59:59", P),  # 398 days
        ("2026-03-14T00:00:00", "2027-04-16T00:00:00", F),
        ("2026-03-15T00:00:00", "2026-09-30T23:59:59", P),  # 200 days
        ("2026-03-15T00:00:00", "2026-10-01T00:00:00", F),
        ("2027-03-15T00:00:00", "2027-06-23T00:00:00", F),  # one second over 100 days
        ("2029-03-15T00:00:00", "2029-04-30T23:59:59", P),  # 47 days
    ):
        assert lasts(begins, ends, "public").verdict is verdict, begins
        assert lasts(begins, ends, None).verdict is (P if verdict is P else U)
        assert lasts(begins, ends, "private").verdict is Verdict.NOT_APPLICABLE
