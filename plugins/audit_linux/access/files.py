"""Owners and modes of the files that decide who may do what, and of home directories."""

from __future__ import annotations

import re

from msgspec import Struct

from audit_core.sdk import (
    Absent,
    Answer,
    Command,
    Judgement,
    ParseError,
    Severity,
    check,
    fact,
    failed,
    msg,
    not_present,
    passed,
    undetermined,
)
from audit_linux.access._find import refused
from audit_linux.access._text import names
from audit_linux.access.accounts import ACCOUNTS, Accounts


class Mode(Struct, frozen=True, kw_only=True):
    """Owner, group, permission bits and type (as find's %y) of one path, symlinks followed."""

    path: str
    bits: int
    uid: int
    group: str
    kind: str


class Modes(Struct, frozen=True, kw_only=True):
    """The modes of what exists among the paths asked for; `whole` unless some were refused."""

    found: tuple[Mode, ...]
    whole: bool


_FORMAT = "%m %U %g %y %p\\0"
_ENTRY = re.compile(r"([0-7]{1,5}) ([0-9]{1,10}) (\S+) (\S) (/[^\0]*)", re.DOTALL)


def parse_modes(answer: Answer) -> Modes | Absent:
    """The modes that find printed; NOT_PRESENT when it found nothing and saw everything."""
    denied = refused(answer.stderr)
    parts = answer.text.split("\0")
    if parts.pop():
        raise ParseError("the last entry is not ended")
    found = []
    for part in parts:
        entry = _ENTRY.fullmatch(part)
        if entry is None:
            raise ParseError(f"not an entry: {part[:120]!r}")
        bits, uid, group, kind, path = entry.groups()
        found.append(Mode(path=path, bits=int(bits, 8), uid=int(uid), group=group, kind=kind))
    if not found:
        return denied or not_present(msg("None of these paths exists"))
    return Modes(found=tuple(sorted(found, key=lambda m: m.path)), whole=denied is None)


_OPEN, _CLOSED, _FOLDER = 0o644, 0o640, 0o755
_MOST = {
    "/etc/passwd": _OPEN, "/etc/passwd-": _OPEN, "/etc/group": _OPEN, "/etc/group-": _OPEN,
    "/etc/shadow": _CLOSED, "/etc/shadow-": _CLOSED, "/etc/gshadow": _CLOSED,
    "/etc/gshadow-": _CLOSED, "/etc/security/opasswd": 0o600,
    "/etc/sudoers": _CLOSED, "/etc/sudoers.d": _FOLDER, "/etc/ssh/sshd_config": _OPEN,
    "/etc/ssh/sshd_config.d": _FOLDER, "/etc/ssh/ssh_host_rsa_key": _CLOSED,
    "/etc/ssh/ssh_host_ecdsa_key": _CLOSED, "/etc/ssh/ssh_host_ed25519_key": _CLOSED,
    "/etc/ssh/ssh_host_dsa_key": _CLOSED, "/etc/login.defs": _OPEN, "/etc/pam.d": _FOLDER,
    "/etc/profile": _OPEN, "/etc/profile.d": _FOLDER, "/etc/crontab": _OPEN,
    "/etc/cron.d": _FOLDER, "/etc/cron.hourly": _FOLDER, "/etc/cron.daily": _FOLDER,
    "/etc/cron.weekly": _FOLDER, "/etc/cron.monthly": _FOLDER,
}  # fmt: skip
# Groups that hold nobody who logs in: their reading right is how the distribution works.
_READERS = ("root", "shadow", "ssh_keys")

FILE_MODES = fact(
    "linux.file-modes",
    Modes,
    ask=Command(argv=("find", "-L", *_MOST, "-maxdepth", "0", "-printf", _FORMAT), ok=(0, 1)),
    parse=parse_modes,
)
HOME_MODES = fact(
    "linux.home-modes",
    Modes,
    ask=Command(
        argv=(
            "find", "/root", "/home", "-maxdepth", "1", "-not", "-path", "/root/*",
            "-type", "d", "-printf", _FORMAT,
        ),
        ok=(0, 1),
    ),
    parse=parse_modes,
)  # fmt: skip


def _wrong(mode: Mode) -> bool:
    most = _MOST.get(mode.path, 0)
    readers = _READERS if most == _CLOSED else (mode.group,)
    return (
        mode.uid != 0
        or bool(mode.bits & 0o7777 & ~most)
        or (mode.group not in readers and bool(mode.bits & 0o070))
    )


def _shown(mode: Mode) -> str:
    return f"{mode.path} {mode.bits:04o} uid {mode.uid} {mode.group}"


@check(
    "linux.file-modes",
    needs=FILE_MODES,
    severity=Severity.HIGH,
    remedy=msg("Give the named files to root and take the surplus rights away (chown, chmod)"),
)
def file_modes(modes: Modes) -> Judgement:
    """The files that decide who may do what belong to root and are closed to others."""
    bad = [_shown(mode) for mode in modes.found if _wrong(mode)]
    expected = msg(
        "owner root; shadow and host keys at most 0640, settings at most 0644, folders 0755"
    )
    if bad:
        said = msg("{count} paths are too open: {names}", count=len(bad), names=names(bad))
        return failed(said, expected=expected)
    core = [_shown(m) for m in modes.found if m.path in ("/etc/passwd", "/etc/shadow")]
    said = msg(
        "{count} paths looked at, among them {names}", count=len(modes.found), names=names(core)
    )
    if not modes.whole or len(core) < 2:
        return undetermined(said, msg("Some paths could not be seen"), expected=expected)
    return passed(said, expected=expected)


@check(
    "linux.home-modes",
    needs=(ACCOUNTS, HOME_MODES),
    severity=Severity.MEDIUM,
    remedy=msg("chmod 0750 the named home directories and give each to its user"),
)
def home_modes(accounts: Accounts, modes: Modes, *, forbidden: int = 0o027) -> Judgement:
    """The home directory of every account that can log in is closed to others."""
    seen = {mode.path: mode for mode in modes.found}
    homes = {(a.home.rstrip("/") or "/", a.uid) for a in accounts.rows if a.has_shell}
    bad = [
        _shown(seen[home])
        for home, uid in homes
        if home in seen and (seen[home].bits & forbidden or seen[home].uid not in (0, uid))
    ]
    unseen = [home for home, _ in homes if home not in seen]
    expected = msg("no rights in {bits}, owned by the user or root", bits=f"{forbidden:04o}")
    if bad:
        said = msg("{count} home directories are too open: {names}",
                   count=len(bad), names=names(bad))  # fmt: skip
        return failed(said, expected=expected)
    fine = msg("{count} home directories are closed to others", count=len(homes) - len(unseen))
    if unseen:
        elsewhere = msg("Not seen, because missing or outside /home: {names}", names=names(unseen))
        return undetermined(fine, elsewhere, expected=expected)
    return passed(fine, expected=expected)


FACTS = (FILE_MODES, HOME_MODES)
CHECKS = (file_modes, home_modes)
