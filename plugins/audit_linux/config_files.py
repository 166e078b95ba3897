"""Configuration files read in one request: existing files, their order, and unreadable ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answer,
    FileEntry,
    FileStatus,
    Message,
    ParseError,
    ReadFiles,
    Reason,
    Values,
    capped,
    msg,
    not_present,
)

# Programs ignore these like missing files.
_NO_FILE = (FileStatus.NOT_PRESENT, FileStatus.BROKEN_LINK, FileStatus.NOT_REGULAR)


def whole_files(answer: Answer) -> tuple[FileEntry, ...] | Absent:
    """The files that were read, by path; NOT_PRESENT where there is none.

    Where one of them was not read, the answer is Absent with the reason: what it says is unknown.
    Broken links and what is no regular file are passed over.
    """
    return _whole(answer.files)


def files_below(answer: Answer, folders: tuple[str, ...]) -> tuple[FileEntry, ...] | Absent:
    """The files in `folders`, read or not, by path; NOT_PRESENT where there is none.

    Absent with the reason where a folder itself could not be looked into.
    """
    files = [file for file in answer.files if file.status not in _NO_FILE]
    closed = [f for f in files if f.path in folders and f.status is not FileStatus.READ]
    if closed:
        return _not_read(closed)
    return tuple(files) or not_present(msg("None of these files exists"))


def _whole(given: Iterable[FileEntry]) -> tuple[FileEntry, ...] | Absent:
    files = [file for file in given if file.status not in _NO_FILE]
    unread = [file for file in files if file.status is not FileStatus.READ]
    if unread:
        return _not_read(unread)
    return tuple(files) or not_present(msg("None of these files exists"))


def _not_read(unread: Iterable[FileEntry]) -> Absent:
    status = min((file.status for file in unread), key=list(FileStatus).index)
    paths = capped(file.path for file in unread if file.status is status)
    reason, detail = {
        FileStatus.NOT_PERMITTED: (Reason.NOT_PERMITTED, unreadable(paths)),
        FileStatus.TOO_BIG: (Reason.TRUNCATED, msg("Too big to be read: {paths}", paths=paths)),
    }.get(status, (Reason.UNPARSABLE, _unsteady(paths)))
    return Absent(reason=reason, detail=detail)


def unreadable(paths: Values) -> Message:
    """That the account of the audit may not read these files, and what lets it."""
    return msg("Cannot read {paths}; as root, setfacl -m u:ACCOUNT:rX opens each of them to the "
               "account of the audit", paths=paths)  # fmt: skip


def _unsteady(paths: Values) -> Message:
    return msg("Not read completely, or changed while being read: {paths}", paths=paths)


class ConfigFile(Struct, frozen=True, kw_only=True):
    """One configuration file: its path and its lines without line ends (CR LF counts as one)."""

    path: str
    lines: tuple[str, ...]


class ConfigPaths(Struct, frozen=True, kw_only=True):
    """Where the configuration of a program lies: `files`, and the files in `folders`.

    Of the files in folders those count whose name matches `pattern` and has no dot in front.
    """

    files: tuple[str, ...]
    folders: tuple[str, ...] = ()
    pattern: str = "*"

    @property
    def request(self) -> ReadFiles:
        """The request that reads all these files and folders."""
        names = () if self.pattern == "*" else (self.pattern,)
        return ReadFiles(paths=(*self.files, *self.folders), depth=1, names=names)

    def read(self, answer: Answer) -> tuple[ConfigFile, ...] | Absent:
        """`files` in their order, then those of each folder by name; Absent as `whole_files`."""
        found = _whole(f for f in answer.files if f.path in self.files or not _hidden(f))
        if isinstance(found, Absent):
            return found
        return tuple(
            ConfigFile(path=file.path, lines=tuple(line.removesuffix("\r") for line in file.lines))
            for file in sorted(found, key=lambda file: (self._place(file.path), file.path))
        )

    def _place(self, path: str) -> int:
        named = path if path in self.files else path.rpartition("/")[0]
        places = (*self.files, *self.folders)
        if named not in places:
            raise ParseError(msg("a path that was not requested"))
        return places.index(named)


def _hidden(file: FileEntry) -> bool:
    return file.path.rpartition("/")[2].startswith(".")


# Where systemd looks for its settings; of a name the file of the first directory counts.
_OF_SYSTEMD = ("/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd")


def systemd_paths(*names: str) -> tuple[str, ...]:
    """Where systemd looks for files of these names and for their drop-ins."""
    return tuple(f"{d}/{n}{e}" for n in names for d in _OF_SYSTEMD for e in ("", ".d"))


def systemd_files(files: Iterable[FileEntry], name: str) -> list[FileEntry]:
    """The files of settings that count: the first main file, then the drop-ins by name.

    A drop-in hides those of its name in later directories, also where it is a link to /dev/null.
    """
    given = [f for f in files if f.status in (FileStatus.READ, FileStatus.NOT_REGULAR)]
    mains = [f for d in _OF_SYSTEMD for f in given if f.path == f"{d}/{name}"]
    dropped: dict[str, FileEntry] = {}
    for folder in _OF_SYSTEMD:
        for file in given:
            place, _, last = file.path.rpartition("/")
            if place == f"{folder}/{name}.d" and not last.startswith("."):
                dropped.setdefault(last, file)
    chosen = (*mains[:1], *(dropped[last] for last in sorted(dropped)))
    return [file for file in chosen if file.status is FileStatus.READ]


def systemd_value(
    files: Iterable[FileEntry], name: str, section: str, key: str, valid: str = ".*"
) -> str:
    """The value that counts of `key`; empty where nothing sets it. The last `valid` one holds."""
    pairs = (p for file in systemd_files(files, name) for p in systemd_settings(file.text, section))
    values = [v for k, v in pairs if k == key and re.fullmatch(valid, v)]
    return values[-1] if values else ""


def systemd_settings(text: str, wanted: str) -> Iterator[tuple[str, str]]:
    """The names and values of one section, as systemd 252 reads its settings.

    A byte order mark is passed over, names have their case, a line that ends in a backslash, with
    nothing behind it, goes on, and a comment within does not end it.
    """
    section = ""
    for line in _joined(text.removeprefix("\ufeff")):
        if line.startswith("["):
            section = line[1:-1] if line.endswith("]") else section
        name, equals, value = line.partition("=")
        if equals and section == wanted:
            yield name.strip(), value.strip()


def _joined(text: str) -> Iterator[str]:
    """The lines that are no comments; one goes on where an odd number of backslashes ends it."""
    begun = ""
    for raw in text.split("\n"):
        if raw.lstrip().startswith(("#", ";")):
            continue
        if (len(raw) - len(raw.rstrip("\\"))) % 2:
            begun += f"{raw[:-1]} "
            continue
        yield f"{begun}{raw}".strip()
        begun = ""
    yield begun.strip()
