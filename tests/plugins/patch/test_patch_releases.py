"""What no pending update means of a release past its support, and until when releases have it."""

from __future__ import annotations

from datetime import datetime

import pytest

from audit_core.model import Verdict
from audit_patch import checks, support
from audit_patch.model import Esm, Listing, Metadata, Pending, Release, Security, Source, Sources
from recorded.patch_values import (
    APPS,
    BOOKWORM,
    BOTH,
    BUSTER,
    DAY,
    DNF,
    EPOCH,
    FAIL,
    FOCAL,
    JAMMY,
    LATER,
    NOW,
    ONE,
    PASS,
    PLAIN,
    PLUCKY,
    UNDETERMINED,
    apt_lists,
    judge,
    listing,
    pro,
    ubuntu,
)


@pytest.mark.parametrize(
    ("release", "sources", "esm", "verdict"),
    [
        (JAMMY, PLAIN, pro(), PASS),
        (JAMMY, PLAIN, pro(updates=ONE), UNDETERMINED),
        (JAMMY, PLAIN, None, UNDETERMINED),
        (JAMMY, PLAIN, pro(days=15), UNDETERMINED),  # its lists stand still
        (JAMMY, PLAIN, pro(infra=99), PASS),  # infra follows when support has ended
        (JAMMY, APPS, None, UNDETERMINED),  # configured, and its list was never fetched
        (LATER, PLAIN, None, PASS),  # Ubuntu Pro is for LTS releases
        (PLUCKY, PLAIN, None, UNDETERMINED),  # out of support, and there is nothing that extends it
        # out of support: only Ubuntu Pro goes on
        (FOCAL, PLAIN, pro(), UNDETERMINED),
        (FOCAL, APPS, None, UNDETERMINED),
        (FOCAL, BOTH, None, UNDETERMINED),
        (BUSTER, ubuntu("Debian-Security"), None, UNDETERMINED),
    ],
)
def test_no_update_is_pending_where_nobody_offers_any(
    release: Release, sources: Sources, esm: Esm | None, verdict: Verdict
) -> None:
    security = Security(updates=(), labelled=None)
    got = judge(checks.security_updates, security, apt_lists(1), sources, release, NOW, esm)
    assert got.verdict is verdict
    found = Security(updates=ONE, labelled=None)
    assert judge(checks.security_updates, found, apt_lists(1), sources, release, NOW,
                 esm).verdict is FAIL  # fmt: skip


def test_after_the_end_of_support_only_a_source_of_the_contract_lets_pass() -> None:
    focal, infra, apps = (
        f"mirror_ubuntu_dists_focal{part}-security_InRelease" for part in ("", "-infra", "-apps")
    )
    elts, buster = "mirror_dists_buster-lts_InRelease", "mirror_dists_buster_updates_InRelease"
    lts = Sources(
        items=(
            *ubuntu("Debian-Security").items,
            Source(name="Freexian buster-lts", archive="buster-lts", security=True),
        )
    )
    centos = Release(id="centos", name="CentOS Linux", version_id="7", version="7 (Core)")
    rhel = Release(id="rhel", name="", version_id="7.9", version="7.9 (Maipo)")
    sles = Release(id="sles", name="SLES", version_id="15.5", version="15-SP5")
    recalled = Release(
        id="openeuler", name="openEuler", version_id="24.03", version="24.03 (LTS-SP1)"
    )

    def apt(**days: float) -> Metadata:
        names = {"focal": focal, "infra": infra, "apps": apps, "elts": elts, "buster": buster}
        return Metadata(listings=tuple(listing(names[n], d) for n, d in days.items()), stamp=EPOCH)

    def rpm(*names: str, days: float = 1) -> tuple[Metadata, Sources]:
        held = tuple(Listing(source=n, at=EPOCH - days * DAY, advisories=True) for n in names)
        return (
            Metadata(listings=held, by_source=True),
            Sources(items=tuple(Source(name=n) for n in names)),
        )

    cases = [
        # the release's own archive stands still for good
        (FOCAL, apt(focal=500, infra=1, apps=1), BOTH, PASS),
        (FOCAL, apt(focal=1, infra=30, apps=1), BOTH, UNDETERMINED),  # the contract has run out
        (FOCAL, apt(focal=1, infra=1), BOTH, UNDETERMINED),
        (FOCAL, apt(focal=1), PLAIN, UNDETERMINED),
        (BUSTER, apt(buster=1), ubuntu("Debian-Security"), UNDETERMINED),
        (BUSTER, apt(buster=800, elts=1), lts, PASS),
        (BUSTER, apt(buster=1, elts=30), lts, UNDETERMINED),
        (rhel, *rpm("rhel-7-server-rpms"), UNDETERMINED),
        (rhel, *rpm("rhel-7-server-rpms", "rhel-7-server-els-rpms"), PASS),
        (rhel, *rpm("rhel-7-server-rpms", "rhel-7-server-els-rpms", days=8), UNDETERMINED),
        (centos, *rpm("base", "updates", "tuxcare-els-rpms"), UNDETERMINED),  # not by the vendor
        (sles, *rpm("SLE-Product-SLES15-SP5-Updates"), UNDETERMINED),
        (sles, *rpm("SLE-Product-SLES15-SP5-Updates", "SLE-Product-SLES15-SP5-LTSS-Updates"), PASS),
    ]  # fmt: skip
    for release, metadata, sources, verdict in cases:
        none = Security(updates=(), labelled=metadata.by_source or None)
        got = judge(checks.security_updates, none, metadata, sources, release, NOW, pro())
        assert got.verdict is verdict, (release, metadata, got)
    day = "2027-01-02T12:00:00+00:00"
    sources = rpm("update")[1]
    assert support.unsupported(recalled, sources, datetime.fromisoformat(day).timestamp())
    ended = judge(checks.other_updates, Pending(updates=()), apt(buster=1),
                  ubuntu("Debian-Security"), NOW, None, BUSTER)  # fmt: skip
    assert ended.verdict is UNDETERMINED


