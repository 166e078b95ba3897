"""Evaluation: from the bundles of a run to its results, and the watchdog around it."""

from audit_core.evaluate.compute import Evaluator, Work, profile_checks, stamp
from audit_core.evaluate.skipped import SkippedSteps
from audit_core.evaluate.target_status import target_statuses
from audit_core.evaluate.watchdog import STEP_SECONDS, evaluate

__all__ = [
    "STEP_SECONDS",
    "Evaluator",
    "SkippedSteps",
    "Work",
    "evaluate",
    "profile_checks",
    "stamp",
    "target_statuses",
]
