"""Logins: one for each target; what nobody knows the outcome of counts, also in a resumed run."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from audit_core import plan
from audit_core.api.hooks import Connector
from audit_core.api.sdk import Check, Judgement, Severity, check, fact, passed
from audit_core.collect import Collector
from audit_core.connectors import Pool, Routes
from audit_core.connectors.secrets import Secrets
from audit_core.inventory import Access, Inventory
from audit_core.inventory.model import System
from audit_core.model import AccessSchema, HostName, Port, SecretRef, Status, Target, msg
from audit_core.store.bundles import Login
from audit_core.store.runs import Run
from core.fakes import new_run

SOURCE = """
import os
from pathlib import Path
from audit_core.api.sessions import OneByOne
from audit_core.model import ConnectError, Reason, Reply, Request, SessionInfo, msg

HERE = Path(__file__).parent

class Do(Request, frozen=True, kw_only=True, tag="login.do"):
    what: str
    def describe(self):
        return self.what

def write(name, word):
    with (HERE / name).open("a") as log:
        log.write(word + "\\n")

def answer(request):
    write("asked", request.what)
    if request.what == "dies":
        os._exit(9)
    if request.what == "refuses":
        raise ConnectError(Reason.NOT_PERMITTED, msg("no"), refused=True)
    return Reply(request=request, stdout=request.what.encode())

def open(way):
    if way.target.id.startswith("dies-early"):
        os._exit(9)
    way.secret(way.access.password)
    stored = b"".join(path.read_bytes() for path in HERE.rglob("*.bundle"))
    write("stored-before", "yes" if stored.count(b'"begun"') > stored.count(b'"taken"') else "no")
    write("logins", way.target.id)
    if way.target.id.startswith("dies"):
        os._exit(9)
    if way.target.id.startswith("refuses"):
        raise ConnectError(Reason.NOT_PERMITTED, msg("no"), refused=True)
    return OneByOne(answer, SessionInfo(connector="toy"))
