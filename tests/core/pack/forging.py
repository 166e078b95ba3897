"""Forged packs, made from real ones."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

from audit_core.model.results import encode
from audit_core.pack import documents as d
from audit_core.pack import keys, signing
from audit_core.pack.archive import Archive, of_bytes
from audit_core.pack.report import Report

Members = dict[str, bytes]


def read(path: Path) -> Members:
    """Every member of the zip by name, in order."""
    with zipfile.ZipFile(path) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def write(path: Path, found: Members) -> Path:
    """The same members as dengbao would write them."""
    with path.open("w+b") as handle:
        archive = Archive(handle, "2026-11-23T10:15:00Z")
        for name, data in found.items():
            archive.add(name, of_bytes(data), len(data))
        archive.close()
    return path


def detail(report: Report) -> str:
    """All problems as text."""
    return "\n".join(
        f"{p.where}: {p.detail.id} {sorted(p.detail.args.items())}" for p in report.problems
    )


def resigned(found: Members, key: keys.SigningKey) -> Members:
    """The members as a forger with a key of their own would put them together again."""
    manifest = json.loads(found[d.MANIFEST])
    files = []
    for name in (n for n in found if n not in d.TAIL):
        data = found[name]
        sm3 = hashlib.new("sm3", data).hexdigest() if d.HAS_SM3 else None
        sha256 = hashlib.sha256(data).hexdigest()
        files.append(d.File(name=name, size=len(data), sha256=sha256, sm3=sm3))
    pairs = sorted((f.name, f.sha256) for f in files)
    seal = dict(pairs).get(d.SEAL)
    manifest |= {
        "files": files,
        "root": d.root(pairs),
        "evidence_root": d.root(p for p in pairs if not d.exported(p[0])),
        "seal_sha256": seal,
    }
    raw = encode(manifest)
    predicate = signing.Predicate(
        run=manifest["run"], root=manifest["root"], dengbao=manifest["dengbao"]
    )
    made = {name: data for name, data in found.items() if name not in d.TAIL}
    made[d.MANIFEST] = raw
    made[d.SIGNATURE] = signing.sign(hashlib.sha256(raw).hexdigest(), predicate, key)
    made[d.KEY] = keys.public_pem(key.private.public_key())
    made[d.SUMS] = b"".join(
        d.sums(sorted((n, hashlib.sha256(b).hexdigest()) for n, b in made.items()))
    )
    return made
