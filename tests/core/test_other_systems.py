"""On a system that is not Linux everything can be imported, and what does not work says so.

macOS is imitated: a process whose `sys.platform` is darwin and whose modules have no Linux names.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_MACOS = """
import importlib, os, pkgutil, select, signal, socket, sys, types
import zoneinfo  # the standard library cannot load it where the platform is not that of its build

sys.modules["_scproxy"] = types.SimpleNamespace(_get_proxy_settings=dict, _get_proxies=dict)
for module, starts in (
    (os, ("memfd", "MFD_", "sched_", "SCHED_", "pidfd", "posix_fad", "POSIX_FADV",
          "eventfd", "EFD_", "splice", "SPLICE", "copy_file", "setns", "unshare", "CLONE_",
          "getrandom", "GRND_",
          "O_PATH", "O_TMPFILE", "O_DIRECT", "O_NOATIME", "listxattr", "getxattr", "XATTR_")),
    (select, ("epoll",)),
    (signal, ("SIGPWR", "SIGPOLL", "SIGRT", "pidfd", "sigtimedwait", "sigwaitinfo")),
    (socket, ("AF_NETLINK", "AF_PACKET", "AF_ALG", "SO_PEERCRED", "SOCK_CLOEXEC", "SOCK_NONBLOCK",
              "TCP_USER_TIMEOUT")),
):
    for name in [n for n in dir(module) if n.startswith(starts) and n != "O_DIRECTORY"]:
        delattr(module, name)
sys.platform = "darwin"
for folder in sys.argv[1:]:
    sys.path.insert(0, folder)
for root in {p.name for p in pkgutil.iter_modules(sys.argv[1:])}:
    package = importlib.import_module(root)
    for found in pkgutil.walk_packages(package.__path__, root + "."):
        importlib.import_module(found.name)
assert "audit_core.connectors.pool" in sys.modules
assert "audit_tls.probe" in sys.modules
from audit_core.cli import main

assert main(["check", "list"]) == 0
assert main(["plan", "gbt22239-l3", "--grants"]) == 0
sys.exit(main(["run", "gbt22239-l3"]))
"""


def test_everything_is_imported_on_macos_and_run_says_that_it_needs_linux() -> None:
    folders = [str(ROOT / name) for name in ("audit", "plugins", "evidence", "profiles")]
    done = subprocess.run(
        [sys.executable, "-c", _MACOS, *folders],
        capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    reported = "dengbao: dengbao run works on Linux only, this is darwin; "
    assert (done.returncode, done.stderr[: len(reported)]) == (69, reported)
    assert done.stderr.count("\n") == 1
