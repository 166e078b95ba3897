"""Probers, each asked in a process of its own that is ended past its time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading

import msgspec

from audit_core.api.hooks import Prober, ProbeReply
from audit_core.collect.clock import now
from audit_core.connectors import worker
from audit_core.model import Probe, Reason, Status
from audit_core.plan import batch
from audit_core.store.bundles import Reply

_PROBE_STATUS = {
    Reason.NOT_PRESENT: Status.NOT_PRESENT,
    Reason.NOT_PERMITTED: Status.NOT_PERMITTED,
    Reason.UNREACHABLE: Status.UNREACHABLE,
    Reason.TIMED_OUT: Status.TIMED_OUT,
    Reason.UNSUPPORTED: Status.UNSUPPORTED,
    Reason.NOT_COLLECTED: Status.UNSUPPORTED,
    Reason.FAULT: Status.FAULT,
}


def probe_reply(probe: Probe, got: ProbeReply, started: str) -> Reply:
    """What is stored of `got`, the answer to `probe`."""
    status = Status.ANSWERED
    if got.reason is not None:
        status = _PROBE_STATUS.get(got.reason, Status.MALFORMED)
    return Reply(
        request=probe,
        status=status,
        exit_code=got.exit_code if got.reason is None else None,
        stdout=got.stdout[: probe.limit],
        stderr=got.stderr[: batch.STDERR_LIMIT],
        truncated=got.truncated or len(got.stdout) > probe.limit,
        round=3,
        started=started,
        ended=now(),
        how="from the collector over the network",
        detail=got.detail,
    )


class ProberProcess:
    """A prober's process while it is asked; calling this ends it, also one that begins later."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._over = False
        self._guard = threading.Lock()

    def begun(self, child: subprocess.Popen[bytes]) -> None:
        """`child` is what asks."""
        with self._guard:
            self._child = child
            if self._over:
                self._end()

    def __call__(self) -> None:
        with self._guard:
            self._over = True
            self._end()

    def _end(self) -> None:
        # Only while it is not reaped: later its number may be that of somebody else's group.
        if self._child is not None and self._child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)


def ask_prober(prober: Prober, probe: Probe, asking: ProberProcess | None = None) -> ProbeReply:
    """What `prober` answers, asked in a child process that is killed past its time."""
    order = worker.Order(
        entry=prober.entry,
        args=probe.args,
        timeout_s=probe.timeout_s,
        limit=probe.limit,
        path=tuple(sys.path),
    )
    child = subprocess.Popen(
        [sys.executable, "-m", "audit_core.connectors.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    if asking is not None:
        asking.begun(child)
    try:
        out, err = child.communicate(msgspec.json.encode(order), timeout=probe.timeout_s + 15)
    except subprocess.TimeoutExpired:
        return ProbeReply(reason=Reason.TIMED_OUT, detail="the prober did not end in time")
    finally:
        _kill_group(child)
    return _told(child.returncode, out, err)


def _told(code: int, out: bytes, err: bytes) -> ProbeReply:
    try:
        if code == 0:
            return msgspec.json.decode(out, type=ProbeReply)
    except msgspec.MsgspecError:
        pass
    detail = f"the prober died (exit status {code})"
    return ProbeReply(reason=Reason.FAULT, detail=detail, stderr=err[-2000:])


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    # Also what the prober left behind: the group outlives its leader.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    # What left the group may hold the pipes open: their end is not waited for.
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
