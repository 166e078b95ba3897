"""The command `dengbao` as a process of its own, as its users run it."""

from __future__ import annotations

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


def _usual_signals() -> None:
    # A shell's background job ignores SIGINT, one under nohup SIGHUP, and so would every child:
    # a CI may be one.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


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


class Running:
    """A command that was started; its streams go to files, so that no pipe can fill up."""

    def __init__(self, words: tuple[str, ...], env: Mapping[str, str], prefix: tuple[str, ...]):
        self._out = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as the command runs)
        self._err = tempfile.TemporaryFile()  # noqa: SIM115
        self._peak = tempfile.NamedTemporaryFile()  # noqa: SIM115
        os.fchmod(self._peak.fileno(), 0o666)  # the command may run as somebody else
        env = {**env, "PEAK_FILE": self._peak.name}
        self._begun = time.monotonic()
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-c", _MEASURED, *words], stdin=subprocess.DEVNULL,
            stdout=self._out, stderr=self._err, env=env, cwd="/", start_new_session=True,
            preexec_fn=_usual_signals,
        )  # fmt: skip

    def signal(self, number: int) -> None:
        """Sends a signal to the command, to nothing else."""
        if self.process.returncode is None:
            os.kill(self.process.pid, number)

    @property
    def has_ended(self) -> bool:
        """True once the command ended; it is left for `wait` to reap."""
        how = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.process.pid, how) is not None

    def finish(self) -> None:
        """Reaped, its streams closed; for a command that was killed."""
        if self.process.returncode is None:
            self.process.wait(HANGS_S)
        self._out.close()
        self._err.close()
        self._peak.close()

    def wait(self, timeout_s: float = HANGS_S) -> Done:
        """How it ended; killed, and a failure, where that takes longer than `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
        while pid == 0:
            if time.monotonic() > deadline:
                os.killpg(self.process.pid, signal.SIGKILL)
                os.waitpid(self.process.pid, 0)
                self.process.returncode = -9
                raise AssertionError(
                    f"no end within {timeout_s} s: {self._read(self._err)[-2000:]!r}"
                )
            time.sleep(0.005)
            pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        return Done(
            code=self.process.returncode,
            out=self._read(self._out),
            err=self._read(self._err),
            max_kb=int(self._read(self._peak) or usage.ru_maxrss),
            seconds=time.monotonic() - self._begun,
        )

    @staticmethod
    def _read(handle: Any) -> bytes:
        handle.seek(0)
        data: bytes = handle.read()
        handle.close()
        return data


def start(*words: object, env: Mapping[str, str], prefix: tuple[str, ...] = ()) -> Running:
    """`dengbao WORDS`, started."""
    return Running(tuple(str(w) for w in words), env, prefix)


def dengbao(
    *words: object, env: Mapping[str, str], timeout_s: float = HANGS_S, prefix: tuple[str, ...] = ()
) -> Done:
    """`dengbao WORDS`, ended."""
    return start(*words, env=env, prefix=prefix).wait(timeout_s)


def every_byte(folder: Path) -> dict[Path, bytes]:
    """What stands in every file below `folder`."""
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
