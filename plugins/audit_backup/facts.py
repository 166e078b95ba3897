"""The facts of a backup set. Its requests run on the host that the set is a part of."""

from __future__ import annotations

import math

from msgspec import structs

from audit_backup import (
    archive_tests,
    bytes_read,
    dates,
    listing,
    members,
    names,
    parts,
    programs,
    segments,
    statements,
)
from audit_backup.content import content
from audit_backup.magic import is_beside
from audit_backup.model import BackupFile, Content, Ends, Files, Held, Inside, Newest, Tested
from audit_core.api.sdk import (
    DAY,
    Absent,
    Answer,
    complete,
    derive,
    fact,
    known,
    known_or_absent,
    optional,
    whole_number,
)


def parse_clock(answer: Answer) -> int:
    """Epoch seconds by the clock of the host."""
    return whole_number(answer.text.strip())


FILES = fact(
    "backup.files", Files, ask=listing.ask_files, parse=listing.parse_files, kind="backup_set"
)
ENDS = fact(
    "backup.ends",
    dict[str, Ends],
    ask=bytes_read.ask_ends,
    parse=bytes_read.parse_ends,
    kind="backup_set",
)
INSIDES = fact(
    "backup.insides",
    dict[str, Inside],
    ask=statements.ask_insides,
    parse=statements.parse_insides,
    kind="backup_set",
)
MEMBERS = fact(
    "backup.members", dict[str, Held], kind="backup_set",
    ask=members.ask_members, parse=members.parse_members,
)  # fmt: skip
PACKED_HEADS = fact(
    "backup.packed-heads", dict[str, bytes], kind="backup_set",
    ask=bytes_read.ask_packed_heads, parse=bytes_read.parse_packed_heads,
)  # fmt: skip
TESTS = fact(
    "backup.tests",
    tuple[Tested, ...],
    ask=archive_tests.ask_tests,
    parse=archive_tests.parse_tests,
    kind="backup_set",
)
ARCHIVES = fact(
    "backup.archives", tuple[BackupFile, ...], kind="backup_set",
    ask=programs.ask_archives, parse=programs.parse_archives,
)  # fmt: skip
NEWEST = fact(
    "backup.newest", Newest, kind="backup_set",
    ask=programs.ask_newest, parse=programs.parse_newest,
)  # fmt: skip
DIGESTS = fact(
    "backup.digests",
    dict[str, str],
    ask=bytes_read.ask_digests,
    parse=bytes_read.parse_digests,
    kind="backup_set",
)
WAY = fact(
    "backup.way", tuple[int, ...], ask=listing.ask_way, parse=listing.parse_way, kind="backup_set"
)
LISTS = fact(
    "backup.access-lists", tuple[str, ...], ask=listing.ask_lists, parse=listing.parse_set_lists,
    kind="backup_set",
)  # fmt: skip
WAY_LISTS = fact(
    "backup.way-access-lists", tuple[str, ...], kind="backup_set",
    ask=listing.ask_way_lists, parse=listing.parse_lists,
)  # fmt: skip
CLOCK = fact(
    "backup.clock", int, kind="backup_set", ask=programs.CLOCK, parse=parse_clock,
)  # fmt: skip


def looked_into(
    files: Files,
    ends: dict[str, Ends] | Absent,
    insides: dict[str, Inside] | Absent,
    held: dict[str, Held] | Absent,
    packed: dict[str, bytes] | Absent,
    archives: tuple[BackupFile, ...] | None = None,
    newest: Newest | Absent | None = None,
    tests: tuple[Tested, ...] | Absent = (),
) -> Files:
    """`files` with what is known of the content of each, or what the backup program lists.

    A snapshot of rsnapshot was made at the time of its directory: its files keep the times of
    their originals.
    """
    if archives is not None:
        return Files(files=_held(archives, newest), complete=True, listed=True)
    ends, insides = known(ends) or {}, known(insides) or {}
    held, packed = known(held) or {}, known(packed) or {}
    dumped = {test.name: test.dumped for test in known(tests) or ()}
    beside = _beside(files, ends)
    found = [
        structs.replace(f, at=_made(f, files), dumped=dumped.get(f.name), content=content(
            f, ends.get(f.name), insides.get(f.name), held.get(f.name), packed.get(f.name, b""),
        ))
        for f in files.files if f not in beside
    ]  # fmt: skip
    lost = parts.broken(found, ends)
    found = [
        structs.replace(f, content=Content.DOUBTFUL) if f.name in lost and f.size else f
        for f in found
    ]
    beside = (*beside, *_definitions(found, insides, files.aside))
    found = [f for f in found if f not in beside]
    return structs.replace(
        files,
        files=tuple(sorted(found, key=lambda f: (-f.at, f.name))),
        aside=(*files.aside, *beside),
    )


