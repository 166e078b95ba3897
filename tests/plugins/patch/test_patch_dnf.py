"""What dnf and yum tell of a host becomes facts, by recordings and by text of other shapes."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit_core.api.testkit import whole
from audit_core.model import Absent, Answer, Command, ParseError, Reason
from audit_patch import rpm, zypper
from audit_patch.model import Update
from recorded.patch import answer, answers, recording, run, run_all


def test_dnf_lists_pending_updates() -> None:
    pending = whole(rpm.parse_check_update(recording("dnf4-check-update.txt")))
    assert [(u.name, u.candidate) for u in pending.updates] == [
        ("alpha", "1.0-2"),
        ("beta", "2.0-1"),
    ]


def test_dnf_without_updates_says_nothing_and_ends_with_0() -> None:
    assert whole(rpm.parse_check_update(recording("dnf4-none.txt"))).updates == ()


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
    pending = whole(rpm.parse_check_update(answer(text, exit_code=100)))
    assert [u.candidate for u in pending.updates] == ["1:1.18.8-2.el7_9", "4.2.46-35.el7_9"]


def test_dnf_advisories_that_wait() -> None:
    security = whole(rpm.parse_updateinfo(recording("dnf4-updateinfo.txt")))
    assert security.updates == (Update(name="DEMO-2026:0001", candidate="alpha-1.0-2.noarch"),)
    assert security.labelled is True


def test_dnf_advisories_that_are_all_installed() -> None:
    security = whole(rpm.parse_updateinfo(recording("dnf4-updateinfo-installed.txt")))
    assert (security.updates, security.labelled) == ((), True)


def test_repositories_without_advisories_label_nothing() -> None:
    security = whole(rpm.parse_updateinfo(recording("dnf4-updateinfo-none.txt")))
    assert (security.updates, security.labelled) == ((), False)


def test_advisories_tell_whether_the_base_system_is_among_them() -> None:
    for package, base in (
        ("openssl-libs-1:3.0.7-1.el9.x86_64", True), ("kernel-core-5.14.0-427.el9.x86_64", True),
        ("nginx-1:1.20.1-1.el9.x86_64", False), ("tarantool-2-1.el9.x86_64", False),
    ):  # fmt: skip
        row = f"i RHSA-2026:0001 Important/Sec. {package}\n".encode()
        assert whole(rpm.parse_updateinfo(answer(row))).base is base


def test_advisories_of_epel_alone_label_nothing_of_the_distribution() -> None:
    # invented after CentOS 7 with EPEL: the base repositories carry no advisories
    epel = b"i FEDORA-EPEL-2026-0123456789 Important/Sec. nagios-4.4.9-1.el7.x86_64\n"
    assert whole(rpm.parse_updateinfo(answer(epel))).labelled is False
    own = b"i RHSA-2026:0001 Important/Sec. openssl-libs-3.0.7-1.el9.x86_64\n"
    assert whole(rpm.parse_updateinfo(answer(epel + own))).labelled is True


def test_dnf_is_asked_so_that_it_tells_which_sources_it_passes_over() -> None:
    """With -q dnf 4.14 tells neither a damaged cache nor a missing one, and exits with 0.

    yum 3 prints nothing but its exit status then, by its source.
    """
    yum = (rpm.check_update("yum"), rpm.YUM_ADVISORIES)
    asked = (rpm.check_update("dnf"), *rpm.ADVISORIES.values(), *yum)
    assert not any("-q" in command.argv for command in asked if isinstance(command, Command))


@pytest.mark.parametrize(
    "line", [b"Error: Cache-only enabled but no cache for 'gone'", b"Ignoring repositories: gone"]
)
def test_dnf_that_leaves_a_repository_out_is_not_read(line: bytes) -> None:
    # both lines were seen from dnf 4.14.0 on Debian 12
    with pytest.raises(ParseError, match="error output"):
        rpm.parse_updateinfo(answer(b"", line))


def test_dnf_caches_by_repository() -> None:
    base = b"6\0/c/x86_64/7/base/repomd.xml\0"
    path = b"/c/appstream-0123456789abcdef/repodata/repomd.xml"
    stamps = b"%s\0<timestamp>4\n%s\0<timestamp>3\n" % (path, path)
    times = answer(b"5.5\0%s\0%s" % (path, base), exit_code=1)
    metadata = rpm.parse_caches(answers(times=times, stamps=stamps))
    assert not isinstance(metadata, Absent)
    reported = [(x.source, x.at, x.published) for x in metadata.listings]
    assert reported == [("appstream", 5.5, 4.0), ("base", 6.0, None)]
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
    metadata = rpm.parse_caches(run_all(rpm.caches((str(tmp_path),), 5)))
    assert not isinstance(metadata, Absent)
    reported = {x.source: x.published for x in metadata.listings}
    assert reported == {"base": 1795432099.0, "it's": None}


def test_a_cache_that_is_closed_to_the_account() -> None:
    stderr = b"find: '/var/cache/dnf': Permission denied\n"
    got = rpm.parse_caches(answers(times=answer(b"", stderr, exit_code=1), stamps=b""))
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
     ("", "gpgcheck=0", 1), ("", "repo_gpgcheck=0\npkg_gpgcheck=0", 1),
     ("", "repo_gpgcheck=0", 0), ("", "pkg_gpgcheck=off", 0), ("gpgcheck=0", "repo_gpgcheck=1", 0),
     ("repo_gpgcheck=off\npkg_gpgcheck=off", "", 1), ("pkg_gpgcheck=on", "gpgcheck=0", 0)],
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


# After dnf 4.14 (dnf/cli/cli.py), which prints this on the same stream as the rows.
_NOTICES = (
    b"Security: kernel-core-5.14.0-427.el9.x86_64 is an installed security update\n"
    b"Security: kernel-core-5.14.0-362.el9.x86_64 is the currently running version\n"
)


def test_notices_of_dnf_are_no_rows() -> None:
    updates = recording("dnf4-check-update.txt")
    got = rpm.parse_check_update(answer(_NOTICES + updates.stdout, exit_code=100))
    assert got == rpm.parse_check_update(updates)
    assert whole(rpm.parse_check_update(answer(_NOTICES))).updates == ()
    advisories = recording("dnf4-updateinfo.txt")
    noted = answers(all=_NOTICES + advisories.stdout, available=_NOTICES)
    assert rpm.parse_advisories(noted) == rpm.parse_updateinfo(advisories)


# Invented after libdnf5-cli/output/advisorylist.cpp: installed advisories differ by colour only.
_FIVE_ALL = b"""\
Name                   Type     Severity                      Package              Issued
FEDORA-2026-9ae2a4ec1c security Moderate    tzdata-2026a-1.fc42.noarch 2026-11-20 02:51:35
FEDORA-2026-a23a4bcb58 security None     openssl-libs-1:3.2.4-1.fc42.x86_64 2026-11-21 01:03:21
FEDORA-2026-bfbfbfbfbf bugfix   None     sed-4.9-1.fc42.x86_64 2026-11-21 01:03:21
"""
_FIVE_WAITING = b"\n".join(_FIVE_ALL.splitlines()[::2]) + b"\n"
_FIVE_JSON = (
    b'[{"name":"FEDORA-2026-a23a4bcb58","type":"security","severity":"None",'
    b'"nevra":"openssl-libs-1:3.2.4-1.fc42.x86_64","buildtime":1795914201}]\n'
)


def test_the_advisories_of_dnf_5() -> None:
    want = (Update(name="FEDORA-2026-a23a4bcb58", candidate="openssl-libs-1:3.2.4-1.fc42.x86_64"),)
    for waiting in (_FIVE_WAITING, _FIVE_JSON):
        got = whole(rpm.parse_advisories(answers(all=_FIVE_ALL, available=waiting)))
        assert (got.updates, got.labelled) == (want, True)
    none = whole(rpm.parse_advisories(answers(all=_FIVE_ALL, available=b"")))
    assert (none.updates, none.labelled) == ((), True)
    assert whole(rpm.parse_advisories(answers(all=b"", available=b""))).labelled is False
    for bad in (b"[1]\n", _FIVE_WAITING.splitlines()[0] + b"\nwhat\n"):
        with pytest.raises(ParseError):
            rpm.parse_advisories(answers(all=_FIVE_ALL, available=bad))


def test_the_sections_of_dnf_5() -> None:
    # invented after libdnf5-cli/output/package_list_sections.cpp
    text = (
        b"Upgrades\nbash.x86_64     5.2.37-1.fc42 updates\n\nObsoleting packages\n"
        b"new.noarch      1-1           updates\n    old.noarch  0-1           @System\n\n"
    )
    got = whole(rpm.parse_check_update(answer(text, exit_code=100)))
    assert [u.name for u in got.updates] == ["bash"]
    only = text.partition(b"\n\n")[2]
    assert whole(rpm.parse_check_update(answer(only, exit_code=100))).updates == ()


def test_a_release_that_is_fixed_is_found(tmp_path: Path) -> None:
    for name, text in {
        "vars/releasever": "9.2\n",
        "repos/redhat.repo": "baseurl = https://u:hunter2@cdn/content/eus/rhel9/9.2/x86_64/os\n",
        "repos/rocky.repo": "#baseurl=http://dl/$contentdir/$releasever/BaseOS/\nbaseurl=http://"
        "dl/pub/rocky/9/BaseOS\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    places = {"/etc/dnf/vars": "vars", "/etc/yum/vars": "none", "/etc/yum.repos.d": "repos"}
    got = run(rpm.FIXED, swap={path: str(tmp_path / name) for path, name in places.items()})
    assert b"hunter2" not in got.stdout
    assert rpm.parse_fixed(got) == (
        f"{tmp_path}/repos/redhat.repo: rhel9/9.2", f"{tmp_path}/vars/releasever: 9.2",
    )  # fmt: skip
