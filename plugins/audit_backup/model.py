"""The values that describe a backup set: its files, their content and their metadata."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from msgspec import Struct


class Content(StrEnum):
    """What is known of the content of a file; DOUBTFUL may hold nothing, UNREAD was not seen."""

    FULL = "full"
    EMPTY = "empty"
    DOUBTFUL = "doubtful"
    UNREAD = "unread"


class BackupFile(Struct, frozen=True, kw_only=True):
    """One file: its name under the set's folder, size in bytes, mode bits, mtime (host clock).

    Names are for display: bytes that are not UTF-8 stand as `\\xff`. `reachable`: every folder
    between the set's and the file lets others through. `sparse`: not one block of it is on disk,
    though it has a size. `inode` is device and inode number: two names with one are one file.
    `dumped` is the day that a dump says it was made on, `ended` when a listed backup was finished,
    where the program tells.
    """

    name: str
    size: int
    mode: int
    at: float
    reachable: bool = True
    sparse: bool = False
    inode: str = ""
    content: Content = Content.UNREAD
    dumped: date | None = None
    ended: float = 0


class Files(Struct, frozen=True, kw_only=True):
    """The set's files, newest first.

    `complete` is False where the listing was cut: then files are missing, in no known order.
    `aside` are files whose names say that they are no backups: logs, sums, unfinished files.
    `unclear` are files whose names do not tell whether they are backups or notes about them.
    `deeper` are folders that the declared depth kept from being looked into, `mounted` those of
    other file systems, `links` the number of symbolic links that lead out of the set,
    `open_folders` the folders below the set's in which others may replace files, `folders` all
    folders below the set's. `listed`: these are no files but the backups that a program lists.
    """

    files: tuple[BackupFile, ...]
    complete: bool
    aside: tuple[BackupFile, ...] = ()
    unclear: tuple[BackupFile, ...] = ()
    deeper: tuple[BackupFile, ...] = ()
    mounted: tuple[BackupFile, ...] = ()
    links: int = 0
    open_folders: tuple[str, ...] = ()
    folders: tuple[BackupFile, ...] = ()
    listed: bool = False


class Segment(Struct, frozen=True, kw_only=True):
    """A numbered file of a borg repository."""

    number: int
    size: int
    at: float


class Newest(Struct, frozen=True, kw_only=True):
    """What is known of the newest backup's content; of borg it shows in `segments` and the list."""

    content: Content
    segments: tuple[Segment, ...] = ()


class Ends(Struct, frozen=True, kw_only=True):
    """The first 16 bytes of a file, and the last 32 of an archive by its name, 192 of a zip."""

    head: bytes
    tail: bytes | None = None


class Held(StrEnum):
    """What an archive holds; NESTED: only archives, dumps and notes; UNKNOWN: not read to its end.

    A dump with rows has CONTENT, also within an archive. ENCRYPTED archives do not tell.
    """

    CONTENT = "content"
    NESTED = "nested"
    NOTHING = "nothing"
    ENCRYPTED = "encrypted"
    UNKNOWN = "unknown"


class Inside(Struct, frozen=True, kw_only=True):
    """What an SQL dump holds: statements with data.

    `readable` is False where the program could not read it to its end. `schema`: of a dump only
    the statements that make tables and roles, without a row.
    """

    holds: int
    readable: bool
    header: bool = False
    schema: bool = False


class Tested(Struct, frozen=True, kw_only=True):
    """The outcome of an archive's own test, and how an SQL dump begins and ends.

    `error` is what the program found wrong with the file, empty where it passed. `passed` is False
    without an error where the program could not be run. `dump` is True where the text has the
    header of a dump program, `ended` where it has its last line, `dumped` the day in that. `begun`
    is False where it has a last line and no header before it.
    """

    name: str
    passed: bool
    error: str = ""
    dump: bool = False
    ended: bool = False
    begun: bool = True
    dumped: date | None = None
