"""Files of repositories are read as dnf 4, dnf 5 and zypper read them (recorded outcomes)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from audit_core.api.testkit import whole
from audit_core.model import Absent, Answer, Answers, Command, ParseError, Partial
from audit_patch import rpm_sources, zypper
from audit_patch.model import Metadata, Signatures, Sources
from recorded.patch import RECORDINGS, answer, answers, run

ROWS = json.loads((RECORDINGS / "repo-files.json").read_text())["rows"]
Kept = Signatures | Sources | Partial | Absent


def ask(root: Path, command: Command) -> Answer:
    """The answer of a host whose files are below `root`."""
    swap = {a: f"{root}{a}" for a in command.argv if a.startswith(("/etc", "/usr/"))}
    got = run(command, swap=swap)
    return answer(
        got.stdout.replace(b"%s/" % bytes(root), b"/"),
        got.stderr.replace(b"%s/" % bytes(root), b"/"), got.exit_code,
    )  # fmt: skip


def dnf(root: Path, program: str = "dnf-3") -> Answers:
    files = rpm_sources.REPOS["files"]
    assert isinstance(files, Command)
    got = ask(root, files)
    assert b"hunter2" not in got.stdout
    return answers(files=got, program=f"{program}\0".encode() if program else b"")


def lay(root: Path, files: dict[str, str]) -> Path:
    """`root` with these files."""
    for path, text in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode())
    return root


def outcome(signatures: Kept, sources: Kept) -> tuple[dict[str, bool], bool]:
    """Enabled repositories, and whether each is checked; and whether something was passed over."""
    partly = isinstance(signatures, Partial)
    checks = signatures.value if isinstance(signatures, Partial) else signatures
    names = sources.value if isinstance(sources, Partial) else sources
    assert isinstance(checks, Signatures)
    assert isinstance(names, Sources)
    found = (re.search(r"\[(.*?)\]", text) for text in checks.unverified)
    open_ones = {row[1] for row in found if row}
    return {source.name: source.name not in open_ones for source in names.items}, partly


def test_files_as_each_program_reads_them(tmp_path: Path, subtests: pytest.Subtests) -> None:
    ways: dict[str, Any] = {
        "dnf4": ("etc/yum.repos.d", "etc/dnf/dnf.conf", "dnf-3"),
        "dnf5": ("etc/yum.repos.d", "etc/dnf/dnf.conf", "dnf5"),
        "zypper": ("etc/zypp/repos.d", "etc/zypp/zypp.conf", ""),
    }
    for number, row in enumerate(ROWS):
        for way, (folder, conf, program) in ways.items():
            main = "gpgcheck=1\n" if row["main"] is None else f"[main]\n{row['main']}\n"
            files = {conf: main, **{f"{folder}/{n}": t for n, t in row["files"].items()}}
            root = lay(tmp_path / f"{number}{way}", files)
            with subtests.test(f"{row['name']}, {way}"):
                assert_as_recorded(row, way, root, program)


# What these readings leave open, each for a file that hardly anybody writes.
_OPEN = {
    ("hidden", "dnf5"): "dnf 5 reads hidden files, dnf 4 and zypper do not",
    ("var id", "dnf4"): "the name of the variable stands for its value",
    ("var id", "dnf5"): "the name of the variable stands for its value",
    ("main no header", "zypper"): "zypper passes over it, undetermined here",
}


def assert_as_recorded(row: dict[str, Any], way: str, root: Path, program: str) -> None:
    if (row["name"], way) in _OPEN:
        return
    try:
        if way == "zypper":
            got = ask(root, zypper.REPOS)
            found, partly = outcome(zypper.parse_signatures(got), zypper.parse_sources(got))
        else:
            asked = dnf(root, program)
            signatures = rpm_sources.parse_signatures(asked)
            found, partly = outcome(signatures, rpm_sources.parse_sources(asked))
    except ParseError:
        assert row[way] is None
        return
    # A program that refuses one file or address lists nothing: other questions tell so.
    assert partly or row[way] is None or found == row[way]


def read(root: Path, program: str) -> tuple[dict[str, bool], bool]:
    asked = dnf(root, program)
    return outcome(rpm_sources.parse_signatures(asked), rpm_sources.parse_sources(asked))


def test_overrides_and_drop_ins_of_dnf_5(tmp_path: Path, subtests: pytest.Subtests) -> None:
    # dnf5 5.4.6.0
    plain = {"etc/dnf/dnf.conf": "[main]\ngpgcheck=1\n",
             "etc/yum.repos.d/a.repo": "[a]\nbaseurl=https://u:hunter2@m/\n"}  # fmt: skip
    override, off = "dnf/repos.override.d/x.repo", "[a*]\ngpgcheck=0\n"
    drop_in = {"etc/dnf/dnf.conf": "[main]\n"}
    on = "[main]\ngpgcheck=1\n"
    for n, (more, expected) in enumerate((
        ({f"etc/{override}": off}, {"a": False}),
        ({"usr/share/dnf5/repos.override.d/x.repo": off,
          f"etc/{override}": "[a]\npkg_gpgcheck=1\n"}, {"a": True}),
        ({f"etc/{override}": "[*]\nenabled=0\n"}, {}),
        ({"etc/dnf/repos.override.d/x.conf": off}, {"a": True}),
        ({"usr/share/dnf5/repos.d/v.repo": "[v]\ngpgcheck=0\n"}, {"a": True, "v": False}),
        (drop_in, {"a": False}),
        ({"etc/dnf/libdnf5.conf.d/x.conf": on, **drop_in}, {"a": True}),
        ({"usr/share/dnf5/libdnf.conf.d/x.conf": on, **drop_in}, {"a": True}),
        ({"etc/dnf/libdnf5.conf.d/x.conf": on, "etc/dnf/dnf.conf": "[main]\ngpgcheck=0\n"},
         {"a": False}),
        ({"usr/share/dnf5/libdnf.conf.d/x.conf": on, "etc/dnf/libdnf5.conf.d/x.conf": "[main]\n",
          **drop_in}, {"a": False}),
    )):  # fmt: skip
        with subtests.test(str(sorted(more))):
            root = lay(tmp_path / str(n), {**plain, **more})
            assert read(root, "dnf5") == (expected, False)
            if "dnf.conf" not in str(more):
                assert read(root, "dnf-3") == ({"a": True}, False)


def test_yum_3_reads_keys_in_any_case(tmp_path: Path, subtests: pytest.Subtests) -> None:
    # iniparse 0.5, which yum 3 reads its files with
    for n, (line, checked) in enumerate((
        ("GPGCHECK=0", False), ("gpgcheck: 0", False), ("gpgcheck=0 ; c", False),
        ("gpgcheck=1", True), (" gpgcheck=0", True),
    )):  # fmt: skip
        with subtests.test(line):
            files = {"etc/yum.conf": "[main]\ngpgcheck=1\n",
                     "etc/yum.repos.d/a.repo": f"[a]\nname=x\n{line}\n"}  # fmt: skip
            assert read(lay(tmp_path / str(n), files), "") == ({"a": checked}, False)


def test_other_directories_of_repositories_are_not_known(tmp_path: Path) -> None:
    for text, partly in (("/opt/repos", True), ("/etc/yum.repos.d/", False)):
        files = {"etc/dnf/dnf.conf": f"[main]\ngpgcheck=1\nreposdir={text}\n",
                 "etc/yum.repos.d/a.repo": "[a]\n",
                 "etc/distro.repos.d/b.repo": "[b]\n"}  # fmt: skip
        found = read(lay(tmp_path, files), "dnf-3")
        assert found == ({} if partly else {"a": True}, partly)


def test_a_yum_conf_beside_that_of_dnf_does_not_count(tmp_path: Path) -> None:
    files = {"etc/yum.conf": "[main]\ngpgcheck=1\n", "etc/dnf/dnf.conf": "[main]\nbest=True\n",
             "etc/yum.repos.d/a.repo": "[a]\n"}  # fmt: skip
    assert read(lay(tmp_path, files), "dnf-3") == ({"a": False}, False)


def test_settings_of_zypp_and_of_its_repositories(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    for n, (main, repo, checked) in enumerate((
        ("gpgcheck = off", "", False), ("gpgcheck=off", "gpgcheck=1", True),
        ("", "repo_gpgcheck=0\npkg_gpgcheck=0", False), ("", "repo_gpgcheck=0", True),
        ("", "pkg_gpgcheck=off", True), ("gpgcheck=0", "repo_gpgcheck=1", True),
        ("repo_gpgcheck=off\npkg_gpgcheck=off", "", False),
        ("pkg_gpgcheck=on", "gpgcheck=0", True),
    )):  # fmt: skip
        with subtests.test(f"{main} {repo}"):
            files = {"etc/zypp/zypp.conf": f"[main]\n{main}\n",
                     "etc/zypp/repos.d/a.repo": f"[a]\n{repo}\n"}  # fmt: skip
            got = ask(lay(tmp_path / str(n), files), zypper.REPOS)
            found = outcome(zypper.parse_signatures(got), zypper.parse_sources(got))
            assert found == ({"a": checked}, False)


def test_a_release_that_is_fixed_is_found(tmp_path: Path) -> None:
    eus = "baseurl = https://u:hunter2@cdn/content/eus/rhel9/9.2/x86_64/os\n"
    root = lay(tmp_path, {
        "etc/dnf/vars/releasever": "9.2\n",
        "etc/yum.repos.d/redhat.repo": f"[eus]\n{eus}[off]\nenabled=0\n{eus.replace('9.2', '9.4')}",
        "etc/yum.repos.d/bak/old.repo": f"[old]\n{eus.replace('9.2', '9.0')}",
        "etc/yum.repos.d/rocky.repo": "[r]\n#baseurl=http://dl/pub/rocky/9.1/BaseOS/\n"
                                      "baseurl=http://dl/pub/rocky/9/BaseOS\n",
    })  # fmt: skip
    variables = rpm_sources.FIXED["variables"]
    assert isinstance(variables, Command)
    asked = answers(**dnf(root).named, variables=ask(root, variables))
    assert whole(rpm_sources.parse_fixed(asked)) == (
        "/etc/dnf/vars/releasever: 9.2", "/etc/yum.repos.d/redhat.repo: rhel9/9.2",
    )  # fmt: skip


def test_a_cache_elsewhere_is_not_taken_for_what_was_left_in_the_usual_place(
    tmp_path: Path,
) -> None:
    """dnf 4.14 reads where [main] says, whatever a repository says; dnf 5 from its source."""
    repo = "[a]\nbaseurl=http://x/\n"
    four, five, yum = "/var/cache/dnf", "/var/cache/libdnf5", "/var/cache/yum"
    conf = "etc/dnf/dnf.conf"
    for number, (program, files, held) in enumerate((
        ("dnf-3", {conf: "[main]\n"}, four),
        ("dnf-3", {conf: "[main]\ncachedir = /var/cache//dnf/\n#cachedir=/x\n"}, four),
        ("dnf-3", {conf: "[main]\ncachedir=/data/dnf\n"}, ""),
        ("dnf-3", {conf: "[main]\nsystem_cachedir=/data/dnf\n"}, ""),
        ("dnf-3", {conf: "[main]\ncachedir=/var/cache/DNF\n"}, ""),
        ("dnf-3", {conf: "[main]\ncachedir=\n  /data\n"}, ""),
        ("dnf-3", {"etc/yum.repos.d/a.repo": repo + "cachedir=/data\n"}, four),
        ("dnf5", {conf: "[main]\n"}, five),
        ("dnf5", {"etc/dnf/libdnf5.conf.d/9.conf": "[main]\nsystem_cachedir=/data\n"}, ""),
        ("dnf5", {"etc/yum.repos.d/a.repo": repo + "cachedir=/data\n"}, ""),
        ("", {"etc/yum.conf": "[main]\ncachedir=/var/cache/yum/$basearch/$releasever\n"}, yum),
        ("", {"etc/yum.conf": "[main]\nCacheDir: /srv/yum\n"}, ""),
    )):  # fmt: skip
        found = dnf(lay(tmp_path / str(number), {"etc/yum.repos.d/b.repo": "", **files}), program)
        times = b"".join(
            b"1.5\0%s/a-0123456789abcdef/repodata/repomd.xml\0" % folder.encode()
            for folder in (four, five, yum)
        )
        caches = answers(**found.named, times=answer(times), stamps=answer(b""))
        got = rpm_sources.parse_caches(caches)
        if held:
            assert isinstance(got, Metadata), files
            assert [x.source for x in got.listings] == ["a"]
        else:
            assert isinstance(got, Absent), files
            assert "cachedir" in str(got.detail.args["setting"]).lower()


def test_directories_of_zypper_elsewhere(tmp_path: Path) -> None:
    """As zypper 1.14 of Debian 12 takes each of them."""
    for number, (setting, held) in enumerate((
        ("# cachedir = /data", True), ("cachedir = /var/cache/zypp/", True),
        ("cachedir = /data", False), ("metadatadir = /data/raw", False),
        ("reposdir = /srv/repos", None), ("configdir = /srv/zypp", None),
    )):  # fmt: skip
        files = {"etc/zypp/zypp.conf": f"[main]\n{setting}\n"}
        found = ask(lay(tmp_path / str(number), files), zypper.REPOS)
        caches = answers(files=found, times=b"", stamps=b"")
        if held is None:
            for read in (zypper.parse_sources, zypper.parse_signatures):
                with pytest.raises(ParseError, match="directories"):
                    read(found)
        else:
            assert isinstance(zypper.parse_caches(caches), Metadata) is held, setting
