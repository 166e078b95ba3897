"""Process accounting: the answers are those of the real stat(1) about real files."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

from msgspec import structs

from audit_core.api.sdk import Absent, Reason, Verdict
from audit_linux.logs.process_accounting import ACCOUNTING, parse_accounting, process_accounting
from invented.answers import TARGET, answer, answers


def _asked(target: Any) -> Any:
    [provider] = ACCOUNTING.providers
    assert provider.asks is not None
    asks: Any = provider.asks["files"]
    command = asks(target)
    ran = subprocess.run(command.argv, capture_output=True, check=False)
    named = answers(clock=str(int(time.time())),
                    files=answer(ran.stdout, ran.stderr, ran.returncode))  # fmt: skip
    return parse_accounting(structs.replace(named, target=target))


def test_what_is_declared_must_be_written_now(tmp_path: Path, subtests: Any) -> None:
    path = tmp_path / "pacct"
    declared = structs.replace(TARGET, settings={"process_accounting": str(path)})
    cases = [
        ("never written", None, 0, Verdict.FAIL, Verdict.NOT_APPLICABLE),
        ("empty", b"", 0, Verdict.FAIL, Verdict.NOT_APPLICABLE),
        ("on", b"x" * 64, -3, Verdict.PASS, Verdict.PASS),
        ("off for an hour", b"x" * 64, -3600, Verdict.FAIL, Verdict.NOT_APPLICABLE),
        ("later than the clock", b"x" * 64, 900, Verdict.UNDETERMINED, Verdict.UNDETERMINED),
    ]
    for name, content, age, wanted, not_wanted in cases:
        if content is not None:
            path.write_bytes(content)
            os.utime(path, (time.time() + age,) * 2)
        with subtests.test(name):
            found = _asked(declared)
            assert process_accounting.judge(declared, found).verdict is wanted
            assert process_accounting.judge(TARGET, found).verdict is not_wanted


def test_a_closed_folder_is_no_file_that_is_missing() -> None:
    path = "/var/log/account/pacct"
    denied = answer("", f"stat: cannot statx '{path}': Permission denied\n".encode(), 1)
    found = parse_accounting(answers(clock="1800000000", files=denied))
    assert isinstance(found, Absent)
    assert found.reason is Reason.NOT_PERMITTED
