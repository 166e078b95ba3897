"""Cases of the connector contract: a server, an inventory and requests for each connector."""

from __future__ import annotations

import contextlib
import ctypes
import enum
import os
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import ClassVar

import pytest

from audit_core.model.results import encode
from audit_core.store.runs import Run, RunFile, Store
from core.toy import OFFERS, install, policy
from hostile.http_answers import HttpPeer, page
from hostile.mysql_packets import greeting, packet
from hostile.redis_answers import RedisPeer, array, bulk
from hostile.ssh_servers import SERVER_KEY, Server, playing
from live.island import USER, Island, need_namespaces
from live.mysql_server import MysqlServer
from live.patience import PATIENCE_S, eventually
from live.tls_servers import Material, free_port, peer

PASSWORD = "Xq7-planted-pass-word"
OTHERS = "Zk4-not-of-this-run"
_MADE = """
def made(name, kind, ask, held=False):
    def of(target):
        if held != (target.id == "held"):
            return msg("not asked here")
        return ask(target) if callable(ask) else ask
    given = fact("c.%s-text" % name, str, kind=kind, ask=of, parse=lambda answer: answer.text)
    @check("c." + name, needs=given, severity=Severity.LOW)
    def answered(seen):
        \"\"\"It answers.\"\"\"
        return passed(msg("it says {seen}", seen=seen[:200]))
    return answered

def sh(script, **more):
    return Command(argv=("/bin/sh", "-c", script), **more)
"""


class Point(enum.StrEnum):
    """What every connector is held to; see the tests of the same names."""

    SECRET = "secret"
    LOCKOUT = "lockout"
    SCOPE = "scope"
    DEADLINE = "deadline"
    CAP = "cap"
    RESUME = "resume"
    REPLAY = "replay"
    DOCTOR = "doctor"
    PLAN = "plan"
    GRANTS = "grants"


class Case:
    """One connector, with a server of its own that is there as long as `stack`.

    `exempt` says why a point cannot hold of it. `source` makes the checks `plain` (one answer),
    `echo` and `error` (the password in an answer, and in an error), `slow` (600 s) and `big`.
    """

    name: ClassVar[str]
    exempt: ClassVar[dict[Point, str]] = {}
    source: str
    planted: tuple[str, ...] = (PASSWORD,)
    beside = ""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack = folder, stack
        self.prepare()

    def prepare(self) -> None:
        """Starts what is to be asked."""

    def target(self, id: str, *, secret: str = "GOOD", address: str = "127.0.0.1") -> str:
        """The entry of the inventory; `secret` is the name of an environment variable."""
        raise NotImplementedError

    def asked(self) -> int:
        """How often `plain` came to the target so far, at least once for each time."""
        raise NotImplementedError

    def contacts(self) -> int:
        """How often the target was connected to so far."""
        return self.asked()

    def refused(self) -> int:
        """How many logins the target refused so far."""
        raise NotImplementedError

    def echoing(self) -> AbstractContextManager[str]:
        """The entry of a target that tells the password in the error of its login."""
        raise NotImplementedError

    def install(self, site: Path, *checks: str) -> Path:
        """`site` with a plugin whose profile `toy` has `checks`."""
        names = [f"c.{name}" for name in checks]
        install(site, "contracted", _MADE + self.source + OFFERS, files=policy(names))
        return site


def _shell(log: Path, secret: Path) -> str:
    return f"""
plain = made("plain", "host", sh("echo asked >> {log}; echo fine"))
echo = made("echo", "host", sh("cat {secret}; base64 {secret}"))
error = made("error", "host", sh("cat {secret} >&2; exit 3"))
slow = made("slow", "host", sh("sleep 600", timeout_s=1))
big = made("big", "host", sh("seq 1 100000", limit=1000))
"""


class _Shell(Case):
    def prepare(self) -> None:
        self.log, secret = self.folder / "asked", self.folder / "secret"
        self.log.touch()
        self.log.chmod(0o666)
        secret.write_text(f"{PASSWORD}\nmysqldump -u root -p{OTHERS} app\n")
        self.planted = (PASSWORD, OTHERS)
        self.source = _shell(self.log, secret)

    def asked(self) -> int:
        return self.log.read_text().count("asked")


