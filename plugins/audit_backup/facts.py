"""The facts of a backup set. Its requests run on the host that the set is a part of.

Every request has a fixed shape; only what the inventory declares goes into it. The folder begins
and ends with a slash, so that find can take it neither for an option nor for a plain file. No
argument holds a backslash: sudoers reads it as an escape twice.
"""

from __future__ import annotations

import math
import os
import posixpath
import re
from collections.abc import Callable, Iterator

from msgspec import structs

from audit_backup import declared, names, programs
from audit_backup.content import SMALL, content
from audit_backup.magic import is_beside
from audit_backup.model import BackupFile, Ends, Files, Inside, Tested
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
    complete,
    decimal_number,
    derive,
    fact,
    known,
    known_or_absent,
    msg,
    optional,
    partial,
    read_rows,
    verbatim,
    whole_number,
)

_FIND = "/usr/bin/find"
_HEAD, _TAIL, _LS = "/usr/bin/head", "/usr/bin/tail", "/usr/bin/ls"
_TAR, _SHA256SUM = "/usr/bin/tar", "/usr/bin/sha256sum"
_ZGREP, _XZGREP, _ZSTDGREP = "/usr/bin/zgrep", "/usr/bin/xzgrep", "/usr/bin/zstdgrep"
_GZIP, _XZ, _BZIP2 = "/usr/bin/gzip", "/usr/bin/xz", "/usr/bin/bzip2"
_ZSTD, _LZ4, _UNZIP = "/usr/bin/zstd", "/usr/bin/lz4", "/usr/bin/unzip"
_PRLIMIT = "/usr/bin/prlimit"
_LIMIT = 1 << 20  # some 12,000 files


def _command(
    target: Target,
    make: Callable[[str, str, str], tuple[str, ...]],
    limit: int,
    timeout_s: int = 60,
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
        timeout_s=timeout_s, limit=limit, ok=(0, 1), partial_ok=True,
    )  # fmt: skip


def ask_files(target: Target) -> Command | Message:
    """List files, links and folders: mtime, type, size, mode, blocks, inode and path, then NUL."""
    return _command(
        target,
        lambda folder, pattern, depth: (
            _FIND, "-H", folder, "-maxdepth", depth, "-xdev",
            "(", "-type", "d", "-o", "(", "-type", "f", "-o", "-type", "l", ")",
            "-name", pattern, ")", "-printf", "%T@ %y %s %m %b %D:%i ", "-print0",
        ),
        _LIMIT,
    )  # fmt: skip


def _names(*ends: str) -> tuple[str, ...]:
    """The expression of find for names with one of `ends`."""
    tests = tuple(word for end in ends for word in ("-o", "-iname", f"*{end}"))
    return ("(", *tests[1:], ")")


def ask_ends(target: Target) -> Command | Message:
    """Read the first 16 bytes of each file, and the last 32 of those that are archives by name.

    No more: the bytes are stored, and those of a text may be data.
    """
    return _command(
        target,
        lambda folder, pattern, depth: (
            _FIND, "-H", folder, "-maxdepth", depth, "-xdev", "-type", "f", "-name", pattern,
            "-size", "+0", "-exec", _HEAD, "-v", "-c", "16", "--", "{}", "+",
            *_names(*names.ARCHIVES, *names.ROTATED),
            "-exec", _TAIL, "-v", "-c", "32", "--", "{}", "+",
        ),
        _LIMIT * 4,
    )  # fmt: skip


