"""Owners and modes of the files that decide who may do what, and of home directories."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct, structs

from audit_core.api.sdk import (
    PLATFORM,
    TARGET,
    Absent,
    Answer,
    Command,
    Judgement,
    Message,
    ModeBits,
    ParseError,
    Partial,
    Platform,
    Severity,
    Target,
    capped,
    check,
    fact,
    failed,
    known,
    known_or_absent,
    msg,
    not_present,
    optional,
    partial,
    passed,
    read_rows,
    undetermined,
    verbatim,
)
from audit_linux.drop_ins import DropIns, drop_ins_of
from audit_linux.files.empty_groups import EMPTY_GROUPS, EmptyGroups
from audit_linux.files.root_hooks import HOOKS
from audit_linux.files.root_jobs import Job
from audit_linux.find_errors import refused
from audit_linux.groups import GROUPS, Groups
from audit_linux.homes import Homes, homes_of, not_searched
from audit_linux.nsswitch import ELSEWHERE, Sources, unless_more_sources
from audit_linux.passwd import ACCOUNTS, Account, Accounts
from audit_linux.processes import FIRST_PERSON
from audit_linux.units import UNITS, Units


class Mode(Struct, frozen=True, kw_only=True):
    """Owner, group, permission bits and type (as find's %y) of one path.

    `acl`: whether an ACL grants more than these (the + of `ls -l`); None where ls said nothing.
    """

    path: str
    bits: int
    uid: int
    group: str
    kind: str
    acl: bool | None = False


class Modes(Struct, frozen=True, kw_only=True):
    """The modes of what exists among the paths asked for; `whole` unless some were refused.

    `closed` are the folders whose inside was refused.
    """

    found: tuple[Mode, ...]
    whole: bool
    closed: tuple[str, ...] = ()


_FORMAT = "%m %U %g %y %p\\0"
_ENTRY = re.compile(
    r"(?:[-a-zA-Z?][-rwxsStT]{9}([.+@]?) [^\n]*\n)?"
    # a group of a directory service may have blanks in its name, but no slash
    r"([0-7]{1,5}) ([0-9]{1,10}) ([^/\0\n]+?) (\S) (/[^\0]*)",
    re.DOTALL,
)
_REFUSED = re.compile(rb"^find: '([^'\n]*)': Permission denied$", re.MULTILINE)


def _ask(*words: str) -> Command:
    """The modes of what find finds, each after its line of ls, which alone shows an ACL."""
    follow = "-dnLb" if "-L" in words else "-dnb"
    return Command(
        argv=(
            "find", *words, "(", "-exec", "ls", follow, "--time-style=+", "--", "{}", ";",
            "-o", "-true", ")", "-printf", _FORMAT,
        ),
        ok=(0, 1),
    )  # fmt: skip


def _mode(part: str) -> Mode:
    entry = _ENTRY.fullmatch(part)
    if entry is None:
        raise ParseError(msg("not an entry: {text}", text=verbatim(part)))
    mark, bits, uid, group, kind, path = entry.groups()
    acl = None if mark is None else mark == "+"
    return Mode(path=path, bits=int(bits, 8), uid=int(uid), group=group, kind=kind, acl=acl)


def parse_modes(answer: Answer) -> Modes | Partial | Absent:
    """The modes that find printed; NOT_PRESENT when it found nothing and saw everything."""
    denied = refused(answer.stderr)
    parts = answer.text.split("\0")
    if parts.pop():
        raise ParseError(msg("the last entry is incomplete"))
    found, problems = read_rows(enumerate(parts, 1), _mode)
    if not found:
        return denied or not_present(msg("None of these paths exists"))
    closed = [p.decode("utf-8", "surrogateescape") for p in _REFUSED.findall(answer.stderr)]
    ordered = tuple(sorted(found, key=lambda m: m.path))
    modes = Modes(found=ordered, whole=denied is None, closed=tuple(sorted(closed)))
    return partial(modes, problems)


_OPEN, _CLOSED, _FOLDER = 0o644, 0o640, 0o755
_INSIDE = (
    "/etc/ssh", "/etc/ssh/sshd_config.d", "/etc/sudoers.d", "/etc/pam.d", "/etc/security",
    "/etc/profile.d", "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly",
    "/etc/cron.monthly",
    # What systemd, cron's helpers, the loader and the package manager run or load as root.
    "/etc/systemd/system", "/etc/init.d", "/etc/ld.so.conf.d", "/etc/logrotate.d",
    "/etc/apt/apt.conf.d", "/etc/udev/rules.d", "/etc/NetworkManager/dispatcher.d",
)  # fmt: skip
_MOST = {
    "/": _FOLDER, "/etc": _FOLDER, **dict.fromkeys(_INSIDE, _FOLDER),
    "/usr": _FOLDER, "/usr/bin": _FOLDER, "/usr/sbin": _FOLDER, "/usr/lib": _FOLDER,
    "/root": _FOLDER, "/var/spool/cron": _FOLDER,
    "/etc/passwd": _OPEN, "/etc/passwd-": _OPEN, "/etc/group": _OPEN, "/etc/group-": _OPEN,
    "/etc/shadow": _CLOSED, "/etc/shadow-": _CLOSED, "/etc/gshadow": _CLOSED,
    "/etc/gshadow-": _CLOSED, "/etc/security/opasswd": 0o600,
    "/etc/sudoers": _CLOSED, "/etc/ssh/sshd_config": _OPEN, "/etc/login.defs": _OPEN,
    "/etc/profile": _OPEN, "/etc/bash.bashrc": _OPEN, "/etc/bashrc": _OPEN,
    "/etc/environment": _OPEN, "/etc/nsswitch.conf": _OPEN, "/etc/ld.so.preload": _OPEN,
    "/etc/hosts.allow": _OPEN, "/etc/hosts.deny": _OPEN, "/etc/crontab": _OPEN,
    "/etc/anacrontab": _OPEN, "/etc/rc.local": _FOLDER, "/etc/ld.so.conf": _OPEN,
    "/etc/logrotate.conf": _OPEN, "/etc/sudo.conf": _OPEN,
}  # fmt: skip
_HOST_KEY = re.compile(r"/etc/ssh/ssh_host_.*_key")
# Groups without login users: the distribution gives them read permission.
_READERS = ("root", "shadow", "ssh_keys")

FILE_MODES = fact(
    "linux.file-modes",
    Modes,
    kind="host",
    ask=_ask("-L", *_MOST, "-maxdepth", "0"),
    parse=parse_modes,
)
INSIDE_MODES = fact(
    "linux.file-modes-inside",
    Modes,
    kind="host",
    ask=_ask("-L", *_INSIDE, "-mindepth", "1", "-maxdepth", "1"),
    parse=parse_modes,
)


def _ask_homes(target: Target) -> Command:
    homes = homes_of(target)
    inside = (word for home in homes.single for word in ("-not", "-path", f"{home}/*"))
    return _ask(*homes.single, *homes.folders, "-maxdepth", "1", *inside, "-type", "d")


HOME_MODES = fact("linux.home-modes", Modes, kind="host", ask=_ask_homes, parse=parse_modes)


# --- access lists -------------------------------------------------------------------------------

_KEYS_OF_HOST = tuple(
    f"/etc/ssh/ssh_host_{name}_key" for name in ("rsa", "ecdsa", "ed25519", "dsa")
)
_SECRET = frozenset({"/etc/security/opasswd", *_KEYS_OF_HOST,
                     *(path for path, most in _MOST.items() if most == _CLOSED)})  # fmt: skip
_ACL_ROW = re.compile(
    r"(?:default:)?(user|group):([0-9]*):([r-][w-][x-])(?:\s+#effective:([r-][w-][x-]))?"
)


class Listed(Struct, frozen=True, kw_only=True):
    """What an access list gives, behind its mask: to the group, and to named users and groups.

    `named` are kind, number and rights: `("user", 1001, "r--")`.
    """

    group: str = "---"
    named: tuple[tuple[str, int, str], ...] = ()

    def too_much(self, path: str, empty: frozenset[int]) -> Iterator[str]:
        """What others than root may do there that only root should; `empty` groups nothing."""
        for kind, number, rights in self.named:
            nobody = number == 0 or (kind == "group" and number in empty)
            if not nobody and ("w" in rights or ("r" in rights and path in _SECRET)):
                yield f"{path} ({'uid' if kind == 'user' else 'gid'} {number} {rights})"


def parse_acls(answer: Answer) -> dict[str, Listed] | Absent:
    """The access lists of the files that have one."""
    if b"getfacl': No such file" in answer.stderr:
        return not_present(msg("getfacl is missing: install acl"))
    found: dict[str, Listed] = {}
    path = ""
    for line in answer.lines:
        if line.startswith("# file: "):
            path = line[8:]
            found[path] = Listed()
        row = _ACL_ROW.fullmatch(line)
        if row is None or not path:
            continue
        rights = row[4] or row[3]
        if row[2]:
            named = (*found[path].named, (row[1], int(row[2]), rights))
            found[path] = structs.replace(found[path], named=named)
        elif line.startswith("group::"):
            found[path] = structs.replace(found[path], group=rights)
    return found


_FOLDERS = tuple(path for path, most in _MOST.items() if most == _FOLDER and path not in _INSIDE)
FILE_ACLS = fact(
    "linux.file-mode-acls",
    dict[str, Listed],
    kind="host",
    ask=Command(
        argv=(
            "find", "-L", *_MOST, *_KEYS_OF_HOST, "-maxdepth", "1",
            "(", *(word for path in _FOLDERS for word in ("-path", path, "-prune", "-o")), "-true",
            ")", "-exec", "getfacl", "-snp", "--", "{}", "+",
        ),
        ok=(0, 1),
    ),
    parse=parse_acls,
)  # fmt: skip


def _most(path: str) -> int:
    return _CLOSED if _HOST_KEY.fullmatch(path) else _MOST.get(path, _FOLDER)


_BITS = {"r": 4, "w": 2, "x": 1, "-": 0}


def _effective(mode: Mode, lists: dict[str, Listed]) -> Mode:
    """`mode` with the rights of its group in the place of the mask of an access list."""
    if mode.path not in lists:
        return mode
    group = sum(_BITS[letter] for letter in lists[mode.path].group)
    return structs.replace(mode, bits=mode.bits & ~0o070 | group << 3, acl=False)


def _wrong(mode: Mode, peopled: dict[str, str]) -> bool:
    """Whether `mode` gives rights away; `peopled` are the reading groups that somebody is in."""
    most = _most(mode.path)
    readers = set(_READERS) - set(peopled) if most == _CLOSED else {mode.group}
    return (
        mode.uid != 0
        or bool(mode.bits & 0o7777 & ~most)
        or (mode.group not in readers and bool(mode.bits & 0o070))
    )


def _peopled(accounts: Accounts | None, groups: Groups | None) -> dict[str, str]:
    """The groups with a right to read secrets that hold somebody besides root, and whom."""
    found = {}
    rows = accounts.rows if accounts else ()
    for name in _READERS:
        members = set(groups.members.get(name, ())) if groups else set()
        gid = groups.gids.get(name) if groups else None
        members |= {a.name for a in rows if a.has_shell and a.gid == gid and a.uid != 0}
        if members - {"root"}:
            found[name] = ", ".join(sorted(members - {"root"}))
    return found


def _label(mode: Mode) -> str:
    return f"{mode.path} {mode.bits:04o} uid {mode.uid} {mode.group}"


def _listed(lists: dict[str, Listed], empty: frozenset[int]) -> list[str]:
    return [text for path, acl in sorted(lists.items()) for text in acl.too_much(path, empty)]


def _judged(modes: Iterable[Mode]) -> list[Mode]:
    """Files and folders; a link to nowhere or to a device has no rights of its own."""
    return [mode for mode in modes if mode.kind in ("f", "d")]


def _acls(modes: Iterable[Mode]) -> list[Message]:
    """Reasons against a pass: permissions that the mode does not show."""
    found = [mode for mode in modes if mode.acl is not False]
    more = [mode.path for mode in found if mode.acl]
    unseen = [mode.path for mode in found if mode.acl is None]
    detail = []
    if more:
        detail.append(
            msg("An ACL grants permissions that were not checked: {names}", names=capped(more))
        )
    if unseen:
        detail.append(msg("Whether an ACL is set is not known: {names}", names=capped(unseen)))
    return detail


def _hidden(modes: Modes, inside: Modes | None) -> bool:
    """Whether something was refused; the inside of a folder that is closed to others is not."""
    private = {m.path for m in modes.found if m.uid == 0 and not m.bits & 0o007}
    closed = set(inside.closed) if inside else set()
    refused_more = inside is not None and not inside.whole and not closed
    return not modes.whole or refused_more or not closed <= private


def _readers(peopled: dict[str, str]) -> tuple[Message, ...]:
    if not peopled:
        return ()
    members = capped(f"{group}: {who}" for group, who in peopled.items())
    return (msg("Groups that may read secrets have members: {names}", names=members),)


@check(
    "linux.file-modes",
    needs=(
        PLATFORM,
        FILE_MODES,
        known_or_absent(optional(INSIDE_MODES)),
        known_or_absent(ACCOUNTS),
        known_or_absent(optional(GROUPS)),
        known_or_absent(optional(FILE_ACLS)),
        known_or_absent(EMPTY_GROUPS),
        known_or_absent(optional(UNITS)),
        known_or_absent(optional(HOOKS)),
    ),
    severity=Severity.HIGH,
    version=7,
    remedy=msg(
        "Make root the owner of the named files and remove excess permissions (chown, chmod)"
    ),
)
def file_modes(
    platform: Platform,
    modes: Modes,
    inside: Modes | Absent | None,
    accounts: Accounts | Absent,
    groups: Groups | Absent | None,
    acls: dict[str, Listed] | Absent | None,
    memberless: EmptyGroups | Absent,
    units: Units | Absent | None,
    hooks: tuple[Job, ...] | Absent | None,
) -> Judgement:
    """Files that control access belong to root and are not open to others."""
    inside = known(inside)
    named = (path for job in known(hooks) or () for path in job.programs)
    drop_ins = drop_ins_of(platform, units, named)
    lists = {path: a for path, a in (known(acls) or {}).items() if not drop_ins.is_unread(path)}
    found = [_effective(mode, lists) for mode in _read_ones(modes, inside, drop_ins)]
    peopled = _peopled(known(accounts), known(groups))
    empty = known(memberless) or EmptyGroups(gids=frozenset(), whole=False)
    bad = [_label(mode) for mode in found if _wrong(mode, peopled)] + _listed(lists, empty.gids)
    expected = msg(
        "owner root; shadow and host keys at most 0640, configuration files at most 0644, "
        "directories at most 0755"
    )
    if bad:
        detail = msg(
            "{count} paths have excess permissions: {names}", count=len(bad), names=capped(bad)
        )
        return failed(detail, *_readers(peopled), expected=expected)
    core = [_label(m) for m in modes.found if m.path in ("/etc/passwd", "/etc/shadow")]
    count = msg("{count} paths checked, among them {names}", count=len(found), names=capped(core))
    doubts = [*_acls(found), *_of_groups(lists, empty)]
    if _hidden(modes, inside) or len(core) < 2:
        doubts.append(msg("Some paths could not be accessed"))
    if doubts:
        return undetermined(count, *doubts, expected=expected)
    return passed(count, expected=expected)


def _read_ones(modes: Modes, inside: Modes | None, drop_ins: DropIns) -> Iterator[Mode]:
    """What was found, without drop-ins that no program reads."""
    found = (*modes.found, *(inside.found if inside else ()))
    return (mode for mode in _judged(found) if not drop_ins.is_unread(mode.path))


def _of_groups(lists: dict[str, Listed], empty: EmptyGroups) -> list[Message]:
    """That groups of access lists may have members of which nothing was read."""
    open_ = [] if empty.whole else _listed(lists, frozenset())
    return [msg("Ask whether these groups have members: {names}", names=capped(open_))
            for _ in open_[:1]]  # fmt: skip


@check(
    "linux.home-modes",
    needs=(TARGET, ACCOUNTS, HOME_MODES, ELSEWHERE),
    severity=Severity.MEDIUM,
    version=5,
    remedy=msg(
        "Set the named home directories to mode 0750 and make each user the owner of their own"
    ),
)
def home_modes(
    target: Target,
    accounts: Accounts,
    modes: Modes,
    sources: Sources | Absent,
    *,
    forbidden: ModeBits = "0027",
) -> Judgement:
    """The home directory of every account that can log in is not open to others."""
    by_path, bits = {mode.path: mode for mode in modes.found}, int(forbidden, 8)
    users = [(account, account.home.rstrip("/") or "/") for account in accounts.rows
             if account.has_shell]  # fmt: skip
    found = [(by_path[home], account) for account, home in users if home in by_path]
    # Packages leave the homes of their services open to be read: what lies there is theirs.
    own = [mode for mode, a in found if _open(mode, a, bits & 0o022 if _of_package(a) else bits)]
    bad = tuple(dict.fromkeys(map(_label, own)))
    expected = msg("no permissions in {bits}, owned by the user or root", bits=forbidden)
    if bad:
        detail = msg("Home directories with excess permissions: {count} ({names})",
                   count=len(bad), names=capped(bad))  # fmt: skip
        return failed(detail, expected=expected)
    seen = {mode.path for mode, _ in found}
    fine = msg("Home directories not open to others: {count}", count=len(seen))
    doubts = _acls(by_path[path] for path in sorted(seen))
    readable = {_label(mode) for mode, account in found if _open(mode, account, bits)}
    if readable:
        doubts.append(msg("Ask whether others may read these home directories of services: "
                          "{names}", names=capped(sorted(readable))))  # fmt: skip
    doubts += _not_checked({home for _, home in users} - seen, homes_of(target))
    if doubts:
        return undetermined(fine, *doubts, expected=expected)
    return unless_more_sources(passed(fine, expected=expected), sources, "passwd")


def _of_package(account: Account) -> bool:
    return 0 < account.uid < FIRST_PERSON and not account.home.startswith("/home/")


def _open(mode: Mode, account: Account, bits: int) -> bool:
    return bool(mode.bits & bits) or mode.uid not in (0, account.uid)


def _not_checked(missing: set[str], homes: Homes) -> list[Message]:
    gone = sorted(home for home in missing if homes.holds(home))
    far = sorted(missing - set(gone))
    absent = msg("Home directories that are missing or were not shown: {names}", names=capped(gone))
    return [*([absent] if gone else []), *([not_searched(far)] if far else [])]


FACTS = (FILE_MODES, INSIDE_MODES, HOME_MODES, FILE_ACLS)
CHECKS = (file_modes, home_modes)
