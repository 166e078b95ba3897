"""What a certificate says of itself, and for which names it stands."""

from __future__ import annotations

import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from audit_tls.certificate_parser import Certificate, matches, read_certificate
from audit_tls.certificates import Certificates, parse_certificates
from audit_tls.suites import TLS12
from invented.tls import DER, GOOD, attempt, certificate, chain, hello, report


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
    reported = report(attempt(TLS12, hello(TLS12, GOOD) + chain(der)), server_name=names[-1])
    started = time.process_time()
    found = parse_certificates(reported)
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
        (("a.example.",), "a.example", False),  # as openssl verify 3.0 says
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
