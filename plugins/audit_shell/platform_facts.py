"""What a host is: fixed requests, and their answers as a Platform. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from audit_core.api.sdk import (
    Answer,
    Command,
    Platform,
    PlatformQuestions,
    Privilege,
    ReadFile,
    ReadFiles,
    Request,
)

OS_RELEASE = ReadFile(path="/etc/os-release", limit=64 << 10)
KERNEL = Command(argv=("uname", "-sr"))
NODE = Command(argv=("uname", "-n"))
_MANAGERS = {
    "/usr/bin/apt-get": "apt",
    "/usr/bin/dnf": "dnf",
    "/usr/bin/yum": "yum",
    "/usr/bin/zypper": "zypper",
    "/sbin/apk": "apk",
}
MANAGERS = Command(argv=("ls", "-d", *_MANAGERS), ok=(0, 1, 2))
INIT = Command(argv=("ls", "-d", "/run/systemd/system", "/proc"), ok=(0, 1, 2))
ROOT = Command(argv=("/usr/bin/id", "-u"), privilege=Privilege.ROOT)
SBIN = Command(argv=("readlink", "/sbin"), ok=(0, 1))
REQUESTS: tuple[Request, ...] = (OS_RELEASE, KERNEL, MANAGERS, INIT, ROOT, NODE, SBIN)

_FAMILIES = {
    "debian": "debian",
    "ubuntu": "debian",
    "uos": "debian",
    "deepin": "debian",
    "rhel": "rhel",
    "centos": "rhel",
    "fedora": "rhel",
    "rocky": "rhel",
    "almalinux": "rhel",
    "openeuler": "rhel",
    "anolis": "rhel",
    "kylin": "rhel",
    "ol": "rhel",
    "suse": "suse",
    "sles": "suse",
    "opensuse": "suse",
    "alpine": "alpine",
    "arch": "arch",
}


def _os_release(text: str) -> dict[str, str]:
    found = {}
    for line in text.split("\n"):
        key, sign, value = line.strip().partition("=")
        if sign and key.isidentifier():
            found[key] = value.strip("\"'")
    return found


_PACKAGED = {"apt": "debian", "dnf": "rhel", "yum": "rhel"}
_TWOFOLD = frozenset({"kylin", "uos"})


def _family(release: dict[str, str], manager: str) -> str:
    """The family by name; Kylin and UOS bear one name for two, which their packages tell apart."""
    if release.get("ID") in _TWOFOLD:
        return _PACKAGED.get(manager, "unknown")
    names = [release.get("ID", ""), *release.get("ID_LIKE", "").split()]
    return next((_FAMILIES[n] for n in names if n in _FAMILIES), "unknown")


def _manager(text: str) -> str:
    there = set(text.split("\n"))
    return next((name for path, name in _MANAGERS.items() if path in there), "unknown")


def _init(text: str) -> str:
    lines = set(text.split("\n"))
    if "/run/systemd/system" in lines:
        return "systemd"
    return "other" if "/proc" in lines else "unknown"


def platform(answers: Mapping[Request, Answer]) -> Platform:
    """The platform that the answered requests show; `unknown` for what was not answered."""
    release: dict[str, str] = {}
    if OS_RELEASE in answers:
        release = _os_release(answers[OS_RELEASE].text)
    kernel = answers[KERNEL].text.strip()[:200] if KERNEL in answers else "unknown"
    node = answers[NODE].text.strip()[:64] if NODE in answers else "unknown"  # Linux: 64 bytes
    manager = _manager(answers[MANAGERS].text) if MANAGERS in answers else "unknown"
    init = _init(answers[INIT].text) if INIT in answers else "unknown"
    usr = "unknown"
    if SBIN in answers:
        usr = "apart" if answers[SBIN].exit_code else "merged"
    # Whether requests that need root run at all: through sudo, or because the login is root.
    root = "no" if answers else "unknown"
    if ROOT in answers and answers[ROOT].text.strip() == "0":
        root = "yes"
    values = {
        "os_id": release.get("ID", "unknown")[:64],
        "os_family": _family(release, manager),  # debian rhel suse alpine arch unknown
        "version_id": release.get("VERSION_ID", "unknown")[:64],
        "package_manager": manager,  # apt dnf yum zypper apk unknown
        "init": init,  # systemd other unknown
        "kernel": kernel,
        "host_name": node,
        "root": root,  # yes no unknown
        "usr": usr,  # merged apart unknown: whether /sbin is a link
    }
    return Platform(values=values)


PLATFORM = PlatformQuestions(
    names=(
        "os_id",
        "os_family",
        "version_id",
        "package_manager",
        "init",
        "kernel",
        "host_name",
        "root",
        "usr",
    ),
    requests=REQUESTS,
    asked_with=(Command, ReadFile, ReadFiles),
    read=platform,
)
