"""One script on its way in and two streams on their way out of one exec channel (no pty)."""

from __future__ import annotations

import contextlib
import select
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from audit_core.model import Message, msg
from audit_shell.scripts import Ended, ScriptReply
from audit_shell.ssh._error_text import GONE, too_much
from audit_shell.ssh._library import library
from audit_shell.ssh._link import Link
from audit_shell.streams import Capped

if TYPE_CHECKING:
    import paramiko

_SHELL = "exec /bin/sh -s"


class Exchange:
    """One script on its way in and two streams on their way out of one exec channel."""

    def __init__(self, link: Link, script: bytes, limit: int) -> None:
        self._link = link
        self._left = memoryview(script)
        self._fed = False
        self._limit = limit
        self._out, self._err = Capped(limit), Capped(limit)
        self._channel: paramiko.Channel | None = None
        self._code: int | None = None

    def carry_out(self, deadline: float) -> tuple[Ended, Message | None]:
        """How it ended and why; raises whatever the library does when the connection breaks."""
        channel = self._channel = self._opened(deadline)
        channel.exec_command(_SHELL)
        channel.settimeout(0.0)
        ready = select.poll()
        ready.register(channel.fileno(), select.POLLIN)
        while not self._turn(channel):
            if self._out.over or self._err.over:
                return Ended.LIMIT, too_much(self._limit)
            wait = deadline - time.monotonic()
            if wait <= 0:
                return Ended.DEADLINE, None
            # Nothing wakes us when the window for the rest of the script opens: look again soon.
            ready.poll(1000 * min(wait, wait if self._fed else 0.02))
        return self._status(channel, deadline)

    def _opened(self, deadline: float) -> paramiko.Channel:
        """A channel; asked for again while the server still clears away the last (MaxSessions)."""
        refused = library().ChannelException
        pause = 0.005
        while True:
            wait = max(0.0, deadline - time.monotonic())
            try:
                return self._link.transport.open_session(timeout=wait)
            except refused:
                if pause > 1.0 or pause > wait:
                    raise
                time.sleep(pause)
                pause *= 2

    def _turn(self, channel: paramiko.Channel) -> bool:
        """Move what can be moved without waiting; whether both streams are at their end."""
        self._feed(channel)
        out_ended = self._drain(channel.recv, self._out)
        err_ended = self._drain(channel.recv_stderr, self._err)
        return out_ended and err_ended

    def _feed(self, channel: paramiko.Channel) -> None:
        if self._fed:
            return
        with contextlib.suppress(OSError):  # no window yet (TimeoutError); or the shell is gone
            while self._left:
                self._left = self._left[channel.send(self._left[: 32 << 10].tobytes()) :]
            channel.shutdown_write()
            self._fed = True

    def _drain(self, read: Callable[[int], bytes], kept: Capped) -> bool:
        """Read all there is; whether the stream is at its end."""
        while not kept.over:
            try:
                data = read(kept.room())
            except TimeoutError:
                return False
            if not data:
                return True
            kept.add(data)
        return False

    def _status(self, channel: paramiko.Channel, deadline: float) -> tuple[Ended, Message | None]:
        """The streams have ended: wait for the exit status, which may never come."""
        if not channel.status_event.wait(max(0.0, deadline - time.monotonic())):
            return Ended.DEADLINE, None
        code = channel.recv_exit_status()
        if code >= 0:
            self._code = code
            return Ended.EXITED, None
        if not self._link.transport.is_active():
            return Ended.CLOSED, GONE
        return Ended.CLOSED, msg("the server closed the channel without an exit status")

    def kill(self) -> None:
        """Ask the server to kill the shell's process group; OpenSSH does so from 7.9, not for root.

        RFC 4254, 6.9; the library has no call for it.
        """
        if self._channel is None:
            return
        message = library().Message()
        message.add_byte(library().common.cMSG_CHANNEL_REQUEST)
        message.add_int(self._channel.remote_chanid)
        message.add_string("signal")
        message.add_boolean(False)
        message.add_string("KILL")
        with contextlib.suppress(Exception):  # the connection may be gone: then nothing can be done
            self._link.transport._send_user_message(message)  # type: ignore[attr-defined]

    def close(self) -> None:
        """The channel is closed, on our side at least. Never raises."""
        if self._channel is not None:
            with contextlib.suppress(Exception):
                self._channel.close()

    def reply(self, ended: Ended, detail: Message | None) -> ScriptReply:
        """The output that came in, with how the script ended."""
        return ScriptReply(
            stdout=self._out.value(), stderr=self._err.value(), ended=ended,
            exit_code=self._code, detail=detail,
        )  # fmt: skip
