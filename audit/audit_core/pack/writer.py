"""Writes a run and what was concluded from it as one signed zip."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

from msgspec import Struct

from audit_core.api.hooks import Exporter
from audit_core.model import Message, filled, msg
from audit_core.model.errors import DengbaoError, InputError, StoreError
from audit_core.model.results import PackSource, Results, encode
from audit_core.pack import documents as d
from audit_core.pack import evidence, signing
from audit_core.pack.archive import Archive, of_bytes, of_file
from audit_core.pack.keys import SigningKey, public_pem
from audit_core.store.frames import sync_folder
from audit_core.store.runs import Run, check_seal
from audit_core.text.system_errors import os_error
from audit_core.text.translate import Translator


class Packed(Struct, frozen=True, kw_only=True):
    """A pack that was written. `fingerprint` is that of the key that signed it."""

    path: Path
    files: int
    size: int
    root: str
    fingerprint: str
    faults: tuple[Message, ...]


class _Job(Struct, frozen=True, kw_only=True):
    run: Run
    results: Results
    results_bytes: bytes
    exporters: Mapping[str, Exporter]
    translator: Translator
    key: SigningKey


def write_pack(
    run: Run,
    results: Results,
    results_bytes: bytes,
    *,
    exporters: Mapping[str, Exporter],
    lang: str,
    translator: Translator,
    out: Path,
    key: SigningKey,
) -> Packed:
    """`out` is the pack of `run`, or, if this fails, what it was before.

    Raises StoreError where `out` cannot be written, InputError where the run is not what was sealed
    or lacks evidence that `results` lists. An exporter that fails costs its own files only.
    """
    _same_run(run, results)
    job = _Job(
        run=run,
        results=results,
        results_bytes=results_bytes,
        exporters=exporters,
        translator=translator,
        key=key,
    )
    try:
        with _replacing(out) as handle, tempfile.TemporaryDirectory(
            dir=out.parent, prefix=f".{out.name}."
        ) as folder:  # fmt: skip
            manifest, faults = _fill(job, handle, Path(folder), lang)
            size = handle.seek(0, os.SEEK_END)
    except OSError as error:
        raise StoreError(
            msg(
                "{out}: cannot write: {error}",
                out=str(out),
                error=os_error(error),
            )
        ) from error
    return Packed(
        path=out,
        files=len(manifest.files) + len(d.TAIL),
        size=size,
        root=manifest.root,
        fingerprint=key.fingerprint,
        faults=faults,
    )


def _same_run(run: Run, results: Results) -> None:
    if results.run.id != run.id:
        raise InputError(
            msg(
                "the results are of run {other}, not of {name}",
                other=str(results.run.id),
                name=str(run.id),
            )
        )
    # To sign what was altered after it was sealed would make it look whole again.
    if run.seal is not None and (wrong := check_seal(run)):
        said = msg("{folder}: not as it was sealed: {wrong}", folder=str(run.folder))
        raise InputError(filled(said, wrong=wrong[0]))  # verify tells all there is


@contextmanager
def _replacing(out: Path) -> Iterator[IO[bytes]]:
    if out.is_dir():
        raise StoreError(msg("{out}: cannot write: it is a folder", out=str(out)))
    fd, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")  # made with mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(fd, "w+b") as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(out)
        sync_folder(out.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _fill(
    job: _Job, handle: IO[bytes], folder: Path, lang: str
) -> tuple[d.Manifest, tuple[Message, ...]]:
    archive = Archive(handle, job.results.run.started)
    # A zip that is not closed here would try to write its end when it is collected as garbage.
    with closing(archive), closing(evidence.readable(job.run)) as stored:
        folders = evidence.Folders(job.results.observations)
        _add_records(archive, job, stored, folders)
        source = _source(archive, job, stored, folders, lang)
        failed = _export(archive, job.exporters, source, folder)
        manifest = _manifest(archive, job, lang, tuple(failed))
        _add_tail(archive, job.key, manifest)
    return manifest, tuple(failed.values())


def _add_records(
    archive: Archive, job: _Job, stored: evidence.Stored, folders: evidence.Folders
) -> None:
    for seen in job.results.observations:
        for name, data in evidence.files(stored, seen, folders.name(seen.digest)):
            archive.add(name, of_bytes(data), len(data))
    archive.add(d.RESULTS, of_bytes(job.results_bytes), len(job.results_bytes))
    for name in (d.RUN, d.SEAL):
        path = job.run.folder / name
        if name == d.RUN or path.exists():
            data = path.read_bytes()
            archive.add(name, of_bytes(data), len(data))


def _source(
    archive: Archive,
    job: _Job,
    stored: evidence.Stored,
    folders: evidence.Folders,
    lang: str,
) -> PackSource:
    digests = {}
    for file in archive.files:
        digests[file.name] = {"md5": archive.md5[file.name], "sha256": file.sha256}
        if file.sm3 is not None:
            digests[file.name]["sm3"] = file.sm3
    return PackSource(
        job.results,
        lang=lang,
        blob=stored.get,
        evidence_path=folders.shown,
        say=job.translator.say,
        root_digest=d.root((f.name, f.sha256) for f in archive.files),
        digests=digests,
    )


def _export(
    archive: Archive, exporters: Mapping[str, Exporter], source: PackSource, top: Path
) -> dict[str, Message]:
    failed = {}
    for name, exporter in sorted(exporters.items()):
        folder = top / f"exporter-{len(list(top.iterdir()))}"
        folder.mkdir()
        try:
            paths = sorted(Path(p) for p in exporter.write(source, folder))
            names = [_export_name(archive, folder, path) for path in paths]
        except (OSError, DengbaoError):
            raise
        except Exception as error:  # noqa: BLE001 (a plugin's fault costs only its own files)
            failed[name] = msg(
                "Exporter {name} failed, its files are left out: {error}",
                name=name,
                error=f"{type(error).__name__}: {error}"[:500],
            )
            continue
        for path, as_name in zip(paths, names, strict=True):
            _add_file(archive, path, as_name)
    return failed


def _export_name(archive: Archive, folder: Path, path: Path) -> str:
    name = path.relative_to(folder).as_posix()
    taken = {file.name.lower() for file in archive.files}
    if not d.NAME.fullmatch(name) or not d.exported(name) or name.lower() in taken:
        raise ValueError(f"{name!r} cannot be the name of a file in a pack")
    if not stat.S_ISREG(path.lstat().st_mode):
        raise ValueError(f"{name!r} is not a regular file")
    return name


def _add_file(archive: Archive, path: Path, name: str) -> None:
    with path.open("rb") as handle:
        archive.add(name, of_file(handle), path.stat().st_size)


def _pairs(files: Iterable[d.File]) -> list[tuple[str, str]]:
    return [(file.name, file.sha256) for file in files]


def _manifest(archive: Archive, job: _Job, lang: str, failed: tuple[str, ...]) -> d.Manifest:
    run, seal = job.run.file, job.run.seal
    files = tuple(archive.files)
    digests = dict(_pairs(files))
    return d.Manifest(
        schema=d.SCHEMA,
        run=run.id,
        dengbao=run.dengbao,
        plugins=run.plugins,
        profile=job.results.run.profile,
        inventory_sha256=run.inventory_sha256,
        policy=job.results.run.policy,
        lang=lang,
        seal_sha256=digests.get(d.SEAL),
        previous=seal.previous if seal is not None else None,
        root=d.root(_pairs(files)),
        evidence_root=d.root(p for p in _pairs(files) if not d.exported(p[0])),
        files=files,
        faults=failed,
    )


def _add_tail(archive: Archive, key: SigningKey, manifest: d.Manifest) -> None:
    raw = encode(manifest)
    said = signing.Predicate(run=manifest.run, root=manifest.root, dengbao=manifest.dengbao)
    for name, data in (
        (d.MANIFEST, raw),
        (d.SIGNATURE, signing.sign(raw, said, key)),
        (d.KEY, public_pem(key.private.public_key())),
    ):
        archive.add(name, of_bytes(data), len(data))
    data = d.sums(_pairs(archive.files))
    archive.add(d.SUMS, of_bytes(data), len(data))
