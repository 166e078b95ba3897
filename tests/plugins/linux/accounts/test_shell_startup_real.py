"""Start-up files, compared with what bash and dash did (`recorded/shell_startup.py`)."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from audit_linux.accounts.shell_startup import Setting, mask_of, seconds, timeouts, umasks
from audit_linux.accounts.startup_files import Startup, parse_startup
from invented.answers import answers, files
from recorded import shell_startup as real

RECORDED = json.loads(real.ENDED.read_text())
# A line is not followed that bash leaves at an error.
NOT_FOLLOWED = {"readonly TMOUT=600\nTMOUT=0; umask 077\n"}
NOT_SET = 0o022


def _possible(found: tuple[Setting, ...], values: list[int | None], before: int) -> set[int | None]:
    sure = bool(found) and found[0].sure
    return {*values, *(() if sure else (before,))}


def _startup(given: dict[str, str]) -> Startup:
    got = parse_startup(answers(files=files(given), more=files(real.MORE_FILE)))
    assert isinstance(got, Startup)
    return got


def _umasks(startup: Startup) -> set[int | None]:
    found = umasks(startup)
    return _possible(found, [mask_of(one.text) for one in found], NOT_SET)


def _timeouts(startup: Startup) -> set[int | None]:
    found = timeouts(startup)
    return _possible(found, [seconds(one.text) for one in found], 0)


def _timeout_of(text: str) -> int:
    return 0 if text == "unset" else seconds(text) or 0


def test_shells_end_with_what_is_read_here(subtests: Any) -> None:
    assert {case["name"]: case["files"] for case in RECORDED["cases"]} == real.CASES
    settled = 0
    for case in RECORDED["cases"]:
        with subtests.test(case["name"][:60]):
            startup = _startup(case["files"])
            masks, times = _umasks(startup), _timeouts(startup)
            settled += len(masks) == len(times) == 1 and None not in masks | times
            # dash ends where a read-only variable is set, and knows no TMOUT
            for shell in ("bash", "dash"):
                did = case[shell]
                if did is not None and case["name"] not in NOT_FOLLOWED and did["umask"] != "0":
                    _agree(masks, int(did["umask"], 8), shell, case["name"])
            if case["bash"] is not None:
                _agree(times, _timeout_of(case["bash"]["tmout"]), "bash", "")
    assert settled >= 115  # of 175: not by being vague


# dash takes these for no value, bash does; nobody's start-up files rely on them
_BASH_ONLY = ("umask -p", "builtin umask", "time umask", "umask 10027")


def _agree(possible: set[int | None], did: int, shell: str, name: str) -> None:
    if shell == "bash" or not name.startswith(_BASH_ONLY):
        assert did in possible or None in possible


def test_bash_goes_by_the_number_at_the_start() -> None:
    assert set(RECORDED["timed_out"]) == set(real.VALUES)
    for value, ended in RECORDED["timed_out"].items():
        assert ((seconds(value) or 0) > 0) is ended, value


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_goes_on_behind_a_comment_with_a_backslash(tmp_path: Path) -> None:
    text = "umask 077 # why \\\numask 000\nTMOUT=6'0'0\n"
    script = tmp_path / "profile"
    script.write_text(text + "umask; echo $TMOUT\n")
    reported = subprocess.run(("bash", script), capture_output=True, text=True, check=True).stdout
    startup = _startup({"/etc/profile": text})
    assert reported.split() == ["0000", "600"]
    assert (_umasks(startup), _timeouts(startup)) == ({0}, {600})
