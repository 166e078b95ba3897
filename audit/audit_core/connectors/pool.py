"""Isolated connectors: each session runs in a worker process, which is reused.

A worker that hangs, crashes or takes too much memory loses only its current request and is
replaced. Each order has a number, and an answer to another one ends the worker: what came of one
target cannot be taken for another's.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

from audit_core.api.hooks import Connector
from audit_core.connectors import worker, worker_messages
from audit_core.connectors.connection_context import ResolvingContext, sent
from audit_core.connectors.worker_messages import (
    Answered,
    Ask,
    Close,
    Failure,
    Open,
    Permitted,
    WorkerReply,
)
from audit_core.model import (
    ConnectError,
    Message,
    Permission,
    Reason,
    Reply,
    Request,
    SessionInfo,
    Status,
    msg,
    verbatim,
)
from audit_core.model.errors import ConfigError

GRACE_S = 15.0
_START_S = 30.0
_CLOSE_S = 5.0
_USES = 200
_ROOM = 2 << 20
_LAST_WORDS = 2000  # bytes of what a worker printed before it died
_numbers = itertools.count(1)


class WorkerGone(Exception):
    """The worker did not answer; `late`: in time. `offered`: it had asked for a secret."""

    def __init__(
        self, detail: Message, *, late: bool, printed: bytes = b"", offered: bool = False
    ) -> None:
        super().__init__(str(detail))
        self.detail = detail
        self.late = late
        self.printed = printed
        self.offered = offered


class _Worker:
    """A worker process, seen from the core."""

    def __init__(self, pid: int, sock: socket.socket, prints: int) -> None:
        self._pid = pid
        self._sock = sock
        self._prints = prints
        self._ended = threading.Lock()
        self._alive = True
        self._offered = False
        self.uses = 0

    def carry_out(self, order: Any, *, seconds: float, most: int) -> WorkerReply:
        """The reply of the worker to `order`; on WorkerGone the worker has been ended."""
        until = time.monotonic() + seconds
        self._offered = False
        try:
            self._sock.settimeout(seconds)
            worker_messages.send_order(self._sock, order)
            reply = self._received(until, most)
            while reply is not None and reply.offered and time.monotonic() < until:
                self._offered = self._offered or reply.number == order.number
                reply = self._received(until, most)
        except TimeoutError as error:
            raise self._gone(msg("the connector did not end in time"), late=True) from error
        except (OSError, ValueError) as error:
            raise self._gone(_broke(error), late=False) from error
        if reply is None:
            raise self._gone(msg("the process of the connector ended"), late=False)
        if reply.number != order.number or reply.offered:
            raise self._gone(msg("the connector answered another request"), late=False)
        if reply.over:
            self.end()
        return reply

    def _received(self, until: float, most: int) -> WorkerReply | None:
        ready, _, _ = select.select([self._sock], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            raise TimeoutError
        self._sock.settimeout(max(0.1, until - time.monotonic()) + _CLOSE_S)
        return worker_messages.receive_reply(self._sock, most)

    def _gone(self, detail: Message, *, late: bool) -> WorkerGone:
        printed = self._printed()
        self.end()
        return WorkerGone(detail, late=late, printed=printed, offered=self._offered)

    def _printed(self) -> bytes:
        with contextlib.suppress(OSError):
            before = max(0, os.fstat(self._prints).st_size - _LAST_WORDS)
            text = os.pread(self._prints, _LAST_WORDS, before)
            # A line without its beginning may hold half of a secret.
            return text.partition(b"\n")[2] if before else text
        return b""

    def forget(self) -> None:
        """Clears the output of the worker before the next target is asked."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._prints, 0)

    @property
    def alive(self) -> bool:
        """Whether it can be given orders."""
        return self._alive

    def end(self) -> None:
        """The process is gone, with all that it started. From any thread; may be called twice."""
        with self._ended:
            if not self._alive:
                return
            self._alive = False
            # Not reaped before we say so, its number is still its own, also as that of its group.
            for end in (os.killpg, os.kill):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    end(self._pid, signal.SIGKILL)
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)
            self._sock.close()
            os.close(self._prints)

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._pid


def _broke(error: Exception) -> Message:
    return msg("the process of the connector failed: {error}", error=verbatim(str(error)))


