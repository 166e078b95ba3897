"""SSH servers that mean harm, and names that are none (hostile inputs 1 to 8, 40 and 46)."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)
from paramiko.server import InteractiveQuery

from audit_core.errors import ConfigError
from audit_core.model import Reason
from audit_core.transports import Ended, ScriptReply, TransportError, scope
from audit_core.transports.hostkeys import name_for
from audit_core.transports.ssh import SshAccess, SshTransport
from live.patience import PATIENCE_S, eventually
from live.threads import none_left

ESC = "\x1b]52;c;cm0gLXJmIC8=\x07\x9b2J"
Handler = Callable[[socket.socket], None]
TIMES_S = (0.4, 3.0, 20.0)  # a busy machine needs a later deadline to get as far as the test wants


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    files = len(os.listdir("/proc/self/fd"))
    with none_left():
        yield
    assert eventually(lambda: len(os.listdir("/proc/self/fd")) <= files)


def _key_text() -> str:
    key = Ed25519PrivateKey.generate()
    form = serialization.PrivateFormat.OpenSSH
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain).decode()


SERVER_KEY = paramiko.Ed25519Key.from_private_key(io.StringIO(_key_text()))


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


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a client key and a password in the environment."""
    key = tmp_path / "key"
    key.write_text(_key_text())
    key.chmod(0o600)
    monkeypatch.setenv("PASSWORD", "hunter2")
    return tmp_path


def access(files: Path, port: int, **changes: Any) -> SshAccess:
    known = files / "known_hosts"
    known.write_text(f"{name_for('127.0.0.1', port)} ssh-ed25519 {SERVER_KEY.get_base64()}\n")
    given: dict[str, Any] = {
        "host": "127.0.0.1", "port": port, "user": "auditor", "key": str(files / "key"),
        "known_hosts": (str(known),), "connect_timeout_s": PATIENCE_S,
        "login_timeout_s": PATIENCE_S,
    }  # fmt: skip
    return SshAccess(**(given | changes))


def refusal(way: SshAccess) -> TransportError:
    with pytest.raises(TransportError) as caught:
        SshTransport(way).open()
    for text in (caught.value.detail, caught.value.hint):
        assert text.isprintable()
        assert len(text) < 600
    return caught.value


# --- before the login ---------------------------------------------------------------------------


def silence(conn: socket.socket) -> None:
    until_closed(conn)


def drip(conn: socket.socket) -> None:
    while True:
        conn.sendall(b"x")
        time.sleep(0.05)


def drip_lines(conn: socket.socket) -> None:
    while True:
        conn.sendall(b"not yet\n")
        time.sleep(0.2)


def banner_then_silence(conn: socket.socket) -> None:
    conn.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
    until_closed(conn)


def assert_times_out(files: Path, port: int) -> None:
    """A login to `port` ends when its time is up, and that is what is told of it.

    The library has a time-out of the same length: on a busy machine it may be the first.
    """
    begun = time.monotonic()
    ways = (access(files, port, login_timeout_s=time_s) for time_s in (0.6, 1.2, 2.4, 4.8))
    errors = ((way.login_timeout_s, refusal(way)) for way in ways)
    time_s, error = next(e for e in errors if e[1].reason is Reason.TIMED_OUT)
    assert f"no login within {time_s:g} s" in error.detail
    assert not error.credential_refused
    assert time.monotonic() - begun < PATIENCE_S


@pytest.mark.parametrize("handle", [silence, drip, drip_lines, banner_then_silence])
def test_a_server_that_does_not_get_on_with_it(files: Path, handle: Handler) -> None:
    with Listener(handle) as server:
        assert_times_out(files, server.port)


