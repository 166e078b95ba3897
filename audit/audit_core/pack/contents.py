"""Reads a pack in one pass: hashes every member and keeps the documents."""

from __future__ import annotations

import hashlib
from typing import IO

from msgspec import Struct

from audit_core.model import Message, msg
from audit_core.pack import documents as d
from audit_core.pack import evidence_links
from audit_core.pack.report import ReportBuilder
from audit_core.pack.zips import BadMember, Member, Zip

# What is read into memory whole, and up to which size.
_KEPT = {
    d.RESULTS: 512 << 20,
    d.MANIFEST: 512 << 20,
    d.SUMS: 512 << 20,
    d.RUN: 64 << 20,
    d.SEAL: 64 << 20,
    d.SIGNATURE: 1 << 20,
    d.KEY: 64 << 10,
}
_RECORD_MAX = 4 << 20
_OBJECT_MAX = 256 << 20
_ANSWERS_MAX = 512 << 20


class Contents(Struct, kw_only=True):
    """What could be read. `names` are in the order of the zip.

    `records` are by folder, `objects` by name.

    `times` are the times of the members, as a zip writes them.
    """

    names: list[str]
    files: dict[str, d.File]
    kept: dict[str, bytes]
    records: dict[str, evidence_links.Record]
    objects: dict[str, evidence_links.ObjectLinks]
    times: set[tuple[int, int]]


def read(handle: IO[bytes], out: ReportBuilder) -> Contents:
    """The contents of the zip; what is wrong with it goes to `out`. NotZip if it is none."""
    archive = Zip(handle)
    out.extend(archive.problems)
    found = Contents(names=[], files={}, kept={}, records={}, objects={}, times=set())
    for number, member in enumerate(archive.members):
        fault = archive.fault(number)
        if fault is not None:
            out.wrong(fault, member.name)
        elif member.name in found.files:
            out.wrong(msg("It appears twice in the zip"), member.name)
        elif (problem := _take(archive, member, found)) is not None:
            out.wrong(problem, member.name)
    out.checked.append(msg("{count} files read, none unpacked to disk", count=len(found.files)))
    return found


def _keep_max(name: str) -> int:
    if d.OBJECT_NAME.fullmatch(name):
        return _OBJECT_MAX
    if d.ANSWERS_NAME.fullmatch(name):
        return _ANSWERS_MAX
    return _RECORD_MAX if d.OBSERVATION_NAME.fullmatch(name) else _KEPT.get(name, -1)


def _take(archive: Zip, member: Member, found: Contents) -> Message | None:
    most = _keep_max(member.name)
    if member.size > most >= 0:
        return msg("It exceeds the size limit")
    sha256, kept = hashlib.sha256(), bytearray()
    sm3 = hashlib.new("sm3") if d.HAS_SM3 else None
    try:
        for piece in archive.read(member):
            sha256.update(piece)
            if sm3 is not None:
                sm3.update(piece)
            if most >= 0:
                kept += piece
    except BadMember as error:
        return msg("It cannot be read: {error}", error=error.detail)
    found.names.append(member.name)
    found.times.add(member.when)
    found.files[member.name] = d.File(
        name=member.name,
        size=member.size,
        sha256=sha256.hexdigest(),
        sm3=sm3.hexdigest() if sm3 is not None else None,
    )
    return _keep(member.name, bytes(kept), found) if most >= 0 else None


def _keep(name: str, raw: bytes, found: Contents) -> Message | None:
    if d.OBJECT_NAME.fullmatch(name):
        links = evidence_links.decoded(raw, evidence_links.ObjectLinks)
        if isinstance(links, Message):
            return links
        found.objects[name] = links
        return None
    hit = d.OBSERVATION_NAME.fullmatch(name)
    if hit is None:
        found.kept[name] = raw
        return None
    record = evidence_links.record(raw)
    if isinstance(record, Message):
        return record
    found.records[name.rpartition("/")[0]] = record
    if not hit[1].endswith("-" + found.files[name].sha256[:16]):
        return msg("It is not in the directory named by its digest")
    return None
