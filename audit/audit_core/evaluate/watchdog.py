"""Evaluates in a child process, so that a check or parser that hangs or dies costs only itself.

Evaluation is a pure function of bundles and policy, so it can be begun again: what hung or killed
its process is left out the next time round and becomes a finding that names the fault. The parent
stays alive whatever a plugin does.
"""

from __future__ import annotations

import gc
import mmap
import os
import select
import signal
import warnings

import msgspec
from msgspec import Struct

from audit_core.evaluate.compute import Work, compute
from audit_core.evaluate.skipped import SkippedSteps, Step
from audit_core.model import Message, errors, json_safe, msg
from audit_core.model.errors import ConfigError, DengbaoError
from audit_core.model.results import encode
from audit_core.store.runs import Run

STEP_SECONDS = 10.0
_STEP_BYTES = 512
_LOOKS = 20  # how often in STEP_SECONDS the parent looks whether the child moved


def evaluate(run: Run, work: Work, *, step_seconds: float = STEP_SECONDS) -> bytes:
    """The results of `run` as canonical JSON; raises what broken input raises."""
    skipped = SkippedSteps()
    while True:
        outcome = _attempt(run, work, skipped, step_seconds)
        if isinstance(outcome, bytes):
            return outcome
        if not outcome:
            raise ConfigError(msg("{name}: evaluation died before its first step", name=run.id))
        if outcome in skipped:
            raise ConfigError(msg("{name}: evaluation died ({step})", name=run.id, step=outcome))
        skipped = skipped.with_step(outcome)


class _Steps:
    """The step that the child is at, in memory that parent and child share.

    Not a pipe: each of the 130 steps of a host would wake the parent.
    """

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, _STEP_BYTES)
        self._count = 0

    def enter(self, name: str) -> None:
        """The step `name` begins."""
        self._count += 1
        text = name.encode("utf-8", "backslashreplace")
        self._page[:] = (b"%d %s" % (self._count, text))[:_STEP_BYTES].ljust(_STEP_BYTES, b"\0")

    def seen(self) -> bytes:
        """Bytes that differ from step to step."""
        return self._page[:]

    def last(self) -> str:
        """The name of the step begun last, or empty."""
        return self._page[:].rstrip(b"\0").partition(b" ")[2].decode("utf-8", "replace")

    def close(self) -> None:
        """The memory is given back."""
        self._page.close()


def _attempt(run: Run, work: Work, skipped: SkippedSteps, step_seconds: float) -> bytes | str:
    """The results, or the step at which the child hung or died."""
    result_r, result_w = os.pipe()
    steps = _Steps()
    with warnings.catch_warnings():
        # No other thread of ours runs here; what a library left asleep holds no lock we take.
        warnings.simplefilter("ignore", DeprecationWarning)
        gc.freeze()
        pid = os.fork()
    if pid == 0:
        os.close(result_r)
        _child(run, work, skipped, steps.enter, result_w)
    os.close(result_w)
    try:
        return _outcome(_watch(pid, result_r, steps, step_seconds), steps.last())
    finally:
        os.close(result_r)
        steps.close()


def _child(run: Run, work: Work, skipped: SkippedSteps, step: Step, result_w: int) -> None:
    code = 70
    try:
        for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, signal.SIG_DFL)
        code = _send(result_w, run, work, skipped, step)
    finally:
        os._exit(code)


class _Broken(Struct, frozen=True):
    """An error of the child, as it crosses the pipe."""

    exit_code: int
    said: Message


def _send(result_w: int, run: Run, work: Work, skipped: SkippedSteps, step: Step) -> int:
    try:
        data, mark = encode(compute(run, work, skipped, step)), b"R"
    except DengbaoError as error:
        data = msgspec.json.encode(_Broken(error.exit_code, json_safe(error.said)))
        mark = b"E"
    with os.fdopen(result_w, "wb") as out:
        out.write(data)
        out.write(mark)
    return 0


def _watch(pid: int, result_r: int, steps: _Steps, step_seconds: float) -> bytearray:
    """What the child sends; it is killed when it neither sends nor enters a step for so long.

    Looks are counted, not time: a machine that was suspended meanwhile costs one of them.
    """
    data, seen, idle = bytearray(), b"", 0
    try:
        while True:
            ready, _, _ = select.select([result_r], [], [], step_seconds / _LOOKS)
            if ready:
                chunk = os.read(result_r, 1 << 16)
                if not chunk:
                    break
                data += chunk
            idle = 0 if ready or steps.seen() != seen else idle + 1
            seen = steps.seen()
            if idle > _LOOKS:
                os.kill(pid, signal.SIGKILL)
                break
    except KeyboardInterrupt:
        os.kill(pid, signal.SIGKILL)  # nobody else would end a step that hangs
        raise
    finally:
        os.waitpid(pid, 0)
    return data


def _outcome(data: bytearray, last: str) -> bytes | str:
    mark = bytes(data[-1:])
    del data[-1:]
    if mark == b"R":
        return bytes(data)
    if mark == b"E":
        raise _again(msgspec.json.decode(data, type=_Broken))
    return last


def _again(broken: _Broken) -> DengbaoError:
    classes = (errors.UsageError, errors.InputError, errors.StoreError, errors.ConfigError)
    made = next((c for c in classes if c.exit_code == broken.exit_code), ConfigError)
    return made(broken.said)
