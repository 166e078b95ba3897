"""Until when distributions are supported, as data.

`confidence` says where a row is from: `read` rows name their source, `recalled` rows were written
from memory and never settle a verdict. `end` is the last day of the support that comes without a
further contract, `extended` the last day of support that has to be bought; None is not known.
`regular` is the last day of the distribution's own security support, where others go on after it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct

from audit_patch.model import Release


class Support(Struct, frozen=True, kw_only=True):
    """The support of one release: ISO dates, and how sure the row is."""

    end: str | None
    extended: str | None = None
    source: str
    confidence: str = "read"
    regular: str | None = None


_DISTRO_INFO = "distro-info-data 0.58+deb12u7"
_EOL = "endoflife.date (2026-08-22)"
# What the vendors' pages say, as the tables of that scanner repeat it.
_TRIVY = "openeuler.org and alibabacloud.com, by trivy (2026)"


def _rows(id: str, source: str, rows: dict[str, tuple[str, str | None]]) -> dict[str, Support]:
    return {
        f"{id} {version}": Support(end=end, extended=extended, source=source)
        for version, (end, extended) in rows.items()
    }


def _recalled(end: str | None) -> Support:
    return Support(end=end, source="memory", confidence="recalled")


SUPPORT: dict[str, Support] = {
    # Debian: the end of its own support, of LTS and of ELTS.
    **{f"debian {version}": Support(regular=regular, end=end, extended=extended,
                                    source=_DISTRO_INFO)
       for version, regular, end, extended in (
        ("8", "2018-06-17", "2020-06-30", "2025-06-30"),
        ("9", "2020-07-18", "2022-06-30", "2027-06-30"),
        ("10", "2022-09-10", "2024-06-30", "2029-06-30"),
        ("11", "2024-08-14", "2026-08-31", "2031-06-30"),
        ("12", "2026-07-11", "2028-06-30", "2033-06-30"),
        ("13", "2028-08-09", "2030-06-30", "2035-06-30"),
    )},
    # Ubuntu: standard support; extended is ESM and the legacy add-on.
    **_rows("ubuntu", _DISTRO_INFO, {
        "14.04": ("2019-04-25", "2026-04-28"), "16.04": ("2021-04-30", "2028-04-25"),
        "18.04": ("2023-05-31", "2030-04-30"), "20.04": ("2025-05-29", "2032-04-27"),
        "22.04": ("2027-06-01", "2034-04-25"), "24.04": ("2029-05-31", "2036-04-29"),
        "26.04": ("2031-05-29", "2038-04-27"),
        # Between two LTS: nine months, and no ESM.
        "20.10": ("2021-07-22", None), "21.04": ("2022-01-20", None), "21.10": ("2022-07-14", None),
        "22.10": ("2023-07-20", None), "23.04": ("2024-01-25", None), "23.10": ("2024-07-11", None),
        "24.10": ("2025-07-10", None), "25.04": ("2026-01-15", None), "25.10": ("2026-07-09", None),
    }),
    **_rows("rhel", _EOL, {
        "5": ("2017-03-31", "2020-11-30"),
        "6": ("2020-11-30", "2024-06-30"), "7": ("2024-06-30", "2029-05-31"),
        "8": ("2029-05-31", "2033-05-31"), "9": ("2032-05-31", "2036-05-31"),
        "10": ("2035-05-31", "2039-05-31"),
    }),
    **_rows("ol", _EOL, {
        "6": ("2021-03-31", "2024-12-31"), "7": ("2024-12-31", "2028-06-30"),
        "8": ("2029-07-31", "2032-07-31"), "9": ("2032-06-30", "2035-06-30"),
    }),
    **_rows("rocky", _EOL, {
        "8": ("2029-05-31", None), "9": ("2032-05-31", None), "10": ("2035-05-31", None),
    }),
    **_rows("almalinux", _EOL, {
        "8": ("2029-05-31", None), "9": ("2032-05-31", None), "10": ("2035-05-31", None),
    }),
    **_rows("centos", _EOL, {
        "5": ("2017-03-31", None),
        "6": ("2020-11-30", None), "7": ("2024-06-30", None), "8": ("2021-12-31", None),
    }),
    **_rows("centos-stream", _EOL, {
        "8": ("2024-05-31", None), "9": ("2027-05-31", None), "10": ("2030-05-31", None),
    }),
    **_rows("fedora", _EOL, {
        "38": ("2024-05-21", None), "39": ("2024-11-26", None), "40": ("2025-05-13", None),
        "41": ("2025-12-15", None), "42": ("2026-05-27", None), "43": ("2026-12-09", None),
        "44": ("2027-06-02", None),
    }),
    **_rows("amzn", _EOL, {
        "2018.03": ("2023-12-31", None), "2": ("2026-06-30", None), "2023": ("2029-06-30", None),
    }),
    **_rows("opensuse-leap", _EOL, {
        "15.3": ("2022-12-31", None), "15.4": ("2023-12-07", None), "15.5": ("2024-12-31", None),
        "15.6": ("2026-04-30", None), "16.0": ("2027-10-31", None),
    }),
    **_rows("alpine", _EOL, {
        "3.16": ("2024-05-23", None), "3.17": ("2024-11-22", None), "3.18": ("2025-05-09", None),
        "3.19": ("2025-11-01", None), "3.20": ("2026-04-01", None), "3.21": ("2026-11-01", None),
        "3.22": ("2027-05-01", None), "3.23": ("2027-11-01", None), "3.24": ("2028-06-01", None),
    }),
    **_rows("devuan", _EOL, {
        "4": ("2026-08-15", None), "5": ("2028-06-10", None), "6": ("2030-06-30", None),
    }),
    # openEuler: each service pack ends on a day of its own; os-release tells it in VERSION only.
    **_rows("openeuler", _TRIVY, {
        "20.03 (LTS)": ("2022-03-31", None), "20.03 (LTS-SP1)": ("2022-12-31", None),
        "20.03 (LTS-SP2)": ("2022-03-31", None), "20.03 (LTS-SP3)": ("2023-12-31", None),
        "20.03 (LTS-SP4)": ("2026-03-31", None), "22.03 (LTS)": ("2024-03-31", None),
        "22.03 (LTS-SP1)": ("2024-12-31", None), "22.03 (LTS-SP2)": ("2024-03-31", None),
        "22.03 (LTS-SP3)": ("2025-12-31", None), "22.03 (LTS-SP4)": ("2028-03-31", None),
        "24.03 (LTS)": ("2026-03-31", None), "24.09": ("2025-03-31", None),
        "25.03": ("2025-09-30", None),
    }),
    "openeuler 24.03 (LTS-SP1)": _recalled("2026-12-31"),
    "openeuler 24.03 (LTS-SP2)": _recalled(None),
    "openeuler 24.03 (LTS-SP3)": _recalled("2027-12-31"),
    "openeuler 24.03 (LTS-SP4)": _recalled(None),
    **_rows("alinux", _TRIVY, {
        "2": ("2024-03-31", None), "3": ("2031-04-30", None), "4": ("2038-06-30", None),
    }),
    "anolis 8": _recalled("2031-03-31"),
    "anolis 23": _recalled(None),
    **_rows("sles", _EOL, {
        "11.4": ("2019-03-31", "2022-03-31"), "12.3": ("2019-06-30", "2022-06-30"),
        "12.4": ("2020-06-30", "2023-06-30"),
        "12.5": ("2024-10-31", "2027-10-31"), "15.1": ("2021-01-31", "2024-01-31"),
        "15.2": ("2021-12-31", "2024-12-31"), "15.3": ("2022-12-31", "2025-12-31"),
        "15.4": ("2023-12-31", "2026-12-31"), "15.5": ("2024-12-31", "2027-12-31"),
        "15.6": ("2025-12-31", "2028-12-31"), "15.7": ("2031-07-31", "2034-07-31"),
        "16.0": ("2027-11-30", "2030-11-30"),
    }),
    # The vendors' own dates could not be read; what holds is in the maintenance contract.
    "kylin V10": _recalled(None),
    "uos 20": _recalled(None),
}  # fmt: skip


def find_support(id: str, name: str, version: str, version_id: str) -> tuple[str, Support | None]:
    """The label of a release and its row, the most exact one; no row is None."""
    if id == "centos" and "stream" in name.lower():
        id = "centos-stream"
    major, _, rest = version_id.partition(".")
    for text in (version, version_id, f"{major}.{rest.partition('.')[0]}", major):
        if row := SUPPORT.get(f"{id} {text}"):
            return f"{id} {text}", row
    return f"{id} {version_id or version}", None


def support_over(release: Release, now: float) -> Support | None:
    """The support of this release if it is surely over, without a further contract."""
    _, row = find_support(release.id, release.name, release.version, release.version_id)
    if row is None or row.confidence != "read" or row.end is None:
        return None
    return row if iso_day(now) > row.end else None


def iso_day(moment: float) -> str:
    """The day of a moment, in UTC."""
    return datetime.fromtimestamp(moment, UTC).date().isoformat()
