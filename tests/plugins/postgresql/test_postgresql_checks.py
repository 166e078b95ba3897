"""Verdicts on real servers: a good one, a bad one, and what an account without rights gets."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest

from audit_core.api.sdk import Answer, Fact, Verdict
from audit_core.api.testkit import target_of
from audit_core.model import HostName, SecretRef, Status
from audit_database.query import Query
from audit_postgresql import session
from audit_postgresql.access import PostgresqlAccess
from audit_postgresql.access_checks import PROTECTED, tls_in_use
from audit_postgresql.audit_trail import LOG_FILES, log_kept
from audit_postgresql.durability import ARCHIVER, STANDBY_ROWS, Standby, standby
from audit_postgresql.release import MINOR, minor_release, release_supported
from audit_postgresql.server import RELEASE, Settings
from live.database_verdicts import POSTGRESQL
from live.database_ways import PASSWORD, Here
from live.patience import eventually
from live.postgresql_server import PostgresqlServer
from live.product import dengbao, environment
from live.tls_servers import peer, relay

pytestmark = pytest.mark.live

GOOD_HBA = """\
local all,replication chief scram-sha-256
hostssl all chief 0.0.0.0/0 reject
hostssl all audit,plain 127.0.0.0/28 scram-sha-256
hostssl all all 10.20.0.0/16 scram-sha-256 clientcert=verify-full
hostssl replication standby 10.20.0.9/32 scram-sha-256 clientcert=verify-full
"""
GOOD = {
    "ssl_min_protocol_version": "TLSv1.2", "log_connections": "on", "log_disconnections": "on",
    "logging_collector": "on", "log_statement": "mod", "log_line_prefix": "%m %u@%d %h ",
    "idle_session_timeout": "10min", "log_filename": "postgresql-%Y-%m-%d.log",
    "archive_mode": "on", "archive_command": "cp %p ../kept", "fsync": "on",
    "shared_preload_libraries": "passwordcheck", "synchronous_commit": "off",
}  # fmt: skip
BAD_HBA = """\
local all all trust
host all all 0.0.0.0/0 password
host all all 127.0.0.1/32 trust
host replication all 0.0.0.0/0 scram-sha-256
"""
BAD = {
    "ssl_min_protocol_version": "TLSv1", "password_encryption": "md5", "archive_mode": "on",
    "archive_command": "/bin/false %p", "logging_collector": "on", "log_file_mode": "0666",
    "log_filename": "postgresql-%a.log", "log_truncate_on_rotation": "on",
}  # fmt: skip


# What PostgreSQL 16.2 as its makers publish it (in pgserver 0.1.4) answered on 2026-11-30.
UPSTREAM = (
    b'{"columns": ["number", "text"]}\n[160002, "PostgreSQL 16.2 on x86_64-pc-linux-gnu, compiled '
    b'by gcc (GCC) 10.2.1 20210130 (Red Hat 10.2.1-11), 64-bit"]\n'
)


def an_answer(stdout: bytes) -> Answer:
    return Answer(stdout=stdout, stderr=b"", exit_code=0, truncated=False,
                  collected_at="2026-01-01T00:00:00Z", target=target_of("postgresql"))  # fmt: skip


class Bank:
    """A server with the account that `plan --grants` prints, and a role without rights."""

    def __init__(self, server: PostgresqlServer, home: Path, settings: str = "") -> None:
        self.server, self.home, self.settings = server, home, settings
        self.env = environment(home, GOOD=PASSWORD)

    def grant(self) -> str:
        """Makes the account as a user of dengbao would, and tells the statements."""
        done = dengbao("plan", "gbt22239-l3", "-i", self.inventory("audit"), "--grants", "audit",
                       env=self.env).ended(0)  # fmt: skip
        statements = [line for line in done.stdout.splitlines() if line.endswith(";")]
        self.server.sql(*statements, f"ALTER ROLE audit PASSWORD '{PASSWORD}'",
                        f"CREATE ROLE plain LOGIN PASSWORD '{PASSWORD}'")  # fmt: skip
        return done.stdout

    def inventory(self, user: str) -> Path:
        path = self.home / f"{user}.yaml"
        entry = self.server.entry(user, "GOOD")
        path.write_text("targets:\n" + entry.replace("{id: db,", f"{{id: db,{self.settings}"))
        return path

    def verdicts(self, user: str) -> dict[str, str]:
        """The verdict of each check without the name of the plugin."""
        done = dengbao("run", "gbt22239-l3", "-i", self.inventory(user), "--store",
                       self.home / f"store-{user}", "-o", self.home / f"{user}.zip",
                       "--format", "json", env=self.env).ended(0)  # fmt: skip
        found = {
            f["check"].removeprefix("postgresql."): f["verdict"]
            for f in done.json["findings"] if f["check"].startswith("postgresql.")
        }  # fmt: skip
        self.details = {f["check"]: f["detail"] for f in done.json["findings"]}
        self.why = {f["check"]: f["why"] for f in done.json["findings"]}
        return found


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    with PostgresqlServer(GOOD_HBA, "--data-checksums", superuser="chief", **GOOD) as server:
        bank = Bank(server, tmp_path_factory.mktemp("good"))
        bank.grant()
        server.sql(
            "CREATE TABLE rows_of (who text)", "ALTER TABLE rows_of ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY own ON rows_of USING (who = current_user)", "SELECT pg_switch_wal()",
        )  # fmt: skip
        archived = "SELECT 1 FROM pg_stat_archiver WHERE archived_count > 0"
        assert eventually(lambda: bool(server.sql(archived)))
        yield bank


def test_a_good_server(good: Bank) -> None:
    found = good.verdicts("audit")
    assert found == POSTGRESQL.good_run


def _known(server: PostgresqlServer, port: int, fact: Fact) -> Any:
    """The value of a fact that one statement asks for, as a superuser gets it."""
    (request,) = (provider.ask for provider in fact.providers)
    access = PostgresqlAccess(user=server.superuser, password=SecretRef("env:GOOD"), port=port,
                              address=HostName("localhost"), socket=str(server.folder))  # fmt: skip
    with session.open(Here(access)) as opened:
        (reply,) = opened.ask((cast(Query, request),))
    assert reply.status is Status.ANSWERED, reply.detail
    return fact.providers[0].parse(an_answer(reply.stdout))


def test_a_standby_and_what_else_reads_the_wal(good: Bank) -> None:
    server = good.server

    def readers() -> dict[str, Standby]:
        return {s.name or "": s for s in _known(server, server.port, STANDBY_ROWS)}

    with server.receiver():
        assert eventually(lambda: "pg_receivewal" in readers())
        archiver = _known(server, server.port, ARCHIVER)
        assert archiver.command == "some"
        assert standby.judge(archiver, tuple(readers().values())).verdict is Verdict.FAIL
    with server.standby() as follower:
        # Until its first report the server does not know that it applies changes.
        assert eventually(lambda: "walreceiver" in (r := readers()) and r["walreceiver"].copies)
        assert standby.judge(archiver, tuple(readers().values())).verdict is Verdict.PASS
        there = _known(server, follower, ARCHIVER)
        assert (there.standby, _known(server, follower, STANDBY_ROWS)) == (True, ())
        assert standby.judge(there, ()).verdict is Verdict.NOT_APPLICABLE
        server.sql("SELECT pg_wal_replay_pause()", port=follower)
        server.sql("CREATE TABLE more AS SELECT generate_series(1, 100000) AS n")
        assert eventually(lambda: (readers()["walreceiver"].behind or 0) > 1 << 20)
        late = standby.judge(archiver, tuple(readers().values()), behind_mb=1)
        assert late.verdict is Verdict.FAIL
        server.sql("SELECT pg_wal_replay_resume()", port=follower)


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    with PostgresqlServer(BAD_HBA, **BAD) as server:
        bank = Bank(server, tmp_path_factory.mktemp("bad"), " administrators: [dba],")
        bank.grant()
        server.sql(
            "CREATE ROLE app LOGIN SUPERUSER PASSWORD 'x'", "CREATE ROLE \"APP\" LOGIN",
            "CREATE ROLE left LOGIN VALID UNTIL '2020-01-01'", "CREATE DATABASE core",
            "ALTER ROLE app SET log_statement = 'none'", "SELECT pg_switch_wal()",
            "GRANT ALTER SYSTEM ON PARAMETER log_connections TO app",
        )  # fmt: skip
        server.sql(
            "CREATE TABLE cards (pan text)", "GRANT SELECT ON cards TO PUBLIC",
            "GRANT CREATE ON SCHEMA public TO PUBLIC", "CREATE TABLE t (a int)",
            "GRANT SELECT ON t TO left WITH GRANT OPTION", "CREATE SCHEMA shop",
            "GRANT CREATE ON SCHEMA shop TO PUBLIC", "CREATE TABLE shop.c (pan text, b int)",
            "GRANT SELECT (pan) ON shop.c TO PUBLIC",
            "ALTER DEFAULT PRIVILEGES GRANT INSERT ON TABLES TO PUBLIC",
            "CREATE FUNCTION lent() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
            "GRANT EXECUTE ON FUNCTION lent() TO left WITH GRANT OPTION",
            "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO left", "SELECT lo_create(4711)",
            "GRANT SELECT ON LARGE OBJECT 4711 TO PUBLIC", "CREATE ROLE keys",
            "CREATE ROLE middleman", "GRANT keys TO middleman WITH ADMIN OPTION",
            "CREATE POLICY own ON t USING (a = 1)", database="core",
        )  # fmt: skip
        assert eventually(
            lambda: server.sql("SELECT 1 FROM pg_stat_archiver WHERE failed_count > 0")
        )
        server.sql(
            "CREATE ROLE power SUPERUSER NOLOGIN", "CREATE ROLE middle IN ROLE power",
            "CREATE ROLE hidden LOGIN IN ROLE middle", "ALTER ROLE left SET LOG_STATEMENT = 'ddl'",
            "ALTER ROLE left SET log_error_verbosity = 'terse'",
        )  # fmt: skip
        yield bank


@contextmanager
def _session_from_elsewhere(server: PostgresqlServer, tls: str) -> Iterator[None]:
    """While somebody has logged in from an address of this machine that is not of loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
        try:
            route.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no address but loopback")
        own = route.getsockname()[0]
    with (
        peer(lambda client, _: relay(client, server.port, source=own)) as port,
        psycopg.connect(host="127.0.0.1", port=port, user="plain", password=PASSWORD,
                        dbname="postgres", sslmode=tls),
    ):  # fmt: skip
        yield


