"""The values of a backup set."""

from __future__ import annotations

from msgspec import Struct


class BackupFile(Struct, frozen=True, kw_only=True):
    """One file: its name under the set's folder, size in bytes, mode bits, mtime (host clock).

    Names are for display: bytes that are not UTF-8 stand as `\\xff`. `reachable`: every folder
    between the set's and the file lets others through. `sparse`: not one block of it is on disk,
    though it has a size.
    """

    name: str
    size: int
    mode: int
    at: float
    reachable: bool = True
    sparse: bool = False


class Files(Struct, frozen=True, kw_only=True):
    """The set's files, newest first.

    `complete` is False where the listing was cut: then files are missing, in no known order.
    `aside` are files whose names say that they are no backups: logs, sums, unfinished files.
    `deeper` are folders that the declared depth kept from being looked into, `links` the number
    of symbolic links, `open_folders` the folders below the set's in which others may replace
    files.
    """

    files: tuple[BackupFile, ...]
    complete: bool
    aside: tuple[BackupFile, ...] = ()
    deeper: tuple[BackupFile, ...] = ()
    links: int = 0
    open_folders: tuple[str, ...] = ()


class Head(Struct, frozen=True, kw_only=True):
    """The first bytes of a recent file; None where it could not be read."""

    name: str
    at: float
    bytes: bytes | None
