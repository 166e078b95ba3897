"""What the core provides to all connectors: secrets, scope, deadlines, limits, worker processes.

The protocols are those of plugins; nothing here depends on one.
"""

from audit_core.connectors.asking import asked
from audit_core.connectors.clock import now
from audit_core.connectors.pool import Pool
from audit_core.connectors.routes import ByTarget, Route, Routes, route_of

__all__ = ["ByTarget", "Pool", "Route", "Routes", "asked", "now", "route_of"]
