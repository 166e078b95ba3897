"""The clients that are compared, each asking the same questions of the same hosts."""

from __future__ import annotations

import datetime
import itertools
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from audit_core.collect import Collector
from audit_core.connectors import ByTarget, Route, now
from audit_core.model import Command, ReadFile, ReadFiles
from audit_core.store.redact import Redactor
from audit_core.store.runs import RUN_SCHEMA, Run, RunFile, Store
from audit_shell.scripts import ScriptReply, ScriptSession, Transport
from audit_shell.session import ShellSession
from audit_shell.ssh import SshAccess, SshTransport
from benchmarks import ROOT
from benchmarks.processes import Cost, Job, cost_of, run
from benchmarks.questions import Questions, target
from benchmarks.servers import Host

BIN = Path(sys.executable).parent
_number = itertools.count()


def new_run(store: Store, hosts: Sequence[Host], profile: str) -> Run:
    """An empty run over `hosts`."""
    moment = datetime.datetime.now(datetime.UTC)
    file = RunFile(
        schema=RUN_SCHEMA, id=f"{moment:%Y%m%dT%H%M%SZ}-{next(_number):06x}", started=now(),
        profile=profile, profile_sha256="", inventory_sha256="", dengbao="", plugins={},
        targets=tuple(target(host.id) for host in hosts),
    )  # fmt: skip
    return store.create(file)


def transport(host: Host) -> SshTransport:
    """Our own way to `host`."""
    access = SshAccess(
        host="127.0.0.1", port=host.port, user=host.user, key=str(host.key),
        known_hosts=(str(host.known_hosts),),
    )  # fmt: skip
    return SshTransport(access)


class _Heard:
    """A session that keeps the scripts it was given."""

    def __init__(self, session: ScriptSession, scripts: list[bytes]) -> None:
        self._session = session
        self._scripts = scripts
        self.info = session.info

    def run(self, script: bytes, *, deadline_s: float, limit: int) -> ScriptReply:
        self._scripts.append(script)
        return self._session.run(script, deadline_s=deadline_s, limit=limit)

    def close(self) -> None:
        self._session.close()

    def __enter__(self) -> _Heard:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Hearing:
    def __init__(self, inner: Transport, scripts: list[bytes]) -> None:
        self._inner = inner
        self._scripts = scripts

    def open(self) -> ScriptSession:
        return _Heard(self._inner.open(), self._scripts)


