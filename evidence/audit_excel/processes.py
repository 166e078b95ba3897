"""Work that is independent, spread over the processors."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from typing import NoReturn, TypeVar

from audit_core.api.forks import forked, processors

T = TypeVar("T")


def spread(items: Sequence[T], work: Callable[[T], None]) -> None:
    """`work` was done for each of `items`; what it leaves must lie in files.

    Forked processes share what is in memory, so that nothing is copied between them. What a
    process could not do is done again here, and raises here what it raised there.
    """
    count = max(1, min(len(items), processors()))
    children = [_begun(items[at::count], work) for at in range(1, count)]
    try:
        for item in items[::count]:
            work(item)
        for at in range(1, count):
            if not _ended_well(children.pop(0)):
                for item in items[at::count]:
                    work(item)
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _begun(items: Sequence[T], work: Callable[[T], None]) -> int:
    pid = forked()
    if pid == 0:
        _child(items, work)
    return pid


def _child(items: Sequence[T], work: Callable[[T], None]) -> NoReturn:
    try:
        for item in items:
            work(item)
        os._exit(0)
    finally:
        os._exit(1)


def _ended_well(pid: int) -> bool:
    return os.waitpid(pid, 0)[1] == 0
