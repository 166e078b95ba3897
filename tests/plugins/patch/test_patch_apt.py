"""What apt tells of a host becomes facts, by recordings and by text of other shapes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from audit_core.api.testkit import whole
from audit_core.model import Absent, Answer, Answers, ParseError, Partial, Reason
from audit_patch import apt
from audit_patch.model import Esm, Listing, Newer, Pending, Source, Unattended, Update
from recorded.patch import APT_LISTS, answer, answers, recording, run_all


def test_apt_lists_every_pending_update() -> None:
    pending = whole(apt.parse_pending(recording("debian12-apt-upgradable.txt")))
    assert len(pending.updates) == 134
    assert Update(name="apt", candidate="2.6.2", installed="2.6.1") in pending.updates


def _esm(name: str) -> Answers:
    return answers(dates=recording(f"{name}.dates"), updates=recording(f"{name}.txt"))


def test_fixes_that_only_ubuntu_pro_has_are_read_from_its_lists() -> None:
    esm = apt.parse_esm(_esm("apt-esm-fixes"))
    assert isinstance(esm, Esm)
    assert esm.published == {"apps": 1795413600.0, "infra": 1795413600.0}
    assert [u.name for u in esm.updates] == ["bash", "sqlite3"]
    none = apt.parse_esm(_esm("apt-esm-none"))
    assert isinstance(none, Esm)
    assert none.updates == ()
    assert len(none.published) == 2


def test_a_host_without_lists_of_ubuntu_pro_is_told_from_one_that_cannot_be_read() -> None:
    empty = b"Listing...\n"
    for got in (
        apt.no_esm(answer(b"ID=debian\n")),
        apt.parse_esm(answers(dates=b"", updates=empty)),  # the lists were never fetched
        apt.parse_esm(answers(dates=b"", updates=answer(b"", b"E: no lists\n", 100))),
    ):
        assert isinstance(got, Absent)
        assert got.reason is Reason.NOT_PRESENT
    dates = recording("apt-esm-none.dates").stdout
    for bad in (
        answers(dates=b"/x_Release\0Date: Mon, 23 Nov 2026 06:00:00 UTC\n", updates=empty),
        answers(dates=dates.replace(b"Nov", b"Foo"), updates=empty),
        answers(dates=dates, updates=b""),
        answers(dates=dates, updates=empty + b"what\n"),
        answers(dates=dates, updates=answer(empty, b"W: some list is broken\n")),
        answers(dates=dates, updates=answer(empty, b"", 100)),
    ):
        with pytest.raises(ParseError):
            apt.parse_esm(bad)


def test_apt_tells_security_updates_by_their_archive() -> None:
    security = whole(apt.parse_security(recording("debian12-apt-upgradable.txt")))
    names = {u.name for u in security.updates}
    assert len(security.updates) == 81
    assert "apt" in names
    assert "appstream" not in names  # oldstable only
    assert security.labelled is None


def test_apt_lists_a_held_package_as_pending() -> None:
    held = whole(apt.parse_security(recording("debian12-apt-held.txt")))
    assert [u.name for u in held.updates] == ["jq"]


# Debian 12.15, `apt list --upgradable --all-versions`, 2026-11-23; the security archive is invented
_INSTALLED = b"Listing...\na/now 1 amd64 [installed,local]\n"
_MASKED = b"""Listing...
bash/oldstable 5.2.15-2+b13 amd64 [upgradable from: 5.2.15-1]
bash/stable-security 5.2.15-1.5 amd64
bash/now 5.2.15-1 amd64 [installed,upgradable to: 5.2.15-2+b13]