# -o prints no data: only the words that a statement or a comment of the program begins with.
# pg_dump lists what is in its own format without compression: `TABLE DATA` for each table with it.
_ROWS = (
    "^[[:blank:]]*([Ii][Nn][Ss][Ee][Rr][Tt] |[Rr][Ee][Pp][Ll][Aa][Cc][Ee] INTO |UPSERT "
    '|COPY [[:alnum:]_.,"() ]+ FROM stdin)|TABLE DATA'
)
# `.` and a sign before it end the rows of COPY (an argument may hold no backslash, see above).
_STATEMENTS = (
    f"^(-- (MySQL|MariaDB) dump |-- PostgreSQL database )|{_ROWS}|^.[.]$"
    "|^CREATE (TABLE|VIEW|FUNCTION|PROCEDURE|SEQUENCE|TYPE|INDEX|ROLE|USER)"
)
# A line without an end would fill the memory.
_GREP = (_PRLIMIT, "--as=1073741824")
_TEXTS = (
    (_ZGREP, (".sql", ".dump", ".dmp", ".bak", *names.OWN_DUMPS, ".gz")),
    (_XZGREP, (".xz", ".bz2")), (_ZSTDGREP, (".zst",)),
)  # fmt: skip
# In a larger dump rows are looked for up to the first one.
_LARGE_TEXTS = (
    (_ZGREP, (".sql", ".sql.gz", *names.OWN_DUMPS, ".dump")), (_XZGREP, (".sql.xz", ".sql.bz2")),
    (_ZSTDGREP, (".sql.zst",)),
)  # fmt: skip
_LARGE = 16 << 20
_TAR_NAMES = (*names.TARS, ".tar.*")


def _framed(select: tuple[str, ...], *run: str, then: tuple[str, ...] = ()) -> tuple[str, ...]:
    """For each file that `select` takes: its path, what `run` prints, `y` or `n`, its path.

    `then` is what follows where `run` ended well.
    """
    return (
        "(", *select, "-print0", "(", "-exec", *run, "{}", ";", *then, "-printf", "y",
        "-o", "-printf", "n", ")", "-print0", ")",
    )  # fmt: skip


def _either(*parts: tuple[str, ...]) -> tuple[str, ...]:
    words = tuple(word for part in parts for word in ("-o", *part))
    return ("(", *words[1:], ")")


def ask_insides(target: Target) -> Command | Message:
    """List small tar archives, sum zip archives, and find the statements in SQL dumps."""
    small = ("-size", f"-{SMALL + 1}c")
    return _command(
        target,
        lambda folder, pattern, depth: (
            _FIND, "-H", folder, "-maxdepth", depth, "-xdev", "-type", "f", "-name", pattern,
            "-size", "+0", "-size", f"-{_LARGE + 1}c",
            *_either(
                _framed(_names(".zip"), _UNZIP, "-Zt"),
                _framed((*small, *_names(*_TAR_NAMES)), _TAR, "-tvf"),
                *(_framed((*small, *_names(*ends)), *_GREP, program, "-anoE", "-m", "500",
                          _STATEMENTS) for program, ends in _TEXTS),
                *(_framed(_names(*ends), *_GREP, program, "-aoE", "-m", "1", _ROWS)
                  for program, ends in _LARGE_TEXTS),
            ),
        ),
        _LIMIT * 4,
    )  # fmt: skip


# What mysqldump, mariadb-dump, pg_dump and pg_dumpall write first and last.
_MARKS = (
    "^(-- (MySQL|MariaDB) dump |-- Dump completed|-- PostgreSQL database( cluster)? dump"
    "( complete)?$)"
)
_TARS = (
    (_GZIP, ("-tq",), (".tar.gz", ".tgz")), (_XZ, ("-tq",), (".tar.xz", ".txz")),
    (_BZIP2, ("-tq",), (".tar.bz2", ".tbz2", ".tbz")), (_ZSTD, ("-tq",), (".tar.zst", ".tzst")),
    (_LZ4, ("-tq",), (".lz4",)), (_UNZIP, ("-tqq",), (".zip",)),
    (_TAR, ("-t", "--exclude=*", "-f"), (".tar",)),  # read to its end, and no name is printed
)  # fmt: skip
_PACKED = (
    (_GZIP, _ZGREP, ".gz"), (_XZ, _XZGREP, ".xz"), (_BZIP2, _XZGREP, ".bz2"),
    (_ZSTD, _ZSTDGREP, ".zst"),
)  # fmt: skip
_PLAIN_TEXT = (".sql", ".dump", ".dmp")
_LARGEST = 256 << 20  # bytes that are tested; more would load the host