class Local(_Shell):
    """This machine. The password is that of another target of the run."""

    name = "local"
    exempt = {  # noqa: RUF012
        Point.LOCKOUT: "nobody logs in: it runs with the rights of the caller",
        Point.SCOPE: "it connects to nothing",
    }
    beside = (
        "  - {id: beside, address: 127.0.0.1, access: {user: x, port: 1, password: 'env:GOOD'}}\n"
    )

    def target(self, id: str, *, secret: str = "GOOD", address: str = "127.0.0.1") -> str:
        return f"  - {{id: {id}, access: {{via: local}}}}\n"


class _Server(Island):
    """Lets `audit` in with PASSWORD, at many addresses of loopback."""

    def __init__(self) -> None:
        lines = [f"ListenAddress 127.0.0.{n}" for n in range(2, 10)]
        super().__init__(["PasswordAuthentication yes", *lines], user=USER)
        self.password = PASSWORD


class _Telling(Server):
    def get_allowed_auths(self, username: str) -> str:
        return PASSWORD


class Ssh(_Shell):
    """Debian's sshd, with passwords."""

    name = "ssh"

    def prepare(self) -> None:
        need_namespaces()
        super().prepare()
        self.server = self.stack.enter_context(_Server())

    def target(self, id: str, *, secret: str = "GOOD", address: str = "127.0.0.1") -> str:
        return self._entry(id, address, self.server.port, secret, self.server.known_hosts)

    def _entry(self, id: str, address: str, port: int, secret: str, known: Path) -> str:
        return (
            f"  - {{id: {id}, address: {address}, access: {{user: {USER}, port: {port}, "
            f"password: 'env:{secret}', known_hosts: {known}, host_key_name: 127.0.0.1}}}}\n"
        )

    def contacts(self) -> int:
        return self.server.log.read_bytes().count(b"Connection from")

    def refused(self) -> int:
        return self.server.log.read_bytes().count(b"Failed password")

    @contextlib.contextmanager
    def echoing(self) -> Iterator[str]:
        """Names the password as the only way to log in."""
        with playing(_Telling()) as port:
            known = self.folder / "known_hosts"
            known.write_text(f"[127.0.0.1]:{port} ssh-ed25519 {SERVER_KEY.get_base64()}\n")
            yield self._entry("echoing", "127.0.0.1", port, "GOOD", known)


class _Network(Case):
    """A port of loopback that counts who comes; nobody logs in."""

    def prepare(self) -> None:
        self._count = 0
        self.port = self.stack.enter_context(peer(self._talk))
        self.silent = self.stack.enter_context(peer(lambda connection, number: None))

    def _talk(self, connection: socket.socket, number: int) -> None:
        self._count += 1

    def asked(self) -> int:
        return self._count


class Ports(_Network):
    """nmap, which looks for a port of this machine."""

    name = "ports"
    exempt = {  # noqa: RUF012
        Point.SECRET: "it is given no secret, and no text of the target is in its answer",
        Point.LOCKOUT: "nobody logs in",
        Point.DOCTOR: "nobody logs in; doctor says whether nmap is there",
        Point.GRANTS: "it needs no rights on the target",
    }

    def prepare(self) -> None:
        super().prepare()
        if shutil.which("nmap") is None:
            pytest.skip("nmap is not installed")
        self.source = f"""
from audit_nmap.request import PortScan
def scan(ports, **more):
    return lambda target: PortScan(address=target.address, ports=ports, again="", **more)
plain = made("plain", "host", scan("{self.port}", max_rate=100))
slow = made("slow", "host", scan("20000-60000", max_rate=5, timeout_s=1))
big = made("big", "host", scan("{self.port}", max_rate=90, limit=100))
"""

    def target(self, id: str, *, secret: str = "GOOD", address: str = "127.0.0.1") -> str:
        return f"  - {{id: {id}, address: {address}, access: {{via: local}}}}\n"


