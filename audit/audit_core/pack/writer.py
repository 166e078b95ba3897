"""Writes a run and what was concluded from it as one signed zip."""

from __future__ import annotations

import datetime
import itertools
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from msgspec import Struct

from audit_core.api.hooks import Exporter
from audit_core.evaluate.previous_issues import issues_before
from audit_core.evaluate.record_lint import record_problems
from audit_core.model import Message, filled, msg, named, verbatim
from audit_core.model.errors import DengbaoError, InputError, StoreError
from audit_core.model.results import (
    ObjectEntry,
    PackSource,
    Results,
    encode,
    encode_pieces,
    number_width,
)
from audit_core.model.review import RecordProblem
from audit_core.pack import documents as d
from audit_core.pack import evidence, signing
from audit_core.pack import zip_format as z
from audit_core.pack.archive import Archive, of_file
from audit_core.pack.keys import SigningKey, public_pem
from audit_core.pack.parallel import MarkSpan, add_each
from audit_core.store.answers import AnswersFolder, attached
from audit_core.store.frames import sync_folder
from audit_core.store.runs import Run, check_seal, file_digest
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
    exporters: Mapping[str, Exporter]
    translator: Translator
    key: SigningKey
    before: Results | None


def write_pack(
    run: Run,
    results: Results,
    *,
    exporters: Mapping[str, Exporter],
    lang: str,
    translator: Translator,
    out: Path,
    key: SigningKey,
    before: Results | None = None,
) -> Packed:
    """`out` is the pack of `run`, or, if this fails, what it was before.

    `before` are the results of the run before, whose issues are followed up.

    Raises StoreError where `out` cannot be written, InputError where the run is not what was sealed
    or lacks evidence that `results` lists. An exporter that fails costs its own files only.
    """
    _same_run(run, results)
    job = _Job(
        run=run,
        results=results,
        exporters=exporters,
        translator=translator,
        key=key,
        before=before,
    )
    try:
        with _replacing(out) as handle, tempfile.TemporaryDirectory(
            dir=out.parent, prefix=f".{out.name}."
        ) as folder:  # fmt: skip
            manifest, files, faults = _fill(job, handle, Path(folder), lang)
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
        files=files,
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
    # Signing a run that was altered after sealing would hide the alteration.
    if run.seal is not None and (wrong := check_seal(run)):
        detail = msg("{folder}: not as it was sealed: {wrong}", folder=str(run.folder))
        raise InputError(filled(detail, wrong=wrong[0]))  # verify lists all problems