def test_nobody_accepts(files: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as held:
        port = full.getsockname()[1]
        for _ in range(4):  # fill the queue: further SYNs are dropped
            filler = held.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        begun = time.monotonic()
        error = refusal(access(files, port, connect_timeout_s=0.5))
        assert time.monotonic() - begun < PATIENCE_S
    assert error.reason is Reason.UNREACHABLE
    assert "no TCP connection within 0.5 s" in error.detail


def test_a_closed_port(files: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: refused
        error = refusal(access(files, closed.getsockname()[1]))
    assert error.reason is Reason.UNREACHABLE
    assert "Connection refused" in error.detail


@pytest.mark.parametrize(("failures", "tries"), [(1, 2), (9, 2)])
def test_only_the_tcp_connection_is_tried_again_and_once(
    files: Path, monkeypatch: pytest.MonkeyPatch, failures: int, tries: int
) -> None:
    tried = 0
    connect = socket.create_connection

    def fail_first(*args: Any, **named: Any) -> socket.socket:
        nonlocal tried
        tried += 1
        if tried <= failures:
            raise ConnectionResetError(104, "Connection reset by peer")
        return connect(*args, **named)

    monkeypatch.setattr(socket, "create_connection", fail_first)
    with Listener(lambda conn: None) as server:
        error = refusal(access(files, server.port))
        assert server.connections == (0 if failures > 1 else 1)
    assert error.reason is Reason.UNREACHABLE
    assert tried == tries


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(b"", id="banner"),
        pytest.param(b"SSH-2.0-x\r\n" + struct.pack(">I", 0xFFFFFFFC), id="packet"),
    ],
)
def test_what_has_no_end_is_not_read_to_its_end(files: Path, first: bytes) -> None:
    sent = 0

    def flood(conn: socket.socket) -> None:
        nonlocal sent
        conn.sendall(first)
        chunk = os.urandom(1 << 16).replace(b"\n", b"x")
        while sent < 1 << 30:
            sent += conn.send(chunk)

    with Listener(flood) as server:
        begun = time.monotonic()
        error = refusal(access(files, server.port))
        assert time.monotonic() - begun < PATIENCE_S
    assert error.reason is Reason.UNREACHABLE
    assert sent < 64 << 20


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", id="http"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\n", id="tls"),
        pytest.param((ESC * 20 + "\n").encode("latin-1") * 101, id="escapes, not UTF-8"),
        pytest.param((ESC * 20 + "\n").encode() * 101, id="escapes"),
        pytest.param(f"SSH-{ESC}-x\r\n".encode(), id="escapes as version"),
        pytest.param(b"SSH-2.0\r\n", id="half"),
        pytest.param(b"SSH-2.0-x\r\n" + struct.pack(">I", 0xFFFFFFFC) + bytes(64), id="4 GiB"),
        pytest.param(b"SSH-2.0-x\r\n" + struct.pack(">I", 12) + b"\x04\xff" + bytes(64), id="255"),
        pytest.param(b"SSH-2.0-x\r\n" + os.urandom(4096), id="random"),
        pytest.param(b"SSH-2.0-x\r\n" + struct.pack(">IB", 12, 4) + b"\x14" * 8, id="bad kexinit"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_is_not_an_ssh_server(files: Path, first: bytes) -> None:
    def say(conn: socket.socket) -> None:
        conn.sendall(first)
        conn.shutdown(socket.SHUT_WR)
        until_closed(conn)

    with Listener(say) as server:
        error = refusal(access(files, server.port))
    assert error.reason is Reason.UNREACHABLE
    assert "no SSH server that we can talk to" in error.detail


def test_a_reset_instead_of_a_banner(files: Path) -> None:
    def reset(conn: socket.socket) -> None:
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with Listener(reset) as server:
        assert refusal(access(files, server.port)).reason is Reason.UNREACHABLE


# --- servers that speak SSH ---------------------------------------------------------------------


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
        self.asked.set()
        return True


Act = Callable[[paramiko.Transport, paramiko.Channel], None]


@contextlib.contextmanager
def playing(server: Server, act: Act | None = None) -> Iterator[int]:
    """The port of a server that does `act` with the first channel that asks for a command."""

    def handle(conn: socket.socket) -> None:
        transport = server.transport = paramiko.Transport(conn)
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
        SshTransport(access(files, port)).open() as session,
    ):
        begun = time.monotonic()
        reply = session.run(b"echo\n", deadline_s=deadline_s, limit=limit)
        assert time.monotonic() - begun < deadline_s + PATIENCE_S
    assert reply.detail.isprintable()
    return reply


def reply_past_its_deadline(files: Path, act: Act) -> ScriptReply:
    """What came of `act` until a deadline by which something had come."""
    replies = (reply_of(files, act, deadline_s=deadline_s) for deadline_s in TIMES_S)
    return next(reply for reply in replies if reply.stdout)


def test_no_exit_status_and_no_end(files: Path) -> None:
    def act(_: paramiko.Transport, channel: paramiko.Channel) -> None:
        channel.sendall(b"part")
        channel.shutdown_write()

    reply = reply_past_its_deadline(files, act)
    assert (reply.stdout, reply.ended, reply.exit_code) == (b"part", Ended.DEADLINE, None)


def test_no_exit_status_and_a_closed_channel(files: Path) -> None:
    def act(_: paramiko.Transport, channel: paramiko.Channel) -> None:
        channel.sendall(b"part")
        channel.close()

    reply = reply_of(files, act)
    assert (reply.stdout, reply.ended, reply.exit_code) == (b"part", Ended.CLOSED, None)
    assert "without an exit status" in reply.detail


