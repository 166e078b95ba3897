"""Whether the newest installed kernel runs."""

from __future__ import annotations

import re
from collections.abc import Iterable

from audit_core.api.sdk import (
    PLATFORM,
    Absent,
    Judgement,
    Message,
    Platform,
    Severity,
    capped,
    check,
    failed,
    known,
    known_or_absent,
    msg,
    not_applicable,
    optional,
    passed,
    undetermined,
)
from audit_patch.facts import BUILDS, KERNELS, RESTART
from audit_patch.model import Builds, Kernels

_KERNEL = re.compile(
    r"(?P<base>.*?)([-.](?P<line>(?:x86_64|aarch64|loongarch64|ppc64le|s390x|riscv64|i686"
    r"|(?<=-)[a-z])[\w.+-]*))?",
    re.ASCII,
)


def _kernel(version: str) -> tuple[tuple[tuple[int, str], ...], str]:
    """What to order a kernel by, and its line (`amd64`, `cloud-amd64`, `x86_64+debug`).

    As in rpm a number is newer than a word: 362.8.1.el9_3 is newer than 362.el9.
    """
    found = _KERNEL.fullmatch(version)
    base, line = (found["base"], found["line"] or "") if found else (version, "")
    branch = "rt" if ".rt" in base else "uek" if "uek" in base else ""
    parts = re.findall(r"[0-9]{1,9}|[a-zA-Z]+", base)
    order = tuple((int(p), "") if p.isdigit() else (-1, p) for p in parts)
    return order, line + branch


def _other_build(builds: Builds | None, running: str) -> Message | None:
    """A message where another build than the running one is installed under its name."""
    version = builds.installed.get(running) if builds else None
    if builds is None or version is None or not builds.running:
        return None
    # Ubuntu tells only what follows the first dot of the revision: #101 of 5.15.0-91.101.
    last = version.partition("-")[2].partition(".")[2]
    if builds.running in (version, last):
        return None
    return msg("Kernel {running} is running as build {build}; build {version} of it is installed",
               running=running, build=builds.running, version=version)  # fmt: skip


@check(
    "patch.kernel-current",
    needs=(
        KERNELS,
        PLATFORM,
        known_or_absent(optional(RESTART)),
        known_or_absent(optional(BUILDS)),
    ),
    severity=Severity.MEDIUM,
    version=6,
    remedy=msg("Reboot into the newest installed kernel"),
)
def kernel_current(
    kernels: Kernels,
    platform: Platform,
    restart: bool | Absent | None,
    builds: Builds | Absent | None,
) -> Judgement:
    """The host runs the newest kernel it has installed, and has not asked for a reboot."""
    running = platform["kernel"].removeprefix("Linux ")
    wanted = msg("the newest installed kernel is running and no reboot is required")
    packaged = builds.installed if isinstance(builds, Builds) else {}
    newest = _newest((*kernels.installed, *packaged), running)
    if kernels.contained and not newest:
        return not_applicable(msg("In a container the kernel is that of its host"))
    if older := _older(newest, running) or _other_build(known(builds), running):
        if not kernels.live:
            return failed(older, expected=wanted)
        why = msg("Live patches are in effect ({names}): show that they cover what the newer "
                  "kernel fixes", names=capped(kernels.live))  # fmt: skip
        return undetermined(older, why, expected=wanted)
    if asks := _asks_for_a_reboot(kernels, known(restart), running):
        return failed(asks, expected=wanted)
    if newest != running:
        detail = msg(
            "Kernel {running} is running, and /boot holds no image of it ({installed})",
            running=running, installed=capped(kernels.installed),
        )  # fmt: skip
        return undetermined(detail, expected=wanted)
    return passed(
        msg("Kernel {running} is running, the newest installed", running=running), expected=wanted
    )


def _newest(installed: Iterable[str], running: str) -> str:
    """The newest kernel of the same line as the running one; empty where there is none."""
    same = [k for k in installed if k[:1].isdigit() and _kernel(k)[1] == _kernel(running)[1]]
    return max(same, key=_kernel, default="")


def _older(newest: str, running: str) -> Message | None:
    if not newest or _kernel(newest) <= _kernel(running):
        return None
    return msg("Kernel {running} is running, {newest} is installed", running=running, newest=newest)


def _asks_for_a_reboot(kernels: Kernels, restart: bool | None, running: str) -> Message | None:
    if kernels.reboot_mark:
        return msg("The system requires a reboot ({mark}); kernel {running} is running",
                   mark=f"/run/{kernels.reboot_mark}", running=running)  # fmt: skip
    if restart:
        return msg("needs-restarting reports that core libraries or services were updated since "
"the last start; kernel {running} is running", running=running)  # fmt: skip
    return None


CHECKS = (kernel_current,)
