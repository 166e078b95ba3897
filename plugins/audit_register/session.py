"""Reads a register from its file. Runs in a worker process."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from audit_core.api.declared_files import read_declared
from audit_core.api.sessions import OneByOne
from audit_core.model import ConnectionContext, Reply, Request, SessionInfo, Status, msg
from audit_register.builtin_registers import BY_ID
from audit_register.kinds import RegisterAccess
from audit_register.reading.grid import Unreadable
from audit_register.reading.register_file import OutOfTime, RegisterFile
from audit_register.request import RegisterRows

FILE_MAX = 64 << 20
"""Bytes of a file; of xlsx, packed."""


def open(context: ConnectionContext) -> OneByOne:
    """A session that reads the file of the target; nobody logs in."""
    access: RegisterAccess = context.access

    def answer(request: Request) -> Reply:
        assert isinstance(request, RegisterRows)  # noqa: S101 (nothing else is accepted)
        return _answered(request, Path(access.file), access.sheet)

    return OneByOne(answer, SessionInfo(connector="register"))


def _answered(request: RegisterRows, path: Path, sheet: str) -> Reply:
    deadline = time.monotonic() + request.timeout_s
    raw = _bytes(request, path)
    if isinstance(raw, Reply):
        return raw
    about = {"file": path.name, "sha256": hashlib.sha256(raw).hexdigest(), "size": len(raw)}
    file = RegisterFile(
        BY_ID[request.register], path.name, raw, rows=request.rows, deadline=deadline, sheet=sheet
    )
    out, size, whole = [], 0, True
    try:
        for line in file.lines(about):
            if size + len(line) > request.limit:
                whole = False
                break
            out.append(line)
            size += len(line)
    except Unreadable as error:
        why = msg("{file}: {detail}", file=path.name, detail=error.detail)
        return Reply(request=request, status=Status.MALFORMED, detail=why)
    except OutOfTime:
        return Reply(request=request, status=Status.TIMED_OUT)
    return Reply(request=request, exit_code=0, stdout=b"".join(out), truncated=not whole)


def _bytes(request: Request, path: Path) -> bytes | Reply:
    """The bytes of the file, or why there are none."""
    raw = read_declared(request, path, lambda stream: stream.read(FILE_MAX + 1))
    if isinstance(raw, Reply):
        return raw
    if len(raw) > FILE_MAX:
        why = msg("{file}: it is larger than {count} bytes", file=path.name, count=FILE_MAX)
        return Reply(request=request, status=Status.MALFORMED, detail=why)
    return raw
