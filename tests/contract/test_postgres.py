"""A connector that a third party wrote, against a real server: all that the core promises holds."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit_core.api.testkit import ReplaySession
from audit_core.connectors import Pool
from audit_core.connectors.secrets import Secrets
from audit_core.connectors.ways import LiveWay
from audit_core.model import HostName, SecretRef, Status, Target
from audit_core.store.runs import Store
from core import toy
from live.patience import eventually
from live.product import dengbao, environment, every_byte
from postgres_plugin.offers import CONNECTORS, PostgresAccess
from postgres_plugin.query import Query
from postgres_plugin.roles import FACTS

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(importlib.util.find_spec("psycopg") is None, reason="no psycopg here"),
]
PASSWORD = "Xq7-planted-pass-word"
CHECKS = ["postgres_plugin.superusers", "postgres_plugin.remarks"]


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("postgresql is not installed")
    return found[-1].parent


class Server:
    """A server on loopback, as an unprivileged user, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._bin, self.log = folder, _binaries(), folder / "log"
        self._drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        if os.geteuid():
            self._drop = []
        else:
            os.chown(folder, 65534, 65534)
        (folder / "pw").write_text(PASSWORD)
        (folder / "pw").chmod(0o644)
        self._do(
            "initdb", "-D", str(folder / "data"), "-U", "audit", "-A", "scram-sha-256",
            f"--pwfile={folder / 'pw'}", "-N",
        )  # fmt: skip
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*self._drop, str(self._bin / "postgres"), "-D", str(folder / "data"),
                 "-h", "127.0.0.1", "-p", str(self.port), "-k", str(folder), "-F"],
                stdout=log, stderr=log, cwd="/",
            )  # fmt: skip
        assert eventually(lambda: b"ready to accept" in self.log.read_bytes()), self.log.read_text()

    def _do(self, name: str, *words: str) -> None:
        argv = [*self._drop, str(self._bin / name), *words]
        subprocess.run(argv, check=True, capture_output=True, cwd="/", env={"LC_ALL": "C"})

    def refused(self) -> int:
        """How many logins were refused so far."""
        return self.log.read_bytes().count(b"password authentication failed")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="dengbao-postgres-"))
    made = Server(folder)
    yield made
    made.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plugin as pip would install it, with a profile of its own."""
    base = tmp_path_factory.mktemp("site")
    package = toy.install(base, "postgres_plugin", "", files=toy.policy(CHECKS))
    source = Path(__file__).parents[1] / "postgres_plugin"
    for file in source.glob("*.py"):
        shutil.copy(file, package / file.name)
    return base


def inventory(path: Path, server: Server, count: int = 1, address: str = "127.0.0.1") -> Path:
    path.write_text(
        "targets:\n"
        + "".join(
            f"  - {{id: db{n}, kind: postgresql, address: {address}, access: "
            f"{{user: audit, port: {server.port}, password: 'env:PG_{n}'}}}}\n"
            for n in range(count)
        )
        + "scope: [127.0.0.0/8]\n"
    )
    return path


def test_a_run_gives_findings_and_stores_no_password(
    server: Server, site: Path, tmp_path: Path
) -> None:
    import psycopg

    with psycopg.connect(
        host="127.0.0.1", port=server.port, user="audit", password=PASSWORD, dbname="postgres"
    ) as own:  # the server tells the password to whoever asks
        own.execute(f"COMMENT ON ROLE audit IS '{PASSWORD}'")
    env = environment(tmp_path, (site,), PG_0=PASSWORD)
    inv = inventory(tmp_path / "inv.yaml", server)
    common = ("-i", inv, "--store", tmp_path / "store")
    done = dengbao("run", "toy", *common, "-o", tmp_path / "pack.zip", "--format", "json", env=env)
    found = {f["check"]: f for f in done.json["findings"]}
    assert found["postgres_plugin.superusers"]["verdict"] == "pass", found
    assert "audit" in found["postgres_plugin.superusers"]["detail"]
    assert found["postgres_plugin.remarks"]["verdict"] == "undetermined"
    assert any("PostgreSQL" in o["how"] for o in done.json["observations"])
    written = {str(p): data for p, data in every_byte(tmp_path / "store").items()}
    for name, data in {**written, "out": done.out, "err": done.err}.items():
        assert PASSWORD.encode() not in data, name
    bundle = Store(tmp_path / "store").find("latest").bundle("db0")
    assert bundle is not None
    asked = [fact.providers[0].ask for fact in FACTS]
    assert all(isinstance(request, Query) for request in asked)
    again = list(ReplaySession(bundle, "db0").ask(asked))  # type: ignore[arg-type]
    assert [reply.status for reply in again] == [Status.ANSWERED] * 2
    assert b"audit" in again[0].stdout


def test_plan_grants_and_doctor_know_it(server: Server, site: Path, tmp_path: Path) -> None:
    inv = inventory(tmp_path / "inv.yaml", server)
    env = environment(tmp_path, (site,), PG_0=PASSWORD)
    planned = dengbao("plan", "toy", "-i", inv, "--format", "json", env=env).ended(0)
    assert {r["kind"] for r in planned.json["requests"]} == {"query"}
    granted = dengbao("plan", "toy", "-i", inv, "--grants", "auditor", env=env).ended(0)
    assert granted.stdout.startswith("-- ")
    assert "CREATE ROLE auditor LOGIN;" in granted.stdout
    rows = {r["what"]: r for r in dengbao("doctor", "-i", inv, "--format", "json", env=env).json}
    assert rows["psycopg"]["state"] == "ok"
    assert (rows["db0"]["state"], "PostgreSQL" in rows["db0"]["detail"]) == ("ok", True)
    wrong = environment(tmp_path, (site,), PG_0="wrong")
    rows = {r["what"]: r for r in dengbao("doctor", "-i", inv, "--format", "json", env=wrong).json}
    assert rows["db0"]["state"] == "out of reach"


def test_three_logins_are_refused_at_most_over_any_number_of_targets(
    server: Server, site: Path, tmp_path: Path
) -> None:
    before = server.refused()
    inv = inventory(tmp_path / "inv.yaml", server, count=12)  # each with a secret of its own
    secrets = {f"PG_{n}": f"wrong-{n}" for n in range(12)}
    env = environment(tmp_path, (site,), **secrets)
    dengbao("collect", "toy", "-i", inv, "--store", tmp_path / "store", env=env).ended(4)
    assert server.refused() - before == 3


def test_nothing_outside_the_scope_is_contacted(server: Server, site: Path, tmp_path: Path) -> None:
    inv = inventory(tmp_path / "inv.yaml", server)
    inv.write_text(inv.read_text().replace("127.0.0.0/8", "192.0.2.0/24"))
    before = server.log.read_bytes()
    for address in ("127.0.0.1", "localhost"):
        inv.write_text(inv.read_text().replace("127.0.0.1", address))
        env = environment(tmp_path, (site,), PG_0="wrong")
        done = dengbao("collect", "toy", "-i", inv, "--store", tmp_path / "store", env=env)
        assert done.code in (65, 78)
    assert server.log.read_bytes() == before


def test_deadlines_and_sizes_hold(server: Server) -> None:
    access = PostgresAccess(
        user="audit", password=SecretRef("env:PG"), address=HostName("127.0.0.1"), port=server.port
    )
    target = Target(id="db", kind="postgresql", object_type="server", address="127.0.0.1")
    with pytest.MonkeyPatch.context() as patch, contextlib.closing(Pool(CONNECTORS)) as pool:
        patch.setenv("PG", PASSWORD)
        session = pool.open(CONNECTORS[0], LiveWay(target, access, None, Secrets()))
        begun = time.monotonic()
        slow, big, last = session.ask(
            (
                Query(sql="SELECT pg_sleep(600)", timeout_s=1),
                Query(sql="SELECT generate_series(1, 100000) AS n", limit=1000),
                Query(sql="SELECT 1 AS one"),
            )
        )
        session.close()
    assert (slow.status, time.monotonic() - begun < 300) == (Status.TIMED_OUT, True)
    assert (big.truncated, len(big.stdout)) == (True, 1000)
    assert (last.status, last.stdout) == (Status.ANSWERED, b'{"one": 1}\n')
