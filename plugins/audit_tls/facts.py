"""The facts about a TLS endpoint, all from one observation."""

from __future__ import annotations

from audit_core.api.sdk import fact
from audit_tls.ask_endpoint import ask
from audit_tls.certificates import Certificates, Chains, parse_certificates, parse_trust
from audit_tls.endpoint import Endpoint, parse_endpoint
from audit_tls.handshakes import Handshakes, parse_handshakes
from audit_tls.speaks_tls import Spoken, parse_spoken

ENDPOINT = fact("tls.endpoint", Endpoint, ask=ask, parse=parse_endpoint, kind="endpoint")
CERTIFICATES = fact(
    "tls.certificates", Certificates, ask=ask, parse=parse_certificates, kind="endpoint"
)
TRUST = fact("tls.trust", Chains, ask=ask, parse=parse_trust, kind="endpoint")
SPOKEN = fact("tls.spoken", Spoken, ask=ask, parse=parse_spoken, kind="endpoint")
HANDSHAKES = fact("tls.handshakes", Handshakes, ask=ask, parse=parse_handshakes, kind="endpoint")

FACTS = (ENDPOINT, CERTIFICATES, TRUST, SPOKEN, HANDSHAKES)
