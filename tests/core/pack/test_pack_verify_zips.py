"""Hostile zips (rows 26 and 28) are detected; nothing is written, nothing crashes."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from audit_core.model.errors import InputError
from audit_core.pack import documents as d
from audit_core.pack.archive import Archive, of_bytes
from audit_core.pack.report import MOST
from audit_core.pack.verify import verify
from core.pack.forging import detail, read, write
from core.pack.making import Pack


def _zip(build: Callable[[zipfile.ZipFile], None]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        build(archive)
    return buffer.getvalue()


def _one(name: str = "a.txt", data: bytes = b"hello", **changes: int) -> bytes:
    """A zip of one member whose directory entry and header are told alike, with fields changed."""

    def build(archive: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo(name, (2026, 11, 23, 10, 15, 0))
        info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o644) << 16
        for field, value in changes.items():
            setattr(info, field, value)
        archive.writestr(info, data)

    return _zip(build)


def _patched(raw: bytes, at_local: int, at_entry: int, value: bytes) -> bytes:
    changed = bytearray(raw)
    entry = raw.rindex(b"PK\x01\x02")
    changed[at_local : at_local + len(value)] = value
    changed[entry + at_entry : entry + at_entry + len(value)] = value
    return bytes(changed)


def _crc(raw: bytes) -> bytes:
    return _patched(raw, 14, 16, b"\x00\x01\x02\x03")


def _sizes(raw: bytes, size: int) -> bytes:
    return _patched(raw, 22, 24, struct.pack("<L", size))


def _overlapping() -> bytes:

    def build(archive: zipfile.ZipFile) -> None:
        for name in "ab":
            info = zipfile.ZipInfo(name, (2026, 11, 23, 10, 15, 0))
            info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            archive.writestr(info, b"x" * 99)

    raw = bytearray(_zip(build))
    second = raw.rindex(b"PK\x01\x02")
    raw[second + 42 : second + 46] = struct.pack("<L", 0)
    return bytes(raw)


def _lying64() -> bytes:
    raw = _one()
    end = raw.rindex(b"PK\x05\x06")
    start = raw.rindex(b"PK\x01\x02")
    big = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, 1 << 62, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    return raw[:end] + big + locator + raw[end:]


def _wide_entry() -> bytes:
    raw = bytearray(_one())
    entry, end = raw.rindex(b"PK\x01\x02"), raw.rindex(b"PK\x05\x06")
    extra = struct.pack("<2HQ", 1, 8, 1 << 60)
    raw[entry + 24 : entry + 28] = b"\xff" * 4
    raw[entry + 30 : entry + 32] = struct.pack("<H", len(extra))
    raw[end:end] = extra
    end += len(extra)
    raw[end + 12 : end + 16] = struct.pack("<L", end - entry)
    return bytes(raw)


def _deflated(data: bytes) -> bytes:
    return _one(data=data, compress_type=zipfile.ZIP_DEFLATED)


def _understated() -> bytes:
    """What unpacks to 64 MiB and says that it is 60 kB."""
    return _sizes(_deflated(bytes(64 << 20)), 60_000)


def _hostile() -> list[tuple[str, bytes, str]]:
    """Each with a name and a word of what is told of it; made when a worker comes to use them."""
    return [
        ("climbing", _one("../../x"), "name"),
        ("absolute", _one("/etc/cron.d/x"), "name"),
        ("drive", _one("C:\\x"), "name"),
        ("option", _one("-rf"), "name"),
        ("nul", _one("a_b").replace(b"a_b", b"a\0b"), "name"),
        ("escape", _one("a_b").replace(b"a_b", b"a\x1bb"), "name"),
        ("not ascii", _one("口令.txt"), "name"),
        ("dots", _one("evidence/../a"), "name"),
        ("long", _one("a" * 4096), "name"),
        ("empty name", _one(""), "name"),
        ("folder", _one("folder/", b""), "name"),
        ("symlink", _one(external_attr=(stat.S_IFLNK | 0o777) << 16), "plain file"),
        ("device", _one(external_attr=(stat.S_IFCHR | 0o644) << 16), "plain file"),
        ("fifo", _one(external_attr=(stat.S_IFIFO | 0o644) << 16), "plain file"),
        ("setuid", _one(external_attr=(stat.S_IFREG | 0o4755) << 16), "plain file"),
        ("made on DOS", _one(create_system=0), "more about it"),
        ("member comment", _one(comment=b"x"), "more about it"),  # type: ignore[arg-type]
        ("extra field", _one(extra=b"\x99\x99\x00\x00"), "more about it"),  # type: ignore[arg-type]
        ("encrypted", _patched(_one(), 6, 8, b"\x01\x00"), "encrypted"),
        ("strongly encrypted", _patched(_one(), 6, 8, b"\x41\x00"), "encrypted"),
        ("data descriptor", _patched(_one(), 6, 8, b"\x08\x00"), "does not use"),
        ("LZMA", _one(compress_type=zipfile.ZIP_LZMA), "does not use"),
        ("bzip2", _one(compress_type=zipfile.ZIP_BZIP2), "does not use"),
        ("wrong checksum", _crc(_one()), "wrong checksum"),
        ("header and directory differ", _one().replace(b"a.txt", b"b.txt", 1), "contradict"),
        ("longer than declared", _sizes(_deflated(b"hello" * 9), 44), "longer than declared"),
        ("shorter than declared", _sizes(_deflated(b"hello" * 9), 46), "shorter than declared"),
        ("understated bomb", _understated(), "longer than declared"),
        ("bomb by ratio", _deflated(bytes(64 << 20)), "200"),
        ("42 MB told", _sizes(_deflated(b"x" * 100), 42_000_000), "200"),
        ("zip64 entry lies", _wide_entry(), "more about it"),
        ("zip64 end lies", _lying64(), "cut off or wrong"),
        ("overlap", _overlapping(), "overlaps"),
        ("in front of it all", b"#!/bin/sh\n" + _one(), "cut off or wrong"),
        ("behind it all", _one() + b"tail", "end record"),
        ("zip comment", _one()[:-2] + b"\x04\x00tail", "end record"),
        ("stored, sizes differ", _sizes(_one(), 6), "shorter than declared"),
        ("not deflate", _patched(_deflated(b"x" * 50), 35, 0, b"\xff\xff"), ""),
        ("empty", b"", "end record"),
        ("no members", _zip(lambda z: None), "missing"),
        (
            "nothing but an end",
            struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, 0, 0, 0),
            "members",
        ),
    ]


def test_a_hostile_zip_is_a_problem_and_touches_nothing(
    subtests: pytest.Subtests, tmp_path: Path
) -> None:
    for name, raw, expected in _hostile():
        with subtests.test(name):
            path = tmp_path / "box" / "deep" / "hostile.zip"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)
            before = sorted(tmp_path.rglob("*"))
            report = verify(path)
            assert expected in detail(report)
            assert not report.whole
            assert sorted(tmp_path.rglob("*")) == before


def test_a_member_that_stands_twice_is_seen(pack: Pack, tmp_path: Path) -> None:
    found = read(pack().path)
    path = tmp_path / "twice.zip"
    with path.open("w+b") as handle:
        archive = Archive(handle, "2026-11-23T10:15:00Z")
        for name, data in found.items():
            archive.add(name, of_bytes(data), len(data))
        archive.add(d.RESULTS, of_bytes(b"{}"), 2)
        archive.close()
    assert f"{d.RESULTS}: It appears twice in the zip" in detail(verify(path))


def test_at_most_a_thousand_problems_are_listed(tmp_path: Path) -> None:
    found = {f"f {n}": b"" for n in range(MOST + 500)}
    report = verify(write(tmp_path / "many.zip", found))
    assert len(report.problems) == MOST + 1
    assert "more problems" in report.problems[-1].detail.id


def test_a_file_that_cannot_be_opened_is_broken_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        verify(tmp_path / "missing.zip")
    with pytest.raises(InputError, match="cannot read"):
        verify(tmp_path)
