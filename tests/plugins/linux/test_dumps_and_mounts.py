"""Core dumps, mount options and replaced code."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from audit_core.api.testkit import whole
from audit_core.model import Absent, Answer, Command, Message, Partial, Reason, Verdict
from audit_linux.files.mount_options import mount_options, parse_fstab
from audit_linux.files.mounts import Mounts, parse_mounts
from audit_linux.pam import Line, Pam
from audit_linux.processes import Process
from audit_linux.system.core_dumps import DumpSettings, parse_dump_settings
from audit_linux.system.residual import core_dumps
from audit_linux.system.stale import MAPPED, Mapped, parse_mapped, replaced_code
from invented.answers import answer

Make = Callable[..., Answer]
P, F, U = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
NONE = Absent(reason=Reason.NOT_PERMITTED, detail=Message(id="none"))
BY_SYSTEMD = "|/usr/lib/systemd/systemd-coredump %P %u"
STAR = "* hard core 0\n"


def parse_service(session: str) -> tuple[Line, ...]:
    module, *args = session.split()
    return (Line(kind="session", control="required", module=module, args=tuple(args)),)


LIMITS = Pam(services={"sshd": parse_service("pam_limits.so")})


# limits.conf, the limit of `*` and the others: as pam_limits of Linux-PAM 1.5.2 sets them for one
# account (Debian 12, RLIMIT_CORE after pam_open_session, 58 files); "" is no limit.
CORE_LIMITS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("*\thard\tcore\t0", "0", ()), ("* - core 0", "0", ()), ("* soft core 0", "", ()),
    ("\ufeff* hard core 0", "", ()), ("* hard core 0\r", "0", ()), ("  * HARD CORE 0#c", "0", ()),
    ("* hard core 0 x", "0", ()), ("* hard core", "", ()), ("* hard core -1", "-1", ()),
    ("* hard core 0x5", "0", ()), ("* hard core 5k", "5", ()), ("* hard core 00", "0", ()),
    ("* hard core '0'", "", ()), ('"*" hard core 0', "", ()), ("* hard \\\n core 0", "", ()),
    ("* hard core 0\n* hard core 5", "5", ()), ("* bogus core 0\n* hard core +0", "0", ()),
    ("bob hard core 5\n* hard core 0", "0", ("bob 5",)), ("* -\n* hard core 0", "0", ()),
    ("* hard core 0\nbob -", "0", ("bob -",)), ("* hard core 0\n%bob hard core 5", "0", ()),
    ("* hard core 0\nBOB hard core 5", "0", ("BOB 5",)), ("* - - 0", "", ()),
    ("* hard core 0\n1000: hard core 5", "0", ("1000: 5",)), ("** hard core 0", "", ()),
)  # fmt: skip


def test_core_limits_are_read_as_pam_limits_reads_them(files: Make) -> None:
    main, folder = "/etc/security/limits.conf", "/etc/security/limits.d/"
    for text, every, others in CORE_LIMITS:
        got = whole(parse_dump_settings(files({main: f"{text}\n"})))
        assert (got.logins, got.others) == (every, others), text
    hidden = whole(parse_dump_settings(files({f"{folder}.a.conf": STAR})))
    assert hidden.logins == ""
    ordered = {main: STAR, f"{folder}a.conf": "* hard core 5\n", f"{folder}B.conf": STAR}
    assert whole(parse_dump_settings(files(ordered))).logins == "5"


def test_dumps_by_limits_and_systemd(subtests: Any, files: Make) -> None:
    limits, more = "/etc/security/limits.conf", "/etc/security/limits.d/x.conf"
    core, drop = "/etc/systemd/coredump.conf", "/etc/systemd/coredump.conf.d/z.conf"
    system, vendor = "/etc/systemd/system.conf", "/usr/lib/systemd/coredump.conf.d/z.conf"
    zero = {system: "[Manager]\nDefaultLimitCORE=0\n"}
    off = {core: "[Coredump]\nStorage=none\n"}
    cases: list[tuple[dict[str, str], str, Verdict]] = [
        (off, BY_SYSTEMD, P),
        ({**off, drop: "[Coredump]\nStorage=external\n"}, BY_SYSTEMD, F),
        ({drop: "[Coredump]\nStorage=none\n", vendor: "Storage=external\n"}, BY_SYSTEMD, P),
        ({core: "#Storage=none\n"}, BY_SYSTEMD, F),
        ({core: "\ufeff[Coredump]\r\nStorage = \\\nnone\r\n"}, BY_SYSTEMD, P),
        ({core: "[Coredump]\nstorage=none\n"}, BY_SYSTEMD, F),
        ({core: "[Coredump]\nStorage=NONE\n"}, BY_SYSTEMD, F),
        ({core: "[Coredump]\nStorage=none\nStorage=\n"}, BY_SYSTEMD, P),
        ({core: "[Coredump]\nStorage=none\nStorage=never\n"}, BY_SYSTEMD, P),
        ({core: "[Coredump]\nStorage=none # no\n"}, BY_SYSTEMD, F),
        ({core: "[Coredump]\nStorage=none\n[Journal]\nStorage=external\n"}, BY_SYSTEMD, P),
        ({core: "[Manager]\nStorage=none\n"}, BY_SYSTEMD, F),
        ({limits: STAR}, BY_SYSTEMD, U),
        ({limits: STAR, **zero}, BY_SYSTEMD, P),
        ({limits: STAR, **zero}, "core", P),
        ({limits: STAR, more: "* - core unlimited\n", **zero}, "core", U),
        ({limits: f"{STAR}@dev hard core unlimited\n", **zero}, "core", U),
        ({limits: STAR, system: "DefaultLimitCORE=0:infinity\n"}, "core", U),
        ({limits: "# * hard core 0\n"}, "core", U),
        ({limits: f"{STAR}backup -\n", **zero}, "core", U),
        ({limits: STAR, **zero}, "|/usr/share/apport/apport %p", U),
    ]
    for contents, pattern, verdict in cases:
        settings = whole(parse_dump_settings(files(contents)))
        values = {"kernel.core_pattern": pattern, "fs.suid_dumpable": "0"}
        with subtests.test(f"{contents} {pattern}"):
            assert core_dumps.judge(values, settings, LIMITS).verdict is verdict
            if verdict is P and limits in contents:
                for session in ("pam_unix.so", "pam_limits.so conf=/etc/x"):
                    other = Pam(services={"sshd": parse_service(session)})
                    assert core_dumps.judge(values, settings, other).verdict is not P
                assert core_dumps.judge(values, settings, NONE).verdict is U
    empty = {"kernel.core_pattern": "", "fs.suid_dumpable": "0"}  # may write a file .PID
    assert core_dumps.judge(empty, DumpSettings(), LIMITS).verdict is U
    assert core_dumps.judge(empty, DumpSettings(logins="0", services="0"), LIMITS).verdict is P
    values = {"kernel.core_pattern": BY_SYSTEMD, "fs.suid_dumpable": "1"}
    assert core_dumps.judge(values, DumpSettings(storage="none"), LIMITS).verdict is F
    assert core_dumps.judge({**values, "fs.suid_dumpable": "0"}, NONE, LIMITS).verdict is U
    assert isinstance(parse_dump_settings(files({}, not_permitted=limits)), Partial)


def _mounts(*rows: str) -> Mounts:
    lines = (f"1 0 0:1 / {row.split()[0]} {row.split()[1]} - tmpfs tmpfs rw\n" for row in rows)
    return whole(parse_mounts(answer("".join(lines))))


SAFE = "rw,nosuid,nodev"


def test_options_where_everybody_writes(subtests: Any) -> None:
    whole_disk = (f"/tmp {SAFE}", f"/var/tmp {SAFE}", f"/dev/shm {SAFE}")
    cases: list[tuple[str, tuple[str, ...], str, Verdict]] = [
        ("all", ("/ rw", *whole_disk, f"/home {SAFE}"), "", P),
        ("home is no mount", ("/ rw", *whole_disk), "", P),
        ("home without nodev", ("/ rw", *whole_disk, "/home rw,nosuid"), "", F),
        ("tmp lies in the root", ("/ rw", *whole_disk[1:]), "", U),
        ("tmp lies in a root with both", ("/ rw,nosuid,nodev", *whole_disk[1:]), "", P),
        ("and should be mounted", ("/ rw", *whole_disk[1:]), f"none /tmp tmpfs {SAFE}\n", F),
        ("beside a mount without", ("/ rw", *whole_disk[1:], "/home rw"), "", F),
        ("the upper mount counts", ("/ rw", *whole_disk, "/tmp rw"), "", F),
        ("a plugged-in disk", ("/ rw", *whole_disk, "/media/usb rw,nosuid"), "", F),
        ("lost at boot", ("/ rw", *whole_disk), "tmpfs /tmp tmpfs defaults 0 0\n", F),
        ("in fstab", ("/ rw", *whole_disk), f"tmpfs /tmp tmpfs {SAFE} 0 0\n", P),
        ("by user", ("/ rw", *whole_disk), "tmpfs /tmp/ tmpfs user\n", P),
        ("by user, taken back", ("/ rw", *whole_disk), "tmpfs /tmp tmpfs user,suid\n", F),
        ("no blank", ("/ rw", *whole_disk), "/dev/a\u00a0/x /tmp tmpfs defaults\n", F),
        ("a comment", ("/ rw", *whole_disk), "# tmpfs /tmp tmpfs defaults\n", P),
    ]
    for name, rows, fstab, verdict in cases:
        with subtests.test(name):
            lines = parse_fstab(answer(fstab))
            assert mount_options.judge(_mounts(*rows), lines).verdict is verdict
    judged = mount_options.judge(
        _mounts("/ rw", *whole_disk[1:]), None, own=frozenset({"/tmp"})
    )  # fmt: skip
    assert judged.verdict is F
    judged = mount_options.judge(
        _mounts("/ rw", *whole_disk), None, wanted=frozenset({"/tmp:noexec"})
    )
    assert judged.verdict is F


OPTIONS = (
    "defaults", "nosuid,nodev", "user", "users", "owner", "group", "user,suid", "suid,user",
    "nosuid,defaults", "nosuid,suid", "suid,nosuid", "user,exec", "noexec,user,dev",
)  # fmt: skip
_ROOT = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root")
_MOUNT = """
import subprocess, sys
folder, *words = sys.argv[1:]
subprocess.run(["mount", "-t", "tmpfs", "none", folder], check=True)
for number, options in enumerate(words):
    place = f"{folder}/{number}"
    subprocess.run(["mkdir", place], check=True)
    open(f"{folder}/fstab", "w").write(f"none {place} tmpfs {options} 0 0\\n")
    subprocess.run(["mount", "-T", f"{folder}/fstab", place], check=True)
