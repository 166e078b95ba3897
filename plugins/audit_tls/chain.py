"""A real handshake by the collector's OpenSSL: is the chain trusted here, and what is the chain."""

from __future__ import annotations

import re
import socket
import ssl
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from audit_core.api.sdk import msg, verbatim
from audit_tls.certificate_parser import read_certificate
from audit_tls.report import Outcome, TlsAddress, Trust
from audit_tls.sent_certificates import issued, leads_on, own_of
from audit_tls.starttls import begin
from audit_tls.wire import HandshakeError, HandshakeTimeout, PeerClosed, is_name, why

_CAP = 1536 << 10
_MOST = 20
# An anonymous handshake succeeds without any certificate and must not be possible. The rare ones
# are left out because some servers reject a hello with more than 64 suites.
_NOT = "!aNULL:!PSK:!SRP:!CAMELLIA:!ARIA:!SEED:!IDEA:!AESCCM"


def tops(sent: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Those of a chain in DER, as sent, that lead from the server's own upwards and end there."""
    certs = tuple(map(read_certificate, sent[:_MOST]))
    own = own_of(certs, two=False)
    path = (*own, *leads_on(own, certs))
    last = {c.sha256 for c in path if not any(issued(other, c) for other in path)}
    return tuple(der for der, c in zip(sent, certs, strict=False) if c.sha256 in last)


def handshake(
    where: TlsAddress, until: float, kind: str, *, verify: bool, anchors: tuple[bytes, ...] = ()
) -> Trust:
    """What OpenSSL says of the chain of `where`; with `verify=False` only the chain counts.

    `kind`: `RSA` or `ECDSA` asks for a certificate of this kind, which TLS 1.3 has no way to.
    `anchors`: what is trusted in place of this machine's store, DER.
    """
    context = _context(kind, verify=verify, anchors=anchors)
    count, store = _anchors(context)
    bare = Trust(
        outcome=Outcome.UNSETTLED, anchors=count, store=store, library=ssl.OPENSSL_VERSION,
        kind=kind,
    )  # fmt: skip
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server_name = where.name.rstrip(".") if is_name(where.name) else None
    tls = context.wrap_bio(incoming, outgoing, server_hostname=server_name)
    problem = None
    try:
        _shake(tls, incoming, outgoing, where, until)
    except ssl.SSLCertVerificationError as error:
        detail, code = msg("{words}", words=verbatim(error.verify_message)), error.verify_code
        return replace(bare, outcome=Outcome.UNTRUSTED, code=code, detail=detail)
    except (OSError, ValueError, HandshakeError) as error:  # SSLError is an OSError
        problem = why(error)
    # a server that wants a certificate of its client ends the handshake after it has shown its own
    chain, path = _chain(tls), _certificates(tls, "verified") if verify else ()
    if not chain or (verify and not path and problem is not None):
        return replace(bare, detail=problem or msg("the handshake ended without a certificate"))
    return replace(
        bare,
        outcome=Outcome.TRUSTED if verify else Outcome.UNSETTLED,
        chain=tuple(der.hex() for der in chain),
        path=tuple(sha256(der).hexdigest() for der in path),
    )


def _context(kind: str, *, verify: bool, anchors: tuple[bytes, ...]) -> ssl.SSLContext:
    # level 0: keys and hashes have checks of their own, here only the chain is asked about
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    suites = f"a{kind}" if kind else "ALL:COMPLEMENTOFALL"
    context.set_ciphers(f"{suites}:{_NOT}:@SECLEVEL=0")
    if kind:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    if anchors:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an issuer may be none's own
        context.load_verify_locations(cadata=b"".join(anchors))
    else:
        context.load_default_certs()
    return context


def _anchors(context: ssl.SSLContext) -> tuple[int, str]:
    """How many trust anchors there are, and where. A folder is read by OpenSSL only as needed."""
    paths = ssl.get_default_verify_paths()
    count = context.cert_store_stats()["x509_ca"]
    folder = Path(paths.capath) if paths.capath else None
    if folder is not None and folder.is_dir():
        named = re.compile(r"[0-9a-f]{8}\.[0-9]+")
        count = max(count, sum(1 for p in folder.iterdir() if named.fullmatch(p.name)))
    return count, ", ".join(p for p in (paths.cafile, paths.capath) if p)


def _shake(
    tls: ssl.SSLObject,
    incoming: ssl.MemoryBIO,
    outgoing: ssl.MemoryBIO,
    where: TlsAddress,
    until: float,
) -> None:
    """A whole handshake. Through memory, for the deadline is on all of it."""
    with socket.create_connection(where.socket, timeout=_left(until)) as peer:
        begin(peer, where.starttls, until)
        total = 0
        while True:
            try:
                return tls.do_handshake()
            except ssl.SSLWantReadError:
                peer.settimeout(_left(until))
                peer.sendall(outgoing.read())
            data = peer.recv(65536)
            total += len(data)
            if not data or total > _CAP:
                raise PeerClosed(
                    msg("closed during the handshake") if not data else msg("too long")
                )
            incoming.write(data)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise HandshakeTimeout(msg("the handshake took too long"))
    return left


def _chain(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    """The chain as sent, DER; the leaf alone where this Python does not tell the rest."""
    found = _certificates(tls, "unverified")
    if found:
        return found
    try:
        leaf = tls.getpeercert(binary_form=True)
    except ValueError:  # the handshake did not get that far
        return ()
    return (leaf,) if leaf else ()


def _certificates(tls: ssl.SSLObject, which: str) -> tuple[bytes, ...]:
    """The chain as sent or as verified, DER. Before Python 3.13 it is told inside only."""
    public = getattr(tls, f"get_{which}_chain", None)
    if public is not None:
        return tuple(public())
    inner: Any = getattr(getattr(tls, "_sslobj", None), f"get_{which}_chain", None)
    found = inner() if inner is not None else None
    return tuple(ssl.PEM_cert_to_DER_cert(c.public_bytes()) for c in found or ())