def ask_tests(target: Target) -> Command | Message:
    """Test each archive that is younger than the objective, and find the marks of SQL dumps."""
    hours = declared.rpo_hours(target)
    if isinstance(hours, Message):
        return hours
    young = ("-mmin", f"-{math.ceil(hours * 60)}", "-size", "+0", "-size", f"-{_LARGEST + 1}c")
    return _command(
        target,
        lambda folder, pattern, depth: (
            _FIND, "-H", folder, "-maxdepth", depth, "-xdev", "-type", "f", "-name", pattern,
            *young,
            *_either(
                *(_framed(_names(*ends), program, *words) for program, words, ends in _TARS),
                *(_framed(_names(end), program, "-tq", then=_marks(grep))
                  for program, grep, end in _PACKED),
                _framed(_names(*_PLAIN_TEXT), "/usr/bin/true", then=_marks(_ZGREP)),
            ),
        ),
        _LIMIT * 4, timeout_s=180,
    )  # fmt: skip


def _marks(grep: str) -> tuple[str, ...]:
    """The expression that prints the marks of a dump, and is true whether there are any or not."""
    return ("(", "-exec", *_GREP, grep, "-aoE", _MARKS, "{}", ";", "-o", "-true", ")")


_DIGESTED = 8 << 20  # bytes of a file; thirty of them take a second


