"""The results as sheets read them: look-ups, orders and texts in the language of the pack. Pure."""

from __future__ import annotations

import datetime
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from audit_core.model import (
    Conclusion,
    Coverage,
    Finding,
    Kind,
    Message,
    ObjectType,
    Result,
    Severity,
    Status,
    Target,
    Value,
    Verdict,
    msg,
)
from audit_core.results import Clause, Evidence, PackSource
from audit_excel.sessions import session, sessions

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
_TOLD = frozenset({"inconclusive", "reason_given"})
"""Codes that add nothing: the finding says what its reason is."""

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
_IMPLIED = {
    Kind.SITE: msg("Machine room"),
    Kind.NETWORK: msg("Whole network"),
    Kind.ORGANISATION: msg("Audited organisation"),
}
_CONFIDENCES = {
    "by numbering rule": msg("number follows from the numbering rule"),
    "draft for comment, numbering may change": msg("draft for comment, numbering may change"),
    "recalled": msg("from memory"),
    "unverified": msg("source not read"),
    "unknown": msg("not in the catalog"),
}
_STATUSES = {
    Status.ANSWERED: msg("answered"),
    Status.NOT_PRESENT: msg("not there"),
    Status.NOT_PERMITTED: msg("not permitted"),
    Status.NOT_REGULAR: msg("not a regular file"),
    Status.CHANGED: msg("changed while it was read"),
    Status.TIMED_OUT: msg("timed out"),
    Status.UNREACHABLE: msg("not reachable"),
    Status.NO_REPLY: msg("no reply"),
    Status.MALFORMED: msg("malformed reply"),
    Status.FAULT: msg("fault in the tool"),
    Status.UNSUPPORTED: msg("not supported on this platform"),
}
_ASKED = {
    "command": msg("Command"),
    "file": msg("File"),
    "probe": msg("Probe over the network"),
}
_RIGHTS = {"user": msg("login user"), "root": msg("root")}
_METHODS = {
    "interview": msg("interview"),
    "examine": msg("examine"),
    "test": msg("test"),
}

Counts = dict[Result, int]
ClauseKey = tuple[str, str]

_EMPTY: tuple[Value, ...] = ((), None, "-", ("-",))

FEW = 4
"""Items of a list that a record shows; the check results have them all."""

SHORT = 160
"""Characters of one value that a record shows; the check results have them all."""

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z")
_BEIJING = datetime.timezone(datetime.timedelta(hours=8))


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


def _turned(parts: dict[str, list[str]]) -> dict[tuple[str, ...], tuple[str, ...]]:
    turned: dict[tuple[str, ...], tuple[str, ...]] = {}
    for part, checks in parts.items():
        key = tuple(checks)
        turned[key] = (*turned.get(key, ()), part)
    return turned


