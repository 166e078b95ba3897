"""How old metadata may be, by source."""

from __future__ import annotations

import pytest

from audit_core.model import Verdict
from audit_patch import checks, freshness
from audit_patch.model import Listing, Metadata, Security, Source, Sources
from recorded.patch_values import (
    APPS,
    APT,
    BOOKWORM,
    DAY,
    DNF,
    EPOCH,
    FAIL,
    JAMMY,
    NOTHING,
    NOW,
    PASS,
    PLAIN,
    UNDETERMINED,
    apt_lists,
    dnf_caches,
    judge,
    listing,
    pro,
)


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
    [
        ((1, 2), PASS),
        ((1, 40), UNDETERMINED),
        ((40, 1), UNDETERMINED),
        ((None, None), PASS),
        ((None, 40), UNDETERMINED),
    ],
)
def test_a_mirror_that_stands_still_is_noticed(
    made: tuple[int | None, ...], verdict: Verdict
) -> None:
    listings = tuple(
        Listing(
            source=name,
            at=EPOCH - DAY,
            advisories=True,
            published=None if days is None else EPOCH - days * DAY,
        )
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


def test_a_stricter_age_is_kept() -> None:
    security = Security(updates=(), labelled=None)
    got = judge(
        checks.security_updates, security, apt_lists(3), APT, BOOKWORM, NOW, None, max_days=2
    )
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


def test_each_source_of_security_updates_must_be_fresh_by_itself() -> None:
    def made(**days: float) -> tuple[Metadata, Sources]:
        listings = tuple(
            Listing(source=n.replace("_", "-"), at=EPOCH, published=EPOCH - d * DAY,
                    advisories=not n.startswith("third"))
            for n, d in days.items()
        )  # fmt: skip
        items = tuple(Source(name=x.source) for x in listings)
        return Metadata(listings=listings, by_source=True), Sources(items=items)

    labelled = Security(updates=(), labelled=True)
    for days, more, verdict in (
        ({"baseos": 1, "epel": 1, "third": 400}, {}, PASS),
        ({"baseos": 40, "epel": 1}, {}, UNDETERMINED),
        ({"baseos": 1, "epel": 40}, {}, UNDETERMINED),
        ({"baseos": 1, "extras": 400, "ol9_codeready_builder": 90}, {}, PASS),
        ({"baseos": 1, "bank": 40}, {}, UNDETERMINED),
        ({"baseos": 1, "bank": 40}, {"quiet_sources": freshness.QUIET | {"bank"}}, PASS),
        ({"baseos": 40, "extras": 1}, {}, UNDETERMINED),
    ):
        got = judge(checks.security_updates, labelled, *made(**days), BOOKWORM, NOW, **more)
        assert got.verdict is verdict, days


def test_a_list_past_its_validity_is_not_the_newest() -> None:
    for days, verdict in ((1, PASS), (-1, UNDETERMINED)):
        listings = (Listing(source="s", at=EPOCH - 8 * DAY, security=True,
                            valid_until=EPOCH + days * DAY),)  # fmt: skip
        metadata = Metadata(listings=listings, stamp=EPOCH)
        none = Security(updates=(), labelled=None)
        got = judge(checks.security_updates, none, metadata, APT, BOOKWORM, NOW)
        assert got.verdict is verdict
