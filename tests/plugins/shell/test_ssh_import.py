"""Modules that the SSH library must not import."""

from __future__ import annotations

import subprocess
import sys

_WITHOUT = """
import sys
from audit_shell.ssh import _library
library = _library.library()
assert library.Transport
assert "invoke" not in sys.modules and "unittest" not in sys.modules, "dragged in"
"""
_BEFORE = """
import sys, types
sys.modules["invoke"] = kept = types.ModuleType("invoke")
from audit_shell.ssh import _library
_library.library()
assert sys.modules["invoke"] is kept
"""


def _runs(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_library_comes_without_what_is_not_used() -> None:
    _runs(_WITHOUT)


def test_what_was_imported_before_stays() -> None:
    _runs(_BEFORE)
