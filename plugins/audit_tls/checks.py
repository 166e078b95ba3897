"""The checks of TLS endpoints. A weakness found fails; an open question never passes."""

from __future__ import annotations

from audit_tls import certificate_checks, version_checks
from audit_tls.handshake_checks import HANDSHAKE_CHECKS

CHECKS = (*version_checks.CHECKS, *certificate_checks.CHECKS, *HANDSHAKE_CHECKS)
