"""One pass of find(1) over the local file systems, which all checks of files share.

It is one exact argv, so that one line of sudoers permits it. File systems are chosen by their type
and not by `-xdev`: that one does not enter the other local file systems.
Directories of other types are not entered and named, so that no network file system is read. The
inventory can declare further types (`file_systems`).

find takes the type from the line of mountinfo with the st_dev of a directory. Each subvolume of
btrfs has a number of its own that no line has, and the root of a plain chroot has no line: the type
is `unknown` there, which `-fstype unknown` finds from -O1 down only (-O2 drops types that are in no
line). These are entered. Lustre changes its number in mountinfo, too; its inodes have numbers above
2^56, which no disk has. A network file system that is mounted while find runs would be entered.
Snapshots of snapper and Timeshift are not entered and named.

`nice` lowers the priority of the disk, too (ioprio follows the nice value). `timeout` ends find
with SIGHUP and hands its exit status on: what was printed until then is an answer.

    NUL MARK BLANK TYPE MODE UID GID [TARGET NUL] PATH NUL
    NUL X BLANK TYPE_OF_FILE_SYSTEM NUL PATH NUL    (not entered; `snapshot` for one)
    NUL D BLANK PATH NUL                            (a directory that others may not enter)

Between these records getcap(8), getfacl(1) and sed(1) print, whose lines hold no NUL, and stat(1),
which prints the numbers of devices (find cannot): NUL N BLANK MAJOR MINOR NUL PATH NUL
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath

from msgspec import Struct

from audit_core.api.sdk import (
    Answer,
    Command,
    Message,
    ParseError,
    Partial,
    Privilege,
    Target,
    fact,
    msg,
    partial,
    provider,
    verbatim,
)
from audit_linux.files.mounts import LOCAL
from audit_linux.files.script_lines import files_of, sed, without


class Entry(Struct, frozen=True, kw_only=True):
    """One path that the sweep told of: its type as find's %y, its permission bits, its owners."""

    path: str
    kind: str
    bits: int
    uid: int
    gid: int

    @property
    def text(self) -> str:
        """The entry for a reader: `/usr/bin/x 4755 uid 0 gid 0`."""
        return f"{self.path} {self.bits:04o} uid {self.uid} gid {self.gid}"


class Capable(Struct, frozen=True, kw_only=True):
    """A program with file capabilities, as getcap writes them (`cap_net_raw=ep`)."""

    path: str
    caps: str


class Acl(Struct, frozen=True, kw_only=True):
    """The entries of an access list that let a named user or group write: `user:1001:rw-`.

    `default:user:1001:rwx` is what files that are made in the directory inherit. The bits of the
    group in the mode are the mask then; `group` is whether the group itself may write.
    """

    path: str
    entries: tuple[str, ...]
    uid: int | None = None
    group: bool = True

    def others(self, empty: frozenset[int]) -> tuple[str, ...]:
        """The entries for others than root; those of groups in `empty` let nobody in."""
        nobody = {("user", "0"), *(("group", str(gid)) for gid in (0, *empty))}
        words = {e: e.removeprefix("default:").split(":") for e in self.entries}
        return tuple(e for e, (kind, number, *_) in words.items() if (kind, number) not in nobody)


class Sweep(Struct, frozen=True, kw_only=True):
    """What one pass over the local file systems found.

    `entries`: setuid and setgid files, and what everybody may write. `unowned`: files of numbers
    without a name. `owned`: directories and programs near the root that somebody else than root
    may change. `links`: symbolic links and where they lead. `scripts`: what each script of the site
    starts, as `script_lines` tells it. `devices`: the numbers (`1:3`) of the devices that everybody
    may write. `keys`: files that hold private keys and that others may read, if the directories
    above let them: `shut` are those that do not. `closed`: the directories that were not entered,
    and the types of their file systems.
    `as_root` is False where only what an ordinary account can reach was searched.
    `tools`: whether getcap and getfacl were there.
    """

    entries: tuple[Entry, ...] = ()
    unowned: tuple[Entry, ...] = ()
    owned: tuple[Entry, ...] = ()
    links: dict[str, str] = {}
    devices: dict[str, str] = {}
    closed: dict[str, str] = {}
    keys: tuple[Entry, ...] = ()
    shut: frozenset[str] = frozenset()
    capable: tuple[Capable, ...] = ()
    acls: tuple[Acl, ...] = ()
    scripts: dict[str, tuple[str, ...]] = {}
    as_root: bool = True
    no_getcap: bool = False
    no_getfacl: bool = False

    def open_keys(self) -> tuple[Entry, ...]:
        """The `keys` that others come at."""
        return tuple(
            e for e in self.keys if self.shut.isdisjoint(map(str, PurePosixPath(e.path).parents))
        )


