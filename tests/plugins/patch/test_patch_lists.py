"""Lists that apt should hold: words of apt 2.6.1 on Debian 12, with more sources (invented)."""

from __future__ import annotations

import pytest

from audit_core.model import Answers, ParseError, Verdict
from audit_patch import apt_lists, checks
from audit_patch.model import Listing, Metadata, Pending, Release, Security, Source, Sources
from recorded.patch import answers
from recorded.patch_values import judge

_FETCHED = (
    "debian/dists/bookworm/InRelease",
    "s/dists/buster/updates/InRelease",
    "debian/dists/bookworm/main/binary-amd64/Packages.xz",
    "debian/dists/bookworm/main/binary-all/Packages.xz",
    "debian/dists/bookworm/non-free/binary-amd64/Packages.xz",
    "debian/dists/bookworm/nothere/binary-amd64/Packages.xz",
    "debian/dists/bookworm/main/i18n/Translation-en.xz",
    "s/dists/buster/updates/main/binary-amd64/Packages.xz",
    "flat/./Packages.xz",
)
_WANTED = "".join(
    f"'http://m/{path}' m_{path.removesuffix('.xz').replace('/', '_')} 0 \n" for path in _FETCHED
)
_HELD = (
    "m_debian_dists_bookworm_main_binary-amd64_Packages.lz4",
    "m_debian_dists_bookworm_non-free_binary-amd64_Packages",
    "m_s_dists_buster_updates_main_binary-amd64_Packages",
)
_SIGNED = (
    b"/var/lib/apt/lists/m_debian_dists_bookworm_InRelease\0Components: main non-free\n"
    b"/var/lib/apt/lists/m_debian_dists_bookworm_InRelease\0 "
    + b"ab"
    * 32
    + b"       77 non-free/binary-amd64/Packages\n"
    b"/var/lib/apt/lists/m_s_dists_buster_updates_Release\0Components: updates/main\n"
)


def asked(*, without: str = "", wanted: str = _WANTED, size: int = 77) -> Answers:
    held = "".join(f"{size}\0{name}\0" for name in _HELD if not without or without not in name)
    return answers(wanted=wanted.encode(), held=held.encode(), signed=_SIGNED)


def test_a_component_that_is_gone_or_cut() -> None:
    assert apt_lists.parse_lost(asked(size=76)) == ("bookworm non-free",)  # only this is signed
    assert apt_lists.parse_lost(asked()) == ()
    assert apt_lists.parse_lost(asked(without="non-free")) == ("bookworm non-free",)
    assert apt_lists.parse_lost(asked(without="buster")) == ("buster_updates main",)


def test_a_list_that_the_archive_signs_as_empty_is_not_lost() -> None:
    """As bookworm-updates non-free-firmware is: apt keeps no empty list (apt 2.6.1)."""
    none = _SIGNED.replace(b"       77 ", b"        0 ")
    got = answers(wanted=_WANTED.encode(), held=b"", signed=none)
    assert apt_lists.parse_lost(got) == ("bookworm main", "buster_updates main")
    assert apt_lists.parse_empty(got) == ("bookworm non-free",)
    assert apt_lists.parse_empty(asked()) == ()


def test_words_of_another_program() -> None:
    with pytest.raises(ParseError):
        apt_lists.parse_lost(asked(wanted="Hit:1 http://m/debian bookworm InRelease\n"))


def test_nothing_is_pending_where_a_list_is_gone() -> None:
    now, at = "2026-11-23T12:00:00+00:00", 1795435200.0
    metadata = Metadata(listings=(Listing(source="s", at=at, security=True),))
    sources = Sources(items=(Source(name="Debian-Security", security=True),))
    release = Release(id="debian", name="", version_id="12", version="", codename="bookworm")
    held = (metadata, sources, release, now, None, None, None)
    for lost, verdict in (((), Verdict.PASS), (("bookworm main",), Verdict.UNDETERMINED)):
        security = Security(updates=(), labelled=None)
        assert judge(checks.security_updates, security, *held, lost).verdict is verdict
        others = (Pending(updates=()), metadata, sources, now, None, release, lost)
        assert checks.other_updates.judge(*others).verdict is verdict
