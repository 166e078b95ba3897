"""Workbooks are written by several processes: the same bytes, and no error is lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from audit_excel import book, processes
from core.pack.workbook import MakeSource


def test_the_number_of_processes_changes_no_byte(
    make_source: MakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, made = make_source(), []
    for count in (1, 2, 5):
        folder = tmp_path / str(count)
        folder.mkdir()
        monkeypatch.setattr(processes, "processors", lambda count=count: count)
        paths = book.write(source, folder, objects_each=1)
        made.append([(path.name, path.read_bytes()) for path in paths])
    assert len(made[0]) > 2
    assert made[1] == made[0]
    assert made[2] == made[0]


def test_what_a_process_leaves_undone_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "processors", lambda: 2)
    first = os.getpid()

    def work(number: int) -> None:
        if os.getpid() != first and number == 3:
            raise OSError
        (tmp_path / str(number)).write_bytes(b"")

    processes.spread(range(6), work)
    assert {path.name for path in tmp_path.iterdir()} == {str(n) for n in range(6)}


def test_an_error_in_a_process_is_raised_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "processors", lambda: 2)

    def work(number: int) -> None:
        if number == 1:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        processes.spread((0, 1), work)