# Storage of container engines: files of images, behind directories that only root may enter.
CONTAINERS = (
    "/var/lib/docker", "/var/lib/containers", "/var/lib/containerd", "/var/lib/kubelet/pods",
    "/var/lib/lxc", "/var/lib/lxd", "/var/lib/machines", "/run/containerd", "/run/docker",
)  # fmt: skip
_WITH_SOCKETS = ("/run/containerd", "/var/lib/lxd")  # beside the directories of containers
_ENGINES = ("docker.sock", "podman.sock", "containerd.sock", "crio.sock", "unix.socket")
# Run or read by another program, so that nothing needs permission to run them. What lies in a home
# changes with the home.
_RUN_BY_OTHERS = (
    "*.sh",
    "*.py",
    "*.pl",
    "*.rb",
    "*.php",
    "*.js",
    "*.jar",
    "*.env",
    "*.conf",
    "*.rules",
    "*.so",
    "*.so.*",
    "*.pm",
    "*.pyc",
    "*.pth",
    "*.mjs",
    "*.lua",
    "*.ko",
    "*.ko.*",
    "*.service",
    "*.timer",
    ".bash*",
    ".profile",
    ".zsh*",
)
# What private keys are called, and what stands in them. Those of .ssh have any name, and are looked
# for with the secrets of accounts.
_KEYS = ("*.key*", "*.pem*", "*.p[pk]*", "*.p8", "*[._-]key", "id_*", "*priv*", "*.c[er]*t",
         "*.cer", "*.ovpn", "*.asc", "*.bak", "*.old")  # fmt: skip
_OF_KEYS = ("PRIVATE KEY-----", "BEGIN PGP PRIVATE KEY", "PuTTY-User-Key-File-", "AGE-SECRET-KEY-1")
# 32 bytes in base64 and nothing else, as of wg genkey; a public key looks alike but for its name.
_RAW_KEY = "[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]="
_SECONDS = 180
LEVELS = 5
_RECORD = r"%y %m %U %G %p\0"


def _any(*tests: tuple[str, ...]) -> tuple[str, ...]:
    """The tests, joined by -o, in brackets."""
    words = [word for test in tests for word in ("-o", *test)]
    return ("(", *words[1:], ")")


# Of root alone, and changed by nobody else: such a directory is passed over at once, and of files
# those that nobody runs. Most are, and each further test of all of them costs.
_OF_OTHERS = (("!", "-gid", "0"), ("!", "-uid", "0"))
_DIRECTORY = _any(*_OF_OTHERS, ("-perm", "/0022"))
_FILE = _any(*_OF_OTHERS, ("-perm", "/6133"))


# Directories of settings, and of programs that do not come with the system.
_SETTINGS = ("/etc", "/opt", "/root", "/usr/local", "/var/spool/cron")
# Searched to any depth: who changes a file here changes what root loads.
WHOLE = ("/etc", "/boot", "/lib", "/usr/lib", "/usr/share/perl", "/usr/share/nodejs",
         "/usr/share/ruby", "/usr/local/lib/python", "/usr/local/share/perl")  # fmt: skip
# Above these lie directories that accounts may change: links to them say where programs come from.
_LINKED = ("home", "opt", "srv", "tmp", "var", "data*", "mnt", "media", "root", "usr/local")
_SCRIPT_SIZE = "-512k"


def _beside(folders: tuple[str, ...]) -> tuple[str, ...]:
    """One of `folders`, or what lies in one; also where a name only begins alike."""
    return _any(*(("-path", f"{path}*") for path in folders))


def _printed(mark: str) -> tuple[str, str]:
    return ("-printf", rf"\0{mark} {_RECORD}")


def _all(*tests: tuple[str, ...]) -> tuple[str, ...]:
    """The tests, each in brackets and whatever became of those before it, in brackets."""
    each = [word for test in tests for word in (",", "(", *test, ")")]
    return ("(", *each[1:], ")")


