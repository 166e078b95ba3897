"""The signature of a pack: DSSE over an in-toto statement about manifest.json."""

from __future__ import annotations

import binascii
import hashlib
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from audit_core.model.results import encode
from audit_core.pack.documents import MANIFEST
from audit_core.pack.keys import SigningKey, fingerprint

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:dengbao:pack:1"


class Subject(Struct, frozen=True, kw_only=True):
    """What is vouched for, by name and digest."""

    name: str
    digest: dict[str, str]


class Predicate(Struct, frozen=True, kw_only=True):
    """What the signer says of the manifest."""

    run: str
    root: str
    dengbao: str


class Statement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An in-toto statement, version 1."""

    type: str = msgspec.field(name="_type")
    subject: tuple[Subject, ...]
    predicate_type: str = msgspec.field(name="predicateType")
    predicate: Predicate


def _statement(sha256: str, predicate: Predicate) -> Statement:
    return Statement(
        type=STATEMENT,
        subject=(Subject(name=MANIFEST, digest={"sha256": sha256}),),
        predicate_type=PREDICATE,
        predicate=predicate,
    )


def sign(sha256: str, predicate: Predicate, key: SigningKey) -> bytes:
    """The envelope (JSON) in which `key` vouches for the manifest with this digest (hex).

    The same every time.
    """
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined]

    public = SSlibKey.from_crypto(key.private.public_key(), keyid=key.fingerprint)
    payload = encode(_statement(sha256, predicate))
    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    envelope.sign(CryptoSigner(key.private, public))
    return encode(envelope.to_dict())


def signer(envelope: bytes) -> str | None:
    """The fingerprint that the envelope names as its signer, unproven; None if it is broken."""
    try:
        (signature,) = msgspec.json.decode(envelope)["signatures"]
        return str(signature["keyid"])
    except (msgspec.MsgspecError, RecursionError, KeyError, TypeError, ValueError):
        return None


def _open(envelope: bytes) -> Any:
    from securesystemslib.dsse import Envelope

    document = msgspec.json.decode(envelope, type=dict[str, Any])
    opened = Envelope.from_dict(document)
    if opened.payload_type != PAYLOAD_TYPE or len(opened.signatures) != 1:
        raise ValueError("not an envelope of one in-toto statement")
    return opened


def statement(envelope: bytes, public: Ed25519PublicKey) -> Statement | None:
    """The statement in `envelope` if `public` signed it, else None. Never raises."""
    from securesystemslib.exceptions import Error, FormatError, VerificationError
    from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]

    try:
        opened = _open(envelope)
        key = SSlibKey.from_crypto(public, keyid=fingerprint(public))
        opened.verify([key], 1)
        return msgspec.json.decode(opened.payload, type=Statement)
    except (Error, FormatError, VerificationError, msgspec.MsgspecError, binascii.Error):
        return None
    except (RecursionError, KeyError, TypeError, ValueError, AttributeError):
        return None  # from_dict takes any JSON and fails on unexpected shapes


def vouches(detail: Statement, manifest: bytes) -> bool:
    """Whether `detail` is exactly what dengbao says of these bytes of manifest.json."""
    return detail == _statement(hashlib.sha256(manifest).hexdigest(), detail.predicate)
