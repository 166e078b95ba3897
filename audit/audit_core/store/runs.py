"""The store: a folder of runs, each with its stamp, its bundles and, once collected, its seal.

STORE/runs/ID/run.json          what was asked of whom: written first, never changed
STORE/runs/ID/bundles/*.bundle  one per target that is reached by itself
STORE/runs/ID/seal.json         digests of all the above, chained to the run sealed before
STORE/runs/ID/results/PROFILE/  what evaluation says; can be made again at any time
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from audit_core.model import Message, Target, msg, verbatim
from audit_core.model.errors import InputError, StoreError, UsageError
from audit_core.model.results import encode
from audit_core.store import frames
from audit_core.store.bundles import Bundle, BundleWriter, Head
from audit_core.store.redact import Redactor
from audit_core.text.system_errors import os_error

RUN_SCHEMA = "dengbao/run/1"
SEAL_SCHEMA = "dengbao/seal/1"
_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}")


class RunFile(Struct, frozen=True, kw_only=True):
    """What a run was asked to do. No credential stands here, and no way to reach a target.

    `profile` is the id or path as given. `only` are the targets that were chosen, empty for all;
    `extensions` the scopes beyond the general one that the system declares, `system` its name.
    """

    schema: str
    id: str
    started: str
    profile: str
    profile_sha256: str
    inventory_sha256: str
    dengbao: str
    plugins: dict[str, str]
    targets: tuple[Target, ...]
    only: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    system: str = ""
    faults: tuple[Message, ...] = ()


class Seal(Struct, frozen=True, kw_only=True):
    """The digests (SHA-256, hex) of a collected run, and of the seal made before it."""

    schema: str
    run: str
    sealed: str
    run_sha256: str
    bundles: dict[str, str]
    previous: str | None


def default_store() -> Path:
    """`$DENGBAO_STORE`, else the user's state folder."""
    given = os.environ.get("DENGBAO_STORE")
    if given:
        return Path(given)
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "dengbao"


def _bundle_name(target: str) -> str:
    # A target's id never becomes a path: the name is its digest.
    return hashlib.sha256(target.encode("utf-8", "surrogatepass")).hexdigest()[:32] + ".bundle"


