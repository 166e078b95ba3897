"""Names of drop-ins, against the programs that read them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from audit_core.api.sdk import Platform
from audit_linux.drop_ins import DropIns, drop_ins_of
from audit_linux.units import Units

NAMES = (
    "plain", "a-b_1", "x.sh", "x.sh.disabled", "x.sh.bak", "x.csh", ".x.sh", "x.conf", "x.conf.bak",
    "x.conf~", ".x.conf", "10x", "10x.list", "x~", "x.dpkg-old", "x.rpmsave", "x.disabled",
    "x.bak.y", "x,v", "foo.com-bar", "_a.b-c", "x.rhn-cfg-tmp-1", "README", "x.swp", "#x#", "x y",
)  # fmt: skip
Reader = Callable[[Path], set[str]]


def _listed(*words: str) -> Reader:
    def read(folder: Path) -> set[str]:
        out = subprocess.run([*words, folder], capture_output=True, text=True, check=True).stdout
        return {line.rsplit("/", 1)[1] for line in out.splitlines()}

    return read


def _sourced(pattern: str) -> Reader:
    def read(folder: Path) -> set[str]:
        done = subprocess.run(["sh", "-c", f"for i in {folder}/{pattern}; do echo \"$i\"; done"],
                              capture_output=True, text=True, check=True)  # fmt: skip
        return {line.rsplit("/", 1)[1] for line in done.stdout.splitlines()}

    return read


def _rotated(folder: Path) -> set[str]:
    for name in NAMES:
        (folder / name).write_text(f"/none/{name.encode().hex()} {{\n missingok\n}}\n")
    settings = folder.parent / "logrotate.conf"
    settings.write_text(f"include {folder}\n")
    settings.chmod(0o644)
    done = subprocess.run(
        ["logrotate", "-d", settings], capture_output=True, text=True, check=False
    )
    return {name for name in NAMES if f"/none/{name.encode().hex()}" in done.stderr}


def _granted(folder: Path) -> set[str]:
    for number, name in enumerate(NAMES):
        (folder / name).write_text(f"u{number} ALL=(ALL) ALL\n")
        (folder / name).chmod(0o440)
    settings = folder.parent / "sudoers"
    settings.write_text(f"@includedir {folder}\n")
    out = subprocess.run(["cvtsudoers", "-f", "csv", settings], capture_output=True, text=True,
                         check=True).stdout  # fmt: skip
    return {name for number, name in enumerate(NAMES) if f",u{number}," in out}


def _configured(folder: Path) -> set[str]:
    for number, name in enumerate(NAMES):
        (folder / name).write_text(f'Here::N{number} "1";\n')
    settings = folder.parent / "apt.conf"
    settings.write_text(f'Dir::Etc::parts "{folder}";\n')
    done = subprocess.run(["apt-config", "dump"], env={**os.environ, "APT_CONFIG": str(settings)},
                          capture_output=True, text=True, check=True)  # fmt: skip
    return {name for number, name in enumerate(NAMES) if f"Here::N{number} " in done.stdout}


READERS: tuple[tuple[str, str, Reader], ...] = (
    ("/etc/cron.daily", "run-parts", _listed("run-parts", "--list")),
    ("/etc/update-motd.d", "run-parts", _listed("run-parts", "--lsbsysinit", "--list")),
    ("/etc/profile.d", "sh", lambda folder: _sourced("*.sh")(folder) | _sourced("*.csh")(folder)),
    ("/etc/ld.so.conf.d", "sh", _sourced("*.conf")),
    ("/etc/logrotate.d", "logrotate", _rotated),
    ("/etc/sudoers.d", "cvtsudoers", _granted),
    ("/etc/apt/apt.conf.d", "apt-config", _configured),
)


def test_names_that_count_are_those_that_programs_read(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    debian = DropIns(debian=True)
    for place, program, read in READERS:
        with subtests.test(place):
            if not shutil.which(program):
                pytest.skip(f"needs {program}")
            folder = tmp_path / place.rsplit("/", 1)[1] / "parts"
            folder.mkdir(parents=True)
            for name in NAMES:
                (folder / name).write_text("")
                (folder / name).chmod(0o755)
            counted = {name for name in NAMES if not debian.is_unread(f"{place}/{name}")}
            assert counted == read(folder)


def test_other_systems_and_names_that_files_give() -> None:
    units = Units(active=frozenset({"cronie.service"}), enabled=frozenset())
    rhel, debian = (Platform(values={"os_family": name}) for name in ("rhel", "debian"))
    path = "/etc/cron.d/x.y"
    assert drop_ins_of(debian, None, ()).is_unread(path)
    for host in (drop_ins_of(rhel, None, ()), drop_ins_of(debian, units, ())):
        assert not host.is_unread(path)
        assert host.is_unread("/etc/cron.d/x.rpmsave")
    script = "/etc/profile.d/x.disabled"
    assert drop_ins_of(debian, None, ("/etc/profile.d/*.sh",)).is_unread(script)
    for named in (script, "/etc/profile.d/*"):
        assert not drop_ins_of(debian, None, (named,)).is_unread(script)
    cases = {
        "/etc/systemd/system/x.service": False, "/etc/systemd/system/x.service.bak": True,
        "/etc/systemd/system/x.service.d/a.conf": False, "/etc/sysctl.d": False,
        "/etc/systemd/system/x.wants/y.service": False, "/etc/passwd": False,
        "/etc/kernel/install.d/90-x.install": False, "/etc/kernel/postinst.d/x.bak": True,
    }  # fmt: skip
    assert {path: drop_ins_of(debian, None, ()).is_unread(path) for path in cases} == cases