@contextmanager
def _replacing(out: Path) -> Iterator[IO[bytes]]:
    if out.is_dir():
        raise StoreError(msg("{out}: cannot write: it is a directory", out=str(out)))
    fd, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")  # made with mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(fd, "w+b", 1 << 20) as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(out)
        sync_folder(out.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _fill(
    job: _Job, handle: IO[bytes], folder: Path, lang: str
) -> tuple[d.Manifest, int, tuple[Message, ...]]:
    archive = Archive(handle, job.results.run.started)
    # A zip that is not closed here would try to write its end when it is collected as garbage.
    with closing(archive):
        marks = _add_records(archive, job)
        source = _source(archive, job, lang, marks)
        failed = _export(archive, job.exporters, source, folder)
        manifest = _manifest(archive, job, source, tuple(failed))
        _add_tail(archive, job.key, manifest, folder)
        return manifest, archive.count, tuple(failed.values())


def _add_records(archive: Archive, job: _Job) -> dict[str, MarkSpan]:
    """Where the evidence of each object stands in the list of files; of what is none, under ``."""
    results = job.results
    before = itertools.accumulate((entry.observations for entry in results.entries), initial=0)
    items = tuple(zip(results.entries, before, strict=False))
    places = add_each(archive, items, partial(_add_evidence, job, number_width(results)))
    marks = {entry.object: place for (entry, _), place in zip(items, places, strict=True)}
    begun = archive.mark()
    add_each(archive, results.entries, partial(_add_object, results))
    _add_answers(archive, job)
    archive.add_bytes(d.RESULTS, encode(results.index))
    for name in (d.RUN, d.SEAL):
        path = job.run.folder / name
        if name == d.RUN or path.exists():
            archive.add_bytes(name, path.read_bytes())
    return marks | {"": (begun, archive.mark())}


def _add_evidence(job: _Job, width: int, archive: Archive, item: tuple[ObjectEntry, int]) -> None:
    """The evidence on one object; `item` says how many observations there are before."""
    entry, before = item
    with evidence.opened(job.run, job.results.bundle_of(entry)) as stored:
        for number, seen in enumerate(job.results.observations_of(entry), before + 1):
            folder = evidence.folder(number, seen, width)
            for name, data, sha256 in evidence.files(stored, seen, folder):
                archive.add_bytes(name, data, sha256)


def _add_object(results: Results, archive: Archive, entry: ObjectEntry) -> None:
    archive.add_bytes(d.object_name(entry.sha256), results.load(entry))


def _add_answers(archive: Archive, job: _Job) -> None:
    """What people answered, with its attachments; nothing where nobody did."""
    digest, folder = job.results.run.answers, AnswersFolder(job.run)
    if not digest:
        return
    for stored in attached(folder.load(digest)):
        archive.add_bytes(d.attachment_name(stored), folder.attachment(stored))
    archive.add_bytes(d.answers_name(digest), folder.set_path(digest).read_bytes())


def _source(archive: Archive, job: _Job, lang: str, marks: Mapping[str, MarkSpan]) -> PackSource:
    def digests(object: str) -> Iterator[tuple[str, dict[str, str]]]:
        for file, md5 in archive.listed(*marks[object]):
            sm3 = {"sm3": file.sm3} if file.sm3 is not None else {}
            yield file.name, {"md5": md5, "sha256": file.sha256, **sm3}

    return PackSource(
        job.results,
        lang=lang,
        evidence_path=partial(evidence.main_file, width=number_width(job.results)),
        say=job.translator.say,
        root_digest=d.root_of(archive.sums()),
        digests=digests,
        files=archive.count,
        problems=partial(_problems, job.results),
        last_time=() if job.before is None else issues_before(job.before, job.results),
        last_run="" if job.before is None else job.before.run.id,
    )


def _problems(results: Results) -> tuple[RecordProblem, ...]:
    """What is to be rejected in the records on the day on which answers are judged."""
    day = results.run.judged or results.run.started[:10]
    return record_problems(results, datetime.date.fromisoformat(day))


class _BadName(Exception):
    """A file of an exporter that no pack can hold; `detail` is why."""

    def __init__(self, detail: Message) -> None:
        super().__init__(str(detail))
        self.detail = detail


def _export(
    archive: Archive, exporters: Mapping[str, Exporter], source: PackSource, top: Path
) -> dict[str, Message]:
    failed = {}
    taken = {d.RUN, d.SEAL, *(tail.lower() for tail in d.TAIL)}
    for name, exporter in sorted(exporters.items()):
        folder = top / f"exporter-{len(list(top.iterdir()))}"
        folder.mkdir()
        archive.settle()
        try:
            paths = sorted(Path(p) for p in exporter.write(source, folder))
            names = [_export_name(taken, folder, path) for path in paths]
        except (OSError, DengbaoError):
            raise
        except Exception as error:  # noqa: BLE001 (a plugin's fault costs only its own files)
            failed[name] = msg(
                "Exporter {name} failed, its files are not included: {error}",
                name=name,
                error=error.detail if isinstance(error, _BadName) else named(error),
            )
            continue
        for path, as_name in zip(paths, names, strict=True):
            _add_file(archive, path, as_name)
            path.unlink()
        taken.update(as_name.lower() for as_name in names)
    return failed


def _export_name(taken: set[str], folder: Path, path: Path) -> str:
    name = path.relative_to(folder).as_posix()
    if not d.NAME.fullmatch(name) or not d.exported(name) or name.lower() in taken:
        raise _BadName(msg("{name} cannot be the name of a file in a pack", name=verbatim(name)))
    if not stat.S_ISREG(path.lstat().st_mode):
        raise _BadName(msg("{name} is not a regular file", name=verbatim(name)))
    return name


def _add_file(archive: Archive, path: Path, name: str) -> None:
    with path.open("rb") as handle:
        # A workbook is a zip: its members are compressed.
        stored = handle.read(len(z.LOCAL_BEGIN)) == z.LOCAL_BEGIN
        archive.add(name, of_file(handle), path.stat().st_size, stored=stored)


def _manifest(
    archive: Archive, job: _Job, source: PackSource, failed: tuple[str, ...]
) -> d.Manifest:
    """The manifest without its files, which are too many to keep in memory."""
    run, seal = job.run.file, job.run.seal
    path = job.run.folder / d.SEAL
    return d.Manifest(
        schema=d.SCHEMA,
        run=run.id,
        dengbao=run.dengbao,
        plugins=run.plugins,
        profile=job.results.run.profile,
        inventory_sha256=run.inventory_sha256,
        policy=job.results.run.policy,
        lang=source.lang,
        seal_sha256=file_digest(path) if seal is not None else None,
        previous=seal.previous if seal is not None else None,
        root=d.root_of(archive.sums()),
        evidence_root=source.root_digest,  # what exporters wrote was added since
        files=(),
        faults=failed,
    )


def _add_tail(archive: Archive, key: SigningKey, manifest: d.Manifest, folder: Path) -> None:
    end = archive.mark()
    rows = {"files": lambda: (file for file, _ in archive.listed(0, end))}
    written = _add_pieces(archive, d.MANIFEST, encode_pieces(manifest, rows), folder)
    detail = signing.Predicate(run=manifest.run, root=manifest.root, dengbao=manifest.dengbao)
    archive.add_bytes(d.SIGNATURE, signing.sign(written.sha256, detail, key))
    archive.add_bytes(d.KEY, public_pem(key.private.public_key()))
    _add_pieces(archive, d.SUMS, archive.sums(), folder)


def _add_pieces(archive: Archive, name: str, pieces: Iterable[bytes], folder: Path) -> d.File:
    with tempfile.TemporaryFile(dir=folder) as handle:
        handle.writelines(pieces)
        return archive.add(name, of_file(handle), handle.tell())
