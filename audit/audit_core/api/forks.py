"""Processes that share the memory of the one that starts them."""

from __future__ import annotations

import gc
import os
import signal
import sys
import warnings


def processors() -> int:
    """The number of processors that this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def forked() -> int:
    """The id of a new process; 0 in the new one, which must end by `os._exit`.

    The new process is killed when this one is, and signals have their usual effect on it.
    """
    parent = os.getpid()
    with warnings.catch_warnings():
        # No other thread of ours runs here; what a library left asleep holds no lock we take.
        warnings.simplefilter("ignore", DeprecationWarning)
        gc.freeze()
        pid = os.fork()
    if pid == 0:
        _die_with(parent)
        for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, signal.SIG_DFL)
    return pid


def _die_with(parent: int) -> None:
    """Kills this process when its parent is killed: a check without end would hold locks for ever.

    prctl(2), PR_SET_PDEATHSIG. Elsewhere than on Linux it ends when its work does.
    """
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() != parent:  # it was killed before we asked
        os._exit(0)