def test_what_only_ubuntu_pro_mends_is_told() -> None:
    none = Security(updates=(), labelled=None)
    got = judge(checks.security_updates, none, apt_lists(1), PLAIN, JAMMY, NOW, pro(updates=ONE))
    assert got.detail[1].args == {"count": 1, "names": ("openssl 3.0.17-1",)}
    got = judge(checks.security_updates, none, apt_lists(1), PLAIN, FOCAL, NOW, None)
    assert got.detail[1].args == {"end": "2025-05-29"}
    assert got.detail[2].args == {"services": ("esm-apps", "esm-infra")}


@pytest.mark.parametrize(
    ("id", "name", "version_id", "version", "day", "verdict"),
    [
        ("debian", "Debian", "12", "12 (bookworm)", "2028-06-30", PASS),
        ("debian", "Debian", "12", "12 (bookworm)", "2028-07-01", UNDETERMINED),
        ("debian", "Debian", "12", "12 (bookworm)", "2033-07-01", FAIL),
        ("debian", "Debian", "", "", "2026-11-23", UNDETERMINED),  # sid
        ("ubuntu", "Ubuntu", "22.04", "22.04.5 LTS", "2026-11-23", PASS),
        ("ubuntu", "Ubuntu", "20.04", "20.04.6 LTS", "2026-11-23", UNDETERMINED),
        ("centos", "CentOS Linux", "7", "7 (Core)", "2026-11-23", FAIL),
        ("centos", "CentOS Linux", "8", "8", "2022-01-01", FAIL),
        ("centos", "CentOS Stream", "9", "9", "2026-11-23", PASS),
        ("rocky", "Rocky Linux", "9.6", "9.6 (Blue Onyx)", "2026-11-23", PASS),
        ("rocky", "Rocky Linux", "10.0", "10.0", "2026-11-23", PASS),
        ("ol", "Oracle Linux Server", "7.9", "7.9", "2026-11-23", UNDETERMINED),  # extended
        ("alpine", "Alpine Linux", "3.20.3", "", "2026-11-23", FAIL),
        ("fedora", "Fedora Linux", "44", "44 (Server Edition)", "2026-11-23", PASS),
        ("openeuler", "openEuler", "22.03", "22.03 (LTS-SP4)", "2026-11-23", PASS),
        ("openeuler", "openEuler", "24.03", "24.03 (LTS-SP3)", "2026-11-23", UNDETERMINED),
        ("openeuler", "openEuler", "24.03", "24.03 (LTS)", "2026-11-23", FAIL),
        ("openeuler", "openEuler", "24.03", "", "2026-11-23", UNDETERMINED),
        ("sles", "SLES", "15.5", "15-SP5", "2026-11-23", UNDETERMINED),
        ("kylin", "Kylin", "V10", "V10 (Lance)", "2026-11-23", UNDETERMINED),
        ("plan9", "Plan 9", "4", "4", "2026-11-23", UNDETERMINED),
    ],
)
def test_release_supported(
    id: str, name: str, version_id: str, version: str, day: str, verdict: Verdict
) -> None:
    release = Release(id=id, name=name, version_id=version_id, version=version)
    got = judge(support.release_supported, release, f"{day}T12:00:00+00:00")
    assert got.verdict is verdict


def test_a_recalled_date_is_called_unverified() -> None:
    release = Release(id="anolis", name="Anolis OS", version_id="8.9", version="8.9")
    assert "unverified" in judge(support.release_supported, release, NOW).detail[0].id


def test_sources_of_one_minor_release_offer_nothing_later() -> None:
    rocky = Release(id="rocky", name="Rocky Linux", version_id="9.2", version="9.2")
    labelled = Security(updates=(), labelled=True)
    held = Metadata(
        listings=tuple(Listing(source=s.name, at=EPOCH, advisories=True) for s in DNF.items),
        by_source=True,
    )
    for fixed, verdict in (((), PASS), (("/etc/dnf/vars/releasever: 9.2",), UNDETERMINED)):
        got = judge(checks.security_updates, labelled, held, DNF, rocky, NOW, None, None, fixed)
        assert got.verdict is verdict


def test_long_term_support_is_told_as_what_it_is() -> None:
    for day, reported in (("2026-07-11", 1), ("2026-07-12", 2)):
        got = judge(support.release_supported, BOOKWORM, f"{day}T12:00:00+00:00")
        assert (got.verdict, len(got.detail)) == (PASS, reported)
