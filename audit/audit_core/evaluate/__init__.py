"""From a run's bundles to its results: what is computed, and the watchdog that guards it."""

from audit_core.evaluate.compute import Work, compute, profile_checks
from audit_core.evaluate.skipped import SkippedSteps
from audit_core.evaluate.watchdog import STEP_SECONDS, evaluate

__all__ = ["STEP_SECONDS", "SkippedSteps", "Work", "compute", "evaluate", "profile_checks"]
