"""One contract for all connectors that plugins offer: what the core promises holds for each.

A new connector is found here by itself, and needs a case in `connector_cases`.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import tempfile
import typing
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Union

import msgspec
import pytest
from msgspec import Struct

import postgres_plugin
from audit_core.api import plugins
from audit_core.api.hooks import Connector
from audit_core.api.testkit import ReplaySession
from audit_core.model import (
    AccessSchema,
    HostName,
    KeyFile,
    Observation,
    ReadFile,
    SecretRef,
    Status,
)
from audit_core.store.bundles import Bundle
from audit_core.store.runs import Store
from contract.case import OTHERS, PASSWORD, Case, Point
from contract.connector_cases import CASES
from live.island import need_namespaces
from live.patience import PATIENCE_S, eventually
from live.product import Done, dengbao, environment, every_byte, start
from live.sshd import program

pytestmark = pytest.mark.live

REGISTRY = plugins.load([("postgres", postgres_plugin)])
OFFERED = REGISTRY.connectors
UNPLAYED = {
    "dameng": "the protocol is not public, and no server can run here: see tests/plugins/dameng"
}
HOLD = """
HOLD = Path({folder!r})
held = made("held", "host", sh(
    "touch %s/waits; while [ -e %s/hold ]; do sleep 0.05; done; echo on" % (HOLD, HOLD),
    timeout_s=600), held=True)
