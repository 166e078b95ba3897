"""The search of the file systems: real trees, made and searched as root, with one fault each."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from audit_core.api.sdk import msg
from audit_core.api.testkit import target_of
from audit_core.model import Absent, Command, Message, ParseError, Partial, Reason, Verdict
from audit_linux.files import package_files, sweep_checks
from audit_linux.files.empty_groups import EmptyGroups
from audit_linux.files.mounts import Mount, Mounts, parse_mounts
from audit_linux.files.sweep import SWEEP, Capable, Entry, Sweep, argv, parse_sweep
from audit_linux.nsswitch import Sources
from invented import answers as invented

PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
ROOT = Mounts(rows=(Mount(path="/", type="ext4"),))
TOOLS = all(map(shutil.which, ("getcap", "setcap", "getfacl", "setfacl", "unshare", "mount")))
as_root = pytest.mark.skipif(
    os.geteuid() != 0 or not TOOLS, reason="needs root, libcap2-bin, acl, util-linux"
)


def searched(tree: Path, **more: object) -> Sweep | Partial:
    done = subprocess.run(
        argv(str(tree)), capture_output=True, check=False, env={"LC_ALL": "C", "PATH": "/usr/bin"}
    )
    answer = invented.answer(done.stdout, done.stderr, done.returncode)
    return parse_sweep(structs.replace(answer, **more), as_root=True)


def verdicts(
    sweep: Sweep,
    mounts: Mounts = ROOT,
    packaged: frozenset[str] | Absent | None = None,
    unowned: frozenset[str] | None = None,
    **settings: object,
) -> dict[str, Verdict]:
    target = structs.replace(target_of("host"), settings=settings)
    found = {}
    for check in sweep_checks.CHECKS:
        more: tuple[Any, ...] = (Sources(),) if check.id == "linux.unowned-files" else ()
        if check.id == "linux.file-acls":
            more = (EmptyGroups(gids=frozenset({50})),)
        if check.id in ("linux.setuid-files", "linux.file-capabilities"):
            more = (packaged, unowned)
        found[check.id.removeprefix("linux.")] = check.judge(target, sweep, mounts, *more).verdict
    return found


def test_access_lists_that_new_files_inherit() -> None:
    printed = b"# file: /etc/cron.d\n# owner: 0\n# group: 0\nuser::rwx\ndefault:user::rwx\n" \
              b"default:user:1000:rwx\n\n# file: /opt/x\ndefault:group:0:rwx\n\n"  # fmt: skip
    found = parse_sweep(invented.answer(b"\0" + printed), as_root=True)
    assert isinstance(found, Sweep)
    assert [acl.path for acl in found.acls] == ["/etc/cron.d", "/opt/x"]
    assert verdicts(found)["file-acls"] is FAIL
    assert verdicts(Sweep(acls=found.acls[1:]))["file-acls"] is PASS


def test_capabilities_of_a_program_that_no_package_brought() -> None:
    found = Sweep(capable=(Capable(path="/usr/local/bin/pp", caps="cap_setuid=ep"),))
    assert verdicts(found)["file-capabilities"] is UNDETERMINED
    assert verdicts(found, packaged=frozenset({"/usr/bin/x"}))["file-capabilities"] is FAIL
    ours = frozenset({"/usr/local/bin/pp"})
    assert verdicts(found, packaged=ours)["file-capabilities"] is UNDETERMINED


@pytest.fixture
def tree() -> Iterator[Path]:
    """A small file system of its own; the paths of the faults lie as on a host, below its root."""
    root = Path(f"/usr/lib/dengbao-test-tree-{os.getpid()}")  # tests run beside each other
    root.mkdir()
    try:
        (root / "folder").mkdir()
        (root / "tmp").mkdir()
        (root / "tmp").chmod(0o1777)
        shutil.copy("/bin/true", root / "su")
        (root / "su").chmod(0o4755)
        (root / "plain").write_text("x")
        (root / "plain").chmod(0o644)
        yield root
    finally:
        shutil.rmtree(root)


def _setuid(path: Path) -> None:
    shutil.copy("/bin/true", path)
    path.chmod(0o4755)


def _capable(path: Path, caps: str) -> None:
    shutil.copy("/bin/true", path)
    subprocess.run(["setcap", caps, path], check=True)


def _acl(path: Path, *entries: str) -> None:
    subprocess.run(["setfacl", "-m", ",".join(entries or ("u:1234:rw",)), path], check=True)


def _node(path: Path, kind: int, bits: int, major: int = 7, minor: int = 99) -> None:
    os.mknod(path, kind, os.makedev(major, minor))
    path.chmod(bits)


def _device(path: Path, major: int, minor: int) -> None:
    _node(path, stat.S_IFCHR, 0o666, major, minor)


def _in_open_folder(folder: Path) -> None:
    folder.chmod(0o777)
    _setuid(folder / "x")


FAULTS: dict[str, tuple[Callable[[Path], None], dict[str, Verdict]]] = {
    "a shell that is setuid": (lambda t: _setuid(t / "bash"), {"setuid-files": FAIL}),
    "an unknown setuid program": (
        lambda t: _setuid(t / "site-tool"), {"setuid-files": UNDETERMINED},
    ),
    "one that nobody may run": (lambda t: (t / "plain").chmod(0o4644), {}),
    "one that its group may not run": (lambda t: (t / "plain").chmod(0o2705), {}),
    "one that only its group may run": (
        lambda t: (t / "plain").chmod(0o2710), {"setuid-files": UNDETERMINED},
    ),
    "a hostile name": (
        lambda t: _setuid(t / "a\n\udcff b ;$(x)"), {"setuid-files": UNDETERMINED},
    ),
    "a setuid program in a folder of everybody": (
        lambda t: _in_open_folder(t / "folder"),
        {"setuid-files": FAIL, "world-writable": FAIL},
    ),
    "a known one that everybody may change": (
        lambda t: (t / "su").chmod(0o4757), {"setuid-files": FAIL, "world-writable": FAIL},
    ),
    "a file of everybody": (lambda t: (t / "plain").chmod(0o646), {"world-writable": FAIL}),
    "a device for everybody, as a directory that a service is locked into has": (
        lambda t: _device(t / "null", 1, 3), {},
    ),
    "memory under the name of such a device": (
        lambda t: _device(t / "null", 1, 1), {"world-writable": FAIL},
    ),
    "a disk that others may read": (
        lambda t: _node(t / "sda", stat.S_IFBLK, 0o604),
        {"world-writable": FAIL},
    ),
    "a disk of its group": (
        lambda t: _node(t / "sda", stat.S_IFBLK, 0o660), {},
    ),
    "the socket of an engine of containers": (
        lambda t: _node(t / "docker.sock", stat.S_IFSOCK, 0o666), {"world-writable": FAIL},
    ),
    "another socket": (lambda t: _node(t / "log.sock", stat.S_IFSOCK, 0o666), {}),
    "no sticky bit": (lambda t: (t / "tmp").chmod(0o777), {"world-writable": FAIL}),
    "no owner": (lambda t: os.chown(t / "plain", 54321, 0), {"unowned-files": FAIL}),
    "no group": (lambda t: os.chown(t / "plain", 0, 54321), {"unowned-files": FAIL}),
    "a strong capability of an interpreter": (
        lambda t: _capable(t / "python3", "cap_setuid+ep"), {"file-capabilities": FAIL},
    ),
    "a strong capability": (
        lambda t: _capable(t / "tool", "cap_dac_override+ep"), {"file-capabilities": UNDETERMINED},
    ),
    "a weak capability": (lambda t: _capable(t / "tool", "cap_net_raw+ep"), {}),
    "an access list": (lambda t: _acl(t / "plain"), {"file-acls": FAIL}),
    "an access list to read": (lambda t: _acl(t / "plain", "u:1234:r"), {}),
    "one behind a mask": (lambda t: _acl(t / "plain", "u:1234:rw", "m::r"), {}),
    "one for a group without members": (lambda t: _acl(t / "plain", "g:50:rw"), {}),
    "one for a group": (lambda t: _acl(t / "plain", "g:100:rw"), {"file-acls": FAIL}),
}  # fmt: skip


@as_root
def test_each_fault_turns_the_checks_that_it_concerns(
    tree: Path, subtests: pytest.Subtests
) -> None:
    whole = searched(tree)
    assert isinstance(whole, Sweep)
    fine = verdicts(whole)
    assert set(fine.values()) == {PASS}
    for name, (break_, turned) in FAULTS.items():
        with subtests.test(name):
            kept = Path(f"{tree}.kept")
            shutil.copytree(tree, kept)
            try:
                break_(tree)
                found = searched(tree)
                assert isinstance(found, Sweep)
                assert verdicts(found) == {**fine, **turned}
            finally:
                shutil.rmtree(tree)
                kept.rename(tree)
                (tree / "su").chmod(0o4755)


@as_root
def test_what_was_cut_or_not_reached_is_told(tree: Path) -> None:
    (tree / "plain").chmod(0o646)
    for change in ({"truncated": True}, {"exit_code": 129}):
        cut = searched(tree, **change)
        assert isinstance(cut, Partial)
        assert verdicts(cut.value)["world-writable"] is FAIL  # what was seen holds
    whole = searched(tree)
    done = subprocess.run(argv(str(tree)), capture_output=True, check=False)
    half = invented.answer(done.stdout[:-3], done.stderr, 129)
    assert isinstance(whole, Sweep)
    assert isinstance(parse_sweep(half, as_root=True), Partial)
    user = parse_sweep(invented.answer(done.stdout, done.stderr, 0), as_root=False)
    assert isinstance(user, Partial)
    missing = invented.answer(b"", b"find: '/usr/sbin/getcap': No such file or directory\n", 1)
    without = parse_sweep(missing, as_root=True)
    assert isinstance(without, Sweep)
    assert verdicts(without)["file-capabilities"] is UNDETERMINED


@as_root
def test_other_file_systems_are_not_entered(tree: Path) -> None:
    script = """
    mount --make-rprivate / && mkdir "$1/pseudo" "$1/disk" && mount -t proc proc "$1/pseudo" &&
    mount -t tmpfs tmpfs "$1/disk" && cp /bin/true "$1/disk/bash" && chmod 4755 "$1/disk/bash" &&
    shift && exec "$@"
    """
    done = subprocess.run(
        ["unshare", "-m", "sh", "-ec", script, "sh", tree, *argv(str(tree))],
        capture_output=True, check=False,
    )  # fmt: skip
    found = parse_sweep(invented.answer(done.stdout, done.stderr, done.returncode), as_root=True)
    assert isinstance(found, Sweep)
    setuid = {e.path for e in found.entries if e.bits & 0o6000}
    assert setuid == {f"{tree}/disk/bash", f"{tree}/su"}
    assert not any(e.path.startswith(f"{tree}/pseudo/") for e in (*found.entries, *found.owned))


def _mounted(tree: Path, script: str, *words: str) -> tuple[Sweep, Mounts]:
    """The search below `words` and the mounts, in a mount namespace that `script` arranges."""
    start = f"mount --make-rprivate / && {script.strip()} && cat /proc/self/mountinfo >&2 && exec"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-ec", f'tree="$1"; shift; {start} "$@"', "sh", tree, *words],
        capture_output=True, check=False, env={"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin"},
    )  # fmt: skip
    lines = b"\n".join(li for li in done.stderr.split(b"\n") if b" - " in li and b"/" in li)
    found = parse_sweep(invented.answer(done.stdout, b"", done.returncode), as_root=True)
    mounts = parse_mounts(invented.answer(lines))
    assert isinstance(found, Sweep), done.stderr
    assert isinstance(mounts, Mounts), done.stderr
    return found, mounts


@as_root
def test_sockets_in_directories_of_containers_are_found(tree: Path) -> None:
    make = "import socket, sys; [socket.socket(socket.AF_UNIX).bind(p) for p in sys.argv[1:]]"
    script = f"""
    mount -t tmpfs -o mode=755 tmpfs /run && mkdir -p /run/containerd/io && umask 0 &&
    {sys.executable} -c '{make}' /run/containerd/containerd.sock /run/containerd/io/docker.sock
    """
    found, _ = _mounted(tree, script, *argv("/run"))
    assert [entry.path for entry in found.entries] == ["/run/containerd/containerd.sock"]


@as_root
def test_the_root_of_a_chroot_is_searched(tree: Path) -> None:
    script = """
    mount -t tmpfs tmpfs "$tree" && cd "$tree" && mkdir -p in/usr in/proc &&
    for name in bin sbin lib lib64; do [ ! -e /$name ] || ln -s usr/$name in/$name; done &&
    mount --bind /usr in/usr && mount -t proc proc in/proc && mkdir -m 777 in/open
    """
    found, _ = _mounted(tree, script, "chroot", "in", *argv("/open", "/proc"))
    assert [entry.path for entry in found.entries] == ["/open"]
    assert found.closed == {}  # /proc is left out by its name


_BTRFS = """
    truncate -s 200M "$tree/disk" && mkfs.btrfs -q "$tree/disk" >/dev/null &&
    mkdir "$tree/whole" "$tree/root" &&
    mount -o loop "$tree/disk" "$tree/whole" && cd "$tree/whole" &&
    btrfs -q subvolume create @ && btrfs -q subvolume create @home &&
    for name in @/.snapshots @/var; do btrfs -q subvolume create $name; done &&
    mkdir -p @/home @/usr @/run @/.snapshots/1 @/bound @/proc && cp /bin/true @/usr/tool &&
    chmod 4755 @/usr/tool && btrfs -q subvolume snapshot -r @ @/.snapshots/1/snapshot &&
    mkdir -m 777 @/var/open @home/open &&
    mount -o subvol=@ "$(losetup -nO NAME -j "$tree/disk")" "$tree/root" &&
    cd "$tree/root" && mount -o subvol=@home "$(losetup -nO NAME -j "$tree/disk")" home &&
    mount -t mqueue none run && mount --bind usr bound && mount -t proc proc proc