class Tls(_Network):
    """A server that speaks TLS, and one that says nothing."""

    name = "tls"
    exempt = {  # noqa: RUF012
        Point.SECRET: "it is given no secret, and what a server shows to everybody is none",
        Point.LOCKOUT: "nobody logs in",
        Point.DOCTOR: "nobody logs in",
        Point.GRANTS: "it needs no rights on the target",
    }

    def prepare(self) -> None:
        certificate = Material(self.folder).good
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        super().prepare()
        self.source = f"""
from audit_tls.request import TlsHellos
def hellos(port, **more):
    return lambda target: TlsHellos(address=target.address, port=port, **more)
plain = made("plain", "endpoint", hellos({self.port}))
slow = made("slow", "endpoint", hellos({self.silent}, timeout_s=2))
big = made("big", "endpoint", hellos({self.port}, server_name="big.example", limit=500))
"""

    def _talk(self, connection: socket.socket, number: int) -> None:
        self._count += 1
        connection.settimeout(PATIENCE_S)
        with (
            contextlib.suppress(OSError),
            self._context.wrap_socket(connection, server_side=True) as encrypted,
        ):
            encrypted.recv(100)

    def target(self, id: str, *, secret: str = "GOOD", address: str = "127.0.0.1") -> str:
        return (
            f"  - {{id: {id}, address: {address}, access: {{via: local}}, "
            f"endpoints: [{{port: {self.port}}}]}}\n"
        )


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


