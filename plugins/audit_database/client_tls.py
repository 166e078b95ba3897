"""TLS of drivers: authorities, our own key, and the context of the standard library."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from audit_core.connectors.secrets import is_reference
from audit_core.model import Closing, ConnectError, ConnectionContext, Reason, msg
from audit_database.access import DatabaseAccess, Tls

# Debian and SUSE; RHEL and Kylin; Alpine. The first that is there holds.
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem",
)  # fmt: skip


def authorities(declared: str | None) -> str:
    """The file with the authorities that may have issued the certificate of a server.

    ConnectError where there is none.
    """
    usual = (os.environ.get("SSL_CERT_FILE"), ssl.get_default_verify_paths().cafile, *_BUNDLES)
    for path in (declared,) if declared is not None else usual:
        if path and Path(path).is_file():
            return path
    if declared is not None:
        why = msg("no certificates of authorities in {path}", path=declared)
    else:
        why = msg("this machine has no list of certificate authorities")
    remedy = msg("Name the file with the certificate of the authority: tls_ca")
    raise ConnectError(Reason.NOT_COLLECTED, why, remedy=remedy)


def tls_context(ca: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext:
    """The TLS of one connection; without `ca` the certificate of the server is not verified."""
    made = ssl.create_default_context(cafile=ca) if ca else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca is None:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    # certificates that servers make by themselves lack what the strict check asks for
    made.verify_flags &= ~ssl.VerifyFlags.VERIFY_X509_STRICT
    if certificate is not None:
        made.load_cert_chain(certificate, key)
    return made


def tls_of(access: DatabaseAccess, key: str | None) -> ssl.SSLContext | None:
    """The TLS that `access` declares, with the private key at `key`; None over a Unix socket."""
    if access.socket is not None or access.tls is Tls.PLAIN:
        return None
    ca = authorities(access.tls_ca) if access.tls is Tls.VERIFY else None
    return tls_context(ca, access.certificate, key)


class KeyText(Closing):
    """The path of a private key: the file itself, or a file in memory with the text of a secret."""

    def __init__(self, key: str | None, context: ConnectionContext) -> None:
        self.path = key
        self._held: int | None = None
        if key is not None and is_reference(key):
            self._held = os.memfd_create("key", os.MFD_CLOEXEC)
            os.fchmod(self._held, 0o600)  # drivers refuse a key that others may read
            os.write(self._held, context.secret(key).encode())
            self.path = f"/proc/self/fd/{self._held}"

    def close(self) -> None:
        """Closes the memory that holds the text. May be called twice."""
        held, self._held = self._held, None
        if held is not None:
            os.close(held)
