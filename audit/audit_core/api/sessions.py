"""For authors of connectors: a session that sends one request after the other.

A connector without a login is one function::

    def open(context: ConnectionContext) -> Session:
        return OneByOne(scan, SessionInfo(connector="ports"))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from audit_core.model import (
    Closing,
    ConnectError,
    ConnectionContext,
    Permission,
    Reply,
    Request,
    Session,
    SessionInfo,
    Status,
    msg,
)

__all__ = [
    "Closing",
    "ConnectError",
    "ConnectionContext",
    "OneByOne",
    "Permission",
    "Reply",
    "Session",
    "SessionInfo",
    "Status",
    "cut_reply",
]


def cut_reply(request: Request, stdout: bytes) -> Reply:
    """The reply with `stdout`, cut at the limit of the request."""
    cut = len(stdout) > request.limit
    return Reply(request=request, exit_code=0, stdout=stdout[: request.limit], truncated=cut)


class OneByOne(Closing):
    """Answers each request with `answer`; `end`, if given, is called once when it is closed."""

    def __init__(
        self,
        answer: Callable[[Request], Reply],
        info: SessionInfo,
        end: Callable[[], None] = lambda: None,
    ) -> None:
        self.info = info
        self._answer = answer
        self._end: Callable[[], None] | None = end

    def ask(self, requests: Sequence[Request]) -> Iterator[Reply]:
        """The reply to each of `requests`, in order."""
        for request in requests:
            yield self._answer(request)

    def permitted(self, requests: Sequence[Request]) -> Permission:
        """That the target was reached; what it allows is not known in advance."""
        return Permission(detail=msg("reached"))

    def close(self) -> None:
        """Nothing is left open. May be called twice."""
        end, self._end = self._end, None
        if end is not None:
            end()
