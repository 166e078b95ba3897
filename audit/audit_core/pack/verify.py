"""Verifies a pack or a run from its own bytes: no database, network or plugin is used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from audit_core.model import Message, msg
from audit_core.model.errors import InputError
from audit_core.model.results import INDEX_SCHEMA
from audit_core.pack import contents, evidence_links, keys, signing
from audit_core.pack import documents as d
from audit_core.pack.archive import zip_time
from audit_core.pack.contents import Contents
from audit_core.pack.report import Report, ReportBuilder
from audit_core.pack.verify_run import verify_run
from audit_core.pack.zips import NotZip
from audit_core.store.runs import Run, RunFile, Seal
from audit_core.text.system_errors import os_error

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

T = TypeVar("T")


def verify(
    subject: Path | Run, *, trusted_key: Path | None = None, fingerprint: str | None = None
) -> Report:
    """What is wrong with a pack or a run, if anything.

    `trusted_key` is a public key (PEM), `fingerprint` the SHA-256 (hex) of one, by which the pack
    must be signed; they say nothing of a run, which carries no signature. Raises InputError only
    where a file cannot be opened or `trusted_key` is no key.
    """
    if isinstance(subject, Run):
        return verify_run(subject)
    trusted = keys.load_public(trusted_key) if trusted_key is not None else None
    out = ReportBuilder()
    try:
        with subject.open("rb") as handle:
            signer = _pack(handle, out, trusted, fingerprint)
    except OSError as error:
        raise InputError(
            msg(
                "{subject}: cannot read: {error}",
                subject=str(subject),
                error=os_error(error),
            )
        ) from error
    asked = trusted is not None or fingerprint is not None
    return out.report(str(subject), signer, trusted=asked and signer is not None)


def _pack(
    handle: IO[bytes], out: ReportBuilder, trusted: Ed25519PublicKey | None, wanted: str | None
) -> str | None:
    """Checks the pack; the fingerprint of its signer where the signature holds."""
    try:
        found = contents.read(handle, out)
    except NotZip as error:
        out.wrong(error.detail)
        return None
    manifest = _document(found, d.MANIFEST, d.Manifest, d.SCHEMA, out)
    if manifest is not None:
        _listed(found, manifest, out)
        _roots(manifest, out)
    _sums(found, out)
    _outputs(found, out)
    _records(found, manifest, out)
    return _signature(found, manifest, out, trusted, wanted)


def _document(
    found: Contents, name: str, type: type[T], schema: str, out: ReportBuilder
) -> T | None:
    raw = found.kept.get(name)
    if raw is None:
        out.wrong(msg("It is missing"), name)
        return None
    document: Any = evidence_links.decoded(raw, type)
    if isinstance(document, Message):
        out.wrong(document, name)
        return None
    if document.schema != schema:
        out.wrong(msg("Expected the schema {schema}", schema=schema), name)
        return None
    if name != d.RESULTS and _ambiguous(raw):
        out.wrong(msg("It names a field twice"), name)
    return document  # type: ignore[no-any-return]


def _ambiguous(raw: bytes) -> bool:
    """Whether a key stands twice in one object: readers then differ in which of them they take."""

    def pairs(items: list[tuple[str, Any]]) -> None:
        if len({key for key, _ in items}) != len(items):
            raise KeyError

    try:
        json.loads(raw, object_pairs_hook=pairs)
    except (KeyError, ValueError, RecursionError):
        return True
    return False


def _listed(found: Contents, manifest: d.Manifest, out: ReportBuilder) -> None:
    expected = [file.name for file in manifest.files]
    if len(set(expected)) != len(expected) or set(expected) & set(d.TAIL):
        out.wrong(msg("It lists a file twice, or one that cannot be listed"), d.MANIFEST)
    known = {*expected, *d.TAIL}
    for name in found.names:
        if name not in known:
            out.wrong(msg("It is not in the manifest"), name)
    for file in manifest.files:
        actual = found.files.get(file.name)
        if actual is None:
            out.wrong(msg("It is missing or could not be read"), file.name)
        elif _differs(actual, file):
            out.wrong(msg("It is not the file that the manifest lists"), file.name)
    if [name for name in found.names if name in known] != [*expected, *d.TAIL]:
        out.wrong(msg("The files are not in the order of the manifest"))
    out.checked.append(
        msg("Sizes and digests of the {count} files in the manifest", count=len(expected))
    )


def _differs(actual: d.File, listed: d.File) -> bool:
    if actual.sm3 is not None and listed.sm3 not in (None, actual.sm3):
        return True
    return (actual.size, actual.sha256) != (listed.size, listed.sha256)


def _roots(manifest: d.Manifest, out: ReportBuilder) -> None:
    pairs = [(file.name, file.sha256) for file in manifest.files]
    if not all(d.NAME.fullmatch(name) and digest.isascii() for name, digest in pairs):
        out.wrong(msg("It lists a name that dengbao does not use"), d.MANIFEST)
        return
    pairs.sort()
    if manifest.root != d.root(pairs):
        out.wrong(msg("Its root digest is not that of its files"), d.MANIFEST)
    if manifest.evidence_root != d.root(p for p in pairs if not d.exported(p[0])):
        out.wrong(msg("Its root digest of the evidence is not that of its files"), d.MANIFEST)
    out.checked.append(msg("Root digest of the pack {root}", root=manifest.root))
    out.checked.append(
        msg(
            "Root digest of the evidence {root}, as printed on the confirmation sheet",
            root=manifest.evidence_root,
        )
    )


def _sums(found: Contents, out: ReportBuilder) -> None:
    if d.SUMS not in found.kept:
        out.wrong(msg("It is missing"), d.SUMS)
        return
    files = [(f.name, f.sha256) for f in found.files.values() if f.name != d.SUMS]
    if found.kept[d.SUMS] != b"".join(d.sums(sorted(files))):
        out.wrong(msg("It does not list exactly the files of the pack"), d.SUMS)


def _outputs(found: Contents, out: ReportBuilder) -> None:
    for folder, record in found.records.items():
        for name, digest in (("stdout.txt", record.stdout), ("stderr.txt", record.stderr)):
            file = found.files.get(f"{folder}/{name}")
            if (file.sha256 if file is not None else evidence_links.EMPTY) != digest:
                detail = msg("It is not the output that the observation names")
                out.wrong(detail, f"{folder}/{name}")
    for name in found.names:
        folder, _, file_name = name.rpartition("/")
        if name.startswith("evidence/") and (
            folder not in found.records
            or file_name not in ("observation.json", "stdout.txt", "stderr.txt")
        ):
            out.wrong(msg("It belongs to no observation"), name)


def _there(found: Contents) -> dict[str, evidence_links.Record]:
    """The observations whose record and outputs are present and correct."""
    whole = {}
    for folder, record in found.records.items():
        streams = ((record.stdout, "stdout.txt"), (record.stderr, "stderr.txt"))
        files = [(digest, found.files.get(f"{folder}/{name}")) for digest, name in streams]
        if all(
            (f.sha256 if f is not None else evidence_links.EMPTY) == digest for digest, f in files
        ):
            whole["sha256:" + found.files[f"{folder}/observation.json"].sha256] = record
    return whole


def _records(found: Contents, manifest: d.Manifest | None, out: ReportBuilder) -> None:
    run = _document(found, d.RUN, RunFile, "dengbao/run/1", out)
    seal = None
    if d.SEAL in found.kept:
        seal = _document(found, d.SEAL, Seal, "dengbao/seal/1", out)
    elif manifest is not None and manifest.seal_sha256 is not None:
        out.wrong(msg("It is missing"), d.SEAL)
    elif manifest is not None:
        out.notes.append(msg("The collection of the run is incomplete, so it is not sealed"))
    index = _document(found, d.RESULTS, evidence_links.ResultIndex, INDEX_SCHEMA, out)
    if index is not None:
        _objects(found, index, out)
        out.extend(evidence_links.problems(found.objects, _there(found)))
        _answers(found, index.run.answers, out)
        if found.times - {zip_time(index.run.started)}:
            out.wrong(msg("The times in the zip are not that of the run"))
        out.checked.append(
            msg(
                "The evidence of {findings} findings and {conclusions} conclusions is in the pack",
                findings=sum(len(o.findings) for o in found.objects.values()),
                conclusions=sum(len(o.conclusions) for o in found.objects.values()),
            )
        )
    _agree(found, manifest, run, seal, index, out)


def _objects(found: Contents, index: evidence_links.ResultIndex, out: ReportBuilder) -> None:
    """The index names the results of objects that are there, and no others are there."""
    named = {d.object_name(entry.sha256): entry for entry in index.objects}
    for name, entry in named.items():
        file, links = found.files.get(name), found.objects.get(name)
        if file is None or links is None:
            out.wrong(msg("The results of {object} are missing", object=entry.object), d.RESULTS)
        elif (file.sha256, links.object) != (entry.sha256, entry.object):
            out.wrong(msg("It is not what the index of the results names"), name)
    for name in found.names:
        if name.startswith("results/") and name != d.RESULTS and name not in named:
            out.wrong(msg("It is not in the index of the results"), name)


def _answers(found: Contents, digest: str, out: ReportBuilder) -> None:
    """The answers of people that the index names are there, and no others are."""
    name, expected = d.answers_name(digest), set()
    keys: frozenset[evidence_links.AnswerKey] = frozenset()
    if digest:
        links = evidence_links.decoded(found.kept.get(name, b""), evidence_links.AnswerLinks)
        if isinstance(links, Message) or found.files[name].sha256 != digest:
            out.wrong(msg("The answers that the index of the results names are missing"), name)
        else:
            keys = links.keys()
            expected = {name, *map(d.attachment_name, links.attachments())}
            _attachments(found, links, out)
    for other in found.names:
        if other.startswith("answers/") and other not in expected:
            out.wrong(msg("No answer of the results belongs to it"), other)
    out.extend(evidence_links.unanswered(found.objects, keys))


def _attachments(found: Contents, links: evidence_links.AnswerLinks, out: ReportBuilder) -> None:
    for digest in links.attachments():
        name = d.attachment_name(digest)
        file = found.files.get(name)
        if file is None or file.sha256 != digest:
            out.wrong(msg("The attachment of an answer is missing or was altered"), name)
    detail = msg("{answers} answers of people and {count} attachments, as the results name them",
                 answers=len(links.answers), count=len(links.attachments()))  # fmt: skip
    out.checked.append(detail)


def _agree(
    found: Contents,
    manifest: d.Manifest | None,
    run: RunFile | None,
    seal: Seal | None,
    index: evidence_links.ResultIndex | None,
    out: ReportBuilder,
) -> None:
    """Checks that the documents agree about the run."""
    runs = (
        None if run is None else run.id,
        None if seal is None else seal.run,
        None if index is None else index.run.id,
        None if manifest is None else manifest.run,
    )
    if len(set(runs) - {None}) > 1:
        out.wrong(msg("The documents are of different runs"))
    if seal is not None:
        _as_sealed(found, seal, index, out)
    if manifest is not None and not _names_seal(manifest, found.files.get(d.SEAL), seal):
        out.wrong(msg("Its seal is not the one in the pack"), d.MANIFEST)


def _as_sealed(
    found: Contents, seal: Seal, index: evidence_links.ResultIndex | None, out: ReportBuilder
) -> None:
    file = found.files.get(d.RUN)
    if file is not None and file.sha256 != seal.run_sha256:
        out.wrong(msg("It is not the file that the seal names"), d.RUN)
    if index is not None and index.run.bundles != seal.bundles:
        out.wrong(msg("Its bundles are not those of the seal"), d.RESULTS)


def _names_seal(manifest: d.Manifest, file: d.File | None, seal: Seal | None) -> bool:
    """True when `manifest` names `file` as the seal, and the seal before it as the seal does."""
    if manifest.seal_sha256 != (None if file is None else file.sha256):
        return False
    return seal is None or manifest.previous == seal.previous


def _signature(
    found: Contents,
    manifest: d.Manifest | None,
    out: ReportBuilder,
    trusted: Ed25519PublicKey | None,
    wanted: str | None,
) -> str | None:
    """The fingerprint of the key that signed the manifest, if it is the one to be expected."""
    envelope, own = found.kept.get(d.SIGNATURE), keys.parse_public(found.kept.get(d.KEY, b""))
    if envelope is None or d.KEY not in found.kept:
        out.wrong(msg("It is missing"), d.KEY if envelope is not None else d.SIGNATURE)
        return None
    if own is None:
        out.wrong(msg("It is not an Ed25519 public key"), d.KEY)
    public = trusted if trusted is not None else own
    if public is None or not _wanted(public, wanted, out):
        return None
    print_ = keys.fingerprint(public)
    detail = signing.statement(envelope, public)
    if detail is None:
        by = signing.signer(envelope) or "?"
        out.wrong(
            msg("The signature is not by the key {key} (it names {by})", key=print_, by=by[:80]),
            d.SIGNATURE,
        )
        return None
    if own is not None and keys.fingerprint(own) != print_:
        out.wrong(msg("It is not the key that signed"), d.KEY)
    if not _statement_matches(detail, found, manifest):
        out.wrong(msg("The signature is not over this manifest"), d.SIGNATURE)
        return None
    out.checked.append(msg("Signature by the key {key}", key=print_))
    if trusted is None and wanted is None:
        out.notes.append(
            msg(
                "The key is part of the pack: this shows that the pack is complete, not who "
                "made it. Compare its fingerprint, or give the key that you know (--key)."
            )
        )
    return print_


def _wanted(public: Ed25519PublicKey, wanted: str | None, out: ReportBuilder) -> bool:
    found = keys.fingerprint(public)
    if wanted is None or found == wanted.lower().removeprefix("sha256:"):
        return True
    out.wrong(msg("The pack contains the key {found}, not {wanted}", found=found, wanted=wanted))
    return False


def _statement_matches(
    detail: signing.Statement, found: Contents, manifest: d.Manifest | None
) -> bool:
    raw = found.kept.get(d.MANIFEST)
    if raw is None or manifest is None or not signing.vouches(detail, raw):
        return False
    expected = signing.Predicate(run=manifest.run, root=manifest.root, dengbao=manifest.dengbao)
    return detail.predicate == expected
