"""Whether the settings of the running kernel are those that the next boot makes."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from audit_core.api.sdk import (
    PLATFORM,
    Absent,
    Judgement,
    Message,
    Platform,
    Severity,
    Superset,
    capped,
    check,
    failed,
    known,
    known_or_absent,
    msg,
    not_applicable,
    passed,
    undetermined,
)
from audit_linux.system.kernel import REQUIRED, SETTINGS, SYSCTL, SYSCTL_MORE, ipv6_off
from audit_linux.system.sysctl_files import (
    SYSCTL_FILES,
    Assigned,
    SysctlFiles,
    Unknown,
    at_boot,
)
from audit_linux.system.trust import BOOT, Boot

# Docker, libvirt and routing daemons turn it on by themselves: only who asks for it is told.
_BY_DAEMONS = frozenset({"net.ipv4.ip_forward", "net.ipv4.conf.all.send_redirects"})


class Drift(Struct, frozen=True, kw_only=True):
    """One setting that is `live` now, and what boot makes of it."""

    key: str
    live: str
    boot: Assigned | Unknown | None

    @property
    def text(self) -> str:
        """Both values for a reader: `fs.suid_dumpable = 0, /etc/sysctl.d/x.conf: 2`."""
        to = f", {self.boot.path}: {self.boot.value}" if isinstance(self.boot, Assigned) else ""
        return f"{self.key} = {self.live}{to}"

    def good(self, value: str) -> bool:
        """Whether `value` is one of the expected values of this key."""
        return value in SETTINGS[self.key].wanted

    @property
    def lost(self) -> bool:
        """A value that is fine now, and after the next boot is not."""
        return (
            isinstance(self.boot, Assigned)
            and self.good(self.live)
            and not self.good(self.boot.value)
        )

    @property
    def not_applied(self) -> bool:
        """A value that is not fine now, although boot sets one that is."""
        return (
            isinstance(self.boot, Assigned)
            and self.good(self.boot.value)
            and not self.good(self.live)
        )

    @property
    def unset(self) -> bool:
        """A value that is fine now, that nothing sets, and that the kernel does not start with."""
        kernel = SETTINGS[self.key].kernel
        return self.boot is None and self.good(self.live) and not (
            kernel is not None and self.good(kernel)
        )  # fmt: skip

    @property
    def unknown(self) -> bool:
        """A value that a file may set that was not read."""
        return self.boot is Unknown.UNKNOWN


@check(
    "linux.kernel-settings-persistent",
    needs=(
        SYSCTL,
        known_or_absent(SYSCTL_MORE),
        SYSCTL_FILES,
        known_or_absent(BOOT),
        PLATFORM,
    ),
    severity=Severity.LOW,
    remedy=msg("Write the values to a file in /etc/sysctl.d and run sysctl --system"),
)
def settings_persistent(
    sysctl: dict[str, str],
    more: dict[str, str] | Absent,
    files: SysctlFiles,
    boot: Boot | Absent,
    platform: Platform,
    *,
    keys: Annotated[frozenset[str], Superset] = REQUIRED,
) -> Judgement:
    """Kernel settings that protect the host are the same now and after the next boot."""
    if unlisted := keys - set(SETTINGS):
        return undetermined(msg("No required value is defined for {keys}", keys=capped(unlisted)))
    if isinstance(boot, Boot) and boot.container:
        return not_applicable(msg("This is a container: its host machine sets the kernel"))
    live = {**sysctl, **(known(more) or {})}
    drifts = _drifts(live, files, platform["init"], keys)
    expected = msg("the same values in /proc/sys and in sysctl.d")
    found = _drift_details(drifts, keys)
    if found and not files.scripts and isinstance(boot, Boot):
        return failed(*found, expected=expected)
    doubts = [*found, *_doubts(files, drifts)]
    if doubts:
        return undetermined(*doubts, expected=expected)
    same = msg("{count} settings compared with what boot sets; none differs", count=len(drifts))
    return passed(same, expected=expected)


def _drifts(
    live: dict[str, str], files: SysctlFiles, init: str, keys: frozenset[str]
) -> list[Drift]:
    off = ipv6_off(live)
    chosen = [
        key
        for key in SETTINGS
        if key in live
        and (key not in _BY_DAEMONS or key in keys)
        and not (off and key.startswith("net.ipv6."))
    ]
    return [Drift(key=key, live=live[key], boot=at_boot(files, key, init)) for key in chosen]


def _drift_details(drifts: list[Drift], keys: frozenset[str]) -> list[Message]:
    lost = [d.text for d in drifts if d.lost]
    idle = [d.text for d in drifts if d.not_applied]
    unset = [d.text for d in drifts if d.unset and d.key in keys]
    rows = (
        (lost, msg("Set now, but boot sets another value: {settings}", settings=capped(lost))),
        (idle, msg("Set in a file, but not in effect: {settings}", settings=capped(idle))),
        (
            unset,
            msg(
                "Set now, but in no file that boot reads (sysctl.d, sysctl.conf, ufw, kernel"
                " command line), and the kernel starts with another value: {settings}",
                settings=capped(unset),
            ),
        ),
    )
    return [detail for names, detail in rows if names]


def _doubts(files: SysctlFiles, drifts: list[Drift]) -> list[Message]:
    unread = [d.key for d in drifts if d.unknown]
    rows = (
        (
            unread,
            msg("Not certain, because a file was not read or init is not known: {keys}",
                keys=capped(unread)),
        ),
        (
            files.scripts and any(d.lost or d.not_applied or d.unset for d in drifts),
            msg("Start-up scripts change kernel settings: look at {paths}",
                paths=capped(files.scripts)),
        ),
    )  # fmt: skip
    return [detail for wanted, detail in rows if wanted]


CHECKS = (settings_persistent,)
