"""What dnf and yum tell of a host becomes facts, by recordings and by text of other shapes."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit_core.api.testkit import whole
from audit_core.model import Absent, Command, ParseError, Reason
from audit_patch import rpm
from audit_patch.model import Update
from recorded.patch import answer, answers, recording, run_all


def test_dnf_lists_pending_updates() -> None:
    pending = whole(rpm.parse_check_update(recording("dnf4-check-update.txt")))
    assert [(u.name, u.candidate, bool(u.source)) for u in pending.updates] == [
        ("alpha", "1.0-2", True),
        ("beta", "2.0-1", True),
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
        # of the application stream, which says nothing of the base system
        ("glibc-devel-2.34-83.el9.x86_64", False), ("kernel-headers-5.14.0-427.el9.x86_64", False),
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
    """The time of the advisories counts where there are any: the rest may be indexed each night."""
    base = b"6\0/c/x86_64/7/base/repomd.xml\0"
    path = b"/c/appstream-0123456789abcdef/repodata/repomd.xml"
    lines = (b'<data type="primary"', b"<timestamp>4", b'<data type="updateinfo"', b"<timestamp>3")
    for count, published in ((4, 3.0), (2, 4.0), (3, None)):
        stamps = b"".join(b"%s\0%s\n" % (path, line) for line in lines[:count])
        times = answer(b"5.5\0%s\0%s" % (path, base), exit_code=1)
        metadata = rpm.parse_caches(answers(times=times, stamps=stamps))
        assert not isinstance(metadata, Absent)
        reported = [(x.source, x.at, x.published, x.advisories) for x in metadata.listings]
        assert reported == [("appstream", 5.5, published, count > 2), ("base", 6.0, None, False)]
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


def test_dnf_5_is_asked_for_the_metadata_of_the_system() -> None:
    """dnf5 5.4.6.0 of an account copies them once to ~/.cache, and reads the copy ever after."""
    for command in (rpm.check_update("dnf"), *rpm.ADVISORIES.values()):
        assert isinstance(command, Command)
        assert command.argv[:2] == ("/usr/bin/env", "XDG_CACHE_HOME=/var/cache")
        assert command.short().startswith("dnf")
