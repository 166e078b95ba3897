"""Several processes fill an archive: the bytes are those of one, and what one cannot do is told."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from audit_core.model import msg
from audit_core.model.errors import InputError
from audit_core.pack import documents as d
from audit_core.pack import parallel
from audit_core.pack.archive import Archive, of_bytes
from audit_core.pack.parallel import MarkSpan
from audit_core.pack.zips import Zip

PARENT = os.getpid()


def add(raw: bytes, archive: Archive, number: int) -> None:
    """Two files of `number`; `raw` is too large to be written in one step."""
    for name, data in (("a", b"%d" % number), ("b", raw if number == 4 else b"")):
        archive.add(f"{number:03}/{name}", of_bytes(data), len(data))


def dying(archive: Archive, number: int) -> None:
    if number == 4 and os.getpid() != PARENT:
        os._exit(3)
    add(b"", archive, number)


def failing(archive: Archive, number: int) -> None:
    if number == 4:
        raise InputError(msg("4 is missing"))
    add(b"", archive, number)


def filled(path: Path, add_: parallel.Add[int]) -> tuple[bytes, list[MarkSpan], list[list[str]]]:
    with path.open("w+b") as handle:
        archive = Archive(handle, "2026-11-23T10:15:00Z")
        archive.add("first", of_bytes(b"1"), 1)
        places = parallel.add_each(archive, range(11), add_)
        archive.add("last", of_bytes(b"2"), 1)
        names = [[file.name for file, _ in archive.listed(*place)] for place in places]
        listed = [(file.name, file.sha256) for file, _ in archive.listed()]
        assert list(archive.sums()) == list(d.sums(sorted(listed)))
        archive.close()
        assert Zip(handle).problems == []
    return path.read_bytes(), places, names


def test_the_bytes_do_not_depend_on_the_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "_MOST_EACH", 3)
    large = partial(add, os.urandom(1 << 20) + b"1")
    found = []
    for processes in (1, 2, 3):
        monkeypatch.setattr(parallel, "processors", lambda count=processes: count)
        found.append(filled(tmp_path / f"{processes}.zip", large))
    assert found[0] == found[1] == found[2]
    assert found[0][2] == [[f"{n:03}/a", f"{n:03}/b"] for n in range(11)]


def test_what_a_process_could_not_do_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "processors", lambda: 3)
    whole = filled(tmp_path / "whole.zip", partial(add, b""))
    assert filled(tmp_path / "again.zip", dying) == whole
    with (tmp_path / "t.zip").open("w+b") as handle:
        archive = Archive(handle, "2026-11-23T10:15:00Z")
        with pytest.raises(InputError, match="4 is missing"):
            parallel.add_each(archive, range(11), failing)
        archive.close()
