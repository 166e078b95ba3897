"""Facts, checks, registries and runs made up for tests of the core."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from audit_core.api import plugins
from audit_core.api.hooks import Connector, hookimpl
from audit_core.api.sdk import check, expect, fact
from audit_core.connectors import Pool, Route
from audit_core.connectors.connection_context import ResolvingContext
from audit_core.connectors.secrets import Secrets
from audit_core.evaluate import Work
from audit_core.evaluate.inputs import Inputs, fold
from audit_core.model import (
    Absent,
    Answer,
    Builtin,
    Check,
    Command,
    Judgement,
    Known,
    Message,
    ReadFile,
    ReadFiles,
    Reply,
    Request,
    Role,
    SessionInfo,
    Severity,
    Status,
    Target,
    facts_in,
    msg,
)
from audit_core.model.names import SystemObject
from audit_core.model.results import Clause
from audit_core.model.units import Step
from audit_core.policy.model import Binding, Profile
from audit_core.store.bundles import Stamp
from audit_core.store.runs import RUN_SCHEMA, Run, RunFile, Store
from audit_shell.scripts import Transport
from audit_shell.session import ShellSession

HOST = Target(id="web1", kind="host", object_type="server")
SITE = Target(id="site", kind="site", object_type="site")
ORG = Target(id="organisation", kind="organisation", object_type="organisation")
TARGETS = (HOST, SITE, ORG)


def read_colour(answer: Answer) -> str:
    return answer.text.strip()


COLOUR = Command(argv=("cat", "/colour"))
colour = fact("fake.colour", str, kind="host", ask=COLOUR, parse=read_colour)


@check("fake.blue", needs=colour, severity=Severity.HIGH)
def blue(seen: str, *, wanted: str = "blue") -> Judgement:
    """The colour is blue."""
    return expect(
        seen == wanted,
        detail=msg("the colour is {seen}", seen=seen),
        expected=msg("{wanted}", wanted=wanted),
    )


def inputs_of(what: Check, lookup: Callable[[Any], Known | Absent]) -> Inputs:
    """What `what` needs, about HOST, each fact as `lookup` has it."""
    return fold(
        (need, Known(value=HOST) if isinstance(need, Builtin) else lookup(facts_in(need)[0]))
        for need in what.needs
    )


def module_of(*checks: Check) -> Any:
    """A plugin module that offers `checks`."""
    made = types.ModuleType("fake_plugin")

    @hookimpl
    def dengbao_checks() -> tuple[Check, ...]:
        return checks

    made.dengbao_checks = dengbao_checks  # type: ignore[attr-defined]
    return made


def registry_of(*checks: Check) -> plugins.Registry:
    return plugins.load((("fake", module_of(*checks)),))


def clause(id: str, **more: Any) -> Clause:
    step = Step(question="做了吗", question_en="Is it done?", bring="记录", bring_en="The record")
    given = {
        "layer_id": "computing", "layer": "安全计算环境", "applies_to": ("server",),
        "steps": (step,),
    } | more  # fmt: skip
    if "applies_to" not in more:  # as in a layer that concerns every object of its types
        given.setdefault("concerns", ("server", "database"))
    return Clause(catalog="cat", id=id, **given)


def profile_of(bindings: Sequence[tuple[str, str, Role]], clauses: Sequence[Clause]) -> Profile:
    return Profile(
        id="fake",
        title="假",
        title_en="fake",
        clauses=tuple(clauses),
        bindings=tuple(
            Binding(catalog="cat", clause=c, check=k, step=1, role=v) for c, k, v in bindings
        ),
        params={},
        declared_checks=(),
        catalogs=("cat",),
        sha256="0" * 64,
        system_objects=tuple(
            SystemObject(id=id, object_type=id, zh="全", en="Whole")
            for id in ("site", "network", "organisation")
        ),
    )


def work_of(*checks: Check, role: Role = Role.SETTLES) -> Work:
    clauses = [clause(f"1.{n}") for n, _ in enumerate(checks)]
    bindings = [(f"1.{n}", c.id, role) for n, c in enumerate(checks)]
    profile = profile_of(bindings, clauses)
    return Work(profile=profile, registry=registry_of(*checks), policy={"cat": "1" * 64})


STAMP = Stamp(
    round=2,
    started="2026-01-02T03:04:05.000Z",
    ended="2026-01-02T03:04:06.000Z",
    how=SessionInfo(connector="test"),
)


def shell_route(transport: Transport, target: str = HOST.id, credential: str = "x") -> Route:
    """A route over the scripts of `transport`."""
    return Route(
        target=target,
        connector="ssh",
        accepts=(Command, ReadFile, ReadFiles),
        open=lambda: ShellSession(transport.open(), sudo=True),
        credentials=(credential,),
    )


def ask_isolated(connector: Connector, request: Request) -> Reply:
    """What a connector in a process of its own answers."""
    with contextlib.closing(Pool((connector,))) as pool:
        session = pool.open(connector, ResolvingContext(HOST, None, None, Secrets()))
        (answered,) = session.ask((request,))
        session.close()
    return answered


def reply(
    request: Any = COLOUR,
    stdout: bytes = b"blue\n",
    *,
    status: Status = Status.ANSWERED,
    exit_code: int | None = 0,
    truncated: bool = False,
    detail: Message | None = None,
) -> Reply:
    return Reply(
        request=request,
        status=status,
        exit_code=exit_code,
        stdout=stdout,
        stderr=b"",
        truncated=truncated,
        detail=detail,
    )


def new_run(root: Path, targets: Sequence[Target] = TARGETS, id: str = "") -> Run:
    file = RunFile(
        schema=RUN_SCHEMA,
        id=id or "20260102T030405Z-000abc",
        started="2026-01-02T03:04:05.000Z",
        profile="fake",
        profile_sha256="0" * 64,
        inventory_sha256="0" * 64,
        dengbao="0",
        plugins={},
        targets=tuple(targets),
    )
    return Store(root).create(file)


def collected(
    root: Path, *replies: Reply, sealed: bool = True, hosts: Sequence[Target] = (HOST,)
) -> Run:
    """A run in which each of `hosts` gave all `replies`."""
    run = new_run(root, (*hosts, SITE, ORG))
    for host in hosts:
        writer = run.writer(host.id)
        for one in replies:
            writer.add(host.id, one, STAMP)
        writer.round_done(2, host.id, "test")
        writer.finish()
    if sealed:
        Store(root).seal(run, "2026-01-02T03:05:00.000Z")
    return run
