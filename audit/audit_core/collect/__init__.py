"""The only stage that touches targets: rounds, lock-outs, probers."""

from audit_core.collect.clock import now
from audit_core.collect.collector import Collector, Event, Route
from audit_core.collect.lockouts import Lockouts
from audit_core.collect.probers import ProberProcess, ask_prober

__all__ = ["Collector", "Event", "Lockouts", "ProberProcess", "Route", "ask_prober", "now"]
