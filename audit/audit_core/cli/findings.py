"""Findings as a person reads them: each problem once, with the targets that have it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from audit_core.cli.context import Context
from audit_core.cli.output import Colored, print_table
from audit_core.cli.system import NAMES
from audit_core.model import Conclusion, CutList, Finding, Severity, Verdict, as_is, msg
from audit_core.model.errors import UsageError
from audit_core.model.results import Results
from audit_core.policy.input_errors import nearest
from audit_core.policy.model import Binding
from audit_core.views.results_view import joined

_ORDER = (Verdict.FAIL, Verdict.UNDETERMINED, Verdict.PASS, Verdict.NOT_APPLICABLE)
_SEVERITIES = tuple(sorted(Severity, key=lambda s: s.rank))
_DETAILS = 3
"""How many different details of one problem are shown."""
_NAMES = 5
"""How many targets are named beside each detail."""


class Filter(Struct, frozen=True, kw_only=True):
    """Which findings and conclusions are shown. An empty field excludes nothing.

    `checks` are those that were named and speak to the wanted clauses, None for all.
    """

    targets: frozenset[str] = frozenset()
    clauses: frozenset[str] = frozenset()
    checks: frozenset[str] | None = None
    severities: frozenset[str] = frozenset()
    verdicts: frozenset[str] = frozenset()

    def finding(self, f: Finding) -> bool:
        """Whether the filters of the command line select the finding `f`."""
        return (
            _allows(self.targets, f.target)
            and (self.checks is None or f.check in self.checks)
            and _allows(self.severities, f.severity)
            and _allows(self.verdicts, f.verdict)
        )

    def conclusion(self, c: Conclusion) -> bool:
        """Whether the filters of the command line select the conclusion `c`."""
        return _allows(self.targets, c.target) and _allows(self.clauses, c.clause)


def _allows(wanted: frozenset[str], value: str) -> bool:
    return not wanted or value in wanted


def filter_of(args: argparse.Namespace, results: Results, bindings: Iterable[Binding]) -> Filter:
    """What the options of `results` ask for; raises UsageError for an id that is not there."""
    states = {s.target: s.state.value for s in results.statuses}
    named = set(_known("--target", args.target, [t.id for t in results.targets]))
    clauses = frozenset(_known("--clause", args.clause, [c.id for c in results.clauses]))
    targets = named or set(states)
    if args.status:
        targets &= {id for id, state in states.items() if state in args.status}
    return Filter(
        # a status that no target has leaves no finding
        targets=frozenset(targets or {""}) if named or args.status else frozenset(),
        clauses=clauses,
        checks=_checks(args.check, clauses, results, bindings),
        severities=frozenset(args.severity),
        verdicts=frozenset(args.verdict),
    )


def _checks(
    given: Iterable[str], clauses: frozenset[str], results: Results, bindings: Iterable[Binding]
) -> frozenset[str] | None:
    named = frozenset(_known("--check", given, [c.id for c in results.checks]))
    if not clauses:
        return named or None
    bound = frozenset(b.check for b in bindings if b.clause in clauses)
    return bound & named if named else bound


def _known(option: str, given: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    there = dict.fromkeys(known)
    for word in given:
        if word not in there:
            raise UsageError(
                msg("{option} {word}: not in these results{hint}",
                    option=option, word=repr(word), hint=nearest(word, there))
            )  # fmt: skip
        yield word


class Problem:
    """A check with one verdict. Bounded, however many targets have it."""

    def __init__(self) -> None:
        self.count = 0
        self.details: dict[str, tuple[int, list[str]]] = {}

    def add(self, detail: str, target: str) -> None:
        """Counts one finding with this detail, and keeps a few details and targets to print."""
        self.count += 1
        if detail not in self.details and len(self.details) == _DETAILS:
            return
        count, names = self.details.get(detail, (0, []))
        self.details[detail] = (count + 1, names if count >= _NAMES else [*names, target])

    @property
    def others(self) -> int:
        """The number of targets whose detail is not shown."""
        return self.count - sum(count for count, _ in self.details.values())


Key = tuple[int, int, str]
"""Verdict and severity, the worst first, and the check."""


def print_findings(context: Context, results: Results, wanted: Filter) -> None:
    """The findings and conclusions that `wanted` leaves, each problem once, the worst first."""
    if wanted.clauses:
        _conclusions(context, results, wanted)
    problems, text = _problems(context, results, wanted), context.text
    titles = {c.id: context.translator.say(c.title) for c in results.checks}
    rows = [
        row
        for key, problem in sorted(problems.items(), key=lambda pair: pair[0])
        for row in _rows(context, key, titles, problem)
    ]
    count = sum(problem.count for problem in problems.values())
    title = text("Findings: {count}, grouped by check: {groups}", count=count, groups=len(problems))
    heads = [text("verdict"), text("severity"), text("check"), text("targets"), text("detail")]
    print_table(title, heads, rows)


def _problems(context: Context, results: Results, wanted: Filter) -> dict[Key, Problem]:
    translate, found = context.translator.say, dict[Key, Problem]()
    for f in results.findings:
        if wanted.finding(f):
            key = (_ORDER.index(f.verdict), f.severity.rank, f.check)
            detail = joined(f.details, translate, context.lang)
            found.setdefault(key, Problem()).add(detail, f.target)
    return found


def _rows(
    context: Context, key: Key, titles: Mapping[str, str], problem: Problem
) -> Iterator[tuple[str, ...]]:
    verdict, severity, check = key
    code = _SEVERITIES[severity].value
    code_text = context.code(code)
    head = (
        context.code(_ORDER[verdict].value),
        Colored(code_text, code) if _ORDER[verdict] is Verdict.FAIL else code_text,
        f"{check}: {titles.get(check, '')}",
    )
    for detail, (count, names) in problem.details.items():
        more = count - len(names)
        few = CutList(items=tuple(names), more=more) if more else tuple(names)
        yield (*head, context.translator.say(as_is(few)), detail)
        head = ("", "", "")
    if problem.others:
        yield (*head, f"+{problem.others}", context.text("other details: --format json"))


def _conclusions(context: Context, results: Results, wanted: Filter) -> None:
    text, translate = context.text, context.translator.say
    rows = [
        (c.clause, c.target, translate(NAMES[c.conclusion]),
         " … ".join(translate(NAMES[r]) for r in c.range), joined(c.why, translate, context.lang))
        for c in results.conclusions
        if wanted.conclusion(c)
    ]  # fmt: skip
    heads = [text("clause"), text("target"), text("conclusion"), text("range"), text("why")]
    print_table(text("Conclusions: {count}", count=len(rows)), heads, rows)