class View:
    """Look-ups over one source. Objects and clauses keep the order of the results."""

    def __init__(self, source: PackSource) -> None:
        results = source.results
        self.source, self.results, self.run = source, results, results.run
        self.text = source.text
        self.zh = source.lang == "zh"
        self.clauses = {(c.catalog, c.id): c for c in results.clauses}
        self.targets = {t.id: t for t in results.targets}
        self.checks = {c.id: c for c in results.checks}
        self.findings = {f.id: f for f in results.findings}
        self._evidence = {o.digest: n for n, o in enumerate(results.observations, 1)}
        self._digits = max(5, len(str(len(results.observations))))
        self.by_object, self.by_layer = self._grouped()
        self._looked = self._by_whole()
        self._names = self._named()

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

    def _by_whole(self) -> dict[str, list[Evidence]]:
        # What was seen of a part was seen of the object that it belongs to.
        looked: dict[str, list[Evidence]] = defaultdict(list)
        for seen in self.results.observations:
            target = self.targets.get(seen.target)
            whole = target.parent if target and target.parent else seen.target
            looked[whole].append(seen)
        return dict(looked)

    def _named(self) -> dict[str, str]:
        # Site, network and organisation are there without having been declared: under their kind.
        words = {k.value: self.say(m) for k, m in _IMPLIED.items()}
        free = {id: word for id, word in words.items() if word not in self.targets}
        return {id: w for id, w in free.items() if id in self.targets}

    # --- words ------------------------------------------------------------------------------

    def say(self, message: Message) -> str:
        """`message` in the pack's language; what is empty is `none`, never a bare dash."""
        empty = {name: self.text("none") for name, v in message.args.items() if v in _EMPTY}
        return self.source.say(replace(message, args=message.args | empty) if empty else message)

    def name(self, id: str) -> str:
        """The object `id` as people call it; ids that nobody gave are shown as a word."""
        return self._names.get(id, id)

    def moment(self, text: str) -> str:
        """A time of the results without the marks of ISO 8601; whatever else, as it stands."""
        hit = _MOMENT.fullmatch(text)
        return f"{hit[1]} {hit[2]}" if hit else text

    def local_moment(self, text: str) -> str:
        """A time of the results in UTC; in Chinese with the time in Beijing beside it."""
        if not self.zh or not _MOMENT.fullmatch(text):
            return self.moment(text)
        try:
            there = datetime.datetime.fromisoformat(text).astimezone(_BEIJING)
        except (ValueError, OverflowError):
            return self.moment(text)
        return f"{self.moment(text)}（北京时间 {there:%Y-%m-%d %H:%M:%S}）"

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

    def status(self, seen: Evidence) -> str:
        """How asking ended, in words."""
        known = {s.value: m for s, m in _STATUSES.items()}.get(seen.status)
        return self.say(known) if known else seen.status

    def asked(self, seen: Evidence) -> str:
        """What kind of question it was, in words."""
        return self.say(_ASKED[seen.kind]) if seen.kind in _ASKED else seen.kind

    def rights(self, seen: Evidence) -> str:
        """With which rights it was asked, in words."""
        if seen.kind == "probe":
            return self.text("over the network")
        return self.say(_RIGHTS[seen.privilege]) if seen.privilege in _RIGHTS else seen.privilege

    def listed(self, value: object) -> str:
        """A setting or a parameter as text: lists as lists are written, whole numbers whole."""
        if isinstance(value, list | tuple | set | frozenset):
            return self.comma.join(self.listed(v) for v in value) or self.text("none")
        if isinstance(value, bool):
            return self.text("yes") if value else self.text("no")
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        return str(value) if isinstance(value, str | int | float) else repr(value)

    def says(self, messages: Sequence[Message]) -> str:
        """`messages` as one sentence."""
        return self.semicolon.join(self.say(m) for m in messages)

    def _brief(self, message: Message) -> Message:
        return replace(message, args={n: self._cut(v) for n, v in message.args.items()})

    def _cut(self, value: Value) -> Value:
        if isinstance(value, tuple) and len(value) > FEW + 1:
            rest = msg("… {count} in all", count=len(value))
            return (*value[:FEW], self.source.say(rest))
        if isinstance(value, str) and len(value) > SHORT:
            return value[: SHORT * 3 // 4] + "…"
        return value

    # --- clauses ----------------------------------------------------------------------------

    def methods(self, clause: Clause) -> str:
        """By which methods a person assesses `clause`, in words; empty where nothing says it."""
        return self.comma.join(self.say(_METHODS[m]) for m in clause.methods if m in _METHODS)

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
        known = _CONFIDENCES.get(clause.confidence)
        how = self.say(known) if known else clause.confidence
        return self.say(msg("Unverified ({confidence})", confidence=how))

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

    def seen_over(self, id: str) -> tuple[str, ...]:
        """Over which sessions, as whom and when `id` and its parts were looked at."""
        lines = sessions(self._looked.get(id, ()), self.moment, self.say)
        return lines or (self.text("Nothing was seen of this object itself in this run"),)

    def session(self, seen: Evidence) -> str:
        """Over which session it was asked, in words."""
        return session(seen.how, self.say)

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

    def evidence_lines(self, findings: Sequence[Finding]) -> tuple[str, ...]:
        """The numbers of the observations, runs drawn together; unknown digests in full."""
        parts = [
            self.evidence_number(first) + (f"–{self.evidence_number(last)}" if last > first else "")
            for first, last in _runs(self.evidence_indexes(findings))
        ]
        lost = {d for f in findings for d in f.evidence if d not in self._evidence}
        parts += [self.say(msg("{digest} (not in the index)", digest=d)) for d in sorted(lost)]
        return tuple(parts)

    # --- records ----------------------------------------------------------------------------

    def findings_of(self, conclusion: Conclusion) -> list[Finding]:
        """The findings that `conclusion` rests on."""
        return [self.findings[id] for id in conclusion.findings if id in self.findings]

    def reason(self, finding: Finding) -> str:
        """Why `finding` is not determined, its code in words first."""
        known = _REASONS.get(finding.why)
        code = self.say(known) if known else "" if finding.why in _TOLD else finding.why
        return self.semicolon.join(part for part in (code, self.says(finding.said)) if part)

    def brief(self, finding: Finding) -> Finding:
        """`finding` with long lists cut: never what was seen of a failure, always the demand.

        What did not fail leaves a demand that is too long to state to the check results.
        """
        expected = self._brief(finding.expected) if finding.expected else None
        whole = finding.verdict is Verdict.FAIL
        if expected != finding.expected and not whole:
            expected = None
        said = finding.said if whole else tuple(self._brief(m) for m in finding.said)
        return replace(finding, said=said, expected=expected)

    def seen(self, finding: Finding) -> str:
        """What was seen and expected, as a record states it."""
        if finding.verdict is Verdict.UNDETERMINED:
            body = self.say(msg("not determined because: {why}", why=self.reason(finding)))
        elif finding.verdict is Verdict.NOT_APPLICABLE:
            why = self.says(finding.said) or self._no_reason()
            return self.say(msg("not applicable because: {why}", why=why))
        else:
            body = self.said(finding)
        if finding.expected is None:
            return body
        expected = self.say(finding.expected)
        return body + self.semicolon + self.say(msg("expected: {expected}", expected=expected))

    def said(self, finding: Finding) -> str:
        """What was seen, or that no value was recorded."""
        return self.says(finding.said) or self.text("no value was recorded")

    def problem(self, finding: Finding) -> tuple[str, ...]:
        """The deviation as a problem statement: what was seen, which demand it does not meet."""
        brief = self.brief(finding)
        check = self.checks.get(finding.check)
        title = self.say(msg(check.title)).rstrip(".。") if check else finding.check
        unmet = msg('It does not meet: "{title}"', title=title)
        if brief.expected is not None:
            unmet = msg('It does not meet: "{title}" (expected: {expected})', title=title,
                        expected=self.say(brief.expected))  # fmt: skip
        return self.say(msg("Seen: {said}.", said=self.said(brief))), self.say(unmet)

    def _no_reason(self) -> str:
        return self.text("NO REASON RECORDED: write it before handing this over")

    def _lines(self, findings: Iterable[Finding], object: str) -> list[str]:
        """A line for each finding; findings that say the same share one, of several parts too."""
        alike: dict[tuple[str, str], dict[str, list[str]]] = {}
        for f in findings:
            parts = alike.setdefault((self.seen(self.brief(f)), self.verdict(f.verdict)), {})
            parts.setdefault("" if f.target == object else f.target, []).append(f.check)
        lines = []
        for (said, verdict), parts in alike.items():
            for checks, targets in _turned(parts).items():
                of = f"[{self.comma.join(targets)}] " if targets != ("",) else ""
                mark = f"{verdict} · {self.comma.join(checks)}"
                lines.append(of + (f"{said} 〔{mark}〕" if self.zh else f"{said} [{mark}]"))
        return lines

    def record(self, conclusion: Conclusion) -> tuple[str, ...]:
        """The result record (结果记录): what was seen, why, and what a person has to bring."""
        return (*self.seen_lines(conclusion), *self.open_lines(conclusion)) or (
            self.text("NOTHING RECORDED: this result rests on nothing seen"),
        )

    def seen_lines(self, conclusion: Conclusion) -> tuple[str, ...]:
        """What its findings saw, the worst first: a row has a greatest height."""
        found = sorted(self.findings_of(conclusion), key=lambda f: _ORDER[f.verdict])
        return tuple(self._lines(found, conclusion.target))

    def failed_lines(self, conclusion: Conclusion) -> int:
        """How many of the first lines are about what failed."""
        failed = [f for f in self.findings_of(conclusion) if f.verdict is Verdict.FAIL]
        return len(self._lines(failed, conclusion.target))

    def open_lines(self, conclusion: Conclusion) -> tuple[str, ...]:
        """What follows the findings: why it is so concluded, and what a person has to bring."""
        lines = [
            self.say(msg("Finding {id} is not among the results", id=id))
            for id in conclusion.findings
            if id not in self.findings
        ]
        lines += [self.say(msg("Note: {note}", note=self.say(m))) for m in conclusion.why]
        lines += self._reason_demanded(conclusion)
        lines += self._asked_of_people(conclusion)
        return tuple(lines)

    def _reason_demanded(self, conclusion: Conclusion) -> list[str]:
        if conclusion.conclusion is not Result.NOT_APPLICABLE or conclusion.why:
            return []
        reasons = [f.said for f in self.findings_of(conclusion)
                   if f.verdict is Verdict.NOT_APPLICABLE]  # fmt: skip
        return [] if any(reasons) else [self._no_reason()]

    def _asked_of_people(self, conclusion: Conclusion) -> list[str]:
        wanted = self.to_bring(conclusion)
        lines = [self.say(msg("To be brought: {what}", what=what)) for what in wanted]
        if conclusion.conclusion is Result.NOT_ASSESSED and not (
            conclusion.findings or conclusion.why
        ):
            lines.insert(0, self.text("Not assessed: no check covers this item"))
        return lines

    def to_bring(self, conclusion: Conclusion) -> list[str]:
        """What a person has to bring; never empty for what was not assessed."""
        wanted = [self.say(m) for m in conclusion.missing]
        if wanted or conclusion.conclusion is not Result.NOT_ASSESSED:
            return wanted
        clause = self.clause(conclusion)
        methods = self.methods(clause)
        return [
            self.say(
                msg(
                    "a record by a person ({methods}) on: {objects}",
                    methods=methods or self.text("method as the standard says"),
                    objects=clause.objects or self.name(conclusion.target),
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
