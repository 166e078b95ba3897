"""The files of sudoers(5): drop-ins, includes, and what cvtsudoers(1) makes of them all.

Drop-ins are read in the order of their names. Files that are included from other places are not
asked for: only the rules say which. There the output of cvtsudoers is read instead, which comes
with sudo since 1.8.23 and prints the rules of all files as one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import structs

from audit_core.api.sdk import (
    Absent,
    Answer,
    Command,
    FileEntry,
    FileStatus,
    Privilege,
    ReadFile,
    ReadFiles,
    derive,
    fact,
    first_of,
    msg,
    not_present,
)
from audit_linux.config_files import files_below
from audit_linux.sudo.sudoers import Reader, Sudoers, logical_lines, on_host

# The vendor's file counts where there is no other (openSUSE).
_MAINS = ("/etc/sudoers", "/usr/etc/sudoers")
_FOLDERS = ("/etc/sudoers.d", "/usr/etc/sudoers.d")
_FRONT_END = "/etc/sudo.conf"
_OTHERS = "/etc/sudoers-rs"
_DEEPEST = 8
_INCLUDE = re.compile(r'[@#](include|includedir)\s+"?([^"]+?)"?\s*')


class _Files:
    """The files of the answer: those that were read, and what of the rest sudo would have read."""

    def __init__(self, every: Iterable[FileEntry], reader: Reader) -> None:
        found = list(every)
        self.read = {file.path: file for file in found if file.status is FileStatus.READ}
        self._unread = sorted(file.path for file in found if file.path not in self.read)
        self._reader = reader

    def one(self, path: str) -> list[FileEntry]:
        """The file at `path`; nothing, and the path as unread, where it was not read."""
        if path not in self.read:
            self._reader.unread.append(path)
        return [self.read[path]] if path in self.read else []

    def inside(self, folder: str) -> list[FileEntry]:
        """The drop-ins that sudo reads: names with a dot or a final tilde are passed over."""
        if folder not in _FOLDERS or folder in self._unread:
            self._reader.unread.append(folder)
            return []
        paths = sorted(p for p in (*self.read, *self._unread) if p.rpartition("/")[0] == folder)
        return [
            file
            for path in paths
            if "." not in path.rpartition("/")[2] and not path.endswith("~")
            for file in self.one(path)
        ]


def _include(files: _Files, kind: str, path: str, beside: str) -> list[FileEntry]:
    """The files that an include names; a relative path counts from the file that includes it."""
    place = path.rstrip("/") if kind == "includedir" else path
    if not place.startswith("/"):
        place = f"{beside.rpartition('/')[0]}/{place}"
    return files.inside(place) if kind == "includedir" else files.one(place)


def _read(reader: Reader, file: FileEntry, files: _Files, above: tuple[str, ...]) -> None:
    for line in logical_lines(file.lines):
        include = _INCLUDE.fullmatch(line)
        if include is not None:
            for more in _include(files, include[1], include[2], file.path):
                if more.path in (*above, file.path) or len(above) >= _DEEPEST:
                    reader.unread.append(line)
                else:
                    _read(reader, more, files, (*above, file.path))
        elif line:
            reader.take(line)


_POLICY = re.compile(r"(?i:plugin)\s+sudoers_(?:policy|io|audit)\s+(?:\S*/)?sudoers\.so(.*)")


def _elsewhere(files: dict[str, FileEntry]) -> list[str]:
    """What makes sudo read other rules: another plugin or file in sudo.conf, those of sudo-rs."""
    found = [_OTHERS] if _OTHERS in files else []
    for line in logical_lines(files[_FRONT_END].lines) if _FRONT_END in files else ():
        known = _POLICY.fullmatch(line)
        if line[:7].lower().rstrip() == "plugin" and (not known or "sudoers_file=" in known[1]):
            found.append(f"{_FRONT_END}: {line}")
    return found


def parse_sudoers(answer: Answer) -> Sudoers | Absent:
    """What sudo grants on this host; NOT_PRESENT where there is no sudoers file."""
    every = files_below(answer, _MAINS)
    if isinstance(every, Absent):
        return every
    reader = Reader(today=answer.collected_at[:10].replace("-", ""))
    files = _Files(every, reader)
    main = next((files.read[path] for path in _MAINS if path in files.read), None)
    if main is None:
        return not_present(msg("There is no sudoers file"))
    reader.unread += _elsewhere(files.read)
    reader.unread += [f.path for f in every if f.path == _FRONT_END and f.path not in files.read]
    _read(reader, main, files, ())
    return reader.sudoers()


SUDOERS_FILES = fact(
    "linux.sudoers",
    Sudoers,
    kind="host",
    ask=ReadFiles(
        paths=(*_MAINS, *_FOLDERS, _FRONT_END, _OTHERS),
        depth=1,
        privilege=Privilege.ROOT,
    ),
    parse=parse_sudoers,
)


def parse_merged(answer: Answer) -> Sudoers:
    """What cvtsudoers prints: the rules of sudoers, its drop-ins and all that they include."""
    reader = Reader(today=answer.collected_at[:10].replace("-", ""))
    for line in logical_lines(answer.lines):
        if line:
            reader.take(line)
    return reader.sudoers()


MERGED = fact(
    "linux.sudoers-merged",
    Sudoers,
    kind="host",
    ask=Command(
        argv=("/usr/bin/cvtsudoers", "-f", "sudoers", _MAINS[0]),
        privilege=Privilege.ROOT,
        limit=4 << 20,
    ),
    parse=parse_merged,
)


def parse_host_name(answer: Answer) -> str | Absent:
    """The name of the host, by which rules choose; NOT_PRESENT where it is that of any host."""
    name = answer.text.strip()
    if not re.fullmatch(r"[A-Za-z0-9.-]+", name) or name.lower().startswith("localhost"):
        return not_present(msg("The host has no name of its own"))
    return name


HOST_NAME = fact(
    "linux.host-name", str, kind="host", ask=ReadFile(path="/etc/hostname"), parse=parse_host_name
)


def all_rules(files: Sudoers, merged: Sudoers, host: str | Sudoers) -> Sudoers:
    """The rules for this host; those that cvtsudoers printed where some files were not read.

    Where cvtsudoers gave nothing, or the name of the host is not known, the rules of the files
    stand in its place.
    """
    kept = tuple(one for one in files.unread if one == _OTHERS or one.startswith(_FRONT_END))
    unread = (*merged.unread, *kept)
    more = merged is not files and len(unread) < len(files.unread)
    found = structs.replace(merged, unread=unread) if more else files
    return on_host(found, host) if isinstance(host, str) else found


SUDOERS = derive(
    "linux.sudo-rules",
    Sudoers,
    needs=(SUDOERS_FILES, first_of(MERGED, SUDOERS_FILES), first_of(HOST_NAME, SUDOERS_FILES)),
    make=all_rules,
)
