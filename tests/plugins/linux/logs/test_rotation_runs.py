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
from audit_core.model import Answer
from audit_linux.cron_tables import ignored_table, partly_ignored
from audit_linux.logs.log_files import parse_log_tree
from audit_linux.logs.log_rotation import parse_rotations
from audit_linux.logs.rotation_runs import (
    Starts,
    log_rotation_runs,
    parse_runs,
    parse_starts,
)
from audit_linux.processes import Process
from invented.answers import answer, owned_file
from invented.logs import DAY, NOW, log_file, log_tree

STATE = "/var/lib/logrotate/status"
PROGRAM = f"{NOW - 900 * DAY}_/usr/sbin/logrotate\n"


STARTED = Starts(timer="active", jobs=(), left=(), closed=())


def _runs(make: Callable[..., Answers], files: str, up: int = 30) -> Any:
    return parse_runs(make(clock=f"{NOW}\n", uptime=f"{up * DAY}.25 1.00\n", files=files))


def test_a_last_run_that_is_long_ago_fails(subtests: Any, answers: Callable[..., Answers]) -> None:
    logs = log_tree(log_file("auth.log"))
    copies = log_tree(log_file("auth.log"), log_file("auth.log.1", age=2))
    old = PROGRAM + f"{NOW - 40 * DAY}_{STATE}\n"
    cases: list[tuple[str, Any, str, int, int | None, Verdict]] = [
        ("yesterday", logs, PROGRAM + f"{NOW - DAY}_{STATE}\n", 30, 900, Verdict.PASS),
        ("tomorrow", logs, PROGRAM + f"{NOW + 3 * DAY}_{STATE}\n", 30, 900, Verdict.UNDETERMINED),
        ("a little ahead", logs, PROGRAM + f"{NOW + 60}_{STATE}\n", 30, 900, Verdict.PASS),
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
            runs = _runs(answers, files, up)
            judged = log_rotation_runs.judge(tree, runs, since, (), STARTED, ())
            assert judged.verdict is verdict


DEBIAN = """#!/bin/sh
# skip in favour of systemd timer
if [ -d /run/systemd/system ]; then
    exit 0
fi
/usr/sbin/logrotate /etc/logrotate.conf
"""
SCRIPT, TABLE = "/etc/cron.daily/logrotate", "/etc/cron.d/logs"
OTHER, SITE = "/etc/cron.daily/0rotate", "/usr/local/sbin/rotate"
JOB = "0 4 * * * root /usr/sbin/logrotate -s /srv/state /etc/logrotate.conf\n"
SHIPPED = "/lib/systemd/system/logrotate.service\n"
OWN_UNIT = "/etc/systemd/system/rotate.service\n"


def _units(*timers: str) -> str:
    """What systemctl 252 shows of logrotate's service and of timers, as `NAME STATE`."""
    rows = [timer.split() for timer in timers]
    blocks = [f"Id={name}.timer\nTriggeredBy=\nActiveState={state}\n" for name, state in rows]
    blocks += [f"Id={name}.service\nTriggeredBy={name}.timer\nActiveState=inactive\n"
               for name, _ in rows]  # fmt: skip
    return "\n".join(blocks)


def test_what_starts_logrotate_is_looked_for(
    subtests: Any, answers: Callable[..., Answers], files: Callable[..., Answer]
) -> None:
    """Timers, tables and scripts as they were tried on a booted Debian 12."""
    logs = log_tree(log_file("auth.log"))
    ran, old = PROGRAM + f"{NOW - DAY}_{STATE}\n", PROGRAM + f"{NOW - 40 * DAY}_{STATE}\n"
    cron = (Process(pid=9, uid=0, name="cron"),)
    no_systemd = answer("", b"System has not been booted with systemd as init system\n", 1)
    shut = answer(SHIPPED, b"grep: /usr/local/sbin/x: Permission denied\n", 2)
    on, off, site = (
        _units("logrotate active"),
        _units("logrotate inactive"),
        _units("rotate active"),
    )
    by_site, daily = JOB.replace("/usr/sbin/logrotate", SITE), f"#!/bin/sh\n{JOB[15:]}"
    both, not_run = SHIPPED + OWN_UNIT, _units("logrotate inactive", "rotate inactive")
    cases: list[tuple[str, Any, Any, dict[str, str], int, tuple[Process, ...], str, Verdict]] = [
        ("timer", on, SHIPPED, {SCRIPT: DEBIAN}, 0o755, cron, ran, Verdict.PASS),
        ("timer off", off, SHIPPED, {SCRIPT: DEBIAN}, 0o755, cron, ran, Verdict.FAIL),
        ("timer gone", "Id=x.timer\nActiveState=active\n", "", {}, 0o755, cron, ran, Verdict.FAIL),
        ("timer until a restart", on.replace("=active", "=active\nUnitFileState=disabled"), SHIPPED,
         {}, 0o755, cron, ran, Verdict.FAIL),
        ("another timer", site, both, {}, 0o755, (), ran, Verdict.PASS),
        ("another timer that is off", not_run, both, {}, 0o755, cron, ran, Verdict.FAIL),
        ("a timer of something else", site, SHIPPED, {}, 0o755, cron, ran, Verdict.FAIL),
        ("a drop-in", site, f"{OWN_UNIT[:-1]}.d/a.conf\n", {}, 0o755, (), ran, Verdict.PASS),
        ("cron instead", off, SHIPPED, {TABLE: JOB}, 0o644, cron, ran, Verdict.PASS),
        ("a script by cron", off, f"{SITE}\n", {TABLE: by_site}, 0o644, cron, ran, Verdict.PASS),
        ("a script by what", off, f"{SITE}\n", {}, 0o644, cron, ran, Verdict.UNDETERMINED),
        ("a script that is closed", off, shut, {}, 0o644, cron, ran, Verdict.UNDETERMINED),
        ("another name", off, SHIPPED, {OTHER: daily}, 0o755, cron, ran, Verdict.PASS),
        ("a name that Debian passes over", off, SHIPPED, {f"{OTHER}.sh": daily}, 0o755, cron, ran,
         Verdict.UNDETERMINED),
        ("a table with a wrong line", off, SHIPPED, {TABLE: f"99 * * * * root x\n{JOB}"}, 0o644,
         cron, ran, Verdict.UNDETERMINED),
        ("a comment", off, SHIPPED, {TABLE: f"# {JOB}"}, 0o644, cron, ran, Verdict.FAIL),
        ("no cron", off, SHIPPED, {TABLE: JOB}, 0o644, (), ran, Verdict.FAIL),
        ("systemd-cron", _units("cron-daily active"), "", {TABLE: JOB}, 0o644, (), ran,
         Verdict.PASS),
        ("no systemd", no_systemd, "", {SCRIPT: DEBIAN}, 0o755, cron, ran, Verdict.PASS),
        ("not executable", no_systemd, "", {SCRIPT: DEBIAN}, 0o644, cron, ran,
         Verdict.UNDETERMINED),
        ("other state", off, SHIPPED, {TABLE: JOB}, 0o644, cron, old, Verdict.UNDETERMINED),
    ]  # fmt: skip
    closed = answers(units=off, named="", scripts=files({}, not_permitted=SCRIPT),
                     tables=files({}, not_present=TABLE))  # fmt: skip
    assert parse_starts(closed).jobs == (SCRIPT,)  # as on RHEL 8
    for name, units, named, texts, mode, processes, ran_at, verdict in cases:
        with subtests.test(name):
            read = [files({}, not_present=SCRIPT), files({}, not_present=TABLE)]
            for path, text in texts.items():
                read[path == TABLE] = owned_file(path, text, mode)
            starts = parse_starts(
                answers(units=units, named=named, scripts=read[0], tables=read[1])
            )
            runs = _runs(answers, ran_at)
            judged = log_rotation_runs.judge(logs, runs, NOW - 900 * DAY, (), starts, processes)
            assert judged.verdict is verdict


# Which tables in /etc/cron.d cron 3.0pl1 of Debian 12 ran (tried on 2026-11-30), with their mode
# and owner.
_EACH = "* * * * * root touch /x\n"
TABLES: tuple[tuple[str, int, int, bool], ...] = (
    (_EACH, 0o644, 0, True), (f"\ufeff{_EACH}", 0o644, 0, False),
    (f"\ufeff# c\n{_EACH}", 0o644, 0, False), (_EACH.replace("\n", "\r\n"), 0o644, 0, True),
    (_EACH.rstrip("\n"), 0o644, 0, False), (f"{_EACH}{_EACH}".rstrip("\n"), 0o644, 0, False),
    (f"   {_EACH}", 0o644, 0, True), (_EACH.replace(" ", "\t"), 0o644, 0, True),
    (f"99 * * * * root touch /y\n{_EACH}", 0o644, 0, False),
    (f"{_EACH}99 * * * * root touch /y\n", 0o644, 0, False),
    (f"{_EACH}some text\n{_EACH}", 0o644, 0, False), (_EACH, 0o664, 0, False),
    (_EACH, 0o666, 0, False), (_EACH, 0o644, 1000, False), (_EACH, 0o755, 0, True),
    ("*/1 0-23 1-31 * * root touch /x\n", 0o644, 0, True),
    (f'"PATH" = "/usr/bin:/bin"\n{_EACH}', 0o644, 0, True),
    (f"@hourlyx root touch /x\n{_EACH}", 0o644, 0, False),
    ("* * * * * root \\\n touch /x\n", 0o644, 0, False),
)  # fmt: skip


def test_tables_are_ignored_as_cron_ignores_them() -> None:
    for text, mode, uid, ran in TABLES:
        file = owned_file("/etc/cron.d/x", text, mode, uid).files[0]
        assert ignored_table(file) is not ran, (text, mode, uid)


# Those of TABLES that cronie 1.7.2 of Debian 13 ran (tried on 2026-11-30). It also passes over a
# table that may be executed, the fifteenth.
BY_CRONIE = {0, 2, 3, 5, 6, 7, 8, 9, 10, 15, 16, 17}


def test_tables_that_cronie_runs_in_part_are_no_certain_loss() -> None:
    for number in BY_CRONIE:
        text, mode, uid, ran = TABLES[number]
        file = owned_file("/etc/cron.d/x", text, mode, uid).files[0]
        assert ran or partly_ignored(file), text


def test_a_log_that_logrotate_passes_over_fails(
    subtests: Any, files: Callable[..., Answer], answers: Callable[..., Answers]
) -> None:
    """logrotate 3.21 with the same files: tried by hand, 2026-11-30."""
    runs = _runs(answers, PROGRAM + f"{NOW - DAY}_{STATE}\n")
    good, bad = "/var/log/auth.log {\n rotate 4\n}\n", "/var/log/auth.log {\n rotate 4 # x\n}\n"
    open_folder = f"775_d_0_109_4096_1.0_-1.-000000010_//{log_file('auth.log')}//"
    loose = parse_log_tree(answers(clock=f"{NOW}\n", filesystem="", files=open_folder))
    cases: list[tuple[str, Any, str, str, Verdict]] = [
        ("good", None, "", good, Verdict.PASS),
        ("refused", None, "", bad, Verdict.FAIL),
        ("refused, then another", None, "", bad + good, Verdict.PASS),
        ("not read", None, "include /opt/rotate\n", bad, Verdict.PASS),
        ("loose folder", loose, "", good, Verdict.FAIL),
        ("loose folder, su", loose, "su root adm\n", good, Verdict.PASS),
    ]
    for name, tree, head, text, verdict in cases:
        with subtests.test(name):
            found = parse_rotations(files({"/etc/logrotate.conf": head + text}))
            judged = log_rotation_runs.judge(tree or log_tree(log_file("auth.log")), runs, None,
                                             found, STARTED, ())  # fmt: skip
            assert judged.verdict is verdict
    written = parse_rotations(owned_file("/etc/logrotate.conf", good, 0o664))
    tree = log_tree(log_file("auth.log"))
    judged = log_rotation_runs.judge(tree, runs, None, written, STARTED, ())
    assert judged.verdict is Verdict.FAIL


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
