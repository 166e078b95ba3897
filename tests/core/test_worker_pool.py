"""Isolated connectors: a hang, crash or memory leak affects one request only."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit_core.api.hooks import Connector
from audit_core.connectors import Pool
from audit_core.connectors.connection_context import ResolvingContext
from audit_core.connectors.secrets import Secrets
from audit_core.model import ConnectError, Reason, Reply, Session, Status, Target
from live.patience import PATIENCE_S, eventually

SOURCE = """
import os, subprocess, sys, threading, time
from pathlib import Path
from audit_core.api.sessions import OneByOne
from audit_core.model import ConnectError, Reason, Reply, Request, SessionInfo, msg

HERE = Path(__file__).parent
KEPT = []

class Do(Request, frozen=True, kw_only=True, tag="pool.do"):
    what: str
    timeout_s: int = 1
    limit: int = 1000
    def describe(self):
        return self.what

def reported(request):
    if request.what == "pid":
        return str(os.getpid()).encode()
    if request.what == "kept":
        return b",".join(KEPT)
    if request.what == "dies":
        print("last words", file=sys.stderr, flush=True); os._exit(9)
    if request.what == "hangs":
        child = subprocess.Popen(["sleep", "900"])
        (HERE / "child").write_text(str(child.pid))
        time.sleep(900)
    if request.what == "eats":
        return b"x" * (3 << 30)
    if request.what == "raises":
        raise RuntimeError("no")
    if request.what == "much":
        return b"x" * 5000
    if request.what == "prints":
        print("noise"); print("noise", file=sys.stderr)
        return b"calm"
    if request.what == "talks":
        os.write(3, b"\\0" * 4096)
    return request.what.encode()

def answer(request):
    KEPT.append(request.what.encode())
    if request.what == "wrong":
        return 5
    return Reply(request=request, stdout=reported(request))

def open(context):
    if context.target.id == "refused":
        raise ConnectError(Reason.NOT_PERMITTED, msg("no"), refused=True)
    if context.target.id == "stuck":
        time.sleep(900)
    return OneByOne(answer, SessionInfo(connector="pool", user=context.target.id))
