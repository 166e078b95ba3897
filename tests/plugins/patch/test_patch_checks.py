"""Every verdict of audit_patch's checks, and what keeps an empty list from passing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from msgspec import structs

import audit_patch
from audit_core.model import Absent, CutList, Judgement, Platform, Reason, Verdict, msg
from audit_patch import checks, kernel_checks, support
from audit_patch.model import (
    Automatic,
    Builds,
    Esm,
    Kernels,
    Listing,
    Metadata,
    Newer,
    Pending,
    Release,
    Security,
    Signatures,
    Source,
    Sources,
    Unattended,
    Update,
)

NOW = "2026-11-23T12:00:00+00:00"
EPOCH = 1795435200.0
DAY = 86400
PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
ONE = (Update(name="openssl", candidate="3.0.17-1", installed="3.0.15-1"),)
APT = Sources(items=(Source(name="Debian-Security", security=True), Source(name="Debian")))
BOOKWORM = Release(id="debian", name="", version_id="12", version="", codename="bookworm")
DNF = Sources(items=(Source(name="baseos"), Source(name="appstream")))


def judge(check: Any, *facts: object, **parameters: object) -> Judgement:
    """The last facts of a check that are not given are those that the host does not have."""
    facts = (*facts, *(None,) * (len(check.needs) - len(facts)))
    judgement = check.judge(*facts, **parameters)
    assert isinstance(judgement, Judgement)
    return judgement


UNKNOWN = Absent(reason=Reason.NOT_COLLECTED, detail=msg("no answer"))


def apt_lists(days: float, *, stamp: float | None = None, other: float = 400) -> Metadata:
    return Metadata(
        listings=(
            Listing(source="s", at=EPOCH - days * DAY, security=True),
            Listing(source="m", at=EPOCH - other * DAY),
        ),
        stamp=None if stamp is None else EPOCH - stamp * DAY,
    )


JAMMY = Release(id="ubuntu", name="Ubuntu", version_id="22.04", codename="jammy",
                version="22.04.5 LTS (Jammy Jellyfish)")  # fmt: skip
FOCAL = Release(id="ubuntu", name="Ubuntu", version_id="20.04", codename="focal",
                version="20.04.6 LTS (Focal Fossa)")  # fmt: skip
PLUCKY = Release(id="ubuntu", name="Ubuntu", version_id="25.04", codename="plucky",
                 version="25.04 (Plucky Puffin)")  # fmt: skip
LATER = Release(id="ubuntu", name="Ubuntu", version_id="26.10", codename="s", version="26.10")
BUSTER = Release(id="debian", name="", version_id="10", version="10 (buster)", codename="buster")


def pro(*, days: float = 0, updates: tuple[Update, ...] = (), **more: float) -> Esm:
    dates = {"apps": days, "infra": days} | more
    return Esm(published={k: EPOCH - v * DAY for k, v in dates.items()}, updates=updates)


def ubuntu(*labels: str) -> Sources:
    return Sources(items=tuple(Source(name=f"{label} x main", security=True) for label in labels))


PLAIN, APPS = ubuntu("Ubuntu"), ubuntu("Ubuntu", "UbuntuESMApps")
BOTH = ubuntu("Ubuntu", "UbuntuESMApps", "UbuntuESM")


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


def listing(name: str, days: float) -> Listing:
    return Listing(source=name, at=EPOCH - days * DAY, security=True)


@pytest.mark.parametrize(
    ("own", "other", "verdict"),
    [
        (("mirror_ubuntu_dists_jammy-security_InRelease", 30),
         ("esm.ubuntu.com_apps_ubuntu_dists_jammy-apps-security_InRelease", 1), UNDETERMINED),
        (("mirror_ubuntu_dists_jammy-security_InRelease", 30),
         ("mirror_ubuntu_dists_noble-security_InRelease", 1), UNDETERMINED),
        (("mirror_ubuntu_dists_jammy-security_InRelease", 1),
         ("esm.ubuntu.com_apps_ubuntu_dists_jammy-apps-security_InRelease", 30), UNDETERMINED),
        (("mirror_ubuntu_dists_jammy-security_InRelease", 1),
         ("esm.ubuntu.com_apps_ubuntu_dists_jammy-apps-security_InRelease", 2), PASS),
        # two mirrors of the same archive: apt takes what either has
        (("mirror_ubuntu_dists_jammy-security_InRelease", 30),
         ("security.ubuntu.com_ubuntu_dists_jammy-security_InRelease", 1), PASS),
        (("mirror_dists_jammy_updates_Release", 1), ("mirror_dists_x-security_Release", 30), PASS),
    ],
)  # fmt: skip
def test_the_releases_own_security_archive_must_be_fresh(
    own: tuple[str, float], other: tuple[str, float], verdict: Verdict
) -> None:
    for lists in ((own, other), (other, own)):
        metadata = Metadata(listings=tuple(listing(*one) for one in lists), stamp=EPOCH)
        none = Security(updates=(), labelled=None)
        apps = any("-apps-" in name for name, _ in lists)
        got = judge(checks.security_updates, none, metadata, APPS if apps else PLAIN, JAMMY, NOW,
                    pro())  # fmt: skip
        assert got.verdict is verdict


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
        held = tuple(Listing(source=n, at=EPOCH - days * DAY) for n in names)
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


def dnf_caches(baseos: float, appstream: float | None) -> Metadata:
    found = [Listing(source="baseos", at=EPOCH - baseos * DAY)]
    if appstream is not None:
        found.append(Listing(source="appstream", at=EPOCH - appstream * DAY))
    return Metadata(listings=tuple(found), by_source=True)


NOTHING = Metadata(listings=())


@pytest.mark.parametrize(
    ("updates", "labelled", "metadata", "sources", "verdict"),
    [
        (ONE, None, apt_lists(1), APT, FAIL),
        (ONE, None, apt_lists(99), APT, FAIL),
        ((), None, apt_lists(1), APT, PASS),
        ((), None, apt_lists(7), APT, PASS),
        ((), None, apt_lists(7.01), APT, UNDETERMINED),
        ((), None, apt_lists(14, stamp=1), APT, PASS),
        # a frozen mirror, or a refresh that left the security archive out
        ((), None, apt_lists(14.1, stamp=1), APT, UNDETERMINED),
        ((), None, apt_lists(99, other=1), APT, UNDETERMINED),  # only another source is fresh
        ((), None, apt_lists(-1), APT, UNDETERMINED),
        ((), None, NOTHING, APT, UNDETERMINED),
        ((), None, apt_lists(1), Sources(items=()), UNDETERMINED),
        ((), None, apt_lists(1), Sources(items=(Source(name="D", security=False),)), UNDETERMINED),
        ((), None, apt_lists(1), Sources(items=APT.items, pinned=("openssl",)), UNDETERMINED),
        ((), True, dnf_caches(1, 1), DNF, PASS),
        ((), True, dnf_caches(1, 8), DNF, UNDETERMINED),
        ((), True, dnf_caches(1, None), DNF, UNDETERMINED),
        ((), True, dnf_caches(1, -1), DNF, UNDETERMINED),
        ((), False, dnf_caches(1, 1), DNF, UNDETERMINED),
        ((), True, dnf_caches(1, 1), Sources(items=()), UNDETERMINED),
    ],
)
def test_security_updates(
    updates: tuple[Update, ...],
    labelled: bool | None,
    metadata: Metadata,
    sources: Sources,
    verdict: Verdict,
) -> None:
    security = Security(updates=updates, labelled=labelled)
    got = judge(checks.security_updates, security, metadata, sources, BOOKWORM, NOW, None)
    assert got.verdict is verdict


@pytest.mark.parametrize(
    ("suites", "verdict"),
    [(("bookworm",), PASS), (("bullseye",), UNDETERMINED), (("bullseye", "bookworm"), PASS)],
)
def test_the_security_archive_of_another_release_tells_nothing(
    suites: tuple[str, ...], verdict: Verdict
) -> None:
    items = tuple(Source(name=f"S {s}", security=True, suite=s) for s in suites)
    security = Security(updates=(), labelled=None)
    sources = Sources(items=(*items, Source(name="Debian", suite="bookworm")))
    got = judge(checks.security_updates, security, apt_lists(1), sources, BOOKWORM, NOW, None)
    assert got.verdict is verdict


@pytest.mark.parametrize(
    ("made", "verdict"),
    [((1, 400), PASS), ((40, 400), UNDETERMINED), ((None, None), PASS), ((None, 40), UNDETERMINED)],
)
def test_a_mirror_that_stands_still_is_noticed(
    made: tuple[int | None, ...], verdict: Verdict
) -> None:
    listings = tuple(
        Listing(source=name, at=EPOCH - DAY, published=None if days is None else EPOCH - days * DAY)
        for name, days in zip(("baseos", "appstream"), made, strict=True)
    )
    metadata = Metadata(listings=listings, by_source=True)
    security = Security(updates=(), labelled=True)
    got = judge(checks.security_updates, security, metadata, DNF, BOOKWORM, NOW, None)
    assert got.verdict is verdict


def test_an_older_cache_of_the_same_repository_is_ignored() -> None:
    old = Listing(source="baseos", at=EPOCH - 400 * DAY)
    both = Metadata(listings=(*dnf_caches(1, 1).listings, old), by_source=True)
    security = Security(updates=(), labelled=True)
    assert judge(checks.security_updates, security, both, DNF, BOOKWORM, NOW, None).verdict is PASS


def test_what_is_pending_is_named_and_counted() -> None:
    many = tuple(Update(name=f"p{i}", candidate="1") for i in range(25))
    security = Security(updates=many, labelled=None)
    detail = judge(
        checks.security_updates, security, apt_lists(1), APT, BOOKWORM, NOW, None
    ).detail[0]
    assert detail.args["count"] == 25
    assert detail.args["names"] == CutList(items=tuple(f"p{i} 1" for i in range(20)), more=5)


def test_a_stricter_age_is_kept() -> None:
    security = Security(updates=(), labelled=None)
    got = judge(
        checks.security_updates, security, apt_lists(3), APT, BOOKWORM, NOW, None, max_days=2
    )
    assert got.verdict is UNDETERMINED


@pytest.mark.parametrize(
    ("updates", "metadata", "verdict"),
    [
        ((), apt_lists(1), PASS),
        ((), apt_lists(9), UNDETERMINED),
        (ONE, apt_lists(1), UNDETERMINED),
        (ONE, apt_lists(90), UNDETERMINED),
        (ONE, apt_lists(91), FAIL),
        (ONE, NOTHING, UNDETERMINED),
    ],
)
def test_other_updates(updates: tuple[Update, ...], metadata: Metadata, verdict: Verdict) -> None:
    got = judge(checks.other_updates, Pending(updates=updates), metadata, APT, NOW)
    assert got.verdict is verdict


def test_pinned_packages_may_hide_any_update() -> None:
    pinned = Sources(items=APT.items, pinned=("nginx",))
    got = judge(checks.other_updates, Pending(updates=()), apt_lists(1), pinned, NOW, UNKNOWN)
    assert got.verdict is UNDETERMINED


@pytest.mark.parametrize(
    ("metadata", "sources", "verdict"),
    [
        (apt_lists(7), APT, PASS),
        (apt_lists(8), APT, UNDETERMINED),  # it may have asked: there was nothing newer
        (apt_lists(8, stamp=2), APT, PASS),
        (apt_lists(20, stamp=8), APT, FAIL),
        (apt_lists(-2), APT, UNDETERMINED),
        (NOTHING, APT, FAIL),
        (apt_lists(1), Sources(items=()), FAIL),
        (dnf_caches(1, 2), DNF, PASS),
        (dnf_caches(1, 9), DNF, FAIL),
        (dnf_caches(1, None), DNF, FAIL),
    ],
)
def test_metadata_fresh(metadata: Metadata, sources: Sources, verdict: Verdict) -> None:
    assert judge(checks.metadata_fresh, metadata, sources, NOW).verdict is verdict


@pytest.mark.parametrize(("age", "shown"), [(7, 7.0), (7.01, 7.1), (6.97, 7.0), (2.65, 2.7)])
def test_metadata_that_are_too_old_are_never_shown_as_fresh(age: float, shown: float) -> None:
    got = judge(checks.metadata_fresh, dnf_caches(1, age), DNF, NOW)
    assert got.detail[0].args["days"] == shown
    assert (got.verdict is PASS) is (shown <= 7)


def test_how_long_updates_were_known_is_not_told_as_more_than_it_was() -> None:
    got = judge(checks.other_updates, Pending(updates=ONE), apt_lists(91.9), APT, NOW)
    assert [m.args.get("days") for m in got.detail] == [None, 91]


@pytest.mark.parametrize(
    ("running", "installed", "reboot", "verdict"),
    [
        ("6.1.0-37-amd64", ("6.1.0-37-amd64", "6.1.0-9-amd64"), False, PASS),
        ("Linux 6.1.0-37-amd64", ("6.1.0-37-amd64", "6.1.0-9-amd64"), False, PASS),
        ("6.1.0-9-amd64", ("6.1.0-37-amd64", "6.1.0-9-amd64"), False, FAIL),
        ("6.1.0-37-amd64", ("6.1.0-37-amd64",), True, FAIL),
        ("6.1.0-37-amd64", ("6.1.0-37-amd64", "6.9.0-1-cloud-amd64"), False, PASS),
        ("6.1.0-38-amd64", ("6.1.0-37-amd64",), False, UNDETERMINED),
        ("6.1.0-37-amd64", ("6.1.0-37-amd64", "6.12.38+deb13-amd64"), False, FAIL),
        ("6.1.0-37-amd64", ("6.1.0-37-amd64", "6.1.0-40-rt-amd64"), False, PASS),
        ("6.1.21-v7+", ("6.1.21-v7+", "6.1.21-v8+"), False, PASS),
        ("5.15.0-91-generic", ("5.15.0-91-generic", "5.15.0-105-generic"), False, FAIL),
        ("4.18.0-1.el8.x86_64", ("4.18.0-1.el8.x86_64", "4.18.0-2.rt7.el8.x86_64"), False, PASS),
        ("5.14.21-150500.55-default", ("5.14.21-150500.55-default",), False, PASS),
        ("6.18.44-host", (), False, UNDETERMINED),
        ("unknown", ("6.1.0-37-amd64",), False, UNDETERMINED),
        (
            "5.14.0-362.8.1.el9_3.x86_64",
            ("5.14.0-362.8.1.el9_3.x86_64", "5.14.0-427.13.1.el9_4.x86_64"),
            False,
            FAIL,
        ),
        # the first kernel of a minor release is older than its updates
        (
            "5.14.0-362.8.1.el9_3.x86_64",
            ("5.14.0-362.8.1.el9_3.x86_64", "5.14.0-362.el9.x86_64"),
            False,
            PASS,
        ),
        (
            "4.18.0-513.el8.x86_64",
            ("4.18.0-513.el8.x86_64", "4.18.0-513.5.1.el8_9.x86_64"),
            False,
            FAIL,
        ),
        (
            "4.19.90-52.22.v2207.ky10.x86_64",
            ("4.19.90-52.22.v2207.ky10.x86_64", "4.19.90-52.39.v2207.ky10.x86_64"),
            False,
            FAIL,
        ),
        (
            "5.14.0-427.13.1.el9_4.x86_64",
            ("5.14.0-427.13.1.el9_4.x86_64", "5.14.0-503.1.1.el9_5.x86_64+debug"),
            False,
            PASS,
        ),
    ],
)
def test_kernel_current(
    running: str, installed: tuple[str, ...], reboot: bool, verdict: Verdict
) -> None:
    kernels = Kernels(installed=installed, reboot_mark="reboot-required" if reboot else "")
    assert (
        judge(
            kernel_checks.kernel_current, kernels, Platform(values={"kernel": running}), None
        ).verdict
        is verdict
    )


@pytest.mark.parametrize(("restart", "verdict"), [(None, PASS), (False, PASS), (True, FAIL)])
def test_updated_libraries_ask_for_a_reboot_where_no_file_does(
    restart: bool | None, verdict: Verdict
) -> None:
    kernel = "5.14.0-427.13.1.el9_4.x86_64"
    kernels = Kernels(installed=(kernel,))
    got = judge(kernel_checks.kernel_current, kernels, Platform(values={"kernel": kernel}), restart)
    assert got.verdict is verdict


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


@pytest.mark.parametrize(
    ("installs", "programs", "starters", "verdict"),
    [
        (True, ("/usr/bin/unattended-upgrade",), ("apt-daily-upgrade.timer",), PASS),
        (True, ("/usr/bin/unattended-upgrade",), (), UNDETERMINED),
        (True, ("/usr/bin/unattended-upgrade",), None, UNDETERMINED),
        (True, (), ("apt-daily-upgrade.timer",), UNDETERMINED),
        (False, ("/usr/bin/unattended-upgrade",), ("apt-daily-upgrade.timer",), UNDETERMINED),
    ],
)
def test_automatic_updates(
    installs: bool, programs: tuple[str, ...], starters: tuple[str, ...] | None, verdict: Verdict
) -> None:
    automatic = Automatic(installs=installs, settings=())
    found = judge(checks.automatic_updates, automatic, programs, starters, None)
    assert found.verdict is verdict


def test_what_unattended_upgrades_leaves_out() -> None:
    automatic, rest = Automatic(installs=True, settings=()), (("uu",), ("x.timer",))
    security = "origin=Debian,codename=${distro_codename},label=Debian-Security"
    for given, verdict in (
        (Unattended(origins=(security,)), PASS),
        (Unattended(origins=("${distro_id}:${distro_codename}-security",)), PASS),
        (Unattended(origins=("origin=*",)), PASS),
        (Unattended(origins=(security,), left_out=("linux-",)), UNDETERMINED),
        (Unattended(origins=(security,), only=("bash",)), UNDETERMINED),
        (Unattended(origins=("origin=Debian,label=Debian",)), UNDETERMINED),
        (Unattended(), UNDETERMINED),
    ):
        assert judge(checks.automatic_updates, automatic, *rest, given).verdict is verdict, given
    stale = structs.replace(automatic, refreshes=False)
    good = Unattended(origins=(security,))
    assert judge(checks.automatic_updates, stale, *rest, good).verdict is UNDETERMINED


@pytest.mark.parametrize(
    ("signatures", "verdict"),
    [
        (Signatures(sources=2), PASS),
        (Signatures(sources=0), UNDETERMINED),
        (Signatures(sources=2, unverified=("a: trusted=yes",)), FAIL),
        (Signatures(sources=0, unverified=("a: AllowUnauthenticated 1",)), FAIL),
    ],
)
def test_sources_verified(signatures: Signatures, verdict: Verdict) -> None:
    assert judge(checks.sources_verified, signatures).verdict is verdict


def test_the_plugin_offers_its_facts_checks_and_texts() -> None:
    assert {f.id for f in audit_patch.dengbao_facts()} >= {"patch.pending", "patch.metadata"}
    assert len({c.id for c in audit_patch.dengbao_checks()}) == 7
    assert all(path.is_dir() for path in audit_patch.dengbao_locales())


def test_a_kernel_that_was_rebuilt_under_its_name_is_told() -> None:
    for running, build, installed, verdict in (
        ("6.1.0-18-amd64", "6.1.76-1", "6.1.76-1", PASS),
        ("6.1.0-18-amd64", "6.1.76-1", "6.1.85-1", FAIL),
        ("5.15.0-91-generic", "101", "5.15.0-91.101", PASS),
        ("6.5.0-14-generic", "14~22.04.1", "6.5.0-14.14~22.04.1", PASS),
        ("5.15.0-91-generic", "101", "5.15.0-91.102", FAIL),
        ("6.1.0-18-amd64", "", "6.1.85-1", PASS),  # a kernel that tells no build
    ):
        kernels = Kernels(installed=(running,))
        builds = Builds(running=build, installed={running: installed})
        platform = Platform(values={"kernel": running})
        got = judge(kernel_checks.kernel_current, kernels, platform, None, builds)
        assert got.verdict is verdict


def test_kernels_by_packages_live_patches_and_containers() -> None:
    old, new = "5.14.0-427.el9.x86_64", "5.14.0-503.el9.x86_64"
    for installed, packages, more, verdict in (
        ((old,), (old,), {}, PASS),
        ((), (old,), {}, PASS),  # images below /boot/MACHINE-ID
        ((old,), (old, new), {}, FAIL),
        ((old,), (old, f"{new}+debug"), {}, PASS),
        ((old, new), (old, new), {"live": ("kpatch_5_14",)}, UNDETERMINED),
        ((old,), (old,), {"live": ("kpatch_5_14",)}, PASS),
        ((), (), {"contained": True}, Verdict.NOT_APPLICABLE),
        ((old, new), (), {"contained": True}, FAIL),
    ):
        kernels = Kernels(installed=installed, **more)
        builds = Builds(running="", installed=dict.fromkeys(packages, "1"))
        platform = Platform(values={"kernel": old})
        got = judge(kernel_checks.kernel_current, kernels, platform, None, builds)
        assert got.verdict is verdict, (installed, packages, more)


NONE = Security(updates=(), labelled=None)
HIDDEN = Update(name="foo", candidate="1.1", installed="1.0", archives=("oldstable-security",))
OWN = Source(
    name="Debian-Security bookworm-security main", security=True, suite="bookworm",
    archive="oldstable-security",
)  # fmt: skip
NEXT = Source(name="x", security=True, suite="trixie", archive="stable-security")


def test_updates_hidden_by_pinning_are_told_and_a_pin_that_hides_nothing_is_no_finding() -> None:
    pins = ("foo -> 1.0 with priority 1001",)
    for pinned, newer, verdict in (
        (pins, Newer(packages=("foo",), security=(HIDDEN,)), FAIL),
        (pins, Newer(packages=(), security=()), PASS),
        (pins, Newer(packages=("bar",), security=()), PASS),
        (pins, Newer(packages=("foo",), security=()), UNDETERMINED),
        (pins, UNKNOWN, UNDETERMINED),
        ((), Newer(packages=("foo",), security=(HIDDEN,)), FAIL),
        # the security archive of the next release, pinned below this one, is no source of fixes
        ((), Newer(packages=("foo",), security=(
            Update(name="foo", candidate="2", archives=("stable-security",)),)), PASS),
    ):  # fmt: skip
        sources = Sources(items=(OWN, NEXT, Source(name="Debian")), pinned=pinned)
        facts = (NONE, apt_lists(1), sources, BOOKWORM, NOW, None, newer)
        assert judge(checks.security_updates, *facts).verdict is verdict


def test_sources_of_one_minor_release_offer_nothing_later() -> None:
    rocky = Release(id="rocky", name="Rocky Linux", version_id="9.2", version="9.2")
    labelled = Security(updates=(), labelled=True)
    held = Metadata(
        listings=tuple(Listing(source=s.name, at=EPOCH) for s in DNF.items), by_source=True
    )
    for fixed, verdict in (((), PASS), (("/etc/dnf/vars/releasever: 9.2",), UNDETERMINED)):
        got = judge(checks.security_updates, labelled, held, DNF, rocky, NOW, None, None, fixed)
        assert got.verdict is verdict


def test_long_term_support_is_told_as_what_it_is() -> None:
    for day, reported in (("2026-07-11", 1), ("2026-07-12", 2)):
        got = judge(support.release_supported, BOOKWORM, f"{day}T12:00:00+00:00")
        assert (got.verdict, len(got.detail)) == (PASS, reported)


def test_without_the_source_of_the_base_system_nothing_pending_does_not_pass() -> None:
    rocky = Release(id="rocky", name="Rocky Linux", version_id="9.6", version="9.6")
    held = Metadata(
        listings=tuple(Listing(source=s.name, at=EPOCH) for s in DNF.items), by_source=True
    )
    for base, verdict in ((True, PASS), (None, PASS), (False, UNDETERMINED)):
        security = Security(updates=(), labelled=True, base=base)
        got = judge(checks.security_updates, security, held, DNF, rocky, NOW)
        assert got.verdict is verdict


def test_an_archive_for_other_components_and_packages_that_are_half_installed() -> None:
    main = Source(name="Debian bookworm main", suite="bookworm", archive="oldstable",
                  component="main")  # fmt: skip
    contrib = structs.replace(OWN, component="contrib")
    own = structs.replace(OWN, component="main")
    more = structs.replace(main, component="contrib")
    release = Release(id="debian", name="", version_id="12", version="", codename="bookworm")
    metadata = Metadata(listings=(Listing(source="s", at=EPOCH, security=True),))
    local = Newer(packages=(), security=(), local=("agent",))
    for items, unfinished, verdict in (
        ((main, own), (), PASS),
        ((main, more, own), (), PASS),
        ((main, contrib), (), UNDETERMINED),
        ((main, own), ("zlib1g",), UNDETERMINED),
    ):
        got = judge(checks.security_updates, NONE, metadata, Sources(items=items), release, NOW,
                    None, local, None, (), unfinished)  # fmt: skip
        assert got.verdict is verdict, items
    assert "agent" in str(
        judge(checks.security_updates, NONE, metadata, Sources(items=(main, own)), release, NOW,
              None, local, None, (), ()).detail[1]
    )  # fmt: skip