def test_the_exit_status_before_the_output(files: Path) -> None:
    def act(_: paramiko.Transport, channel: paramiko.Channel) -> None:
        channel.send_exit_status(3)
        time.sleep(0.1)
        channel.sendall(b"all of it")
        channel.sendall_stderr(b"and this")
        channel.close()

    reply = reply_of(files, act)
    assert (reply.stdout, reply.stderr) == (b"all of it", b"and this")
    assert (reply.ended, reply.exit_code) == (Ended.EXITED, 3)


def test_the_exit_status_after_the_end(files: Path) -> None:
    def act(_: paramiko.Transport, channel: paramiko.Channel) -> None:
        channel.sendall(b"all")
        channel.shutdown_write()
        time.sleep(0.2)
        channel.send_exit_status(0)

    reply = reply_of(files, act)
    assert (reply.stdout, reply.ended, reply.exit_code) == (b"all", Ended.EXITED, 0)


def test_an_exit_status_of_0_without_an_end_is_no_success(files: Path) -> None:
    def act(_: paramiko.Transport, channel: paramiko.Channel) -> None:
        channel.sendall(b"part")
        channel.send_exit_status(0)

    reply = reply_past_its_deadline(files, act)
    assert (reply.stdout, reply.ended, reply.exit_code) == (b"part", Ended.DEADLINE, None)


def reply_before(files: Path, act: Act) -> ScriptReply:
    """The reply of a server that says `half`, waits and does `act`; what is not read by then is
    lost with the connection, so on a busy machine it waits longer."""

    def after(pause_s: float) -> Act:
        def says_half(transport: paramiko.Transport, channel: paramiko.Channel) -> None:
            channel.sendall(b"half")
            time.sleep(pause_s)
            act(transport, channel)

        return says_half

    replies = (reply_of(files, after(pause_s)) for pause_s in TIMES_S)
    return next(reply for reply in replies if reply.stdout)


def test_a_close_in_the_middle(files: Path) -> None:
    def act(transport: paramiko.Transport, channel: paramiko.Channel) -> None:
        transport.close()

    reply = reply_before(files, act)
    assert (reply.stdout, reply.ended, reply.exit_code) == (b"half", Ended.CLOSED, None)


def test_a_reset_in_the_middle(files: Path) -> None:
    def act(transport: paramiko.Transport, channel: paramiko.Channel) -> None:
        assert isinstance(transport.sock, socket.socket)
        transport.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.close()

    reply = reply_before(files, act)
    assert (reply.stdout, reply.ended, reply.exit_code) == (b"half", Ended.CLOSED, None)


def test_garbage_in_the_middle(files: Path) -> None:
    def act(transport: paramiko.Transport, channel: paramiko.Channel) -> None:
        channel.sendall(b"half")
        time.sleep(0.1)
        transport.sock.sendall(os.urandom(4096))

    reply = reply_of(files, act)
    assert reply.stdout == b"half"
    assert reply.ended in (Ended.CLOSED, Ended.DEADLINE)
    assert reply.exit_code is None


def test_a_server_that_closes_after_the_login(files: Path) -> None:
    class Gone(Server):
        def check_channel_request(self, kind: str, chanid: int) -> int:
            assert self.transport is not None
            self.transport.close()
            return OPEN_SUCCEEDED

    reply = reply_of(files, None, server=Gone())
    assert (reply.stdout, reply.ended, reply.exit_code) == (b"", Ended.CLOSED, None)
    assert reply.detail == "the server closed the connection"


def test_a_server_that_opens_no_channel(files: Path) -> None:
    class No(Server):
        def check_channel_request(self, kind: str, chanid: int) -> int:
            return OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    reply = reply_of(files, None, server=No())
    assert (reply.stdout, reply.ended, reply.exit_code) == (b"", Ended.CLOSED, None)


def test_a_server_that_is_not_ready_for_the_next_channel(files: Path) -> None:
    class Busy(Server):
        refusals = 3

        def check_channel_request(self, kind: str, chanid: int) -> int:
            self.refusals -= 1
            no = OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
            return no if self.refusals >= 0 else OPEN_SUCCEEDED

    def act(_: paramiko.Transport, channel: paramiko.Channel) -> None:
        channel.send_exit_status(0)
        channel.close()

    reply = reply_of(files, act, server=Busy())
    assert (reply.ended, reply.exit_code) == (Ended.EXITED, 0)


