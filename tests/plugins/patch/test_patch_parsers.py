"""The parsers of audit_patch on recordings, and on what a hostile or broken host may send."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_core.model import (
    Absent,
    Answer,
    Command,
    Kind,
    ObjectType,
    ParseError,
    ReadFile,
    Reason,
    Target,
)
from audit_patch import apk, apt, facts, host, rpm, zypper
from audit_patch.model import Esm, Listing, Pending, Source, Update

RECORDINGS = Path(__file__).parent / "recordings"
HOST = Target(id="h", kind=Kind.HOST, object_type=ObjectType.SERVER)


def answer(stdout: bytes = b"", stderr: bytes = b"", exit_code: int = 0) -> Answer:
    return Answer(
        stdout=stdout, stderr=stderr, exit_code=exit_code, truncated=False,
        collected_at="2026-11-23T12:00:00+00:00", target=HOST,
    )  # fmt: skip


def recording(name: str) -> Answer:
    """The recording without its header, with the exit status that the header tells."""
    head, _, body = (RECORDINGS / name).read_bytes().partition(b"#> ---\n")
    status = head.decode().partition("exit status: ")[2]
    return answer(body, exit_code=int(status))


def run(command: Command, *, swap: dict[str, str] | None = None) -> Answer:
    """The answer of this machine to `command`, with some of its arguments replaced."""
    argv = [(swap or {}).get(a, a) for a in command.argv]
    env = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    done = subprocess.run(argv, capture_output=True, env=env, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode in command.ok, done.stderr
    return answer(done.stdout, done.stderr, done.returncode)


# --- apt ----------------------------------------------------------------------------------------


def test_apt_lists_every_pending_update() -> None:
    pending = apt.parse_pending(recording("debian12-apt-upgradable.txt"))
    assert len(pending.updates) == 134
    assert Update(name="apt", candidate="2.6.2", installed="2.6.1") in pending.updates


def test_fixes_that_only_ubuntu_pro_has_are_read_from_its_lists() -> None:
    esm = apt.parse_esm(recording("apt-esm-fixes.txt"))
    assert isinstance(esm, Esm)
    assert esm.published == {"apps": 1795413600.0, "infra": 1795413600.0}
    assert [u.name for u in esm.updates] == ["bash", "sqlite3"]
    none = apt.parse_esm(recording("apt-esm-none.txt"))
    assert isinstance(none, Esm)
    assert none.updates == ()
    assert len(none.published) == 2


def test_a_host_without_lists_of_ubuntu_pro_is_told_from_one_that_cannot_be_read() -> None:
    # no Ubuntu, and one whose lists were never fetched
    for told in (b"== lists\n", b"== lists\n== apt\nListing...\n\n"):
        got = apt.parse_esm(answer(told))
        assert isinstance(got, Absent)
        assert got.reason is Reason.NOT_PRESENT
    name = b"esm.ubuntu.com_apps_ubuntu_dists_jammy-apps-security_InRelease"
    for bad in (
        b"", b"== lists\nx\n== apt\nListing...\n", b"== lists\n1 " + name + b"\n== apt\n",
        b"== lists\n1 " + name + b"\n== apt\nListing...\nwhat\n",
    ):  # fmt: skip
        with pytest.raises(ParseError):
            apt.parse_esm(answer(bad))
    with pytest.raises(ParseError):
        apt.parse_esm(answer(recording("apt-esm-none.txt").stdout, b"W: some list is broken\n"))


def test_apt_tells_security_updates_by_their_archive() -> None:
    security = apt.parse_security(recording("debian12-apt-upgradable.txt"))
    names = {u.name for u in security.updates}
    assert len(security.updates) == 81
    assert "apt" in names
    assert "appstream" not in names  # oldstable only
    assert security.labelled is None


def test_apt_lists_a_held_package_as_pending() -> None:
    held = apt.parse_security(recording("debian12-apt-held.txt"))
    assert [u.name for u in held.updates] == ["jq"]


# Debian 12.15, `apt list --upgradable --all-versions`, 2026-11-23; the security archive is invented
_MASKED = b"""Listing...
bash/oldstable 5.2.15-2+b13 amd64 [upgradable from: 5.2.15-1]
bash/stable-security 5.2.15-1.5 amd64
bash/now 5.2.15-1 amd64 [installed,upgradable to: 5.2.15-2+b13]

