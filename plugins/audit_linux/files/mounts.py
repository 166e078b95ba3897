"""What is mounted, and which of it lies on the host itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from audit_core.api.sdk import (
    Answer,
    Command,
    ParseError,
    Partial,
    fact,
    msg,
    partial,
    read_rows,
    verbatim,
)

# Types of file systems whose files lie on the host.
LOCAL = (
    "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "reiserfs", "bcachefs", "vfat",
    "exfat", "ntfs3", "tmpfs", "ramfs", "overlay",
)  # fmt: skip
# What the kernel makes up: nobody puts a file of their own there.
_MADE_UP = frozenset({
    "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts",
    "devtmpfs", "efivarfs", "fusectl", "hugetlbfs", "mqueue", "nfsd", "nsfs", "proc", "pstore",
    "resctrl", "rpc_pipefs", "securityfs", "selinuxfs", "sysfs", "tracefs",
})  # fmt: skip
# Images that cannot be written, and whose programs come with the image.
_IMAGES = frozenset({"squashfs", "erofs", "iso9660", "udf"})


class Mount(Struct, frozen=True, kw_only=True):
    """One line of proc_pid_mountinfo(5): where, which type, and the options of the mount.

    `device` is the number of the file system, `root` the directory of it that the mount shows.
    """

    path: str
    type: str
    nosuid: bool = False
    options: tuple[str, ...] = ()
    device: str = ""
    root: str = "/"

    @property
    def local(self) -> bool:
        """Whether its files lie on the host, and the sweep enters it."""
        return self.type in LOCAL

    @property
    def image(self) -> bool:
        """Whether it shows the files of a container, which lie elsewhere on the host."""
        return self.type == "overlay" and self.path != "/"

    def inner(self, path: str) -> str:
        """Where `path`, which lies on this mount, lies in its file system."""
        return f"{self.root.rstrip('/')}/{path[len(self.path) :].lstrip('/')}".rstrip("/") or "/"

    def outer(self, inner: str) -> str | None:
        """The path on this mount of what lies at `inner`; None where it shows another part."""
        top = self.root.rstrip("/") + "/"
        if not f"{inner}/".startswith(top):
            return None
        return f"{self.path.rstrip('/')}/{inner[len(top) :]}".rstrip("/") or "/"


def left_out(type_: str) -> bool:
    """Whether a file system that the sweep does not enter may hold files of people."""
    return type_ not in _MADE_UP | _IMAGES


class Mounts(Struct, frozen=True, kw_only=True):
    """What is mounted, in the order in which it was mounted: the last one at a path counts."""

    rows: tuple[Mount, ...]

    def at(self, path: str) -> Mount | None:
        """The mounted file system that `path` is on; None where no mount is known above it."""
        return self.finder()(path)

    def finder(self) -> Callable[[str], Mount | None]:
        """`at` for many paths."""
        rows = {row.path: row for row in self.rows}

        def at(path: str) -> Mount | None:
            while path not in rows and path != "/":
                path = path.rpartition("/")[0] or "/"
            return rows.get(path)

        return at

    def first_names(self, paths: Iterable[str]) -> dict[str, str]:
        """Each of `paths`, and the name of the same file on `/`, or else its shortest.

        Bind mounts, and mounts of a disk of btrfs as a whole, show one file under several names.
        """
        at = self.finder()
        shown: dict[str, list[Mount]] = {}
        for row in self.rows:
            if row.device and at(row.path) is row:
                shown.setdefault(row.device, []).append(row)

        def names(path: str) -> Iterator[tuple[bool, int, str]]:
            yield True, len(path), path
            on = at(path)
            for row in shown.get(on.device, ()) if on else ():
                name = row.outer(on.inner(path)) if on else None
                if name is not None and at(name) is row:
                    yield row.path != "/", len(name), name

        return {path: min(names(path))[2] for path in paths}


_ESCAPED = re.compile(r"\\([0-7]{3})")


def _mount(line: str) -> Mount:
    head, dash, tail = line.partition(" - ")
    words, rest = head.split(" "), tail.split(" ")
    if not dash or len(words) < 6 or not words[4].startswith("/"):
        raise ParseError(msg("not a line of mountinfo: {line}", line=verbatim(line)))
    root, path = (_ESCAPED.sub(lambda hit: chr(int(hit[1], 8) & 255), word) for word in words[3:5])
    options = tuple(words[5].split(","))
    return Mount(path=path, type=rest[0], nosuid="nosuid" in options, options=options,
                 device=words[2], root=root)  # fmt: skip


def parse_mounts(answer: Answer) -> Mounts | Partial:
    """The lines of /proc/self/mountinfo; blanks, newlines and backslashes in paths are octal."""
    lines = ((number, line) for number, line in enumerate(answer.lines, 1) if line)
    rows, problems = read_rows(lines, _mount)
    if not rows:
        raise ParseError(msg("nothing is mounted"))
    return partial(Mounts(rows=tuple(rows)), problems)


MOUNTS = fact(
    "linux.mounts",
    Mounts,
    kind="host",
    ask=Command(argv=("cat", "/proc/self/mountinfo"), aside=True),
    parse=parse_mounts,
)