"""
HELD = "  - {id: held, access: {via: local}}\n"


# --- every connector has a case, and no case makes up an excuse -----------------------------------


def test_every_connector_that_is_offered_has_a_case() -> None:
    assert {case.name for case in CASES} == set(OFFERED) - set(UNPLAYED)


@pytest.mark.parametrize("name", UNPLAYED)
def test_what_no_server_can_be_played_for_is_marked(name: str) -> None:
    assert all(REGISTRY.kinds.by_id[kind].unverified for kind in OFFERED[name].kinds)


def test_no_case_is_exempt_from_what_its_connector_offers() -> None:
    assert {case.name: excuses(OFFERED[case.name], case.exempt) for case in CASES} == {
        case.name: [] for case in CASES
    }


def types_in(schema: type[Struct] | None) -> Iterator[Any]:
    """The types of all fields of `schema`, also within unions and Structs."""
    waiting: list[Any] = [] if schema is None else [*typing.get_type_hints(schema).values()]
    while waiting:
        found = waiting.pop()
        yield found
        waiting += typing.get_args(found)
        if isinstance(found, type) and issubclass(found, Struct):
            waiting += typing.get_type_hints(found).values()


def excuses(connector: Connector, exempt: dict[Point, str]) -> list[str]:
    """The points that `exempt` leaves out though what `connector` offers contradicts it."""
    types = [*types_in(connector.access)]
    secret = SecretRef in types or KeyFile in types
    contradicted = {
        Point.SECRET: secret,
        Point.LOCKOUT: secret,
        Point.DOCTOR: connector.access is not None,
        Point.GRANTS: connector.grants is not None,
        Point.SCOPE: HostName in types or not getattr(connector.access, "reaches_here", False),
    }
    never = [point for point in exempt if point not in contradicted]
    found = [point for point, wrong in contradicted.items() if wrong and point in exempt]
    short = [point for point, why in exempt.items() if len(why.split()) < 3]
    missing = [Point.GRANTS] if Point.GRANTS not in exempt and connector.grants is None else []
    return sorted({*never, *found, *short, *missing})


class Login(AccessSchema, frozen=True, kw_only=True):
    """A login."""

    password: SecretRef | None = None


class Wrapped(AccessSchema, frozen=True, kw_only=True):
    """A login within another schema."""

    inner: Login | None = None


def test_an_exemption_that_the_offer_contradicts_is_reported() -> None:
    nobody = "nobody logs in"
    every = dict.fromkeys(Point, nobody)
    made = Connector(name="x", kinds=("host",), accepts=(ReadFile,), open="x:y", access=Wrapped)
    assert {Point.SECRET, Point.LOCKOUT, Point.DOCTOR, Point.SCOPE} <= set(excuses(made, every))
    free = msgspec.structs.replace(made, access=None)
    allowed = dict.fromkeys((Point.SECRET, Point.LOCKOUT, Point.DOCTOR, Point.GRANTS), nobody)
    assert excuses(free, allowed) == []
    assert excuses(free, {**allowed, Point.LOCKOUT: "no"}) == [Point.LOCKOUT]
    assert excuses(free, {**allowed, Point.REPLAY: nobody}) == [Point.REPLAY]
    grants = msgspec.structs.replace(free, grants=lambda what, user, say: user)
    assert excuses(grants, allowed) == [Point.GRANTS]


# --- the contract ---------------------------------------------------------------------------------


def held_to(*points: Point) -> pytest.MarkDecorator:
    """The test is for every case that is exempt from none of `points`."""
    cases = [case for case in CASES if not set(points) & set(case.exempt)]
    return pytest.mark.parametrize("case", cases, indirect=True, ids=lambda case: case.name)


@pytest.fixture(scope="module")
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    with contextlib.ExitStack() as stack:
        # Not pytest's directory: the login of another account writes there.
        made = tempfile.TemporaryDirectory(prefix="dengbao-contract-", dir="/tmp")
        folder = Path(stack.enter_context(made))
        folder.chmod(0o755)
        yield request.param(folder, stack)


class Desk:
    """The command in a place of its own, with a profile of the checks that are named."""

    def __init__(self, base: Path, case: Case, *checks: str) -> None:
        self.base, self.store = base, base / "store"
        self.env = environment(
            base, (case.install(base / "site", *checks),), GOOD=PASSWORD,
            **{f"WRONG{n}": f"Wr0ng-pass-{n}" for n in range(12)}, WRONG="Wr0ng-pass-word",
        )  # fmt: skip

    def inventory(self, *targets: str, scope: str = "127.0.0.0/8") -> Path:
        path = self.base / "inventory.yaml"
        path.write_text(f"targets:\n{''.join(targets)}scope: [{scope}]\n")
        return path

    def __call__(self, *words: object, **more: Any) -> Done:
        return dengbao(*words, env=self.env, **more)

    def bundle(self, target: str) -> Bundle:
        found = Store(self.store).find("latest").bundle(target)
        assert found is not None
        return found

    def seen(self, target: str) -> dict[str, Observation]:
        """What was asked of `target`, by the line that tells what."""
        return {seen.asked: seen for seen in self.bundle(target).observations.values()}


def assert_no_secret(case: Case, folder: Path, *done: Done) -> None:
    reported = {str(path): data for path, data in every_byte(folder).items()}
    reported |= {f"stream {n}": d.out + d.err for n, d in enumerate(done)}
    for name, data in reported.items():
        for secret in case.planted:
            assert secret.encode() not in data, name


@held_to(Point.SECRET)
def test_secret(case: Case, tmp_path: Path) -> None:
    """What the target tells of the password, in answers and errors, is in no byte."""
    desk = Desk(tmp_path, case, "plain", "echo", "error")
    inventory = desk.inventory(case.target("t"), case.beside)
    done = desk("run", "toy", "-i", inventory, "--store", desk.store, "-o", tmp_path / "pack.zip",
                "--format", "json").ended(0, 4)  # fmt: skip
    checks = {f["check"]: f["verdict"] for f in done.json["findings"] if f["target"] == "t"}
    assert checks["c.plain"] == "pass", done.stderr
    cut = [rule for seen in desk.seen("t").values() for rule in seen.redactions]
    reported = [str(seen.detail) for seen in desk.seen("t").values() if seen.detail is not None]
    # the target did tell it: in the answer, and in the error
    assert "known-secret" in cut
    assert cut.count("known-secret") + str(reported).count("[redacted:known-secret]") >= 2
    assert OTHERS not in case.planted or "command-line" in cut
    assert_no_secret(case, desk.store, done)
    with zipfile.ZipFile(tmp_path / "pack.zip") as pack:
        pack.extractall(tmp_path / "pack")
    assert_no_secret(case, tmp_path / "pack")


@held_to(Point.SECRET, Point.LOCKOUT)
def test_secret_in_the_error_of_a_login(case: Case, tmp_path: Path) -> None:
    desk = Desk(tmp_path, case, "plain")
    with case.echoing() as target:
        inventory = desk.inventory(target)
        done = [
            desk("collect", "toy", "-i", inventory, "--store", desk.store).ended(4),
            desk("doctor", "-i", inventory).ended(4, 69),
            desk("doctor", "-i", inventory, "--format", "json").ended(4, 69),
        ]
    assert all("[redacted:known-secret]" in d.stdout + d.stderr for d in done)
    assert_no_secret(case, desk.store, *done)


@held_to(Point.LOCKOUT)
def test_lockout_of_one_account(case: Case, tmp_path: Path) -> None:
    """Twelve targets with a secret each are one account of one server, under several names."""
    names = ("127.0.0.1", "localhost")
    targets = [case.target(f"t{n}", secret=f"WRONG{n}", address=names[n % 2]) for n in range(12)]
    assert_three_refusals(case, tmp_path, targets)


@held_to(Point.LOCKOUT)
def test_lockout_of_one_credential(case: Case, tmp_path: Path) -> None:
    """Eight servers that one credential is offered to."""
    targets = [case.target(f"t{n}", secret="WRONG", address=f"127.0.0.{n}") for n in range(2, 10)]
    assert_three_refusals(case, tmp_path, targets)


def assert_three_refusals(case: Case, base: Path, targets: list[str]) -> None:
    """A run is refused three times, and so is `doctor`."""
    desk = Desk(base, case, "plain")
    inventory, before = desk.inventory(*targets), case.refused()
    desk("collect", "toy", "-i", inventory, "--store", desk.store).ended(4)
    assert eventually(lambda: case.refused() == before + 3)
    desk("doctor", "-i", inventory).ended(4, 69)
    assert eventually(lambda: case.refused() == before + 6)


@held_to(Point.LOCKOUT)
def test_lockout_in_a_run_that_was_killed(case: Case, tmp_path: Path) -> None:
    """What was refused before the kill counts after it."""
    targets = [case.target(f"t{n}", secret="WRONG") for n in range(6)]
    before = case.refused()
    desk = killed(case, tmp_path, *targets[:2], HELD, *targets[2:])
    assert eventually(lambda: case.refused() == before + 2)
    desk("collect", "--resume", "-i", tmp_path / "inventory.yaml", "--store", desk.store,
         "--at-once", "1").ended(4)  # fmt: skip
    assert eventually(lambda: case.refused() == before + 3)


def killed(case: Case, base: Path, *targets: str) -> Desk:
    """A run that was killed while the target `held` was asked; the next one is not held."""
    (base / "hold").touch()
    case.source, source = case.source + HOLD.format(folder=str(base)), case.source
    desk = Desk(base, case, "plain", "held")
    case.source = source
    words = ("collect", "toy", "-i", desk.inventory(*targets), "--store", desk.store)
    running = start(*words, "--at-once", "1", env=desk.env)
    assert eventually(lambda: (base / "waits").exists() or running.has_ended)
    running.signal(signal.SIGKILL)
    running.finish()
    (base / "hold").unlink()
    assert (base / "waits").exists()
    assert Store(desk.store).unfinished() is not None
    return desk


@held_to(Point.SCOPE)
def test_scope(case: Case, tmp_path: Path) -> None:
    """Nothing outside the scope is contacted, and nothing that was not chosen."""
    desk = Desk(tmp_path, case, "plain")
    before = case.contacts()
    for address in ("127.0.0.1", "localhost"):
        inventory = desk.inventory(case.target("t", address=address), scope="192.0.2.0/24")
        words = ("toy", "-i", inventory, "--store", desk.store)
        assert desk("collect", *words).code in (4, 65, 78)
    inventory = desk.inventory(case.target("t"), HELD)
    desk("collect", "toy", "-i", inventory, "-t", "held", "--store", desk.store).ended(0)
    assert case.contacts() == before
    desk("collect", "toy", "-i", inventory, "-t", "t", "--store", desk.store).ended(0)
    assert case.contacts() > before


@held_to(Point.DEADLINE, Point.CAP)
def test_deadline_and_cap(case: Case, tmp_path: Path) -> None:
    """A question that takes ten minutes is broken off, an answer is cut, and others are had."""
    desk = Desk(tmp_path, case, "plain", "slow", "big")
    inventory = desk.inventory(case.target("t"))
    done = desk("collect", "toy", "-i", inventory, "--store", desk.store).ended(4)
    assert done.seconds < PATIENCE_S
    seen = desk.seen("t")
    refused = (Status.ANSWERED, Status.NOT_PERMITTED)  # whether root is had is asked, too
    statuses = [s.status for s in seen.values() if s.status not in refused]
    assert statuses == [Status.TIMED_OUT], seen
    (cut,) = [s for s in seen.values() if s.truncated]
    assert cut.stdout_size <= cut.request["limit"] <= 1000
    assert [s.stdout_size > 0 for s in seen.values() if not s.truncated].count(True) >= 1


@held_to(Point.RESUME)
def test_resume(case: Case, tmp_path: Path) -> None:
    """What was answered before the run was killed is not asked again."""
    before = case.asked(), case.contacts()
    desk = killed(case, tmp_path, case.target("t"), HELD)
    cut_off = Store(desk.store).unfinished()
    assert cut_off is not None
    path = cut_off.bundle_path("t")
    held = path.read_bytes()
    after = case.asked(), case.contacts()
    assert after > before
    desk("collect", "--resume", "-i", tmp_path / "inventory.yaml", "--store", desk.store).ended(0)
    assert (case.asked(), case.contacts()) == after
    assert path.read_bytes() == held
    assert {s.status for s in desk.seen("held").values()} == {Status.ANSWERED}


@held_to(Point.REPLAY)
def test_replay(case: Case, tmp_path: Path) -> None:
    """A stored run gives the same results, byte for byte, where there is no network."""
    need_namespaces()
    desk = Desk(tmp_path, case, "plain")
    inventory = desk.inventory(case.target("t"))
    desk("run", "toy", "-i", inventory, "--store", desk.store, "-o", tmp_path / "pack.zip").ended(0)
    assert_replayed(desk.bundle("t"), OFFERED[case.name])
    (results,) = desk.store.glob("runs/*/results")
    before, asked = every_byte(results), (case.asked(), case.contacts())
    assert before
    shutil.rmtree(results)
    alone = (program("unshare"), "--net")
    desk("evaluate", "latest", "--store", desk.store, prefix=alone).ended(0)
    assert every_byte(results) == before
    assert (case.asked(), case.contacts()) == asked


def assert_replayed(bundle: Bundle, connector: Connector) -> None:
    """The test kit answers from `bundle` as the target did."""
    assert bundle.observations
    for (target, _), seen in bundle.observations.items():
        request: Any = msgspec.convert(seen.request, Union[connector.accepts])  # noqa: UP007
        (again,) = ReplaySession(bundle, target).ask((request,))
        assert (again.status, again.stdout) == (seen.status, bundle.blob(seen.stdout_sha256))


@held_to(Point.DOCTOR)
def test_doctor(case: Case, tmp_path: Path) -> None:
    """What can be logged in to is told, and what cannot."""
    desk = Desk(tmp_path, case, "plain")
    inventory = desk.inventory(case.target("good"), case.target("bad", secret="WRONG"))
    done = desk("doctor", "-i", inventory, "--format", "json").ended(0, 4, 69)
    state = {row["what"]: row["state"] for row in done.json}
    assert state["good"] in ("ok", "limited")  # sudo allows nothing of what any check asks
    assert state["bad"] == ("ok" if Point.LOCKOUT in case.exempt else "out of reach")
    assert_no_secret(case, tmp_path / "none", done)


@held_to(Point.PLAN)
def test_plan_and_grants(case: Case, tmp_path: Path) -> None:
    """What would be asked, and with which rights, is printed; nothing is contacted."""
    desk = Desk(tmp_path, case, "plain")
    inventory, before = desk.inventory(case.target("t")), (case.asked(), case.contacts())
    planned = desk("plan", "toy", "-i", inventory, "--format", "json").ended(0)
    assert {request["kind"] for request in planned.json["requests"]} <= {
        type_.evidence_kind for type_ in OFFERED[case.name].accepts
    }
    assert planned.json["requests"]
    granted = desk("plan", "toy", "-i", inventory, "--grants", "auditor").ended(0)
    if Point.GRANTS not in case.exempt:
        assert "auditor" in granted.stdout
    assert (case.asked(), case.contacts()) == before
    assert_no_secret(case, tmp_path / "none", planned, granted)
