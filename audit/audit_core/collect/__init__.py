"""Puts the planned requests to the targets, in two rounds, and stores the answers; lock-outs.

May import `connectors`, `store`, `plan`, `inventory`, `attest`, `policy`, `api`, `text` and
`model`.
"""

from audit_core.collect.collector import Collector, Event
from audit_core.collect.logins import Logins

__all__ = ["Collector", "Event", "Logins"]
