"""The parts into which an archive was split, and which of them are lost. Pure.

Sources: split(1) (aa, ab, …; with -d 00, 01, …), zip 3.0 (z01, z02, …, the last is the .zip), RAR
(part1.rar, part2.rar, …; before version 3 .rar, r00, r01, …), 7-Zip (001, 002, …).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from audit_backup.magic import encrypted_as, plain_as
from audit_backup.model import BackupFile, Ends
from audit_backup.names import is_packed
from audit_backup.packed_sizes import is_cut_7z, zip_end
from audit_core.api.sdk import Message, capped, msg

_ENDS = (
    r"\.(?:tar|t?gz|t?xz|t?bz2|t?zst|lz4|zip|7z|rar|sql|dump|dmp|bak|img|vma|gpg|enc|age|cpio|bin"
    r"|xbstream|qcow2)"
)
# Two letters, which are no end of a packed file.
_LETTERS = r"(?!gz|xz|lz|br|bz)[a-z]{2}"
_SPLIT = re.compile(rf"(.*{_ENDS}[-._](?:part)?)(?:({_LETTERS})|(\d{{2,4}}))", re.IGNORECASE)
_NUMBERED = re.compile(r"(.*\.part)(\d+)\.(?:rar|zip|7z|tar|t?gz|t?zst|t?xz)", re.IGNORECASE)
_VOLUME = re.compile(r"(.*\.)([zr])(\d\d)", re.IGNORECASE)
_MEBIBYTE = 1 << 20
_ROUND = (_MEBIBYTE, 10_000, 102_400)  # sizes that split, zip and 7z are asked for


def is_part(path: str) -> bool:
    """Whether the name is that of a part of an archive."""
    return part(path) is not None


def part(path: str) -> tuple[str, int] | None:
    """What the parts of one archive have in common, and the number of this part.

    split(1) names them aa (here 1), ab, … or 00, 01, …; 7z and rar begin with 1.
    """
    if found := _NUMBERED.fullmatch(path):
        return found[1], int(found[2])
    if found := _VOLUME.fullmatch(path):
        return found[1] + found[2], int(found[3]) + (found[2].lower() == "r")
    if (found := _SPLIT.fullmatch(path)) is None:
        return None
    stem, letters, number = found.groups()
    if number and len(number) < 3 and not stem.lower().endswith("part"):
        stem += "##"  # as those of a rotation
    letters = letters and letters.lower()
    return stem, int(number) if number else 26 * ord(letters[0]) + ord(letters[1]) - 2618


def _groups(files: Iterable[BackupFile]) -> dict[str, list[tuple[int, int]]]:
    """The numbers and sizes of the parts of each archive, in order."""
    groups: dict[str, list[tuple[int, int]]] = {}
    for file in files:
        if found := part(file.name):
            groups.setdefault(found[0], []).append((found[1], file.size))
    return {stem: sorted(every) for stem, every in groups.items()}


def lost_parts(files: Iterable[BackupFile]) -> Message | None:
    """A message where the parts of an archive do not follow one another.

    Only the last ones may be lost without a trace.
    """
    files = tuple(files)
    names = {file.name.lower() for file in files}
    lost = [
        stem for stem, every in _groups(files).items()
        if _has_gap(stem, every) or not _has_main(stem, names)
    ]  # fmt: skip
    return msg("Parts are missing: {names}", names=capped(map(_shown, lost))) if lost else None


def group(path: str) -> str:
    """What the parts of one archive have in common, also its main file."""
    found = part(path)
    return found[0] if found else path[:-2] if _MAIN.search(path) else path


_MAIN = re.compile(r"\.(?:zip|rar)$", re.IGNORECASE)


def broken(files: Iterable[BackupFile], ends: Mapping[str, Ends]) -> frozenset[str]:
    """The names of the parts of archives of which other parts are, or may be, missing."""
    files = tuple(files)
    names = {file.name.lower() for file in files}
    lost = {stem for stem, every in _groups(files).items() if _is_incomplete(stem, every, names)}
    members: dict[str, list[BackupFile]] = {}
    for file in files:
        members.setdefault(group(file.name), []).append(file)
    lost |= {
        stem for stem, every in members.items()
        if _lacks_volumes(every, ends) or _lacks_beginning(stem, every, ends)
    }  # fmt: skip
    return frozenset(file.name for file in files if group(file.name) in lost)


def _is_incomplete(stem: str, every: list[tuple[int, int]], names: set[str]) -> bool:
    """Whether a part is, or may be, missing by the numbers and sizes of those that are there."""
    alone = not stem.endswith("##") and every[0][0] > 1
    return (
        alone or _has_gap(stem, every) or not _has_main(stem, names) or _ends_full(stem, every)
    )  # fmt: skip


def _lacks_beginning(stem: str, files: list[BackupFile], ends: Mapping[str, Ends]) -> bool:
    """Whether the first part of a packed file does not begin like one."""
    first = min(files, key=lambda f: f.name)
    if first.name not in ends or not part(first.name) or not is_packed(_shown(stem)[:-1]):
        return False
    head = ends[first.name].head
    return not plain_as(head) and not encrypted_as(head)


def _lacks_volumes(files: list[BackupFile], ends: Mapping[str, Ends]) -> bool:
    """Whether there are fewer volumes than a zip archive says, or bytes than a 7z archive says."""
    found = [ends[file.name] for file in files if file.name in ends]
    size = sum(file.size for file in files)
    volumes = (end.volume for e in found if (end := zip_end(e.tail or b"")) is not None)
    return any(len(files) <= volume < 0xFFFF for volume in volumes) or any(
        is_cut_7z(size, e.head) for e in found
    )


_TABLE = re.compile(r"(?:^|/)\d{3,5}\.dat(?:\.(?:gz|lz4|zst))?$")


def without_list(files: Iterable[BackupFile], beside: Iterable[BackupFile]) -> Message | None:
    """A message where tables of pg_dump -Fd lack the list without which they cannot be restored."""
    tables = {_folder(f) for f in files if _TABLE.search(f.name)}
    lists = {_folder(f) for f in beside if f.name.rpartition("/")[2] == "toc.dat"}
    lost = [f"{folder}/toc.dat".lstrip("/") for folder in sorted(tables - lists)]
    return msg("Parts are missing: {names}", names=capped(lost)) if lost else None


def _folder(file: BackupFile) -> str:
    return file.name.rpartition("/")[0]


def _shown(stem: str) -> str:
    return stem.rstrip("#")


def _has_main(stem: str, names: set[str]) -> bool:
    """Whether the .zip or .rar is there without which the volumes are nothing."""
    ends = {".z": "ip", ".r": "ar"}
    end = ends.get(stem[-2:].lower())
    return end is None or stem.lower() + end in names


def _has_gap(stem: str, every: list[tuple[int, int]]) -> bool:
    """Whether a number is missing among the numbers and sizes of parts; rotated files are none.

    All parts but the last have one size.
    """
    numbers = [number for number, _ in every]
    if len({size for _, size in every[:-1]}) > 1:
        return False
    if stem.endswith("##") and (numbers[0] or len(every) < 2):
        return False
    if len(every) < 2:
        return numbers[0] > 1 and every[0][1] >= _MEBIBYTE
    return numbers[0] > 1 or numbers[-1] - numbers[0] >= len(numbers)


def perhaps_cut(files: Iterable[BackupFile]) -> Message | None:
    """A message where the last part of an archive is as long as the others: it may not be the last.

    A part alone is, where it has a round size.
    """
    files = tuple(files)
    last = [stem for stem, every in _groups(files).items() if _ends_full(stem, every)]
    if not last:
        return None
    return msg("The last part is as long as the others, so that further parts may be missing: "
               "{names}", names=capped(map(_shown, last)))  # fmt: skip


def _ends_full(stem: str, every: list[tuple[int, int]]) -> bool:
    """Whether the sizes do not show an end; a .zip is the end of its volumes."""
    if stem[-2:].lower() == ".z" or (stem.endswith("##") and every[0][0]):
        return False
    sizes = [size for _, size in every]
    if len(sizes) < 2:
        return not all(sizes[0] % round_ for round_ in _ROUND)
    return len(set(sizes)) == 1
