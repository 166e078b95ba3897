"""What zypper and apk tell of a host becomes facts."""

from __future__ import annotations

import pytest

from audit_core.model import ParseError
from audit_patch import apk, zypper
from audit_patch.model import Update
from recorded.patch import answer, recording


def test_zypper_lists_pending_updates() -> None:
    pending = zypper.parse_updates(recording("zypper-updates.txt"))
    assert pending.updates == (
        Update(name="alpha", candidate="1.0-2", installed="1.0-1"),
        Update(name="beta", candidate="2.0-1", installed="1.0-1"),
    )


def test_zypper_security_patches() -> None:
    security = zypper.parse_patches(recording("zypper-patches.txt"))
    assert [u.name for u in security.updates] == ["DEMO-2026:0001"]
    assert security.labelled is True


@pytest.mark.parametrize(
    ("name", "labelled"), [("zypper-patches-applied.txt", True), ("zypper-patches-none.txt", False)]
)
def test_zypper_without_needed_patches(name: str, labelled: bool) -> None:
    security = zypper.parse_patches(recording(name))
    assert (security.updates, security.labelled) == ((), labelled)


def test_zypper_without_updates_says_so() -> None:
    assert zypper.parse_updates(recording("zypper-none.txt")).updates == ()


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


def test_apk_lists_pending_updates_without_labels() -> None:
    # invented after apk-tools 2.14 of Alpine 3.19
    text = (
        b"Installed:                                Available:\nbusybox-1.36.1-r15 < 1.36.1-r19\n"
    )
    assert apk.parse_pending(answer(text)).updates == (
        Update(name="busybox", candidate="1.36.1-r19", installed="1.36.1-r15"),
    )
    assert apk.parse_security(answer(text)).labelled is False


def test_apk_without_an_index_is_not_read() -> None:
    with pytest.raises(ParseError):
        apk.parse_pending(
            answer(b"Installed:\n", b"WARNING: opening from cache https://x: No such")
        )
