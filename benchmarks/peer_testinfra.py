"""pytest-testinfra asks what it is told on stdin, of all hosts at once; prints what it cost.

    python -m benchmarks.peer_testinfra ssh|paramiko <asked.json

Hosts are asked in threads of one process, kinder to it than the processes of pytest-xdist. The CPU
is that of this process and of the `ssh` programs it started, without those in the background.
"""

from __future__ import annotations

import importlib
import json
import resource
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import testinfra

_AT_ONCE = 16  # as many as dengbao takes on by itself


def _ask(backend: str, host: str, order: dict[str, Any]) -> int:
    asked = testinfra.get_host(f"{backend}://{host}", ssh_config=order["config"])
    answers = [asked.run(command) for command in order["commands"]]
    found = [asked.file(path) for path in order["files"]]
    texts = [file.content for file in found if file.exists]
    return len(answers) + len(texts)


def _cpu() -> float:
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, who))


def main() -> None:
    """Asks, then tells."""
    backend, order = sys.argv[1], json.load(sys.stdin)
    warnings.simplefilter("ignore")
    importlib.import_module(f"testinfra.backend.{backend}")
    started, cpu = time.monotonic(), _cpu()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = sum(pool.map(lambda host: _ask(backend, host, order), order["hosts"]))
    reported = {"wall": time.monotonic() - started, "cpu": _cpu() - cpu, "answers": answers}
    for host in order["hosts"] if backend == "ssh" else ():
        argv = ["ssh", "-F", order["config"], "-O", "exit", host]
        subprocess.run(argv, stderr=subprocess.DEVNULL, check=True)
    print(json.dumps(reported))


if __name__ == "__main__":
    main()
