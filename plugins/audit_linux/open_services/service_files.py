"""The configuration files of network services as they were read."""

from __future__ import annotations

import re

from msgspec import Struct

from audit_core.api.sdk import Answer, FileEntry, FileStatus, Partial, msg, partial


class ServiceFile(Struct, frozen=True, kw_only=True):
    """One file: its path and lines without line ends; `lines` is None where it was not read."""

    path: str
    lines: tuple[str, ...] | None


class ServiceFiles(Struct, frozen=True, kw_only=True):
    """The configuration files of a service that exist on the host."""

    files: tuple[ServiceFile, ...]

    def matching(self, pattern: str) -> tuple[ServiceFile, ...]:
        """Those whose whole path matches, and closed directories that may hold such files."""
        form, heads = re.compile(pattern), [_head(one) for one in pattern.split("|")]
        return tuple(
            file
            for file in self.files
            if form.fullmatch(file.path) or (file.lines is None and _may_hold(file.path, heads))
        )

    def at(self, path: str) -> ServiceFile | None:
        """The file at `path`; None where there is none among those that were asked for."""
        return next((file for file in self.files if file.path == path), None)


def _head(pattern: str) -> str:
    """The fixed text that `pattern`, without alternatives, begins with."""
    fixed = re.match(r"(?:\\.|[^\\.*+?()\[])*", pattern)
    return re.sub(r"\\(.)", r"\1", fixed[0]) if fixed else ""


def _may_hold(path: str, heads: list[str]) -> bool:
    """Whether files that begin with one of `heads` may lie below `path`."""
    below = f"{path}/"
    return any(below.startswith(head) or head.startswith(below) for head in heads)


_GONE = (FileStatus.NOT_PRESENT, FileStatus.BROKEN_LINK, FileStatus.NOT_REGULAR)


def parse_service_files(answer: Answer) -> ServiceFiles | Partial:
    """The files, read or not; a directory that is closed stands for what lies in it."""
    files = tuple(_file(f) for f in answer.files if f.status not in _GONE)
    cut = [msg("There are more files than one answer can hold")] if answer.truncated else []
    return partial(ServiceFiles(files=files), cut)


def _file(entry: FileEntry) -> ServiceFile:
    read = entry.status is FileStatus.READ
    lines = tuple(line.removesuffix("\r") for line in entry.lines) if read else None
    return ServiceFile(path=entry.path, lines=lines)
