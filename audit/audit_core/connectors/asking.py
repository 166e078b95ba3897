"""Sends requests over one session, with deadlines and limits that hold for any connector."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from msgspec import structs

from audit_core.connectors.clock import now
from audit_core.model import Reply, Request, Session, Status, msg

_STDERR = 64 << 10
_ROUND_S = 600
_ONCE_S = 30.0
_GRACE_S = 60.0


def seconds(requests: Sequence[Request]) -> float:
    """How long all of `requests` may take together, a login left out."""
    return min(_ROUND_S, _ONCE_S + sum(r.timeout_s for r in requests))


def asked(session: Session, requests: Sequence[Request]) -> Iterator[Reply]:
    """The replies to `requests`, each exactly once, capped and stamped.

    What the session has not answered when it ends, or is broken off past the deadline, is NO_REPLY
    or TIMED_OUT. Raises what the session raises.
    """
    left = {request.identity(): request for request in requests}
    late = threading.Event()

    def break_off() -> None:
        late.set()
        session.close()

    timer = threading.Timer(seconds(requests) + _GRACE_S, break_off)
    timer.daemon = True
    timer.start()
    begun = now()
    try:
        for reply in session.ask(requests):
            request = left.pop(reply.request.identity(), None)
            if request is not None:
                yield capped(structs.replace(reply, request=request), begun)
            begun = now()
    except Exception:
        if not late.is_set():
            raise
    finally:
        timer.cancel()
    for request in left.values():
        status = Status.TIMED_OUT if late.is_set() else Status.NO_REPLY
        detail = msg("the session ended before it was answered")
        yield capped(Reply(request=request, status=status, detail=detail), begun)


def capped(reply: Reply, begun: str) -> Reply:
    """What is kept of `reply` within the limit of its request, with when it was asked."""
    limit = reply.request.limit
    truncated = reply.truncated or len(reply.stdout) > limit
    return structs.replace(
        reply,
        stdout=reply.request.kept(reply.stdout[:limit], truncated=truncated),
        stderr=reply.stderr[:_STDERR],
        truncated=truncated,
        started=reply.started or begun,
        ended=reply.ended or now(),
    )
