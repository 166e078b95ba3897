"""What zypper and apk tell of a host becomes facts."""

from __future__ import annotations

import pytest

from audit_core.api.testkit import whole
from audit_core.model import Fact, ParseError, Partial, Provider
from audit_patch import apk, zypper
from audit_patch.facts import PENDING, SECURITY
from audit_patch.model import Update
from recorded.patch import answer, answers, recording


def test_zypper_lists_pending_updates() -> None:
    pending = whole(zypper.parse_updates(recording("zypper-updates.txt")))
    assert pending.updates == (
        Update(name="alpha", candidate="1.0-2", installed="1.0-1"),
        Update(name="beta", candidate="2.0-1", installed="1.0-1"),
    )


def test_zypper_security_patches() -> None:
    security = whole(zypper.parse_patches(recording("zypper-patches.txt")))
    assert [u.name for u in security.updates] == ["DEMO-2026:0001"]
    assert security.labelled is True


@pytest.mark.parametrize(
    ("name", "labelled"), [("zypper-patches-applied.txt", True), ("zypper-patches-none.txt", False)]
)
def test_zypper_without_needed_patches(name: str, labelled: bool) -> None:
    security = whole(zypper.parse_patches(recording(name)))
    assert (security.updates, security.labelled) == ((), labelled)


def test_zypper_without_updates_says_so() -> None:
    assert whole(zypper.parse_updates(recording("zypper-none.txt"))).updates == ()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"Loading repository data...\n",
        b"Warning: Skipping repository 'gone' because of the above error.\nNo updates found.\n",
        b"Name | Available Version\n-----+------------------\na | b | c\n",
    ],
)
def test_zypper_text_that_settles_nothing_is_not_read(text: bytes) -> None:
    with pytest.raises(ParseError):
        zypper.parse_updates(answer(text))


def test_what_was_listed_holds_beside_what_was_not() -> None:
    table = b"Name | Available Version | Current Version\n---+---+---\na | 2 | 1\nb | 2\n"
    got = zypper.parse_updates(answer(table, b"Warning: Skipping repository 'gone'\n"))
    assert isinstance(got, Partial)
    assert [u.name for u in got.value.updates] == ["a"]
    assert len(got.problems) == 2
    assert all(106 in command.ok for command in (zypper.UPDATES, zypper.PATCHES))
    got = zypper.parse_updates(answer(table[:-6], b"", 106))  # zypper(8): some were skipped
    assert isinstance(got, Partial)
    full = b"Error building the cache:\nHistory:\nfflush: No space left on device\n"
    with pytest.raises(ParseError, match="fflush: No space left on device"):
        zypper.parse_updates(answer(b"Reading installed packages...\n", full, 106))
    rows = apk.parse_pending(answer(b"Installed:\na-1-r0 < 2-r0\n?\n"))
    assert isinstance(rows, Partial)
    assert [u.name for u in rows.value.updates] == ["a"]


def test_apk_lists_pending_updates_without_labels() -> None:
    # invented after apk-tools 2.14 of Alpine 3.19
    text = (
        b"Installed:                                Available:\nbusybox-1.36.1-r15 < 1.36.1-r19\n"
    )
    assert whole(apk.parse_pending(answer(text))).updates == (
        Update(name="busybox", candidate="1.36.1-r19", installed="1.36.1-r15"),
    )
    assert whole(apk.parse_security(answer(text))).labelled is False


def _way(fact: Fact, manager: str) -> Provider:
    return next(p for p in fact.providers if p.when.get("package_manager") == (manager,))


def test_updates_count_only_where_the_package_database_lists_the_system() -> None:
    """As rpm 4.18 answered for an empty database, and for one that has two of the packages."""
    none = b"".join(b"package %s is not installed\n" % n for n in (b"rpm", b"glibc", b"filesystem"))
    some = b"rpm-4.18.0-1.x86_64\npackage glibc is not installed\nfilesystem-3.18-6.x86_64\n"
    for name in ("dnf", "yum", "zypper", "apk"):
        for fact in (PENDING, SECURITY):
            way = _way(fact, name)
            asks = {k: recording("dnf4-none.txt") for k in way.asks}
            assert "own" in way.asks
            for empty in (none, b""):
                with pytest.raises(ParseError, match="does not list the packages"):
                    way.parse(answers(**asks | {"own": answer(empty, b"", 3)}))
    listed = recording("zypper-updates.txt")
    assert whole(
        _way(PENDING, "zypper").parse(answers(list=listed, own=answer(some, b"", 1)))
    ).updates


def test_apk_without_an_index_is_not_read() -> None:
    with pytest.raises(ParseError):
        apk.parse_pending(
            answer(b"Installed:\n", b"WARNING: opening from cache https://x: No such")
        )


def test_a_patch_that_is_locked_is_missing_all_the_same() -> None:
    security = whole(zypper.parse_patches(recording("zypper-patches-locked.txt")))
    assert [u.name for u in security.updates] == ["DEMO-2026:0001", "DEMO-2026:0002"]


def test_zypper_lists_updates_of_itself_in_a_table_of_their_own() -> None:
    # invented after zypper 1.14: updates of the package management are installed first
    table = recording("zypper-patches.txt").stdout
    both = table.replace(b"DEMO-2026:0001", b"SELF-2026:0001") + b"\n" + table
    security = whole(zypper.parse_patches(answer(both)))
    assert [u.name for u in security.updates] == ["SELF-2026:0001", "DEMO-2026:0001"]


def test_what_apk_lists_holds_beside_an_index_that_it_could_not_read() -> None:
    warning = b"WARNING: opening from cache https://x: No such file or directory\n"
    got = apk.parse_pending(answer(b"Installed:\na-1-r0 < 2-r0\n", warning))
    assert isinstance(got, Partial)
    assert [u.name for u in got.value.updates] == ["a"]
