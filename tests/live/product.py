"""The command `dengbao` as a process of its own, as its users run it."""

from __future__ import annotations

import atexit
import functools
import importlib.metadata
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from audit_core.api.plugins import GROUP
from live.forking import Child, Forker, usual_signals

HANGS_S = 900.0  # no command takes a tenth of it, on any machine that is worth testing on
ENTRY = "from audit_core.cli import entry; entry()"
# The peak is told by the command itself: what the kernel tells of a child begins with the peak of
# the process that forked it, here of the whole test session.
_MEASURED = f"""
import atexit, os, resource
def tell():
    with open("/proc/self/status") as status:
        own = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    with open(os.environ["PEAK_FILE"], "w") as peak:
        peak.write(str(max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)))
atexit.register(tell)
{ENTRY}
"""


# What commands import only when they come to use it.
_IMPORTED_LATE = (
    "rich.console", "rich.table", "rich.progress", "openpyxl", "paramiko", "nmap",
    "securesystemslib.dsse", "securesystemslib.signer",
)  # fmt: skip


class Done(Struct, frozen=True, kw_only=True):
    """How one command ended. `max_kb` is the peak memory of it and of what it waited for."""

    code: int
    out: bytes
    err: bytes
    max_kb: int
    seconds: float

    @property
    def stdout(self) -> str:
        return self.out.decode("utf-8", "backslashreplace")

    @property
    def stderr(self) -> str:
        return self.err.decode("utf-8", "backslashreplace")

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def ended(self, *codes: int) -> Done:
        """Itself, if it ended with one of `codes` and printed no traceback."""
        assert self.code in codes, f"exit {self.code}\n{self.stdout[-2000:]}\n{self.stderr[-4000:]}"
        assert b"Traceback" not in self.err, self.stderr
        return self


def environment(home: Path, path: tuple[Path, ...] = (), **more: str) -> dict[str, str]:
    """What the command sees: nothing of ours but where the code is; `path` holds more plugins."""
    places = [*map(str, path), *filter(None, sys.path)]
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(places),
        **more,
    }


class _Process:
    """A command in an interpreter of its own, with the interface of `Child`."""

    def __init__(self, command: list[str], **how: Any) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, cwd="/", start_new_session=True,
            preexec_fn=usual_signals, **how,
        )  # fmt: skip
        self.pid = self._process.pid

    def ended(self, timeout_s: float) -> tuple[int, int] | None:
        """The exit code and the peak memory in KB, or None if it runs on for `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while True:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self._process.returncode = os.waitstatus_to_exitcode(status)
                return self._process.returncode, usage.ru_maxrss
            if time.monotonic() >= deadline:
                return None
            time.sleep(0.005)


@functools.cache
def _forker() -> Forker:
    ours = importlib.metadata.distribution("dengbao").entry_points.select(group=GROUP)
    packages = {entry.module.partition(".")[0] for entry in ours}
    forker = Forker(("audit_core", *sorted(packages), *_IMPORTED_LATE), _MEASURED)
    atexit.register(forker.close)
    return forker


def _can_be_forked(env: Mapping[str, str]) -> bool:
    """Whether `env` holds nothing that an interpreter only looks at when it begins."""
    at_start = {name for name in env if name.startswith(("PYTHON", "LC_", "TZ"))}
    return at_start == {"PYTHONPATH"} and env["LANG"] == "C.UTF-8"


class Running:
    """A command that was started; its streams go to files, so that no pipe can fill up."""

    def __init__(
        self, words: tuple[str, ...], env: Mapping[str, str], prefix: tuple[str, ...], fresh: bool
    ):
        self._out = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as the command runs)
        self._err = tempfile.TemporaryFile()  # noqa: SIM115
        self._peak = tempfile.NamedTemporaryFile()  # noqa: SIM115
        os.fchmod(self._peak.fileno(), 0o666)  # the command may run as somebody else
        env = {**env, "PEAK_FILE": self._peak.name}
        self._begun = time.monotonic()
        self._end: tuple[int, int] | None = None
        self._process: Child | _Process
        if fresh or prefix or not _can_be_forked(env):
            command = [*prefix, sys.executable, "-c", _MEASURED, *words]
            self._process = _Process(command, stdout=self._out, stderr=self._err, env=env)
        else:
            streams = self._out.fileno(), self._err.fileno()
            self._process = _forker().start(words, env, *streams)

    @property
    def pid(self) -> int:
        """The process of the command."""
        return self._process.pid

    def signal(self, number: int) -> None:
        """Sends a signal to the command, to nothing else."""
        if not self.has_ended:
            os.kill(self.pid, number)

    @property
    def has_ended(self) -> bool:
        """True once the command ended."""
        return self._ended(0)

    def _ended(self, timeout_s: float) -> bool:
        if self._end is None:
            self._end = self._process.ended(timeout_s)
        return self._end is not None

    def finish(self) -> None:
        """Ended, its streams closed; for a command that was killed."""
        assert self._ended(HANGS_S)
        self._out.close()
        self._err.close()
        self._peak.close()

    def wait(self, timeout_s: float = HANGS_S) -> Done:
        """How it ended; killed, and a failure, where that takes longer than `timeout_s`."""
        if not self._ended(timeout_s):
            os.killpg(self.pid, signal.SIGKILL)
            self._ended(HANGS_S)
            raise AssertionError(f"no end within {timeout_s} s: {self._read(self._err)[-2000:]!r}")
        assert self._end is not None
        code, peak_kb = self._end
        return Done(
            code=code,
            out=self._read(self._out),
            err=self._read(self._err),
            max_kb=int(self._read(self._peak) or peak_kb),
            seconds=time.monotonic() - self._begun,
        )

    @staticmethod
    def _read(handle: Any) -> bytes:
        handle.seek(0)
        data: bytes = handle.read()
        handle.close()
        return data


def start(
    *words: object, env: Mapping[str, str], prefix: tuple[str, ...] = (), fresh: bool = False
) -> Running:
    """`dengbao WORDS`, started; `fresh` in an interpreter of its own, else forked where it can."""
    return Running(tuple(str(w) for w in words), env, prefix, fresh)


def dengbao(
    *words: object,
    env: Mapping[str, str],
    timeout_s: float = HANGS_S,
    prefix: tuple[str, ...] = (),
    fresh: bool = False,
) -> Done:
    """`dengbao WORDS`, ended; see `start`."""
    return start(*words, env=env, prefix=prefix, fresh=fresh).wait(timeout_s)


def every_byte(folder: Path) -> dict[Path, bytes]:
    """What stands in every file below `folder`."""
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
