"""Whether logrotate still runs; the times are those that logrotate 3.21 of Debian 12 leaves."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit_core.api.sdk import Absent, Answers, Reason, Verdict
from audit_linux.logs.rotation_runs import log_rotation_runs, parse_runs
from invented.answers import answer
from invented.logs import DAY, NOW, log_file, log_tree

STATE = "/var/lib/logrotate/status"
PROGRAM = f"{NOW - 900 * DAY}_/usr/sbin/logrotate\n"


def _runs(make: Callable[..., Answers], files: str, up: int = 30) -> Any:
    return parse_runs(make(clock=f"{NOW}\n", uptime=f"{up * DAY}.25 1.00\n", files=files))


def test_a_last_run_that_is_long_ago_fails(subtests: Any, answers: Callable[..., Answers]) -> None:
    logs = log_tree(log_file("auth.log"))
    copies = log_tree(log_file("auth.log"), log_file("auth.log.1", age=2))
    old = PROGRAM + f"{NOW - 40 * DAY}_{STATE}\n"
    cases: list[tuple[str, Any, str, int, int | None, Verdict]] = [
        ("yesterday", logs, PROGRAM + f"{NOW - DAY}_{STATE}\n", 30, 900, Verdict.PASS),
        ("long ago", logs, old, 30, 900, Verdict.FAIL),
        ("just started again", logs, old, 1, 900, Verdict.UNDETERMINED),
        ("something else rotates", copies, old, 30, 900, Verdict.UNDETERMINED),
        ("never", logs, PROGRAM, 30, 900, Verdict.FAIL),
        ("never, on a new host", logs, PROGRAM, 30, 3, Verdict.UNDETERMINED),
        ("never, age not known", logs, PROGRAM, 30, None, Verdict.UNDETERMINED),
        ("not installed", logs, "", 30, 900, Verdict.UNDETERMINED),
        ("no text logs", log_tree(log_file("dmesg")), PROGRAM, 30, 900, Verdict.NOT_APPLICABLE),
    ]
    for name, tree, files, up, age, verdict in cases:
        since = None if age is None else NOW - age * DAY
        with subtests.test(name):
            judged = log_rotation_runs.judge(tree, _runs(answers, files, up), since)
            assert judged.verdict is verdict


def test_a_state_that_may_not_be_seen_is_told(answers: Callable[..., Answers]) -> None:
    denied = answer("", f"stat: cannot statx '{STATE}': Permission denied\n".encode(), 1)
    found = parse_runs(answers(clock=f"{NOW}\n", uptime="9.0 1.0\n", files=denied))
    assert isinstance(found, Absent)
    assert found.reason is Reason.NOT_PERMITTED


LOGROTATE = shutil.which("logrotate", path="/usr/sbin:/usr/bin")


@pytest.mark.skipif(LOGROTATE is None, reason="no logrotate")
def test_every_run_of_logrotate_leaves_a_new_state(tmp_path: Path) -> None:
    """Also one that rotates nothing, and one that meets an error."""
    log, state, conf = tmp_path / "a.log", tmp_path / "state", tmp_path / "conf"
    log.write_text("x\n")
    for text in (f"{log} {{\n weekly\n}}\n", f"{log} {{\n weekly\n}}\nnonsense {{\n"):
        conf.write_text(text)
        conf.chmod(0o644)
        state.write_text("logrotate state -- version 2\n")
        os.utime(state, (DAY, DAY))
        subprocess.run([str(LOGROTATE), "-s", str(state), str(conf)], capture_output=True,
                       check=False)  # fmt: skip
        assert state.stat().st_mtime > DAY