def ask_digests(target: Target) -> Command | Message:
    """The digest of each small file: copies of one backup have one."""
    return _command(
        target,
        lambda folder, pattern, depth: (
            _FIND, "-H", folder, "-maxdepth", depth, "-xdev", "-type", "f", "-name", pattern,
            "-size", "+0", "-size", f"-{_DIGESTED + 1}c",
            "-exec", _SHA256SUM, "-bz", "--", "{}", "+",
        ),
        _LIMIT * 4,
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
    """The errors of find as an absence; files that were removed meanwhile do not matter.

    What the programs that find starts say is for the parser of their output.
    """
    folder = str(declared.folder(answer.target))
    lines = answer.stderr.decode("utf-8", "backslashreplace").splitlines()
    for line in lines:
        if answer.truncated and line.endswith(": Broken pipe"):
            continue
        if not line.startswith(("find: ", f"{_FIND}: ")) or "'/usr/bin/" in line:
            continue
        if line.endswith("/lost+found': Permission denied"):
            continue  # of the file system, and closed to all but root
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
    """Kind and file of one record: mtime, kind, size, mode, blocks, inode and path."""
    cells = record.split(" ", 6)
    if len(cells) != 7 or cells[1] not in ("d", "f", "l"):
        raise ParseError(msg("not a record of the listing: {record}", record=verbatim(record)))
    at, kind, size, mode, blocks, inode, path = cells
    bytes_ = whole_number(size)
    return kind, BackupFile(
        name=_below(path, answer), size=bytes_, mode=whole_number(mode, base=8),
        at=decimal_number(at), inode=inode,
        sparse=bytes_ > _INLINE and whole_number(blocks) == 0,
    )  # fmt: skip


# Some file systems keep files of up to a page within their index, without a block.
_INLINE = 4096


def parse_files(answer: Answer) -> Files | Partial | Absent:
    """The files of the set, newest first; Partial where a row could not be read."""
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
    files, aside, unclear = _by_name([e for kind, e in reached if kind == "f"], pattern)
    below = [e for kind, e in reached if kind == "d" and e.name not in ("", "lost+found")]
    return Files(
        files=files,
        aside=aside,
        unclear=unclear,
        deeper=tuple(e for e in below if e.name.count("/") + 1 == depth),
        links=sum(kind == "l" for kind, _ in entries),
        open_folders=tuple(e.name for e in below if e.reachable and _open(e.mode)),
        folders=tuple(below),
        complete=not answer.truncated,
    )


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


_TITLE = rb"\n?==> (%s[^\0]*?) <==\n"


def parse_ends(answer: Answer) -> dict[str, Ends] | Absent:
    """First and last bytes by name; a file that could not be read has none.

    head and tail name each file before its bytes; the first time that a name stands there it is
    head's.
    """
    if absent := _refusal(answer):
        return absent
    folder = os.fsencode(str(declared.folder(answer.target)))
    parts = re.split(_TITLE % re.escape(folder), answer.stdout)
    found: dict[str, Ends] = {}
    for name, data in zip(parts[1::2], parts[2::2], strict=True):
        key = os.fsdecode(name).removeprefix(os.fsdecode(folder))
        before = found.get(key)
        found[key] = Ends(head=data[:16]) if before is None else Ends(head=before.head, tail=data)
    return found


def _runs(answer: Answer) -> Iterator[tuple[str, str, bool]]:
    """Name, output and success of each program that `_framed` ran."""
    cells = _records(answer)
    for first, second in zip(cells[::2], cells[1::2], strict=False):
        if not second.endswith(first) or second[: -len(first)][-1:] not in ("y", "n"):
            raise ParseError(msg("not a record of tests: {record}", record=verbatim(second)))
        text = second[: -len(first)]
        yield _below(first, answer), text[:-1], text[-1] == "y"


_MEMBER = re.compile(r"[-hl]\S{9}\S? +\S+ +(\d+) ")


def parse_insides(answer: Answer) -> dict[str, Inside] | Absent:
    """What archives and dumps hold, by name."""
    if absent := _refusal(answer):
        return absent
    missing = any(name in answer.stderr for name in (b"grep': No such file", b"prlimit'"))
    found = {name: _inside(name, text, ended, missing) for name, text, ended in _runs(answer)}
    return {name: inside for name, inside in found.items() if inside is not None}


_SUM = re.compile(r"\d+ files?, (\d+) bytes uncompressed")


def _inside(name: str, text: str, ended: bool, missing: bool) -> Inside | None:
    """None of a file that is no SQL dump as far as is known; `missing`: a program is not there."""
    lines = text.splitlines()
    if name.lower().endswith(".zip"):
        total = _SUM.match(lines[0]) if lines else None
        return Inside(holds=total[1] != "0", readable=True, header=True) if total else None
    if names.is_tar(name):
        sizes = [row for line in lines if (row := _MEMBER.match(line))]
        return Inside(holds=sum(row[1] != "0" for row in sizes), readable=ended, header=True)
    rows = _statements(lines)
    if not rows:
        return None if missing else Inside(holds=0, readable=True)
    headers = sum(line.startswith("-- ") for line in rows)
    statements = [line for line in rows if not line.startswith("-- ")]
    schema = bool(statements) and all(line.startswith("CREATE ") for line in statements)
    return Inside(holds=len(statements), readable=ended, header=headers > 0, schema=schema)


_NUMBERED = re.compile(r"(?:(\d+):)?(.*)")


def _statements(lines: list[str]) -> list[str]:
    """What grep found, without the ends of COPY and without each COPY that ends at once."""
    found = [(int(row[1] or 0), row[2]) for line in lines if (row := _NUMBERED.fullmatch(line))]
    ends = {number for number, text in found if len(text) == 2}
    return [
        text for number, text in found
        if len(text) != 2 and not (text.startswith("COPY ") and number + 1 in ends)
    ]  # fmt: skip


def parse_tests(answer: Answer) -> tuple[Tested, ...] | Absent:
    """The outcome for each young archive and dump; what was not tested is not in it."""
    if absent := _refusal(answer):
        return absent
    errors = answer.stderr.decode("utf-8", "surrogateescape").splitlines()
    folder = str(declared.folder(answer.target))
    return tuple(
        _tested(name, folder, text.splitlines(), ended, errors)
        for name, text, ended in _runs(answer)
    )


_END = re.compile("Dump completed|dump complete$")
_NOT_RUN = re.compile(
    "No such file or directory|not found|memory exhausted|[Pp]ermission denied|not permitted"
    "|not look like a tar archive|trailing (garbage|zero)"
)


def _tested(name: str, folder: str, lines: list[str], ended: bool, errors: list[str]) -> Tested:
    """A program that could not be run, or could not open the file, found nothing wrong."""
    path = folder + name
    complaints = [line for line in errors if path in line or folder not in line]
    not_run = any(_NOT_RUN.search(line) for line in complaints)
    ends = sum(bool(_END.search(line)) for line in lines)
    headers = len(lines) - ends
    last = ends >= max(headers, 1)  # pg_dumpall writes one more pair around all
    text = name.lower().endswith(_PLAIN_TEXT)
    return Tested(
        name=name,
        passed=ended and not not_run and (last or not text),
        error="" if ended or not_run else next((x for x in complaints if path in x), name),
        dump=not not_run and headers > 0,
        ended=last,
    )


def parse_digests(answer: Answer) -> dict[str, str] | Absent:
    """The SHA-256 of small files by name; a cut answer would hide copies."""
    if absent := _refusal(answer):
        return absent
    if answer.truncated:
        detail = msg("The set has too many small files to compare them")
        return Absent(reason=Reason.TRUNCATED, detail=detail)
    rows = [re.fullmatch(r"([0-9a-f]{64}) [ *](/.*)", record, re.S) for record in _records(answer)]
    if None in rows:
        raise ParseError(msg("not the output of sha256sum"))
    return {_below(row[2], answer): row[1] for row in rows if row}


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
        raise ParseError(msg("not output of ls"))
    return tuple(sorted(row[2] for row in rows if row and row[1] == "+"))


def parse_set_lists(answer: Answer) -> tuple[str, ...] | Absent:
    """The same of the set itself, where it could be listed."""
    return (None if answer.truncated else _refusal(answer)) or parse_lists(answer)


def parse_clock(answer: Answer) -> int:
    """Epoch seconds by the clock of the host."""
    return whole_number(answer.text.strip())


FILES = fact("backup.files", Files, ask=ask_files, parse=parse_files, kind="backup_set")
ENDS = fact("backup.ends", dict[str, Ends], ask=ask_ends, parse=parse_ends, kind="backup_set")
INSIDES = fact(
    "backup.insides", dict[str, Inside], ask=ask_insides, parse=parse_insides, kind="backup_set"
)
TESTS = fact(
    "backup.tests", tuple[Tested, ...], ask=ask_tests, parse=parse_tests, kind="backup_set"
)
ARCHIVES = fact(
    "backup.archives", tuple[BackupFile, ...], kind="backup_set",
    ask=programs.ask_archives, parse=programs.parse_archives,
)  # fmt: skip
DIGESTS = fact(
    "backup.digests", dict[str, str], ask=ask_digests, parse=parse_digests, kind="backup_set"
)
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
    "backup.clock", int, kind="backup_set", ask=programs.CLOCK, parse=parse_clock,
)  # fmt: skip


