"""An unprivileged account may see less than root, but never gets a contradicting verdict."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from msgspec import structs

from audit_core import evaluate, plan
from audit_core.api import plugins
from audit_core.api.sdk import Absent, Reason
from audit_core.collect import Collector
from audit_core.model import Answer, Command, ReadFiles, SessionInfo, Status, Target, Verdict
from audit_core.model.files import encode_files
from audit_core.policy import load_policy
from audit_core.store.runs import RUN_SCHEMA, RunFile, Store
from audit_linux.config_files import ConfigPaths
from audit_linux.units import LINKS, parse_links
from audit_shell import batch
from audit_shell.scripts import Ended, ScriptReply
from core.fakes import shell_route
from core.whole import Whole, judged
from live.island import need_namespaces
from live.sshd import need_root, program

NOBODY = 65534
HERE = Target(id="here", kind="host", object_type="server", address="127.0.0.1")
_ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": "/"}


def dropped() -> list[str]:
    """What to put before a command so that it runs without any right."""
    return [program("setpriv"), f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def apart() -> list[str]:
    """What to put before a command so that it sees no process and no port of other tests."""
    return [program("unshare"), "--mount", "--pid", "--net", "--fork", "--mount-proc"]


class DroppedSession:
    """Runs scripts on this machine after `prefix`."""

    def __init__(self, prefix: list[str]) -> None:
        self.info = SessionInfo(connector="local")
        self._prefix = prefix

    def run(self, script: bytes, *, deadline_s: float, limit: int) -> ScriptReply:
        done = subprocess.run(
            [*self._prefix, "/bin/sh", "-s"], input=script, capture_output=True, cwd="/",
            env=_ENV, timeout=deadline_s, check=False,
        )  # fmt: skip
        return ScriptReply(
            stdout=done.stdout, stderr=done.stderr, ended=Ended.EXITED, exit_code=done.returncode
        )

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class DroppedTransport:
    """Opens sessions whose scripts run after `prefix`."""

    def __init__(self, *prefix: str) -> None:
        self._prefix = [*prefix]

    def open(self) -> DroppedSession:
        return DroppedSession(self._prefix)


def _judged(store: Path, transport: DroppedTransport, here: Target) -> Whole:
    registry = plugins.load()
    profile = load_policy(registry.policy_dirs).profile("gbt22239-l3", registry.checks)
    work = evaluate.Work(profile=profile, registry=registry, policy={})
    run = Store(store).create(
        RunFile(
            schema=RUN_SCHEMA, id="20261123T120000Z-000000", started="2026-11-23T12:00:00.000Z",
            profile="gbt22239-l3", profile_sha256="", inventory_sha256="", dengbao="", plugins={},
            targets=(here,),
        )
    )  # fmt: skip
    checks, _ = evaluate.profile_checks(profile, registry)
    shell = [c for c in checks if not c.id.startswith("nmap.")]
    routes = {"here": (shell_route(transport, "here"),)}
    Collector(run, routes).collect(plan.groups((here,), shell))
    return judged(run, work)


def test_an_account_without_rights_gives_no_other_verdict(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    need_namespaces()
    # The search through all disks takes as long as they are large; `make test-all` does it.
    settings = {} if pytestconfig.getoption("all") else {"file_sweep": False}
    here = structs.replace(HERE, settings=settings)
    full = _judged(tmp_path / "root", DroppedTransport(*apart()), here)
    less = _judged(tmp_path / "less", DroppedTransport(*apart(), *dropped()), here)
    reported = {f.id: f.verdict for f in less.findings}
    seen = {f.id: f.verdict for f in full.findings}
    slow = {f.id for f in full.findings if f.why == Reason.TIMED_OUT}  # nothing was seen then
    other = {
        id: (verdict, reported[id])
        for id, verdict in seen.items()
        if id not in slow and reported[id] not in (verdict, Verdict.UNDETERMINED)
    }
    assert other == {}
    # both really looked, and root saw more
    assert Verdict.PASS in reported.values()
    assert list(reported.values()).count(Verdict.UNDETERMINED) > list(seen.values()).count(
        Verdict.UNDETERMINED
    )


# --- folders that are closed --------------------------------------------------------------------


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder that every account can reach, unlike pytest's own."""
    need_root()
    folder = Path(tempfile.mkdtemp(prefix="dbt-open-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _answer(request: Command | ReadFiles, *prefix: str) -> Answer:
    session = DroppedSession([*prefix])
    reported = session.run(batch.render([request], _NONCE), deadline_s=60, limit=1 << 20)
    (reply,) = batch.unframe(
        [request], _NONCE, reported.stdout, reported.stderr, cut=Status.NO_REPLY
    ).replies
    assert reply is not None
    assert reply.status is Status.ANSWERED
    stdout = reply.stdout if reply.files is None else encode_files(reply.files)
    return Answer(
        stdout=stdout, stderr=reply.stderr, exit_code=reply.exit_code or 0, truncated=False,
        collected_at="2026-11-23T12:00:00.000Z", target=HERE,
    )  # fmt: skip


_NONCE = "0123456789abcdef" * 2


@pytest.mark.parametrize("closed", ["", "conf.d", "conf.d/a.conf"])
def test_settings_in_a_closed_folder_are_not_missing(closed: str, open_to_all: Path) -> None:
    top = open_to_all / "syslog-ng"
    (top / "conf.d").mkdir(parents=True)
    (top / "main.conf").write_text("x\n")
    (top / "conf.d" / "a.conf").write_text("y\n")
    (top / "conf.d" / "other").touch(mode=0o600)
    paths = ConfigPaths(files=(f"{top}/main.conf",), folders=(f"{top}/conf.d",), pattern="*.conf")
    whole = paths.read(_answer(paths.request, *dropped()))
    assert isinstance(whole, tuple)
    assert len(whole) == 2
    (top / closed).chmod(0o600)
    got = paths.read(_answer(paths.request, *dropped()))
    assert isinstance(got, Absent)
    assert got.reason is Reason.NOT_PERMITTED


def test_a_link_into_a_closed_folder_is_not_missing(open_to_all: Path) -> None:
    (open_to_all / "closed").mkdir(mode=0o700)
    (open_to_all / "closed" / "a").write_text("x\n")
    (open_to_all / "main.conf").symlink_to(open_to_all / "closed" / "a")
    paths = ConfigPaths(files=(f"{open_to_all}/main.conf",))
    got = paths.read(_answer(paths.request, *dropped()))
    assert isinstance(got, Absent)
    assert got.reason is Reason.NOT_PERMITTED


def test_start_links_in_a_closed_folder_are_not_missing(open_to_all: Path) -> None:
    folder = open_to_all / "rc2.d"
    folder.mkdir()
    (folder / "S20telnetd").symlink_to("/bin/true")
    ask = LINKS.providers[0].ask
    assert isinstance(ask, Command)
    argv = tuple(word.replace("/etc/rc2.d", str(folder)) for word in ask.argv)
    moved = Command(argv=argv, ok=ask.ok)
    links = parse_links(_answer(moved, *dropped()))
    assert isinstance(links, frozenset)
    assert "telnetd" in links
    folder.chmod(0o700)
    got = parse_links(_answer(moved, *dropped()))
    assert isinstance(got, Absent)
    assert got.reason is Reason.NOT_PERMITTED
