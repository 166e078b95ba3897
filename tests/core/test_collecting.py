"""Collection from targets that reject logins or run no script."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from msgspec import structs

from audit_core import plan
from audit_core.api import plugins
from audit_core.api.hooks import Connector
from audit_core.api.sdk import Judgement, Severity, check, fact, passed
from audit_core.api.sessions import OneByOne
from audit_core.collect import Collector
from audit_core.connectors import Pool, Route, Routes
from audit_core.connectors.secrets import Secrets
from audit_core.inventory import load_inventory
from audit_core.model import (
    Closing,
    ConnectError,
    Reason,
    Reply,
    Request,
    Session,
    SessionInfo,
    Target,
    Verdict,
    msg,
)
from audit_core.store.runs import Store
from audit_core.text.translate import Translator
from audit_shell.scripts import Ended, ScriptReply
from core.fakes import HOST, blue, new_run, read_colour, registry_of, shell_route, work_of
from core.whole import judged
from live.patience import PATIENCE_S, eventually


class Refusing:
    """Every login is refused, by the jump host or by the target; counts who was tried."""

    def __init__(self, tried: Counter[str], name: str, at_jump: bool) -> None:
        self._tried, self._name, self._at_jump = tried, name, at_jump

    def open(self) -> Session:
        self._tried["jump" if self._at_jump else self._name] += 1
        time.sleep(0.01)
        raise ConnectError(Reason.NOT_PERMITTED, msg("no"), refused=True, in_between=self._at_jump)


def tried(tmp_path: Path, *, at_jump: bool, own: str, jump: str | None, count: int = 20) -> int:
    """How often `count` targets were tried, all at once."""
    targets = [Target(id=f"web{n}", kind="host", object_type="server") for n in range(count)]
    seen: Counter[str] = Counter()
    routes = {
        t.id: (
            Route(
                target=t.id, connector="ssh", accepts=(Request,),
                open=Refusing(seen, t.id, at_jump).open, credentials=(own.format(id=t.id),),
                between=() if jump is None else (jump,),
            ),
        )
        for t in targets
    }  # fmt: skip
    groups = plan.groups(targets, (blue,))
    collector = Collector(new_run(tmp_path, targets), routes, at_once=count)
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

    info = SessionInfo(connector="ssh")

    def __init__(self, reply: ScriptReply) -> None:
        self._reply = reply
        self.runs = 0

    def open(self) -> Mute:
        return self

    def run(self, script: bytes, *, deadline_s: float, limit: int) -> ScriptReply:
        self.runs += 1
        return self._reply


def detail(out: bytes, err: bytes, ended: Ended, code: int | None) -> ScriptReply:
    return ScriptReply(stdout=out, stderr=err, ended=ended, exit_code=code)


@pytest.mark.parametrize(
    ("reply", "why", "words"),
    [
        (detail(b"This account is currently not available.\n", b"", Ended.EXITED, 1),
         "not_permitted", "exit status 1 and printed “This account is currently not available.”"),
        (detail(b"", b"", Ended.EXITED, 0), "not_permitted", "exit status 0 and printed nothing"),
        (detail(b"", b"\x1b]0;x\x07rbash: \xff restricted", Ended.EXITED, 126), "not_permitted",
         "\x1b]0;x\x07rbash: \\xff restricted"),
        (detail(b"menu> ", b"", Ended.DEADLINE, None), "timed_out", "nothing came within"),
        (detail(b"x" * 99, b"", Ended.LIMIT, None), "truncated", "printed more than"),
        (detail(b"", b"", Ended.CLOSED, None), "unreachable", "closed after the login"),
    ],
)  # fmt: skip
def test_a_login_that_runs_no_script_is_told_once(
    tmp_path: Path, reply: ScriptReply, why: str, words: str
) -> None:
    session, run = Mute(reply), new_run(tmp_path)
    routes = {HOST.id: (shell_route(session),)}
    Collector(run, routes).collect(plan.groups((HOST,), (blue,)))
    Store(tmp_path).seal(run, "2026-01-02T03:05:00.000Z")
    assert session.runs == 1
    bundle = run.bundle(HOST.id)
    assert bundle is not None
    assert bundle.fault is not None
    assert words in str(bundle.fault.detail)
    assert "POSIX shell" in str(bundle.fault.remedy)
    (found,) = [f for f in judged(run, work_of(blue)).findings if f.target == HOST.id]
    assert (found.verdict, found.why) == (Verdict.UNDETERMINED, why)
    chinese = Translator("zh", plugins.load().locales).say(found.detail[0])
    assert "登录" in chinese
    assert "login" not in chinese


class Interrupting(Closing):
    """Its script is under way when the signal comes, and comes to a thread that nobody waits in."""

    info = SessionInfo(connector="ssh")

    def __init__(self) -> None:
        self.closed, self.broken_off = threading.Event(), False

    def open(self) -> Interrupting:
        return self

    def run(self, script: bytes, *, deadline_s: float, limit: int) -> ScriptReply:
        time.sleep(0.5)  # until the main thread waits
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        self.broken_off = self.closed.wait(PATIENCE_S)
        return ScriptReply(stdout=b"", stderr=b"", ended=Ended.CLOSED, exit_code=None)

    def close(self) -> None:
        self.closed.set()


def test_a_signal_that_wakes_no_thread_is_still_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    session = Interrupting()
    routes = {HOST.id: (shell_route(session),)}
    try:
        with pytest.raises(KeyboardInterrupt):
            Collector(new_run(tmp_path), routes).collect(plan.groups((HOST,), (blue,)))
        assert eventually(lambda: session.broken_off)
    finally:
        signal.signal(signal.SIGINT, before)


# --- the order of logins and scans ----------------------------------------------------------------


class Port(Request, frozen=True, kw_only=True, tag="collecting.port"):
    """A question that nobody logs in for."""

    def describe(self) -> str:
        """One word."""
        return "port"


@check("fake.closed", needs=fact("fake.port", str, kind="host", ask=Port(), parse=read_colour),
       severity=Severity.LOW)  # fmt: skip
def closed(seen: str) -> Judgement:
    """The port is closed."""
    return passed(msg("{seen}", seen=seen))


def order_of(tmp_path: Path, inventory: str) -> list[str]:
    """What is done to the hosts of `inventory`, one after the other: logins and scans."""
    seen: list[str] = []

    def opened(route: Route) -> Route:
        word = "login" if route.logs_in else "scan"

        def answer(request: Request) -> Reply:
            seen.append(f"{word} {route.target}")
            return Reply(request=request, stdout=b"blue", exit_code=0)

        info = SessionInfo(connector=route.connector)
        return structs.replace(route, open=lambda: OneByOne(answer, info))

    (tmp_path / "inv.yaml").write_text(inventory)
    registry = registry_of(blue, closed)
    ports = Connector(name="fake", kinds=("host",), accepts=(Port,), open="none:none")
    connectors = {**registry.connectors, "fake": ports}
    read = load_inventory(tmp_path / "inv.yaml", registry)
    routes = Routes(read, connectors, Secrets(), Pool()).by_target(read.targets)
    made = {id: tuple(map(opened, each)) for id, each in routes.items()}
    run = new_run(tmp_path, read.targets)
    groups = plan.groups(read.targets, (blue, closed))
    Collector(run, made, at_once=1).collect(groups)
    for target in read.targets:
        bundle = run.bundle(target.id)
        assert bundle is not None
        assert bundle.complete
        assert (target.id, Port().identity()) in bundle.observations
    return list(dict.fromkeys(seen))


def test_a_host_is_scanned_after_the_login(tmp_path: Path) -> None:
    """Also where two targets are at one address, or one is reached through the other."""
    login = "access: {user: a, password: 'env:X'"
    host = "  - {id: %s, address: %s, " + login + "%s}}\n"
    through = ", jump: {user: a, password: 'env:X', address: 127.0.0.1}"
    a, c = host % ("a", "127.0.0.1", ""), host % ("c", "127.0.0.3", "")
    for name, b, order in (
        ("apart", host % ("b", "127.0.0.2", ""), "login a, scan a, login b, scan b"),
        ("same", host % ("b", "localhost", ", port: 2"), "login a, login b, scan a, scan b"),
        ("jump", host % ("b", "192.0.2.1", through), "login a, login b, scan b, scan a"),
    ):
        (tmp_path / name).mkdir()
        reported = order_of(tmp_path / name, f"targets:\n{a}{b}")
        assert ", ".join(reported) == order, name
    (tmp_path / "third").mkdir()
    reported = order_of(
        tmp_path / "third", f"targets:\n{a}{host % ('b', '127.0.0.1', ', port: 2')}{c}"
    )
    assert reported.index("scan c") < reported.index("scan a")
