"""The TLS checks: weak fails, an open question is undetermined, the rest passes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import audit_tls
from audit_core.model import Absent, Check, Judgement, Reason, Target, Verdict, as_is, filled
from audit_tls.certificate_checks import (
    certificate_name,
    certificate_trusted,
    certificate_valid,
    key_strength,
    signature_hash,
)
from audit_tls.certificate_parser import WHOLE, Certificate
from audit_tls.certificates import Certificates, Chains
from audit_tls.checks import CHECKS
from audit_tls.endpoint import Endpoint, Support, Version
from audit_tls.handshake_checks import no_compression
from audit_tls.handshakes import Handshakes
from audit_tls.report import Outcome, Stopped, Trust, Within
from audit_tls.suites import NAMES, TLS12, TLS13, has_forward_secrecy, is_weak, suites_of
from audit_tls.version_checks import (
    forward_secrecy,
    no_old_versions,
    no_weak_suites,
    tlcp_offered,
)

P, F, U = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
AT = "2026-11-23T12:00:00+00:00"
FOLDER = Path(audit_tls.__file__).parent
NAMES_OF_VERSIONS = ("SSLv3", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3", "TLCP 1.1")


def version(name: str, letter: str, **more: Any) -> Version:
    """y: spoken and good, n: not spoken, u: did not come out."""
    support = {"y": Support.YES, "n": Support.NO, "u": Support.UNSETTLED}[letter]
    table: dict[str, dict[str, Any]] = {
        "y": {"accepted": ("TLS_X",), "weak_settled": True, "forward": True},
        "n": {"weak_settled": True, "forward": False},
        "u": {},
    }
    held = table[letter]
    return Version(name=name, support=support, **(held | more))


def endpoint(
    letters: str, changed: dict[str, dict[str, Any]] | None = None, **more: Any
) -> Endpoint:
    changed = changed or {}
    versions = tuple(
        version(n, c, **changed.get(n, {})) for n, c in zip(NAMES_OF_VERSIONS, letters, strict=True)
    )
    return Endpoint(**{"server_name": "", "versions": versions, "groups": ("x25519",)} | more)


def detail(judgement: Judgement) -> str:
    return " ".join(str(m) for m in judgement.detail)


@pytest.mark.parametrize(
    ("letters", "verdict"),
    [
        ("nnnyyn", P),
        ("nnnyyy", P),
        ("nnnyuu", P),
        ("nnyyyn", F),
        ("nyuyyn", F),
        ("ynnnnn", F),
        ("unnyyn", U),
        ("nunyyn", U),
        ("nnuyyn", U),
    ],
)
def test_no_old_versions(letters: str, verdict: Verdict) -> None:
    assert no_old_versions.judge(endpoint(letters)).verdict is verdict


RC4 = {"weak": ("TLS_RSA_WITH_RC4_128_SHA",)}


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        (endpoint("nnnyyn"), P),
        (endpoint("nnnyyn", {"TLS 1.2": RC4}), F),
        (endpoint("nnnyyn", {"TLS 1.2": RC4 | {"weak_settled": False}}), F),
        (endpoint("unnyyn", {"TLS 1.2": RC4}), F),
        (endpoint("nnnyyn", {"TLS 1.2": {"weak_settled": False}}), U),
        (endpoint("nnnyyu"), U),
        (endpoint("unnyyn"), U),
    ],
)
def test_no_weak_suites(seen: Endpoint, verdict: Verdict) -> None:
    assert no_weak_suites.judge(seen).verdict is verdict


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        (endpoint("nnnyyn"), P),
        (endpoint("nnnnyn"), P),
        (endpoint("nnnyyn", {"TLS 1.2": {"forward": False}}), F),
        (endpoint("nynyyn", {"TLS 1.0": {"forward": False}, "TLS 1.2": {"forward": None}}), F),
        (endpoint("nnnyyn", {"TLS 1.2": {"forward": None}}), U),
        (endpoint("nnnyyy", {"TLCP 1.1": {"forward": False}}), P),
        (endpoint("nnnnny"), U),
        (endpoint("unnyyn"), U),  # it may be spoken, and without forward secrecy
        (endpoint("nunyyn", {"TLS 1.2": {"forward": False}}), F),
        (endpoint("nnnyuu"), P),
        (endpoint("nnnyyn", {"TLS 1.2": {"preferred": "TLS_RSA_WITH_AES_128_GCM_SHA256"}}), F),
        (endpoint("nnnyyn", {"TLS 1.2": {"preferred": None}}), U),
    ],
)
def test_forward_secrecy(seen: Endpoint, verdict: Verdict) -> None:
    assert forward_secrecy.judge(seen).verdict is verdict


def test_tlcp_offered() -> None:
    for letters, verdict in (("nnnyyy", P), ("nnnnny", P), ("nnnyyn", F), ("nnnyyu", U)):
        assert tlcp_offered.judge(endpoint(letters)).verdict is verdict


@pytest.mark.parametrize(
    ("stopped", "word"),
    [(Stopped.DEADLINE, "time"), (Stopped.CONNECTIONS, "number"), (Stopped.SILENCE, "no answer")],
)
def test_why_asking_ended_is_said(stopped: Stopped, word: str) -> None:
    assert word in detail(no_weak_suites.judge(endpoint("unnyyn", stopped=stopped)))
    unseen = Certificates(server_name="", own=(cert(),), unseen=("RSA",), stopped=stopped)
    assert word in detail(signature_hash.judge(unseen))
    open_ = Handshakes(older=True, stopped=stopped)
    assert word in detail(no_compression.judge(open_))


# --- certificates ---------------------------------------------------------------------------------


def cert(**more: Any) -> Certificate:
    plain: dict[str, Any] = {
        "sha256": "ab" * 32, "subject": "CN=a", "issuer": "CN=ca", "names": ("a.example",),
        "not_before": "2026-01-01T00:00:00+00:00", "not_after": "2027-01-01T00:00:00+00:00",
        "key": "RSA", "key_bits": 2048, "hash": "sha256", "self_signed": False,
    }  # fmt: skip
    return Certificate(**(plain | more))


UNREAD = Certificate(sha256="cd" * 32, problems=(filled(WHOLE, error="x"),))


def certs(*own: Certificate, **more: Any) -> Certificates:
    return Certificates(**{"server_name": "a.example", "own": own} | more)


@pytest.mark.parametrize(
    ("own", "params", "verdict"),
    [
        ((cert(),), {}, P),
        ((cert(),), {"min_days": 39}, F),
        ((cert(),), {"min_days": 38}, P),  # 38.5 days are left
        ((cert(not_after="2026-12-22T00:00:00+00:00"),), {}, F),
        ((cert(not_after="2026-11-22T00:00:00+00:00"),), {"min_days": 0}, F),
        ((cert(not_before="2026-11-24T00:00:00+00:00"),), {}, F),
        ((cert(not_after="9999-12-31T23:59:59+00:00"),), {}, P),
        ((cert(not_after=None),), {}, U),
        ((cert(), UNREAD), {}, U),
        ((cert(not_after="2026-11-22T00:00:00+00:00"), UNREAD), {}, F),
    ],
)
def test_certificate_valid(
    own: tuple[Certificate, ...], params: dict[str, int], verdict: Verdict
) -> None:
    assert certificate_valid.judge(certs(*own), AT, **params).verdict is verdict


@pytest.mark.parametrize(
    ("end", "days"), [("23T11:59:00", 29.9), ("23T12:00:00", 30.0), ("23T18:00:00", 30.2)]
)
def test_too_few_days_are_never_shown_as_enough(end: str, days: float) -> None:
    got = certificate_valid.judge(certs(cert(not_after=f"2026-12-{end}+00:00")), AT)
    assert got.detail[0].args["days"] == days
    assert (got.verdict is P) is (days >= 30)


def test_a_certificate_that_was_not_seen_is_not_valid() -> None:
    assert certificate_valid.judge(certs(cert(), unseen=("RSA",)), AT).verdict is U
    assert key_strength.judge(certs(cert(), unseen=("RSA",)), GOOD).verdict is U
    gone = cert(not_after="2026-11-22T00:00:00+00:00")
    assert certificate_valid.judge(certs(gone, unseen=("RSA",)), AT).verdict is F


@pytest.mark.parametrize(
    ("unsettling", "word"),
    [
        (("closed",), "the connection was closed without an answer"),
        (("reset",), "the connection was reset without an answer"),
        (("suite C02F",), "not offered: TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
        (("version 0301",), "not offered: TLS 1.0"),
        (("alert 112",), "112 (unrecognized_name)"),
        ((), "not probed"),
        (("alert 47", "timed_out"), "alert 47"),
    ],
)
def test_why_a_version_is_open_is_said(unsettling: tuple[str, ...], word: str) -> None:
    seen = endpoint("unnyyn", {"SSLv3": {"unsettling": unsettling}})
    assert word in detail(no_old_versions.judge(seen))
    assert word in detail(no_weak_suites.judge(seen))


GOOD = endpoint("nnnyyn", prime_bits=(2048,))


@pytest.mark.parametrize(
    ("own", "seen", "params", "verdict"),
    [
        ((cert(),), GOOD, {}, P),
        ((cert(key_bits=2047),), GOOD, {}, F),
        ((cert(),), GOOD, {"rsa_bits": 3072}, F),
        ((cert(key="EC secp224r1", key_bits=224),), GOOD, {}, P),
        ((cert(key="EC secp192r1", key_bits=192),), GOOD, {}, F),
        ((cert(key="SM2", key_bits=256),), GOOD, {}, P),
        ((cert(key="Ed25519", key_bits=256),), GOOD, {}, P),
        ((cert(key="DSA", key_bits=1024),), GOOD, {}, F),
        ((cert(key="EC 1.2.3", key_bits=None),), GOOD, {}, U),
        ((cert(key="Odd", key_bits=9999),), GOOD, {}, U),
        ((UNREAD,), GOOD, {}, U),
        ((UNREAD, cert(key_bits=1024)), GOOD, {}, F),
        ((cert(),), endpoint("nnnyyn", prime_bits=(1024, 2048)), {}, F),
        ((cert(),), endpoint("nnnyyn", groups=("secp192r1",)), {}, F),
        ((cert(),), endpoint("nnnyyn", groups=("explicit curve",)), {}, U),
        ((cert(),), endpoint("nnnyyn", groups=("group 4711",)), {}, U),
        ((cert(),), endpoint("nnnyyn", groups=("secp160r1", "x25519")), {}, F),
        ((cert(),), endpoint("nnnyyn", unsettled=("TLS 1.2 (DHE)",)), {}, U),
        ((cert(),), endpoint("nnnyyn", prime_bits=(1024,), unsettled=("TLS 1.2 (DHE)",)), {}, F),
    ],
)
def test_key_strength(
    own: tuple[Certificate, ...], seen: Endpoint, params: dict[str, int], verdict: Verdict
) -> None:
    assert key_strength.judge(certs(*own), seen, **params).verdict is verdict


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        (certs(cert()), P),
        (certs(cert(hash="sm3")), P),
        (certs(cert(hash="intrinsic")), P),
        (certs(cert(hash="sha1")), F),
        (certs(cert(hash="md5")), F),
        (certs(cert(hash="sha1", self_signed=True)), F),
        (certs(cert(), issuers=(cert(hash="sha1"),)), F),
        (certs(cert(), issuers=(cert(hash="sha1", self_signed=True),)), P),
        (certs(cert(hash=None)), U),
        (certs(cert(hash="gost")), U),
        (certs(UNREAD), U),
        (certs(cert(), issuers=(UNREAD,)), U),
        (certs(cert(), unread=1), U),
        (certs(cert(), unseen=("RSA",)), U),
        (certs(cert(hash="sha1"), unseen=("RSA",)), F),
        (certs(cert(hash="sha1"), issuers=(UNREAD,), unread=1), F),
    ],
)
def test_signature_hash(seen: Certificates, verdict: Verdict) -> None:
    assert signature_hash.judge(seen).verdict is verdict


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        (certs(cert()), P),
        (certs(cert(), unnamed=(cert().sha256,)), F),
        (certs(UNREAD, unnamed=(UNREAD.sha256,)), U),
        (certs(UNREAD, cert(), unnamed=(UNREAD.sha256, cert().sha256)), F),
        (certs(cert(), server_name=""), U),
        (certs(cert(), unseen=("RSA",)), U),
        (certs(cert(), unnamed=(cert().sha256,), unseen=("RSA",)), F),
    ],
)
def test_certificate_name(seen: Certificates, verdict: Verdict) -> None:
    assert certificate_name.judge(seen).verdict is verdict


def test_a_certificate_without_names_is_not_told_to_name_some() -> None:
    bare = cert(names=())
    got = certificate_name.judge(certs(bare, unnamed=(bare.sha256,)))
    assert (got.verdict, got.detail[0].id) == (F, "Certificate {label} has no alternative names")


def target(**settings: Any) -> Target:
    return Target(id="e", kind="endpoint", object_type="server", settings=settings)


def trust(
    outcome: Outcome, code: int = 0, anchors: int = 140, unverified: int = 0, **more: Any
) -> Chains:
    held: dict[str, Any] = {"detail": as_is("words"), "store": "/etc/ssl", **more}
    worst = Trust(outcome=outcome, code=code, anchors=anchors, **held)
    return Chains(worst=worst, unverified=unverified)


NONE = Absent(reason=Reason.NOT_COLLECTED, detail=as_is("none"))


@pytest.mark.parametrize(
    ("seen", "settings", "verdict"),
    [
        (trust(Outcome.TRUSTED), {}, P),
        (trust(Outcome.TRUSTED), {"trust": "private"}, P),
        (trust(Outcome.UNTRUSTED, 18), {}, F),
        (trust(Outcome.UNTRUSTED, 10), {}, F),
        (trust(Outcome.UNTRUSTED, 20), {"trust": "public"}, F),
        (trust(Outcome.UNTRUSTED, 20), {"trust": "private"}, U),
        (trust(Outcome.UNTRUSTED, 18), {"trust": "private"}, U),
        (trust(Outcome.UNTRUSTED, 10), {"trust": "private"}, F),  # expired, whoever issued it
        (trust(Outcome.UNTRUSTED, 20, anchors=0), {}, U),
        (trust(Outcome.UNSETTLED), {}, U),
        (trust(Outcome.TRUSTED, unverified=1), {}, U),
        (trust(Outcome.UNTRUSTED, 18, unverified=1), {}, F),
        (trust(Outcome.UNTRUSTED, 20, within=Within(code=0)), {"trust": "private"}, U),
        (trust(Outcome.UNTRUSTED, 20, within=Within(code=20)), {"trust": "private"}, U),
        (trust(Outcome.UNTRUSTED, 20, within=Within(code=26)), {"trust": "private"}, F),
    ],
)
def test_certificate_trusted(seen: Chains, settings: dict[str, Any], verdict: Verdict) -> None:
    assert certificate_trusted.judge(seen, target(**settings), NONE).verdict is verdict


def test_a_servers_certificate_is_none_of_an_authority() -> None:
    good = trust(Outcome.TRUSTED)
    for fields, verdict in (
        ({"ca": False}, P), ({"ca": True}, F), ({"ca": True, "usages": ("key_cert_sign",)}, F),
        ({"ca": True, "usages": ("digital_signature",)}, U),
        ({"ca": True, "self_signed": True}, U),  # what is trusted here is that one certificate
    ):  # fmt: skip
        own = Certificate(sha256="a", subject="CN=www", **fields)
        found = Certificates(server_name="a.example", own=(own,))
        assert certificate_trusted.judge(good, target(), found).verdict is verdict, fields
    private = {"trust": "private"}
    found = Certificates(server_name="a", own=(Certificate(sha256="a", ca=True),))
    judged = certificate_trusted.judge(trust(Outcome.UNTRUSTED, 20), target(**private), found)
    assert judged.verdict is F


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.id)
def test_every_check_is_of_endpoints_and_says_what_it_saw(check: Check) -> None:
    assert check.kind == "endpoint"
    assert check.remedy is not None
    assert check.when_absent is None


# --- suites ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "weak", "forward"),
    [
        ("TLS_RSA_WITH_NULL_SHA", True, False),
        ("TLS_RSA_EXPORT_WITH_RC4_40_MD5", True, False),
        ("TLS_DH_anon_WITH_AES_128_CBC_SHA", True, False),
        ("TLS_ECDHE_RSA_WITH_RC4_128_SHA", True, True),
        ("TLS_DHE_RSA_WITH_DES_CBC_SHA", True, True),
        ("TLS_RSA_WITH_3DES_EDE_CBC_SHA", True, False),
        ("TLS_KRB5_WITH_IDEA_CBC_SHA", True, False),
        ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", False, True),
        ("TLS_RSA_WITH_AES_128_CBC_SHA", False, False),
        ("TLS_DH_RSA_WITH_AES_128_CBC_SHA", False, False),
        ("TLS_ECDH_RSA_WITH_AES_128_CBC_SHA", False, False),
        ("TLS_AES_128_GCM_SHA256", False, True),
        ("TLS_SHA256_SHA256", True, False),
        ("TLS_ECDHE_RSA_WITH_NULL_SHA", True, False),
        ("TLS_DHE_RSA_EXPORT_WITH_DES40_CBC_SHA", True, False),
        ("TLS_ECDH_anon_WITH_AES_128_CBC_SHA", True, False),
        ("TLS_SM4_GCM_SM3", False, True),
        ("ECC_SM4_GCM_SM3", False, False),
        ("ECDHE_SM4_CBC_SM3", False, True),
    ],
)
def test_what_a_name_says(name: str, weak: bool, forward: bool) -> None:
    (number,) = (n for n, held in NAMES.items() if held == name)
    assert (is_weak(number), has_forward_secrecy(number)) == (weak, forward)


def test_no_suite_is_offered_for_tls12_and_tls13() -> None:
    assert not set(suites_of(TLS12)) & set(suites_of(TLS13))
    assert len(suites_of(TLS12)) > 300
