"""Certificates and chains of every sort on real servers, and what the checks say of them."""

from __future__ import annotations

import datetime
import ipaddress
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

from audit_core.model import Verdict
from live.tls_servers import CRL, Material, judge, needed, s_server, verdicts, write

pytestmark = pytest.mark.live

P, F, U = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
WIDE = ("-cipher", "ECDHE+AESGCM:@SECLEVEL=0", "-tls1_2")


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return Material(tmp_path_factory.mktemp("tls"))


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


ROOT_KEY, OTHER_KEY, MIDDLE_KEY, KEY = ec_key(), ec_key(), ec_key(), ec_key()
RSA_KEY = rsa.generate_private_key(65537, 2048)
NAMES = ("www.example.com",)


def sign(
    subject: str, key: Any, issuer: str, issuer_key: Any, *, ca: bool = True,
    days: tuple[int, int] = (-1, 90), names: tuple[str, ...] = (), hash_: Any = None,
    depth: int | None = None, only: str = "", staple: bool = False,
) -> x509.Certificate:  # fmt: skip
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=days[0]))
        .not_valid_after(now + datetime.timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=depth), critical=True)
        .add_extension(CRL, critical=False)
    )
    if staple:
        wanted = x509.TLSFeature([x509.TLSFeatureType.status_request])
        made = made.add_extension(wanted, critical=False)
    if names:
        found = [_name(n) for n in names]
        made = made.add_extension(x509.SubjectAlternativeName(found), critical=False)
    if only:
        limits = x509.NameConstraints([x509.DNSName(only)], None)
        made = made.add_extension(limits, critical=True)
    return made.sign(issuer_key, hash_ or hashes.SHA256())


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def leaf(issuer: str = "middle", issuer_key: Any = MIDDLE_KEY, **more: Any) -> x509.Certificate:
    key = more.pop("key", KEY)
    held: dict[str, Any] = {"ca": False, "names": NAMES} | more
    return sign("www", key, issuer, issuer_key, **held)