"""


@pytest.fixture
def connector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connector]:
    (tmp_path / "pool_toy.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    import pool_toy  # type: ignore[import-not-found]

    yield Connector(
        name="pool", kinds=("host",), accepts=(pool_toy.Do,), open="pool_toy:open", isolated=True,
        login_s=3,
    )  # fmt: skip
    del sys.modules["pool_toy"]


@pytest.fixture
def pool(connector: Connector) -> Iterator[Pool]:
    with contextlib.closing(Pool((connector,))) as made:
        yield made


def session(pool: Pool, connector: Connector, target: str = "t") -> Session:
    thing = Target(id=target, kind="host", object_type="server")
    return pool.open(connector, ResolvingContext(thing, None, None, Secrets()))


def ask(pool: Pool, connector: Connector, *what: str, target: str = "t") -> list[Reply]:
    (kind,) = connector.accepts
    opened = session(pool, connector, target)
    try:
        return list(opened.ask([kind(what=word) for word in what]))  # type: ignore[call-arg]
    finally:
        opened.close()


def test_a_worker_is_used_again_for_the_next_session(pool: Pool, connector: Connector) -> None:
    pids = {ask(pool, connector, "pid", target=f"t{n}")[0].stdout for n in range(5)}
    assert len(pids) == 1
    assert int(pids.pop()) != os.getpid()


def test_a_worker_of_a_connector_that_nobody_expected(connector: Connector) -> None:
    with contextlib.closing(Pool()) as late:
        first = ask(late, connector, "pid")[0]
        late.expect(connector)  # too late, and no harm
        assert ask(late, connector, "pid")[0].stdout == first.stdout


@pytest.mark.parametrize(
    ("what", "status"),
    [
        ("dies", Status.FAULT), ("hangs", Status.TIMED_OUT), ("eats", Status.FAULT),
        ("raises", Status.FAULT), ("wrong", Status.FAULT), ("talks", Status.FAULT),
    ],
)  # fmt: skip
def test_invariant_9_a_fault_costs_its_request_and_its_worker(
    pool: Pool, connector: Connector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str,
    status: Status,
) -> None:  # fmt: skip
    monkeypatch.setattr("audit_core.connectors.pool.GRACE_S", 0.5)
    first, fault, last, pid = ask(pool, connector, "pid", what, "fine", "pid")
    assert (fault.status, fault.stdout) == (status, b"")
    assert (last.status, last.stdout) == (Status.ANSWERED, b"fine")
    assert first.stdout != pid.stdout
    if what == "dies":
        assert b"last words" in fault.stderr
    if what == "hangs":  # with what it started
        child = int((tmp_path / "child").read_text())
        assert eventually(lambda: not Path(f"/proc/{child}").exists() or _state(child) in "ZX")


def _state(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return "X"


def test_what_one_session_printed_or_kept_is_no_part_of_another_ones_answer(
    pool: Pool, connector: Connector
) -> None:
    (calm,) = ask(pool, connector, "prints", target="first")
    assert (calm.stdout, calm.stderr) == (b"calm", b"")
    (dead,) = ask(pool, connector, "dies", target="second")
    assert b"noise" not in dead.stderr


def test_an_answer_is_cut_at_the_limit(pool: Pool, connector: Connector) -> None:
    (much,) = ask(pool, connector, "much")
    assert len(much.stdout) <= 1001


def test_a_login_that_fails_or_hangs_is_told(pool: Pool, connector: Connector) -> None:
    with pytest.raises(ConnectError) as refused:
        ask(pool, connector, "x", target="refused")
    assert (refused.value.reason, refused.value.refused) == (Reason.NOT_PERMITTED, True)
    with pytest.raises(ConnectError) as stuck:
        ask(pool, connector, "x", target="stuck")
    assert stuck.value.reason is Reason.TIMED_OUT
    assert ask(pool, connector, "fine")[0].stdout == b"fine"


def test_closing_the_pool_wakes_whoever_waits_and_leaves_no_process(
    pool: Pool, connector: Connector, tmp_path: Path
) -> None:
    (kind,) = connector.accepts
    opened, reported = session(pool, connector), list[Reply]()
    hangs = kind(what="hangs", timeout_s=int(PATIENCE_S))  # type: ignore[call-arg]
    thread = threading.Thread(target=lambda: reported.extend(opened.ask([hangs])))
    thread.start()
    assert eventually(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text())
    pool.close()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert [reply.status for reply in reported] == [Status.FAULT]


KILLED = """
import sys, time
sys.path[:0] = {path!r}
from audit_core.connectors import Pool
from audit_core.connectors.secrets import Secrets
from audit_core.connectors.connection_context import ResolvingContext
from audit_core.api.hooks import Connector
from audit_core.model import Target
import pool_toy
connector = Connector(name="pool", kinds=("host",), accepts=(pool_toy.Do,), open="pool_toy:open",
                      isolated=True)
context = ResolvingContext(Target(id="t", kind="host", object_type="server"), None, None, None)
session = Pool((connector,)).open(connector, context)
print(next(iter(session.ask([pool_toy.Do(what="pid")]))).stdout.decode(), flush=True)
list(session.ask([pool_toy.Do(what="hangs", timeout_s=900)]))
"""


def test_when_the_collector_is_killed_its_workers_end(connector: Connector, tmp_path: Path) -> None:
    code = KILLED.format(path=[str(tmp_path), *sys.path])
    killed = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert killed.stdout is not None
    worker = int(killed.stdout.readline())
    assert eventually(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text())
    child = int((tmp_path / "child").read_text())
    killed.send_signal(signal.SIGKILL)
    killed.wait(PATIENCE_S)
    killed.stdout.close()
    assert eventually(lambda: _state(worker) in "ZX" and _state(child) in "ZX")


def test_a_hundred_sessions_cost_one_interpreter(pool: Pool, connector: Connector) -> None:
    begun = time.monotonic()
    for n in range(100):
        assert ask(pool, connector, "fine", target=f"t{n}")[0].stdout == b"fine"
    assert time.monotonic() - begun < PATIENCE_S
