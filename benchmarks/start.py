"""How long the command takes to say what it is."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.clients import BIN
from benchmarks.hosts import Repeats, Say, alternating
from benchmarks.processes import Cost, Job, run
from benchmarks.table import Row, compared, limited

_AIM_S = 0.25


def rows(repeats: Repeats, say: Say) -> Iterator[Row]:
    """Starting `dengbao`, against starting Python."""
    say("starting")
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)

        def started(*argv: str) -> Cost:
            return run([Job(argv=argv)], out)

        ours = str(BIN / "dengbao")
        costs = alternating(
            {
                "--version": lambda: started(ours, "--version"),
                "--help": lambda: started(ours, "--help"),
                "python": lambda: started(sys.executable, "-c", "pass"),
            },
            3 * repeats.pairs,
            say,
        )
    peer = [cost.wall for cost in costs["python"]]
    for words in ("--version", "--help"):
        walls = [cost.wall for cost in costs[words]]
        yield limited(f"dengbao {words}", walls, _AIM_S, "s", 3)
        yield compared(f"dengbao {words}", walls, peer, named="python -c pass", digits=3)
