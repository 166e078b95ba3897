"""Processes that evaluate one object after another, each watched from outside.

A worker announces each step in memory that it shares with its parent, so that whoever watches it
knows where it hangs or died without being woken at every step.
"""

from __future__ import annotations

import contextlib
import gc
import mmap
import os
import signal
import struct
import sys
import traceback
from collections.abc import Callable, Iterable

from audit_core.api.forks import forked
from audit_core.evaluate.skipped import Step

Handler = Callable[[bytes, Step], bytes]
"""What a worker does: from the bytes of an order to those of its outcome. It must not raise."""

_STEP_BYTES = 512
_OBJECTS = 20_000
_LENGTH = struct.Struct("<I")


class _Steps:
    """The step that a worker is at, in memory that it shares with its parent."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, _STEP_BYTES)
        self._count = 0

    def enter(self, name: str) -> None:
        """The step `name` begins."""
        self._count += 1
        text = b"%d %s" % (self._count, name.encode("utf-8", "backslashreplace"))
        text = text[: _STEP_BYTES - 1] + b"\0"  # what stands behind it is of earlier steps
        self._page[: len(text)] = text

    def seen(self) -> bytes:
        """Bytes that differ from step to step."""
        return self._page[:]

    def last(self) -> str:
        """The name of the step begun last, or empty."""
        text = self._page[:].partition(b"\0")[0]
        return text.partition(b" ")[2].decode("utf-8", "replace")

    def close(self) -> None:
        """The memory is given back."""
        self._page.close()


class Worker:
    """One process. `others` are the workers that run already: it must not hold their pipes open."""

    def __init__(self, handler: Handler, others: Iterable[Worker]) -> None:
        order_r, self._order_w = os.pipe()
        self.outcome_r, outcome_w = os.pipe()
        self._steps = _Steps()
        self._data = bytearray()
        self._last_seen, self._still = b"", 0
        self.number = -1
        self._pid = forked()
        if self._pid == 0:
            inherited = [self._order_w, self.outcome_r]
            inherited += [fd for w in others for fd in (w._order_w, w.outcome_r)]
            _child(handler, self._steps.enter, order_r, outcome_w, inherited)
        os.close(order_r)
        os.close(outcome_w)

    def fileno(self) -> int:
        """Where outcomes come from; ready also where the process died."""
        return self.outcome_r

    def begin(self, number: int, order: bytes) -> None:
        """Sends `order` to the worker; a crash is noticed when reading."""
        self.number, self._still = number, 0
        with contextlib.suppress(BrokenPipeError):
            _write(self._order_w, order)

    def read(self) -> bytes | None:
        """The whole outcome, or None as long as more is to come; raises EOFError for a dead one."""
        piece = os.read(self.outcome_r, 1 << 20)
        if not piece:
            raise EOFError
        self._still = 0
        self._data += piece
        if len(self._data) < _LENGTH.size:
            return None
        end = _LENGTH.size + _LENGTH.unpack_from(self._data)[0]
        if len(self._data) < end:
            return None
        whole, self._data = bytes(self._data[_LENGTH.size : end]), bytearray()
        return whole

    def stood_still(self) -> int:
        """How many times in a row the worker was found at the same step."""
        state = self._steps.seen()
        self._still = self._still + 1 if state == self._last_seen else 0
        self._last_seen = state
        return self._still

    @property
    def step(self) -> str:
        """The parser or check that the worker began last."""
        return self._steps.last()

    def end(self) -> None:
        """The process is gone, whatever it was doing."""
        os.close(self._order_w)
        os.close(self.outcome_r)
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        self._steps.close()


def collect_rarely() -> None:
    """Python looks for cycles of garbage less often, and never among what is there by now.

    Nearly everything that an evaluation makes is freed without it; at its usual 700 objects it
    looked some 60 times on a host, a twentieth of all CPU.
    """
    gc.freeze()
    gc.set_threshold(_OBJECTS)


def _child(
    handler: Handler, step: Step, order_r: int, outcome_w: int, inherited: list[int]
) -> None:
    try:
        for fd in inherited:
            os.close(fd)
        collect_rarely()
        while (order := _read(order_r)) is not None:
            _write(outcome_w, handler(order, step))
    except Exception:  # noqa: BLE001 (a fault of ours, and nobody else would tell it)
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(0)


def _write(fd: int, data: bytes) -> None:
    left = memoryview(_LENGTH.pack(len(data)) + data)
    while left:
        left = left[os.write(fd, left) :]


def _read(fd: int) -> bytes | None:
    """The bytes of one order; None where no more will come."""
    head = _exactly(fd, _LENGTH.size)
    return _exactly(fd, _LENGTH.unpack(head)[0]) if head else None


def _exactly(fd: int, size: int) -> bytes:
    data = b""
    while len(data) < size and (piece := os.read(fd, size - len(data))):
        data += piece
    return data
