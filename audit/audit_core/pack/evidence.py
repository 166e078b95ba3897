"""Where the observations of a run and their bytes stand in its bundles, so that they stream."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from msgspec import Struct

from audit_core.model import msg
from audit_core.model.errors import InputError, StoreError
from audit_core.model.results import Evidence
from audit_core.store import frames
from audit_core.store.runs import Run
from audit_core.text.system_errors import os_error


class Place(Struct, frozen=True):
    """Some bytes in the bundle of that number."""

    bundle: int
    offset: int
    size: int


class Stored:
    """The observations and outputs of a run by SHA-256 (hex). Only places are held in memory."""

    def __init__(self, run: Run) -> None:
        self._paths = sorted((run.folder / "bundles").glob("*.bundle"))
        self._places: dict[bytes, Place] = {}
        self._open: tuple[int, IO[bytes]] | None = None
        for number, path in enumerate(self._paths):
            self._index(number, path)

    def _index(self, number: int, path: Path) -> None:
        for frame in frames.read(path):
            if frame.kind in ("obs", "blob"):
                digest = hashlib.sha256(frame.payload).digest()
                self._places[digest] = Place(number, frame.offset, len(frame.payload))

    def get(self, sha256: str) -> bytes:
        """The bytes stored under `sha256`; raises InputError where they are missing or altered."""
        place = self._places.get(bytes.fromhex(sha256))
        if place is None:
            raise InputError(
                msg("no bundle of this run holds bytes under sha256:{sha256}", sha256=str(sha256))
            )
        handle = self._handle(place.bundle)
        handle.seek(place.offset)
        data = handle.read(place.size)
        if hashlib.sha256(data).hexdigest() != sha256:
            path = self._paths[place.bundle]
            raise InputError(
                msg(
                    "{path}: the bytes under sha256:{sha256} were altered",
                    path=str(path),
                    sha256=str(sha256),
                )
            )
        return data

    def _handle(self, number: int) -> IO[bytes]:
        if self._open is not None and self._open[0] == number:
            return self._open[1]
        self.close()
        self._open = (number, self._paths[number].open("rb"))
        return self._open[1]

    def close(self) -> None:
        """No file is open; may be called twice, and `get` goes on to work."""
        if self._open is not None:
            self._open[1].close()
            self._open = None


class Folders:
    """Where the pack puts each observation."""

    def __init__(self, observations: tuple[Evidence, ...]) -> None:
        width = max(5, len(str(len(observations))))
        self._names = {
            seen.digest: f"evidence/{number:0{width}}-{hex_of(seen.digest)[:16]}"
            for number, seen in enumerate(observations, 1)
        }
        if len(self._names) != len(observations):
            raise InputError(msg("results: an observation is listed twice"))
        self._empty = {seen.digest for seen in observations if not seen.stdout_size}

    def name(self, digest: str) -> str:
        """The folder of the observation `digest`, relative to the top of the pack."""
        try:
            return self._names[digest]
        except KeyError as error:
            raise InputError(
                msg("results: no observation {digest} is listed", digest=str(digest))
            ) from error

    def shown(self, digest: str) -> str:
        """The file that shows what came back: the output, or where it was empty the record."""
        file = "observation.json" if digest in self._empty else "stdout.txt"
        return f"{self.name(digest)}/{file}"


def hex_of(digest: str) -> str:
    """The hex digits of a digest written `sha256:…`; raises InputError for any other text."""
    method, _, digits = digest.partition(":")
    if method != "sha256" or len(digits) != 64 or digits.strip("0123456789abcdef"):
        raise InputError(msg("results: {digest} is not a digest", digest=repr(digest[:80])))
    return digits


def files(stored: Stored, seen: Evidence, folder: str) -> Iterator[tuple[str, bytes]]:
    """The files (name, bytes) of one observation; raises InputError where bytes are missing."""
    yield f"{folder}/observation.json", stored.get(hex_of(seen.digest))
    if seen.stderr_size:
        yield f"{folder}/stderr.txt", stored.get(seen.stderr_sha256)
    if seen.stdout_size:
        yield f"{folder}/stdout.txt", stored.get(seen.stdout_sha256)


def readable(run: Run) -> Stored:
    """What `run` has stored; raises StoreError where its bundles cannot be read."""
    try:
        return Stored(run)
    except OSError as error:
        raise StoreError(
            msg(
                "{folder}: cannot read: {error}",
                folder=str(run.folder),
                error=os_error(error),
            )
        ) from error