class Opened:
    """Counts how often a file is opened, by inotify(7)."""

    _OPEN = 0x20

    def __init__(self, path: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert libc.inotify_add_watch(self._descriptor, os.fsencode(path), self._OPEN) >= 0
        self._count = 0

    def count(self) -> int:
        """How often so far. Equal events that wait are told as one: it is read often enough."""
        with contextlib.suppress(BlockingIOError):
            while found := os.read(self._descriptor, 4096):
                self._count += len(found) // 16
        return self._count

    def close(self) -> None:
        os.close(self._descriptor)


class RegisterFiles(Case):
    """The connector of audit_register, which reads a file of this machine."""

    name = "register"
    exempt = {  # noqa: RUF012
        Point.SECRET: "it is given no secret and logs in nowhere",
        Point.LOCKOUT: "nobody logs in to a file",
        Point.SCOPE: "it contacts no network at all",
        Point.GRANTS: "it needs no rights on a target",
    }

    def prepare(self) -> None:
        self._file = self.folder / "registers.csv"
        heads = "date,body,chair,minutes,system,by,removed,start,end,staff_no"
        row = "2026-01-31,other,1001,yes,core,1001,0,2026-01-31 08:00,2026-01-31 20:00,1001"
        rows = "\n".join([heads, *[row] * 40])
        self._file.write_text(f"{rows}\n", encoding="utf-8")
        self._opened = self.stack.enter_context(contextlib.closing(Opened(self._file)))
        self.source = """
from audit_register.request import RegisterRows
def rows(name, register, **more):
    return made(name, "meetings_register", RegisterRows(register=register, **more))
plain = rows("plain", "meetings")
slow = rows("slow", "reviews", timeout_s=0)
big = rows("big", "duty", limit=600)
"""

    def target(self, id: str, *, secret: str = "GOOD", address: str = "127.0.0.1") -> str:
        return f"  - {{id: {id}, kind: meetings_register, access: {{file: {self._file}}}}}\n"

    def asked(self) -> int:
        return self._opened.count()


class ScanReports(RegisterFiles):
    """The connector of audit_scan, which reads a file of this machine."""

    name = "scan-report"

    def prepare(self) -> None:
        hosts = "".join(f"<ReportHost name='host-{n}'/>" for n in range(40))
        self._file = self.folder / "report.nessus"
        self._file.write_text(
            f"<NessusClientData_v2><Report>{hosts}</Report></NessusClientData_v2>"
        )
        self._opened = self.stack.enter_context(contextlib.closing(Opened(self._file)))
        self.source = """
from audit_scan.request import ScanReport
def report(name, **more):
    return made(name, "scan_report", ScanReport(**more))
plain = report("plain")
slow = report("slow", ratings=("high",), timeout_s=0)
big = report("big", ratings=(), limit=600)
"""

    def target(self, id: str, *, secret: str = "GOOD", address: str = "127.0.0.1") -> str:
        return f"  - {{id: {id}, kind: scan_report, access: {{file: {self._file}}}}}\n"


class RunStore(RegisterFiles):
    """The connector of audit_scan that reads the stamps of runs in a store."""

    name = "run-store"

    def prepare(self) -> None:
        self._store = self.folder / "kept"
        ids = [f"20260101T0000{n:02}Z-abcdef" for n in range(20)]
        for id in ids:
            folder = self._store / "runs" / id
            folder.mkdir(parents=True)
            stamp = RunFile(schema="dengbao/run/1", id=id, started="2026-01-01T00:00:00Z",
                            profile="p", profile_sha256="", inventory_sha256="", dengbao="0",
                            plugins={}, targets=())  # fmt: skip
            (folder / "run.json").write_bytes(encode(stamp))
            (folder / "bundles").mkdir()
            Store(self._store).seal(Run(folder), "2026-01-01T00:00:00Z")
        file = self._store / "runs" / ids[-1] / "run.json"
        self._opened = self.stack.enter_context(contextlib.closing(Opened(file)))
        self.source = """
from audit_scan.history.request import RunHistory
def history(name, **more):
    return made(name, "run_history", RunHistory(**more))
plain = history("plain", system="another")
slow = history("slow", system="s", timeout_s=0)
big = history("big", runs=90, limit=600)
"""

    def target(self, id: str, *, secret: str = "GOOD", address: str = "127.0.0.1") -> str:
        return f"  - {{id: {id}, kind: run_history, access: {{store: {self._store}}}}}\n"


class RouteFiles(RegisterFiles):
    """The connector of audit_api, which reads a file of this machine."""

    name = "routes"

    def prepare(self) -> None:
        paths = ", ".join(f'"/path-{n}": {{"get": {{}}, "put": {{}}}}' for n in range(40))
        self._file = self.folder / "api.json"
        self._file.write_text(f'{{"openapi": "3.0.0", "paths": {{{paths}}}}}')
        self._opened = self.stack.enter_context(contextlib.closing(Opened(self._file)))
        self.source = """
from audit_api.request import Routes
def routes(name, **more):
    return made(name, "routes", Routes(**more))
plain = routes("plain")
slow = routes("slow", methods=("PUT",), timeout_s=0)
big = routes("big", methods=("GET",), limit=600)
"""

    def target(self, id: str, *, secret: str = "GOOD", address: str = "127.0.0.1") -> str:
        return f"  - {{id: {id}, kind: routes, access: {{file: {self._file}}}}}\n"


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


class Http(Case):
    """The connector of audit_http with a server that tells its token to everybody."""

    name = "http"
    exempt = {  # noqa: RUF012
        Point.GRANTS: "it needs no rights on the target",
    }

    def prepare(self) -> None:
        self._refused = 0
        self._peer = HttpPeer(self._answer)
        self._port = self.stack.enter_context(self._peer.listening())
        self.source = """
from audit_http.request import HttpPage
def asked(name, **more):
    return made(name, "web", lambda target: HttpPage(
        url=target.settings["url"] + name, **more))
plain = asked("plain")
echo = asked("echo")
error = asked("error")
slow = asked("slow", timeout_s=1)
big = asked("big", limit=1000)
"""

    def _answer(self, method: str, path: str, headers: dict[str, str]) -> bytes | None:
        if method == "HEAD":
            known = headers.get("authorization") == PASSWORD
            self._refused += not known
            return page("", "200 OK" if known else "401 Unauthorized")
        outcome = {
            "/plain": page("fine"), "/echo": page(PASSWORD), "/slow": None,
            "/big": page("x" * 100_000),
            # a line that is no header is told in the error
            "/error": f"HTTP/1.1 {PASSWORD}\r\n\r\n".encode(),
        }  # fmt: skip
        return outcome[path]

    def target(self, id: str, *, secret: str = "GOOD", address: str = "127.0.0.1") -> str:
        return self._entry(id, address, self._port, secret)

    def _entry(self, id: str, address: str, port: int, secret: str) -> str:
        return (
            f"  - {{id: {id}, kind: web, address: {address}, url: 'http://bank.example:{port}/', "
            f"access: {{token: 'env:{secret}', clear_text: true}}}}\n"
        )

    def asked(self) -> int:
        return self._peer.asked.count(("GET", "/plain"))

    def contacts(self) -> int:
        return self._peer.contacts

    def refused(self) -> int:
        return self._refused

    @contextlib.contextmanager
    def echoing(self) -> Iterator[str]:
        """Tells the token in an answer that is none."""
        teller = HttpPeer(
            lambda method, path, headers: f"HTTP/1.1 {headers['authorization']}\r\n\r\n".encode()
        )
        with teller.listening() as port:
            yield self._entry("echoing", "127.0.0.1", port, "GOOD")


CASES: tuple[type[Case], ...] = (
    Ssh, Local, Ports, Tls, Http, ExampleDatabase, Postgresql, Mysql, Redis, RegisterFiles,
    ScanReports, RunStore, RouteFiles,
)  # fmt: skip
