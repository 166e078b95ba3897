"""The only stage that touches targets: rounds and lock-outs."""

from audit_core.collect.collector import Collector, Event
from audit_core.collect.logins import Logins

__all__ = ["Collector", "Event", "Logins"]
