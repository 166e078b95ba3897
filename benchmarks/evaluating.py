"""Evaluates a stored run again and again, in a process that did nothing else before.

    python -m benchmarks.evaluating STORE RUN PROFILE TIMES

Prints wall time, CPU of both processes (the evaluation's own and the one that watches it), and the
CPU of the evaluation alone, each in ms.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from audit_core import evaluate
from audit_core.model.results import encode
from audit_core.store.runs import Run, Store
from benchmarks.processes import cost_of
from benchmarks.questions import asked


def _look(run: Run, work: evaluate.Work) -> None:
    """Evaluates every group in this process, without storing anything."""
    evaluator = evaluate.Evaluator(run, work)
    for number, _ in enumerate(evaluator.roots):
        for found in evaluator.evaluate_group(number, evaluate.SkippedSteps(), lambda name: None):
            encode(found)


def main() -> None:
    """Measures, then tells."""
    store, run, profile, times = sys.argv[1:]
    made, work = Store(Path(store)).find(run), asked(profile).work
    costs = [cost_of(lambda: evaluate.evaluate(made, work)) for _ in range(int(times))]
    inside = [cost_of(lambda: _look(made, work)) for _ in range(int(times))]
    reported = {
        "wall": [1000 * cost.wall for cost in costs],
        "cpu": [1000 * cost.cpu for cost in costs],
        "inside": [1000 * cost.cpu for cost in inside],
    }
    print(json.dumps(reported))


if __name__ == "__main__":
    main()
