"""Whether backups are as new as they have to be. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from audit_core.api.sdk import Judgement, failed, listed, msg, passed


def backups_fresh(hours: Mapping[str, int | None], *, at_most: int) -> Judgement:
    """Judges the age of the last backup of each database in hours, None where there is none.

    Other programs may back up without leaving a trace here: that is for a person to show.
    """
    expected = msg("a backup within {hours} hours", hours=at_most)
    ages = listed(f"{name} ({'-' if age is None else age})" for name, age in hours.items())
    detail = msg("Hours since the last backup: {names}", names=ages)
    if any(age is None or age > at_most for age in hours.values()):
        return failed(detail, expected=expected)
    return passed(detail, expected=expected)
