"""Several hosts asked at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

In = TypeVar("In")
Out = TypeVar("Out")

_AT_ONCE = 64


def results(asked: Callable[[In], Out], hosts: Iterable[In]) -> list[tuple[In, Out]]:
    """Each of `hosts` with what `asked` returns of it; an interrupt waits for none of them."""
    each = list(hosts)
    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        found = list(pool.map(asked, each))
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    return list(zip(each, found, strict=True))
