"""What every connector has from the core: secrets, scope, deadlines, caps, processes of its own.

How a target is spoken to is a matter of plugins; nothing here names one.
"""

from audit_core.connectors.asking import asked
from audit_core.connectors.clock import now
from audit_core.connectors.pool import Pool
from audit_core.connectors.routes import ByTarget, Route, Routes, route_of

__all__ = ["ByTarget", "Pool", "Route", "Routes", "asked", "now", "route_of"]
