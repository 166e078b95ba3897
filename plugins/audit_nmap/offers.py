"""The connector of this package, and what it needs."""

from __future__ import annotations

from audit_core.api.hooks import Connector, Requirement
from audit_core.model import msg
from audit_nmap.request import PortScan

CONNECTORS = (
    Connector(
        name="ports", kinds=("host",), accepts=(PortScan,), open="audit_nmap.probe:open",
        isolated=True,
        needs=(
            Requirement(name="python-nmap", module="nmap", pip="dengbao[net]",
                        use=msg("ports from outside (extra net)")),
            Requirement(name="nmap", program="nmap", package="nmap",
                        use=msg("ports from outside")),
        ),
    ),
)  # fmt: skip
