"""From the bundles of a run to its results: parse, judge, assess, and the watchdog around them.

May import `collect`, `connectors`, `store`, `plan`, `inventory`, `attest`, `policy`, `api`, `text`
and `model`; parsing, judging and assessing use no clock, socket or file.
"""

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
