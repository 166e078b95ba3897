"""For authors of connectors that read a file of this machine which the inventory declares."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeVar

from audit_core.api.sessions import OneByOne
from audit_core.model import Message, Reply, Request, SessionInfo, Status, msg
from audit_core.text.system_errors import os_error

_Read = TypeVar("_Read")
_Request = TypeVar("_Request", bound=Request)


class Unreadable(Exception):
    """The file is not what it has to be; `detail` says why."""

    def __init__(self, detail: Message) -> None:
        super().__init__(str(detail))
        self.detail = detail


class OutOfTime(Exception):
    """The reading took too long."""


def file_session(
    connector: str, type_: type[_Request], answer: Callable[[_Request], Reply]
) -> OneByOne:
    """A session whose requests are of one type; nobody logs in."""

    def checked(request: Request) -> Reply:
        assert isinstance(request, type_)  # noqa: S101 (nothing else is accepted)
        return answer(request)

    return OneByOne(checked, SessionInfo(connector=connector))


def read_declared(
    request: Request, path: Path, read: Callable[[IO[bytes]], _Read]
) -> _Read | Reply:
    """What `read` returns for the open file, or the reply that says why it cannot be read.

    Only a regular file is opened, so that no pipe or device is waited for. `read` may raise
    Unreadable and OutOfTime.
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
    except Unreadable as error:
        why = msg("{file}: {detail}", file=path.name, detail=error.detail)
        return Reply(request=request, status=Status.MALFORMED, detail=why)
    except OutOfTime:
        return Reply(request=request, status=Status.TIMED_OUT)


def all_bytes(stream: IO[bytes], most: int) -> bytes:
    """Everything in `stream`; Unreadable where it is more than `most` bytes."""
    raw = stream.read(most + 1)
    if len(raw) > most:
        raise Unreadable(msg("it is larger than {count} bytes", count=most))
    return raw
