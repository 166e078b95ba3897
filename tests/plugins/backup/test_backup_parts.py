"""Volumes and parts made with zip, 7z and split, and equal content that was packed again."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

from audit_backup import parts
from audit_backup.content import content
from audit_backup.model import BackupFile, Content, Ends, Held
from audit_backup.packed_sizes import checksum, holds_much, zip_end
from live.backup_sets import F, P, U, judged, looked_at, nights, packed, put, verdicts

DATA = random.Random(13).randbytes(160_001)


def volumes(folder: Path, command: str) -> dict[str, bytes]:
    """The files that `command` makes of DATA in a directory of its own."""
    folder.mkdir()
    put(folder / "x", DATA)
    subprocess.run(command, shell=True, cwd=folder, check=True, capture_output=True)
    (folder / "x").unlink()
    return {f.name: f.read_bytes() for f in sorted(folder.iterdir())}


def test_an_archive_without_one_of_its_parts_does_not_pass(tmp_path: Path) -> None:
    """Whichever is missing; with all of them 7z reads it to its end."""
    made = {
        "zip": volumes(tmp_path / "a", "zip -q -s 64k f.zip x"),
        "7z": volumes(tmp_path / "b", "7z a -v50000b f.7z x"),
        "tgz": volumes(tmp_path / "c", "gzip -c x | split -b 60000 - f.tgz."),
        "gz": volumes(tmp_path / "d", "gzip -c x | split -d -b 60000 - f.gz."),
    }
    for kind, files in made.items():
        for number, (name, data) in enumerate(files.items()):
            put(tmp_path / "set" / kind / "all" / name, data)
            put(tmp_path / "set" / kind / f"only{number}" / name, data)
            for other in files:
                if other != name:
                    put(tmp_path / "set" / kind / f"no-{other}" / name, data)
    listed = looked_at(tmp_path / "set", depth=4)
    found: dict[str, set[Content]] = {}
    for file in listed.files:
        found.setdefault(file.name.rpartition("/")[0], set()).add(file.content)
    lone_end = {  # the end of parts alone has no round size
        folder for folder in found if "/only" in folder and not folder.endswith("only0")
    }
    passing = {f for f, held in found.items() if held != {Content.DOUBTFUL}} - lone_end
    assert passing == {f"{kind}/all" for kind in made}
    for kind, want in (("zip", P), ("7z", P), ("tgz", U)):  # no program reads parts of gzip
        assert verdicts(tmp_path / "set" / kind / "all", copies=1)[4] is want
    put(tmp_path / "set" / "7z" / "all" / "f.7z.002", os.urandom(50_000))
    assert verdicts(tmp_path / "set" / "7z" / "all", copies=1)[4] is F


def test_parts_are_told_from_rotated_files() -> None:
    gzip, nothing = Ends(head=b"\x1f\x8b\x08" + bytes(13)), Ends(head=b"\x07" * 16)
    files = [BackupFile(name=f"db.gz.{n:02}", size=900 + n, mode=0, at=0) for n in (1, 2, 3)]
    assert not parts.broken(files, {f.name: gzip for f in files})
    assert len(parts.broken(files, {**{f.name: nothing for f in files}})) == 3
    assert parts.group("f.z01") == parts.group("f.zip")
    assert parts.group("f.r00") == parts.group("f.rar")
    assert parts.group("f.7z.001") == parts.group("f.7z.002") != parts.group("g.7z.002")


def test_equal_content_that_was_packed_again_is_one_generation(tmp_path: Path) -> None:
    """gzip and zip note the name and the time of the original, so that all bytes differ."""
    plain = DATA[:9000] + bytes(9000)

    def again(command: str, night: int, data: bytes = plain) -> bytes:
        file = put(tmp_path / "w" / f"n{night}", data, night * 86400)
        made = ["sh", "-c", command.format(name=file.name, level=1 + night)]
        return subprocess.run(made, cwd=file.parent, capture_output=True, check=True).stdout

    for number, (name, command) in enumerate((
        ("db-@.gz", "gzip -c{level} {name}"), ("db-@.zip", "zip -q - {name}"),
        ("db-@.bz2", "bzip2 -c {name}"), ("db-@.xz", "xz -c {name}"),
    )):  # fmt: skip
        nights(tmp_path / f"same{number}", name, lambda n, c=command: again(c, n), 3)  # type: ignore[misc]
        assert judged(tmp_path / f"same{number}", copies=3)["copies"].verdict is U, name
        nights(
            tmp_path / f"new{number}", name,
            lambda n, c=command: again(c, n, b"%d" % n + plain), 3,  # type: ignore[misc]
        )  # fmt: skip
        assert judged(tmp_path / f"new{number}", copies=3)["copies"].verdict is P, name
    two = packed("gzip -c", plain) + packed("gzip -c", b"")
    assert checksum(1, two[:16], two[-32:]) != checksum(2, two[:16], two[-32:])


def test_large_zip_7z_and_rar_archives_hold_something_without_their_programs() -> None:
    """By the record at the end of a zip and at the beginning of a 7z archive."""
    record = b"PK\x05\x06" + bytes(6) + b"\3\0" + (300).to_bytes(4, "little")
    small = record + (5 << 20).to_bytes(4, "little") + bytes(2)
    large = record + (6 << 20).to_bytes(4, "little") + bytes(2)
    large = large.replace((6 << 20).to_bytes(4, "little"), ((6 << 20) + 300).to_bytes(4, "little"))
    head = b"PK\x03\x04" + bytes(12)
    assert zip_end(b"PK\x05\x06") is None
    assert not holds_much(7 << 20, head, small)
    assert holds_much(7 << 20, head, large)
    seven = b"7z\xbc\xaf\x27\x1c\0\4" + bytes(4)
    assert holds_much(18 << 20, seven + (17 << 20).to_bytes(4, "little"), b"")
    assert not holds_much(18 << 20, seven + (15 << 20).to_bytes(4, "little"), b"")
    assert not holds_much(18 << 20, seven + (19 << 20).to_bytes(4, "little"), b"")
    file = BackupFile(name="a.zip", size=7 << 20, mode=0, at=0)
    assert content(file, Ends(head=head, tail=large), None, Held.UNKNOWN) is Content.FULL
    assert content(file, Ends(head=head, tail=large), None, Held.NESTED) is Content.DOUBTFUL
    assert content(file, Ends(head=head, tail=small), None, None) is Content.DOUBTFUL
