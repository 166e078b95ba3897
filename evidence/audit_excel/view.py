"""The results as sheets read them: look-ups and orders. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from audit_core.model import Conclusion, Finding, Result, msg
from audit_core.model.results import (
    Clause,
    Evidence,
    ObjectResults,
    PackSource,
    number_width,
    total,
)
from audit_excel.labels import TARGET_STATES, Counts, Words
from audit_excel.parts import Part, members
from audit_excel.sessions import sessions


def count(conclusions: Iterable[Conclusion]) -> Counts:
    """How many conclusions there are of each result."""
    counts = dict.fromkeys(Result, 0)
    for conclusion in conclusions:
        counts[conclusion.conclusion] += 1
    return counts


def added(counts: Iterable[Mapping[str, int]]) -> Counts:
    """The sum of counts by the value of a result."""
    sums = total(counts)
    return {result: sums[result] for result in Result}


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


class View(Words):
    """Look-ups over the objects of one workbook, which keep the order of the results.

    Only these objects are in memory; `part` says which workbook of several it is, and `home` in
    which of them each object stands.
    """

    def __init__(self, source: PackSource, part: Part, home: Mapping[str, str]) -> None:
        super().__init__(source)
        self.home = home
        results = source.results
        self.part, self.results, self.run = part, results, results.run
        self.clauses = {(c.catalog, c.id): c for c in results.clauses}
        self.checks = {c.id: c for c in results.checks}
        self.statuses = {s.target: s for entry in part.entries for s in entry.targets}
        self.targets = members(results, part)
        titles = {k.id: self.say(k.title) for k in results.index.kinds}
        self._kind_words = {t.id: titles.get(t.kind, t.kind) for t in results.targets}
        self._digits = number_width(results)
        self._take([results.object(entry) for entry in part.entries])
        self.by_object, self.by_layer = self._grouped()
        self.whole = {entry.object for entry in part.entries if entry.whole}
        self.items_of = self._items_of()
        self._looked = self._by_whole()
        self._names = self._named()

    def _take(self, objects: Sequence[ObjectResults]) -> None:
        self.found = tuple(f for o in objects for f in o.findings)
        self._about = {o.object: o.about for o in objects}
        self.conclusions = tuple(c for o in objects for c in o.conclusions)
        self.findings = {f.id: f for o in objects for f in (*o.cited, *o.findings)}
        self._cited = {f.id for o in objects for f in o.cited} - {f.id for f in self.found}
        self.observations = self.part.numbered(o.observations for o in objects)
        self._evidence = {evidence.digest: number for number, evidence in self.observations}
        self._rows = {number: row for row, (number, _) in enumerate(self.observations)}

    def _grouped(self) -> tuple[dict[str, list[Conclusion]], dict[str, list[Conclusion]]]:
        clause_rank = {key: rank for rank, key in enumerate(self.clauses)}
        target_rank = {key: rank for rank, key in enumerate(self.targets)}

        def order(c: Conclusion) -> tuple[int, str, int, str]:
            at = clause_rank.get((c.catalog, c.clause), len(clause_rank))
            return at, c.clause, target_rank.get(c.target, len(target_rank)), c.target

        objects: dict[str, list[Conclusion]] = defaultdict(list)
        layers: dict[str, list[Conclusion]] = defaultdict(list)
        for conclusion in sorted(self.conclusions, key=order):
            objects[conclusion.target].append(conclusion)
            layers[self.layer(self.clause(conclusion))].append(conclusion)
        ids = sorted(objects, key=lambda t: (target_rank.get(t, len(target_rank)), t))
        return {id: objects[id] for id in ids}, dict(layers)

    def _items_of(self) -> dict[str, list[str]]:
        """The clauses whose conclusions name a finding, by its id, each once."""
        found: dict[str, dict[str, None]] = defaultdict(dict)
        for conclusions in self.by_object.values():
            for conclusion in conclusions:
                for id in conclusion.findings:
                    found[id][conclusion.clause] = None
        return {id: list(clauses) for id, clauses in found.items()}

    def _by_whole(self) -> dict[str, list[Evidence]]:
        # Observations of a part count for the object that it belongs to.
        looked: dict[str, list[Evidence]] = defaultdict(list)
        for _, evidence in self.observations:
            looked[self.object_of(evidence.target)].append(evidence)
        return dict(looked)

    def _named(self) -> dict[str, str]:
        # Objects of the whole system are there without having been declared.
        # An id that only repeats the type, such as `mobile-payment`, is shown by the type's name.
        words = {
            id: self.object_type(target.object_type)
            for id, target in self.targets.items()
            if id.replace("-", "_") == target.object_type
        } | {o.id: self.name_of(o) for o in self.results.index.system_objects}
        free = {id: word for id, word in words.items() if word not in self.targets}
        return {id: w for id, w in free.items() if id in self.targets}

    # --- the run

    @property
    def title(self) -> str:
        """What was audited, in the pack's language."""
        results = self.results
        return (results.title if self.zh else results.title_en) or results.title

    @property
    def alarm(self) -> str:
        """What must be said of a run that was not carried through; empty otherwise."""
        if self.results.complete:
            return ""
        return self.text("INCOMPLETE RUN: not everything was collected, the results are partial")

    def reached(self, target: str) -> tuple[str, ...]:
        """How far `target` was reached, and why no further; empty where nothing is known."""
        status = self.statuses.get(target)
        if status is None:
            return ()
        detail = () if status.detail is None else (self.say(status.detail),)
        return (self.say(TARGET_STATES[status.state]), *detail)

    def carried_out(self, target: str) -> bool:
        """Whether everything that was to be asked of `target` was asked and answered."""
        status = self.statuses.get(target)
        return status is None or status.carried_out

    # --- clauses

    @property
    def used_clauses(self) -> list[Clause]:
        """Every clause of the results, then those that only a conclusion names.

        Of one workbook among several, only the clauses that concern one of its objects.
        """
        named = {(c.catalog, c.clause): c for c in self.conclusions}
        extra = [self.clause(c) for key, c in named.items() if key not in self.clauses]
        known = self.clauses.items()
        return [*(c for key, c in known if self.part.only or key in named), *extra]

    def layers(self) -> dict[str, str]:
        """The names of the layers of all clauses, by what the results count them under."""
        return {c.layer: self.layer(c) for c in self.results.clauses}

    def clause(self, conclusion: Conclusion) -> Clause:
        """The clause of `conclusion`; one that the results do not hold is marked as unknown."""
        known = self.clauses.get((conclusion.catalog, conclusion.clause))
        return known or Clause(
            catalog=conclusion.catalog, id=conclusion.clause, unit=conclusion.unit,
            confidence="unknown",
        )  # fmt: skip

    # --- objects

    @property
    def sheet_of_object(self) -> dict[str, list[Conclusion]]:
        """The conclusions on each object that has a record sheet of its own."""
        return {id: found for id, found in self.by_object.items() if id not in self.whole}

    @property
    def sheet_of_layer(self) -> dict[str, list[Conclusion]]:
        """The conclusions on objects of the whole system by layer, where their records stand."""
        found = {n: [c for c in cs if c.target in self.whole] for n, cs in self.by_layer.items()}
        return {name: conclusions for name, conclusions in found.items() if conclusions}

    def name(self, id: str) -> str:
        """The object `id` as people call it; ids that nobody gave are shown as a word."""
        return self._names.get(id, id)

    def object_of(self, target: str) -> str:
        """The id of the object that `target` is concluded with; its own where none is known."""
        return self.results.object_of.get(target, target)

    def kind_of(self, id: str) -> str:
        """What kind of target `id` is, in words."""
        return self._kind_words.get(id, "")

    def about(self, id: str) -> str:
        """What the object `id` is, in one line."""
        target = self.targets.get(id)
        if target is None:
            return self.text("This object is not among the assets of the results")
        labelled = (
            (self.text("Object type"), self.object_type(target.object_type)),
            (self.text("Address"), target.address),
            (self.text("Zone"), target.zone),
            (self.text("Business system"), target.business_system),
            (self.text("Owner"), target.owner),
        )
        colon = "：" if self.zh else ": "
        return self.semicolon.join(f"{name}{colon}{value}" for name, value in labelled if value)

    def facts(self, id: str) -> tuple[str, ...]:
        """What the object `id` is as it was seen: its system, servers, accounts; a line each."""
        colon = "：" if self.zh else ": "
        return tuple(
            f"{self.say(answer.title)}{colon}{self.say(answer.value)}"
            for answer in self._about.get(id, ())
        )

    def sessions_text(self, id: str) -> tuple[str, ...]:
        """Over which sessions, as whom and when `id` and its parts were looked at."""
        lines = sessions(self._looked.get(id, ()), self.moment, self.say)
        return lines or (
            self.text("No evidence was collected from this object itself in this run"),
        )

    # --- findings and evidence

    def findings_of(self, conclusion: Conclusion) -> list[Finding]:
        """The findings that `conclusion` rests on."""
        return [self.findings[id] for id in conclusion.findings if id in self.findings]

    def evidence_number(self, index: int) -> str:
        """The number of the observation at `index` (from 1)."""
        return f"E{index:0{self._digits}d}"

    def evidence_row(self, number: int) -> int:
        """Where the observation of that number stands in the index of this workbook (from 0)."""
        return self._rows[number]

    def evidence_numbers(self, findings: Iterable[Finding]) -> list[int]:
        """The numbers of the observations that `findings` rest on."""
        return [self._evidence[d] for f in findings for d in f.evidence if d in self._evidence]

    def evidence_lines(self, findings: Sequence[Finding]) -> tuple[str, ...]:
        """The numbers of the observations, runs drawn together; unknown digests in full."""
        parts = [
            self.evidence_number(first) + (f"–{self.evidence_number(last)}" if last > first else "")
            for first, last in _runs(self.evidence_numbers(findings))
        ]
        own = [f for f in findings if f.id not in self._cited]
        if len(own) < len(findings):
            parts.append(self.text("in the workbooks of the objects"))
        lost = {d for f in own for d in f.evidence if d not in self._evidence}
        parts += [self.say(msg("{digest} (not in the index)", digest=d)) for d in sorted(lost)]
        return tuple(parts)
