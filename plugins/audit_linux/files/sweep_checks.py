"""What gives ordinary accounts the rights of others: setuid files, capabilities, open files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import TypeVar

from msgspec import structs

from audit_core.api.sdk import (
    TARGET,
    Absent,
    Judgement,
    Message,
    Severity,
    Target,
    Values,
    capped,
    check,
    failed,
    known,
    known_or_absent,
    msg,
    optional,
    passed,
    undetermined,
)
from audit_linux.declared import declared
from audit_linux.files.empty_groups import EMPTY_GROUPS, EmptyGroups
from audit_linux.files.mounts import MOUNTS, Mounts, left_out
from audit_linux.files.package_files import ALIEN, PACKAGED, beside_usr, of_no_package
from audit_linux.files.sweep import CONTAINERS, SNAPSHOT, SWEEP, Acl, Capable, Entry, Sweep
from audit_linux.nsswitch import ELSEWHERE, Sources
from audit_linux.sudo.sudo_risks import starts_anything


def _words(text: str) -> list[str]:
    return text.split()


# Programs that Debian, Ubuntu, RHEL, openSUSE or Alpine are known to install setuid, setgid or with
# capabilities; the names count only where the system keeps its programs.
_SHIPPED = frozenset(
    _words("""
    Xorg.wrap abrt-action-install-debuginfo-to-abrt-cache arping at bbsuid bsd-write
    camel-lock-helper-1.2 cdrecord chage chfn chkpwd chkstat chrome-sandbox chrome_sandbox chsh
    clockdiff cockpit-session crontab dbus-daemon-launch-helper dma dma-mbox-create doas dotlockfile
    dumpcap exim exim4 expiry fping fusermount fusermount3 gnome-pty-helper gpasswd gst-ptp-helper
    kcheckpass krb5_child ksu ldap_child locate lockdev lockfile lpq lpr lprm lxc-user-nic
    mail-dotlock mail-lock mail-touchlock mail-unlock maildrop mlocate mount mount.cifs mount.davfs
    mount.ecryptfs_private mount.fuse mount.nfs mount.nfs4 mtr-packet newgidmap newgrp newuidmap
    ntfs-3g p11_child pam_extrausers_chkpwd pam_timestamp_check passwd ping ping4 ping6 pkexec
    plocate polkit-agent-helper-1 postdrop postlog postqueue pppd procmail proxy_child pt_chown
    qemu-bridge-helper rcp rlogin rsh s-nail-dotlock selinux_child sendmail sendmail.sendmail sg
    slocate smtpctl snap-confine spice-client-glib-usb-acl-helper ssh-agent ssh-keysign sssd_pam
    staprun su su-rs sudo sudo-rs sudoedit suexec tcptraceroute traceroute traceroute6.iputils
    umount umount.nfs umount.nfs4 unix2_chkpwd unix_chkpwd unix_update userhelper usernetctl
    utempter vlock-main vmware-user-suid-wrapper wall wodim write write.ul xlock xterm
    zypp-refresh-wrapper
