"""The stanzas of logrotate, compared with what logrotate -d does (`recorded/logrotate.py`)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from audit_core.model import Absent, Answer
from audit_linux.logs.log_rotation import Rotation, parse_rotations, stanzas_of
from recorded import logrotate as real

RECORDED = json.loads(real.DID.read_text())
PERIODS = {"after 1 days": "daily"}


def _read(rotation: Rotation) -> str:
    period, kept, *_ = rotation.words.split(", ")
    return f"{period}, {'all' if kept == 'rotate -1' else kept.removeprefix('rotate ')}"


def _did(how: str) -> str:
    when, kept = how.split(", ")
    return f"{'size' if when.endswith('bytes') else PERIODS.get(when, when)}, {kept}"


def test_logrotate_rotates_what_its_files_are_read_to_say(
    subtests: Any, files: Callable[..., Answer]
) -> None:
    assert {name: case["files"] for name, case in RECORDED["cases"].items()} == real.CASES
    for name, case in RECORDED["cases"].items():
        with subtests.test(name):
            found = parse_rotations(files(case["files"]))
            assert not isinstance(found, Absent)
            holding = stanzas_of(real.LOGS, found)
            read = {
                log: _read(r) for log, r in holding.items() if not r.words.startswith("include")
            }
            assert read == {log: _did(how) for log, how in case["did"].items()}
