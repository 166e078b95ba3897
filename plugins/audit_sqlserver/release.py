"""Until when releases are supported, as data.

Ends of extended support as the sql-server-kit list (2016 to 2022) and Microsoft's lifecycle page as
copied on 2026-06-20 (2025) tell them. Which cumulative update is the newest is not kept here.
"""

from __future__ import annotations

from audit_core.api.sdk import COLLECTED_AT, Judgement, Severity, check, msg
from audit_database.release import supported_until
from audit_sqlserver.server import RELEASE, Release

ENDS = {
    10: "2019-07-09", 11: "2022-07-12", 12: "2024-07-09", 13: "2026-07-14", 14: "2027-10-12",
    15: "2030-01-08", 16: "2033-01-11", 17: "2036-01-06",
}  # fmt: skip
"""By the first number of the version: 13 is SQL Server 2016, 16 is 2022."""


@check(
    "sqlserver.release-supported", needs=(RELEASE, COLLECTED_AT), severity=Severity.HIGH,
    remedy=msg("Upgrade to a release that still gets security fixes"),
)  # fmt: skip
def release_supported(release: Release, now: str) -> Judgement:
    """The release still gets security fixes."""
    end = ENDS.get(release.major) if release.major is not None else None
    detail = msg("SQL Server {version} ({edition}), update {level}", version=release.version,
                 edition=release.edition or "-", level=release.level or "-")  # fmt: skip
    return supported_until(detail, end, now, packaged=False)


CHECKS = (release_supported,)
