"""Which files in directories of drop-ins a program reads, by their names.

What no program reads is no finding, whoever owns it: its owner cannot give it another name.

| directory | names that count |
|---|---|
| /etc/profile.d | `*.sh` (sh, bash, zsh), `*.csh`, and what the start-up files of the host name |
| cron.d, cron.daily and its kin, if-up.d, dhclient-*-hooks.d, kernel/*.d | Debian: run-parts(8) |
| the same elsewhere | cronie 1.7, run-parts of crontabs: no backups of editors and of rpm |
| update-motd.d | run-parts --lsbsysinit |
| logrotate.d | all but those of `tabooext`, its default (logrotate(8)) |
| sudoers.d, xinetd.d | no dot, no `~` at the end (sudoers(5), xinetd.conf(5)) |
| apt.conf.d, preferences.d, sources.list.d | apt.conf(5), apt_preferences(5), sources.list(5) |
| sysctl.d, tmpfiles.d, modules-load.d, modprobe.d, ld.so.conf.d and others | `*.conf` |
| udev/rules.d, audit/rules.d; yum.repos.d; systemd/system | `*.rules`; `*.repo`; names of units |
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache

from audit_core.api.sdk import Absent, Platform, known
from audit_linux.logs.logrotate_reader import TABOO
from audit_linux.units import Units

_PARTS = r"[A-Za-z0-9_-]+"
_NO_BACKUP = r"(?!\.)(?!.*(?:[~,]|\.rpm(?:save|orig|new)|\.swp|\.cfsaved)$).+"
_CONF = r"[^.].*\.conf"
_TABOO = "|".join(re.escape(end).replace(r"\*", ".*") for end in TABOO)
_UNIT = r"service|socket|device|mount|automount|swap|target|path|timer|slice|scope"
_ALWAYS = {
    r"/etc/profile\.d": r"[^.].*\.c?sh",
    r"/etc/update-motd\.d":
        r"(?!.*dpkg-(?:old|dist|new|tmp)$)(?:[a-z0-9][a-z0-9-]*|_?(?:[a-z0-9_.]+-)+[a-z0-9]+)",
    r"/etc/logrotate\.d": f"(?!.*(?:{_TABOO})$).+",
    r"/etc/(?:sudoers|xinetd)\.d": r"[^.]*[^.~]",
    r"/etc/apt/apt\.conf\.d": r"[A-Za-z0-9_-][A-Za-z0-9_.-]*\.conf|[A-Za-z0-9_-]+",
    r"/etc/apt/preferences\.d": r"[A-Za-z0-9_-][A-Za-z0-9_.-]*\.pref|[A-Za-z0-9_-]+",
    r"/etc/apt/sources\.list\.d": r"[A-Za-z0-9_-][A-Za-z0-9_.-]*\.(?:list|sources)",
    r"/(?:etc|usr/lib)/(?:sysctl|tmpfiles|modules-load|modprobe|binfmt|sysusers|environment)\.d":
        _CONF,
    r"/etc/(?:ld\.so\.conf|rsyslog|security/limits|security/namespace|dracut\.conf)\.d": _CONF,
    r"/etc/(?:systemd/\w+\.conf|ssh/sshd?_config|dbus-1/(?:system|session))\.d": _CONF,
    r"/(?:etc|usr/lib)/udev/rules\.d|/etc/audit/rules\.d": r"[^.].*\.rules",
    r"/etc/(?:yum\.repos|zypp/repos)\.d": r"[^.].*\.repo",
    r"/(?:etc|usr/lib)/systemd/(?:system|user)": rf".+\.(?:{_UNIT}|d|wants|requires|upholds)",
}  # fmt: skip
_OF_RUN_PARTS = (
    r"/etc/(?:cron\.(?:d|hourly|daily|weekly|monthly)|network/if-[a-z-]+\.d"
    r"|dhcp/dhclient-[a-z]+-hooks\.d|kernel/\w*(?:inst|rm)\.d)"
)


@lru_cache
def _every(debian: bool) -> re.Pattern[str]:
    """What matches the names that no program reads, and below them."""
    folders = {**_ALWAYS, _OF_RUN_PARTS: _PARTS if debian else _NO_BACKUP}
    parts = (rf"(?:{folder})/(?!(?:{names})(?:/|$))" for folder, names in folders.items())
    return re.compile("|".join(parts))


class DropIns:
    """Whether a path is a drop-in that nothing reads, on a host of this family.

    `named` are paths and patterns that other files name: those are read.
    """

    def __init__(self, *, debian: bool, named: Iterable[str] = ()) -> None:
        self._unread = _every(debian)
        self._named = frozenset(path for path in named if path.startswith("/etc/"))

    def is_unread(self, path: str) -> bool:
        """Whether no program reads `path`, by its name."""
        return bool(self._unread.match(path)) and not any(
            fnmatchcase(path, name) for name in self._named
        )


_CRONIE = frozenset({"cronie.service", "crond.service"})


def drop_ins_of(platform: Platform, units: Units | Absent | None, named: Iterable[str]) -> DropIns:
    """The drop-ins of a host; Debian may have cronie in the place of its own cron."""
    run = known(units)
    cronie = run is not None and not _CRONIE.isdisjoint(run.active | run.enabled)
    return DropIns(debian=platform["os_family"] == "debian" and not cronie, named=named)
