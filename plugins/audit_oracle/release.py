"""Until when releases are supported, as data.

endoflife.date as of 2026-05-18 (23, 21, 19, 18) and Oracle's "Lifetime Support" paper of 2023 (12.2
and before); of 19 the end of Extended Support. Which Release Update is the newest is not kept here.
"""

from __future__ import annotations

from audit_core.api.sdk import COLLECTED_AT, Judgement, Severity, check, msg
from audit_database.release import supported_until
from audit_oracle.server import RELEASE, Release

ENDS = {
    "11.2": "2020-12-31", "12.1": "2022-07-31", "12.2": "2022-03-31", "18": "2021-06-30",
    "19": "2032-12-31", "21": "2027-07-31", "23": "2031-12-31",
}  # fmt: skip


@check(
    "oracle.release-supported", needs=(RELEASE, COLLECTED_AT), severity=Severity.HIGH,
    remedy=msg("Upgrade to a release that still gets security fixes"),
)  # fmt: skip
def release_supported(release: Release, now: str) -> Judgement:
    """The release still gets security fixes."""
    detail = msg("{product} {version}", product=release.product.strip(), version=release.version)
    return supported_until(detail, ENDS.get(release.series), now, packaged=False)


CHECKS = (release_supported,)
