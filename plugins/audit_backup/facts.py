"""The facts of a backup set. Its requests run on the host that the set is a part of.

Every request has a fixed shape; only what the inventory declares goes into it. The folder begins
and ends with a slash, so that find can take it neither for an option nor for a plain file. No
argument holds a backslash: sudoers reads it as an escape twice.
"""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Callable

from msgspec import structs

from audit_backup import declared
from audit_backup.model import BackupFile, Files, Head
from audit_core.api.sdk import (
    Absent,
    Answer,
    Command,
    Message,
    ParseError,
    Partial,
    Privilege,
    Reason,
    Target,
    decimal_number,
    fact,
    msg,
    partial,
    read_rows,
    verbatim,
    whole_number,
)

_FIND = "/usr/bin/find"
_OD = "/usr/bin/od"
_LS = "/usr/bin/ls"
_LIMIT = 1 << 20  # some 15,000 files
_HEAD = 16


def _command(
    target: Target, make: Callable[[str, str, str], tuple[str, ...]], limit: int
) -> Command | Message:
    """A command made from folder, pattern and depth, or what the inventory has to declare."""
    folder, pattern = declared.folder(target), declared.pattern(target)
    depth, root = declared.depth(target), declared.as_root(target)
    for value in (folder, pattern, depth, root):
        if isinstance(value, Message):
            return value
    return Command(
        argv=make(str(folder), str(pattern), str(depth)),
        privilege=Privilege.ROOT if root else Privilege.USER,
        timeout_s=60, limit=limit, ok=(0, 1), partial_ok=True,
    )  # fmt: skip


def ask_files(target: Target) -> Command | Message:
    """List files, links and folders: mtime, type, size, mode, blocks and path, NUL after each."""
    return _command(
        target,
        lambda folder, pattern, depth: (
            _FIND, "-H", folder, "-maxdepth", depth, "-xdev",
            "(", "-type", "d", "-o", "(", "-type", "f", "-o", "-type", "l", ")",
            "-name", pattern, ")", "-printf", "%T@ %y %s %m %b ", "-print0",
        ),
        _LIMIT,
    )  # fmt: skip


