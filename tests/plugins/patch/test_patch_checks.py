"""Pending updates and unsigned sources: every verdict."""

from __future__ import annotations

import pytest
from msgspec import structs

import audit_patch
from audit_core.model import CutList, Verdict
from audit_patch import checks
from audit_patch.model import (
    Listing,
    Metadata,
    Newer,
    Pending,
    Release,
    Security,
    Signatures,
    Source,
    Sources,
    Update,
)
from recorded.patch_values import (
    APT,
    BOOKWORM,
    DNF,
    EPOCH,
    FAIL,
    NONE,
    NOTHING,
    NOW,
    ONE,
    PASS,
    UNDETERMINED,
    UNKNOWN,
    apt_lists,
    dnf_caches,
    judge,
)


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


def test_what_is_pending_is_named_and_counted() -> None:
    many = tuple(Update(name=f"p{i}", candidate="1") for i in range(25))
    security = Security(updates=many, labelled=None)
    detail = judge(
        checks.security_updates, security, apt_lists(1), APT, BOOKWORM, NOW, None
    ).detail[0]
    assert detail.args["count"] == 25
    assert detail.args["names"] == CutList(items=tuple(f"p{i} 1" for i in range(20)), more=5)


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


def test_how_long_updates_were_known_is_not_told_as_more_than_it_was() -> None:
    got = judge(checks.other_updates, Pending(updates=ONE), apt_lists(91.9), APT, NOW)
    assert [m.args.get("days") for m in got.detail] == [None, 91]


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


def test_without_the_source_of_the_base_system_nothing_pending_does_not_pass() -> None:
    rocky = Release(id="rocky", name="Rocky Linux", version_id="9.6", version="9.6")
    held = Metadata(
        listings=tuple(Listing(source=s.name, at=EPOCH, advisories=True) for s in DNF.items),
        by_source=True,
    )
    for base, verdict in ((True, PASS), (None, PASS), (False, UNDETERMINED)):
        security = Security(updates=(), labelled=True, base=base)
        got = judge(checks.security_updates, security, held, DNF, rocky, NOW)
        assert got.verdict is verdict


def test_an_archive_for_other_components_and_packages_that_are_half_installed() -> None:
    def source(component: str, *, security: bool = False) -> Source:
        plain = Source(name="Debian", suite="bookworm", archive="oldstable", component=component)
        return structs.replace(OWN, component=component) if security else plain

    main, own, firmware = source("main"), source("main", security=True), "non-free-firmware"
    all_installed = frozenset({"main", firmware})
    metadata = Metadata(listings=(Listing(source="s", at=EPOCH, security=True),))
    local = Newer(packages=(), security=(), local=("agent",))
    more = (main, source(firmware), own)
    for items, facts, verdict in (
        ((main, own), {}, PASS),
        (more, {"components": frozenset({"main"})}, PASS),
        (more, {"components": all_installed}, UNDETERMINED),  # microcode without its updates
        (more, {}, UNDETERMINED),  # what is installed is not known
        ((*more, source(firmware, security=True)), {"components": all_installed}, PASS),
        (more, {"components": all_installed, "empty": (f"bookworm-security {firmware}",)}, PASS),
        (more, {"components": all_installed, "empty": (f"bookworm-updates {firmware}",)},
         UNDETERMINED),
        ((main, source("contrib", security=True)), {}, UNDETERMINED),
        ((main, own), {"unfinished": ("zlib1g",)}, UNDETERMINED),
        ((main, own), {"unsourced": ("libssl1.1",)}, UNDETERMINED),
    ):  # fmt: skip
        got = judge(checks.security_updates, NONE, metadata, Sources(items=items), BOOKWORM, NOW,
                    newer=local, lost=(), **facts)  # fmt: skip
        assert got.verdict is verdict, (items, facts)
        assert verdict is not PASS or "agent" in str(got.detail[1])


def test_updates_of_sources_without_advisories_may_be_for_security() -> None:
    """As EL 9 with EPEL and a source of others; tried with dnf 4.14 and createrepo_c."""
    ours, others = dnf_caches(1, 1).listings, Listing(source="docker", at=EPOCH)
    base = tuple(structs.replace(x, advisories=x.source == "baseos") for x in ours)
    update = Update(name="docker-ce", candidate="2", source="docker")
    for listings, pending, verdict in (
        ((*ours, others), (), PASS),
        ((*ours, others), (update,), UNDETERMINED),
        ((*ours, others), (structs.replace(update, source="baseos"),), PASS),
        ((*base, others), (), UNDETERMINED),
    ):
        sources = Sources(items=tuple(Source(name=x.source) for x in listings))
        got = judge(checks.security_updates, Security(updates=(), labelled=True),
                    Metadata(listings=listings, by_source=True), sources, BOOKWORM, NOW,
                    pending=Pending(updates=pending))  # fmt: skip
        assert got.verdict is verdict, (listings, pending)
