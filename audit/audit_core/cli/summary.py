"""What a person reads at the end of a run: counts per layer, the worst findings."""

from __future__ import annotations

from collections import Counter

from audit_core.cli.context import Context
from audit_core.cli.output import print_table, say
from audit_core.model import Finding, Result, Severity, Verdict
from audit_core.results import Results
from audit_core.views import DISCLAIMER, joined

_WORST = 12
_ORDER = tuple(Result)
NAMES = {
    Result.CONFORMING: "conforming",
    Result.PARTLY_CONFORMING: "partly",
    Result.NONCONFORMING: "nonconforming",
    Result.NOT_APPLICABLE: "n/a",
    Result.NOT_ASSESSED: "not assessed",
}
_RANK = {Severity.HIGH: 0, Severity.MEDIUM: 1, Severity.LOW: 2}


def print_summary(context: Context, results: Results) -> None:
    """The counts per layer, the findings, the worst of them, and what could not be seen."""
    _layers(context, results)
    _findings(context, results)
    _blind(context, results)
    say(context.text(DISCLAIMER))
    say(context.text("Run: {id}", id=results.run.id))


def _layers(context: Context, results: Results) -> None:
    layer_of = {(c.catalog, c.id): c for c in results.clauses}
    counts: dict[str, Counter[Result]] = {}
    for c in results.conclusions:
        clause = layer_of[(c.catalog, c.clause)]
        name = clause.layer if context.lang == "zh" else clause.layer_en or clause.layer
        counts.setdefault(name, Counter())[c.conclusion] += 1
    order = dict.fromkeys(
        c.layer if context.lang == "zh" else c.layer_en or c.layer for c in results.clauses
    )
    rows = [(n, *(counts[n][r] for r in _ORDER)) for n in order if n in counts]
    total = sum(counts.values(), Counter[Result]())
    rows.append((context.text("total"), *(total[r] for r in _ORDER)))
    heads = [context.text("layer"), *(context.text(NAMES[r]) for r in _ORDER)]
    title = results.title if context.lang == "zh" else results.title_en or results.title
    print_table(title, heads, rows, right=len(_ORDER))


def worst(findings: tuple[Finding, ...]) -> list[Finding]:
    """The failed findings, worst first."""
    failed = [f for f in findings if f.verdict is Verdict.FAIL]
    return sorted(failed, key=lambda f: (_RANK[f.severity], f.target, f.check))


def _findings(context: Context, results: Results) -> None:
    failed, say_ = worst(results.findings), context.translator.say
    rows = [
        (
            context.text(f.severity.value),
            f.target,
            f.check,
            _short(joined(f.said, say_, context.lang)),
        )
        for f in failed[:_WORST]
    ]
    heads = [context.text(h) for h in ("severity", "target", "check", "seen")]
    title = context.text("Worst findings ({shown} of {count})", shown=len(rows), count=len(failed))
    if rows:
        print_table(title, heads, rows)


def _short(text: str) -> str:
    return text if len(text) <= 160 else text[:159] + "…"


def _blind(context: Context, results: Results) -> None:
    blind = [f for f in results.findings if f.verdict is Verdict.UNDETERMINED]
    if not blind:
        return
    why = Counter(f.why for f in blind)
    parts = ", ".join(f"{context.text(w)} {n}" for w, n in sorted(why.items()))
    say(context.text("Not determined: {count} ({parts})", count=len(blind), parts=parts))
    if why["not_permitted"]:
        say(
            context.text(
                "What needs root would be allowed by: dengbao plan {profile} --sudoers USER "
                "> /etc/sudoers.d/dengbao",
                profile=results.run.profile,
            )
        )
