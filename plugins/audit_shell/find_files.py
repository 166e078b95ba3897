"""A `ReadFiles` request as exact argvs of find(1), and what find prints as files. PURE.

GNU find prints one record per file, all in one stream:

    MARK TYPE MODE SIZE UID GID TIME DEPTH PATH NUL          for each file and directory
    BASE64 NUL + NUL                                         after a file that was read (- : failed)
    SHA256 two blanks PATH NUL                               for each that was read, at the end

A path holds every byte but NUL, and base64 holds no NUL, so that neither a name nor the content of
a file can pass for a record. The digest is taken after the file was read: it tells that the file
did not change meanwhile.
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import functools
import hashlib
import re
from collections.abc import Iterable, Iterator

from msgspec import Struct, structs

from audit_core.model import FileEntry, FileStatus, Message, ReadFiles, msg, verbatim

_FIND = "/usr/bin/find"
_BASE64 = "/usr/bin/base64"
_SUM = "/usr/bin/sha256sum"
_RECORD = r"%y%Y %m %s %U %G %T@ %d %p\0"
_MAGIC = frozenset("*?[")


class Search(Struct, frozen=True, kw_only=True):
    """One call of find. `starts` are the paths that it has to tell of, or else it did not run.

    `files` and `folders` say, as expressions of Python, which paths below the starts are read and
    entered: find complains of more than these.
    """

    starts: tuple[str, ...]
    deepest: int
    argv: tuple[str, ...]
    files: str
    folders: str


@functools.lru_cache(maxsize=1024)  # the same are asked of every host, each several times
def searches(request: ReadFiles) -> tuple[Search, ...]:
    """The calls of find that answer `request`: one for its paths, one for each glob."""
    globbed = (_globbed(request, glob) for glob in request.globs)
    if not request.paths:
        return tuple(globbed)
    named = _search(
        request, request.paths, request.depth, _named(request),
        files="(.*/)?(" + "|".join(map(fnmatch.translate, request.names or ("*",))) + ")",
    )  # fmt: skip
    return (named, *globbed)


def stream_limit(request: ReadFiles) -> int:
    """How many bytes of one call of find are enough for the most that `request` takes."""
    return request.limit * 7 // 5 + 512 * request.max_files


def _search(
    request: ReadFiles, starts: tuple[str, ...], deepest: int, chosen: tuple[str, ...],
    entered: tuple[str, ...] = (), files: str = ".*", folders: str = ".*",
) -> Search:  # fmt: skip
    read = (
        "-exec", _BASE64, "--", "{}", ";", "-printf", r"\0+\0",
        "-exec", _SUM, "-z", "--", "{}", "+", "-o", "-printf", r"\0-\0",
    )  # fmt: skip
    printed = (
        "-type", "f", "(", "-readable", "(", "-size", f"-{request.file_limit + 1}c",
        "-printf", "f" + _RECORD, "(", *read, ")", "-o", "-printf", "b" + _RECORD, ")",
        "-o", "-printf", "n" + _RECORD, ")", "-o", "-printf", "o" + _RECORD,
    )  # fmt: skip
    looked_into = ("-readable", "-executable", "-printf", "d" + _RECORD, "-o",
                   "-printf", "c" + _RECORD, "-prune")  # fmt: skip
    argv = (
        _FIND, "-L", *starts, "-maxdepth", str(deepest), "-regextype", "posix-extended",
        "(", "-type", "d", "(", *entered, *looked_into, ")", "-o", *chosen, "(", *printed, ")", ")",
    )  # fmt: skip
    return Search(starts=starts, deepest=deepest, argv=argv, files=files, folders=folders)


def _named(request: ReadFiles) -> tuple[str, ...]:
    """The test for files below a path; one that is itself named is read whatever its name."""
    if not request.names:
        return ()
    whole = [word for path in request.paths for word in ("-o", "-path", _as_pattern(path))]
    tests = [word for name in request.names for word in ("-o", "-name", name)]
    return ("(", *[*whole, *tests][1:], ")")


def _as_pattern(path: str) -> str:
    return re.sub(r"([*?[\\])", r"\\\1", path)


# --- globs --------------------------------------------------------------------------------------


def _globbed(request: ReadFiles, glob: str) -> Search:
    parts = glob.strip("/").split("/")
    fixed = next((i for i, part in enumerate(parts) if _MAGIC & set(part)), len(parts) - 1)
    base = "/" + "/".join(parts[:fixed])
    patterns = [_regex(part) for part in parts[fixed:]]
    above = _literal(base.rstrip("/"))
    steps = ["/".join((above, *patterns[:n])) for n in range(1, len(patterns))]
    entered = "|".join([above or "/", *steps])
    whole = "/".join((above, *patterns))
    return _search(
        request, (base,), len(patterns), ("-regex", whole),
        ("!", "-regex", f"({entered})", "-prune", "-o"), files=whole, folders=entered,
    )  # fmt: skip


def _regex(pattern: str) -> str:
    """One part of a glob as an extended regular expression of POSIX."""
    found, at = "", 0
    while at < len(pattern):
        char, at = pattern[at], at + 1
        close = pattern.find("]", at + 1 + pattern.startswith("!", at)) if char == "[" else -1
        if char == "*":
            found += "([^/.][^/]*)?" if not found else "[^/]*"
        elif char == "?":
            found += "[^/]" if found else "[^/.]"
        elif close > 0:
            inner, at = pattern[at:close], close + 1
            found += f"[^/{inner[1:]}]" if inner.startswith("!") else f"[{inner}]"
        else:
            found += _literal(char)
    return found


def _literal(text: str) -> str:
    return re.sub(r"([][\\^$.|?*+(){}])", r"\\\1", text)


# --- reading ------------------------------------------------------------------------------------

_HEAD = re.compile(
    rb"([fbnodc])([a-zA-Z?])([a-zA-Z?]) ([0-7]{1,5}) ([0-9]{1,19}) ([0-9]{1,10}) ([0-9]{1,10})"
    rb" (-?[0-9]{1,19}(?:\.[0-9]{1,12})?) ([0-9]{1,6}) (/.*)",
    re.DOTALL,
)
_DIGEST = re.compile(rb"([0-9a-f]{64})  (/.*)", re.DOTALL)
_STATUS = {b"b": FileStatus.TOO_BIG, b"n": FileStatus.NOT_PERMITTED, b"c": FileStatus.NOT_PERMITTED}


class Unreadable(Exception):
    """The stream is not what find prints for this request; `detail` is why."""

    def __init__(self, detail: Message) -> None:
        super().__init__(str(detail))
        self.detail = detail


class Found(Struct, frozen=True, kw_only=True):
    """The files that one call of find reported, and whether the output was cut."""

    files: tuple[FileEntry, ...]
    truncated: bool


class _Reader:
    """The records of one stream."""

    def __init__(self, search: Search, stream: bytes, *, cut: bool) -> None:
        self._search = search
        self._parts = stream.split(b"\0")
        self._at = 0
        tail = self._parts.pop()  # behind the last NUL: nothing, or the part that was cut off
        if tail and not cut:
            raise Unreadable(msg("the last record is incomplete"))
        self._cut = cut
        self.reported: set[str] = set()
        self.files: list[FileEntry] = []
        self.digests: dict[str, str] = {}

    def read(self) -> None:
        """Takes all records; raises Unreadable."""
        while self._at < len(self._parts):
            record = self._take()
            head, digest = _HEAD.fullmatch(record), _DIGEST.fullmatch(record)
            if head is not None:
                self._entry(head)
            elif digest is not None:
                self.digests[_path(digest[2])] = digest[1].decode()
            else:
                raise Unreadable(
                    msg("not a record of find: {record}", record=verbatim(record[:80]))
                )

    def _take(self) -> bytes:
        self._at += 1
        return self._parts[self._at - 1]

    def _entry(self, head: re.Match[bytes]) -> None:
        mark, kind, path = head[1], head[2], _path(head[10])
        self.reported.add(path)
        if mark == b"d" or (mark == b"c" and int(head[9]) >= self._search.deepest):
            return  # of a directory at the deepest level nothing was wanted
        status = _STATUS.get(mark, FileStatus.NOT_REGULAR)
        if mark == b"o" and kind == b"l":
            status = FileStatus.BROKEN_LINK
        entry = FileEntry(
            path=path, status=status, mode=int(head[4], 8), size=int(head[5]), uid=int(head[6]),
            gid=int(head[7]), modified=float(head[8]),
        )  # fmt: skip
        if mark == b"f":
            if self._at + 2 > len(self._parts):  # its content was cut off
                if not self._cut:
                    raise Unreadable(msg("the last file is incomplete"))
                self._at = len(self._parts)
                return
            entry = _with_content(entry, self._take(), self._take())
        self.files.append(entry)


def _path(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _with_content(entry: FileEntry, encoded: bytes, mark: bytes) -> FileEntry:
    if mark == b"-":
        return structs.replace(entry, status=FileStatus.FAILED)
    try:
        data = base64.b64decode(encoded.replace(b"\n", b""), validate=True)
    except binascii.Error as error:
        raise Unreadable(msg("the content of a file is not base64")) from error
    if mark != b"+":
        raise Unreadable(msg("the content of a file has no end marker"))
    return structs.replace(entry, status=FileStatus.READ, data=data)


def read_stream(search: Search, stdout: bytes, stderr: bytes, *, cut: bool) -> Found:
    """The files in the output of find; `cut` where stdout ends too early. Raises Unreadable."""
    reader = _Reader(search, stdout, cut=cut)
    reader.read()
    complaints = dict(_complaints(stderr, search))
    for start in search.starts:
        known = start in reader.reported or start in complaints
        if not (known or cut or any(_within(c, start) for c in complaints)):
            raise Unreadable(msg("find did not report {path}", path=start))
    missing = [FileEntry(path=path, status=status) for path, status in complaints.items()]
    files = [_settled(file, reader.digests, stderr, cut=cut) for file in reader.files]
    return Found(files=(*files, *missing), truncated=cut)


def _within(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip("/") + "/")


def _settled(file: FileEntry, digests: dict[str, str], stderr: bytes, *, cut: bool) -> FileEntry:
    """`file`; CHANGED where its digest taken afterwards is another one, or is missing."""
    if file.status is FileStatus.FAILED:
        # It was readable a moment before; access(2) does not see what a security module forbids.
        refused = b"base64: " in stderr and b"ermission denied" in stderr
        status = FileStatus.NOT_PERMITTED if refused else FileStatus.FAILED
        return structs.replace(file, status=status)
    if file.status is not FileStatus.READ:
        return file
    if cut and file.path not in digests and len(file.data) == file.size:
        return file  # digests stand at the end, which was cut off
    if digests.get(file.path) == hashlib.sha256(file.data).hexdigest():
        return file
    return structs.replace(file, status=FileStatus.CHANGED, data=b"")


_COMPLAINT = re.compile(rb"^(?:/usr/bin/)?find: '(.+)': ([^\n]+)$", re.MULTILINE)
_REASONS = {
    b"Permission denied": FileStatus.NOT_PERMITTED,
    b"Too many levels of symbolic links": FileStatus.BROKEN_LINK,
    b"No such file or directory": FileStatus.NOT_PRESENT,
    b"Not a directory": FileStatus.NOT_PRESENT,
}
_ESCAPED = re.compile(rb"\\([0-7]{3}|.)")
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f",
            b"v": b"\v"}  # fmt: skip


def _complaints(stderr: bytes, search: Search) -> Iterator[tuple[str, FileStatus]]:
    """The paths that find could not report, by its error output.

    What is not there counts only where it was named: all else went away while find was under way.
    """
    for hit in _COMPLAINT.finditer(stderr):
        path = _path(_ESCAPED.sub(_unescaped, hit[1]))
        status = _REASONS.get(hit[2], FileStatus.FAILED)
        if path in search.starts or (
            status is not FileStatus.NOT_PRESENT and _concerns(search, path, status)
        ):
            yield path, status


def _concerns(search: Search, path: str, status: FileStatus) -> bool:
    """Whether something that was asked for may be at `path`, or, where it is no file, below."""
    if re.fullmatch(search.files, path, re.DOTALL):
        return True
    if status is FileStatus.BROKEN_LINK:
        return False
    level = min(path.count("/") - s.rstrip("/").count("/") for s in search.starts)
    return level < search.deepest and re.fullmatch(search.folders, path, re.DOTALL) is not None


def _unescaped(hit: re.Match[bytes]) -> bytes:
    if hit[1].isdigit():
        return bytes([int(hit[1], 8) & 255])
    return _LETTERS.get(hit[1], hit[1])


def joined(request: ReadFiles, parts: Iterable[Found]) -> Found:
    """The files of all searches for `request` by path, each once, within its bounds."""
    found: dict[str, FileEntry] = {}
    truncated = False
    for part in parts:
        truncated = truncated or part.truncated
        for file in part.files:
            if file.status is FileStatus.NOT_PRESENT and file.path not in request.paths:
                continue  # the directory above a glob: nothing matches
            found[file.path] = _either(found.get(file.path), file)
    for path in request.paths if request.depth == 0 and not truncated else ():
        found.setdefault(path, FileEntry(path=path, status=FileStatus.NOT_REGULAR))
    return _bounded(request, [found[path] for path in sorted(found)], truncated=truncated)


def _either(one: FileEntry | None, other: FileEntry) -> FileEntry:
    """The entry of a file that was found twice."""
    if one is None or one == other:
        return other
    both = {one.status, other.status}
    if both == {FileStatus.READ} and one.data == other.data:
        return other
    return structs.replace(one, status=FileStatus.CHANGED, data=b"")


def _bounded(request: ReadFiles, files: list[FileEntry], *, truncated: bool) -> Found:
    kept: list[FileEntry] = []
    room = request.limit
    for file in files:
        room -= len(file.data)
        if room < 0 or len(kept) >= request.max_files:
            return Found(files=tuple(kept), truncated=True)
        kept.append(file)
    return Found(files=tuple(kept), truncated=truncated)
