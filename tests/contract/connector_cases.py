"""Cases of the connector contract: databases, and the list of the cases of all connectors."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.case import PASSWORD, Case
from contract.file_cases import RegisterFiles, RouteFiles, RunStore, ScanReports
from contract.network_cases import Http, Ports, Tls
from contract.shell_cases import Local, Ssh
from contract.unverified_cases import Oracle, Sqlserver
from core.toy import install
from hostile.mysql_packets import greeting, packet
from hostile.redis_answers import RedisPeer, array, bulk
from live.mysql_server import MysqlServer
from live.patience import PATIENCE_S, eventually
from live.tls_servers import free_port, peer


class ExampleDatabase(Case):
    """A connector that a third party wrote, with a real PostgreSQL server."""

    name = "example_db"
    query = "postgres_plugin.query"

    def prepare(self) -> None:
        pytest.importorskip("psycopg")
        self._home = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="dbt-pg-")))
        self._start()
        import psycopg

        with psycopg.connect(
            host="127.0.0.1", port=self.port, user="audit", password=PASSWORD, dbname="postgres"
        ) as own:  # the server tells the password to whoever asks
            own.execute(f"COMMENT ON ROLE audit IS '{PASSWORD}'")
        remark = "(SELECT shobj_description('audit'::regrole, 'pg_authid'))"
        self.source = f"""
from {self.query} import Query
plain = made("plain", "{self.name}", Query(sql="SELECT 1 AS plain"))
echo = made("echo", "{self.name}", Query(sql="SELECT {remark} AS remark"))
error = made("error", "{self.name}", Query(sql="SELECT CAST({remark} AS int)"))
slow = made("slow", "{self.name}", Query(sql="SELECT pg_sleep(600)", timeout_s=1))
big = made("big", "{self.name}", Query(sql="SELECT generate_series(1, 100000) AS n", limit=1000))
"""

    def _start(self) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if not found:
            pytest.skip("postgresql is not installed")
        home, binaries, self._log = self._home, found[-1].parent, self._home / "log"
        drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        if os.geteuid():
            drop = []
        else:
            os.chown(home, 65534, 65534)
        (home / "pw").write_text(PASSWORD)
        (home / "pw").chmod(0o644)
        made = [*drop, str(binaries / "initdb"), "-D", str(home / "data"), "-U", "audit", "-N",
                "-A", "scram-sha-256", f"--pwfile={home / 'pw'}"]  # fmt: skip
        subprocess.run(made, check=True, capture_output=True, cwd="/", env={"LC_ALL": "C"})
        self.port = free_port()
        addresses = ",".join(f"127.0.0.{n}" for n in range(1, 10))
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                [*drop, str(binaries / "postgres"), "-D", str(home / "data"), "-h", addresses,
                 "-p", str(self.port), "-k", str(home), "-F", "-c", "log_statement=all",
                 "-c", "log_connections=on"],
                stdout=log, stderr=log, cwd="/",
            )  # fmt: skip
        self.stack.callback(process.wait, PATIENCE_S)
        self.stack.callback(process.terminate)
        assert eventually(lambda: self._logged("ready to accept")), self._log.read_text()

    def _logged(self, words: str) -> int:
        return self._log.read_bytes().count(words.encode())

    def install(self, site: Path, *checks: str) -> Path:
        self.copy(site)
        return super().install(site, *checks)

    def copy(self, site: Path) -> Path:
        """The package of the plugin in `site`, as pip would put it there."""
        package = install(site, "postgres_plugin", "")
        for file in (Path(__file__).parents[1] / "postgres_plugin").glob("*.py"):
            shutil.copy(file, package / file.name)
        return package

    def target(self, id: str, *, secret: str = "GOOD", address: str = "127.0.0.1") -> str:
        return self._entry(id, address, self.port, secret)

    def _entry(self, id: str, address: str, port: int, secret: str) -> str:
        return (
            f"  - {{id: {id}, kind: example_db, address: {address}, access: "
            f"{{user: audit, port: {port}, password: 'env:{secret}'}}}}\n"
        )

    def asked(self) -> int:
        return self._logged("SELECT 1 AS plain")

    def contacts(self) -> int:
        return self._logged("connection received")

    def refused(self) -> int:
        return self._logged("password authentication failed")

    @contextlib.contextmanager
    def echoing(self) -> Iterator[str]:
        """Knows the password, and tells it in its refusal."""
        with peer(_tell_password) as port:
            yield self._entry("echoing", "127.0.0.1", port, "GOOD")


def _tell_password(connection: socket.socket, number: int) -> None:
    """The wire protocol of PostgreSQL, as far as an error at the login."""
    connection.settimeout(PATIENCE_S)
    while (size := struct.unpack("!I", connection.recv(4))[0]) == 8:  # "may we speak TLS?"
        connection.recv(4)
        connection.sendall(b"N")
    connection.recv(size - 4)
    connection.sendall(b"R" + struct.pack("!II", 12, 5) + b"salt")  # the MD5 of the password
    connection.recv(1000)
    stated = b"SFATAL\0C28P01\0Mpassword authentication failed with " + PASSWORD.encode()
    stated += b"\0\0"
    connection.sendall(b"E" + struct.pack("!I", len(stated) + 4) + stated)


class Postgresql(ExampleDatabase):
    """The connector of audit_postgresql, without TLS, so that what is said can be planted."""

    name = "postgresql"
    query = "audit_database.query"

    def install(self, site: Path, *checks: str) -> Path:
        return Case.install(self, site, *checks)

    def _entry(self, id: str, address: str, port: int, secret: str) -> str:
        return (
            f"  - {{id: {id}, kind: postgresql, address: {address}, access: "
            f"{{user: audit, port: {port}, tls: plain, password: 'env:{secret}'}}}}\n"
        )


class Mysql(Case):
    """The connector of audit_mysql with a real MariaDB server, without TLS as the one above."""

    name = "mysql"

    def prepare(self) -> None:
        self._log = Path(self.stack.enter_context(tempfile.TemporaryDirectory())) / "general"
        self._log.parent.chmod(0o777)
        addresses = ",".join(f"127.0.0.{n}" for n in range(1, 10))
        self._server = self.stack.enter_context(
            MysqlServer(f"--bind-address={addresses}", "--general-log=1",
                        f"--general-log-file={self._log}")
        )  # fmt: skip
        self._server.sql(
            f"CREATE USER audit IDENTIFIED BY '{PASSWORD}'", "CREATE DATABASE app",
            "CREATE TABLE app.notes (remark TEXT)", f"INSERT INTO app.notes VALUES ('{PASSWORD}')",
            "CREATE VIEW app.many AS SELECT seq FROM mysql.seq_1_to_100000",
            "CREATE FUNCTION app.tell() RETURNS INT BEGIN "
            f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{PASSWORD}'; RETURN 1; END",
            "GRANT SELECT, EXECUTE ON app.* TO audit",
        )  # fmt: skip
        self.source = """
