"""Certificates as a server sent them, parsed as untrusted input."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import ipaddress
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from audit_core.api.sdk import Message, filled, msg, verbatim

_EC_PUBLIC_KEY = "1.2.840.10045.2.1"
# GM/T 0006 object identifiers; curve and hash of the Chinese commercial algorithms.
_CURVES = {"1.2.156.10197.1.301": ("SM2", 256)}
# SEC 2 and RFC 5639 curves below 112 bits, which the library no longer knows.
_SMALL_CURVES = {
    "1.3.132.0.1": 163, "1.3.132.0.2": 163, "1.3.132.0.15": 163, "1.3.132.0.4": 113,
    "1.3.132.0.5": 113, "1.3.132.0.6": 112, "1.3.132.0.7": 112, "1.3.132.0.8": 160,
    "1.3.132.0.9": 160, "1.3.132.0.30": 160, "1.3.132.0.22": 131, "1.3.132.0.23": 131,
    "1.3.132.0.24": 193, "1.3.132.0.25": 193, "1.3.132.0.28": 128, "1.3.132.0.29": 128,
    "1.3.132.0.31": 192, "1.2.840.10045.3.1.1": 192, "1.3.36.3.3.2.8.1.1.1": 160,
    "1.3.36.3.3.2.8.1.1.2": 160, "1.3.36.3.3.2.8.1.1.3": 192, "1.3.36.3.3.2.8.1.1.4": 192,
}  # fmt: skip
WHOLE = msg("certificate: {error}")
NAMES = msg("alternative names: {error}")
"""What of a certificate could not be read, with the error in its place."""

_SIGNATURES = {"1.2.156.10197.1.501": "sm3"}


class Certificate(Struct, frozen=True, kw_only=True):
    """One certificate. None: that part could not be read, and `problems` says why.

    Times are UTC, ISO 8601. `key` is `RSA`, `EC secp256r1`, `SM2`, `Ed25519` …; `key_bits` its
    size, or None where it is not known what the size means. `hash` is the hash of the signature;
    `intrinsic` for Ed25519 and Ed448. `self_signed`: issuer and subject are the same and the key
    verifies the signature, or cannot be tried. `ca`: it may issue others. `usages`: the key usages
    by their names in the library, None where none are given. `key_id`, `authority_id`: identifiers
    of the own key and of the issuer's, in hex. `revocation`: where is told whether it was revoked,
    of `crl`, `ocsp`, `no check` (an OCSP responder's own). `must_staple`: clients want an OCSP
    response from the server itself (RFC 7633).
    """

    sha256: str
    subject: str | None = None
    issuer: str | None = None
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    not_before: str | None = None
    not_after: str | None = None
    key: str | None = None
    key_bits: int | None = None
    hash: str | None = None
    self_signed: bool | None = None
    ca: bool = False
    usages: tuple[str, ...] | None = None
    key_id: str | None = None
    authority_id: str | None = None
    revocation: tuple[str, ...] | None = ()
    must_staple: bool = False
    problems: tuple[Message, ...] = ()


def read_certificate(der: bytes) -> Certificate:
    """What stands in `der`; never raises, whatever the bytes are."""
    problems: list[Message] = []
    found = _Reading(problems)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # negative serial numbers and the like
        values = found.everything(der)
    digest = hashlib.sha256(der).hexdigest()
    return Certificate(sha256=digest, problems=tuple(problems), **values)


class _Reading:
    def __init__(self, problems: list[Message]) -> None:
        self._problems = problems

    def part(self, what: Message, read: Callable[[], Any]) -> Any:
        """The value of `read`, or None with the problem noted: a library may raise anything."""
        try:
            return read()
        except (KeyboardInterrupt, SystemExit, MemoryError):
            raise
        except BaseException as error:  # noqa: BLE001 (a panic of the Rust side is no Exception)
            error_text = verbatim(f"{type(error).__name__}: {error}")
            self._problems.append(filled(what, error=error_text))
            return None

    def everything(self, der: bytes) -> dict[str, Any]:
        from cryptography import x509

        cert = self.part(WHOLE, lambda: x509.load_der_x509_certificate(der))
        if cert is None:
            return {}
        key, bits = self.part(msg("key: {error}"), lambda: _key(cert)) or (None, None)
        dns, ips = self.part(NAMES, lambda: _names(cert)) or ((), ())
        return {
            "subject": self.part(msg("subject: {error}"), lambda: cert.subject.rfc4514_string()),
            "issuer": self.part(msg("issuer: {error}"), lambda: cert.issuer.rfc4514_string()),
            "names": dns,
            "addresses": ips,
            "not_before": self.part(
                msg("start: {error}"), lambda: _moment(cert.not_valid_before_utc)
            ),
            "not_after": self.part(msg("end: {error}"), lambda: _moment(cert.not_valid_after_utc)),
            "key": key,
            "key_bits": bits,
            "hash": self.part(msg("signature: {error}"), lambda: _hash(cert)),
            "self_signed": self.part(msg("issuer: {error}"), lambda: _self_signed(cert)),
            **(self.part(msg("extensions: {error}"), lambda: _extensions(cert)) or _NO_EXTENSIONS),
        }


_NO_EXTENSIONS: dict[str, Any] = {"revocation": None}


def _extensions(cert: Any) -> dict[str, Any]:
    """What the extensions say; nothing where one of them cannot be read."""
    from cryptography import x509
    from cryptography.x509.oid import AuthorityInformationAccessOID

    def value(kind: Any) -> Any:
        try:
            return cert.extensions.get_extension_for_class(kind).value
        except x509.ExtensionNotFound:
            return None

    constraints, usage = value(x509.BasicConstraints), value(x509.KeyUsage)
    own, authority = value(x509.SubjectKeyIdentifier), value(x509.AuthorityKeyIdentifier)
    access = value(x509.AuthorityInformationAccess) or ()
    fields = {
        "crl": value(x509.CRLDistributionPoints) or value(x509.FreshestCRL),
        "ocsp": any(a.access_method == AuthorityInformationAccessOID.OCSP for a in access),
        "no check": value(x509.OCSPNoCheck),
    }
    features = value(x509.TLSFeature) or ()
    named = authority.key_identifier if authority is not None else None
    return {
        "ca": bool(constraints and constraints.ca),
        "usages": None if usage is None else tuple(u for u in _USAGES if getattr(usage, u)),
        "key_id": own.digest.hex() if own is not None else None,
        "authority_id": named.hex() if named else None,
        "revocation": tuple(word for word, there in fields.items() if there),
        "must_staple": x509.TLSFeatureType.status_request in features,
    }


# encipher_only and decipher_only may not be asked of the library without key_agreement
_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
    "key_agreement", "key_cert_sign", "crl_sign",
)  # fmt: skip


def _moment(at: datetime.datetime) -> str:
    return at.isoformat()


def _names(cert: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    from cryptography import x509

    try:
        found = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return (), ()
    addresses = tuple(str(a) for a in found.get_values_for_type(x509.IPAddress))
    return tuple(found.get_values_for_type(x509.DNSName)), addresses


def _key(cert: Any) -> tuple[str, int | None]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

    try:
        key = cert.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return _unusual_key(cert.tbs_certificate_bytes)
    if isinstance(key, rsa.RSAPublicKey):
        return "RSA", key.key_size
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}", key.key_size
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519", 256
    if isinstance(key, ed448.Ed448PublicKey):
        return "Ed448", 456
    # DSA by its name: importing its module warns, and one day fails
    name = type(key).__name__.removesuffix("PublicKey")
    return name, getattr(key, "key_size", None)


def _hash(cert: Any) -> str:
    oid = cert.signature_algorithm_oid.dotted_string
    if oid in _SIGNATURES:
        return _SIGNATURES[oid]
    algorithm = cert.signature_hash_algorithm
    return "intrinsic" if algorithm is None else str(algorithm.name)


def _self_signed(cert: Any) -> bool:
    from cryptography.exceptions import InvalidSignature

    if cert.subject != cert.issuer:
        return False
    try:
        cert.verify_directly_issued_by(cert)
    except InvalidSignature:
        return False
    except Exception:  # noqa: BLE001 (SM2 and the like cannot be tried: the names stand alone)
        return True
    return True


# --- keys that the library does not know --------------------------------------------------------


def _unusual_key(tbs: bytes) -> tuple[str, int | None]:
    """The key's algorithm by its object identifiers, found by walking the DER (RFC 5280 4.1)."""
    (_, body), *_ = _elements(tbs)
    fields = [f for f in _elements(body) if f[0] != 0xA0]  # without the explicit version
    # serial, signature, issuer, validity, subject, subjectPublicKeyInfo
    algorithm = next(_elements(fields[5][1]))[1]
    oids = [_oid(value) for tag, value in _elements(algorithm) if tag == 6]
    if oids[0] != _EC_PUBLIC_KEY:
        return oids[0], None
    curve = oids[1] if len(oids) > 1 else "explicit parameters"
    return _CURVES.get(curve, (f"EC {curve}", _SMALL_CURVES.get(curve)))


def _elements(body: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 2 <= len(body):
        tag, size, at = body[at], body[at + 1], at + 2
        if size & 0x80:
            width = size & 0x7F
            size, at = int.from_bytes(body[at : at + width], "big"), at + width
        yield tag, body[at : at + size]
        at += size


def _oid(value: bytes) -> str:
    parts, number = [], 0
    for byte in value[:64]:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            parts.append(number)
            number = 0
    first = min(parts[0] // 40, 2)
    return ".".join(str(n) for n in (first, parts[0] - 40 * first, *parts[1:]))


# --- names --------------------------------------------------------------------------------------


def matches(certificate: Certificate, server_name: str) -> bool:
    """Whether `server_name` is among the alternative names (RFC 9525; the CN does not count)."""
    with contextlib.suppress(ValueError):
        address = str(ipaddress.ip_address(server_name))
        return address in certificate.addresses
    wanted = server_name.rstrip(".").lower()
    # clients drop the dot at the end of their own name, not of one in a certificate (OpenSSL 3.0)
    return any(_name_matches(name.lower(), wanted) for name in certificate.names)


def _name_matches(name: str, wanted: str) -> bool:
    if "*" not in name:
        return name == wanted
    # one whole left-most label, and at least two labels after it
    head, _, rest = name.partition(".")
    label, _, tail = wanted.partition(".")
    return head == "*" and "." in rest and "*" not in rest and bool(label) and rest == tail
