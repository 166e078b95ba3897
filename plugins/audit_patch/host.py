"""What does not depend on the package manager: kernels, the release, the updater's presence."""

from __future__ import annotations

import re

from audit_core.api.sdk import (
    Absent,
    Answer,
    Answers,
    Command,
    ParseError,
    ReadFile,
    Reason,
    msg,
    not_present,
)
from audit_core.model import NamedAsk
from audit_patch.model import Builds, Kernels, Release
from audit_patch.repo_files import refused_by

KERNELS = Command(
    argv=(
        "find", "/boot", "/run/reboot-required", "-maxdepth", "1", "(", "-name", "vmlinu[xz]-*",
        "-o", "-name", "reboot-required", ")", "-printf", r"%p\0",
    ),
    ok=(0, 1),
)  # fmt: skip
# SUSE's mark is that of `zypper needs-rebooting`, and its images have other names on ARM and Z.
KERNELS_OF_SUSE = Command(
    argv=(
        "find", "/boot", "/run/reboot-needed", "-maxdepth", "1", "(", "-name", "vmlinu[xz]-*",
        "-o", "-name", "[iI]mage-*", "-o", "-name", "reboot-needed", ")", "-printf", r"%p\0",
    ),
    ok=(0, 1),
)  # fmt: skip
# Debian and Ubuntu rebuild a kernel under the same name: only the build tells the two apart.
BUILDS: dict[str, NamedAsk] = {
    "running": Command(argv=("uname", "-v")),
    "installed": Command(
        argv=(
            "dpkg-query",
            "-W",
            "-f",
            "${Package} ${Version} ${db:Status-Status}|",
            "linux-image-*",
        ),
        ok=(0, 1),
    ),
}
# The same request as that of discovery, so that it is asked once.
RELEASE = ReadFile(path="/etc/os-release", limit=64 << 10)
# Programs that install updates by themselves; a setting without its program does nothing.
UPDATERS = Command(
    argv=(
        "find", "/usr/bin/unattended-upgrade", "/usr/bin/dnf-automatic", "/usr/sbin/yum-cron",
        "-maxdepth", "0", "-printf", r"%p\0",
    ),
    ok=(0, 1),
)  # fmt: skip
# Of yum-utils and dnf-utils: core libraries and services that are newer than the last start.
RESTART = Command(
    argv=("needs-restarting", "-r"), ok=(0, 1), timeout_s=60, not_found=Reason.NOT_PRESENT
)
# What starts those programs; each state is on a line of its own.
_STARTERS = (
    "apt-daily-upgrade.timer", "dnf-automatic.timer", "dnf-automatic-install.timer",
    "dnf5-automatic.timer", "yum-cron.service",
)  # fmt: skip
STARTERS = Command(
    argv=("systemctl", "is-active", *_STARTERS), ok=(0, 1, 3, 4), not_found=Reason.NOT_PRESENT
)

_MARKS = ("reboot-required", "reboot-needed")
_ASSIGNMENT = re.compile(r"([A-Z_]+)=(.*)")


def _paths(answer: Answer) -> list[str]:
    if answer.stdout and not answer.stdout.endswith(b"\0"):
        raise ParseError(msg("the last path is truncated"))
    return answer.text.split("\0")[:-1]


def require_packages(answer: Answer) -> None:
    """Raises ParseError where none of the packages that were asked for is installed."""
    if not any(line and " is not installed" not in line for line in answer.lines):
        raise ParseError(
            msg("The package database does not list the packages of the system itself")
        )


def parse_kernels(answer: Answer) -> Kernels | Absent:
    """The kernel images in /boot but for rescue images, and the mark that asks for a reboot."""
    if refused := refused_by(answer):
        return refused
    names = [path.rpartition("/")[2] for path in _paths(answer)]
    versions = {n.partition("-")[2] for n in names if not n.startswith("reboot-")}
    versions = {v for v in versions if v[:1].isdigit() and not v.startswith("0-rescue")}
    mark = next((n for n in names if n in _MARKS), "")
    return Kernels(installed=tuple(sorted(versions)), reboot_mark=mark)


_BUILD = (
    re.compile(r".* Debian (?P<build>\S+) .*"),
    re.compile(r"#(?P<build>\S+)-Ubuntu .*"),
)


def parse_builds(answers: Answers) -> Builds:
    """The build that runs, empty where it is not known, and those that are installed by name."""
    text = answers["running"].text.strip()
    found = next((row for pattern in _BUILD if (row := pattern.fullmatch(text))), None)
    installed = {}
    for record in answers["installed"].text.split("|"):
        cells = record.split()
        if len(cells) == 3 and cells[2] == "installed":
            name = cells[0].removeprefix("linux-image-").removeprefix("unsigned-")
            installed[name] = cells[1]
    return Builds(running=found["build"] if found else "", installed=installed)


def parse_release(answer: Answer) -> Release:
    """What /etc/os-release says of the distribution and its release."""
    rows = (_ASSIGNMENT.fullmatch(line) for line in answer.lines)
    found = {row[1]: row[2].strip().strip("\"'") for row in rows if row}
    if "ID" not in found:
        raise ParseError(msg("no ID= line"))
    return Release(
        id=found["ID"].lower(),
        name=found.get("NAME", ""),
        version_id=found.get("VERSION_ID", ""),
        version=found.get("VERSION", ""),
        codename=found.get("VERSION_CODENAME", ""),
    )


def unheard_of(answer: Answer) -> Absent:
    """NOT_PRESENT: this package manager has no such thing."""
    return not_present(msg("This package manager does not provide it"))


def parse_updaters(answer: Answer) -> tuple[str, ...] | Absent:
    """The programs for automatic updates that are installed."""
    return refused_by(answer) or tuple(sorted(_paths(answer)))


def parse_starters(answer: Answer) -> tuple[str, ...] | Absent:
    """The active timers and services for automatic updates; NOT_PRESENT without systemd."""
    if b"not been booted with systemd" in answer.stderr:
        return not_present(msg("systemd does not run here"))
    states = answer.lines
    if len(states) != len(_STARTERS):
        raise ParseError(
            msg("{count} states of {units} units", count=len(states), units=len(_STARTERS))
        )
    return tuple(n for n, state in zip(_STARTERS, states, strict=True) if state == "active")


def parse_restart(answer: Answer) -> bool:
    """Whether needs-restarting says that the system has to be started anew."""
    text = answer.text
    if answer.exit_code == 1 and "Reboot is required" in text:
        return True
    if answer.exit_code == 0 and ("should not be necessary" in text or "No core libraries" in text):
        return False
    raise ParseError(msg("not the output of needs-restarting -r"))