def ask_heads(target: Target) -> Command | Message:
    """Read the first 16 bytes of each file that is younger than the recovery point objective."""
    hours = declared.rpo_hours(target)
    if isinstance(hours, Message):
        return hours
    minutes = str(math.ceil(hours * 60))
    return _command(
        target,
        lambda folder, pattern, depth: (
            _FIND, "-H", folder, "-maxdepth", depth, "-xdev", "-type", "f", "-name", pattern,
            "-mmin", f"-{minutes}", "-printf", "%T@ ", "-print0",
            "(", "-exec", _OD, "-An", "-v", f"-N{_HEAD}", "-tx1", "{}", ";",
            "-printf", "r", "-o", "-true", ")", "-print0",
        ),
        _LIMIT,
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
    return _command(
        target,
        lambda folder, pattern, depth: (
            _FIND, "-H", folder, "-maxdepth", depth, "-xdev",
            "(", "-type", "d", "-o", "-type", "f", "-name", pattern, ")",
            "-exec", _LS, *_LISTED, "{}", "+",
        ),
        _LIMIT * 4,
    )  # fmt: skip


def ask_way_lists(target: Target) -> Command | Message:
    """The same for every folder on the way down to the set."""
    way = ask_way(target)
    if isinstance(way, Message):
        return way
    return Command(argv=("ls", *_LISTED, *way.argv[way.argv.index("--") + 1 :]), ok=(0, 1, 2))


def _records(answer: Answer) -> list[str]:
    """What stands before each NUL; a cut answer loses its last record, any other must be whole."""
    *whole, rest = answer.text.split("\0")
    if rest and not answer.truncated:
        raise ParseError(msg("the last record of the listing is incomplete"))
    return whole


def _below(path: str, answer: Answer) -> str:
    """`path` as seen from the set's folder; empty for the folder itself."""
    folder = str(declared.folder(answer.target))
    if not path.startswith(folder):
        raise ParseError(msg("a path outside the directory: {path}", path=verbatim(path)))
    return path.removeprefix(folder)


def _refusal(answer: Answer) -> Absent | None:
    """The errors of find as an absence; files that were removed meanwhile do not matter."""
    folder = str(declared.folder(answer.target))
    lines = answer.stderr.decode("utf-8", "backslashreplace").splitlines()
    for line in lines:
        if answer.truncated and line.endswith(": Broken pipe"):
            continue
        if line.endswith(": Permission denied"):
            detail = msg(
                "The account may not read it ({error}): grant it read access to the directory, "
                "or declare `privilege: root` for this backup set",
                error=verbatim(line),
            )
            return Absent(reason=Reason.NOT_PERMITTED, detail=detail)
        if not line.endswith(": No such file or directory"):
            raise ParseError(msg("find: {detail}", detail=verbatim(line)))
        if not answer.stdout:
            detail = msg("The declared backup directory {folder} does not exist", folder=folder)
            return Absent(reason=Reason.NOT_PRESENT, detail=detail)
    return None


def _reachable(name: str, folders: dict[str, int]) -> bool:
    """Whether others can pass through every folder between the set's own and the file."""
    way = name.split("/")[:-1]
    return all(folders.get("/".join(way[: i + 1]), 1) & 0o001 for i in range(len(way)))


def _entry(record: str, answer: Answer) -> tuple[str, BackupFile]:
    """Kind and file of one record: mtime, kind, size, mode, blocks and path."""
    cells = record.split(" ", 5)
    if len(cells) != 6 or cells[1] not in ("d", "f", "l"):
        raise ParseError(msg("not a record of the listing: {record}", record=verbatim(record)))
    at, kind, size, mode, blocks, path = cells
    bytes_ = whole_number(size)
    return kind, BackupFile(
        name=_below(path, answer), size=bytes_, mode=whole_number(mode, base=8),
        at=decimal_number(at),
        sparse=bytes_ > _INLINE and whole_number(blocks) == 0,
    )  # fmt: skip


# Some file systems keep files of up to a page within their index, without a block.
_INLINE = 4096
# Files beside backups: logs and checksums of the job, and unfinished files.
_ASIDE = (
    ".log", ".err", ".md5", ".md5sum", ".sha1", ".sha1sum", ".sha256", ".sha256sum", ".sha512",
    ".sha512sum", ".sm3", ".sig", ".lock", ".pid", ".part", ".partial", ".tmp", ".temp",
    ".filepart", ".incomplete", ".swp", "~",
)  # fmt: skip


def _is_aside(path: str, pattern: str) -> bool:
    """Whether the name is not that of a backup; files that match the pattern are backups."""
    name, asked = path.rpartition("/")[2].lower(), pattern.lower()
    hidden = name.startswith(".") and not asked.startswith(".")
    return hidden or any(name.endswith(s) and not asked.endswith(s) for s in _ASIDE)


def parse_files(answer: Answer) -> Files | Partial | Absent:
    """The files of the set, newest first."""
    if absent := _refusal(answer):
        return absent
    rows = enumerate(_records(answer), 1)
    entries, problems = read_rows(rows, lambda record: _entry(record, answer))
    folders = {e.name: e for kind, e in entries if kind == "d"}
    if "" not in folders and not answer.truncated and not problems:
        raise ParseError(msg("the listing lacks the directory itself"))
    if problems:
        entries = [(kind, e) for kind, e in entries if _way(e.name) <= set(folders)]
    return partial(_files(entries, folders, answer), problems)


def _files(
    entries: list[tuple[str, BackupFile]], folders: dict[str, BackupFile], answer: Answer
) -> Files:
    pattern, depth = str(declared.pattern(answer.target)), declared.depth(answer.target)
    modes = {name: e.mode for name, e in folders.items()}
    reached = [(kind, structs.replace(e, reachable=_reachable(e.name, modes)))
               for kind, e in entries]  # fmt: skip
    files, aside = _by_name(reached, pattern)
    below = [e for kind, e in reached if kind == "d" and e.name not in ("", "lost+found")]
    return Files(
        files=files,
        aside=aside,
        deeper=tuple(e for e in below if e.name.count("/") + 1 == depth),
        links=sum(kind == "l" for kind, _ in entries),
        open_folders=tuple(e.name for e in below if e.reachable and _open(e.mode)),
        complete=not answer.truncated,
    )


def _by_name(
    entries: list[tuple[str, BackupFile]], pattern: str
) -> tuple[tuple[BackupFile, ...], tuple[BackupFile, ...]]:
    """The backups and what lies beside them, newest first."""
    files = sorted((e for kind, e in entries if kind == "f"), key=lambda f: (-f.at, f.name))
    aside = {f.name for f in files if _is_aside(f.name, pattern)}
    return (
        tuple(f for f in files if f.name not in aside),
        tuple(f for f in files if f.name in aside),
    )


def _way(name: str) -> set[str]:
    """Every folder between the set's own and `name`."""
    parts = name.split("/")
    return {"/".join(parts[:deep]) for deep in range(1, len(parts))}


def _open(mode: int) -> bool:
    """Whether others may enter the folder and change what is in it."""
    return mode & 0o003 == 0o003 and not mode & 0o1000


def _bytes(text: str) -> bytes | None:
    """What od printed; without the `r` that find adds when od ended well, it could not read."""
    if not re.fullmatch(r"([0-9a-f \n]*r)?", text):
        raise ParseError(msg("not the output of od: {text}", text=verbatim(text)))
    try:
        return bytes.fromhex(text[:-1]) if text else None
    except ValueError as error:
        raise ParseError(msg("not the output of od: {text}", text=verbatim(text))) from error


def _head(first: str, second: str, answer: Answer) -> Head:
    """`first` is the time and the path, `second` what od printed and the path again."""
    at, mark, path = first.partition(" ")
    if not mark or not second.endswith(path):
        raise ParseError(msg("not a record of file headers: {record}", record=verbatim(first)))
    name = _below(path, answer)
    return Head(name=name, at=decimal_number(at), bytes=_bytes(second.removesuffix(path)))


def parse_heads(answer: Answer) -> tuple[Head, ...] | Absent:
    """The first bytes of the young files, newest first; unreadable ones with None."""
    if answer.truncated:
        detail = msg("The set has too many recent files to examine")
        return Absent(reason=Reason.TRUNCATED, detail=detail)
    cells = _records(answer)
    if len(cells) % 2:
        raise ParseError(msg("a record is truncated"))
    pattern = str(declared.pattern(answer.target))
    every = [
        _head(first, second, answer) for first, second in zip(cells[::2], cells[1::2], strict=True)
    ]
    heads = [head for head in every if not _is_aside(head.name, pattern)]
    if not every and (absent := _refusal(answer)):
        return absent
    return tuple(sorted(heads, key=lambda h: (-h.at, h.name)))


def parse_way(answer: Answer) -> tuple[int, ...] | Absent:
    """Mode bits of / and every folder below it down to the set's own.

    A directory that is closed to others ends the list: what is below it does not matter.
    """
    modes = tuple(whole_number(line, base=8) for line in answer.lines)
    if answer.exit_code == 0 or any(not mode & 0o001 for mode in modes):
        return modes
    return _refusal(answer) or modes


_LINE = re.compile(r"[-dlbcpsD][-rwxsStT]{9}([.+@]?) .*?(/.*)")


def parse_lists(answer: Answer) -> tuple[str, ...] | Absent:
    """The paths with an access list; a truncated listing is not used."""
    if answer.truncated:
        detail = msg("The set has too many files to check for access lists")
        return Absent(reason=Reason.TRUNCATED, detail=detail)
    rows = [_LINE.fullmatch(line) for line in answer.lines if line]
    if not rows or None in rows:
        raise ParseError(msg("not what ls prints"))
    return tuple(sorted(row[2] for row in rows if row and row[1] == "+"))


def parse_set_lists(answer: Answer) -> tuple[str, ...] | Absent:
    """The same of the set itself, where it could be listed."""
    return (None if answer.truncated else _refusal(answer)) or parse_lists(answer)


def parse_clock(answer: Answer) -> int:
    """Epoch seconds by the clock of the host."""
    return whole_number(answer.text.strip())


FILES = fact("backup.files", Files, ask=ask_files, parse=parse_files, kind="backup_set")
HEADS = fact("backup.heads", tuple[Head, ...], ask=ask_heads, parse=parse_heads, kind="backup_set")
WAY = fact("backup.way", tuple[int, ...], ask=ask_way, parse=parse_way, kind="backup_set")
LISTS = fact(
    "backup.access-lists", tuple[str, ...], ask=ask_lists, parse=parse_set_lists,
    kind="backup_set",
)  # fmt: skip
WAY_LISTS = fact(
    "backup.way-access-lists", tuple[str, ...], ask=ask_way_lists, parse=parse_lists,
    kind="backup_set",
)  # fmt: skip
CLOCK = fact(
    "backup.clock", int, kind="backup_set",
    ask=Command(argv=("date", "+%s")), parse=parse_clock,
)  # fmt: skip

FACTS = (FILES, HEADS, WAY, LISTS, WAY_LISTS, CLOCK)
