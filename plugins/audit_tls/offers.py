"""What this package offers: its connector."""

from __future__ import annotations

from audit_core.api.hooks import Connector
from audit_tls.request import TlsHellos

CONNECTORS = (
    Connector(
        name="tls", kinds=("endpoint",), accepts=(TlsHellos,), open="audit_tls.probe:open",
        isolated=True,
    ),
)  # fmt: skip