def _tests() -> tuple[str, ...]:
    """What is looked at. The type comes first: find knows it without asking for the modes."""
    named = _any(*(("-name", name) for name in _RUN_BY_OTHERS))
    near = ("!", "-path", "/*" * (LEVELS + 1))
    counts = _any(near, _beside(WHOLE))
    # Few files are not of root: the names of users are looked up for them only.
    unowned = (*_any(("!", "-uid", "0", "-nouser"), ("!", "-gid", "0", "-nogroup")),
               *_printed("U"))  # fmt: skip
    owned = (
        *_any(("!", "-uid", "0"), ("-perm", "-0020", "!", "-gid", "0")),
        *counts,
        *_printed("O"),
    )
    everybody = ("-perm", "-0002", *_printed("W"))
    # The mask of an access list that lets somebody write shows as the group's permission.
    listed = ("-perm", "-0020", "-exec", "/usr/bin/getfacl", "-snp", "{}", "+")
    # What new files inherit does not show in the mode of the directory.
    inherited = (*_beside(_SETTINGS), *near, "-exec", "/usr/bin/getfacl", "-snp", "{}", "+")
    # A file may be read as code without permission to run it, where root has its settings.
    read = (*_beside(_SETTINGS), *near, "!", "-path", "/opt/*/*/*")
    of_site = ("!", "-path", "/usr/[!l]*", "!", "-path", "/usr/l[!o]*")
    # Most lie in /usr and its like: two tests in place of seven for them.
    scripts = ("-perm", "/0111", *of_site, *_beside((*_SETTINGS, "/srv")), *_any(near), "-size",
               _SCRIPT_SIZE, "-exec", *sed(scripts=True), "{}", "+")  # fmt: skip
    able = ("-perm", "/0111", "-exec", "/usr/sbin/getcap", "{}", "+")
    run = _any(("-perm", "/0111"), ("!", "-path", "/home/*", *named), read)
    # Links to where programs lie that do not come with the system: not /usr, /etc, /lib, /bin;
    # links of the site to what lies beside them, and settings that are elsewhere.
    relative = ("-lname", "*../[hostvdmru]*/*",
                *_any(*(("-lname", f"*../{name}/*") for name in _LINKED)))  # fmt: skip
    away = _any(("-lname", "/[!uelbp]*"), ("-lname", "/usr/local/*"), relative, (
        "-path", "/etc/*", "-lname", "/usr/share/*", "!", "-path", "/etc/ssl/*",
        "!", "-lname", "/usr/share/man/*"), (
        "!", "-lname", "/*", *_any(("-path", "/opt/*"), ("-path", "/srv/*"),
                                   ("-path", "/usr/local/*"), ("-path", "/data*/*"))))  # fmt: skip
    link = (*away, "(", *near, "-printf", r"\0L %l\0%p\0", ")")
    setuid = ("-perm", "/6000", *_printed("S"))
    of_file = (unowned, setuid, everybody, (*run, *owned), listed, able, scripts)
    # Most files lie in /usr and its like, which has no keys of the host. find would put the names
    # in front of all other tests, were they not in brackets with one of another kind.
    at_home = ("!", "-path", "/home/*/*/*/*")
    names = (("-path", "*/wireguard/*"), *(("-name", name) for name in _KEYS))
    named_so = ("(", "-perm", "-0004", "-size", "-64", "(", *at_home, *_any(*names), ")", ")")
    marked = ("-exec", "/bin/grep", "-qF",
              *(word for text in _OF_KEYS for word in ("-e", text)), "{}", ";")  # fmt: skip
    raw = ("-size", "-47c", "!", "-name", "*[Pp][Uu][Bb]*", "-exec", "/bin/grep", "-qxE",
           _RAW_KEY, "{}", ";")  # fmt: skip
    key = (*of_site, *named_so, *_any(marked, raw), *_printed("K"))
    shut = ("!", "-perm", "-0001", *at_home, "-printf", r"\0D %p\0")
    of_folder = (unowned, everybody, owned, listed)
    numbers = ("-exec", "/usr/bin/stat", "--printf", r"\0N %t %T\0%n\0", "{}", "+")
    device = _any(("-type", "b"), ("-type", "c"))
    of_special = (unowned, (*device, *everybody, *numbers), (*device, *owned))
    # Who reads a disk reads every file of it. A socket of an engine of containers makes root.
    disk = ("-type", "b", "-perm", "/0006", *_printed("W"))
    engine = ("-type", "s", "-perm", "-0002",
              *_any(*(("-name", name) for name in _ENGINES)), *_printed("W"))  # fmt: skip
    special = ("!", "-type", "f", "!", "-type", "d", "!", "-type", "l")
    return _any(
        ("-type", "f", *_all(key, (*_FILE, *_all(*of_file)))),
        ("-type", "d", *_all((*_DIRECTORY, *_all(*of_folder)), inherited, shut)),
        ("-type", "l", *_all(link, unowned)),
        (*special, *_all(disk, engine, (*_DIRECTORY, *_all(*of_special)))),
    )


