"""What collecting does to targets that refuse, and keeps of those that run no script."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from audit_core import plan
from audit_core.api.hooks import Prober
from audit_core.collect import Collector, ProberProcess, Route, ask_prober
from audit_core.connectors import Closing, Ended, ScriptReply, Session, TransportError
from audit_core.model import Probe, Reason, Target, Verdict, msg
from audit_core.store.runs import Store
from audit_core.text.translate import Translator
from core.fakes import HOST, blue, new_run, work_of
from core.whole import judged
from live.patience import PATIENCE_S, eventually


class Refusing:
    """Every login is refused, by the jump host or by the target; counts who was tried."""

    def __init__(self, tried: Counter[str], name: str, at_jump: bool) -> None:
        self._tried, self._name, self._at_jump = tried, name, at_jump

    def open(self) -> Session:
        self._tried["jump" if self._at_jump else self._name] += 1
        time.sleep(0.01)
        error = TransportError(Reason.NOT_PERMITTED, msg("no"), credential_refused=True)
        error.at_jump = self._at_jump
        raise error


def tried(tmp_path: Path, *, at_jump: bool, own: str, jump: str | None, count: int = 20) -> int:
    """How often `count` targets were tried, all at once."""
    targets = [Target(id=f"web{n}", kind="host", object_type="server") for n in range(count)]
    seen: Counter[str] = Counter()
    routes = {
        t.id: Route(transport=Refusing(seen, t.id, at_jump), credential=own.format(id=t.id),
                    jump_credential=jump)
        for t in targets
    }  # fmt: skip
    groups = plan.groups(targets, (blue,))
    collector = Collector(new_run(tmp_path, targets), routes, {}, at_once=count)
    thread = threading.Thread(target=collector.collect, args=(groups,), daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    assert not thread.is_alive(), "they wait for one another"
    return seen.total()


@pytest.mark.parametrize(
    ("at_jump", "own", "jump", "most"),
    [
        (False, "admin key", None, 3),
        (False, "admin key", "admin key", 3),
        (True, "admin key", "admin key", 3),
        (True, "{id} password", "admin password", 3),
        (False, "admin key", "jump key", 3),
        # each target has an account of its own: none of them is refused more than once
        (False, "{id} password", "jump key", 20),
    ],
)
def test_a_credential_that_three_refused_is_not_tried_on_a_fourth(
    tmp_path: Path, at_jump: bool, own: str, jump: str | None, most: int
) -> None:
    assert tried(tmp_path, at_jump=at_jump, own=own, jump=jump) == most


# --- a login that runs no script ----------------------------------------------------------------


class Mute(Closing):
    """A session whose login says `reply` and runs nothing."""

    how = "test"

    def __init__(self, reply: ScriptReply) -> None:
        self._reply = reply
        self.runs = 0

    def open(self) -> Mute:
        return self

    def run(self, script: bytes, *, deadline_s: float, limit: int) -> ScriptReply:
        self.runs += 1
        return self._reply


def said(out: bytes, err: bytes, ended: Ended, code: int | None) -> ScriptReply:
    return ScriptReply(stdout=out, stderr=err, ended=ended, exit_code=code)


@pytest.mark.parametrize(
    ("reply", "why", "words"),
    [
        (said(b"This account is currently not available.\n", b"", Ended.EXITED, 1),
         "not_permitted", "exit status 1 and said This account is currently not available."),
        (said(b"", b"", Ended.EXITED, 0), "not_permitted", "exit status 0 and said nothing"),
        (said(b"", b"\x1b]0;x\x07rbash: \xff restricted", Ended.EXITED, 126), "not_permitted",
         "\x1b]0;x\x07rbash: \\xff restricted"),
        (said(b"menu> ", b"", Ended.DEADLINE, None), "timed_out", "nothing came within"),
        (said(b"x" * 99, b"", Ended.LIMIT, None), "truncated", "printed more than"),
        (said(b"", b"", Ended.CLOSED, None), "unreachable", "closed after the login"),
    ],
)  # fmt: skip
def test_a_login_that_runs_no_script_is_told_once(
    tmp_path: Path, reply: ScriptReply, why: str, words: str
) -> None:
    session, run = Mute(reply), new_run(tmp_path)
    routes = {HOST.id: Route(transport=session, credential="x")}
    Collector(run, routes, {}).collect(plan.groups((HOST,), (blue,)))
    Store(tmp_path).seal(run, "2026-01-02T03:05:00.000Z")
    assert session.runs == 1
    bundle = run.bundle(HOST.id)
    assert bundle is not None
    assert bundle.fault is not None
    assert words in bundle.fault.detail
    assert "POSIX shell" in bundle.fault.hint
    (found,) = [f for f in judged(run, work_of(blue)).findings if f.target == HOST.id]
    assert (found.verdict, found.why) == (Verdict.UNDETERMINED, why)
    chinese = Translator("zh").say(found.said[0])
    assert "登录" in chinese
    assert "login" not in chinese


# --- probers ------------------------------------------------------------------------------------

LEAVES = """
import subprocess
from pathlib import Path
from audit_core.api.hooks import ProbeReply
def leaves(args, timeout_s, limit):
    left = subprocess.Popen(["sleep", "3600"], start_new_session=True)
    Path(__file__).with_name("left").write_text(str(left.pid))
    return ProbeReply(stdout=b"x")
"""


def test_a_process_that_left_its_prober_does_not_hold_the_run_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "leaving_prober.py").write_text(LEAVES)
    monkeypatch.syspath_prepend(tmp_path)
    prober = Prober(name="toy", entry="leaving_prober:leaves", describe=str)
    begun = time.monotonic()
    got = ask_prober(prober, Probe(prober="toy", timeout_s=1))
    assert time.monotonic() - begun < 1800
    os.kill(int((tmp_path / "left").read_text()), signal.SIGKILL)
    assert got.reason is Reason.TIMED_OUT


@pytest.mark.parametrize("late", [False, True])
def test_a_prober_is_ended_with_its_run_also_one_that_begins_just_then(late: bool) -> None:
    asking = ProberProcess()
    if late:
        asking()
    child = subprocess.Popen(["sleep", "900"], start_new_session=True)
    asking.begun(child)
    if not late:
        asking()
    assert child.wait(PATIENCE_S) == -signal.SIGKILL
    asking()  # what is reaped is left alone


class Interrupting(Closing):
    """Its script is under way when the signal comes, and comes to a thread that nobody waits in."""

    how = "test"

    def __init__(self) -> None:
        self.closed, self.broken_off = threading.Event(), False

    def open(self) -> Session:
        return self

    def run(self, script: bytes, *, deadline_s: float, limit: int) -> ScriptReply:
        time.sleep(0.5)  # until the main thread waits
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        self.broken_off = self.closed.wait(PATIENCE_S)
        return ScriptReply(stdout=b"", stderr=b"", ended=Ended.CLOSED, exit_code=None)

    def close(self) -> None:
        self.closed.set()


def test_a_signal_that_wakes_nobody_is_noticed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    session = Interrupting()
    routes = {HOST.id: Route(transport=session, credential="x")}
    try:
        with pytest.raises(KeyboardInterrupt):
            Collector(new_run(tmp_path), routes, {}).collect(plan.groups((HOST,), (blue,)))
        assert eventually(lambda: session.broken_off)
    finally:
        signal.signal(signal.SIGINT, before)
