"""The folder of the results of one run under one profile.

RESULTS/objects/SHA256.json  what evaluation says about one object; the name is the digest
RESULTS/index.json           which of these belong together: written last, replaced in one step

Files of objects are never changed: a process that dies while it evaluates leaves the results that
were stored before as they are, and files that no index names, which the next evaluation removes.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from pathlib import Path

import msgspec

from audit_core.model import msg
from audit_core.model.errors import InputError, StoreError
from audit_core.model.results import (
    INDEX_SCHEMA,
    ObjectEntry,
    ObjectResults,
    Results,
    ResultsIndex,
    encode,
)
from audit_core.text.system_errors import os_error

INDEX = "index.json"
OBJECTS = "objects"


class ResultsFolder:
    """Reads and writes the results in one folder, which need not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._objects = path / OBJECTS
        self._lock = -1

    def stored(self) -> Results | None:
        """The stored results; None where there are none or a part is missing."""
        self._share()
        try:
            index = msgspec.json.decode((self.path / INDEX).read_bytes(), type=ResultsIndex)
            whole = index.schema == INDEX_SCHEMA and all(
                self._file(entry.sha256).stat().st_size == entry.size for entry in index.objects
            )
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return Results(index, self.load) if whole else None

    def load(self, entry: ObjectEntry) -> bytes:
        """The file of one object; raises InputError where it is missing or altered."""
        path = self._file(entry.sha256)
        try:
            raw = path.read_bytes()
        except OSError as error:
            detail = msg("{path}: cannot read: {error}", path=str(path), error=os_error(error))
            raise InputError(detail) from error
        if hashlib.sha256(raw).hexdigest() != entry.sha256:
            detail = msg(
                "{path}: was altered; run dengbao evaluate to make it again", path=str(path)
            )
            raise InputError(detail)
        return raw

    def begin(self) -> None:
        """Creates the directory; raises StoreError where it cannot be written."""
        try:
            self.path.parent.mkdir(mode=0o700, exist_ok=True)
            self.path.mkdir(mode=0o700, exist_ok=True)
            self._objects.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise _unwritable(self._objects, error) from error
        self._share()

    def add(self, object: ObjectResults) -> tuple[str, int]:
        """Stores the results of one object; the digest and the size of its file."""
        raw = encode(object)
        digest = hashlib.sha256(raw).hexdigest()
        path = self._file(digest)
        if not _holds(path, raw):
            self._write(path, raw)
        return digest, len(raw)

    def _write(self, path: Path, raw: bytes) -> None:
        # Not synced: it can be made again. After a power cut the digest in the name, or that it
        # is JSON, tells what is whole. What a killed process leaves in OBJECTS, the next removes.
        temporary = self._objects / f".{path.name}.{os.getpid()}"
        try:
            with open(temporary, "xb", opener=_private) as handle:
                handle.write(raw)
            temporary.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise _unwritable(path, error) from error

    def finish(self, index: ResultsIndex) -> Results:
        """The results of `index` take the place of what was stored before."""
        self._write(self.path / INDEX, encode(index))
        self._remove_unnamed()
        return Results(index, self.load)

    def _remove_unnamed(self) -> None:
        # Readers and writers hold a shared lock: then the files are kept.
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Read again: another process may have replaced it.
            index = msgspec.json.decode((self.path / INDEX).read_bytes(), type=ResultsIndex)
            named = {f"{entry.sha256}.json" for entry in index.objects}
            for entry in os.scandir(self._objects):
                if entry.name not in named:
                    os.unlink(entry.path)
        with contextlib.suppress(OSError):
            fcntl.flock(self._lock, fcntl.LOCK_SH | fcntl.LOCK_NB)

    def _file(self, digest: str) -> Path:
        return self._objects / f"{digest}.json"

    def _share(self) -> None:
        with contextlib.suppress(OSError):  # nothing is there yet
            if self._lock < 0:
                self._lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(self._lock, fcntl.LOCK_SH)

    def __del__(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)


def _holds(path: Path, raw: bytes) -> bool:
    try:
        return path.stat().st_size == len(raw) and path.read_bytes() == raw
    except OSError:
        return False


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _unwritable(path: Path, error: OSError) -> StoreError:
    return StoreError(msg("{path}: cannot write: {error}", path=str(path), error=os_error(error)))
