"""What the pass over the file systems says of programs with other rights and of open files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Annotated

from audit_core.api.sdk import (
    TARGET,
    Absent,
    Judgement,
    Severity,
    Superset,
    Target,
    capped,
    check,
    failed,
    first_of,
    known,
    msg,
    passed,
    undetermined,
)
from audit_linux.declared import declared
from audit_linux.files.sweep import CAPABLE, SEEN, SWEEP, Capable, Entry, Sweep
from audit_linux.nsswitch import ELSEWHERE, Sources

_SWEEP = first_of(SWEEP, SEEN)

# Programs that distributions install with setuid or setgid, by name. Those of Debian 12 and 13 were
# seen; those of Ubuntu, RHEL, openEuler, SLES, Kylin and UOS are recalled and unverified (2026-11).
USUAL = frozenset({
    "Xorg.wrap", "arping", "at", "bsd-write", "camel-lock-helper-1.2", "chage", "chfn", "chkpwd",
    "chrome-sandbox", "chromium-sandbox", "chsh", "cockpit-session", "crontab",
    "dbus-daemon-launch-helper", "deepin-elf-verify", "dma", "dotlockfile", "dumpcap", "eject",
    "exim4", "expiry", "fusermount", "fusermount3", "gnome-pty-helper", "gpasswd",
    "grub2-set-bootflag", "kismet_capture", "krb5_child", "ldap_child", "locate", "lockdev",
    "lockfile", "lxc-user-nic", "mail-lock", "mail-touchlock", "mail-unlock", "man", "mandb",
    "mlocate", "mlock", "mount", "mount.cifs", "mount.ecryptfs_private", "mount.nfs", "mount.nfs4",
    "mtr-packet", "mutt_dotlock", "netreport", "newgidmap", "newgrp", "newuidmap", "nrpe_helper",
    "ntfs-3g", "opiesu", "pam_extrausers_chkpwd", "pam_timestamp_check", "passwd", "ping", "ping6",
    "pkexec", "plocate", "polkit-agent-helper-1", "postdrop", "postqueue", "pppd", "procmail",
    "proxy_child", "pt_chown", "screen", "selinux_child", "sendmail", "sendmail.sendmail", "sg",
    "slocate", "snap-confine", "ssh-agent", "ssh-keysign", "ssh-keysign.pl", "sssd_pam", "staprun",
    "su", "sudo", "sudoedit", "suexec", "suexec2", "traceroute6", "traceroute6.iputils",
    "udisks2-inhibit", "umount", "umount.ecryptfs_private", "umount.nfs", "umount.nfs4",
    "unix2_chkpwd", "unix_chkpwd", "unix_update", "userhelper", "usernetctl", "utempter",
    "utmp_update", "vlock-main", "vmware-user-suid-wrapper", "wall", "write", "write.ul", "xlock",
})  # fmt: skip
# A shell or an interpreter with the rights of another account gives these rights away, wherever
# it lies; so do programs that read, write or run what they are told.
_GIVES_ALL = frozenset({
    "ash", "awk", "base64", "bash", "busybox", "capsh", "cat", "chmod", "chown", "chroot", "cp",
    "csh", "curl", "cut", "dash", "dd", "docker", "ed", "emacs", "env", "find", "fish", "flock",
    "gawk", "gdb", "head", "install", "ionice", "ksh", "less", "ln", "lua", "make", "mawk", "more",
    "mv", "nano", "nawk", "nc", "ncat", "nice", "nl", "nmap", "node", "nsenter", "od", "openssl",
    "perl", "php", "python", "python2", "python3", "rsync", "ruby", "rview", "rvim", "sed",
    "setarch", "sh", "socat", "sort", "stdbuf", "strace", "systemctl", "tail", "tar", "taskset",
    "tclsh", "tcsh", "tee", "time", "timeout", "unshare", "vi", "view", "vim", "watch", "wget",
    "xargs", "xxd", "zip", "zsh",
})  # fmt: skip
_SYSTEM = (
    "/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/lib", "/usr/libexec/", "/lib",
    "/opt/google/chrome/",
)  # fmt: skip
_FOR_PEOPLE = ("/home/", "/tmp/", "/var/tmp/", "/dev/shm/", "/root/", "/media/", "/mnt/")  # noqa: S108
_VERSION = re.compile(r"[-.]?\d[\d.]*$")


def _name(path: str) -> str:
    """The last part of `path` without a version behind it."""
    name = PurePosixPath(path).name
    return name if name in USUAL else _VERSION.sub("", name) or name


def _usual(entry: Entry, more: frozenset[str]) -> bool:
    return entry.path in more or (entry.path.startswith(_SYSTEM) and _name(entry.path) in USUAL)


def _dangerous(entry: Entry) -> bool:
    """Whether an account gains rights by `entry` for certain."""
    others_write = entry.bits & 0o002 or (entry.bits & 0o020 and entry.gid != 0)
    placed = entry.path.startswith(_FOR_PEOPLE)
    return bool(others_write or placed or _name(entry.path) in _GIVES_ALL)


def _texts(entries: Iterable[Entry]) -> tuple[str, ...]:
    return capped(entry.text for entry in entries)


@check(
    "linux.setuid-programs",
    needs=(TARGET, _SWEEP),
    severity=Severity.HIGH,
    remedy=msg("Take the bits away (chmod u-s,g-s) or remove the file; declare what the site needs "
               "in setuid_programs"),
)  # fmt: skip
def setuid_programs(
    target: Target, sweep: Sweep, *, usual: Annotated[frozenset[str], Superset] = frozenset()
) -> Judgement:
    """Only known programs run with the rights of another account (setuid, setgid)."""
    baseline = declared(target, "setuid_programs")
    more = frozenset(baseline or ()) | usual
    special = [e for e in sweep.entries if e.special]
    unknown = [e for e in special if not _usual(e, more)]
    bad = [e for e in special if _dangerous(e) and e.path not in more]
    if baseline is not None:
        bad = list(dict.fromkeys((*bad, *unknown)))
    expected = msg("programs of the distribution, and those in setuid_programs")
    if bad:
        detail = msg("{count} setuid or setgid programs that are not expected: {names}",
                     count=len(bad), names=_texts(bad))  # fmt: skip
        return failed(detail, expected=expected)
    detail = msg("{count} setuid or setgid programs: {names}", count=len(special),
                 names=_texts(special))  # fmt: skip
    if unknown:
        doubt = msg("Not known as programs of a distribution; declare setuid_programs: {names}",
                    names=_texts(unknown))  # fmt: skip
        return undetermined(doubt, detail, expected=expected)
    return passed(detail, expected=expected)


def _closed(sweep: Sweep) -> tuple[str, ...]:
    """Directories whose inside only their owner reaches."""
    return tuple(f"{e.path}/" for e in sweep.entries if e.kind == "d" and not e.bits & 0o011)


@check(
    "linux.world-writable",
    needs=(_SWEEP,),
    severity=Severity.MEDIUM,
    remedy=msg("Take the right away (chmod o-w); set the sticky bit on shared directories "
               "(chmod +t)"),
)  # fmt: skip
def world_writable(sweep: Sweep) -> Judgement:
    """No file is writable for every account, and shared directories have the sticky bit."""
    closed = _closed(sweep)
    found = [e for e in sweep.entries if e.open_to_all and not e.path.startswith(closed)]
    expected = msg("no file and no directory without sticky bit that every account may write")
    if not found:
        return passed(msg("None was found on local file systems"), expected=expected)
    detail = msg("{count} files and directories that every account may write: {names}",
                 count=len(found), names=_texts(found))  # fmt: skip
    return failed(detail, expected=expected)


@check(
    "linux.unowned-files",
    needs=(_SWEEP, ELSEWHERE),
    severity=Severity.MEDIUM,
    remedy=msg("Give the files an owner and a group that exist, or remove them: who gets the "
               "number next owns them"),
)  # fmt: skip
def unowned_files(sweep: Sweep, sources: Sources | Absent) -> Judgement:
    """Every file belongs to an account and to a group that exist."""
    found = [e for e in sweep.entries if e.nobody]
    expected = msg("no file of an account or group that does not exist")
    if not found:
        return passed(msg("None was found on local file systems"), expected=expected)
    detail = msg("{count} files belong to no account or to no group: {names}", count=len(found),
                 names=_texts(found))  # fmt: skip
    told = known(sources)
    if told is None or told.passwd:
        doubt = msg("Accounts also come from a directory service, which may not have answered")
        return undetermined(detail, doubt, expected=expected)
    return failed(detail, expected=expected)


# With one of these a program can become root or read and change every file (capabilities(7)).
_AS_ROOT = frozenset({
    "cap_chown", "cap_dac_override", "cap_dac_read_search", "cap_fowner", "cap_mknod",
    "cap_setfcap", "cap_setgid", "cap_setpcap", "cap_setuid", "cap_sys_admin", "cap_sys_chroot",
    "cap_sys_module", "cap_sys_ptrace", "cap_sys_rawio", "cap_bpf", "cap_linux_immutable",
})  # fmt: skip
# newuidmap, newgidmap and suexec have capabilities instead of setuid on RHEL.
_CAPABLE = frozenset({"newuidmap", "newgidmap", "suexec", "systemd-detect-virt", "snap-confine"})


def _strong(item: Capable) -> bool:
    words = set(re.split(r"[,=+\s-]", item.capabilities))
    everything = "all" in words or item.capabilities.startswith(("=", "+"))
    return everything or bool(words & _AS_ROOT)


@check(
    "linux.file-capabilities",
    needs=(TARGET, CAPABLE),
    severity=Severity.HIGH,
    remedy=msg("Take the capabilities away (setcap -r FILE); declare what the site needs in "
               "setuid_programs"),
)  # fmt: skip
def file_capabilities(target: Target, programs: tuple[Capable, ...]) -> Judgement:
    """No unknown program has a capability that amounts to root."""
    more = frozenset(declared(target, "setuid_programs") or ())
    bad = [
        p for p in programs
        if _strong(p) and p.path not in more
        and not (p.path.startswith(_SYSTEM) and _name(p.path) in _CAPABLE)
    ]  # fmt: skip
    expected = msg("none that amounts to root, but for known programs and setuid_programs")
    if bad:
        detail = msg("Capabilities that amount to root: {names}",
                     names=capped(f"{p.path} {p.capabilities}" for p in bad))  # fmt: skip
        return failed(detail, expected=expected)
    detail = msg("{count} programs with file capabilities: {names}", count=len(programs),
                 names=capped(f"{p.path} {p.capabilities}" for p in programs))  # fmt: skip
    return passed(detail, expected=expected)


CHECKS = (setuid_programs, world_writable, unowned_files, file_capabilities)
