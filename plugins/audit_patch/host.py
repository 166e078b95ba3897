"""What does not depend on the package manager: kernels, the release, the updater's presence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from audit_core.api.sdk import (
    Absent,
    Answer,
    Answers,
    Command,
    ParseError,
    Partial,
    ReadFile,
    Reason,
    msg,
    not_present,
    partial,
    read_rows,
    verbatim,
)
from audit_core.model import NamedAsk
from audit_patch.model import Builds, Kernels, Release
from audit_patch.repo_files import refused_by

# A container has the kernel of its host. Images of virtual machines may hold a /.dockerenv too.
CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv", "/run/systemd/container")
# Live patches: of kpatch and livepatch below /sys/kernel/livepatch, of Ksplice as modules.
_LIVE = Command(
    argv=("grep", "-rslx", "--include=enabled", "-e", "1", "/sys/kernel/livepatch"), ok=(0, 1, 2)
)


def _kernels(mark: str, *images: str) -> dict[str, NamedAsk]:
    """The questions for kernel images, the file that asks for a reboot, and live patches."""
    names = [w for name in ("vmlinu[xz]-*", *images, "ksplice_*") for w in ("-name", name, "-o")]
    argv = (
        "find", "/boot", "/sys/module", f"/run/{mark}", *CONTAINER_MARKS, "-maxdepth", "1",
        "(", *names, "-name", mark, "-o", "-path", "/run/*c*", "-o",
        "-path", "/.dockerenv", "-fstype", "overlay", ")",
        "-printf", r"%p\0",
    )  # fmt: skip
    return {"found": Command(argv=argv, ok=(0, 1)), "live": _LIVE}


KERNELS = _kernels("reboot-required")
# SUSE's mark is that of `zypper needs-rebooting`, and its images have other names on ARM and Z.
KERNELS_OF_SUSE = _kernels("reboot-needed", "[iI]mage-*")
# Debian and Ubuntu rebuild a kernel under the same name: only the build tells the two apart.
# Proxmox has packages of its own.
BUILDS: dict[str, NamedAsk] = {
    "running": Command(argv=("uname", "-v")),
    "installed": Command(
        argv=(
            "dpkg-query",
            "-W",
            "-f",
            "${Package} ${Version} ${db:Status-Status}|",
            "linux-image-*",
            "proxmox-kernel-*",
            "pve-kernel-*",
        ),
        ok=(0, 1),
    ),
}
# The same request as that for the names of packages, so that it is asked once.
STATES = Command(argv=("dpkg-query", "-W", "-f=${db:Status-Abbrev}\\t${Package}\\n"), limit=4 << 20)
# Likewise for rpm.
NAMES = Command(argv=("rpm", "-qa", "--qf", "%{NAME}\\n"), timeout_s=60, limit=4 << 20)
# A kernel of rpm has the name, the flavour and the build of its package.
BUILDS_OF_RPM: dict[str, NamedAsk] = {
    "running": BUILDS["running"],
    "installed": Command(
        argv=("rpm", "-qa", "--qf", "%{NAME} %{VERSION}-%{RELEASE} %{ARCH}|", "kernel*")
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


def parse_kernels(answers: Answers) -> Kernels | Partial | Absent:
    """The kernel images in /boot but for rescue images, the mark for a reboot, live patches.

    Where /boot is closed to the account, packages may still tell of a newer kernel.
    """
    refused = refused_by(answers["found"])
    paths = _paths(answers["found"])
    kernels = Kernels(
        installed=_versions(paths),
        reboot_mark=next((m for m in _MARKS if f"/run/{m}" in paths), ""),
        live=(*_live_patches(answers["live"].lines), *_names_in("/sys/module/", paths)),
        contained=any(path in CONTAINER_MARKS for path in paths),
    )
    return partial(kernels, [refused.detail] if refused else [])


def _names_in(folder: str, paths: list[str]) -> list[str]:
    return [path.rpartition("/")[2] for path in paths if path.startswith(folder)]


def _versions(paths: list[str]) -> tuple[str, ...]:
    """The versions of the images in /boot, each once."""
    versions = {name.partition("-")[2] for name in _names_in("/boot/", paths)}
    return tuple(sorted(v for v in versions if v[:1].isdigit() and not v.startswith("0-rescue")))


def _live_patches(paths: list[str]) -> list[str]:
    """The names in /sys/kernel/livepatch/NAME/enabled."""
    return sorted(path.split("/")[4] for path in paths if path.count("/") == 5)


_BUILD = (
    re.compile(r".* Debian (?P<build>\S+) .*"),
    re.compile(r"#(?P<build>\S+)-Ubuntu .*"),
    re.compile(r".* (?:PMX|PVE) (?P<build>\S+) .*"),
)
_IMAGE = re.compile(
    r"(?:linux-image-(?:unsigned-)?|(?:proxmox|pve)-kernel-)(?P<name>\d.*?)(-signed)?"
)


def parse_builds(answers: Answers) -> Builds:
    """The build that runs, empty where it is not known, and those that are installed by name."""
    text = answers["running"].text.strip()
    found = next((row for pattern in _BUILD if (row := pattern.fullmatch(text))), None)
    installed = {
        image["name"]: version
        for name, version, state in _records(answers["installed"])
        if state == "installed" and (image := _IMAGE.fullmatch(name))
    }
    return Builds(running=found["build"] if found else "", installed=installed)


def _records(answer: Answer) -> list[tuple[str, str, str]]:
    rows = [tuple(record.split()) for record in answer.text.split("|")]
    return [(row[0], row[1], row[2]) for row in rows if len(row) == 3]


_OF_RPM = re.compile(r"kernel(?P<flavour>(-(rt|debug|uek|64k|lt|ml))*)(-core)?")
_OF_SUSE = re.compile(r"kernel-(?P<flavour>default|azure|preempt|rt|64kb|debug|vanilla)(-base)?")


def parse_builds_of_rpm(answers: Answers) -> Builds:
    """The kernels that are installed as packages, by the names that `uname -r` gives them."""
    return _builds(answers, _called)


def parse_builds_of_suse(answers: Answers) -> Builds:
    """The same of SUSE, whose names have no architecture and no count of builds."""
    return _builds(answers, _called_by_suse)


def _builds(answers: Answers, name: Callable[[str, str, str], str]) -> Builds:
    named = [(name(*row), row[1]) for row in _records(answers["installed"])]
    return Builds(running="", installed={kernel: version for kernel, version in named if kernel})


def _called_by_suse(name: str, version: str, architecture: str) -> str:
    row = _OF_SUSE.fullmatch(name)
    return f"{version.rpartition('.')[0]}-{row['flavour']}" if row else ""


def _called(name: str, version: str, architecture: str) -> str:
    """What `uname -r` says of a kernel package; empty for other packages.

    +debug, +rt and +64k follow the architecture, but `rt` not where it is part of the version.
    """
    row = _OF_RPM.fullmatch(name)
    if row is None:
        return ""
    words = [w for w in row["flavour"].split("-") if w in ("debug", "64k", "rt")]
    shown = [w for w in words if w != "rt" or ".rt" not in version]
    return f"{version}.{architecture}" + ("+" + "-".join(shown) if shown else "")


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


# dpkg(1): wanted, state and error; unpacked, half configured, half installed, to be reinstalled.
_UNFINISHED = re.compile(r"..R|.[UFH].")


def _state(line: str) -> tuple[str, str]:
    state, tab, name = line.partition("\t")
    if not tab or not name or len(state) != 3:
        raise ParseError(msg("not a package: {line}", line=verbatim(line)))
    return state, name


# Programs that bring software of their own, which the package manager knows nothing of.
_INSTALLERS = re.compile(
    r"snapd|flatpak|docker(\.io|-ce|-ee|-engine)?|moby-engine|podman|containerd(\.io)?|cri-o|iSulad"
    r"|isulad|lxd|incus|k3s|kubelet|microk8s"
)


def installers_of_apt(answer: Answer) -> tuple[str, ...] | Partial:
    """The packages of snap, flatpak and containers that are installed."""
    rows, problems = read_rows(enumerate(answer.lines, 1), _state)
    return partial(_installers(name for state, name in rows if state[1] not in "nc"), problems)


def installers_of_rpm(answer: Answer) -> tuple[str, ...]:
    """The same by the names that rpm lists."""
    return _installers(answer.lines)


def _installers(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({name for name in names if _INSTALLERS.fullmatch(name)}))


def parse_unfinished(answer: Answer) -> tuple[str, ...] | Partial:
    """The packages whose installation was begun and not ended."""
    rows, problems = read_rows(enumerate(answer.lines, 1), _state)
    return partial(tuple(n for state, n in rows if _UNFINISHED.fullmatch(state)), problems)


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
    # The last words are those of SUSE's program.
    if answer.exit_code == 1 and re.search("Reboot is (required|suggested)", text):
        return True
    if answer.exit_code == 0 and ("should not be necessary" in text or "No core libraries" in text):
        return False
    raise ParseError(msg("not the output of needs-restarting -r"))