def looked_into(
    files: Files,
    ends: dict[str, Ends] | Absent,
    insides: dict[str, Inside] | Absent,
    archives: tuple[BackupFile, ...] | None = None,
) -> Files:
    """`files` with what is known of the content of each, or what the backup program lists.

    A snapshot of rsnapshot was made at the time of its directory: its files keep the times of
    their originals.
    """
    if archives is not None:
        return Files(files=archives, complete=True, listed=True)
    ends, insides = known(ends) or {}, known(insides) or {}
    beside = tuple(f for f in files.files if f.name in ends and is_beside(ends[f.name].head))
    found = [
        structs.replace(f, at=_made(f, files), content=content(f, ends.get(f.name),
                                                               insides.get(f.name)))
        for f in files.files if f not in beside
    ]  # fmt: skip
    return structs.replace(
        files,
        files=tuple(sorted(found, key=lambda f: (-f.at, f.name))),
        aside=(*files.aside, *beside),
    )


def _made(file: BackupFile, files: Files) -> float:
    """When `file` was made: with its snapshot, whose directory has the time that its name has."""
    top = names.snapshot(file.name)
    at = next((f.at for f in files.folders if f.name == top), None)
    days = names.days(top)
    if at is None or (days and not any(names.is_of_day(at, day) for day in days)):
        return file.at
    return at


SET = derive(
    "backup.set", Files, make=looked_into,
    needs=(
        complete(FILES), known_or_absent(ENDS), known_or_absent(INSIDES), optional(ARCHIVES),
    ),
)  # fmt: skip

FACTS = (FILES, ENDS, INSIDES, ARCHIVES, TESTS, DIGESTS, WAY, LISTS, WAY_LISTS, CLOCK, SET)
