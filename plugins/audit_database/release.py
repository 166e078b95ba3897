"""Whether a release still gets security fixes, and has those that are known. Pure."""

from __future__ import annotations

import datetime

from audit_core.api.sdk import Judgement, Message, failed, msg, passed, undetermined


def supported_until(
    detail: Message, end: str | None, collected_at: str, *, packaged: bool
) -> Judgement:
    """Judges by the day `end` (ISO 8601) of the last fixes, None where it is not known.

    `packaged`: it comes from a distribution, which may go on with fixes of its own.
    """
    if end is None:
        return undetermined(detail, msg("The end of its support is not known here"))
    if end >= datetime.datetime.fromisoformat(collected_at).date().isoformat():
        return passed(detail, msg("supported until {end}", end=end))
    if packaged:
        return undetermined(
            detail,
            msg(
                "support ended {end}; whether the distribution still maintains it "
                "has to be checked on the host",
                end=end,
            ),
        )
    return failed(detail, msg("support ended {end}", end=end))


def newest_minor(
    detail: Message, number: int, newest: int | None, series: str, read: str, *, packaged: bool
) -> Judgement:
    """Judges the minor release `number` by the `newest` of its `series` on the day `read`."""
    if newest is None:
        return undetermined(detail, msg("Which minor release is the newest is not known here"))
    known = f"{series}.{newest}"
    if number >= newest:
        return passed(
            detail, msg("Not older than {known}, the newest known on {day}", known=known, day=read)
        )
    older = msg("{known} had been released by {day}", known=known, day=read)
    if packaged:
        more = msg("Whether the distribution has added the fixes has to be checked on the host")
        return undetermined(detail, older, more)
    return failed(detail, older)