ROOT = sign("root", ROOT_KEY, "root", ROOT_KEY)
OTHER_ROOT = sign("other", OTHER_KEY, "other", OTHER_KEY)
MIDDLE = sign("middle", MIDDLE_KEY, "root", ROOT_KEY)
ENDED_MIDDLE = sign("middle", MIDDLE_KEY, "root", ROOT_KEY, days=(-9, -1))
CROSS = sign("root", ROOT_KEY, "other", OTHER_KEY)  # the root's key, signed by another root
LEAF = leaf()
# It may issue no other authority, and nothing but names of b.example.
SHORT = sign("middle", MIDDLE_KEY, "root", ROOT_KEY, depth=0)
BELOW = sign("below", OTHER_KEY, "middle", MIDDLE_KEY)
NARROW = sign("middle", MIDDLE_KEY, "root", ROOT_KEY, only="b.example")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where certificates are written; this collector trusts the first root only."""
    monkeypatch.setenv("SSL_CERT_FILE", str(write(tmp_path / "root.pem", ROOT)))
    return tmp_path


def looked_at(
    material: Material, folder: Path, certs: tuple[Any, ...], *, key: Any = KEY,
    name: str = NAMES[0], **settings: Any,
) -> dict[str, Verdict]:  # fmt: skip
    pem = write(folder / "leaf.pem", key, certs[0])
    rest = ("-cert_chain", str(write(folder / "rest.pem", *certs[1:]))) if certs[1:] else ()
    with s_server(material, pem, *WIDE, *rest) as port:
        return verdicts(judge(port, server_name=name, **settings))


@pytest.mark.parametrize(
    ("certs", "trusted"),
    [
        ((LEAF, MIDDLE), P),
        ((LEAF, MIDDLE, ROOT), P),
        ((LEAF, ROOT, MIDDLE), P),  # the order is no matter to a verifier (RFC 8446 4.4.2)
        ((LEAF,), F),  # the intermediate is missing
        ((LEAF, ENDED_MIDDLE), F),
        ((leaf("root", ROOT_KEY),), P),
        ((leaf("other", OTHER_KEY), OTHER_ROOT), F),
        ((LEAF, MIDDLE, CROSS), P),  # cross-signed, and this root is known
        ((leaf("www", KEY),), F),  # signed by itself
        ((leaf("middle", OTHER_KEY), MIDDLE), F),  # not by the one it names
    ],
    ids=["whole", "with root", "order", "gap", "expired middle", "direct", "other root", "cross",
         "self-signed", "forged"],
)  # fmt: skip
def test_chains(material: Material, folder: Path, certs: tuple[Any, ...], trusted: Verdict) -> None:
    found = looked_at(material, folder, certs)
    valid = F if ENDED_MIDDLE in certs else P
    assert (found["certificate-trusted"], found["certificate-valid"]) == (trusted, valid)
    assert found["chain-order"] is (F if certs == (LEAF, ROOT, MIDDLE) else P)


def test_a_certificate_that_wants_a_stapled_response(material: Material, folder: Path) -> None:
    wanting, now = leaf(staple=True), datetime.datetime.now(datetime.UTC)
    made = ocsp.OCSPResponseBuilder().add_response(
        wanting, MIDDLE, hashes.SHA1(), ocsp.OCSPCertStatus.GOOD, now, None, None, None
    ).responder_id(ocsp.OCSPResponderEncoding.NAME, MIDDLE)  # fmt: skip
    response = folder / "response.der"
    response.write_bytes(made.sign(MIDDLE_KEY, hashes.SHA256()).public_bytes(Encoding.DER))
    pem = write(folder / "leaf.pem", KEY, wanting)
    rest = ("-cert_chain", str(write(folder / "rest.pem", MIDDLE)))
    outcomes = {(): F, ("-status_file", str(response)): P}
    for options, expected in outcomes.items():
        with s_server(material, pem, *WIDE, *rest, *options) as port:
            found = verdicts(judge(port, server_name=NAMES[0]))
            assert found["certificate-revocable"] is expected
    only_13 = ("-tls1_3", *rest, "-status_file", str(response))
    with s_server(material, pem, *only_13) as port:  # encrypted
        assert verdicts(judge(port, server_name=NAMES[0]))["certificate-revocable"] is U


@pytest.mark.parametrize(
    ("certs", "trusted"),
    [((LEAF, MIDDLE), P), ((LEAF,), U), ((LEAF, ENDED_MIDDLE), F),
     ((leaf("other", OTHER_KEY), OTHER_ROOT), U), ((leaf("other", KEY), OTHER_ROOT), F),
     ((leaf("below", OTHER_KEY), BELOW, SHORT), F), ((LEAF, NARROW), F)],
    ids=["whole", "gap", "expired middle", "other root", "forged", "path length", "names"],
)  # fmt: skip
def test_chains_of_a_private_authority(
    material: Material, folder: Path, certs: tuple[Any, ...], trusted: Verdict
) -> None:
    found = looked_at(material, folder, certs, trust="private")
    assert found["certificate-trusted"] is trusted


@pytest.mark.parametrize(
    ("days", "valid", "trusted"),
    [((-90, -1), F, F), ((-90, 29), F, P), ((-90, 31), P, P), ((1, 90), F, F)],
    ids=["over", "soon over", "good", "not yet"],
)
def test_times(
    material: Material, folder: Path, days: tuple[int, int], valid: Verdict, trusted: Verdict
) -> None:
    found = looked_at(material, folder, (leaf("root", ROOT_KEY, days=days),))
    assert (found["certificate-valid"], found["certificate-trusted"]) == (valid, trusted)


@pytest.mark.parametrize(
    ("names", "declared", "verdict"),
    [
        (("www.example.com",), "www.example.com", P),
        (("WWW.example.com",), "www.Example.com", P),
        (("www.example.com",), "www.example.com.", P),
        (("other.example.com", "www.example.com"), "www.example.com", P),
        (("other.example.com",), "www.example.com", F),
        (("example.com",), "www.example.com", F),
        (("*.example.com",), "www.example.com", P),
        (("*.example.com",), "a.www.example.com", F),
        (("*.example.com",), "example.com", F),
        (("*.com",), "example.com", F),
        (("w*.example.com",), "www.example.com", F),
        (("www.*.com",), "www.example.com", F),
        (("xn--fsqu00a.xn--fiqs8s",), "xn--fsqu00a.xn--fiqs8s", P),
        (("xn--fsqu00a.xn--fiqs8s",), "xn--other.xn--fiqs8s", F),
        (("127.0.0.1",), "127.0.0.1", P),
        (("127.0.0.2",), "127.0.0.1", F),
        (("::1",), "0:0::1", P),
        (("www.example.com",), "127.0.0.1", F),
        ((), "www.example.com", F),  # a name in the subject alone does not count
    ],
)
def test_names(
    material: Material, folder: Path, names: tuple[str, ...], declared: str, verdict: Verdict
) -> None:
    certs = (leaf("root", ROOT_KEY, names=names),)
    assert looked_at(material, folder, certs, name=declared)["certificate-name"] is verdict


def test_an_intermediate_signed_with_sha1(material: Material, folder: Path) -> None:
    """OpenSSL signs it: the library no longer does."""
    csr = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "middle")]))
        .sign(MIDDLE_KEY, hashes.SHA256())
    )
    (folder / "csr.pem").write_bytes(csr.public_bytes(Encoding.PEM))
    (folder / "ext").write_text("basicConstraints=critical,CA:true\n")
    issuer = write(folder / "issuer.pem", ROOT_KEY, ROOT)
    made = subprocess.run(
        [needed("openssl"), "x509", "-req", "-sha1", "-in", folder / "csr.pem", "-CA", issuer,
         "-CAkey", issuer, "-extfile", folder / "ext", "-days", "90"],
        check=True, capture_output=True,
    )  # fmt: skip
    middle = x509.load_pem_x509_certificate(made.stdout)
    found = looked_at(material, folder, (LEAF, middle))
    assert (found["signature-hash"], found["certificate-trusted"]) == (F, P)
    assert looked_at(material, folder, (LEAF, MIDDLE))["signature-hash"] is P


# --- more than one certificate --------------------------------------------------------------------

EC_LEAF = leaf("root", ROOT_KEY)
RSA_LEAF = leaf("root", ROOT_KEY, key=RSA_KEY)
ED_KEY = ed25519.Ed25519PrivateKey.generate()
ED_LEAF = leaf("root", ROOT_KEY, key=ED_KEY)
SMALL_KEY = rsa.generate_private_key(65537, 1024)
BAD_RSA = leaf("other", OTHER_KEY, key=SMALL_KEY, names=("old.example.com",), days=(-9, -1))


def two(
    material: Material, folder: Path, first: tuple[Any, Any], second: tuple[Any, Any], *how: str
) -> dict[str, Verdict]:
    one, other = write(folder / "1.pem", *first), str(write(folder / "2.pem", *second))
    with s_server(material, one, "-dcert", other, "-dkey", other, *how) as port:
        return verdicts(judge(port, server_name=NAMES[0]))


OF_CERTIFICATES = (
    "certificate-valid", "key-strength", "certificate-name", "certificate-trusted",
    "signature-hash",
)  # fmt: skip


@pytest.mark.parametrize("seconds", [(RSA_KEY, RSA_LEAF), (ED_KEY, ED_LEAF)], ids=["RSA", "EdDSA"])
def test_two_good_certificates(material: Material, folder: Path, seconds: tuple[Any, Any]) -> None:
    found = two(material, folder, (KEY, EC_LEAF), seconds, *WIDE)
    assert {found[id] for id in OF_CERTIFICATES if id != "certificate-trusted"} == {P}
    # OpenSSL has no way here to ask for the other of two that share their suites
    assert found["certificate-trusted"] is (P if seconds[0] is RSA_KEY else U)


def test_the_second_certificate_is_bad(material: Material, folder: Path) -> None:
    found = two(material, folder, (KEY, EC_LEAF), (SMALL_KEY, BAD_RSA), *WIDE)
    assert {found[id] for id in OF_CERTIFICATES} == {F, P}
    assert found["signature-hash"] is P


def test_a_second_certificate_of_tls13_is_not_passed(material: Material, folder: Path) -> None:
    how = ("-tls1_3", "-cipher", "ALL:@SECLEVEL=0")
    found = two(material, folder, (KEY, EC_LEAF), (SMALL_KEY, BAD_RSA), *how)
    assert {found[id] for id in OF_CERTIFICATES if id != "certificate-trusted"} == {U}
    assert found["certificate-trusted"] is not F


def test_an_anonymous_handshake_verifies_nothing(material: Material, folder: Path) -> None:
    pem = write(folder / "leaf.pem", SMALL_KEY, BAD_RSA)
    with s_server(material, pem, "-tls1_2", "-cipher", "aNULL:@SECLEVEL=0") as port:
        found = verdicts(judge(port, server_name=NAMES[0]))
    assert found["no-weak-suites"] is F
    assert {found[id] for id in OF_CERTIFICATES} == {U}


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_certificate_of_the_client_is_wanted(
    material: Material, folder: Path, version: str
) -> None:
    pem = write(folder / "leaf.pem", KEY, EC_LEAF)
    how = (version, "-Verify", "1", "-cipher", "ECDHE+AESGCM", "-sigalgs", "ECDSA+SHA256")
    with s_server(material, pem, *how) as port:
        found = verdicts(judge(port, server_name=NAMES[0]))
    # before TLS 1.3 no handshake ends without our certificate, so that none can be begun again
    assert found.pop("client-renegotiation") is (U if version == "-tls1_2" else P)
    # before TLS 1.3 the server ends the handshake after the chain was verified
    assert set(found.values()) == {P}


def test_a_huge_chain(material: Material, folder: Path) -> None:
    names = tuple(f"host-{i:06d}.example.com" for i in range(1500))
    middle = sign("middle", MIDDLE_KEY, "root", ROOT_KEY, names=names)
    found = looked_at(material, folder, (LEAF, middle))
    assert {found[id] for id in OF_CERTIFICATES} == {P}