""")
)
_SYSTEM = re.compile(
    r"/(?:bin|sbin|lib\w*|usr/(?:bin|sbin|lib\w*|libexec|games)|opt/google/chrome)/"
)
_OF_USERS = re.compile(r"/(?:home|tmp|var/tmp|dev/shm|run/user|run/lock|var/lock|srv|mnt|media)/")
# With one of these a program can become root or change what it likes: capabilities(7).
_OF_ROOT = re.compile(
    r"^=[eip]|cap_(?:setuid|setgid|setfcap|setpcap|dac_override|dac_read_search|chown|fowner"
    r"|sys_admin|sys_module|sys_ptrace|sys_rawio|mknod|bpf)\b"
)

_NEEDS = (TARGET, SWEEP, known_or_absent(MOUNTS))


def _open_folders(sweep: Sweep) -> frozenset[str]:
    """The directories that everybody may change."""
    return frozenset(e.path for e in sweep.entries if e.kind == "d" and not e.bits & 0o1000)


def _shipped(path: str) -> bool:
    return bool(_SYSTEM.match(path)) and path.rsplit("/", 1)[1] in _SHIPPED


def _inert(path: str, mounts: Mounts | Absent) -> bool:
    """Whether setuid has no effect there, because of how the file system is mounted."""
    at = mounts.at(path) if isinstance(mounts, Mounts) else None
    return at is not None and (at.nosuid or at.image)


E = TypeVar("E", Entry, Capable, Acl)


def _each_once(found: Iterable[E], mounts: Mounts | Absent) -> list[E]:
    """`found` with each file once, though bind mounts show it under several names."""
    every = list(found)
    names = {one.path: one.path for one in every}
    if isinstance(mounts, Mounts):
        names = mounts.first_names(names)
    named = (structs.replace(one, path=names[one.path]) for one in every)
    return list({one.path: one for one in named}.values())


# Where the system lies: what is not searched there leaves the question open.
_OF_HOST = frozenset({"/", "/usr", "/usr/local", "/etc", "/opt", "/var", "/boot", "/root"})


def _left_out(sweep: Sweep, mounts: Mounts | Absent) -> tuple[Message, ...]:
    """What the search left out, for the reader of a pass."""
    rows = mounts.rows if isinstance(mounts, Mounts) else ()
    types = {path: _type(path, type_, mounts) for path, type_ in sweep.closed.items()}
    away = [f"{path} ({type_})" for path, type_ in types.items() if type_ != SNAPSHOT
            and left_out(type_)]  # fmt: skip
    kept = [path for path, type_ in types.items() if type_ == SNAPSHOT]
    inside = [path for path in CONTAINERS if any(r.path.startswith(path + "/") for r in rows)]
    details = (
        (away, msg("Not searched, because not on local disks: {names}", names=capped(away))),
        (kept, msg("Not searched, because they are snapshots: {names}", names=capped(kept))),
        (inside, msg("Not searched, because they are storage of containers: {names}",
                     names=capped(inside))),
    )  # fmt: skip
    return tuple(detail for names, detail in details if names)


def _type(path: str, type_: str, mounts: Mounts | Absent) -> str:
    """The type of a file system that was left out, also where find cannot tell."""
    at = mounts.at(path) if type_ == "unknown" and isinstance(mounts, Mounts) else None
    return at.type if at else type_


def _hidden(sweep: Sweep, mounts: Mounts | Absent) -> tuple[str, ...]:
    """What of the host's own files the search did not get to, as what lies above is closed."""
    closed = [path for path, type_ in sweep.closed.items() if type_ != SNAPSHOT]
    below = tuple(path.rstrip("/") + "/" for path in closed)
    rows = mounts.rows if isinstance(mounts, Mounts) else ()
    more = (r.path for r in rows if r.local and below and r.path.startswith(below))
    return tuple(dict.fromkeys([*(p for p in closed if p in _OF_HOST), *more]))


def _settled(judgement: Judgement, sweep: Sweep, mounts: Mounts | Absent) -> Judgement:
    """`judgement` with what was left out; undetermined where a part of the host was left out."""
    hidden = _hidden(sweep, mounts)
    detail_ = (*judgement.detail, *_left_out(sweep, mounts))
    if hidden:
        detail = msg("Parts of the host that were not searched: {names}; declare the type of "
                     "their file system as settings.file_systems if their files lie on the host",
                     names=capped(hidden))  # fmt: skip
        return undetermined(*detail_, detail, expected=judgement.expected)
    return passed(*detail_, expected=judgement.expected)


def _place(path: str, open_folders: frozenset[str]) -> bool:
    """Whether `path` lies where ordinary accounts put their files."""
    above = map(str, PurePosixPath(path).parents)
    return bool(_OF_USERS.match(path)) or not open_folders.isdisjoint(above)