SNAPSHOT = "snapshot"
"""Stands in `closed` for the type of a snapshot's file system."""
_SNAPSHOTS = (("-name", "snapshot", "-path", "*/.snapshots/*"),
              ("-name", "snapshots", "-path", "*/timeshift*"))  # fmt: skip
_ON_NO_DISK = ("-inum", f"+{1 << 56}")


def argv(*starts: str, types: Iterable[str] = ()) -> tuple[str, ...]:
    """The argv of find(1) that searches below `starts`, file systems of `types` too."""
    searched = _any(
        *(("-fstype", name) for name in dict.fromkeys((*LOCAL, "devtmpfs", *types))),
        ("-fstype", "unknown", "!", *_ON_NO_DISK),
    )
    images = (f"{path}/*" if path in _WITH_SOCKETS else path for path in CONTAINERS)
    left_out = _any(*(("-path", path) for path in ("/proc", "/sys", *images)))
    elsewhere = ("!", *searched, "-printf", r"\0X %F\0%p\0")
    snapshot = (*_any(*_SNAPSHOTS), "-uid", "0", "-printf", rf"\0X {SNAPSHOT}\0%p\0")
    closed = ("-type", "d", *_any(left_out, elsewhere, snapshot), "-prune")
    return (
        "/usr/bin/timeout", "-s", "HUP", "--preserve-status", str(_SECONDS), "/usr/bin/nice", "-n",
        "19", "/usr/bin/find", "-O1", *starts, *closed, "-o", *_tests(),
    )  # fmt: skip


_HUNG_UP = 129  # 128 and SIGHUP


def _ask(privilege: Privilege, types: Iterable[str]) -> Command:
    return Command(
        argv=argv("/", types=types),
        privilege=privilege,
        ok=(0, 1, _HUNG_UP),
        timeout_s=_SECONDS + 20,
        limit=8 << 20,
        partial_ok=True,
    )


def _asked(privilege: Privilege) -> Callable[[Target], Command | Message]:
    def ask(target: Target) -> Command | Message:
        if target.settings.get("file_sweep") is False:
            return msg(
                "The inventory switches the search of the file systems off: switch file_sweep on"
            )
        return _ask(privilege, target.settings.get("file_systems") or ())

    return ask


# --- reading ------------------------------------------------------------------------------------

_HEAD = re.compile(
    r"([USWOK]) ([a-zA-Z?]) ([0-7]{1,5}) ([0-9]{1,10}) ([0-9]{1,10}) (/.*)", re.DOTALL
)
_NUMBERS = re.compile(r"N ([0-9a-f]{1,8}) ([0-9a-f]{1,8})")
_CAPS = re.compile(
    r"(/.*?) (?:= )?(cap_[a-z_,0-9]+[+=][eip]+(?: ?cap_\S+)*|=[eip]+)(?: \[rootid=\d+\])?"
)
_ACL_ENTRY = re.compile(
    r"(?:default:)?(user|group):([^:]+):([r-][w-][x-])(?:\s+#effective:([r-][w-][x-]))?"
)
_OCTAL = re.compile(r"\\([0-7]{3})")


def parse_sweep(answer: Answer, *, as_root: bool) -> Sweep | Partial:
    """What the pass printed, and what it did not get to."""
    reader = _Reader(cut=answer.truncated or answer.exit_code == _HUNG_UP)
    reader.read(answer.text)
    problems = [*reader.problems, *_gaps(answer, as_root=as_root)]
    found = reader.found
    sweep = Sweep(
        entries=tuple(dict.fromkeys([*found["S"], *found["W"]])),
        unowned=tuple(found["U"]),
        owned=tuple(found["O"]),
        links=reader.links,
        devices=reader.devices,
        closed=reader.closed,
        keys=tuple(found["K"]),
        shut=frozenset(reader.shut),
        capable=tuple(reader.capable),
        acls=tuple({acl.path: acl for acl in reader.acls}.values()),
        scripts=reader.scripts,
        as_root=as_root,
        no_getcap=b"/usr/sbin/getcap': No such file" in answer.stderr,
        no_getfacl=b"/usr/bin/getfacl': No such file" in answer.stderr,
    )
    return partial(sweep, problems)


