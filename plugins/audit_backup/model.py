"""What is known of a backup set."""

from __future__ import annotations

from msgspec import Struct


class BackupFile(Struct, frozen=True, kw_only=True):
    """One file: its name under the set's folder, size in bytes, mode bits, mtime (host clock).

    Names are for display: bytes that are not UTF-8 stand as `\\xff`. `reachable`: every folder
    between the set's and the file lets others through.
    """

    name: str
    size: int
    mode: int
    at: float
    reachable: bool = True


class Files(Struct, frozen=True, kw_only=True):
    """The set's files, newest first.

    `complete` is False where the listing was cut: then files are missing, in no known order.
    """

    files: tuple[BackupFile, ...]
    complete: bool


class Head(Struct, frozen=True, kw_only=True):
    """The first bytes of a recent file; None where it could not be read."""

    name: str
    at: float
    bytes: bytes | None
