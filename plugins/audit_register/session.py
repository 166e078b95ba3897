"""Reads a register from its file. Runs in a worker process."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import IO

from audit_core.api.declared_files import Unreadable, all_bytes, file_session, read_declared
from audit_core.api.sessions import OneByOne
from audit_core.model import ConnectionContext, Reply, msg
from audit_register.builtin_registers import BY_ID
from audit_register.columns import Register, with_heads
from audit_register.kinds import RegisterAccess
from audit_register.reading.register_file import RegisterFile
from audit_register.request import RegisterRows

FILE_MAX = 64 << 20
"""Bytes of a file; of xlsx, packed."""


def open(context: ConnectionContext) -> OneByOne:
    """A session that reads the file of the target; nobody logs in."""
    access: RegisterAccess = context.access
    answer = partial(_answered, access=access)
    return file_session("register", RegisterRows, answer)


def _answered(request: RegisterRows, access: RegisterAccess) -> Reply:
    path = Path(access.file)
    return read_declared(request, path, partial(_read, request, access, path.name))


def _register(id: str, heads: Mapping[str, str]) -> Register:
    """The register with the heads that the inventory gives its columns."""
    register = BY_ID[id]
    known = [column.id for column in register.columns]
    for name in heads:
        if name not in known:
            raise Unreadable(msg("columns in the inventory: there is no column {name}; there are "
                                 "{known}", name=name, known=tuple(known)))  # fmt: skip
    return with_heads(register, heads)


def _read(request: RegisterRows, access: RegisterAccess, name: str, stream: IO[bytes]) -> Reply:
    deadline = time.monotonic() + request.timeout_s
    raw = all_bytes(stream, FILE_MAX)
    about = {"file": name, "sha256": hashlib.sha256(raw).hexdigest(), "size": len(raw)}
    file = RegisterFile(
        _register(request.register, access.columns or {}), name, raw, rows=request.rows,
        deadline=deadline, sheet=access.sheet,
    )  # fmt: skip
    out, size, whole = [], 0, True
    for line in file.lines(about):
        if size + len(line) > request.limit:
            whole = False
            break
        out.append(line)
        size += len(line)
    return Reply(request=request, exit_code=0, stdout=b"".join(out), truncated=not whole)
