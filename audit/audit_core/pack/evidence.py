"""Where the observations of a run and their bytes stand in its bundles, so that they stream."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager

from audit_core.model import msg
from audit_core.model.errors import InputError, StoreError
from audit_core.model.results import Evidence
from audit_core.store import frames
from audit_core.store.runs import Run
from audit_core.text.system_errors import os_error


class Stored:
    """The observations and outputs of one object by SHA-256 (hex). Bytes stay in its bundle."""

    def __init__(self, run: Run, object: str) -> None:
        self._path = run.bundle_path(object)
        self._places: dict[str, tuple[int, int]] = {}
        for frame in frames.read(self._path) if self._path.exists() else ():
            if frame.kind in ("obs", "blob"):
                digest = hashlib.sha256(frame.payload).hexdigest()
                self._places[digest] = (frame.offset, len(frame.payload))
        self._handle = self._path.open("rb") if self._places else None

    def get(self, sha256: str) -> bytes:
        """The bytes stored under `sha256`; raises InputError where they are missing or altered."""
        if self._handle is None or sha256 not in self._places:
            raise InputError(msg("no bundle of this run holds sha256:{sha256}", sha256=str(sha256)))
        offset, size = self._places[sha256]
        self._handle.seek(offset)
        data = self._handle.read(size)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise InputError(
                msg(
                    "{path}: the content of sha256:{sha256} was altered",
                    path=str(self._path),
                    sha256=str(sha256),
                )
            )
        return data

    def close(self) -> None:
        """No file is open; may be called twice."""
        if self._handle is not None:
            self._handle.close()


@contextmanager
def opened(run: Run, object: str) -> Iterator[Stored]:
    """What `run` has stored of one object; raises StoreError where its bundle cannot be read."""
    try:
        stored = Stored(run, object)
    except OSError as error:
        raise StoreError(
            msg(
                "{folder}: cannot read: {error}",
                folder=str(run.folder),
                error=os_error(error),
            )
        ) from error
    with closing(stored):
        yield stored


def folder(number: int, observation: Evidence, width: int) -> str:
    """Where the pack puts an observation: its number in the run, and its digest."""
    return f"evidence/{number:0{width}}-{hex_of(observation.digest)[:16]}"


def main_file(number: int, observation: Evidence, width: int) -> str:
    """The file that shows what came back: the output, or where it was empty the record."""
    file = "stdout.txt" if observation.stdout_size else "observation.json"
    return f"{folder(number, observation, width)}/{file}"


def hex_of(digest: str) -> str:
    """The hex digits of a digest written `sha256:…`; raises InputError for any other text."""
    method, _, digits = digest.partition(":")
    if method != "sha256" or len(digits) != 64 or digits.strip("0123456789abcdef"):
        raise InputError(msg("results: {digest} is not a digest", digest=repr(digest[:80])))
    return digits


def files(stored: Stored, observation: Evidence, folder: str) -> Iterator[tuple[str, bytes, str]]:
    """The files of one observation: name, bytes, and their SHA-256, empty for what is of it alone.

    Raises InputError where bytes are missing.
    """
    yield f"{folder}/observation.json", stored.get(hex_of(observation.digest)), ""
    streams = (
        ("stderr.txt", observation.stderr_size, observation.stderr_sha256),
        ("stdout.txt", observation.stdout_size, observation.stdout_sha256),
    )
    for name, size, sha256 in streams:
        if size:
            yield f"{folder}/{name}", stored.get(sha256), sha256
