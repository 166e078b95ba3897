"""What all connectors share: secrets, scope, deadlines, size limits and worker processes.

May import `plan`, `inventory`, `attest`, `policy`, `api`, `text` and `model`.

The connectors themselves (SSH, local shell, ports, TLS) are offers of plugins.
"""

from audit_core.connectors.asking import asked, capped
from audit_core.connectors.clock import now
from audit_core.connectors.pool import Pool
from audit_core.connectors.routes import ByTarget, Route, Routes, route_of

__all__ = ["ByTarget", "Pool", "Route", "Routes", "asked", "capped", "now", "route_of"]
