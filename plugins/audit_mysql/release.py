"""Until when releases are supported, as data.

MySQL: endoflife.date as of 2026-04-21 (extended support; for innovation releases the day of the
next). MariaDB: endoflife.date as of 2023-05-10 for 10.11 and before; what came since is recalled
from mariadb.org and unverified, as are the minor releases of MariaDB. A server may be older than
what came later, never older than what is detail here.
"""

from __future__ import annotations

from audit_core.api.sdk import COLLECTED_AT, Judgement, Message, Severity, check, msg
from audit_database.release import newest_minor, supported_until
from audit_mysql.server import MARIADB, MYSQL, RELEASE, Release

READ = {MARIADB: "2025-05-31", MYSQL: "2026-04-21"}
ENDS = {
    MARIADB: {
        "5.5": "2020-04-11", "10.0": "2019-03-31", "10.1": "2020-10-17", "10.2": "2022-05-23",
        "10.3": "2023-05-25", "10.4": "2024-06-18", "10.5": "2025-06-24", "10.6": "2026-07-06",
        "10.7": "2023-02-14", "10.8": "2023-05-20", "10.9": "2023-08-22", "10.10": "2023-11-17",
        "10.11": "2028-02-16", "11.4": "2029-05-29", "11.8": "2028-06-04",
    },
    MYSQL: {
        "5.5": "2018-12-31", "5.6": "2021-02-28", "5.7": "2023-10-31", "8.0": "2026-04-30",
        "8.1": "2023-10-25", "8.2": "2023-12-14", "8.3": "2024-04-10", "8.4": "2032-04-30",
        "9.0": "2024-10-15", "9.1": "2025-01-21", "9.2": "2025-04-15", "9.3": "2025-07-22",
        "9.4": "2025-10-21", "9.5": "2026-01-20", "9.6": "2026-04-21",
    },
}  # fmt: skip
MINOR = {
    MARIADB: {"10.3": 39, "10.4": 34, "10.5": 29, "10.6": 22, "10.11": 13, "11.4": 7},
    MYSQL: {"5.7": 44, "8.0": 45, "8.4": 9, "9.7": 0},
}
"""The newest minor release of each series on the day of `READ`."""
_UPSTREAM = ("mariadb.org binary", "mysql community server", "mysql enterprise")


def _packaged(release: Release) -> bool:
    # Debian, Ubuntu, RHEL, Percona and others tell a comment of their own
    return not (release.comment or "").lower().startswith(_UPSTREAM)


def _as_message(release: Release) -> Message:
    comment = release.comment or "-"
    return msg("{product} {release} ({comment})", product=release.name, release=release.version,
               comment=comment)  # fmt: skip


@check(
    "mysql.release-supported", needs=(RELEASE, COLLECTED_AT), severity=Severity.HIGH,
    remedy=msg("Upgrade to a series that still gets security fixes"),
)  # fmt: skip
def release_supported(release: Release, now: str) -> Judgement:
    """The release series still gets security fixes."""
    end = ENDS[release.product].get(release.series)
    return supported_until(_as_message(release), end, now, packaged=_packaged(release))


@check(
    "mysql.minor-release", needs=RELEASE, severity=Severity.HIGH,
    remedy=msg("Install the newest release of the series; it needs a restart only"),
)  # fmt: skip
def minor_release(release: Release) -> Judgement:
    """The newest release known here is installed."""
    product, series = release.product, release.series
    newest = MINOR[product].get(series) if len(release.numbers) > 2 else None
    number = release.numbers[2] if len(release.numbers) > 2 else 0
    return newest_minor(
        _as_message(release), number, newest, series, READ[product], packaged=_packaged(release)
    )


CHECKS = (release_supported, minor_release)
