"""Commands as children of a process that has imported all of dengbao once.

Importing takes several times longer than most commands. A forked child is a process like any
other: it has its own streams, environment, session and exit status, and takes signals.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

_BEGUN, _ENDED = struct.Struct("!q"), struct.Struct("!qq")  # pid; wait status and peak memory
_ORDER_BYTES = 1 << 17


def usual_signals() -> None:
    """A shell's background job ignores SIGINT, one under nohup SIGHUP, and so would children."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


class Child:
    """A forked command. `ended` waits for its end: the exit code as Popen has it, and the peak."""

    def __init__(self, status: socket.socket) -> None:
        self._status = status
        status.settimeout(None)
        self.pid = _BEGUN.unpack(_whole(status.recv(_BEGUN.size)))[0]

    def ended(self, timeout_s: float) -> tuple[int, int] | None:
        """The exit code and the peak memory in KB, or None if it runs on for `timeout_s`."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._status, selectors.EVENT_READ)
            if not selector.select(timeout_s):
                return None
        how, peak_kb = _ENDED.unpack(_whole(self._status.recv(_ENDED.size)))
        self._status.close()
        return os.waitstatus_to_exitcode(how), peak_kb


def _whole(message: bytes) -> bytes:
    assert message, "the process that forks commands is gone"
    return message


class Forker:
    """The process that forks. Each child runs `program` with its own words as sys.argv."""

    def __init__(self, modules: tuple[str, ...], program: str) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        serve = f"import sys\nfrom live.forking import serve\nserve(int(sys.argv[1]))\n{program}"
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", serve, str(theirs.fileno()), *modules], cwd="/",
                stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=usual_signals,
                pass_fds=(theirs.fileno(),),
                env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8",
                     "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )  # fmt: skip

    def start(self, words: tuple[str, ...], env: Mapping[str, str], out: int, err: int) -> Child:
        """The command, started; its streams are the descriptors `out` and `err`."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        order = json.dumps({"words": words, "env": dict(env)}).encode()
        with theirs:
            socket.send_fds(self._control, [order], [out, err, theirs.fileno()])
        return Child(ours)

    def close(self) -> None:
        """Ended; commands that run go on."""
        self._control.close()
        self._process.wait(60)


# --- in the process that forks --------------------------------------------------------------------


def serve(descriptor: int) -> None:
    """Forks a child for each order; returns in the child, ready to be the command."""
    for name in sys.argv[2:]:
        _import_all(name)
    gc.collect()
    gc.freeze()
    control = socket.socket(fileno=descriptor)
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not control:
                    selector.unregister(key.fileobj)
                    _tell_end(*key.data)
                elif _is_child(control, selector):
                    return


def _import_all(name: str) -> None:
    module = importlib.import_module(name)
    if name.startswith("audit_"):
        for found in pkgutil.walk_packages(module.__path__, f"{name}."):
            importlib.import_module(found.name)


def _is_child(control: socket.socket, selector: selectors.BaseSelector) -> bool:
    """True in the child that was forked. Ends the process where nobody is left to order."""
    raw, descriptors, _, _ = socket.recv_fds(control, _ORDER_BYTES, 3)
    if not raw:
        os._exit(0)
    *streams, status = descriptors
    pid = os.fork()
    if pid == 0:
        others = [key.data[1:] for key in selector.get_map().values() if key.data]
        selector.close()
        control.close()
        for number, stream in enumerate(streams, 1):
            os.dup2(stream, number)
        for other in (*streams, status, *(fd for pair in others for fd in pair)):
            os.close(other)
        _become(json.loads(raw))
        return True
    for stream in streams:
        os.close(stream)
    watch = os.pidfd_open(pid)
    _send(status, _BEGUN.pack(pid))
    selector.register(watch, selectors.EVENT_READ, (pid, watch, status))
    return False


def _tell_end(pid: int, watch: int, status: int) -> None:
    _, how, usage = os.wait4(pid, 0)
    os.close(watch)
    _send(status, _ENDED.pack(how, usage.ru_maxrss))
    os.close(status)


def _send(status: int, message: bytes) -> None:
    with contextlib.suppress(OSError):  # nobody waits for it any more
        os.write(status, message)


def _become(order: dict[str, Any]) -> None:
    """Environment, path and words as a new interpreter would have them."""
    os.setsid()
    os.environ.clear()
    os.environ.update(order["env"])
    own = [place for place in order["env"]["PYTHONPATH"].split(os.pathsep) if place]
    sys.path[:] = ["", *own, *(place for place in sys.path if place and place not in own)]
    sys.argv[:] = ["-c", *order["words"]]
    importlib.invalidate_caches()