class Pool:
    """Worker processes, begun when they are needed; `close` ends them all."""

    def __init__(self, connectors: Iterable[Connector] = ()) -> None:
        self._modules: set[str] = set()
        self._lock = threading.Lock()
        self._first: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._closed = False
        for connector in connectors:
            self.expect(connector)

    def expect(self, connector: Connector) -> None:
        """Where workers are yet to begin, the first process imports the module of `connector`.

        A worker imports what nobody expected, each anew. The drivers of all connectors together
        take a second to import; most runs need one of them.
        """
        if connector.isolated:
            with self._lock:
                self._modules.add(connector.open.partition(":")[0])

    def open(self, connector: Connector, context: ResolvingContext) -> Remote:
        """An open session in a worker; raises ConnectError and ConfigError."""
        return Remote(self, connector, context)

    def take(self) -> _Worker:
        """An idle or new worker."""
        with self._lock:
            if self._closed:
                raise WorkerGone(msg("the run is being stopped"), late=False)
            while self._idle:
                found = self._idle.pop()
                if found.alive:
                    self._busy.add(found)
                    return found
            made = self._forked()
            self._busy.add(made)
            return made

    def give_back(self, used: _Worker) -> None:
        """`used` may be taken again, unless it has ended or been used often enough."""
        used.uses += 1
        with self._lock:
            self._busy.discard(used)
            if used.alive and used.uses < _USES and not self._closed:
                used.forget()
                self._idle.append(used)
                return
            used.end()
            self._reap(used)

    def close(self) -> None:
        """All workers are gone, and nothing new can be opened."""
        with self._lock:
            self._closed = True
            for found in (*self._idle, *self._busy):
                found.end()
            self._idle.clear()
            if self._control is not None:
                self._control.close()
                self._control = None
            if self._first is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._first.wait(_CLOSE_S)
                if self._first.returncode is None:
                    self._first.kill()
                    self._first.wait()
                self._first = None

    def _reap(self, used: _Worker) -> None:
        if self._control is not None:
            with contextlib.suppress(OSError):
                self._control.sendall(b"%s%10d" % (worker.REAP, used.pid))

    def _forked(self) -> _Worker:
        for modules in dict.fromkeys((tuple(sorted(self._modules)), ())):
            try:
                return self._fork(modules)
            except (
                OSError,
                ValueError,
            ):  # it hung or crashed while importing: start without the imports
                self._end_first()
        raise WorkerGone(msg("no process for the connector can be started"), late=False)

    def _fork(self, modules: tuple[str, ...]) -> _Worker:
        control = self._control or self._begun(modules)
        ours, theirs = socket.socketpair()
        prints = os.memfd_create("printed", os.MFD_CLOEXEC)
        try:
            with theirs, _appending(prints) as end:
                socket.send_fds(control, [worker.FORK], [theirs.fileno(), end.fileno()])
            return _Worker(int(_answer(control)), ours, prints)
        except BaseException:
            ours.close()
            os.close(prints)
            raise

    def _begun(self, modules: tuple[str, ...]) -> socket.socket:
        """The socket of a new first process, which has imported `modules`."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._first = subprocess.Popen(
                [sys.executable, "-m", "audit_core.connectors.worker", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=(theirs.fileno(),),
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        ours.settimeout(_START_S)
        self._control = ours
        ours.sendall(pickle.dumps({"path": tuple(sys.path), "modules": modules}))
        if _answer(ours) != worker.READY:
            raise ValueError("the first process did not begin")
        return ours

    def _end_first(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._first is not None:
            self._first.kill()
            self._first.wait()
            self._first = None


def _appending(memory: int) -> IO[bytes]:
    """A second way to write to the file `memory`, always at its end."""
    return open(f"/proc/self/fd/{memory}", "ab", buffering=0)


def _answer(control: socket.socket) -> bytes:
    data = control.recv(64)
    if not data:
        raise ValueError("the first process is gone")
    return data


class Remote:
    """A session that a worker holds."""

    def __init__(self, pool: Pool, connector: Connector, context: ResolvingContext) -> None:
        self._pool = pool
        self._connector = connector
        self._context = sent(context)
        self._worker: _Worker | None = None
        self._closed = False
        self._using = threading.Lock()
        self._info = SessionInfo(connector=connector.name)
        self._open()

    @property
    def info(self) -> SessionInfo:
        """How the target is reached."""
        return self._info

    def _open(self) -> None:
        try:
            self._worker = self._pool.take()
            order = Open(number=next(_numbers), entry=self._connector.open, context=self._context)
            reply = self._worker.carry_out(order, seconds=self._connector.login_s, most=_ROOM)
            if reply.failed is not None:
                raise _raised(reply.failed)
        except WorkerGone as error:
            self._lose()
            reason = Reason.TIMED_OUT if error.late else Reason.FAULT
            # What it made of a secret nobody knows: then it counts as refused.
            raise ConnectError(reason, error.detail, refused=self._logs_in(error)) from error
        except BaseException:
            self._let_go()
            raise
        if reply.info is not None:
            self._info = reply.info

    def ask(self, requests: Sequence[Request]) -> Iterator[Reply]:
        """The reply to each request, asked one after the other."""
        for request in requests:
            if self._closed:
                return
            if self._worker is None:
                self._open_again()
            yield self._asked(request)

    def _logs_in(self, gone: WorkerGone) -> bool:
        """Whether the process that is gone may have logged in."""
        return self._connector.access is not None and (gone.offered or not self._context.secrets)

    def _open_again(self) -> None:
        if self._connector.access is not None:
            why = msg("the session was lost at an earlier question; a target is logged in to once")
            raise ConnectError(Reason.FAULT, why)
        self._open()

    def _asked(self, request: Request) -> Reply:
        order = Ask(number=next(_numbers), request=request)
        most = 2 * request.limit + _ROOM
        reply = self._carried_out(order, request.timeout_s + GRACE_S, most)
        if isinstance(reply, WorkerGone):
            status = Status.TIMED_OUT if reply.late else Status.FAULT
            return Reply(request=request, status=status, detail=reply.detail, stderr=reply.printed)
        if reply.failed is not None:
            self._let_go()
            if reply.failed.reason is not Reason.FAULT:
                raise _raised(reply.failed)
            return Reply(request=request, status=Status.FAULT, detail=reply.failed.detail)
        if reply.answer is None:
            return Reply(
                request=request,
                status=Status.NO_REPLY,
                detail=msg("the connector returned no answer"),
            )
        return _reply(request, reply.answer)

    def _carried_out(self, order: Any, seconds: float, most: int) -> WorkerReply | WorkerGone:
        held = self._worker
        if held is None:
            return WorkerGone(msg("the session is closed"), late=False)
        try:
            with self._using:
                return held.carry_out(order, seconds=seconds, most=most)
        except WorkerGone as error:
            self._lose()
            return error

    def permitted(self, requests: Sequence[Request]) -> Permission:
        """What this login allows of `requests`."""
        order = Permitted(number=next(_numbers), requests=tuple(requests))
        reply = self._carried_out(order, 120.0, _ROOM)
        if isinstance(reply, WorkerGone):
            raise ConnectError(Reason.FAULT, reply.detail)
        if reply.failed is not None:
            self._let_go()
            raise _raised(reply.failed)
        return reply.permission or Permission(detail=msg("reached"))

    def close(self) -> None:
        """The session is closed and its worker free for another; ended where it is busy."""
        self._closed = True
        held = self._worker
        if held is None:
            return
        if not self._using.acquire(blocking=False):
            held.end()  # from another thread: the one that waits for it goes on
            return
        self._using.release()
        self._let_go()

    def _let_go(self) -> None:
        held, self._worker = self._worker, None
        if held is None:
            return
        with contextlib.suppress(WorkerGone):
            held.carry_out(Close(number=next(_numbers)), seconds=_CLOSE_S, most=_ROOM)
        self._pool.give_back(held)

    def _lose(self) -> None:
        held, self._worker = self._worker, None
        if held is not None:
            held.end()
            self._pool.give_back(held)


def _reply(request: Request, reply: Answered) -> Reply:
    return Reply(
        request=request,
        status=reply.status,
        exit_code=reply.exit_code,
        stdout=reply.stdout,
        stderr=reply.stderr,
        truncated=reply.truncated,
        detail=reply.detail,
        files=reply.files,
    )


def _raised(failed: Failure) -> ConnectError | ConfigError:
    if failed.ours:
        return ConfigError(failed.detail)
    return ConnectError(
        failed.reason,
        failed.detail,
        remedy=failed.remedy,
        refused=failed.refused,
        in_between=failed.in_between,
    )
