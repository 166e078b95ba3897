"""Which directories of a host are likely to hold backups. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from typing import Any

from audit_core.api.sdk import Part, Target, msg

_WORD = re.compile(r"(?:^|[-_.0-9])(?:backups?|bak|restic|borg|bareos|bacula)(?:$|[-_.0-9])", re.I)
_NOT_ID = re.compile(r"[^A-Za-z0-9._-]")


def backups(target: Target, mounts: Any) -> Iterable[Part]:
    """A set at each mount point of `target` whose name says backup, by path."""
    for path in sorted({mount.place for mount in mounts or ()}):
        if path.startswith("/") and path.isprintable() and path.isascii() and _names(path):
            name = _NOT_ID.sub("-", posixpath.basename(path)).strip("-._")
            why = msg("A file system is mounted at {path}", path=path)
            yield Part(id=name or None, settings={"path": path}, why=why)


def _names(path: str) -> bool:
    return any(_WORD.search(part) for part in path.split("/"))
