"""Child processes with what they cost: wall time, CPU, peak memory of the whole tree."""

from __future__ import annotations

import os
import resource
import subprocess
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from msgspec import Struct

from audit_core.api.forks import forked

_SAMPLE_S = 0.03
_SAMPLE_SHARE = 50  # pauses are so many times as long as sampling


class Cost(Struct, frozen=True, kw_only=True):
    """What one measurement cost. `cpu` is of the client's side only, user and system."""

    wall: float
    cpu: float
    code: int = 0


class Job(Struct, frozen=True, kw_only=True):
    """A program to run, with the file that is its stdin."""

    argv: tuple[str, ...]
    stdin: Path | None = None


def run(jobs: Sequence[Job], out: Path, env: Mapping[str, str] | None = None) -> Cost:
    """What it costs to run all `jobs` at once; their stdout goes to files in `out`."""
    started = time.monotonic()
    pids = [_start(job, out / f"{n}.out", env).pid for n, job in enumerate(jobs)]
    cpu, code = 0.0, 0
    for pid in pids:
        _, status, usage = os.wait4(pid, 0)
        cpu += usage.ru_utime + usage.ru_stime
        code = code or os.waitstatus_to_exitcode(status)
    return Cost(wall=time.monotonic() - started, cpu=cpu, code=code)


def _start(job: Job, out: Path, env: Mapping[str, str] | None) -> subprocess.Popen[bytes]:
    with open(job.stdin or os.devnull, "rb") as stdin, out.open("wb") as stdout:
        return _popen(job.argv, stdin, stdout, env)


def _popen(
    argv: tuple[str, ...], stdin: IO[bytes], stdout: IO[bytes], env: Mapping[str, str] | None
) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        argv, stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL,
        env={**os.environ, **(env or {})},
    )  # fmt: skip
    process.returncode = 0  # it is waited for with wait4, not here
    return process


class Memory:
    """`with Memory() as memory:` samples what the children of this process hold, those spared.

    `peak_mb` is the greatest sum over the tree (shared pages counted once), `largest_mb` the most
    that one process held. Not ru_maxrss: a child's begins with what its parent held.
    """

    def __init__(self, spared: Iterable[int] = ()) -> None:
        self.peak_mb = 0.0
        self.largest_mb = 0.0
        self._spared = frozenset(spared)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        own = _read(os.getpid(), "cmdline")
        pause = _SAMPLE_S
        while not self._stop.wait(pause):
            begun = time.monotonic()
            # A child that has not yet begun its program still shows the memory of this one.
            pids = [p for p in _tree(os.getpid(), self._spared) if _read(p, "cmdline") != own]
            held = sum(_kib(_read(pid, "smaps_rollup"), "Pss") for pid in pids)
            most = max((_kib(_read(pid, "status"), "VmHWM") for pid in pids), default=0)
            self.peak_mb = max(self.peak_mb, held / 1024)
            self.largest_mb = max(self.largest_mb, most / 1024)
            # Adding up pages takes a process some milliseconds, which it is kept from its work.
            pause = max(_SAMPLE_S, _SAMPLE_SHARE * (time.monotonic() - begun))


def _tree(top: int, spared: frozenset[int]) -> list[int]:
    """The processes below `top`, but for those in `spared` and what is below them."""
    below: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        # Of `pid (name) state ppid …` the name may hold anything, brackets too.
        fields = _read(int(name), "stat").rpartition(")")[2].split() if name.isdigit() else []
        if len(fields) > 1:
            below.setdefault(int(fields[1]), []).append(int(name))
    found, left = [], [top]
    while left:
        children = [p for p in below.get(left.pop(), ()) if p not in spared]
        found += children
        left += children
    return found


def _read(pid: int, name: str) -> str:
    """A file of /proc, empty for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""


def _kib(text: str, field: str) -> int:
    line = next((x for x in text.splitlines() if x.startswith(f"{field}:")), "")
    return int(line.split()[1]) if line else 0


def cost_of(work: Callable[[], object]) -> Cost:
    """What `work` costs inside this process, all its threads, and its children that ended."""
    started, cpu = time.monotonic(), _cpu()
    work()
    return Cost(wall=time.monotonic() - started, cpu=_cpu() - cpu)


def _cpu() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def in_parts(work: Callable[[int, int], None], count: int) -> None:
    """Does `work(0, count)` to `work(count - 1, count)`, each in a process of its own."""
    pids = [_child(partial(work, first, count)) for first in range(count)]
    failed = [pid for pid in pids if os.waitpid(pid, 0)[1] != 0]
    assert not failed, "a part of the work failed"


def _child(work: Callable[[], None]) -> int:
    pid = forked()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except Exception:  # noqa: BLE001 (nobody else would tell it)
            traceback.print_exc()
        finally:
            os._exit(code)
    return pid
