"""Worker processes: `python -m audit_core.connectors.worker`, with its orders on one socket.

This first process imports what isolated connectors need, once, and then does nothing but fork
workers, which costs a few milliseconds each. It ends, and all workers with it, when the process
that began it is gone. A worker leads a session of its own, so that whatever it starts can be ended
with it; what a connector prints goes to a file in memory that is kept for when the worker dies.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import pickle
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any

from audit_core.api.plugins import resolve_entry
from audit_core.connectors import worker_messages
from audit_core.connectors.connection_context import ResolvedContext
from audit_core.connectors.worker_messages import (
    Answered,
    Ask,
    Close,
    Failure,
    Open,
    Permitted,
    WorkerReply,
)
from audit_core.model import ConnectError, Message, Reason, Reply, Request, Session, msg, verbatim
from audit_core.model.errors import DengbaoError

MEMORY = 2 << 30
_LARGE_KB = 300 << 10  # resident: a worker that grew so much is not used again
FORK, REAP, READY = b"F", b"R", b"ready"


def main() -> None:
    """Forks workers until the socket that is its first argument is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=int(sys.argv[1]))
    start = pickle.loads(control.recv(1 << 20))  # noqa: S301 (from the process that began us)
    sys.path[:] = start["path"]
    for module in start["modules"]:
        with contextlib.suppress(Exception):  # a worker that needs it tells why
            importlib.import_module(module)
    gc.collect()
    gc.freeze()
    control.sendall(READY)
    children: set[int] = set()
    try:
        _fork_all(control, children)
    finally:
        for child in children:
            _kill(child)


def _fork_all(control: socket.socket, children: set[int]) -> None:
    while True:
        data, files, _, _ = socket.recv_fds(control, 64, 2)
        if not data:
            return
        if data[:1] == FORK:
            child = os.fork()
            if child == 0:
                control.close()
                _become_worker(*files)
            for file in files:
                os.close(file)
            children.add(child)
            control.sendall(b"%10d" % child)
        elif data[:1] == REAP:
            child = int(data[1:])
            children.discard(child)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)


def _kill(child: int) -> None:
    for end in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            end(child, signal.SIGKILL)


def _become_worker(orders_from: int, prints_to: int) -> None:
    """Carries out orders; never returns."""
    code = 70
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        quiet = os.open(os.devnull, os.O_RDONLY)
        for to, file in ((0, quiet), (1, prints_to), (2, prints_to)):
            os.dup2(file, to)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        _Worker(socket.socket(fileno=orders_from)).serve()
        code = 0
    finally:
        os._exit(code)


class _Watched:
    """A `ConnectionContext` that says when the connector asks for a secret, before it has it."""

    def __init__(self, context: ResolvedContext, offers: Callable[[], None]) -> None:
        self.target, self.access = context.target, context.access
        self.address = context.address
        self._context, self._offers = context, offers

    def secret(self, reference: str) -> str:
        """The secret that `reference` names; raises ConfigError where there is none."""
        self._offers()
        return self._context.secret(reference)


class _Worker:
    """One process that has one session at a time."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._session: Session | None = None
        self._number = 0
        self._over = False  # an error may have left state that the next session must not see

    def serve(self) -> None:
        while (order := worker_messages.receive_order(self._sock)) is not None:
            reply = self._carried_out(order)
            sys.stdout.flush()
            worker_messages.send_reply(self._sock, reply)
            if reply.over:
                return

    def _carried_out(self, order: Any) -> WorkerReply:
        fields: dict[str, Any] = {}
        self._number = order.number
        try:
            fields = self._done(order)
        except ConnectError as error:
            fields["failed"] = Failure(
                reason=error.reason,
                detail=error.detail,
                remedy=error.remedy,
                refused=error.refused,
                in_between=error.in_between,
            )
        except DengbaoError as error:
            detail = error.detail
            fields["failed"] = Failure(reason=Reason.NOT_COLLECTED, detail=detail, ours=True)
        except BaseException as error:  # noqa: BLE001 (a connector's fault costs its request only)
            self._over = True
            fields["failed"] = Failure(reason=Reason.FAULT, detail=_fault(error))
        if isinstance(order, Close):
            usage = resource.getrusage(resource.RUSAGE_SELF)
            self._over = self._over or usage.ru_maxrss > _LARGE_KB
        over = self._over and (self._session is None or isinstance(order, Close))
        return WorkerReply(number=order.number, over=over, **fields)

    def _done(self, order: Any) -> dict[str, Any]:
        match order:
            case Open():
                self._close()
                context = _Watched(order.context, self._offers)
                self._session = resolve_entry(order.entry)(context)
                return {"info": self._session.info}
            case Ask() if self._session is not None:
                return {"answer": _answered(self._session, order.request)}
            case Permitted() if self._session is not None:
                return {"permission": self._session.permitted(order.requests)}
            case Close():
                self._close()
        return {}

    def _offers(self) -> None:
        worker_messages.send_reply(self._sock, WorkerReply(number=self._number, offered=True))

    def _close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()


def _answered(session: Session, request: Request) -> Answered | None:
    replies: Iterator[Reply] = iter(session.ask((request,)))
    reply = next(replies, None)
    for _ in replies:
        raise TypeError("more than one reply to one request")
    if reply is None:
        return None
    return Answered(
        status=reply.status,
        exit_code=reply.exit_code,
        stdout=reply.stdout[: request.limit + 1],
        stderr=reply.stderr[: 1 << 20],
        truncated=reply.truncated,
        detail=reply.detail,
        files=reply.files,
    )


def _fault(error: BaseException) -> Message:
    return msg(
        "the connector failed with {kind}: {error}",
        kind=type(error).__name__,
        error=verbatim(str(error)),
    )


if __name__ == "__main__":
    main()
