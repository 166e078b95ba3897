"""This machine as a target: `/bin/sh -s` as a child process, in a session of its own."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from types import TracebackType
from typing import IO, Self

from audit_core.model import Closing, Message, SessionInfo, msg
from audit_shell.scripts import Ended, ScriptReply, no_end, too_much
from audit_shell.streams import Capped

_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class LocalTransport:
    """Reaches this machine, with the rights of this process."""

    def open(self) -> LocalSession:
        """An open session; it never fails, because nothing is started before a script runs."""
        return LocalSession()


class LocalSession(Closing):
    """Runs scripts on this machine, several at once if need be."""

    def __init__(self) -> None:
        self.info = SessionInfo(connector="local", uid=os.geteuid())
        self._shells: set[subprocess.Popen[bytes]] = set()

    def run(self, script: bytes, *, deadline_s: float, limit: int) -> ScriptReply:
        """The reply of `/bin/sh -s` fed with `script`, in `/`, with PATH, LC_ALL and HOME only."""
        # Everything that the caller's environment holds, secrets included, stays out.
        env = {"PATH": _PATH, "LC_ALL": "C", "HOME": os.path.expanduser("~")}
        shell = subprocess.Popen(
            ["/bin/sh", "-s"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, bufsize=0, start_new_session=True, env=env, cwd="/",
        )  # fmt: skip
        self._shells.add(shell)
        try:
            with _Exchange(shell, script, limit) as exchange:
                return exchange.carry_out(time.monotonic() + deadline_s, deadline_s)
        finally:
            self._shells.discard(shell)

    def close(self) -> None:
        """Kills what is still running, also from another thread."""
        for shell in tuple(self._shells):
            if shell.returncode is None:
                _kill_session(shell.pid)


class _Exchange:
    """One script on its way in and two streams on their way out, all without blocking."""

    def __init__(self, shell: subprocess.Popen[bytes], script: bytes, limit: int) -> None:
        assert shell.stdin is not None  # noqa: S101 (for the type checker: all three are pipes)
        assert shell.stdout is not None  # noqa: S101
        assert shell.stderr is not None  # noqa: S101
        self._shell = shell
        self._stdin: IO[bytes] = shell.stdin
        self._left = memoryview(script)
        self._limit = limit
        self._streams = {shell.stdout: Capped(limit), shell.stderr: Capped(limit)}
        self._out, self._err = self._streams.values()
        self._selector = selectors.DefaultSelector()
        for pipe in (shell.stdin, *self._streams):
            os.set_blocking(pipe.fileno(), False)
        self._selector.register(shell.stdin, selectors.EVENT_WRITE)
        for pipe in self._streams:
            self._selector.register(pipe, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shell.returncode is None:
            _kill_session(self._shell.pid)
        self._selector.close()
        for pipe in (self._stdin, *self._streams):
            pipe.close()
        self._shell.wait()

    def carry_out(self, deadline: float, deadline_s: float) -> ScriptReply:
        while len(self._selector.get_map()) > 0:
            wait = deadline - time.monotonic()
            if wait <= 0:
                return self._reply(Ended.DEADLINE, detail=no_end(deadline_s))
            for key, _ in self._selector.select(wait):
                self._serve(key.fileobj)
            if self._out.over or self._err.over:
                return self._reply(Ended.LIMIT, detail=too_much(self._limit))
        return self._ended(deadline, deadline_s)

    def _serve(self, pipe: object) -> None:
        if pipe is self._stdin:
            self._feed()
            return
        for stream, kept in self._streams.items():
            if stream is pipe:
                data = os.read(stream.fileno(), kept.room())
                kept.add(data)
                if not data:
                    self._selector.unregister(stream)

    def _feed(self) -> None:
        try:
            self._left = self._left[os.write(self._stdin.fileno(), self._left[: 64 << 10]) :]
        except BrokenPipeError:  # the shell ended before it read everything (`exit`)
            self._left = self._left[:0]
        if not self._left:
            self._selector.unregister(self._stdin)
            self._stdin.close()

    def _ended(self, deadline: float, deadline_s: float) -> ScriptReply:
        """Both streams are closed: the reply, once the shell has ended too."""
        try:
            code = self._shell.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return self._reply(Ended.DEADLINE, detail=no_end(deadline_s))
        if code < 0:
            return self._reply(
                Ended.CLOSED, detail=msg("the shell was ended by signal {signal}", signal=-code)
            )
        return self._reply(Ended.EXITED, exit_code=code)

    def _reply(
        self, ended: Ended, *, exit_code: int | None = None, detail: Message | None = None
    ) -> ScriptReply:
        return ScriptReply(
            stdout=self._out.value(), stderr=self._err.value(), ended=ended, exit_code=exit_code,
            detail=detail,
        )  # fmt: skip


def _kill_session(leader: int) -> None:
    """Kill every process of the session that `leader` (not yet reaped) leads.

    `timeout` puts what it runs into a process group of its own, so killing one group is not
    enough. Processes that became another user's (sudo) end by their own `timeout`.
    """
    for _ in range(5):  # what is forked meanwhile is found in the next round
        members = _members(leader)
        for pid in members:
            try:
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
        if not members:
            return


def _members(leader: int) -> list[int]:
    names = (name for name in os.listdir("/proc") if name.isdecimal())
    return [int(name) for name in names if _session_of(name) == leader]


def _session_of(pid: str) -> int:
    """The session of a process that can still run something, else 0 (proc(5), fields 3 and 6)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, _, _, session = file.read().rpartition(b")")[2].split()[:4]
    except (OSError, ValueError):
        return 0
    return 0 if state in (b"Z", b"X") else int(session)