def test_a_server_that_never_answers_the_channel(files: Path) -> None:
    class Slow(Server):
        def check_channel_request(self, kind: str, chanid: int) -> int:
            self.over.wait(2 * PATIENCE_S)
            return OPEN_SUCCEEDED

    reply = reply_of(files, None, server=Slow(), deadline_s=0.4)
    assert (reply.stdout, reply.ended, reply.exit_code) == (b"", Ended.DEADLINE, None)


def test_a_server_that_runs_no_command(files: Path) -> None:
    class No(Server):
        def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
            return False

    reply = reply_of(files, None, server=No())
    assert (reply.stdout, reply.ended, reply.exit_code) == (b"", Ended.CLOSED, None)


def test_a_server_that_never_answers_the_command(files: Path) -> None:
    class Slow(Server):
        def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
            self.over.wait(2 * PATIENCE_S)
            return True

    reply = reply_of(files, None, server=Slow(), deadline_s=0.4)
    assert (reply.stdout, reply.ended, reply.exit_code) == (b"", Ended.DEADLINE, None)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_flood_that_heeds_no_window(files: Path, stream: str) -> None:
    def act(transport: paramiko.Transport, channel: paramiko.Channel) -> None:
        channel.out_window_size = 1 << 60
        send = channel.send if stream == "stdout" else channel.send_stderr
        while transport.is_active() and not channel.closed:
            send(b"x" * 32000)

    reply = reply_of(files, act, limit=500_000)
    assert (reply.ended, reply.exit_code) == (Ended.LIMIT, None)
    assert len(getattr(reply, stream)) == 500_000


def test_a_drip_of_bytes(files: Path) -> None:
    def act(transport: paramiko.Transport, channel: paramiko.Channel) -> None:
        while transport.is_active() and not channel.closed:
            channel.sendall(b"x")
            time.sleep(0.05)

    reply = reply_past_its_deadline(files, act)
    assert (reply.ended, reply.exit_code) == (Ended.DEADLINE, None)
    assert set(reply.stdout) == set(b"x")


def test_a_login_that_is_never_answered(files: Path) -> None:
    class Slow(Server):
        def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
            self.over.wait(2 * PATIENCE_S)
            return AUTH_FAILED

    server = Slow()
    with playing(server) as port:
        try:
            assert_times_out(files, port)
        finally:
            server.over.set()


def test_the_password_is_offered_once(files: Path) -> None:
    server = Server()
    with playing(server) as port:
        error = refusal(access(files, port, key=None, password="env:PASSWORD"))
    assert error.credential_refused
    assert server.attempts == ["password"]


class Curious(Server):
    """Asks and asks."""

    def __init__(self, first: list[tuple[str, bool]]) -> None:
        super().__init__()
        self.first = first
        self.answers: list[list[str]] = []

    def get_allowed_auths(self, username: str) -> str:
        return "keyboard-interactive"

    def check_auth_interactive(self, username: str, submethods: str) -> InteractiveQuery:
        return InteractiveQuery(ESC, ESC, *self.first)

    def check_auth_interactive_response(self, responses: list[str]) -> Any:
        self.answers.append(responses)
        return InteractiveQuery("", "", *self.first)


@pytest.mark.parametrize(
    ("first", "answers"),
    [
        pytest.param([("Password: ", False)] * 100, [], id="100 at once"),
        pytest.param([("Password: ", False)], [["hunter2"]], id="one after the other"),
        pytest.param([("Say it aloud: ", True)], [], id="echoed"),
        pytest.param([], [[], [], []], id="no question, for ever"),
    ],
)
def test_a_server_that_asks_too_much(
    files: Path, first: list[tuple[str, bool]], answers: list[list[str]]
) -> None:
    server = Curious(first)
    with playing(server) as port:
        error = refusal(access(files, port, key=None, password="env:PASSWORD"))
    assert error.reason is Reason.NOT_PERMITTED
    assert "more than for one password" in error.detail
    assert server.answers == answers


def test_the_password_never_goes_to_a_server_that_is_not_known(files: Path) -> None:
    server = Server()
    with playing(server) as port:
        way = access(files, port, key=None, password="env:PASSWORD", known_hosts=())
        assert "unknown host key" in refusal(way).detail
    assert server.attempts == []


# --- names --------------------------------------------------------------------------------------


NO_HOSTS = [
    "-oProxyCommand=touch /tmp/x", "a b", "*", "web*", "", ".", "a..b", "web\n1", "web\x1b[2J",
    "w" * 300, "a." * 150, "https://web", "web/1", "root@web", "web:22", "[::1]", "127.1", "0x7f.1",
    "2130706433", "127.0.0.01", "1.2.3.4.5", "💥.example", "等保.example", "web$(id)", "a;id", "'",
]  # fmt: skip


