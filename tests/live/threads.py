"""No test may leave a thread behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def none_left(within_s: float = 2.0) -> Iterator[None]:
    """Every thread that is started in the block has ended soon after it."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + within_s
    while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not left
