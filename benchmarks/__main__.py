"""Measures and prints one table: python -m benchmarks [--quick] [--only PART] [--write FILE]."""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from audit_core import __version__
from benchmarks import databases, hosts, start, stored, sweep
from benchmarks.table import Row, markdown

_PARTS = {
    "start": start.rows,
    "hosts": hosts.rows,
    "sweep": sweep.rows,
    "databases": databases.rows,
    "evaluate": stored.evaluating,
    "pack": stored.packing,
    "many": stored.many,
}
_READING = """\
Each number is a median with the least and the greatest value; each ratio is the median of the
ratios of pairs that were measured one right after the other. Everything, the twenty hosts
included, runs on one machine, so wall times rise and fall with whatever else it does, most of all
those of twenty hosts at once; CPU times move less, counts not at all. The aims are the project's,
met or not. What is compared, and how, stands at the top of each file in `benchmarks/`.
"""


def _machine() -> str:
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    ssh = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True).stderr.strip()
    load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    versions = "; ".join(f"{name} {version(name)}" for name in ("paramiko", "pytest-testinfra"))
    return (
        f"{os.cpu_count()} x {cpu}; Linux {platform.release()}; "
        f"Python {platform.python_version()}; {ssh}; {versions}; dengbao {__version__}; "
        f"load before {load}"
    )


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def _measured(parts: list[str], repeats: hosts.Repeats) -> Iterator[Row]:
    for part in parts:
        for row in _PARTS[part](repeats, _say):
            _say(" | ".join(row.cells))
            yield row


def _page(machine: str, command: str, table: str) -> str:
    today = datetime.datetime.now(datetime.UTC).date()
    return (
        f"# Benchmarks\n\nMeasured on {today} with `{command}`; `make bench` repeats it.\n\n"
        f"{machine}\n\n{table}\n\n{_READING}"
    )


def main() -> int:
    """0 when everything was measured, whatever came out."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repeats, fewer hosts")
    parser.add_argument("--only", choices=_PARTS, action="append", help="only this part")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page here, too")
    args = parser.parse_args()
    machine, command = _machine(), " ".join(["python -m benchmarks", *sys.argv[1:]])
    rows = list(_measured(args.only or list(_PARTS), hosts.Repeats(quick=args.quick)))
    page = _page(machine, command, markdown(rows))
    print(page)
    if args.write:
        args.write.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