@pytest.mark.parametrize("name", NO_HOSTS)
def test_what_is_not_a_host_name(name: str) -> None:
    for change in ({"host": name}, {"host": "127.0.0.1", "host_name_for_keys": name or " "}):
        with pytest.raises(ConfigError) as caught:
            SshTransport(SshAccess(user="auditor", use_agent=True, **change))  # type: ignore[arg-type]
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 500
    with pytest.raises(ConfigError):
        scope.resolve(name, None)


@pytest.mark.parametrize("name", ["-l", "", "a b", "a*", "a\nb", "a\x1b", "a\u202eb", "x" * 300])
def test_what_is_not_a_user_name(name: str) -> None:
    with pytest.raises(ConfigError):
        SshTransport(SshAccess(host="127.0.0.1", user=name, use_agent=True))


@pytest.mark.parametrize("name", ["web1", "web-1.example.org.", "_sip.example", "10.0.0.1", "::1"])
def test_what_is_a_host_name(name: str) -> None:
    assert scope.checked_host(name) == name


@pytest.mark.parametrize("name", ["root", "_apt", "EXAMPLE\\admin", "a@example", "审计员"])
def test_what_is_a_user_name(name: str) -> None:
    assert scope.checked_user(name) == name


def test_an_idn_is_told_its_ascii_form() -> None:
    with pytest.raises(ConfigError, match="xn--"):
        scope.checked_host("等保.example")


def test_it_connects_to_addresses_only() -> None:
    with pytest.raises(ConfigError, match="checked address"):
        SshTransport(SshAccess(host="localhost", user="auditor", use_agent=True))


def test_a_port_is_a_port() -> None:
    for port in (0, -1, 65536):
        with pytest.raises(ConfigError, match="not a port"):
            SshTransport(SshAccess(host="::1", user="auditor", port=port, use_agent=True))


def test_without_a_credential_nothing_is_opened() -> None:
    with pytest.raises(ConfigError, match="no key, password or agent"):
        SshTransport(SshAccess(host="127.0.0.1", user="auditor"))


def test_the_jump_host_is_checked_too() -> None:
    jump = SshAccess(host="-oX", user="auditor", use_agent=True)
    with pytest.raises(ConfigError):
        SshTransport(SshAccess(host="127.0.0.1", user="auditor", use_agent=True, jump=jump))


@pytest.mark.parametrize(
    ("name", "allowed", "address"),
    [
        ("10.1.2.3", ("10.0.0.0/8",), "10.1.2.3"),
        ("10.1.2.3", None, "10.1.2.3"),
        ("::ffff:10.1.2.3", ("10.0.0.0/8",), "10.1.2.3"),
        ("fd00::5", ("10.0.0.0/8", "fd00::/8"), "fd00::5"),
    ],
)
def test_an_address_in_scope(name: str, allowed: tuple[str, ...] | None, address: str) -> None:
    assert scope.resolve(name, allowed) == address


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("192.0.2.1", ("10.0.0.0/8",)),
        ("10.1.2.3", ()),
        ("::ffff:192.0.2.1", ("::/0",)),
        ("0.0.0.0", None),
        ("::", None),
        ("224.0.0.1", None),
    ],
)
def test_an_address_out_of_scope(name: str, allowed: tuple[str, ...] | None) -> None:
    with pytest.raises(ConfigError, match="outside the declared scope"):
        scope.resolve(name, allowed)


def test_a_scope_that_is_no_network() -> None:
    with pytest.raises(ConfigError, match="not a network"):
        scope.resolve("10.1.2.3", ("10.1.2.3/8",))


def _answering(*answers: list[str]) -> Callable[..., Any]:
    left = list(answers)

    def getaddrinfo(*_: object, **__: object) -> list[tuple[Any, ...]]:
        return [(0, 0, 0, "", (address, 0)) for address in left.pop(0)]

    return getaddrinfo


def test_a_name_that_leads_out_of_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _answering(["192.0.2.1", "2001:db8::1"]))
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1, 2001:db8::1 is outside"):
        scope.resolve("web1", ("10.0.0.0/8",))


def test_a_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # A second lookup would find the list empty and raise.
    monkeypatch.setattr(socket, "getaddrinfo", _answering(["192.0.2.1", "10.1.1.1"]))
    assert scope.resolve("web1", ("10.0.0.0/8",)) == "10.1.1.1"


def test_a_name_that_does_not_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(TransportError) as caught:
        scope.resolve("web1", None)
    assert caught.value.reason is Reason.UNREACHABLE