sys.stdout.write(open("/proc/self/mountinfo").read())
"""


@_ROOT
def test_options_of_fstab_are_those_that_mount_sets(tmp_path: Any) -> None:
    argv = ["unshare", "-m", sys.executable, "-c", _MOUNT, str(tmp_path), *OPTIONS]
    ran = subprocess.run(argv, capture_output=True, text=True, check=True)
    live = {m.path: m.options for m in whole(parse_mounts(answer(ran.stdout))).rows}
    for number, options in enumerate(OPTIONS):
        line = parse_fstab(answer(f"none {tmp_path}/{number} tmpfs {options} 0 0\n"))[0]
        for option in ("nosuid", "nodev", "noexec"):
            assert line.has(option) is (option in live[line.path]), (options, option)


RUNS = (Process(pid=1, uid=0, name="systemd"), Process(pid=7, uid=0, name="sshd"),
        Process(pid=8, uid=0, name="nginx", contained=True))  # fmt: skip


def test_replaced_code() -> None:
    row = "/proc/{}/maps:7f00-7f10 r-xp 00000000 08:01 12 {} (deleted)\n"
    lib = "/usr/lib/x86_64-linux-gnu/libcrypto.so.3"
    for text, verdict in (
        ("", P),
        (row.format(7, lib), F),
        (row.format(8, lib), P),
        (row.format(99, lib), U),
        (row.format(7, f"{lib}.#prelink#.ab12"), P),
        (row.format(7, lib).replace("r-xp", "rw-p"), P),
        (row.format(7, "/memfd:jit"), P),
        (row.format(7, "/var/named/chroot/usr/sbin/named"), F),
        (row.format(7, "/var/lib/app/cache/lib/jit.so"), P),
        (row.format(7, "/tmp/x/usr/lib/y.so"), P),
        (row.format(7, "/dev/shm/usr/x").replace("r-xp", "r-xs"), P),
        (row.format(7, "/SYSV00000000"), P),
    ):
        found = parse_mapped(answer(text))
        assert isinstance(found, tuple)
        assert replaced_code.judge(found, RUNS).verdict is verdict, text


_STALE = """
import shutil, subprocess, sys
subprocess.run(["mount", "-t", "tmpfs", "none", "/opt"], check=True)
shutil.copy(shutil.which("sleep"), "/opt/sleep")
child = subprocess.Popen(["/opt/sleep", "60"])
__import__("os").unlink("/opt/sleep")
ran = subprocess.run(sys.argv[1:], capture_output=True, text=True)
child.kill()
sys.stdout.write(f"{child.pid}\\n{ran.stdout}")
"""


@_ROOT
def test_the_request_finds_a_program_that_was_deleted() -> None:
    request = MAPPED.providers[0].ask
    assert isinstance(request, Command)
    argv = ["unshare", "-m", sys.executable, "-c", _STALE, *request.argv]
    pid, _, reported = subprocess.run(
        argv, capture_output=True, text=True, check=True
    ).stdout.partition("\n")
    found = parse_mapped(answer(reported))
    assert isinstance(found, tuple)
    assert Mapped(pid=int(pid), path="/opt/sleep") in found
