"""The results as sheets read them: look-ups, orders and texts in the language of the pack. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from audit_core.model import (
    Conclusion,
    Coverage,
    Finding,
    Kind,
    Message,
    ObjectType,
    Result,
    Severity,
    Target,
    Verdict,
    msg,
)
from audit_core.results import Clause, Evidence, PackSource

RESULTS = {
    Result.CONFORMING: msg("Conforming"),
    Result.PARTLY_CONFORMING: msg("Partly conforming"),
    Result.NONCONFORMING: msg("Nonconforming"),
    Result.NOT_APPLICABLE: msg("Not applicable"),
    Result.NOT_ASSESSED: msg("Not assessed"),
}
_VERDICTS = {
    Verdict.PASS: msg("pass"),
    Verdict.FAIL: msg("fail"),
    Verdict.NOT_APPLICABLE: msg("not applicable"),
    Verdict.UNDETERMINED: msg("not determined"),
}
_SEVERITIES = {
    Severity.HIGH: msg("High"),
    Severity.MEDIUM: msg("Medium"),
    Severity.LOW: msg("Low"),
}
_RANKS = {Severity.HIGH: 0, Severity.MEDIUM: 1, Severity.LOW: 2}
_ORDER = {
    Verdict.FAIL: 0,
    Verdict.UNDETERMINED: 1,
    Verdict.NOT_APPLICABLE: 2,
    Verdict.PASS: 3,
}
_COVERAGES = {
    Coverage.FULL: msg("in full"),
    Coverage.PARTIAL: msg("in part"),
    Coverage.SUPPORTS: msg("supporting only"),
    Coverage.NONE: msg("none"),
}
_REASONS = {
    "not_present": msg("not present"),
    "not_permitted": msg("no permission to look"),
    "unreachable": msg("not reachable"),
    "timed_out": msg("timed out"),
    "truncated": msg("the answer was cut off"),
    "unparsable": msg("the answer could not be read with certainty"),
    "not_collected": msg("not collected"),
    "unsupported": msg("not supported on this platform"),
    "fault": msg("fault in the tool"),
}
_KINDS = {
    Kind.HOST: msg("Host"),
    Kind.ENDPOINT: msg("Endpoint"),
    Kind.BACKUP_SET: msg("Backup set"),
    Kind.DATABASE: msg("Database"),
    Kind.NETWORK_DEVICE: msg("Network device"),
    Kind.APPLICATION: msg("Application"),
    Kind.DATA_SET: msg("Data set"),
    Kind.NETWORK: msg("Network"),
    Kind.SITE: msg("Site"),
    Kind.ORGANISATION: msg("Organisation"),
}
_OBJECT_TYPES = {
    ObjectType.NETWORK_DEVICE: msg("Network device"),
    ObjectType.SECURITY_DEVICE: msg("Security device"),
    ObjectType.APPLICATION: msg("Application system"),
    ObjectType.MANAGEMENT_PLATFORM: msg("Management platform"),
    ObjectType.SERVER: msg("Server"),
    ObjectType.DATABASE: msg("Database"),
    ObjectType.TERMINAL: msg("Terminal"),
    ObjectType.AUTHENTICATION_DATA: msg("Authentication data"),
    ObjectType.BUSINESS_DATA: msg("Important business data"),
    ObjectType.AUDIT_DATA: msg("Important audit data"),
    ObjectType.CONFIGURATION_DATA: msg("Important configuration data"),
    ObjectType.VIDEO_DATA: msg("Important video data"),
    ObjectType.PERSONAL_INFORMATION: msg("Important personal information"),
    ObjectType.SITE: msg("Site"),
    ObjectType.NETWORK: msg("Network"),
    ObjectType.ORGANISATION: msg("Organisation"),
}
_METHODS = {
    "interview": msg("interview"),
    "examine": msg("examine"),
    "test": msg("test"),
}

Counts = dict[Result, int]
ClauseKey = tuple[str, str]


def count(conclusions: Iterable[Conclusion]) -> Counts:
    """How many conclusions there are of each result."""
    counts = dict.fromkeys(Result, 0)
    for conclusion in conclusions:
        counts[conclusion.conclusion] += 1
    return counts


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


class View:
    """Look-ups over one source. Objects and clauses keep the order of the results."""

    def __init__(self, source: PackSource) -> None:
        results = source.results
        self.source, self.results, self.run = source, results, results.run
        self.text, self.say = source.text, source.say
        self.zh = source.lang == "zh"
        self.clauses = {(c.catalog, c.id): c for c in results.clauses}
        self.targets = {t.id: t for t in results.targets}
        self.checks = {c.id: c for c in results.checks}
        self.findings = {f.id: f for f in results.findings}
        self._evidence = {o.digest: n for n, o in enumerate(results.observations, 1)}
        self._digits = max(5, len(str(len(results.observations))))
        self.by_object, self.by_layer = self._grouped()

    def _grouped(self) -> tuple[dict[str, list[Conclusion]], dict[str, list[Conclusion]]]:
        clause_rank = {key: rank for rank, key in enumerate(self.clauses)}
        target_rank = {key: rank for rank, key in enumerate(self.targets)}

        def order(c: Conclusion) -> tuple[int, str, int, str]:
            at = clause_rank.get((c.catalog, c.clause), len(clause_rank))
            return at, c.clause, target_rank.get(c.target, len(target_rank)), c.target

        objects: dict[str, list[Conclusion]] = defaultdict(list)
        layers: dict[str, list[Conclusion]] = defaultdict(list)
        for conclusion in sorted(self.results.conclusions, key=order):
            objects[conclusion.target].append(conclusion)
            layers[self.layer(self.clause(conclusion))].append(conclusion)
        ids = sorted(objects, key=lambda t: (target_rank.get(t, len(target_rank)), t))
        return {id: objects[id] for id in ids}, dict(layers)

    # --- words ------------------------------------------------------------------------------

    @property
    def used_clauses(self) -> list[Clause]:
        """Every clause of the results, then those that only a conclusion names."""
        named = {(c.catalog, c.clause): c for cs in self.by_object.values() for c in cs}
        extra = [self.clause(c) for key, c in named.items() if key not in self.clauses]
        return [*self.clauses.values(), *extra]

    @property
    def comma(self) -> str:
        """Between the items of a list."""
        return "、" if self.zh else ", "

    @property
    def semicolon(self) -> str:
        """Between the parts of a sentence."""
        return "；" if self.zh else "; "

    @property
    def title(self) -> str:
        """What was audited, in the pack's language."""
        results = self.results
        return (results.title if self.zh else results.title_en) or results.title

    @property
    def disclaimer(self) -> str:
        """The line that every pack carries."""
        return self.text(
            "Self-assessment for reference; no substitute for the assessment body's conclusion"
        )

    @property
    def alarm(self) -> str:
        """What must be said of a run that was not carried through; empty otherwise."""
        if self.run.complete:
            return ""
        return self.text("INCOMPLETE RUN: not everything was asked, the results are partial")

    def result(self, result: Result) -> str:
        """`result` in words."""
        return self.say(RESULTS[result])

    def verdict(self, verdict: Verdict) -> str:
        """`verdict` in words."""
        return self.say(_VERDICTS[verdict])

    def severity(self, severity: Severity) -> str:
        """`severity` in words."""
        return self.say(_SEVERITIES[severity])

    def coverage(self, coverage: Coverage) -> str:
        """`coverage` in words."""
        return self.say(_COVERAGES[coverage])

    def kind(self, kind: Kind) -> str:
        """`kind` in words."""
        return self.say(_KINDS[kind])

    def object_type(self, type: ObjectType) -> str:
        """`type` in words."""
        return self.say(_OBJECT_TYPES[type])

    def says(self, messages: Sequence[Message]) -> str:
        """`messages` as one sentence."""
        return self.semicolon.join(self.say(m) for m in messages)

    # --- clauses ----------------------------------------------------------------------------

    def clause(self, conclusion: Conclusion) -> Clause:
        """The clause of `conclusion`; one that the results do not hold is marked as unknown."""
        known = self.clauses.get((conclusion.catalog, conclusion.clause))
        return known or Clause(
            catalog=conclusion.catalog, id=conclusion.clause, unit=conclusion.unit,
            confidence="unknown",
        )  # fmt: skip

    def layer(self, clause: Clause) -> str:
        """The name of the layer that `clause` belongs to."""
        name = (clause.layer if self.zh else clause.layer_en) or clause.layer
        return name or self.text("Other items")

    def control_point(self, clause: Clause) -> str:
        """The control point of `clause`."""
        return (clause.control_point if self.zh else clause.control_point_en) or (
            clause.control_point
        )

    def unverified(self, clause: Clause) -> str:
        """The note that a clause carries unless its row was read in a source; else empty."""
        if clause.confidence == "read":
            return ""
        return self.say(msg("Unverified ({confidence})", confidence=clause.confidence))

    def item(self, clause: Clause) -> tuple[str, ...]:
        """The item as lines: its id and unit code, its gist, and whether it is unverified."""
        gist = (clause.gist if self.zh else clause.gist_en) or clause.gist
        note = self.unverified(clause)
        head = f"{clause.id}  {clause.unit}" if clause.unit else clause.id
        return tuple(line for line in (head, gist, f"※ {note}" if note else "") if line)

    # --- objects ----------------------------------------------------------------------------

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

    def tally(self, counts: Counts) -> str:
        """`counts` in one line."""
        return self.semicolon.join(f"{self.result(r)} {counts[r]}" for r in Result)

    # --- evidence ---------------------------------------------------------------------------

    def evidence_number(self, index: int) -> str:
        """The number of the observation at `index` (from 1)."""
        return f"E{index:0{self._digits}d}"

    def evidence_indexes(self, findings: Iterable[Finding]) -> list[int]:
        """Where the observations that `findings` rest on stand in the index (from 1)."""
        return [self._evidence[d] for f in findings for d in f.evidence if d in self._evidence]

    def evidence_text(self, findings: Sequence[Finding]) -> str:
        """The numbers of the observations, runs drawn together; unknown digests in full."""
        parts = [
            self.evidence_number(first) + (f"–{self.evidence_number(last)}" if last > first else "")
            for first, last in _runs(self.evidence_indexes(findings))
        ]
        lost = {d for f in findings for d in f.evidence if d not in self._evidence}
        parts += [self.say(msg("{digest} (not in the index)", digest=d)) for d in sorted(lost)]
        return self.comma.join(parts)

    # --- records ----------------------------------------------------------------------------

    def findings_of(self, conclusion: Conclusion) -> list[Finding]:
        """The findings that `conclusion` rests on."""
        return [self.findings[id] for id in conclusion.findings if id in self.findings]

    def reason(self, finding: Finding) -> str:
        """Why `finding` is not determined or not applicable, its code in words first."""
        known = _REASONS.get(finding.why)
        code = self.say(known) if known else finding.why
        return self.semicolon.join(part for part in (code, self.says(finding.said)) if part)

    def seen(self, finding: Finding) -> str:
        """What was seen and expected, as a record states it."""
        said = self.says(finding.said) or self.text("no value was recorded")
        if finding.verdict is Verdict.UNDETERMINED:
            body = self.say(msg("not determined because: {why}", why=self.reason(finding)))
        elif finding.verdict is Verdict.NOT_APPLICABLE:
            why = self.says(finding.said) or self._no_reason()
            body = self.say(msg("not applicable because: {why}", why=why))
        else:
            body = said
        if finding.expected is None:
            return body
        expected = self.say(finding.expected)
        return body + self.semicolon + self.say(msg("expected: {expected}", expected=expected))

    def _no_reason(self) -> str:
        return self.text("NO REASON RECORDED: write it before handing this over")

    def _line(self, finding: Finding, object: str) -> str:
        part = "" if finding.target == object else f"[{finding.target}] "
        mark = f"{self.verdict(finding.verdict)} · {finding.check}"
        return f"{part}{self.seen(finding)} " + (f"〔{mark}〕" if self.zh else f"[{mark}]")

    def record(self, conclusion: Conclusion) -> tuple[str, ...]:
        """The result record (结果记录): what was seen, why, and what a person has to bring."""
        # The worst first: a row has a greatest height, and paper ends there.
        found = sorted(self.findings_of(conclusion), key=lambda f: _ORDER[f.verdict])
        lines = [self._line(f, conclusion.target) for f in found]
        lines += [
            self.say(msg("Finding {id} is not among the results", id=id))
            for id in conclusion.findings
            if id not in self.findings
        ]
        lines += [self.say(msg("Note: {note}", note=self.say(m))) for m in conclusion.why]
        lines += self._reason_demanded(conclusion)
        lines += self._asked_of_people(conclusion)
        return tuple(lines) or (self.text("NOTHING RECORDED: this result rests on nothing seen"),)

    def _reason_demanded(self, conclusion: Conclusion) -> list[str]:
        if conclusion.conclusion is not Result.NOT_APPLICABLE or conclusion.why:
            return []
        reasons = [f.said for f in self.findings_of(conclusion)
                   if f.verdict is Verdict.NOT_APPLICABLE]  # fmt: skip
        return [] if any(reasons) else [self._no_reason()]

    def _asked_of_people(self, conclusion: Conclusion) -> list[str]:
        wanted = self.to_bring(conclusion)
        lines = [self.say(msg("To be brought: {what}", what=what)) for what in wanted]
        if conclusion.conclusion is Result.NOT_ASSESSED and not conclusion.findings:
            lines.insert(0, self.text("Not assessed: no check covers this item"))
        return lines

    def to_bring(self, conclusion: Conclusion) -> list[str]:
        """What a person has to bring; never empty for what was not assessed."""
        wanted = [self.say(m) for m in conclusion.missing]
        if wanted or conclusion.conclusion is not Result.NOT_ASSESSED:
            return wanted
        clause = self.clause(conclusion)
        methods = self.comma.join(self.say(_METHODS[m]) for m in clause.methods if m in _METHODS)
        return [
            self.say(
                msg(
                    "a record by a person ({methods}) on: {objects}",
                    methods=methods or self.text("method as the standard says"),
                    objects=clause.objects or conclusion.target,
                )
            )
        ]

    # --- assets and observations --------------------------------------------------------------

    def parts_of(self, id: str) -> list[Target]:
        """The targets that are parts of `id`."""
        return [t for t in self.results.targets if t.parent == id]

    def observation(self, index: int) -> Evidence:
        """The observation at `index` (from 1)."""
        return self.results.observations[index - 1]


def rank(severity: Severity) -> int:
    """0 for the highest severity."""
    return _RANKS[severity]
