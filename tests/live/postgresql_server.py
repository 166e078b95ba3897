"""A PostgreSQL server of its own: Debian's package, on loopback, stopped by pid."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from live.database_ways import PASSWORD
from live.patience import PATIENCE_S, eventually
from live.tls_servers import free_port, issue, write

NOBODY = 65534


class PostgresqlServer:
    """`superuser` has PASSWORD; `settings` are those of postgresql.conf.

    It offers TLS with a certificate for `localhost`, signed by what is in `ca`, and listens on
    127.0.0.1 to 127.0.0.9.
    """

    def __init__(
        self, hba: str, *initdb: str, superuser: str = "postgres", **settings: str
    ) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if not found:
            pytest.skip("postgresql is not installed")
        self._programs = found[-1].parent
        self._drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        if os.geteuid():
            self._drop = []
        self.folder = Path(tempfile.mkdtemp(prefix="dbt-pg-"))
        self.port = free_port()
        self.log = self.folder / "log"
        self.ca = self.folder / "ca.pem"
        self._hba, self._initdb, self.superuser = hba, initdb, superuser
        self._settings = {
            "listen_addresses": ",".join(f"127.0.0.{n}" for n in range(1, 10)),
            "fsync": "off", "port": str(self.port), "unix_socket_directories": str(self.folder),
            "ssl": "on", "ssl_cert_file": str(self.folder / "server.pem"),
            "ssl_key_file": str(self.folder / "server.pem"), **settings,
        }  # fmt: skip

    def __enter__(self) -> Self:
        ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        write(self.ca, issue(ca_key, ca_key, ca=True))
        certificate = write(self.folder / "server.pem", key, issue(key, ca_key))
        certificate.chmod(0o600)
        password = self.folder / "password"
        password.write_text(PASSWORD)
        for path in (self.folder, certificate, password):
            self.give(path)
        self._run("initdb", "-N", "-A", "scram-sha-256", "-U", self.superuser,
                  "--pwfile", password, *self._initdb)  # fmt: skip
        (self.data / "pg_hba.conf").write_text(self._hba)
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in self._settings.items())
        self._start()
        return self

    @property
    def data(self) -> Path:
        """The directory of the server."""
        return self.folder / "data"

    def give(self, path: Path) -> None:
        """Makes `path` the server's own."""
        if not os.geteuid():
            os.chown(path, NOBODY, NOBODY)

    def _run(self, program: str, *words: object) -> None:
        argv = [*self._drop, str(self._programs / program), "-D", str(self.data), *map(str, words)]
        subprocess.run(argv, check=True, capture_output=True, cwd="/", env={"LC_ALL": "C"})

    def _start(self) -> None:
        self._process = self._started(self.data, "ready")

    def _started(self, data: Path, state: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [*self._drop, str(self._programs / "postgres"), "-D", str(data)],
                stdout=log, stderr=log, cwd="/",
            )  # fmt: skip
        pid = data / "postmaster.pid"
        # what pg_ctl waits for: the last line says ready, or standby
        ready = eventually(lambda: pid.exists() and state in pid.read_text())
        assert ready, self.log.read_text()
        return process

    @contextmanager
    def _client(self, program: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        """A program of PostgreSQL that logs in over the socket, as the superuser."""
        argv = [*self._drop, str(self._programs / program), "-h", str(self.folder),
                "-p", str(self.port), "-U", self.superuser, *words]  # fmt: skip
        with self.log.open("ab") as log:
            process = subprocess.Popen(argv, stdout=log, stderr=log, cwd="/",
                                       env={"LC_ALL": "C", "PGPASSWORD": PASSWORD})  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()
            process.wait(PATIENCE_S)

    @contextmanager
    def receiver(self) -> Iterator[None]:
        """While pg_receivewal reads the WAL."""
        place = self.folder / "received"
        place.mkdir()
        self.give(place)
        with self._client("pg_receivewal", "-D", str(place)):
            yield

    @contextmanager
    def standby(self) -> Iterator[int]:
        """While a standby server follows; its port, at the same socket directory."""
        data, port = self.folder / "standby", free_port()
        with self._client("pg_basebackup", "-D", str(data), "-R", "-c", "fast") as copy:
            assert copy.wait(PATIENCE_S) == 0, self.log.read_text()
        with (data / "postgresql.conf").open("a") as file:
            file.write(f"port = {port}\nlisten_addresses = ''\n")
        process = self._started(data, "standby")
        try:
            yield port
        finally:
            process.terminate()
            process.wait(PATIENCE_S)

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE_S)
        shutil.rmtree(self.folder)

    def sql(
        self, *statements: str, database: str = "postgres", port: int = 0
    ) -> list[tuple[Any, ...]]:
        """The rows of the last of `statements`, by the superuser over the socket."""
        with psycopg.connect(
            host=str(self.folder), port=port or self.port, user=self.superuser,
            password=PASSWORD, dbname=database, autocommit=True,
        ) as own:  # fmt: skip
            done = [own.execute(statement) for statement in statements]
            return list(done[-1]) if done[-1].description else []

    def entry(self, user: str, secret: str, address: str = "127.0.0.1") -> str:
        """The inventory entry of the server, logged in to as `user` over verified TLS."""
        return (
            f"  - {{id: db, kind: postgresql, address: {address}, access: {{user: {user}, "
            f"port: {self.port}, password: 'env:{secret}', tls_ca: {self.ca}, "
            f"tls_name: localhost}}}}\n"
        )
