"""A MariaDB server of its own: Debian's package, on loopback, stopped by pid."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self

import pymysql
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from live.patience import PATIENCE_S, eventually
from live.tls_servers import free_port, issue, write

NOBODY = 65534
_SMALL = (
    "--innodb-buffer-pool-size=8M", "--innodb-log-file-size=4M", "--innodb-flush-method=nosync",
    "--aria-pagecache-buffer-size=1M", "--key-buffer-size=1M",
)  # fmt: skip


class MysqlServer:
    """`root` has no password and comes from this machine; `options` are those of mariadbd,
    in which `{folder}` is a directory of its own with a file `keys` for file_key_management.

    It offers TLS with a certificate for `localhost`, signed by what is in `ca`. A second server
    takes the data of the first as it was made: `like`.
    """

    def __init__(self, *options: str, like: MysqlServer | None = None) -> None:
        if shutil.which("mariadbd") is None or shutil.which("mariadb-install-db") is None:
            pytest.skip("mariadb-server is not installed")
        self._drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        if os.geteuid():
            self._drop = []
        self.folder = Path(tempfile.mkdtemp(prefix="dbt-my-"))
        self.port = free_port()
        self.log = self.folder / "log.err"
        self.log.touch()
        self.ca = self.folder / "ca.pem"
        self.socket = self.folder / "s"
        self._held: pymysql.Connection[Any] | None = None
        self._like, self._options = like, options
        # A server that starts deletes the temporary tables it finds in its tmpdir.
        self._small = (*_SMALL, f"--tmpdir={self.folder}")

    def __enter__(self) -> Self:
        ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        write(self.ca, issue(ca_key, ca_key, ca=True))
        certificate = write(self.folder / "server.pem", key, issue(key, ca_key))
        keys = self.folder / "keys"
        keys.write_text(f"1;{'0123456789abcdef' * 4}\n")
        for path in (self.folder, certificate, self.ca, self.log, keys):
            self._give(path)
        self._make()
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _make(self) -> None:
        fresh = self.folder / "fresh"
        if self._like is not None:
            fresh = self._like.folder / "fresh"
        else:
            self._run("mariadb-install-db", f"--datadir={fresh}", "--skip-name-resolve",
                      "--auth-root-authentication-method=normal", "--skip-test-db")  # fmt: skip
        shutil.copytree(fresh, self.data)
        for path in (self.data, *self.data.rglob("*")):
            self._give(path)

    @property
    def data(self) -> Path:
        """The directory of the server."""
        return self.folder / "data"

    def _give(self, path: Path) -> None:
        if not os.geteuid():
            os.chown(path, NOBODY, NOBODY)

    def _run(self, program: str, *words: str) -> None:
        argv = [*self._drop, program, "--no-defaults", *words, *self._small]
        done = subprocess.run(argv, capture_output=True, text=True, errors="replace", cwd="/")
        assert not done.returncode, (program, done.returncode, done.stdout, done.stderr)

    def start(self, *more: str) -> None:
        """Starts it on its data, with `more` options."""
        pem, ready = self.folder / "server.pem", b"ready for connections"
        before = self.log.read_bytes().count(ready)
        with (self.folder / "out").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._drop, "mariadbd", "--no-defaults", f"--datadir={self.data}",
                 f"--socket={self.socket}", f"--port={self.port}", "--bind-address=127.0.0.1",
                 f"--ssl-cert={pem}", f"--ssl-key={pem}", f"--pid-file={self.folder / 'pid'}",
                 f"--log-error={self.log}",
                 "--skip-name-resolve", *self._small, *more,
                 *(option.format(folder=self.folder) for option in self._options)],
                stdout=log, stderr=log, cwd="/",
            )  # fmt: skip
        assert eventually(
            lambda: self.log.read_bytes().count(ready) > before or self._process.poll() is not None
        )
        assert self._process.poll() is None, self.log.read_text()

    def stop(self) -> None:
        """Ends it."""
        if self._held is not None:
            self._held.close()
        self._process.terminate()
        self._process.wait(PATIENCE_S)

    def __exit__(self, *error: object) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def connection(self) -> pymysql.Connection[Any]:
        """A session of root over the socket."""
        return pymysql.connect(
            user="root", unix_socket=str(self.socket), autocommit=True, ssl_disabled=True
        )

    def without_root(self) -> None:
        """Drops all accounts named root; what is asked later goes through a session from before."""
        self._held = self.connection()
        self.sql(*(f"DROP USER root@'{host}'" for (host,) in self.sql(
            "SELECT Host FROM mysql.global_priv WHERE User = 'root'")))  # fmt: skip

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """The rows of the last of `statements`, by root."""
        own = self._held or self.connection()
        try:
            with own.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return list(cursor.fetchall())
        finally:
            if own is not self._held:
                own.close()

    def entry(self, user: str, secret: str, address: str = "127.0.0.1") -> str:
        """The inventory entry of the server, logged in to as `user` over verified TLS."""
        return (
            f"  - {{id: db, kind: mysql, address: {address}, access: {{user: {user}, "
            f"port: {self.port}, password: 'env:{secret}', tls_ca: {self.ca}, "
            f"tls_name: localhost}}}}\n"
        )