@check(
    "linux.setuid-files",
    needs=(*_NEEDS, known_or_absent(optional(PACKAGED)), known_or_absent(optional(ALIEN))),
    severity=Severity.HIGH,
    version=7,
    remedy=msg(
        "Remove the named files or their setuid bit (chmod u-s,g-s); declare setuid_files for what "
        "the host needs"
    ),
)
def setuid_files(
    target: Target,
    sweep: Sweep,
    mounts: Mounts | Absent,
    packaged: frozenset[str] | Absent | None,
    unowned: frozenset[str] | Absent | None,
) -> Judgement:
    """Only programs that the system needs are setuid or setgid."""
    live = _each_once((e for e in _setuid(sweep) if not _inert(e.path, mounts)), mounts)
    wanted = declared(target, "setuid_files")
    expected = _expected(wanted)
    open_folders = _open_folders(sweep)
    unknown = [e for e in live if wanted is None and not _shipped(e.path)]
    paths = [e.path for e in live] if wanted is None else []
    alien = _of_no_package(sweep, paths, packaged, unowned)
    bad = [e for e in live if _surely_wrong(e, wanted, open_folders) or e.path in alien]
    if bad:
        detail = msg("{count} files are setuid or setgid and should not be: {names}",
                     count=len(bad), names=_names(bad))  # fmt: skip
        return failed(detail, *_of_none(alien), *_unused(wanted, sweep), expected=expected)
    if unknown:
        detail = msg("Ask whether these setuid or setgid programs are needed: {names}",
                     names=_names(unknown))  # fmt: skip
        return undetermined(detail, expected=expected)
    fine = msg("{count} setuid or setgid programs, all known: {names}", count=len(live),
               names=capped(e.path for e in live) or ("-",))  # fmt: skip
    more = (*_without_effect(sweep), *_unused(wanted, sweep))
    return _settled(passed(fine, *more, expected=expected), sweep, mounts)


def _of_no_package(
    sweep: Sweep, live: list[str], packaged: frozenset[str] | Absent | None,
    unowned: frozenset[str] | Absent | None,
) -> list[str]:  # fmt: skip
    """Those of `live` that surely come from no package: by dpkg, or by rpm where there is none.

    A name that distributions use says nothing: it may be that of a shell under another name.
    """
    if packaged is None:
        return [path for path in live if path in (known(unowned) or ())]
    if isinstance(packaged, Absent):
        return []
    beside = beside_usr((*(e.path for e in sweep.entries), *live))
    return [path for path in live if of_no_package(path, packaged, beside)]


def _setuid(sweep: Sweep) -> Iterator[Entry]:
    return (e for e in sweep.entries if e.kind == "f" and _has_effect(e.bits))


def _has_effect(bits: int) -> bool:
    """execve(2): setuid of what somebody may run, setgid of what the group may run."""
    return bool(bits & 0o4000 and bits & 0o111) or bits & 0o2010 == 0o2010


def _without_effect(sweep: Sweep) -> tuple[Message, ...]:
    idle = [e for e in sweep.entries if e.kind == "f" and e.bits & 0o6000]
    idle = [e for e in idle if not _has_effect(e.bits)]
    detail = msg("Setuid or setgid without effect, as nobody may run them: {names}",
                 names=_names(idle))  # fmt: skip
    return (detail,) if idle else ()


def _unused(wanted: tuple[str, ...] | None, sweep: Sweep) -> tuple[Message, ...]:
    """What is declared and no longer there, or no longer setuid: the declaration can go."""
    used = {e.path for e in _setuid(sweep)} | {c.path for c in sweep.capable}
    rest = sorted(set(wanted or ()) - used)
    detail = msg("setuid_files declares what was not found: {names}", names=capped(rest))
    return (detail,) if rest else ()


def _of_none(alien: list[str]) -> tuple[Message, ...]:
    detail = msg("From no package: {names}", names=capped(alien))
    return (detail,) if alien else ()


def _expected(wanted: tuple[str, ...] | None) -> Message:
    if wanted is None:
        return msg("only programs to which the distribution gives file capabilities")
    return msg("only what setuid_files declares: {names}", names=capped(wanted) or ("-",))


def _names(entries: Iterable[Entry]) -> Values:
    return capped(entry.text for entry in entries)


