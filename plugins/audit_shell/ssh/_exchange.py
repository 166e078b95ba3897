"""One script on its way in and two streams on their way out of one exec channel (no pty)."""

from __future__ import annotations

import contextlib
import threading
import time
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
_CHUNK = 32 << 10
_PACKET = 32 << 10
_LOOK_S = 0.2  # while the server takes no more of the script


class _Stream(Capped):
    """One stream as the connection's own thread hands it over: a channel's buffer to the library.

    Its own buffer wakes the reader at each packet, of which a host sends several for each question.
    """

    def __init__(self, limit: int, wake: threading.Event) -> None:
        super().__init__(limit)
        self._wake = wake
        self.ended = False

    def feed(self, data: bytes) -> None:
        """Keeps `data`; wakes whoever waits once it is too much."""
        self.add(data)
        if self.over:
            self._wake.set()

    def close(self) -> None:
        """Nothing more comes."""
        self.ended = True
        self._wake.set()


class Exchange:
    """One script on its way in and two streams on their way out of one exec channel."""

    def __init__(self, link: Link, script: bytes, limit: int) -> None:
        self._link = link
        self._script = script
        self._limit = limit
        self._wake = threading.Event()
        self._out, self._err = _Stream(limit, self._wake), _Stream(limit, self._wake)
        self._channel: paramiko.Channel | None = None
        self._code: int | None = None

    def carry_out(self, deadline: float) -> tuple[Ended, Message | None]:
        """How it ended and why; raises whatever the library does when the connection breaks."""
        channel = self._channel = self._opened(deadline)
        # Nothing can have come yet: the server starts nothing before it is asked to.
        channel.in_buffer = self._out  # type: ignore[assignment]
        channel.in_stderr_buffer = self._err  # type: ignore[assignment]
        channel.exec_command(_SHELL)
        self._feed(channel, deadline)
        while not self._over():
            if self._out.ended and self._err.ended:
                return self._status(channel, deadline)
            wait = deadline - time.monotonic()
            if wait <= 0:
                return Ended.DEADLINE, None
            self._wake.wait(wait)
            self._wake.clear()
        return Ended.LIMIT, too_much(self._limit)

    def _over(self) -> bool:
        return self._out.over or self._err.over

    def _opened(self, deadline: float) -> paramiko.Channel:
        """A channel; asked for again while the server still clears away the last (MaxSessions)."""
        refused = library().ChannelException
        window = 2 * (self._limit + _PACKET)  # all that is kept fits in, so that no reply is needed
        pause = 0.005
        while True:
            wait = max(0.0, deadline - time.monotonic())
            try:
                return self._link.transport.open_session(
                    window_size=window, max_packet_size=_PACKET, timeout=wait
                )
            except refused:
                if pause > 1.0 or pause > wait:
                    raise
                time.sleep(pause)
                pause *= 2

    def _feed(self, channel: paramiko.Channel, deadline: float) -> None:
        """Sends the script; the rest stays unsent where the shell is gone, or for other reasons."""
        left = memoryview(self._script)
        channel.settimeout(_LOOK_S)
        with contextlib.suppress(OSError):  # the shell is gone
            while left and not self._over() and time.monotonic() < deadline:
                with contextlib.suppress(TimeoutError):  # no window for more yet
                    left = left[channel.send(left[:_CHUNK].tobytes()) :]
                if self._out.ended and self._err.ended:
                    return
            channel.shutdown_write()

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