"""
BTRFS = os.path.exists("/dev/loop-control") and shutil.which("mkfs.btrfs")


@as_root
@pytest.mark.skipif(not BTRFS, reason="needs btrfs-progs and loop devices")
def test_subvolumes_of_btrfs_are_searched_once(tree: Path) -> None:
    """find knows no type of theirs; the same disk is mounted a second time with all of it."""
    found, mounts = _mounted(tree, _BTRFS, *argv(str(tree / "whole"), str(tree / "root")))
    root = f"{tree}/root"
    assert found.closed == {
        f"{root}/.snapshots/1/snapshot": "snapshot", f"{root}/run": "mqueue",
        f"{tree}/whole/@/.snapshots/1/snapshot": "snapshot", f"{root}/proc": "proc",
    }  # fmt: skip
    names = {entry.path.removeprefix(str(tree)) for entry in found.entries}
    assert names == {
        "/root/usr/tool", "/root/bound/tool", "/root/home/open", "/root/var/open",
        "/whole/@/usr/tool", "/whole/@home/open", "/whole/@/var/open",
    }  # fmt: skip
    judged = sweep_checks.world_writable.judge(target_of("host"), found, mounts)
    assert judged.verdict is FAIL
    [detail] = judged.detail
    assert detail.args["count"] == 2
    assert f"{root}/home/open" in str(detail)
    assert f"{root}/var/open" in str(detail)
    shown = mounts.first_names([f"{root}/bound/tool", f"{tree}/whole/@/usr/tool"])
    assert set(shown.values()) == {f"{root}/usr/tool"}


def test_mounts_decide_what_counts() -> None:
    lines = (
        b"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
        b"2 1 0:5 / /mnt/a\\040b rw,nosuid - nfs4 server:/x rw\n"
        b"3 2 8:2 / /mnt/a\\040b/in rw - xfs /dev/sdb1 rw\n"
        b"4 1 8:3 / /tmp rw,nosuid - tmpfs tmpfs rw\n"
    )
    mounts = parse_mounts(invented.answer(lines))
    assert isinstance(mounts, Mounts)
    closed = Sweep(closed={"/mnt/a b": "nfs4", "/sys": "sysfs", "/.snapshots/1/x": "snapshot"})
    assert set(verdicts(closed, mounts).values()) == {UNDETERMINED}  # /mnt/a b/in was not reached
    some = structs.replace(mounts, rows=(mounts.rows[0], mounts.rows[1], mounts.rows[3]))
    judged = sweep_checks.world_writable.judge(target_of("host"), closed, some)
    assert judged.verdict is PASS
    assert "/mnt/a b (nfs4)" in str(judged.detail)
    assert "/.snapshots/1/x" in str(judged.detail)
    for root in ("/", "/usr", "/etc"):  # a host without disk, or with programs from elsewhere
        assert set(verdicts(Sweep(closed={root: "nfs4"}), some).values()) == {UNDETERMINED}, root
    entry = Entry(path="/tmp/x", kind="f", bits=0o4755, uid=0, gid=0)
    assert verdicts(Sweep(entries=(entry,)), some)["setuid-files"] is PASS  # nosuid
    assert verdicts(Sweep(entries=(entry,)))["setuid-files"] is FAIL


def test_the_site_says_what_is_expected() -> None:
    entry = Entry(path="/opt/x/tool", kind="f", bits=0o4755, uid=0, gid=0)
    su = Entry(path="/usr/bin/su", kind="f", bits=0o4755, uid=0, gid=0)
    sweep = Sweep(entries=(entry, su))
    assert verdicts(sweep)["setuid-files"] is UNDETERMINED
    assert verdicts(sweep, setuid_files=["/opt/x/tool", "/usr/bin/su"])["setuid-files"] is PASS
    assert verdicts(sweep, setuid_files=["/opt/x/tool"])["setuid-files"] is FAIL
    settings = {"setuid_files": ["/opt/x/tool", "/usr/bin/su", "/opt/gone"]}
    target = structs.replace(target_of("host"), settings=settings)
    judged = sweep_checks.setuid_files.judge(target, sweep, ROOT, None, None)
    assert judged.verdict is PASS
    assert "/opt/gone" in str(judged.detail)


@pytest.mark.skipif(not Path("/var/lib/dpkg/info").exists(), reason="no dpkg")
def test_setuid_programs_of_no_package_surely_are_too_many() -> None:
    asked = package_files.PACKAGED.providers[0].ask
    assert isinstance(asked, Command)
    done = subprocess.run(asked.argv, capture_output=True, check=True)
    owned = package_files.parse_lists(invented.answer(done.stdout))
    assert isinstance(owned, frozenset)
    cases = {
        "/usr/bin/dpkg-deb": UNDETERMINED,  # of a package, which does not ship it setuid
        "/usr/sbin/su": FAIL,  # a name that distributions use, in another place
        "/usr/bin/dpkg-debt": FAIL,
        "/opt/x": FAIL,
        "/usr/local/sbin/x": FAIL,
        "/usr/sbin/x.distrib": UNDETERMINED,  # a diverted file
        "/usr/lib/x/helper": UNDETERMINED,  # not asked for
    }
    for path, verdict in cases.items():
        sweep = Sweep(entries=(Entry(path=path, kind="f", bits=0o4755, uid=0, gid=0),))
        assert verdicts(sweep, packaged=owned)["setuid-files"] is verdict, path
    setuid: dict[str, Any] = {"kind": "f", "bits": 0o4755, "uid": 0, "gid": 0}
    su, other = (Entry(path=path, **setuid) for path in ("/bin/su", "/usr/bin/su"))
    for named in ("/bin/su", "/usr/bin/su"):  # /bin is a link, whatever the package says
        lists = frozenset({named})
        assert verdicts(Sweep(entries=(other,)), packaged=lists)["setuid-files"] is PASS
        # two folders: only the one that the package names is the package's
        both = verdicts(Sweep(entries=(su, other)), packaged=lists)["setuid-files"]
        assert both is FAIL, named
    lists = frozenset({"/bin/su", "/usr/bin/passwd"})
    passwd = Entry(path="/usr/bin/passwd", **setuid)
    assert verdicts(Sweep(entries=(su, passwd)), packaged=lists)["setuid-files"] is PASS
    with pytest.raises(ParseError):
        package_files.parse_lists(invented.answer("/opt/x\n"))
    assert isinstance(package_files.parse_lists(invented.answer("")), Absent)


def test_setuid_programs_of_no_package_of_rpm() -> None:
    # What find and rpm 4.18.0 print; `x` is of a package, which is why nothing is said of it.
    reported = "file /opt/x/tool is not owned by any package\n"
    unowned = package_files.parse_alien(invented.answer(reported, b"", 1))
    assert unowned == frozenset({"/opt/x/tool"})
    owned = Sweep(entries=(Entry(path="/opt/x/x", kind="f", bits=0o4755, uid=0, gid=0),))
    sweep = Sweep(entries=(Entry(path="/opt/x/tool", kind="f", bits=0o4755, uid=0, gid=0),))
    assert verdicts(sweep, unowned=unowned)["setuid-files"] is FAIL
    assert verdicts(owned, unowned=unowned)["setuid-files"] is UNDETERMINED
    # rpm that is installed beside dpkg knows no file at all
    dpkg = frozenset({"/opt/x/tool"})
    assert verdicts(sweep, packaged=dpkg, unowned=unowned)["setuid-files"] is UNDETERMINED
    unread = Absent(reason=Reason.NOT_COLLECTED, detail=msg("x"))
    assert verdicts(sweep, packaged=unread, unowned=unowned)["setuid-files"] is UNDETERMINED
    gone = invented.answer("", b"find: 'rpm': No such file or directory\n", 1)
    assert isinstance(package_files.parse_alien(gone), Absent)
    with pytest.raises(ParseError):
        package_files.parse_alien(invented.answer("", b"error: cannot open Packages database\n", 1))


def test_the_search_can_be_switched_off() -> None:
    for provider in SWEEP.providers:
        assert callable(provider.ask)
        off = structs.replace(target_of("host"), settings={"file_sweep": False})
        assert isinstance(provider.ask(off), Message)
        assert not isinstance(provider.ask(target_of("host")), Message)
