"""For authors of connectors that read a file of this machine which the inventory declares."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeVar

from audit_core.model import Reply, Request, Status, msg
from audit_core.text.system_errors import os_error

_Read = TypeVar("_Read")


def read_declared(
    request: Request, path: Path, read: Callable[[IO[bytes]], _Read]
) -> _Read | Reply:
    """What `read` returns for the open file, or the reply that says why it cannot be read.

    Only a regular file is opened, so that no pipe or device is waited for.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            why = msg("{file} is not a regular file", file=str(path))
            return Reply(request=request, status=Status.NOT_REGULAR, detail=why)
        with path.open("rb") as stream:
            return read(stream)
    except FileNotFoundError:
        why = msg("{file} does not exist", file=str(path))
        return Reply(request=request, status=Status.UNREACHABLE, detail=why)
    except OSError as error:
        why = msg("{file}: {error}", file=str(path), error=os_error(error))
        return Reply(request=request, status=Status.NOT_PERMITTED, detail=why)
