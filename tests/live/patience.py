"""Waiting for what must come, on a machine that may be busy, slow or stalled."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE_S = 120.0  # what takes longer hangs; nothing that is waited for takes a second by itself


def eventually(look: Callable[[], T], within_s: float = PATIENCE_S) -> T:
    """What `look` gives as soon as it is true, else what it gave last."""
    deadline = time.monotonic() + within_s
    while not (seen := look()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return seen
