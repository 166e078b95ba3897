"""Kernel settings now and after the next boot.

`sysctl_made.json` is what systemd-sysctl and sysctl --system made of files;
`recorded/sysctl.py` writes it. Two cases are run again where both programs are installed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from audit_core.model import (
    Absent,
    Answer,
    FileEntry,
    FileStatus,
    Message,
    Partial,
    Platform,
    Reason,
    Verdict,
)
from audit_core.model.files import encode_files
from audit_linux.system import kernel
from audit_linux.system.sysctl_checks import settings_persistent
from audit_linux.system.sysctl_files import Assigned, SysctlFiles, at_boot, parse_files
from audit_linux.system.trust import Boot
from invented.answers import answer
from recorded import sysctl as real

Make = Callable[..., Answer]
RECORDED = json.loads(real.MADE.read_text())


def _entry(path: str, text: str | None) -> FileEntry:
    if text is None:
        return FileEntry(path=path, status=FileStatus.NOT_REGULAR)
    return FileEntry(path=path, status=FileStatus.READ, data=text.encode())


def _read(contents: dict[str, str | None]) -> SysctlFiles:
    entries = sorted((_entry(p, t) for p, t in contents.items()), key=lambda e: e.path)
    found = parse_files(answer(encode_files(entries)))
    assert isinstance(found, SysctlFiles)
    return found


def test_values_are_those_that_the_programs_make() -> None:
    for row in RECORDED["cases"]:
        files = _read(row["files"])
        for init, made in row["made"].items():
            for key, value in made.items():
                found = at_boot(files, key, init)
                reported = found.value if isinstance(found, Assigned) else real.KEYS[key]
                assert reported == value, (row["files"], init, key)


@pytest.mark.skipif(not real.RUNS, reason="needs root, systemd-sysctl, sysctl and sysctl.conf")
def test_the_recorded_values_are_those_of_the_programs_here() -> None:
    rows = RECORDED["cases"][:2]
    assert real.made_by([row["files"] for row in rows]) == [row["made"] for row in rows]


GOOD = {key: setting.wanted[0] for key, setting in kernel.SETTINGS.items()}
GOOD |= {"net.ipv6.conf.all.disable_ipv6": "0"}
AT_START = {key: s.kernel for key, s in kernel.SETTINGS.items() if s.kernel is not None}
WHOLE = "".join(f"{key} = {kernel.SETTINGS[key].wanted[0]}\n" for key in kernel.SETTINGS)
ON_METAL = Boot(uefi=False, secure_boot=None, setup_mode=False, tpm="", ima="", container=False)
BOX = Boot(uefi=False, secure_boot=None, setup_mode=False, tpm="", ima="", container=True)
NONE = Absent(reason=Reason.NOT_COLLECTED, detail=Message(id="none"))
P, F, U = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED


def _judge(
    contents: dict[str, str | None],
    live: dict[str, str],
    boot: Boot | Absent = ON_METAL,
    init: str = "systemd",
) -> Any:
    values = {**GOOD, **live}
    return settings_persistent.judge(
        values, values, _read(contents), boot, Platform(values={"init": init})
    )


ASLR, LINKS, DUMP = "kernel.randomize_va_space", "fs.protected_symlinks", "fs.suid_dumpable"
CONF, UFW = "/etc/sysctl.d/60-site.conf", "/etc/ufw/"
RED = "net.ipv4.conf.all.accept_redirects"


def test_what_is_lost_or_not_applied_is_told(subtests: Any) -> None:
    ufw = {f"{UFW}ufw.conf": "ENABLED=yes\n", f"{UFW}sysctl.conf": f"{RED.replace('.', '/')}=1\n"}
    rest = WHOLE.replace(f"{RED} = 0\n", "")
    ufw_good = {f"{UFW}ufw.conf": "ENABLED=yes\n", f"{UFW}sysctl.conf": f"{RED}=0\n", CONF: rest}
    cases: dict[str, tuple[dict[str, str | None], dict[str, str], Verdict]] = {
        "all in a file": ({CONF: WHOLE}, {}, P),
        "in effect and in no file": ({}, {}, F),
        "one in no file": ({CONF: rest}, {}, F),
        "the kernel starts with it": ({CONF: WHOLE.replace(f"{ASLR} = 2\n", "")}, {}, P),
        "boot sets a bad value": ({CONF: f"{WHOLE}{LINKS} = 0\n"}, {}, F),
        "in a file, not in effect": ({CONF: WHOLE}, {DUMP: "2"}, F),
        "neither is good": ({CONF: f"{WHOLE}{DUMP} = 2\n"}, {DUMP: "1"}, P),
        "two values that are both good": ({CONF: WHOLE}, {"kernel.kptr_restrict": "2"}, P),
        "a file that masks": ({CONF: None, "/usr/lib/sysctl.d/60-site.conf": WHOLE}, {}, F),
        "not read by systemd": ({"/etc/sysctl.conf": WHOLE}, {}, F),
        "ufw sets it back": ({CONF: WHOLE, **ufw}, {}, F),
        "ufw is off": ({CONF: WHOLE, **ufw, f"{UFW}ufw.conf": "ENABLED=no\n"}, {}, P),
        "ufw alone sets it": (dict(ufw_good), {}, P),
        "the command line sets it": ({CONF: rest, "/proc/cmdline": f"ro sysctl.{RED}=0\n"}, {}, P),
        "a daemon forwards": ({CONF: WHOLE}, {"net.ipv4.ip_forward": "1"}, P),
        "a script may set it": ({CONF: rest, "/etc/rc.local": "sysctl -w x=1\n"}, {}, U),
        "a script that only comments": ({CONF: rest, "/etc/rc.local": "# sysctl\n"}, {}, F),
    }
    for name, (contents, live, verdict) in cases.items():
        with subtests.test(name):
            assert _judge(contents, live).verdict is verdict


def test_what_boots_and_where_decides() -> None:
    plain: dict[str, str | None] = {"/etc/sysctl.conf": WHOLE}
    assert _judge(plain, {}, init="other").verdict is P
    assert _judge(plain, {}, init="unknown").verdict is U
    assert _judge({}, {}, BOX).verdict is Verdict.NOT_APPLICABLE
    assert _judge({}, {}, NONE).verdict is U


def test_a_byte_order_mark_is_part_of_the_first_name() -> None:
    """systemd-sysctl 252 and sysctl 4.0.2 set the second key only, and both after a comment."""
    first, second = "net.ipv4.conf.all.accept_source_route", "net.ipv4.conf.all.accept_redirects"
    for head, value in (("", False), ("# c\n", True), ("\n", True)):
        read = _read({"/etc/sysctl.d/a.conf": f"\ufeff{head}{first}=5\n{second}=5\n"})
        for init in ("systemd", ""):
            assert isinstance(at_boot(read, first, init), Assigned) is value
            assert isinstance(at_boot(read, second, init), Assigned)


def test_a_file_that_was_not_read_leaves_earlier_values_open(files: Make) -> None:
    for name, verdict in (("99-last.conf", U), ("00-first.conf", P)):
        found = parse_files(files({CONF: WHOLE}, not_permitted=f"/etc/sysctl.d/{name}"))
        assert isinstance(found, Partial)  # so that the engine lets nothing pass
        judged = settings_persistent.judge(
            GOOD, GOOD, found.value, ON_METAL, Platform(values={"init": "systemd"})
        )
        assert judged.verdict is verdict
