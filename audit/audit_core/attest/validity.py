"""How long an answer holds. PURE."""

from __future__ import annotations

import datetime

from audit_core.attest.limits import dates_in, is_broken, parse_limit
from audit_core.model.attestations import Attestation
from audit_core.model.units import Step

HALF_A_YEAR = 183
"""Days: evidence older than half a year does not count, unless the step says otherwise."""


def valid_days(step: Step) -> int:
    """The days for which an answer to `step` holds, from the date of the fact."""
    return step.freshness_days or HALF_A_YEAR


def valid_until(given: Attestation, step: Step) -> datetime.date:
    """The last day on which `given` holds.

    That is the last one for its step, an earlier one that it names, or the one on which the dates
    that it gives reach the limit of the step.
    """
    fact = datetime.date.fromisoformat(given.date)
    last = _after(fact, valid_days(step))
    limit, dates = parse_limit(step.limit), _dates(given)
    if limit is not None and not limit.least and dates and not is_broken(limit, dates, fact):
        # What was in time then is not for ever.
        last = min(last, _after(dates[-1], limit.days))
    return last if given.expires is None else min(last, datetime.date.fromisoformat(given.expires))


def exceeds(given: Attestation, step: Step) -> bool:
    """Whether the dates of the answer break the limit of its step."""
    limit, dates = parse_limit(step.limit), _dates(given)
    fact = datetime.date.fromisoformat(given.date)
    return limit is not None and bool(dates) and is_broken(limit, dates or (), fact)


def _dates(given: Attestation) -> tuple[datetime.date, ...] | None:
    """The dates that the value lists, or the words where they are nothing but dates.

    Documents that an import adds stand behind the words, in 〔 〕.
    """
    return dates_in(given.value or given.text.partition("〔")[0])


def _after(day: datetime.date, days: int) -> datetime.date:
    try:
        return day + datetime.timedelta(days=days)
    except OverflowError:
        return datetime.date.max