def _surely_wrong(
    entry: Entry, wanted: tuple[str, ...] | None, open_folders: frozenset[str]
) -> bool:
    if entry.bits & 0o002:
        return True
    if wanted is not None:
        return entry.path not in wanted
    if _shipped(entry.path):
        return False
    root = entry.uid == 0 and bool(entry.bits & 0o4000)
    return _place(entry.path, open_folders) or (root and starts_anything(entry.path))


@check(
    "linux.file-capabilities",
    needs=(*_NEEDS, known_or_absent(optional(PACKAGED)), known_or_absent(optional(ALIEN))),
    severity=Severity.HIGH,
    version=4,
    remedy=msg("Remove the file capabilities of the named programs (setcap -r)"),
)
def file_capabilities(
    target: Target,
    sweep: Sweep,
    mounts: Mounts | Absent,
    packaged: frozenset[str] | Absent | None,
    unowned: frozenset[str] | Absent | None,
) -> Judgement:
    """No program has file capabilities that give root rights to whoever runs it."""
    live = _each_once((c for c in sweep.capable if not _inert(c.path, mounts)), mounts)
    wanted = declared(target, "setuid_files")
    expected = _expected(wanted)
    open_folders = _open_folders(sweep)
    strong = [c for c in live if wanted is None and _strong(c)]
    alien = _of_no_package(sweep, [c.path for c in strong], packaged, unowned)
    if bad := [c for c in live if _surely_unneeded(c, wanted, open_folders) or c.path in alien]:
        detail = msg("{count} programs have file capabilities that they should not have: {names}",
                     count=len(bad), names=_caps(bad))  # fmt: skip
        return failed(detail, expected=expected)
    if sweep.no_getcap:
        return undetermined(msg("getcap is missing: install libcap2-bin or libcap"),
                            expected=expected)  # fmt: skip
    if strong:
        detail = msg("Ask whether these programs need their file capabilities: {names}",
                     names=_caps(strong))  # fmt: skip
        return undetermined(detail, expected=expected)
    fine = msg("Programs with file capabilities: {names}", names=_caps(live) or ("-",))
    return _settled(passed(fine, expected=expected), sweep, mounts)


def _surely_unneeded(
    found: Capable, wanted: tuple[str, ...] | None, open_folders: frozenset[str]
) -> bool:
    if wanted is not None:
        return found.path not in wanted
    return _strong(found) and (_place(found.path, open_folders) or starts_anything(found.path))


def _strong(found: Capable) -> bool:
    """Whether a program that no distribution installs so can become root."""
    return bool(_OF_ROOT.search(found.caps)) and not _shipped(found.path)


def _caps(found: Iterable[Capable]) -> Values:
    return capped(f"{one.path} {one.caps}" for one in found)


# Null, zero, full, random, urandom, tty, ptmx, fuse and tun: everybody may write to these devices,
# and a chroot has copies of them.
_FOR_EVERYBODY = ("1:3", "1:5", "1:7", "1:8", "1:9", "5:0", "5:2", "10:229", "10:200")


@check(
    "linux.world-writable",
    needs=_NEEDS,
    severity=Severity.HIGH,
    version=6,
    remedy=msg(
        "Remove write permission for others from the named files (chmod o-w); set the "
        "sticky bit on shared directories (chmod +t)"
    ),
)
def world_writable(target: Target, sweep: Sweep, mounts: Mounts | Absent) -> Judgement:
    """No file is world-writable, and no world-writable directory lacks the sticky bit."""
    expected = msg("no file with write permission for others, no such directory without sticky bit")
    open_ = _each_once(
        (e for e in sweep.entries if _is_open(e, sweep) and not _image(e.path, mounts)), mounts
    )
    if open_:
        detail = msg("{count} world-writable paths: {names}", count=len(open_),
                     names=_names(sorted(open_, key=_folders_first)))  # fmt: skip
        return failed(detail, expected=expected)
    none = msg("No file is world-writable, and every world-writable directory has the sticky bit")
    return _settled(passed(none, expected=expected), sweep, mounts)


