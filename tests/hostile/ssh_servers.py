"""SSH servers for tests: raw bytes on a socket, or a modified server of the library."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED, cMSG_CHANNEL_SUCCESS

from audit_core.model import ConnectError, Reason
from audit_shell.hostkeys import name_for
from audit_shell.scripts import ScriptReply
from audit_shell.ssh import SshAccess, SshTransport
from live.patience import PATIENCE_S
from live.sshd import secret

ESC = "\x1b]52;c;cm0gLXJmIC8=\x07\x9b2J"
Handler = Callable[[socket.socket], None]


def key_text() -> str:
    key = Ed25519PrivateKey.generate()
    form = serialization.PrivateFormat.OpenSSH
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain).decode()


SERVER_KEY = paramiko.Ed25519Key.from_private_key(io.StringIO(key_text()))


class Listener:
    """Hands each connection to `handle`, one after the other, until it is left."""

    def __init__(self, handle: Handler) -> None:
        self._handle = handle
        self._sock = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._sock.getsockname()[1]
        self.connections = 0
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while True:
            try:
                conn, _ = self._sock.accept()
            except OSError:
                return
            self.connections += 1
            with conn, contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                self._handle(conn)

    def __enter__(self) -> Listener:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()
        self._thread.join(PATIENCE_S)


def until_closed(conn: socket.socket) -> None:
    """Read and throw away until the client leaves."""
    conn.settimeout(PATIENCE_S)
    with contextlib.suppress(OSError):
        while conn.recv(65536):
            pass


def access(files: Path, port: int, **changes: Any) -> SshAccess:
    known = files / "known_hosts"
    known.write_text(f"{name_for('127.0.0.1', port)} ssh-ed25519 {SERVER_KEY.get_base64()}\n")
    given: dict[str, Any] = {
        "host": "127.0.0.1", "port": port, "user": "auditor", "key": str(files / "key"),
        "known_hosts": (str(known),), "connect_timeout_s": PATIENCE_S,
        "login_timeout_s": PATIENCE_S,
    }  # fmt: skip
    return SshAccess(**(given | changes))


def refusal(way: SshAccess) -> ConnectError:
    with pytest.raises(ConnectError) as caught:
        SshTransport(way, secret).open()
    for text in (str(caught.value), str(caught.value.remedy or "")):
        assert text.isprintable()
        assert len(text) < 600
    return caught.value


def assert_times_out(files: Path, port: int) -> None:
    """A login to `port` ends when its time is up, and that is what is told of it."""
    begun = time.monotonic()
    error = refusal(access(files, port, login_timeout_s=0.6))
    assert error.reason is Reason.TIMED_OUT
    assert "no login within 0.6 s" in str(error)
    assert not error.refused
    assert time.monotonic() - begun < PATIENCE_S


class Server(paramiko.ServerInterface):
    """Lets everybody in and says yes to everything, unless told otherwise."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.over = threading.Event()
        self.attempts: list[str] = []
        self.transport: paramiko.Transport | None = None

    def get_allowed_auths(self, username: str) -> str:
        return "publickey,password"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self.attempts.append("publickey")
        return AUTH_SUCCESSFUL

    def check_auth_password(self, username: str, password: str) -> int:
        self.attempts.append("password")
        return AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        return True


class Orderly(paramiko.Transport):
    """Tells the server when its yes to a command is sent: what it does before would come first.

    A client that sees the channel close before the yes has not run the command.
    """

    def _send_user_message(self, data: paramiko.Message) -> None:
        super()._send_user_message(data)  # type: ignore[misc]
        if data.asbytes()[:1] == cMSG_CHANNEL_SUCCESS and isinstance(self.server_object, Server):
            self.server_object.asked.set()


Act = Callable[[paramiko.Transport, paramiko.Channel], None]


@contextlib.contextmanager
def playing(server: Server, act: Act | None = None) -> Iterator[int]:
    """The port of a server that does `act` with the first channel that asks for a command."""

    def handle(conn: socket.socket) -> None:
        transport = server.transport = Orderly(conn)
        # By itself the library's server gives up on a client after 15 s.
        transport.banner_timeout = transport.handshake_timeout = PATIENCE_S
        transport.auth_timeout = PATIENCE_S
        transport.add_server_key(SERVER_KEY)
        try:
            transport.start_server(server=server)
            channel = None
            while channel is None and transport.is_active() and not server.over.is_set():
                channel = transport.accept(0.05)
            if channel is not None and act is not None and server.asked.wait(PATIENCE_S):
                act(transport, channel)
            while transport.is_active() and not server.over.wait(0.01):
                pass
        finally:
            transport.close()
            transport.join(PATIENCE_S)
            transport.packetizer.complete_handshake()

    with Listener(handle) as listener:
        try:
            yield listener.port
        finally:
            server.over.set()


def reply_of(
    files: Path, act: Act | None, *, server: Server | None = None, deadline_s: float = PATIENCE_S,
    limit: int = 1 << 20,
) -> ScriptReply:  # fmt: skip
    with (
        playing(server or Server(), act) as port,
        SshTransport(access(files, port), secret).open() as session,
    ):
        begun = time.monotonic()
        reply = session.run(b"echo\n", deadline_s=deadline_s, limit=limit)
        assert time.monotonic() - begun < deadline_s + PATIENCE_S
    assert str(reply.detail).isprintable()
    return reply
