"""How long an answer holds. PURE."""

from __future__ import annotations

from audit_core.model.units import Step

HALF_A_YEAR = 183
"""Days: evidence older than half a year does not count, unless the step says otherwise."""


def valid_days(step: Step) -> int:
    """The days for which an answer to `step` holds, from the date of the fact."""
    return step.freshness_days or HALF_A_YEAR
