"""The files and directories of a backup set: names, times, sizes, modes and access lists."""

from __future__ import annotations

import itertools
import posixpath
import re

from msgspec import structs

from audit_backup import declared, names
from audit_backup.model import BackupFile, Files
from audit_backup.searches import FIND, LIMIT, below, command, records, refusal
from audit_core.api.sdk import (
    Absent,
    Answer,
    Command,
    Message,
    ParseError,
    Partial,
    Reason,
    Target,
    decimal_number,
    msg,
    partial,
    read_rows,
    verbatim,
    whole_number,
)

_LS = "/usr/bin/ls"


def ask_files(target: Target) -> Command | Message:
    """List files, links and folders: mtime, type, size, mode, blocks, inode and path, then NUL.

    Behind a link stands a record of its own: `> `, where it points to and its path again.
    """
    return command(
        target,
        lambda folder, pattern, depth: (
            FIND, "-H", folder, "-maxdepth", depth, "-xdev",
            "(", "-type", "d", "-o", "(", "-type", "f", "-o", "-type", "l", ")",
            "-name", pattern, ")", "-printf", "%T@ %y %s %m %b %D:%i ", "-print0",
            "-type", "l", "-printf", "> %l", "-print0",
        ),
        LIMIT,
    )  # fmt: skip


def ask_way(target: Target) -> Command | Message:
    """The modes of every folder on the way down to the set, from / on."""
    folder = declared.folder(target)
    if isinstance(folder, Message):
        return folder
    way = [folder]
    while way[-1] != "/":
        way.append(posixpath.dirname(way[-1].rstrip("/")))
    return Command(argv=("stat", "-L", "-c", "%a", "--", *reversed(way)), ok=(0, 1))


# -b writes a newline in a name as \n, so that each name is one line.
_LISTED = ("-dnb", "--time-style=+", "--")


def ask_lists(target: Target) -> Command | Message:
    """One line of ls for each folder and file of the set, whose + tells an access list."""
    return command(
        target,
        lambda folder, pattern, depth: (
            FIND, "-H", folder, "-maxdepth", depth, "-xdev",
            "(", "-type", "d", "-o", "-type", "f", "-name", pattern, ")",
            "-exec", _LS, *_LISTED, "{}", "+",
        ),
        LIMIT * 4,
    )  # fmt: skip


def ask_way_lists(target: Target) -> Command | Message:
    """The same for every folder on the way down to the set."""
    way = ask_way(target)
    if isinstance(way, Message):
        return way
    return Command(argv=("ls", *_LISTED, *way.argv[way.argv.index("--") + 1 :]), ok=(0, 1, 2))


def _reachable(name: str, folders: dict[str, int]) -> bool:
    """Whether others can pass through every folder between the set's own and the file."""
    way = name.split("/")[:-1]
    return all(folders.get("/".join(way[: i + 1]), 1) & 0o001 for i in range(len(way)))


def _entry(record: str, answer: Answer) -> tuple[str, BackupFile]:
    """Kind and file of one record: mtime, kind, size, mode, blocks, inode and path."""
    cells = record.split(" ", 6)
    if len(cells) != 7 or cells[1] not in ("d", "f", "l"):
        raise ParseError(msg("not a record of the listing: {record}", record=verbatim(record)))
    at, kind, size, mode, blocks, inode, path = cells
    bytes_ = whole_number(size)
    return kind, BackupFile(
        name=below(path, answer), size=bytes_, mode=whole_number(mode, base=8),
        at=decimal_number(at), inode=inode,
        sparse=bytes_ > _INLINE and whole_number(blocks) == 0,
    )  # fmt: skip


# Some file systems keep files of up to a page within their index, without a block.
_INLINE = 4096


def parse_files(answer: Answer) -> Files | Partial | Absent:
    """The files of the set, newest first; Partial where a row could not be read."""
    if absent := refusal(answer):
        return absent
    every = records(answer)
    rows = enumerate((r for r in every if not r.startswith("> ")), 1)
    entries, problems = read_rows(rows, lambda record: _entry(record, answer))
    folders = {e.name: e for kind, e in entries if kind == "d"}
    if "" not in folders and not answer.truncated and not problems:
        raise ParseError(msg("the listing lacks the directory itself"))
    if problems:
        entries = [(kind, e) for kind, e in entries if _way(e.name) <= set(folders)]
    outside = _links_out(every, {e.name for kind, e in entries if kind != "l"}, answer)
    return partial(_files(entries, folders, outside, answer), problems)


