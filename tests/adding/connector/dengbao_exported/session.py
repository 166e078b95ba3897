"""Reads the file once; imported only when a target is reached this context."""

from __future__ import annotations

import json
from pathlib import Path

from audit_core.api.sdk import Reason, Request, msg, verbatim
from audit_core.api.sessions import (
    ConnectError,
    ConnectionContext,
    OneByOne,
    Reply,
    SessionInfo,
    Status,
)


def open(context: ConnectionContext) -> OneByOne:
    """A session that answers out of the file."""
    try:
        settings = json.loads(Path(context.access.file).read_bytes())
    except (OSError, ValueError) as error:
        stated = msg("not readable: {error}", error=verbatim(str(error)))
        raise ConnectError(Reason.UNREACHABLE, stated) from error

    def answer(request: Request) -> Reply:
        value = settings.get(request.describe())
        if value is None:
            return Reply(request=request, status=Status.NOT_PRESENT)
        return Reply(request=request, stdout=str(value).encode())

    return OneByOne(answer, SessionInfo(connector="exported"))
