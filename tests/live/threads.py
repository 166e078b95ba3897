"""No test may leave a thread behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from live.patience import eventually


@contextmanager
def none_left() -> Iterator[None]:
    """Every thread that is started in the block has ended soon after it."""
    before = set(threading.enumerate())
    yield
    eventually(lambda: not set(threading.enumerate()) - before)
    assert not set(threading.enumerate()) - before
