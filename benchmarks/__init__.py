"""Side by side against peers, as ratios within one run: `python -m benchmarks`, or `make bench`.

May import `audit_core`, the plugins, and the servers of `tests/live`.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The servers are those of the live tests; tests/ is no source root and is not installed.
sys.path.insert(0, str(ROOT / "tests"))