def _links_out(every: list[str], found: set[str], answer: Answer) -> int:
    """How many links do not point to what is among `found`, the names in the set."""
    folder, out = str(declared.folder(answer.target)), 0
    for before, record in itertools.pairwise(every):
        if record.startswith("> "):
            path = before.split(" ", 6)[-1]
            to = posixpath.join(posixpath.dirname(path), record[2:].removesuffix(path))
            out += posixpath.normpath(to).removeprefix(folder) not in found
    return out


def _files(
    entries: list[tuple[str, BackupFile]],
    folders: dict[str, BackupFile],
    links: int,
    answer: Answer,
) -> Files:
    pattern, depth = str(declared.pattern(answer.target)), declared.depth(answer.target)
    modes = {name: e.mode for name, e in folders.items()}
    reached = [(kind, structs.replace(e, reachable=_reachable(e.name, modes)))
               for kind, e in entries]  # fmt: skip
    files, aside, unclear = _by_name([e for kind, e in reached if kind == "f"], pattern)
    inner = [e for kind, e in reached if kind == "d" and e.name not in ("", "lost+found")]
    mounted = _mounted(inner, folders)
    return Files(
        files=files,
        aside=aside,
        unclear=unclear,
        deeper=tuple(e for e in inner if e.name.count("/") + 1 == depth and e not in mounted),
        mounted=mounted,
        links=links,
        open_folders=tuple(e.name for e in inner if e.reachable and _open(e.mode)),
        folders=tuple(inner),
        complete=not answer.truncated,
    )


def _mounted(inner: list[BackupFile], folders: dict[str, BackupFile]) -> tuple[BackupFile, ...]:
    """The folders among `inner` that are on another file system than the set's own."""
    if "" not in folders:
        return ()
    own = _device(folders[""])
    return tuple(folder for folder in inner if _device(folder) != own)


def _device(folder: BackupFile) -> str:
    return folder.inode.partition(":")[0]


def _by_name(found: list[BackupFile], pattern: str) -> tuple[tuple[BackupFile, ...], ...]:
    """The backups, what lies beside them, and what may be either; each newest first.

    An empty file whose name is not that of an archive is a mark beside them.
    """
    sorts: tuple[list[BackupFile], ...] = ([], [], [])
    for file in sorted(found, key=lambda f: (-f.at, f.name)):
        if names.is_aside(file.name, pattern):
            sorts[1].append(file)
        else:
            sorts[2 if _is_unclear(file, pattern) else 0].append(file)
    return tuple(tuple(part) for part in sorts)


def _is_unclear(file: BackupFile, pattern: str) -> bool:
    mark = file.size == 0 and "." not in file.name.rpartition("/")[2] and pattern == "*"
    return mark or names.is_unclear(file.name, pattern)


def _way(name: str) -> set[str]:
    """Every folder between the set's own and `name`."""
    parts = name.split("/")
    return {"/".join(parts[:deep]) for deep in range(1, len(parts))}


def _open(mode: int) -> bool:
    """Whether others may enter the folder and change what is in it."""
    return mode & 0o003 == 0o003 and not mode & 0o1000


def parse_way(answer: Answer) -> tuple[int, ...] | Absent:
    """Mode bits of / and every folder below it down to the set's own.

    A directory that is closed to others ends the list: what is below it does not matter.
    """
    modes = tuple(whole_number(line, base=8) for line in answer.lines)
    if answer.exit_code == 0 or any(not mode & 0o001 for mode in modes):
        return modes
    return refusal(answer) or modes


_LINE = re.compile(r"[-dlbcpsD][-rwxsStT]{9}([.+@]?) .*?(/.*)")


def parse_lists(answer: Answer) -> tuple[str, ...] | Absent:
    """The paths with an access list; a truncated listing is not used."""
    if answer.truncated:
        detail = msg("The set has too many files to check for access lists")
        return Absent(reason=Reason.TRUNCATED, detail=detail)
    rows = [_LINE.fullmatch(line) for line in answer.lines if line]
    if not rows or None in rows:
        raise ParseError(msg("not output of ls"))
    return tuple(sorted(row[2] for row in rows if row and row[1] == "+"))


def parse_set_lists(answer: Answer) -> tuple[str, ...] | Absent:
    """The same of the set itself, where it could be listed."""
    return (None if answer.truncated else refusal(answer)) or parse_lists(answer)
