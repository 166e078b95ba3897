"""A Redis server of its own: Debian's package, on loopback, stopped by pid."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from live.database_ways import PASSWORD
from live.patience import PATIENCE_S, eventually
from live.tls_servers import free_port, issue, write

NOBODY = 65534


class RedisServer:
    """The user `root` may do everything, with PASSWORD; `lines` are those of redis.conf.

    It listens on 127.0.0.1 to 127.0.0.9, and would at an address that is not here; with `tls` over
    TLS only, with certificates of clients, for `localhost`, signed by what is in `ca`; and at the
    Unix socket `socket`.
    """

    def __init__(self, *lines: str, tls: bool = True) -> None:
        if shutil.which("redis-server") is None:
            pytest.skip("redis-server is not installed")
        self._drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        if os.geteuid():
            self._drop = []
        self.folder = Path(tempfile.mkdtemp(prefix="dbt-redis-"))
        self.port = free_port()
        self.log, self.ca = self.folder / "log", self.folder / "ca.pem"
        self.socket = self.folder / "s"
        self._tls, self._lines = tls, lines

    def __enter__(self) -> Self:
        ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        write(self.ca, issue(ca_key, ca_key, ca=True))
        certificate = write(self.folder / "server.pem", key, issue(key, ca_key))
        addresses = " ".join(f"127.0.0.{n}" for n in range(1, 10))
        ports: tuple[str, ...] = (f"port {self.port}",)
        if self._tls:
            ports = (
                "port 0", f"tls-port {self.port}", f"tls-cert-file {certificate}",
                f"tls-key-file {certificate}", f"tls-ca-cert-file {self.ca}",
            )  # fmt: skip
        conf = self.folder / "redis.conf"
        conf.write_text("\n".join((
            f"bind {addresses} -192.0.2.1", *ports,
            f"unixsocket {self.socket}", f"dir {self.folder}",
            f"logfile {self.log}", "daemonize no", f"user root on >{PASSWORD} ~* &* +@all",
            *self._lines, "",
        )))  # fmt: skip
        for path in (self.folder, certificate, self.ca, conf):
            if not os.geteuid():
                os.chown(path, NOBODY, NOBODY)
        self._process = subprocess.Popen(
            [*self._drop, "redis-server", str(conf)], stdout=subprocess.DEVNULL, cwd="/",
        )  # fmt: skip
        assert eventually(self._answers), self.log.read_text()
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE_S)
        shutil.rmtree(self.folder)

    def _answers(self) -> bool:
        with contextlib.suppress(ConnectionRefusedError):  # bound, and not listening yet
            return self.socket.exists() and bool(self.command("PING"))
        return False

    def command(self, *commands: str) -> str:
        """What the server answers to `commands`, one line each, sent by `root` over the socket."""
        with socket.socket(socket.AF_UNIX) as own:
            own.settimeout(PATIENCE_S)
            own.connect(str(self.socket))
            lines = (f"AUTH root {PASSWORD}", *commands, "QUIT")
            own.sendall("".join(f"{line}\r\n" for line in lines).encode())
            found = b""
            while part := own.recv(65536):
                found += part
        return found.decode()

    def entry(self, user: str, secret: str, **more: str) -> str:
        """The inventory entry of the server, logged in to as `user`."""
        keys = {"user": user, "port": str(self.port), "password": f"'env:{secret}'"}
        own = str(self.folder / "server.pem")
        secure = {"tls_ca": str(self.ca), "tls_name": "localhost", "certificate": own, "key": own}
        keys |= secure if self._tls else {"tls": "plain"}
        access = ", ".join(f"{key}: {value}" for key, value in keys.items())
        settings = "".join(f", {key}: {value}" for key, value in more.items())
        return (
            f"  - {{id: cache, kind: redis, address: 127.0.0.1, access: {{{access}}}{settings}}}\n"
        )
