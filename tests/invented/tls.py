"""Replies of TLS servers and certificates, invented byte by byte, and what they are parsed to."""

from __future__ import annotations

import datetime
import struct
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from audit_core.model import Answer, Target
from audit_tls.endpoint import Endpoint, Support, parse_endpoint
from audit_tls.report import SCHEMA, Attempt, Ended, Report
from audit_tls.suites import TLS12, TLS13, suites_of
from audit_tls.wire import HelloSubset

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
    narrow = more.get("narrow", HelloSubset.NO)
    return Attempt(version=version, offered=offered, ended=ended, reply=reply.hex(), narrow=narrow)


def answer(raw: bytes) -> Answer:
    target = Target(id="web1/tls:443", kind="endpoint", object_type="server")
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