"""


class ToyAccess(AccessSchema, frozen=True, kw_only=True):
    """A password at an address."""

    password: SecretRef
    address: HostName | None = None
    port: Port = 1
    user: str = "audit"


class World:
    """A connector that logs in, in a process of its own, and what it was seen to do."""

    def __init__(self, base: Path, connector: Connector, pool: Pool) -> None:
        self.base, self.connector, self.pool = base, connector, pool

    def seen(self, name: str) -> Counter[str]:
        path = self.base / name
        return Counter(path.read_text().split()) if path.exists() else Counter()

    def collect(self, run: Run, *what: str, access: dict[str, ToyAccess] | None = None) -> None:
        """Puts each of `what` to each target of `run`, one after the other, with one secret."""
        (kind,) = self.connector.accepts
        asks: Sequence[Any] = [kind(what=word) for word in what]  # type: ignore[call-arg]
        checks = [_check(number, ask) for number, ask in enumerate(asks)]
        shared = ToyAccess(password=SecretRef("env:TOY_SECRET"))
        inventory = Inventory(
            system=System(),
            targets=run.file.targets,
            access={
                t.id: Access(via="toy", settings=(access or {}).get(t.id, shared))
                for t in run.file.targets
            },
        )
        routes = Routes(inventory, {"toy": self.connector}, Secrets(), self.pool)
        collector = Collector(run, routes.by_target(run.file.targets), at_once=1)
        collector.collect(plan.groups(run.file.targets, checks))

    def run(self, *targets: str) -> Run:
        hosts = [Target(id=id, kind="host", object_type="server") for id in targets]
        return new_run(self.base / "store", hosts)


def _check(number: int, ask: Any) -> Check:
    @check(
        f"toy.c{number}",
        needs=fact(f"toy.f{number}", str, kind="host", ask=ask, parse=lambda answer: answer.text),
        severity=Severity.LOW,
    )
    def answered(seen: str) -> Judgement:
        """It is answered."""
        return passed(msg("{seen}", seen=seen))

    return answered


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    (tmp_path / "login_toy.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("TOY_SECRET", "hunter2-toy")
    import login_toy  # type: ignore[import-not-found]

    connector = Connector(
        name="toy", kinds=("host",), accepts=(login_toy.Do,), access=ToyAccess,
        open="login_toy:open", isolated=True,
    )  # fmt: skip
    with contextlib.closing(Pool((connector,))) as pool:
        yield World(tmp_path, connector, pool)
    del sys.modules["login_toy"]


def fault(run: Run, target: str) -> str:
    bundle = run.bundle(target)
    assert bundle is not None
    return str(bundle.fault.detail) if bundle.fault is not None else ""


def test_a_process_that_dies_with_the_secret_is_a_login_that_failed(world: World) -> None:
    run = world.run(*(f"dies{n}" for n in range(6)))
    world.collect(run, "it")
    assert world.seen("logins") == {"dies0": 1, "dies1": 1, "dies2": 1}
    assert "the process of the connector ended" in fault(run, "dies0")
    assert "failed on 3 targets" in fault(run, "dies5")


def test_a_process_that_dies_before_it_has_the_secret_locks_nothing(world: World) -> None:
    run = world.run(*(f"dies-early{n}" for n in range(4)), "fine")
    world.collect(run, "it")
    assert world.seen("logins") == {"fine": 1}
    assert world.seen("asked") == {"it": 1}


def test_a_process_that_dies_at_a_question_is_not_logged_in_again(world: World) -> None:
    run = world.run("one", "two", "three", "four", "five")
    world.collect(run, "it", "dies", "more")
    assert set(world.seen("logins").values()) == {1}
    assert len(world.seen("logins")) == 5  # the credential was taken
    assert world.seen("asked") == {"it": 5, "dies": 5}
    bundle = run.bundle("five")
    assert bundle is not None
    assert sorted(o.status for o in bundle.observations.values()) == [Status.ANSWERED, Status.FAULT]
    assert "logged in to once" in fault(run, "five")


def test_a_refusal_at_a_question_counts(world: World) -> None:
    run = world.run("one", "two", "three", "four")
    world.collect(run, "refuses")
    assert world.seen("logins") == {"one": 1, "two": 1, "three": 1}
    assert world.seen("stored-before") == {"yes": 3}
    bundle = run.bundle("three")
    assert bundle is not None
    assert [login.how for login in bundle.logins] == [Login.TAKEN, Login.REFUSED]


def cut_off(run: Run, target: str, *logins: Login) -> None:
    """What stands in the bundle of `target` where the run was cut off after `logins`."""
    writer = run.writer(target)
    for how in logins:
        writer.login(target, "toy", how)
    writer.close()


BEGUN, REFUSED, TAKEN, FAILED = Login.BEGUN, Login.REFUSED, Login.TAKEN, Login.FAILED
BEFORE: tuple[tuple[tuple[tuple[Login, ...], ...], int], ...] = (
    ((), 3),
    (((BEGUN, REFUSED),) * 3, 0),
    (((BEGUN, REFUSED),) * 2, 1),
    (((BEGUN, REFUSED), (BEGUN,), (BEGUN, REFUSED)), 0),
    (((BEGUN,),) * 3, 0),  # under way when the run was cut off: nobody knows
    (((BEGUN,), (BEGUN,), (BEGUN, TAKEN)), 3),  # nobody doubts what was taken
    (((BEGUN, TAKEN, REFUSED),) * 3, 0),
    (((BEGUN, FAILED),) * 3, 3),  # out of reach
)


def test_a_resumed_run_goes_on_counting_logins(world: World) -> None:
    for number, (before, most) in enumerate(BEFORE):
        names = [f"refuses-{number}-{n}" for n in range(5)]
        hosts = [Target(id=id, kind="host", object_type="server") for id in names]
        run = new_run(world.base / f"store{number}", hosts)
        for name, frames in zip(names, before, strict=False):
            cut_off(run, name, *frames)
        world.collect(run, "it")
        seen = [name for name in world.seen("logins") if name in names]
        assert len(seen) == most, (before, seen)


def test_one_server_under_several_names_is_one_server(world: World) -> None:
    """Each target has a secret of its own: what they share is the account where it is."""
    names = [f"refuses{n}" for n in range(6)]
    hosts = [Target(id=id, kind="host", object_type="server") for id in names]
    run = new_run(world.base / "store", hosts)
    access = {}
    for n, name in enumerate(names):
        place = ("127.0.0.1", "localhost", "::ffff:127.0.0.1")[n % 3]
        reference = f"file:{world.base / name}"
        (world.base / name).write_text(f"hunter2-{n}")
        (world.base / name).chmod(0o600)
        access[name] = ToyAccess(password=SecretRef(reference), address=HostName(place))
    world.collect(run, "it", access=access)
    assert world.seen("logins").total() == 3
    elsewhere = {n: structs.replace(a, port=2) for n, a in access.items()}
    run = new_run(world.base / "other", hosts)
    world.collect(run, "it", access=elsewhere)
    assert world.seen("logins").total() == 6
    # Under ports of its own each is another server, unless what is known of them is the same.
    apart = {n: structs.replace(a, port=k) for k, (n, a) in enumerate(access.items(), 3)}
    for same, logins in ((False, 6), (True, 3)):
        world.connector = structs.replace(
            world.connector,
            identities=lambda a, same=same: ("key",) if same else (f"key {a.port}",),
        )
        before = world.seen("logins").total()
        world.collect(new_run(world.base / f"same-{same}", hosts), "it", access=apart)
        assert world.seen("logins").total() == before + logins
