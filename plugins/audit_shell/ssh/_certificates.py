"""Host certificates: verification against authorities in known_hosts.

PROTOCOL.certkeys of OpenSSH. A certificate stands for a host key where it is a host's, names the
host, is valid now and is signed by a key that a `@cert-authority` line names for this host. As in
OpenSSH from 8.2, an RSA authority must not sign with SHA-1. A certificate without names, which
OpenSSH may take for every host, is good for none here.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from audit_core.model import Message, msg
from audit_shell import hostkeys
from audit_shell.hostkeys import KnownKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.serialization import SSHCertificate


def refusal(
    blob: bytes, key: bytes, host: str, known: tuple[KnownKey, ...], now: float
) -> Message | None:
    """Why the certificate `blob` does not vouch for `key` of `host` at Unix time `now`; or None.

    The places {where} and {key} of the message are the caller's to fill. The server must have
    proven that it holds the key; that is not looked at here.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.serialization import (
        SSHCertificate,
        load_ssh_public_identity,
    )

    unread = msg("{where}: unknown host key {key}; its certificate cannot be read")
    try:
        certificate = load_ssh_public_identity(_as_text(blob))
        if not isinstance(certificate, SSHCertificate) or _blob(certificate.public_key()) != key:
            return unread
        if (wrong := _authority_problem(certificate, blob, known)) is not None:
            return wrong
        certificate.verify_cert_signature()
    except InvalidSignature:
        return msg("{where}: unknown host key {key}; the signature of its certificate is invalid")
    except Exception:  # noqa: BLE001 (whatever it was: the bytes are the server's)
        return unread
    return _content_problem(certificate, host, now)


def validity_problem(blob: bytes, now: float) -> Message | None:
    """Why a certificate of a user is not valid at Unix time `now`; {path} is the caller's to fill.

    None where it is, and where it is of a kind that is not read here: the server decides then.
    """
    from cryptography.hazmat.primitives.serialization import (
        SSHCertificate,
        load_ssh_public_identity,
    )

    try:
        certificate = load_ssh_public_identity(_as_text(blob))
    except Exception:  # noqa: BLE001 (a type that the library does not know)
        return None
    if not isinstance(certificate, SSHCertificate):
        return None
    if certificate.valid_after <= now < certificate.valid_before:
        return None
    return msg(
        "{path}: the certificate is not valid at this time, so no server takes it: get a new one, "
        "or move it away to log in with the key alone"
    )


def _as_text(blob: bytes) -> bytes:
    size = int.from_bytes(blob[:4], "big")
    return blob[4 : 4 + size] + b" " + base64.b64encode(blob)


def _blob(key: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    line: bytes = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return base64.b64decode(line.split(b" ")[1])


def _authority_problem(
    certificate: SSHCertificate, blob: bytes, known: tuple[KnownKey, ...]
) -> Message | None:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    signer = certificate.signature_key()
    key = _blob(signer)
    shown = hostkeys.fingerprint(key)
    if hostkeys.is_revoked(known, key):
        return msg(
            "{where}: unknown host key {key}; the authority {signer} of its certificate is revoked",
            signer=shown,
        )
    if not hostkeys.is_authority(known, key):
        return msg(
            "{where}: unknown host key {key}; its certificate is signed by {signer}, which is not "
            "a @cert-authority for this host in known_hosts",
            signer=shown,
        )
    # The blob ends with the signature: its algorithm, then its length and its bytes.
    if isinstance(signer, RSAPublicKey):
        end = len(blob) - (signer.key_size + 7) // 8 - 4
        if not blob[:end].endswith((b"rsa-sha2-256", b"rsa-sha2-512")):
            return msg(
                "{where}: unknown host key {key}; its certificate is signed with SHA-1, which is "
                "not safe"
            )
    return None


def _content_problem(certificate: SSHCertificate, host: str, now: float) -> Message | None:
    from cryptography.hazmat.primitives.serialization import SSHCertificateType

    if certificate.type is not SSHCertificateType.HOST:
        return msg("{where}: unknown host key {key}; its certificate is a user's, not a host's")
    if certificate.critical_options:
        return msg(
            "{where}: unknown host key {key}; its certificate has conditions that are not "
            "understood"
        )
    if not certificate.valid_after <= now < certificate.valid_before:
        return msg("{where}: unknown host key {key}; its certificate is not valid at this time")
    names = [name.decode("utf-8", "replace").lower() for name in certificate.valid_principals]
    if not any(hostkeys.matches_pattern(name, host.lower()) for name in names):
        return msg("{where}: unknown host key {key}; its certificate is not for {host}", host=host)
    return None