def _held(
    archives: tuple[BackupFile, ...], newest: Newest | Absent | None
) -> tuple[BackupFile, ...]:
    """`archives` with what is known of the newest of each series.

    Older ones of it without a size are like it at best. Where the repository has lost its data,
    none is known to hold something.
    """
    every: dict[str, list[BackupFile]] = {}
    for archive in archives:
        every.setdefault(archive.name.rpartition(" ")[0], []).append(archive)
    found = {
        f.name: f for own in every.values()
        for f in _of_series(own, _newest_content(own[0], archives, newest))
    }  # fmt: skip
    return tuple(found[archive.name] for archive in archives)


def _of_series(archives: list[BackupFile], held: Content) -> list[BackupFile]:
    """`archives` of one series, the newest of which is known to be `held`."""
    if held is Content.FULL:
        return archives
    lost = held is Content.DOUBTFUL
    found = [
        structs.replace(f, content=Content.DOUBTFUL)
        if f.content is Content.FULL and (lost or f.size <= 1) else f
        for f in archives
    ]  # fmt: skip
    if held is Content.EMPTY:
        return [structs.replace(archives[0], content=held), *found[1:]]
    return found


def _newest_content(
    archive: BackupFile, archives: tuple[BackupFile, ...], newest: Newest | Absent | None
) -> Content:
    """What is known of `archive`, the newest of its series; FULL where only the list tells it.

    restic adds up the newest of all only, and up to 0.16 its list has no size of the others.
    """
    if newest is None:
        return Content.FULL
    if isinstance(newest, Absent):
        return Content.UNREAD
    if newest.content is Content.UNREAD:
        earlier = tuple(f for f in archives if f is not archive and f.at <= archive.at)
        later = (f.at for f in archives if f.at > archive.at)
        return segments.brought((archive, *earlier), newest.segments, min(later, default=math.inf))
    if archive is archives[0] or newest.content is Content.DOUBTFUL:
        return newest.content
    return Content.FULL if archive.size > 1 else Content.DOUBTFUL


def _definitions(
    found: list[BackupFile], insides: dict[str, Inside], aside: tuple[BackupFile, ...]
) -> list[BackupFile]:
    """The files of definitions and of tables without rows, where others have content.

    mydumper writes each table's own definition, pg_dumpall -g the roles, pg_dump -Fd and mongodump
    the tables and a list of them.
    """
    if not any(f.content is Content.FULL for f in found):
        return []
    dumps = {_folder(f) for f in aside if names.is_table_list(f.name)}
    return [
        f for f in found
        if (names.is_definition(f.name) and f.name in insides and insides[f.name].schema)
        or (names.is_table(f.name) and _folder(f) in dumps
            and f.content in (Content.DOUBTFUL, Content.EMPTY))
    ]  # fmt: skip


def _beside(files: Files, ends: dict[str, Ends]) -> tuple[BackupFile, ...]:
    """The files that are no backups by their first bytes, or of a run that did not end."""
    marks = [f for f in files.aside if names.is_of_running(f.name)]
    return tuple(
        f for f in files.files
        if any(_is_of_run(f, mark) for mark in marks)
        or (f.name in ends and is_beside(ends[f.name].head))
    )  # fmt: skip


def _is_of_run(file: BackupFile, mark: BackupFile) -> bool:
    """Whether `file` was made in the run that left `mark`."""
    return _folder(file) == _folder(mark) and abs(file.at - mark.at) < DAY / 2


def _folder(file: BackupFile) -> str:
    return file.name.rpartition("/")[0]


def _made(file: BackupFile, files: Files) -> float:
    """When `file` was made: with its snapshot, whose directory has the time that its name has."""
    top = names.snapshot(file.name)
    at = next((f.at for f in files.folders if f.name == top), None)
    days = dates.days(top)
    if at is None or (days and not any(dates.is_of_day(at, day) for day in days)):
        return file.at
    return at


SET = derive(
    "backup.set", Files, make=looked_into,
    needs=(
        complete(FILES), known_or_absent(ENDS), known_or_absent(INSIDES),
        known_or_absent(MEMBERS), known_or_absent(PACKED_HEADS), optional(ARCHIVES),
        known_or_absent(optional(NEWEST)), known_or_absent(TESTS),
    ),
)  # fmt: skip

FACTS = (
    FILES, ENDS, INSIDES, MEMBERS, PACKED_HEADS, ARCHIVES, NEWEST, TESTS, DIGESTS, WAY, LISTS,
    WAY_LISTS, CLOCK, SET,
)  # fmt: skip