"""


def test_a_security_update_behind_a_newer_version_of_another_archive_is_pending() -> None:
    security = apt.parse_security(answer(_MASKED))
    assert [u.name for u in security.updates] == ["bash"]
    assert [u.candidate for u in apt.parse_pending(answer(_MASKED)).updates] == ["5.2.15-2+b13"]


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
    assert apt.parse_security(answer(b"Listing...\n" + text)).updates == ()


def test_apts_usual_warning_is_no_complaint() -> None:
    quiet = recording("debian12-apt-upgradable-stderr.txt").stdout
    assert b"stable CLI" in quiet
    assert apt.parse_pending(answer(b"Listing...\n", quiet)) == Pending(updates=())


@pytest.mark.parametrize("line", [b"W: Failed to fetch x", b"E: The list of sources could not"])
def test_apt_that_complains_is_not_read(line: bytes) -> None:
    with pytest.raises(ParseError, match="complained"):
        apt.parse_pending(answer(b"Listing...\n", line))


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
    sources = apt.parse_policy(recording("debian12-apt-policy.txt"))
    security = Source(
        name="Debian-Security bookworm-security main", security=True, suite="bookworm"
    )
    assert security in sources.items
    assert [s.security for s in sources.items].count(True) == 1
    assert sources.pinned == ()


def test_apt_without_sources_has_none_in_effect() -> None:
    assert apt.parse_policy(recording("debian12-apt-nosource-policy.txt")).items == ()


def test_a_security_archive_that_is_pinned_away_does_not_count() -> None:
    sources = apt.parse_policy(recording("debian12-apt-pinned-policy.txt"))
    assert len(sources.items) == 3
    assert not any(s.security for s in sources.items)


def test_pinned_packages_are_told() -> None:
    text = b"Package files:\nPinned packages:\n     jq -> 1.6-2.1 with priority 1001\n"
    assert apt.parse_policy(answer(text)).pinned == ("jq -> 1.6-2.1 with priority 1001",)


def test_an_archive_called_oldstable_like_any_other_is_not_taken_for_security() -> None:
    # invented after Debian 10, whose security archive has a=oldoldstable
    text = (
        b"Package files:\n 500 http://x y\n"
        b"     release v=10,o=Debian,a=oldoldstable,n=buster,l=Debian-Security,c=main\n"
        b"Pinned packages:\n"
    )
    assert [s.security for s in apt.parse_policy(answer(text)).items] == [False]


def test_apt_lists_tell_their_times() -> None:
    metadata = apt.parse_lists(recording("debian12-apt-lists.bin"))
    assert [x.source for x in metadata.listings if x.security] == [
        "deb.debian.org_debian-security_dists_bookworm-security_InRelease"
    ]
    assert {x.at for x in metadata.listings if x.security} == {1795432099.0}
    assert metadata.stamp is None


def test_apt_success_stamp_is_kept_apart() -> None:
    raw = b"17.5\0periodic/update-success-stamp\x005\0lists/x_dists_jammy-security_InRelease\0"
    metadata = apt.parse_lists(answer(raw))
    assert metadata.stamp == 17.5
    assert metadata.listings == (
        Listing(source="x_dists_jammy-security_InRelease", at=5, security=True),
    )


def test_the_later_of_two_stamps_counts() -> None:
    raw = b"17.5\0periodic/update-success-stamp\x009\0periodic/update-stamp\0"
    assert apt.parse_lists(answer(raw)).stamp == 17.5


def test_the_date_that_the_archive_signed_counts_not_that_of_the_copy(tmp_path: Path) -> None:
    lists = tmp_path / "lists"
    lists.mkdir()
    head = "Origin: Debian\nSuite: stable-security\n"
    (lists / "m_dists_x-security_InRelease").write_text(
        f"{head}Date: Tue, 01 Jul 2025 10:00:00 UTC\n"
    )
    (lists / "m_dists_x_Release").write_text(head)
    (lists / "m_dists_y_Release").write_text(head + "Date: no day\n")
    os.utime(lists / "m_dists_x_Release", (7, 7))
    os.utime(lists / "m_dists_y_Release", (8, 8))
    shell, option, script = apt.LISTS.argv
    command = Command(argv=(shell, option, script.replace("/var/lib/apt", str(tmp_path))))
    found = apt.parse_lists(run(command))
    assert [(x.at, x.security) for x in found.listings] == [
        (1751364000.0, True), (7.0, False), (8.0, False)
    ]  # fmt: skip
    assert found.stamp is None


def test_the_oldest_layout_of_debian_security_is_known() -> None:
    name = "security.debian.org_debian-security_dists_buster_updates_InRelease"
    assert apt.parse_lists(answer(f"1\0lists/{name}\0".encode())).listings[0].security


@pytest.mark.parametrize("raw", [b"1\0lists/x", b"1\0", b"x\0lists/x\0", b"\xd9\xa1\0lists/x\0"])
def test_a_cut_or_misshapen_listing_is_not_read(raw: bytes) -> None:
    with pytest.raises(ParseError):
        apt.parse_lists(answer(raw))


SOURCES = """\
Types: deb
URIs: http://user:hunter2@mirror.example/debian
Suites: bookworm
Components: main
"""


def options(tmp_path: Path, files: dict[str, str]) -> Any:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    got = run(apt.OPTIONS, swap={"/etc/apt": str(tmp_path)})
    assert b"hunter2" not in got.stdout
    fixed = got.stdout.replace(str(tmp_path).encode(), b"/etc/apt")
    return apt.parse_options(answer(fixed, exit_code=got.exit_code))


@pytest.mark.parametrize(
    ("name", "text", "unverified"),
    [
        ("sources.list", "deb http://user:hunter2@m/debian bookworm main\n", 0),
        ("sources.list", "deb [trusted=yes] http://m/debian bookworm main\n", 1),
        ("sources.list", "  deb  [ arch=amd64 trusted=yes ] http://m/ bookworm main\n", 1),
        ("sources.list", "deb [arch=amd64 signed-by=/k.gpg] http://m/ bookworm main\n", 0),
        ("sources.list", "deb [trusted=no] http://m/ bookworm main\n", 0),
        ("sources.list.d/a.list", "deb [allow-insecure=yes] http://m/ bookworm main\n", 1),
        ("sources.list.d/a.sources", SOURCES, 0),
        ("sources.list.d/a.sources", SOURCES + "Trusted: yes\n", 1),
        ("sources.list.d/a.sources", SOURCES + "trusted:   YES\n", 1),
        ("sources.list.d/a.sources", SOURCES + "Allow-Insecure: yes\n", 1),
    ],
)
def test_apt_options_that_skip_signatures(
    tmp_path: Path, name: str, text: str, unverified: int
) -> None:
    found = options(tmp_path, {name: text})
    assert (found.sources, len(found.unverified)) == (1, unverified)


def test_apt_comments_and_ignored_files_do_not_count(tmp_path: Path) -> None:
    found = options(
        tmp_path,
        {
            "sources.list": "# deb [trusted=yes] http://m/ x main\n",
            "sources.list.d/old.list.bak": "deb [trusted=yes] http://m/ x main\n",
            "apt.conf.d/50x": '// APT::Get::AllowUnauthenticated "true";\n',
        },
    )
    assert (found.sources, found.unverified, found.doubtful) == (0, (), ())


def test_a_trusted_stanza_beside_a_disabled_one_is_doubtful(tmp_path: Path) -> None:
    found = options(
        tmp_path, {"sources.list.d/a.sources": "Enabled: no\n" + SOURCES + "Trusted: yes\n"}
    )
    assert found.unverified == ()
    assert found.doubtful == ("/etc/apt/sources.list.d/a.sources: Trusted: yes",)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('APT::Get::AllowUnauthenticated "true";\n', 1),
        ('APT::Get::AllowUnauthenticated\t"true";\n', 1),
        ("APT { Get { AllowUnauthenticated 1; }; };\n", 1),
        ('Acquire::AllowInsecureRepositories "true";\n', 1),
        ('Acquire::AllowInsecureRepositories "false";\n', 0),
        ('Acquire::AllowWeakRepositories "true";\n', 0),
    ],
)
def test_apt_settings_that_skip_signatures(tmp_path: Path, text: str, count: int) -> None:
    assert len(options(tmp_path, {"apt.conf.d/99x": text}).unverified) == count


@pytest.mark.parametrize(
    ("name", "count"), [("99x.conf", 1), ("99x.bak", 0), ("99x.dpkg-old", 0), ("99x.conf.save", 0)]
)
def test_left_over_settings_of_apt_do_not_count(tmp_path: Path, name: str, count: int) -> None:
    text = 'APT::Get::AllowUnauthenticated "true";\n'
    assert len(options(tmp_path, {f"apt.conf.d/{name}": text}).unverified) == count


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
    assert apt.parse_automatic(answer(text.encode())).installs is installs


# --- dnf and yum --------------------------------------------------------------------------------


def test_dnf_lists_pending_updates() -> None:
    pending = rpm.parse_check_update(recording("dnf4-check-update.txt"))
    assert [(u.name, u.candidate) for u in pending.updates] == [
        ("alpha", "1.0-2"),
        ("beta", "2.0-1"),
    ]


def test_dnf_without_updates_says_nothing_and_ends_with_0() -> None:
    assert rpm.parse_check_update(recording("dnf4-none.txt")).updates == ()


@pytest.mark.parametrize(("text", "status"), [(b"", 100), (b"a.noarch  1-1  repo\n", 0)])
def test_dnf_whose_status_and_text_disagree_is_not_read(text: bytes, status: int) -> None:
    with pytest.raises(ParseError, match="exit status"):
        rpm.parse_check_update(answer(text, exit_code=status))


def test_obsoleting_packages_and_wrapped_rows() -> None:
    # invented after yum 3.4.3 of CentOS 7
    text = (
        b"\nNetworkManager-config-server-with-a-long-name.noarch\n"
        b"                        1:1.18.8-2.el7_9      updates\n"
        b"bash.x86_64             4.2.46-35.el7_9       updates\n"
        b"Obsoleting Packages\nnew.noarch 1-1 updates\n    old.noarch 0-1 @base\n"
    )
    pending = rpm.parse_check_update(answer(text, exit_code=100))
    assert [u.candidate for u in pending.updates] == ["1:1.18.8-2.el7_9", "4.2.46-35.el7_9"]


def test_dnf_advisories_that_wait() -> None:
    security = rpm.parse_updateinfo(recording("dnf4-updateinfo.txt"))
    assert security.updates == (Update(name="DEMO-2026:0001", candidate="alpha-1.0-2.noarch"),)
    assert security.labelled is True


def test_dnf_advisories_that_are_all_installed() -> None:
    security = rpm.parse_updateinfo(recording("dnf4-updateinfo-installed.txt"))
    assert (security.updates, security.labelled) == ((), True)


def test_repositories_without_advisories_label_nothing() -> None:
    security = rpm.parse_updateinfo(recording("dnf4-updateinfo-none.txt"))
    assert (security.updates, security.labelled) == ((), False)


def test_advisories_of_epel_alone_label_nothing_of_the_distribution() -> None:
    # invented after CentOS 7 with EPEL: the base repositories carry no advisories
    epel = b"i FEDORA-EPEL-2026-0123456789 Important/Sec. nagios-4.4.9-1.el7.x86_64\n"
    assert rpm.parse_updateinfo(answer(epel)).labelled is False
    own = b"i RHSA-2026:0001 Important/Sec. openssl-libs-3.0.7-1.el9.x86_64\n"
    assert rpm.parse_updateinfo(answer(epel + own)).labelled is True


@pytest.mark.parametrize(
    "line", [b"Error: Cache-only enabled but no cache for 'gone'", b"Ignoring repositories: gone"]
)
def test_dnf_that_leaves_a_repository_out_is_not_read(line: bytes) -> None:
    # both lines were seen from dnf 4.14.0 on Debian 12
    with pytest.raises(ParseError, match="complaint"):
        rpm.parse_updateinfo(answer(b"", line))


def test_dnf_caches_by_repository() -> None:
    base = b"6\0x86_64/7/base/repomd.xml\0\0"
    raw = b"5.5\0appstream-0123456789abcdef/repodata/repomd.xml\x004\0" + base
    metadata = rpm.parse_caches(answer(raw, exit_code=1))
    assert not isinstance(metadata, Absent)
    told = [(x.source, x.at, x.published) for x in metadata.listings]
    assert told == [("appstream", 5.5, 4.0), ("base", 6.0, None)]
    assert metadata.by_source


def test_the_index_of_a_repository_tells_when_it_was_made(tmp_path: Path) -> None:
    for name, stamps in (
        ("base-0123456789abcdef", "17 1795432099 9"),
        ("it's-fedcba9876543210", ""),
    ):
        folder = tmp_path / name / "repodata"
        folder.mkdir(parents=True)
        lines = "".join(f"    <timestamp>{s}</timestamp>\n" for s in stamps.split())
        (folder / "repomd.xml").write_text(f"<repomd>\n{lines}</repomd>\n")
    metadata = rpm.parse_caches(run(rpm.caches((str(tmp_path),), 5)))
    assert not isinstance(metadata, Absent)
    told = {x.source: x.published for x in metadata.listings}
    assert told == {"base": 1795432099.0, "it's": None}


def test_a_cache_that_is_closed_to_the_account() -> None:
    stderr = b"find: '/var/cache/dnf': Permission denied\n"
    got = rpm.parse_caches(answer(b"", stderr, exit_code=1))
    assert isinstance(got, Absent)
    assert got.reason is Reason.NOT_PERMITTED


REPO = "[{id}]\nname=x\nbaseurl=https://u:hunter2@m/\n"


def repos(tmp_path: Path, files: dict[str, str]) -> Answer:
    folder = tmp_path / "yum.repos.d"
    folder.mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    swap = {
        "/etc/yum.repos.d": str(folder),
        "/etc/dnf/dnf.conf": str(tmp_path / "dnf.conf"),
        "/etc/yum.conf": str(tmp_path / "yum.conf"),
    }
    got = run(rpm.REPOS, swap=swap)
    assert b"hunter2" not in got.stdout
    return got


@pytest.mark.parametrize(
    ("main", "repo", "unverified"),
    [
        ("gpgcheck=1", "", 0),
        ("gpgcheck=True", "", 0),
        ("", "", 1),
        ("gpgcheck=0", "", 1),
        ("gpgcheck=0", "gpgcheck=1", 0),
        ("gpgcheck=1", "gpgcheck = 0", 1),
        ("gpgcheck=1", "# gpgcheck=0", 0),
        ("gpgcheck=1", "enabled=0\ngpgcheck=0", None),
    ],
)
def test_repositories_and_their_signature_checks(
    tmp_path: Path, main: str, repo: str, unverified: int | None
) -> None:
    text = REPO.format(id="appstream") + repo + "\n"
    got = repos(tmp_path, {"dnf.conf": f"[main]\n{main}\n", "yum.repos.d/a.repo": text})
    signatures, sources = rpm.parse_signatures(got), rpm.parse_sources(got)
    assert not isinstance(signatures, Absent)
    assert not isinstance(sources, Absent)
    names = [s.name for s in sources.items]
    if unverified is None:
        assert (names, signatures.sources, signatures.unverified) == ([], 0, ())
    else:
        assert (names, len(signatures.unverified)) == (["appstream"], unverified)


def test_a_yum_conf_beside_that_of_dnf_does_not_count(tmp_path: Path) -> None:
    files = {"yum.conf": "[main]\ngpgcheck=1\n", "yum.repos.d/a.repo": "[a]\n"}
    got = rpm.parse_signatures(repos(tmp_path, {"dnf.conf": "[main]\nbest=True\n", **files}))
    assert not isinstance(got, Absent)
    assert len(got.unverified) == 1


@pytest.mark.parametrize(
    ("main", "repo", "unverified"),
    [("", "", 0), ("gpgcheck = off", "", 1), ("gpgcheck=off", "gpgcheck=1", 0),
     ("", "gpgcheck=0", 1)],
)  # fmt: skip
def test_zypp_s_own_setting_is_the_default_of_its_repositories(
    tmp_path: Path, main: str, repo: str, unverified: int
) -> None:
    (tmp_path / "repos.d").mkdir()
    (tmp_path / "zypp.conf").write_text(f"[main]\n{main}\n")
    (tmp_path / "repos.d" / "a.repo").write_text(f"[a]\n{repo}\n")
    swap = {f"/etc/zypp/{n}": str(tmp_path / n) for n in ("zypp.conf", "repos.d")}
    got = zypper.parse_signatures(run(zypper.REPOS, swap=swap))
    assert not isinstance(got, Absent)
    assert (got.sources, len(got.unverified)) == (1, unverified)


def test_a_section_ends_with_its_file(tmp_path: Path) -> None:
    files = {"yum.repos.d/a.repo": "[a]\ngpgcheck=1\n", "yum.repos.d/b.repo": "gpgcheck=0\n[b]\n"}
    got = rpm.parse_signatures(repos(tmp_path, {"dnf.conf": "[main]\ngpgcheck=1\n", **files}))
    assert not isinstance(got, Absent)
    assert (got.sources, got.unverified) == (2, ())


def test_dnf_automatic() -> None:
    text = b"/etc/dnf/automatic.conf\0apply_updates = yes\n"
    got = rpm.parse_automatic(answer(text))
    assert not isinstance(got, Absent)
    assert (got.installs, got.settings) == (True, ("/etc/dnf/automatic.conf: apply_updates=yes",))


# --- zypper and apk -----------------------------------------------------------------------------


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


# --- the host -----------------------------------------------------------------------------------


def test_kernels_of_a_real_folder(tmp_path: Path) -> None:
    for name in (
        "vmlinuz-6.1.0-37-amd64",
        "vmlinuz-0-rescue-abc",
        "config-6.1.0-99-amd64",
        "vmlinuz-lts",
    ):
        (tmp_path / name).touch()
    (tmp_path / "reboot-required").touch()
    swap = {"/boot": str(tmp_path), "/run/reboot-required": str(tmp_path / "reboot-required")}
    kernels = host.parse_kernels(run(host.KERNELS, swap=swap))
    assert not isinstance(kernels, Absent)
    assert (kernels.installed, kernels.reboot_required) == (("6.1.0-37-amd64",), True)


def test_release_of_this_machine() -> None:
    assert host.parse_release(answer(Path(host.RELEASE.path).read_bytes())).id != ""


def test_release_of_openeuler_tells_its_service_pack() -> None:
    # invented after openEuler 24.03 (LTS-SP3)
    text = b'NAME="openEuler"\nVERSION="24.03 (LTS-SP3)"\nID="openEuler"\nVERSION_ID="24.03"\n'
    release = host.parse_release(answer(text))
    assert (release.id, release.version) == ("openeuler", "24.03 (LTS-SP3)")


# invented after needs-restarting of yum-utils 4.0 and 1.1.31
def test_needs_restarting() -> None:
    yes = b"Core libraries or services have been updated:\n  * glibc\n\nReboot is required"
    no = b"No core libraries or services have been updated since boot-up.\n"
    assert host.parse_restart(answer(yes, exit_code=1)) is True
    assert host.parse_restart(answer(no + b"Reboot should not be necessary.\n")) is False
    for broken in (answer(b""), answer(no, exit_code=1), answer(b"Error: x\n", exit_code=1)):
        with pytest.raises(ParseError):
            host.parse_restart(broken)


# systemd 252: a line for each unit asked for; `unknown` is that of older ones
def test_what_starts_automatic_updates() -> None:
    got = host.parse_starters(answer(b"active\ninactive\nunknown\nfailed\ninactive\n"))
    assert got == ("apt-daily-upgrade.timer",)
    with pytest.raises(ParseError):
        host.parse_starters(answer(b"active\n"))
    said = b"System has not been booted with systemd as init system (PID 1). Can't operate.\n"
    assert isinstance(host.parse_starters(answer(b"", said, 1)), Absent)


def test_updaters_of_this_machine_are_listed_or_not() -> None:
    found = host.parse_updaters(run(host.UPDATERS))
    assert isinstance(found, tuple)


# --- every parser, whatever it is sent ----------------------------------------------------------

PARSERS = [p.parse for f in facts.FACTS for p in f.providers]
PIECES = st.sampled_from([
    b"Listing...\n", b"a/b-security 1 amd64 [upgradable from: 0]\n", b"Package files:\n",
    b"Pinned packages:\n", b"\0", b"\n", b"1.5\0lists/x\0", b"[x]\n", b"gpgcheck=0", b"f\0deb [",
    b"a.noarch 1 r\n", b"i X Important/Sec. p\n", b"-+-\n", b"|", b"Name", b"ID=x\n", b"\xff",
    b"\x1b[2J", b"=", b"'", b"Permission denied\n", b"No updates found.\n", b"\xe2\x80\xae",
])  # fmt: skip
BYTES = st.binary(max_size=200) | st.lists(PIECES, max_size=12).map(b"".join)


@given(
    parse=st.sampled_from(PARSERS), stdout=BYTES, stderr=BYTES, status=st.sampled_from([0, 1, 100])
)
def test_a_parser_returns_or_says_that_it_cannot_read(
    parse: Callable[[Answer], object], stdout: bytes, stderr: bytes, status: int
) -> None:
    try:
        value = parse(answer(stdout, stderr, status))
    except ParseError:
        return
    assert value is not None


def test_requests_write_nothing_and_need_no_root() -> None:
    for fact in facts.FACTS:
        for provider in fact.providers:
            ask = provider.ask
            assert isinstance(ask, Command | ReadFile)
            assert ask.privilege == "user"
            argv = ask.argv if isinstance(ask, Command) else ()
            assert not {"update", "refresh", "install", "makecache"} & set(argv)