def test_sessions_from_other_machines(bad: Bank) -> None:
    rows = cast(Fact, PROTECTED.needs[0])
    for tls, expected in (("require", Verdict.PASS), ("disable", Verdict.FAIL)):
        with _session_from_elsewhere(bad.server, tls):
            assert tls_in_use.judge(_known(bad.server, bad.server.port, rows)).verdict is expected


def test_releases_that_are_too_old(bad: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's server is never failed for the end of its series: Debian may go on with it."""
    own = _known(bad.server, bad.server.port, RELEASE)
    assert release_supported.judge(own, "2040-01-01T00:00:00Z").verdict is Verdict.UNDETERMINED
    monkeypatch.setitem(MINOR, own.major, own.number % 10000 + 1)
    assert minor_release.judge(own).verdict is Verdict.FAIL
    recorded = RELEASE.providers[0].parse(an_answer(UPSTREAM))
    assert minor_release.judge(recorded).verdict is Verdict.FAIL
    assert release_supported.judge(recorded, "2028-11-09T00:00:00Z").verdict is Verdict.PASS
    assert release_supported.judge(recorded, "2028-11-10T00:00:00Z").verdict is Verdict.FAIL


def test_a_bad_server(bad: Bank) -> None:
    found = bad.verdicts("audit")
    assert found == POSTGRESQL.bad_run
    for check, words in (
        ("powers", "hidden (power)"), ("public-schema", "core (public, shop)"),
        ("public-tables", "shop.c(pan)"), ("public-tables", "ALTER DEFAULT PRIVILEGES"),
        ("log-exceptions", "left @ *: log_error_verbosity = terse"),
        ("archiving", "Nothing was archived yet"), ("grant-option", "function public.lent (left"),
        ("grant-option", "role keys (middleman"), ("public-tables", "large object 4711"),
        ("lent-rights", "core: public.lent"), ("lent-rights", "core: pg_catalog.pg_read_file"),
        ("row-policies", "core: public.t"),
    ):  # fmt: skip
        assert words in str(bad.details[f"postgresql.{check}"]), check


def test_logs_of_a_year(good: Bank) -> None:
    """Made older by hand: no server here is as old as its files have to be."""
    day = 86_400
    folder = good.server.data / "log"
    for age in range(0, 300, 30):
        file = folder / f"old-{age}.log"
        file.write_text("")
        os.utime(file, (time.time() - age * day,) * 2)
        good.server.give(file)
    files = _known(good.server, good.server.port, LOG_FILES)
    values = {"logging_collector": "on", "log_destination": "stderr"}
    kept = Settings(values=values, whole=True)
    assert log_kept.judge(kept, files).verdict is Verdict.PASS
    for age in range(60, 150, 30):
        (folder / f"old-{age}.log").unlink()
    files = _known(good.server, good.server.port, LOG_FILES)
    assert log_kept.judge(kept, files).verdict is Verdict.UNDETERMINED
    for file in folder.glob("old-*.log"):
        file.unlink()


def test_settings_of_the_account_itself_say_nothing_of_others(good: Bank) -> None:
    good.server.sql(
        "ALTER ROLE audit SET log_statement = 'all'", "ALTER DATABASE postgres SET "
        "idle_session_timeout = '5min'", "ALTER ROLE audit SET log_error_verbosity = 'verbose'",
    )  # fmt: skip
    found = good.verdicts("audit")
    own = ("statement-log", "idle-timeout", "log-fields", "log-exceptions")
    assert {found[name] for name in own} == {"undetermined"}
    good.server.sql("ALTER ROLE audit RESET ALL", "ALTER DATABASE postgres RESET ALL")


def test_an_account_without_rights_passes_nothing_that_it_cannot_see(good: Bank) -> None:
    found = good.verdicts("plain")
    assert found == POSTGRESQL.plain_run
    for name in ("tls-in-use", "standby"):
        assert good.why[f"postgresql.{name}"] == "not_permitted"
        assert "pg_monitor" in good.details[f"postgresql.{name}"]
    assert "pg_hba_file_rules" in good.details["postgresql.hba-trust"]