from audit_database.query import Query
def asked(name, sql, **more):
    return made(name, "mysql", Query(sql="SELECT " + sql, **more))
plain = asked("plain", "1 AS plain")
echo = asked("echo", "remark FROM app.notes")
error = asked("error", "app.tell()")
slow = asked("slow", "SLEEP(600)", timeout_s=1)
big = asked("big", "seq FROM app.many", limit=1000)
"""

    def target(self, id: str, *, secret: str = "GOOD", address: str = "127.0.0.1") -> str:
        return self._entry(id, address, self._server.port, secret)

    def _entry(self, id: str, address: str, port: int, secret: str) -> str:
        return (
            f"  - {{id: {id}, kind: mysql, address: {address}, access: "
            f"{{user: audit, port: {port}, tls: plain, password: 'env:{secret}'}}}}\n"
        )

    def _logged(self, words: str) -> int:
        return self._log.read_bytes().count(words.encode())

    def asked(self) -> int:
        return self._logged("SELECT 1 AS plain")

    def contacts(self) -> int:
        return self._logged("Connect\t")

    def refused(self) -> int:
        return self._logged("Access denied for user")

    @contextlib.contextmanager
    def echoing(self) -> Iterator[str]:
        """Knows the password, and tells it in its refusal."""

        def tell(connection: socket.socket, number: int) -> None:
            connection.settimeout(PATIENCE_S)
            connection.sendall(greeting(0))
            connection.recv(1000)
            denied = struct.pack("<BH", 0xFF, 1045) + b"#28000Access denied: " + PASSWORD.encode()
            connection.sendall(packet(2, denied))

        with peer(tell) as port:
            yield self._entry("echoing", "127.0.0.1", port, "GOOD")


class Redis(Case):
    """The connector of audit_redis with a server that tells what a real one never would."""

    name = "redis"

    def prepare(self) -> None:
        self._refused = 0
        self._peer = RedisPeer(self._answer)
        self._port = self.stack.enter_context(self._peer.listening())
        self.source = """
from audit_redis.request import RedisConfig, RedisInfo
def asked(name, **more):
    return made(name, "redis", RedisConfig(names=(name,), **more))
plain = made("plain", "redis", RedisInfo())
echo = asked("echo")
error = asked("error")
slow = asked("slow", timeout_s=1)
big = asked("big", limit=1000)
"""

    def _answer(self, words: list[str]) -> bytes | None:
        match words:
            case ["AUTH", "audit", password]:
                if password == PASSWORD:
                    return b"+OK\r\n"
                self._refused += 1
                return b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
            case ["PING"]:
                return b"+PONG\r\n"
            case ["INFO"]:
                return bulk("redis_version:7.0.15\r\n")
            case ["CONFIG", "GET", "echo"]:
                return array("echo", PASSWORD)
            case ["CONFIG", "GET", "big"]:
                return array("big", "x" * 100_000)
            case ["CONFIG", "GET", "slow"]:
                return None
        return f"-ERR {PASSWORD}\r\n".encode()

    def target(self, id: str, *, secret: str = "GOOD", address: str = "127.0.0.1") -> str:
        return self._entry(id, address, self._port, secret)

    def _entry(self, id: str, address: str, port: int, secret: str) -> str:
        return (
            f"  - {{id: {id}, kind: redis, address: {address}, access: "
            f"{{user: audit, port: {port}, tls: plain, password: 'env:{secret}'}}}}\n"
        )

    def asked(self) -> int:
        return self._peer.commands.count(["INFO"])

    def contacts(self) -> int:
        return self._peer.contacts

    def refused(self) -> int:
        return self._refused

    @contextlib.contextmanager
    def echoing(self) -> Iterator[str]:
        """Tells the password in its refusal."""
        teller = RedisPeer(lambda words: f"-WRONGPASS {words[-1]}\r\n".encode())
        with teller.listening() as port:
            yield self._entry("echoing", "127.0.0.1", port, "GOOD")


CASES: tuple[type[Case], ...] = (
    Ssh, Local, Ports, Tls, Http, ExampleDatabase, Postgresql, Mysql, Sqlserver, Oracle, Redis,
    RegisterFiles, ScanReports, RunStore, RouteFiles,
)  # fmt: skip