"""


def test_a_security_update_behind_a_newer_version_of_another_archive_is_pending() -> None:
    security = whole(apt.parse_security(answer(_MASKED)))
    assert [u.name for u in security.updates] == ["bash"]
    assert [u.candidate for u in whole(apt.parse_pending(answer(_MASKED))).updates] == [
        "5.2.15-2+b13"
    ]


@pytest.mark.parametrize(
    "text",
    [
        # older than the one installed, of another architecture, of another package, never newer
        b"a/u 3 amd64 [upgradable from: 2]\na/now 2 amd64 [installed,upgradable to: 3]\n"
        b"a/x-security 1 amd64\n",
        b"a/u 3 amd64 [upgradable from: 2]\na/x-security 3 i386\n",
        b"a/u 3 amd64 [upgradable from: 2]\n\nb/x-security 3 amd64\n",
        b"a/x-security 4 amd64\na/u 3 amd64 [upgradable from: 2]\n",
    ],
)
def test_other_versions_are_no_pending_security_update(text: bytes) -> None:
    assert whole(apt.parse_security(answer(b"Listing...\n" + text))).updates == ()


def test_apts_usual_warning_is_no_complaint() -> None:
    quiet = recording("debian12-apt-upgradable-stderr.txt").stdout
    assert b"stable CLI" in quiet
    assert whole(apt.parse_pending(answer(_INSTALLED, quiet))) == Pending(updates=())


def test_a_list_without_any_installed_package_is_not_read() -> None:
    # apt 2.6.1 with an empty /var/lib/dpkg/status
    for parse in (apt.parse_pending, apt.parse_security, apt.parse_versions):
        with pytest.raises(ParseError, match="no package is installed"):
            parse(answer(b"Listing...\n"))


@pytest.mark.parametrize("line", [b"W: Failed to fetch x", b"E: The list of sources could not"])
def test_apt_that_complains_is_not_read(line: bytes) -> None:
    with pytest.raises(ParseError, match="reported an error"):
        apt.parse_pending(answer(b"Listing...\n", line))


def test_apt_without_room_for_its_temporary_files_is_not_read() -> None:
    # apt 2.6.1 with a full /tmp: nothing on stdout, and this on stderr.
    full = b"E: Write error - write (28: No space left on device)\n"
    for parse in (apt.parse_pending, apt.parse_security, apt.parse_versions, apt.parse_policy):
        with pytest.raises(ParseError, match="No space left on device"):
            parse(answer(b"", full))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n",
        b"Listing...\nrubbish\n",
        "正在列表...\n".encode(),
        b"Listing...\n\x1b[2J/x 1 a\n",
    ],
)
def test_apt_text_of_another_shape_is_not_read(text: bytes) -> None:
    with pytest.raises(ParseError):
        apt.parse_pending(answer(text))


def test_apt_sources_are_told_by_release_data() -> None:
    sources = whole(apt.parse_policy(recording("debian12-apt-policy.txt")))
    security = Source(
        name="Debian-Security bookworm-security main", security=True, suite="bookworm",
        archive="oldstable-security", component="main",
    )  # fmt: skip
    assert security in sources.items
    assert [s.security for s in sources.items].count(True) == 1
    assert sources.pinned == ()


def test_apt_without_sources_has_none_in_effect() -> None:
    assert whole(apt.parse_policy(recording("debian12-apt-nosource-policy.txt"))).items == ()


def test_a_security_archive_that_is_pinned_away_does_not_count() -> None:
    sources = whole(apt.parse_policy(recording("debian12-apt-pinned-policy.txt")))
    assert len(sources.items) == 3
    assert not any(s.security for s in sources.items)


def test_pinned_packages_are_told() -> None:
    text = b"Package files:\nPinned packages:\n     jq -> 1.6-2.1 with priority 1001\n"
    assert whole(apt.parse_policy(answer(text))).pinned == ("jq -> 1.6-2.1 with priority 1001",)


def test_an_archive_called_oldstable_like_any_other_is_not_taken_for_security() -> None:
    # invented after Debian 10, whose security archive has a=oldoldstable
    text = (
        b"Package files:\n 500 http://x y\n"
        b"     release v=10,o=Debian,a=oldoldstable,n=buster,l=Debian-Security,c=main\n"
        b"Pinned packages:\n"
    )
    assert [s.security for s in whole(apt.parse_policy(answer(text))).items] == [False]


def _lists(times: Answer | bytes, dates: bytes = b"") -> Answers:
    return answers(times=times, dates=dates, where=APT_LISTS)


LISTS = b"/var/lib/apt/lists"
STAMPS = b"/var/lib/apt/periodic"


def test_apt_lists_tell_their_times() -> None:
    metadata = apt.parse_lists(_lists(recording("debian12-apt-lists.bin")))
    assert [x.source for x in metadata.listings if x.security] == [
        "deb.debian.org_debian-security_dists_bookworm-security_InRelease"
    ]
    assert {x.at for x in metadata.listings if x.security} == {1795432099.0}
    assert metadata.stamp is None


def test_apt_success_stamp_is_kept_apart() -> None:
    raw = b"17.5\0%s/update-success-stamp\0%d\0%s/x_dists_jammy-security_InRelease\0"
    metadata = apt.parse_lists(_lists(raw % (STAMPS, 5, LISTS)))
    assert metadata.stamp == 17.5
    assert metadata.listings == (
        Listing(
            source="x_dists_jammy-security_InRelease",
            at=5,
            security=True,
            suite="jammy",
            archive="jammy-security",
        ),
    )


def test_the_later_of_two_stamps_counts() -> None:
    raw = b"17.5\0%s/update-success-stamp\0%d\0%s/update-stamp\0" % (STAMPS, 9, STAMPS)
    assert apt.parse_lists(_lists(raw)).stamp == 17.5


def test_the_date_that_the_archive_signed_counts_not_that_of_the_copy(tmp_path: Path) -> None:
    lists = tmp_path / "lists"
    lists.mkdir()
    head = "Origin: Debian\nLabel: Debian-Security\nSuite: stable-security\nVersion: 12\n"
    (lists / "m_dists_stable-security_InRelease").write_text(
        f"{head}Codename: bookworm-security\nDate: Tue, 01 Jul 2025 10:00:00 UTC\n"
        "Valid-Until: Tue, 08 Jul 2025 10:00:00 UTC\nDescription: Date: x\n"
    )
    (lists / "m_dists_x_Release").write_text("Suite: stable\nCodename: x\n")
    (lists / "m_dists_y_updates_Release").write_text("Label: Debian-Security\nDate: no day\n")
    os.utime(lists / "m_dists_x_Release", (7, 7))
    os.utime(lists / "m_dists_y_updates_Release", (8, 8))
    (lists / "partial").mkdir()
    (lists / "partial" / "z_Release").write_text("Date: Tue, 01 Jul 2025 10:00:00 UTC\n")
    given = run_all(apt.LISTS, replace=("/var/lib/apt", str(tmp_path)))
    found = apt.parse_lists(
        Answers(target=given.target, named={**given.named, "where": answer(APT_LISTS)})
    )
    shown = [(x.at, x.security, x.suite, x.archive, x.valid_until) for x in found.listings]
    assert shown == [
        (1751364000.0, True, "bookworm", "bookworm-security", 1751968800.0),
        (7.0, False, "x", "stable", None), (8.0, True, "y", "y_updates", None),
    ]  # fmt: skip
    assert found.stamp is None


def test_lists_in_another_directory_are_not_read() -> None:
    """A copy that was left in the usual one may be fresh."""
    where = b"LISTS='/srv/lists/'\n"
    with pytest.raises(ParseError, match="directory"):
        apt.parse_lists(answers(times=b"", dates=b"", where=where))


def test_the_oldest_layout_of_debian_security_is_known() -> None:
    name = "security.debian.org_debian-security_dists_buster_updates_InRelease"
    assert apt.parse_lists(_lists(b"1\0%s/%s\0" % (LISTS, name.encode()))).listings[0].security


@pytest.mark.parametrize("raw", [b"1\0/lists/x", b"1\0", b"x\0/x\0", b"\xd9\xa1\0/x\0"])
def test_a_cut_or_misshapen_listing_is_not_read(raw: bytes) -> None:
    with pytest.raises(ParseError):
        apt.parse_lists(_lists(raw))


@pytest.mark.parametrize(
    ("text", "installs"),
    [
        ("", False),
        ("upgrade='1'\nlists='1'\n", True),
        ("upgrade='0'\n", False),
        ("enable='0'\nupgrade='1'\n", False),
    ],
)
def test_apt_periodic(text: str, installs: bool) -> None:
    got = apt.parse_automatic(answer(text.encode()))
    assert (got.installs, got.refreshes) == (installs, "lists" in text)


def test_what_apt_lists_holds_beside_what_it_could_not_read() -> None:
    text = _MASKED + b"not a row\n"
    for got in (
        apt.parse_pending(answer(text, b"W: some source failed\n")),
        apt.parse_security(answer(text)),
    ):
        assert isinstance(got, Partial)
        assert [u.name for u in got.value.updates] == ["bash"]


def test_the_versions_of_installed_packages_tell_what_pinning_hides() -> None:
    newer = Newer(
        packages=("bar", "foo"),
        security=tuple(
            Update(name=n, candidate="1.1", installed="1.0", archives=("oldstable-security",))
            for n in ("bar", "foo")
        ),
    )
    for name in ("", "-pinned", "-default"):
        got = whole(apt.parse_versions(recording(f"debian12-apt-versions{name}.txt")))
        assert got == newer
    broken = apt.parse_versions(
        answer(b"Listing...\nx\na/y-security 2 all\n\nb/now 1 all [installed]\n")
    )
    assert isinstance(broken, Partial)


def test_a_security_archive_below_the_release_counts_as_none() -> None:
    """apt takes the highest priority, not the newest version: Default-Release hides security."""
    for name, security in (("", True), ("-pinned", True), ("-default", False)):
        found = whole(apt.parse_policy(recording(f"debian12-apt-versions{name}-policy.txt")))
        assert any(s.security for s in found.items) is security


def test_a_warning_about_a_source_written_twice_takes_nothing_back() -> None:
    twice = recording("debian12-apt-twice-stderr.txt").stdout
    assert b"configured multiple times" in twice
    policy = recording("debian12-apt-policy.txt").stdout
    assert whole(apt.parse_policy(answer(policy, twice))).items
    assert len(whole(apt.parse_pending(answer(_MASKED, twice))).updates) == 1
    assert whole(apt.parse_pending(answer(_INSTALLED, twice))).updates == ()
    failed = apt.parse_policy(answer(policy, twice + b"W: Failed to fetch x\n"))
    assert isinstance(failed, Partial)
    assert failed.value.items


# apt-config of apt 2.6.1 with these lines in a file.
UNATTENDED = """\
Unattended-Upgrade "";
Unattended-Upgrade::Origins-Pattern "";
Unattended-Upgrade::Origins-Pattern:: "origin=Debian,label=Debian-Security";
Unattended-Upgrade::Package-Blacklist "";
Unattended-Upgrade::Package-Blacklist:: ".*";
Unattended-Upgrade::Package-Blacklist:: "linux-";
Unattended-Upgrade::Package-Whitelist "";
Unattended-Upgrade::Package-Whitelist:: "bash";
Unattended-Upgrade::Package-Whitelist-Strict "false";
Unattended-Upgrade::Package-Blacklist::mine "openssl";
"""


def test_lists_of_unattended_upgrades() -> None:
    assert apt.parse_unattended(answer(UNATTENDED.encode())) == Unattended(
        left_out=(".*", "linux-", "openssl"),
        only=("bash",),
        origins=("origin=Debian,label=Debian-Security",),
    )
    assert apt.parse_unattended(answer(b"")) == Unattended()
    with pytest.raises(ParseError):
        apt.parse_unattended(answer(b"E: no such command"))