class Run:
    """One stored run: its folder, stamp, bundles, seal and results."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.id = folder.name

    @property
    def file(self) -> RunFile:
        """The run's stamp; raises InputError if it is broken."""
        path = self.folder / "run.json"
        try:
            return msgspec.json.decode(path.read_bytes(), type=RunFile)
        except FileNotFoundError as error:
            raise InputError(
                msg("{path}: missing; this run was never started", path=str(path))
            ) from error
        except msgspec.MsgspecError as error:
            raise InputError(
                msg("{path}: {error}", path=str(path), error=verbatim(str(error)))
            ) from error

    @property
    def seal(self) -> Seal | None:
        """The run's seal, or None while it is not collected to the end."""
        path = self.folder / "seal.json"
        if not path.exists():
            return None
        try:
            return msgspec.json.decode(path.read_bytes(), type=Seal)
        except msgspec.MsgspecError as error:
            raise InputError(
                msg("{path}: {error}", path=str(path), error=verbatim(str(error)))
            ) from error

    def bundle_path(self, target: str) -> Path:
        """Where the bundle of `target` stands, or will."""
        return self.folder / "bundles" / _bundle_name(target)

    def bundle(self, target: str) -> Bundle | None:
        """What was collected from `target`, or None where nothing was."""
        path = self.bundle_path(target)
        return Bundle(path) if path.exists() else None

    def writer(self, target: str, redactor: Redactor | None = None) -> BundleWriter:
        """A writer that goes on where the bundle of `target` ends."""
        return BundleWriter(self.bundle_path(target), Head(run=self.id, target=target), redactor)

    def results_path(self, profile: str) -> Path:
        """The folder of the results under `profile`."""
        name = re.sub(r"[^A-Za-z0-9._-]", "_", profile)[:80].lstrip(".") or "profile"
        return self.folder / "results" / name

    def results_folders(self) -> tuple[Path, ...]:
        """The folders of results that are there, one for each profile."""
        return tuple(sorted((self.folder / "results").iterdir()))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Only one process collects into a run at a time; raises StoreError for a second."""
        with open(self.folder / "lock", "w", opener=_private) as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise StoreError(
                    msg("{folder}: another process is using this run", folder=str(self.folder))
                ) from error
            yield


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class Store:
    """The folder that holds all runs, and the signing key."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def create(self, file: RunFile) -> Run:
        """A new run, its stamp durable on disk; raises StoreError."""
        folder = self.root / "runs" / file.id
        if self.root.is_file():
            raise StoreError(msg("{root}: is a file, not a directory of runs", root=str(self.root)))
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.root / "runs").mkdir(mode=0o700, exist_ok=True)
            folder.mkdir(mode=0o700)
            (folder / "bundles").mkdir(mode=0o700)
            (folder / "results").mkdir(mode=0o700)
        except OSError as error:
            raise StoreError(
                msg(
                    "{folder}: cannot write: {error}",
                    folder=str(folder),
                    error=os_error(error),
                )
            ) from error
        frames.write_whole(folder / "run.json", encode(file))
        frames.sync_folder(self.root / "runs")
        return Run(folder)

    def ids(self) -> tuple[str, ...]:
        """The ids of all runs, oldest first. A folder without a stamp never became a run."""
        try:
            folders = (self.root / "runs").iterdir()
            names = [p.name for p in folders if (p / "run.json").exists()]
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            raise StoreError(
                msg(
                    "{root}: cannot read: {error}",
                    root=str(self.root),
                    error=os_error(error),
                )
            ) from error
        return tuple(sorted(n for n in names if _ID.fullmatch(n)))

    def find(self, name: str) -> Run:
        """The run that `name` (an id, a unique prefix of one, or `latest`) means."""
        ids = self.ids()
        if not ids:
            raise UsageError(
                msg(
                    "{root}: there is no run yet; start one with dengbao run PROFILE",
                    root=str(self.root),
                )
            )
        if name == "latest":
            return Run(self.root / "runs" / ids[-1])
        hits = [i for i in ids if i == name] or [i for i in ids if name and i.startswith(name)]
        if len(hits) == 1:
            return Run(self.root / "runs" / hits[0])
        if hits:
            raise UsageError(
                msg(
                    "{name} matches {count} runs: {names}",
                    name=repr(name),
                    count=str(len(hits)),
                    names=str(", ".join(hits[:5])),
                )
            )
        raise UsageError(
            msg(
                "no run {name} in {root} (the newest is {newest})",
                name=repr(name),
                root=str(self.root),
                newest=str(ids[-1]),
            )
        )

    def before(self, run: Run) -> Run | None:
        """The newest run before `run` that was collected to its end under the same profile."""
        profile = run.file.profile
        for id in reversed([i for i in self.ids() if i < run.id]):
            earlier = Run(self.root / "runs" / id)
            if earlier.seal is not None and earlier.file.profile == profile:
                return earlier
        return None

    def unfinished(self) -> Run | None:
        """The newest run that is not sealed, or None."""
        for id in reversed(self.ids()):
            run = Run(self.root / "runs" / id)
            if run.seal is None:
                return run
        return None

    def seal(self, run: Run, sealed: str) -> Seal:
        """Seals `run`: its digests, chained to the seal made last before it."""
        bundles = {p.name: file_digest(p) for p in sorted((run.folder / "bundles").iterdir())}
        seal = Seal(
            schema=SEAL_SCHEMA,
            run=run.id,
            sealed=sealed,
            run_sha256=file_digest(run.folder / "run.json"),
            bundles=bundles,
            previous=self._previous(run),
        )
        frames.write_whole(run.folder / "seal.json", encode(seal))
        return seal

    def _previous(self, run: Run) -> str | None:
        for id in reversed([i for i in self.ids() if i < run.id]):
            path = self.root / "runs" / id / "seal.json"
            if path.exists():
                return file_digest(path)
        return None


def file_digest(path: Path) -> str:
    """The SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def check_seal(run: Run) -> tuple[Message, ...]:
    """What does not agree with the run's seal; empty where everything stands as sealed."""
    seal = run.seal
    if seal is None:
        return (msg("the run is not sealed: its collection is incomplete"),)
    wrong = []
    if file_digest(run.folder / "run.json") != seal.run_sha256:
        wrong.append(msg("run.json was altered"))
    there = {p.name for p in (run.folder / "bundles").iterdir()}
    gone, more = sorted(set(seal.bundles) - there), sorted(there - set(seal.bundles))
    wrong += [msg("bundles/{name}: missing", name=name) for name in gone]
    wrong += [msg("bundles/{name}: not in the seal", name=name) for name in more]
    for name, digest in seal.bundles.items():
        if name in there and file_digest(run.folder / "bundles" / name) != digest:
            wrong.append(msg("bundles/{name}: altered", name=name))
    return tuple(wrong)
