"""Until when releases are supported, as data.

The ends are those of https://www.postgresql.org/support/versioning/ (12 to 16 and before also as
endoflife.date has them; 17 and 18 by the rule there: the second Thursday of November, five years
after the first release). The minor releases are those that postgresql.org announced at `READ`: a
server may be older than what came since, never older than what is told here.
"""

from __future__ import annotations

from audit_core.api.sdk import COLLECTED_AT, Judgement, Severity, check, msg, undetermined
from audit_database.release import newest_minor, supported_until
from audit_postgresql.server import RELEASE, Release

READ = "2025-11-13"
ENDS = {
    90: "2015-10-08", 91: "2016-10-27", 92: "2017-11-09", 93: "2018-11-08", 94: "2020-02-13",
    95: "2021-02-11", 96: "2021-11-11", 10: "2022-11-10", 11: "2023-11-09", 12: "2024-11-21",
    13: "2025-11-13", 14: "2026-11-12", 15: "2027-11-11", 16: "2028-11-09", 17: "2029-11-08",
    18: "2030-11-14",
}  # fmt: skip
"""The day of the last minor release of each major release; 9.6 is 96."""
MINOR = {13: 23, 14: 20, 15: 15, 16: 11, 17: 7, 18: 1}
"""The newest minor release of each major release at `READ`."""

_ORIGINAL = "PostgreSQL"


def _major(release: Release) -> int:
    return release.major if release.number >= 100000 else release.number // 100 - 810


def _shown(release: Release) -> str:
    if release.number >= 100000:
        return f"{release.major}.{release.number % 10000}"
    return f"{release.number // 10000}.{release.number // 100 % 100}.{release.number % 100}"


@check(
    "postgresql.release-supported", needs=(RELEASE, COLLECTED_AT), severity=Severity.HIGH,
    remedy=msg("Upgrade to a release that still gets security fixes"),
)  # fmt: skip
def release_supported(release: Release, now: str) -> Judgement:
    """The major release still gets security fixes."""
    detail = msg("{product} {release}", product=release.product, release=_shown(release))
    if release.product != _ORIGINAL:
        return undetermined(detail, msg("The vendor determines how long it is supported"))
    packaged = "(Debian" in release.text or "(Ubuntu" in release.text
    return supported_until(detail, ENDS.get(_major(release)), now, packaged=packaged)


@check(
    "postgresql.minor-release", needs=RELEASE, severity=Severity.HIGH,
    remedy=msg("Install the newest minor release; it needs a restart only"),
)  # fmt: skip
def minor_release(release: Release) -> Judgement:
    """The newest minor release known here is installed."""
    detail = msg("{product} {release}", product=release.product, release=_shown(release))
    newest = MINOR.get(release.major) if release.product == _ORIGINAL else None
    series, number = str(release.major), release.number % 10000
    return newest_minor(detail, number, newest, series, READ, packaged=False)


CHECKS = (release_supported, minor_release)
