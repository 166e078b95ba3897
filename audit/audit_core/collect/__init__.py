"""Collection: the only stage that contacts targets. It runs the rounds and limits failed logins."""

from audit_core.collect.collector import Collector, Event
from audit_core.collect.logins import Logins

__all__ = ["Collector", "Event", "Logins"]
