"""Peers that are not SSH servers, or do not complete the protocol (inputs 5 and 6)."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import time
from pathlib import Path
from typing import Any

import pytest

from audit_core.api import plugins
from audit_core.model import Reason
from audit_core.text.translate import Translator
from audit_shell.ssh import _login
from hostile.ssh_servers import (
    ESC,
    Handler,
    Listener,
    access,
    assert_times_out,
    refusal,
    until_closed,
)
from live.patience import PATIENCE_S

pytestmark = pytest.mark.usefixtures("nothing_is_left", "ours_is_first")


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


@pytest.mark.parametrize("handle", [silence, drip, drip_lines, banner_then_silence])
def test_a_server_that_stalls_at_the_login(files: Path, handle: Handler) -> None:
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
    assert "no TCP connection within 0.5 s" in str(error)


def test_a_closed_port(files: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: refused
        error = refusal(access(files, closed.getsockname()[1]))
    assert error.reason is Reason.UNREACHABLE
    assert "Connection refused" in str(error)


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
    assert "no usable SSH server" in str(error)


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (b"Not allowed at this time\r\n", "PerSourcePenalties"),
        (b"Exceeded MaxStartups\r\n", "MaxStartups"),
    ],
)
def test_a_server_that_refuses_our_address_for_some_time(
    files: Path, first: bytes, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As sshd 10.0 does: a line, and the end, without reading what we sent."""
    came: list[socket.socket] = []
    monkeypatch.setattr(_login, "PAUSES_S", (0.0, 0.0))

    def turn_away(conn: socket.socket) -> None:
        came.append(conn)
        conn.sendall(first)

    with Listener(turn_away) as server:
        error = refusal(access(files, server.port))
    assert len(came) == 3
    assert error.reason is Reason.UNREACHABLE
    assert words in str(error)
    assert error.remedy is not None
    assert not error.refused
    chinese = Translator("zh", plugins.load().locales).say(error.detail)
    assert "SSH 服务器" in chinese
    assert words in chinese


def test_a_reset_instead_of_a_banner(files: Path) -> None:
    def reset(conn: socket.socket) -> None:
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with Listener(reset) as server:
        assert refusal(access(files, server.port)).reason is Reason.UNREACHABLE
