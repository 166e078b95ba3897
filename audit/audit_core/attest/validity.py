"""How long an answer holds. PURE."""

from __future__ import annotations

import datetime

from audit_core.model.attestations import Attestation
from audit_core.model.units import Step

HALF_A_YEAR = 183
"""Days: evidence older than half a year does not count, unless the step says otherwise."""


def valid_days(step: Step) -> int:
    """The days for which an answer to `step` holds, from the date of the fact."""
    return step.freshness_days or HALF_A_YEAR


def valid_until(given: Attestation, step: Step) -> datetime.date:
    """The last day on which `given` holds: that of its step, or an earlier one that it names."""
    fact = datetime.date.fromisoformat(given.date)
    try:
        last = fact + datetime.timedelta(days=valid_days(step))
    except OverflowError:
        last = datetime.date.max
    return last if given.expires is None else min(last, datetime.date.fromisoformat(given.expires))
