"""SSH servers that accept the login and are hostile (hostile inputs 1 to 4 and 7)."""

from __future__ import annotations

import os
import socket
import struct
import time
from pathlib import Path

import paramiko
import pytest
from paramiko.common import OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED, OPEN_SUCCEEDED

import audit_shell.ssh
from audit_shell.scripts import Ended, ScriptReply
from hostile.ssh_servers import (
    Act,
    Server,
    reply_of,
)
from live.patience import PATIENCE_S

pytestmark = pytest.mark.usefixtures("nothing_is_left")
TIMES_S = (0.4, 3.0, 20.0)  # a busy machine needs a later deadline to get as far as the test wants


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
    assert "without an exit status" in str(reply.detail)


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
    assert str(reply.detail) == "the server closed the connection"


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


def test_a_session_that_we_cut_counts_as_ended_at_its_deadline(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine the cut may be noticed before the deadline."""
    monkeypatch.setattr(audit_shell.ssh, "GRACE_S", 0.4 - PATIENCE_S)
    reply = reply_of(files, None)
    assert (reply.stdout, reply.ended, reply.exit_code) == (b"", Ended.DEADLINE, None)
    assert str(reply.detail).startswith("it did not end within")


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


def test_bytes_that_arrive_slowly(files: Path) -> None:
    def act(transport: paramiko.Transport, channel: paramiko.Channel) -> None:
        while transport.is_active() and not channel.closed:
            channel.sendall(b"x")
            time.sleep(0.05)

    reply = reply_past_its_deadline(files, act)
    assert (reply.ended, reply.exit_code) == (Ended.DEADLINE, None)
    assert set(reply.stdout) == set(b"x")