_MEMORY = frozenset({"/dev/mem", "/dev/kmem", "/dev/port"})


def _is_open(entry: Entry, sweep: Sweep) -> bool:
    """Whether everybody may write where they should not; of a disk, also whether they may read."""
    if entry.kind == "b":
        return bool(entry.bits & 0o006)
    if not entry.bits & 0o002 or (entry.kind == "d" and entry.bits & 0o1000):
        return False
    if entry.kind == "c":  # drivers make devices in /dev for everybody (nvidia0, kvm)
        return (
            entry.path in _MEMORY
            if entry.path.startswith("/dev/")
            else sweep.devices.get(entry.path) not in _FOR_EVERYBODY
        )
    return True


def _folders_first(entry: Entry) -> tuple[bool, str]:
    return entry.kind != "d", entry.path


def _image(path: str, mounts: Mounts | Absent) -> bool:
    at = mounts.at(path) if isinstance(mounts, Mounts) else None
    return at is not None and at.image


@check(
    "linux.unowned-files",
    needs=(*_NEEDS, ELSEWHERE),
    severity=Severity.LOW,
    version=3,
    remedy=msg("Give the named files an owner and a group (chown), or remove them"),
)
def unowned_files(
    target: Target, sweep: Sweep, mounts: Mounts | Absent, sources: Sources | Absent
) -> Judgement:
    """Every file has an owner and a group that exist."""
    expected = msg("an existing owner and group for every file")
    found = _each_once((e for e in sweep.unowned if not _image(e.path, mounts)), mounts)
    if not found:
        none = msg("Every file has an existing owner and group")
        return _settled(passed(none, expected=expected), sweep, mounts)
    detail = msg("{count} files have an owner or group id that does not exist: {names}",
                 count=len(found), names=_names(found))  # fmt: skip
    services = known(sources)
    if services is None or services.passwd:
        ask = msg(
            "Check whether the directory service that holds the accounts was answering at that time"
        )
        return undetermined(detail, ask, expected=expected)
    return failed(detail, expected=expected)


_GUARDED = re.compile(r"/(?:etc|usr|boot|root|bin|sbin|lib\w*|var/spool/cron)(?:/|$)|/$")


@check(
    "linux.file-acls",
    needs=(*_NEEDS, known_or_absent(EMPTY_GROUPS)),
    severity=Severity.MEDIUM,
    version=5,
    remedy=msg("Remove the named entries from the access lists (setfacl -x ENTRY PATH)"),
)
def file_acls(
    target: Target, sweep: Sweep, mounts: Mounts | Absent, groups: EmptyGroups | Absent
) -> Judgement:
    """No access list lets accounts change system files."""
    expected = msg("no entry with write permission on files of the system")
    empty = known(groups) or EmptyGroups(gids=frozenset(), whole=False)
    named = _each_once(
        (acl for acl in sweep.acls if acl.entries and not _image(acl.path, mounts)), mounts
    )
    of_system = [acl for acl in named if _GUARDED.match(acl.path)]
    if bad := [acl for acl in of_system if acl.others(empty.gids)]:
        detail = msg("Access lists that let others change files of the system: {names}",
                     names=_acls(bad))  # fmt: skip
        return failed(detail, expected=expected)
    if sweep.no_getfacl:
        return undetermined(msg("getfacl is missing: install acl"), expected=expected)
    if not empty.whole and (open_ := [acl for acl in of_system if acl.others(frozenset())]):
        detail = msg("Ask whether these groups have members: {names}", names=_acls(open_))
        return undetermined(detail, expected=expected)
    fine = msg("Access lists with write permission elsewhere, or for groups without members: "
               "{names}", names=_acls(named) or ("-",))  # fmt: skip
    return _settled(passed(fine, expected=expected), sweep, mounts)


def _acls(found: Iterable[Acl]) -> Values:
    return capped(f"{acl.path} {' '.join(acl.entries)}" for acl in found)


FACTS = (MOUNTS, SWEEP)
CHECKS = (setuid_files, file_capabilities, world_writable, unowned_files, file_acls)
