"""What the search of the file systems costs, against find itself over the same tree.

Both run one right after the other, so that both find the cache as warm. The first peer prints every
path and asks the file system about directories only. Who looks for setuid bits must ask about each
file, which alone costs 1.9 times as much CPU (`-perm /6000`, the second peer): the aim of the first
row cannot be reached, that of the second tells what the search adds. The third peer is the one
that hardening guides print: find with `-xdev` for setuid bits, files that everybody may write, and
files without owner or group. It asks less than the search, which has capabilities and access lists
too.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from audit_linux.files.sweep import argv
from benchmarks.hosts import Repeats, Say, alternating
from benchmarks.processes import Cost, Job, run
from benchmarks.table import Row, compared

_TREE = "/usr"
_AIMS = {"plain": 1.0, "modes": 1.3, "same": 1.0}
_SAME = ("(", "-perm", "/6000", "-o", "-perm", "-0002", "!", "-type", "l", "-o", "-nouser",
         "-o", "-nogroup", ")", "-print")  # fmt: skip


def rows(repeats: Repeats, say: Say) -> Iterator[Row]:
    """The search below /usr, against `find -xdev` with no, one and all of its questions."""
    say("searching the file system")
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)

        def searched(*words: str) -> Cost:
            return run([Job(argv=words)], out, {"LC_ALL": "C", "PATH": "/usr/bin"})

        costs = alternating(
            {
                "ours": lambda: searched(*argv(_TREE)),
                "plain": lambda: searched("/usr/bin/find", _TREE, "-xdev"),
                "modes": lambda: searched("/usr/bin/find", _TREE, "-xdev", "-perm", "/6000"),
                "same": lambda: searched("/usr/bin/find", _TREE, "-xdev", *_SAME),
            },
            repeats.pairs,
            say,
        )
    named_peers = (("plain", "find -xdev"), ("modes", "find -xdev -perm /6000"),
                   ("same", "find -xdev: setuid, open files, no owner, no group"))  # fmt: skip
    for peer, named in named_peers:
        walls = [[cost.wall for cost in costs[who]] for who in ("ours", peer)]
        yield compared(f"search of {_TREE}", *walls, named=named, aim=_AIMS[peer])
        used = [[cost.cpu for cost in costs[who]] for who in ("ours", peer)]
        yield compared(f"search of {_TREE}: CPU", *used, named=named)
