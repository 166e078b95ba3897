"""Imports a foreign plugin in a child process first, to see whether that ends or hangs it."""

from __future__ import annotations

import contextlib
import importlib
import os
import tempfile
import threading
import time
from typing import NoReturn

from audit_core.api.forks import forked
from audit_core.model import Message, msg

_SECONDS = 20
_DONE = b"done"


def dies(module: str) -> Message | None:
    """Why importing `module` and asking its hooks hangs or crashes a child process, or None.

    A foreign plugin that calls `os._exit` or sleeps at import or in a hook would take the run with
    it, and `os._exit(0)` would even look like a run that found nothing wrong. The child shares what
    is imported already: 15 ms, a tenth of what a new interpreter takes. What a plugin raises is no
    death; it is reported where the plugin is loaded.
    """
    with tempfile.TemporaryFile() as mark:
        pid = forked()
        if pid == 0:
            _try(module, mark.fileno())
        code = _ended(pid)
        mark.seek(0)
        whole = mark.read() == _DONE
    if code is None:
        return msg("its import took more than {seconds} s", seconds=_SECONDS)
    return None if whole else msg("its import ended the process ({code})", code=code)


def _try(module: str, mark_to: int) -> NoReturn:
    """Never returns; writes the mark where nothing ended the process."""
    code = 1
    try:
        _be_quiet()
        with contextlib.suppress(Exception):
            _ask(module)
        _wait_for_threads()
        os.write(mark_to, _DONE)
        code = 0
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else code
    finally:
        os._exit(code)


def _be_quiet() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)


def _ask(module: str) -> None:
    for name, offer in list(vars(importlib.import_module(module)).items()):
        if name.startswith("dengbao_") and callable(offer):
            list(offer())


def _wait_for_threads() -> None:
    """An interpreter does not end before its threads do; one without end would hold the run."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()


def _ended(pid: int) -> int | None:
    """The exit code, negative after a signal; None where it had to be killed after the time."""
    until = time.monotonic() + _SECONDS
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > until:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
            return None
        time.sleep(0.002)
