"""What systemd starts, compared with the units that are read (`recorded/units.py`)."""

from __future__ import annotations

import json
from typing import Any

from audit_core.api.sdk import FileEntry, FileStatus
from audit_core.model.files import encode_files
from audit_linux.files.root_units import parse_units_of_root
from invented.answers import answer, answers
from recorded import units as real

LOADED = json.loads(real.LOADED.read_text())["cases"]


def _entry(path: str, text: str) -> FileEntry:
    if text == "->/dev/null":
        return FileEntry(path=path, status=FileStatus.NOT_REGULAR)
    data = text.encode()
    return FileEntry(path=path, status=FileStatus.READ, size=len(data), data=data)


def _programs(given: dict[str, str]) -> list[str]:
    texts = {path: given.get(text[2:], text) if text.startswith("->") else text
             for path, text in given.items() if not path.startswith("/opt")}  # fmt: skip
    read = [_entry(path, text) for path, text in texts.items()]
    units = [entry for entry in read if entry.path.endswith(".service")]
    more = [entry for entry in read if entry.path.endswith(".conf")]
    jobs = parse_units_of_root(
        answers(units=answer(encode_files(units)), more=answer(encode_files(more)))
    )
    assert isinstance(jobs, tuple)
    named = {name for job in jobs if job.unit == real.UNIT for name in job.programs}
    return sorted(name for name in named if name.startswith("/opt/"))


def test_systemd_starts_what_its_units_are_read_to_say(subtests: Any) -> None:
    assert {name: case["files"] for name, case in LOADED.items()} == real.CASES
    for name, case in LOADED.items():
        with subtests.test(name):
            started = [name for name in case["programs"] if name.startswith("/")]
            assert _programs(case["files"]) == started
