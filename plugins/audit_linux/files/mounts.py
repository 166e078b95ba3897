"""What is mounted, and which of it lies on the host itself."""

from __future__ import annotations

import re

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
    """One line of proc_pid_mountinfo(5): where, which type, and the options of the mount."""

    path: str
    type: str
    nosuid: bool = False
    options: tuple[str, ...] = ()

    @property
    def local(self) -> bool:
        """Whether its files lie on the host, and the sweep enters it."""
        return self.type in LOCAL

    @property
    def image(self) -> bool:
        """Whether it shows the files of a container, which lie elsewhere on the host."""
        return self.type == "overlay" and self.path != "/"

    @property
    def left_out(self) -> bool:
        """Whether it may hold files of people that the sweep does not see."""
        return not self.local and self.type not in _MADE_UP | _IMAGES


class Mounts(Struct, frozen=True, kw_only=True):
    """What is mounted, in the order in which it was mounted: the last one at a path counts."""

    rows: tuple[Mount, ...]

    def at(self, path: str) -> Mount | None:
        """The mounted file system that `path` is on; None where no mount is known above it."""
        best = None
        for row in self.rows:
            inside = path == row.path or path.startswith(row.path.rstrip("/") + "/")
            if inside and (best is None or len(row.path) >= len(best.path)):
                best = row
        return best


_ESCAPED = re.compile(r"\\([0-7]{3})")


def _mount(line: str) -> Mount:
    head, dash, tail = line.partition(" - ")
    words, rest = head.split(" "), tail.split(" ")
    if not dash or len(words) < 6 or not words[4].startswith("/"):
        raise ParseError(msg("not a line of mountinfo: {line}", line=verbatim(line)))
    path = _ESCAPED.sub(lambda hit: chr(int(hit[1], 8) & 255), words[4])
    options = tuple(words[5].split(","))
    return Mount(path=path, type=rest[0], nosuid="nosuid" in options, options=options)


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