def _gaps(answer: Answer, *, as_root: bool) -> Iterator[Message]:
    if answer.exit_code == _HUNG_UP:
        yield msg(
            "The search of the file systems was ended after {seconds} seconds (very many files, a "
            "slow disk, or a mount that does not answer)",
            seconds=_SECONDS,
        )
    if answer.truncated:
        yield msg("The search of the file systems found more than one answer can hold")
    if not as_root:
        yield msg("Searched without root rights: only what an ordinary account can reach")


class _Reader:
    """The records of find, and between them what getcap and getfacl print."""

    def __init__(self, *, cut: bool) -> None:
        self._cut = cut
        self.found: dict[str, list[Entry]] = {mark: [] for mark in "USWOK"}
        self.links: dict[str, str] = {}
        self.devices: dict[str, str] = {}
        self.closed: dict[str, str] = {}
        self.shut: list[str] = []
        self.capable: list[Capable] = []
        self.acls: list[Acl] = []
        self.scripts: dict[str, tuple[str, ...]] = {}
        self.problems: list[Message] = []

    def read(self, text: str) -> None:
        """Takes all of `text`; raises ParseError where it is no output of the sweep."""
        parts = text.split("\0")
        tail = parts.pop()
        if tail and not self._cut:
            parts.append(tail)
        at = 0
        while at < len(parts):
            head = _HEAD.fullmatch(parts[at])
            if head:
                self._entry(head)
            elif parts[at].startswith("D /"):
                self.shut.append(parts[at][2:])
            elif parts[at].startswith("L ") and at + 1 < len(parts):
                self.links[parts[at + 1]] = parts[at][2:]
                at += 1
            elif parts[at].startswith("X ") and at + 1 < len(parts):
                self.closed[parts[at + 1]] = parts[at][2:]
                at += 1
            elif (numbers := _NUMBERS.fullmatch(parts[at])) and at + 1 < len(parts):
                self.devices[parts[at + 1]] = ":".join(str(int(n, 16)) for n in numbers.groups())
                at += 1
            elif parts[at]:
                self._tools(parts[at])
            at += 1

    def _entry(self, head: re.Match[str]) -> None:
        mark, kind, bits, uid, gid, path = head.groups()
        entry = Entry(path=path, kind=kind, bits=int(bits, 8), uid=int(uid), gid=int(gid))
        self.found[mark].append(entry)

    def _tools(self, text: str) -> None:
        """What getcap, getfacl and sed printed between two records."""
        for path, told in files_of(text.split("\n")):
            self.scripts[path] = (*self.scripts.get(path, ()), *told)
        lines = without(text.split("\n"))
        for line in lines:
            if line.startswith("# file: "):
                self._acl(line[8:], lines)
            elif (caps := _CAPS.fullmatch(line)) is not None:
                self.capable.append(Capable(path=caps[1], caps=caps[2]))
            elif line:
                self._unread(line)

    def _acl(self, path: str, lines: Iterator[str]) -> None:
        entries: list[str] = []
        uid, group = None, True
        for line in lines:
            if not line:
                break
            if line.startswith("# owner: ") and line[9:].isdecimal():
                uid = int(line[9:])
            if line.startswith("group::"):
                group = line[8] == "w" and line[-2] == "w"  # behind #effective, too
            row = _ACL_ENTRY.fullmatch(line)
            if row and "w" in (row[4] or row[3]):
                entries.append(line.split("\t")[0])
        if entries or not group:
            plain = _OCTAL.sub(lambda hit: chr(int(hit[1], 8) & 255), path)
            self.acls.append(Acl(path=plain, entries=tuple(entries), uid=uid, group=group))

    def _unread(self, line: str) -> None:
        if not (self.problems or any(self.found.values()) or line.startswith("/")):
            raise ParseError(msg("not output of the search: {line}", line=verbatim(line)))
        if len(self.problems) < 20:
            self.problems.append(msg("cannot read {line}", line=verbatim(line)))


def _as_root(answer: Answer) -> Sweep | Partial:
    return parse_sweep(answer, as_root=True)


def _as_user(answer: Answer) -> Sweep | Partial:
    return parse_sweep(answer, as_root=False)


SWEEP = fact(
    "linux.file-sweep",
    Sweep,
    kind="host",
    providers=(
        provider(_asked(Privilege.ROOT), _as_root, root="yes"),
        provider(_asked(Privilege.USER), _as_user, root="no"),
    ),
)
