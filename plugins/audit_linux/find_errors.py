"""What find(1) and grep(1) write to stderr, and which paths they could not read."""

from __future__ import annotations

import re

from audit_core.api.sdk import Absent, ParseError, Reason, msg, verbatim

_TOOL = re.compile(rb"^(?:/[^\s:]*/)?(?:find|grep|head): ")


def refused(stderr: bytes) -> Absent | None:
    """Absent(NOT_PERMITTED) when something could not be read; ParseError for other errors.

    A missing file is not an error.
    """
    for line in stderr.split(b"\n"):
        if line.endswith(b"Permission denied"):
            return Absent(
                reason=Reason.NOT_PERMITTED,
                detail=msg("Some of the files could not be read: permission denied"),
            )
        if _TOOL.match(line) and not line.endswith(b"No such file or directory"):
            raise ParseError(msg("find or grep reported an error: {line}", line=verbatim(line)))
    return None
