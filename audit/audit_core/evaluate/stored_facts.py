"""Values of facts as a run's results hold them, for what is proposed from them."""

from __future__ import annotations

from typing import Any

from audit_core.evaluate.fact_values import read_back
from audit_core.model import Fact, Known, Target
from audit_core.model.results import FactValue, Results


class StoredFacts:
    """Gives the value of a fact about a target; None where it is not known.

    The values of one object are in memory at a time: ask object by object.
    """

    def __init__(self, results: Results) -> None:
        self._results = results
        self._entries = {entry.object: entry for entry in results.entries}
        self._object = ""
        self._values: dict[tuple[str, str], FactValue] = {}

    def __call__(self, fact: Fact, target: Target) -> Any:
        """The value of `fact` about `target`, which need not be one of the run."""
        object = self._results.object_of.get(target.id)
        if object is None:
            return None
        self._look_at(object)
        value = self._values.get((fact.id, target.id))
        got = None if value is None else read_back(value, fact)
        return got.value if isinstance(got, Known) else None

    def _look_at(self, object: str) -> None:
        if object == self._object:
            return
        entry = self._entries.get(object)
        found = () if entry is None else self._results.facts_of(entry)
        self._object, self._values = object, {(v.fact, v.target): v for v in found}