class Clients:
    """All clients for one set of hosts and questions. Files go to `folder`."""

    def __init__(self, hosts: Sequence[Host], questions: Questions, folder: Path) -> None:
        self.hosts = tuple(hosts)
        self.asked = questions
        self._folder = folder
        self.store = Store(folder / "store")
        (folder / "out").mkdir(parents=True, exist_ok=True)
        self._groups = questions.groups(tuple(host.id for host in hosts))
        self.run, script = self._heard()
        self._script = folder / "script"
        self._script.write_bytes(script)
        self._order = folder / "asked.json"
        self._order.write_text(json.dumps(self._for_testinfra()))
        self._inventory = folder / "inventory.yaml"
        self._inventory.write_text(_inventory(hosts))

    @property
    def questions(self) -> int:
        """How many commands and files a host is asked for."""
        bundle = self.run.bundle(self.hosts[0].id)
        assert bundle is not None
        return len(bundle.observations)

    def _heard(self) -> tuple[Run, bytes]:
        """A run of all hosts, and the scripts of both rounds as one."""
        scripts: list[bytes] = []
        made = new_run(self.store, self.hosts, self.asked.profile)
        routes = {h.id: _route(transport(h), h.id) for h in self.hosts}
        first = self.hosts[0]
        routes[first.id] = _route(_Hearing(transport(first), scripts), first.id)
        self._collector(made, routes).collect(self._groups)
        for host in self.hosts:
            bundle = made.bundle(host.id)
            assert bundle is not None
            assert bundle.fault is None, bundle.fault
        return made, b"".join(scripts)

    def _for_testinfra(self) -> object:
        bundle = self.run.bundle(self.hosts[0].id)
        assert bundle is not None
        kinds = Command | ReadFile | ReadFiles
        # What only an SSH client of ours asks (the key exchange), the peer cannot ask.
        asked = [
            o.request for o in bundle.observations.values() if o.evidence_kind != "ssh-key-exchange"
        ]
        requests = [msgspec.convert(request, kinds) for request in asked]
        config = self._folder / "ssh_config"
        config.write_text("".join(_ssh_config(host, self._folder) for host in self.hosts))
        return {
            "config": str(config),
            "hosts": [host.id for host in self.hosts],
            "commands": [shlex.join(r.argv) for r in requests if isinstance(r, Command)],
            "files": [r.path for r in requests if isinstance(r, ReadFile)],
        }

    def collector(self) -> Cost:
        """`collect` without the command around it: a new run, its bundles durable on disk."""
        made = new_run(self.store, self.hosts, self.asked.profile)
        routes = {host.id: _route(transport(host), host.id) for host in self.hosts}
        return cost_of(lambda: self._collector(made, routes).collect(self._groups))

    def _collector(self, made: Run, routes: ByTarget) -> Collector:
        """As the command makes it: what a run keeps of equal answers is new in each."""
        redactor = Redactor(rules=self.asked.registry.redaction)
        return Collector(made, routes, redactor=redactor)

    def command(self) -> Cost:
        """The whole command `dengbao collect`, from starting Python to the sealed run."""
        argv = (
            str(BIN / "dengbao"), "collect", self.asked.profile, "-i", str(self._inventory),
            "--store", str(self._folder / "cli-store"), "--quiet",
        )  # fmt: skip
        return _well(run([Job(argv=argv)], self._folder / "out"))

    def ssh(self, *options: str) -> Cost:
        """One `ssh HOST sh -s` per host, all at once, fed with the very same scripts."""
        jobs = [Job(argv=_ssh(host, options), stdin=self._script) for host in self.hosts]
        return _well(run(jobs, self._folder / "out"))

    def testinfra(self, backend: str) -> Cost:
        """pytest-testinfra, from connecting to the last answer; its start is not counted."""
        argv = (sys.executable, "-m", "benchmarks.peer_testinfra", backend)
        job = Job(argv=argv, stdin=self._order)
        _well(run([job], self._folder / "out", {"PYTHONPATH": str(ROOT)}))
        reported = json.loads((self._folder / "out" / "0.out").read_text())
        return Cost(wall=reported["wall"], cpu=reported["cpu"])


def _well(cost: Cost) -> Cost:
    assert cost.code == 0, f"a client ended with {cost.code}"
    return cost


def _route(way: Transport, target: str) -> tuple[Route, ...]:
    shell = (Command, ReadFile, ReadFiles)
    return (
        Route(
            target=target, connector="ssh", accepts=shell, credentials=("bench",),
            open=lambda: ShellSession(way.open(), sudo=True),
        ),
    )  # fmt: skip


def _ssh(host: Host, options: tuple[str, ...]) -> tuple[str, ...]:
    return (
        "ssh", "-F", "/dev/null", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes",
        "-o", f"UserKnownHostsFile={host.known_hosts}", "-i", str(host.key), *options,
        "-p", str(host.port), f"{host.user}@127.0.0.1", "exec /bin/sh -s",
    )  # fmt: skip


def _ssh_config(host: Host, folder: Path) -> str:
    # A control path is more than testinfra does by itself: without one, each question logs in.
    return (
        f"Host {host.id}\n  HostName 127.0.0.1\n  Port {host.port}\n  User {host.user}\n"
        f"  IdentityFile {host.key}\n  IdentitiesOnly yes\n  BatchMode yes\n"
        f"  UserKnownHostsFile {host.known_hosts}\n  StrictHostKeyChecking no\n"
        f"  ControlPath {folder}/cm-{host.id}\n"
    )


def _inventory(hosts: Sequence[Host]) -> str:
    lines = ["system:", "  name: bench", "defaults: {file_sweep: false}", "targets:"]
    for host in hosts:
        lines += [
            f"  - id: {host.id}",
            f"    access: {{address: 127.0.0.1, user: {host.user}, port: {host.port}, "
            f"key: {host.key}, known_hosts: [{host.known_hosts}]}}",
        ]  # fmt: skip
    return "\n".join(lines) + "\n"
